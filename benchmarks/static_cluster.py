"""A cluster of a given size that never changes, behind TLS, and the account that it runs in: a process of its own.

python -m benchmarks.static_cluster --pods 10000 --namespaces 40 --nodes 250

It prints one line of JSON (where it listens, whom to trust), answers each line on its input with what was asked for
since the line before, and ends with its input. Small objects are those of the doubles' cluster `prod`; the many are
made from `objects/`, which are answers of a genuine API server, with managed fields, and so of real size. An answer is
made once and kept: the server's own work is no part of what is measured.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import re
import ssl
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import trustme

from tests.doubles.aws_server import AwsServer
from tests.doubles.fleet import CREDENTIALS, SERVICES
from tests.doubles.http_server import HttpServer, Request, Response
from tests.doubles.kubernetes_cluster import KubernetesCluster, continuation, encoded, plural
from tests.doubles.scenario import Scenario, load_scenario

REGION = "eu-west-1"
OBJECTS = Path(__file__).parent / "objects"
_NEVER = uuid.UUID("7b0a3c2e-6f5d-4c58-9a53-0f4f0f5f1d11")
_JSON = {"Content-Type": "application/json"}
_REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
# Images of `prod`, for which its account has answers.
IMAGES = (
    (f"{_REGISTRY}/payments/api", "2.9.1", "8d2cf8f2c8948721b8b014ec2c6e49991ff634fd25096599358a692755a561ad"),
    (f"{_REGISTRY}/shop/postgres", "17.2", "103a339e6807d77e079a84a9f0862d6b46053f9224de3f64b446cdd6e487720c"),
    (f"{_REGISTRY}/shop/web", "5.2.0", "7407cdc12f93334769406b6f44e2b0dc3348fd9f766c67bd60db3a366ad66e75"),
)
ELSEWHERE = ("docker.io/library/nginx", "latest", "9d6b58feebd2dbd3c56ab5853333d627cc6e281011cfd6050fa4bcf2072c9496")
_TAKES_LATEST, _ON_THE_HOST = 7, 11
_MEMBER = re.compile(rb"member-\d{4}")
_TEAM = re.compile(r"team-(\d{4})")
_METADATA_ONLY = "PartialObjectMetadataList"


class Size(NamedTuple):
    """How many of what there are, beside the two dozen objects of each kind that `prod` has."""

    pods: int
    namespaces: int = 40
    nodes: int = 250

    @property
    def deployments(self) -> int:
        """As clusters have them: one for three pods."""
        return self.pods // 3


class Many(NamedTuple):
    """A kind with many objects, made one by one when a page is asked for; in the server's order, by their number."""

    api_version: str
    kind: str
    total: int
    make: Callable[[int], str]


def many_of(size: Size) -> dict[tuple[str, str], Many]:
    """(apiVersion, resource) → the kinds of which there are many."""

    def namespace(number: int, of: int) -> str:
        return f"team-{number * size.namespaces // of:04}"

    def made(template: str, name: str, **values: str) -> str:
        text = _TEMPLATES[template].replace("${name}", name)
        for key, value in {"uid": str(uuid.uuid5(_NEVER, f"{template}/{name}")), **values}.items():
            text = text.replace(f"${{{key}}}", value)
        return text

    def pod(number: int) -> str:
        name = f"service-{number // 3:06}"
        values = {"namespace": namespace(number, size.pods), "node": f"ip-10-{number % size.nodes}", "app": name}
        text = made("pod", f"{name}-5d4b8c7f9-{number % 3}", **values)
        # Some are not as they should be: findings with offenders, and more of them than a sample holds.
        repository, tag, digest = ELSEWHERE if number % 50 == _TAKES_LATEST else IMAGES[number // 3 % len(IMAGES)]
        text = text.replace("${image}", f"{repository}:{tag}").replace("${image_id}", f"{repository}@sha256:{digest}")
        if number % 50 == _TAKES_LATEST:
            text = text.replace('"requests":{"cpu":"100m",', '"requests":{')
        if number % 97 == _ON_THE_HOST:
            text = text.replace('"securityContext":{}', '"securityContext":{},"hostPID":true,"hostNetwork":true', 1)
        return text

    def in_namespace(template: str, of: int) -> Callable[[int], str]:
        return lambda number: made(template, f"service-{number:06}", namespace=namespace(number, of))

    certificates, services = max(1, size.pods // 100), max(1, size.pods // 10)
    every = (
        Many("v1", "Pod", size.pods, pod),
        Many("apps/v1", "Deployment", size.deployments, in_namespace("deployment", size.deployments)),
        Many("v1", "Service", services, in_namespace("service", services)),
        Many("cert-manager.io/v1", "Certificate", certificates, in_namespace("certificate", certificates)),
        Many("v1", "Node", size.nodes, lambda number: made("node", f"ip-10-{number}")),
        Many("v1", "Namespace", size.namespaces, lambda number: made("namespace", f"team-{number:04}")),
        # Each namespace has one, whoever made it.
        Many("v1", "ServiceAccount", size.namespaces, in_namespace("serviceaccount", size.namespaces)),
    )
    return {(each.api_version, f"{each.kind.lower()}s"): each for each in every}


_TEMPLATES = {
    path.stem: json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
    for path in OBJECTS.glob("*.json")
}


class StaticCluster:
    """Answers GETs. `asked` counts requests by path, `sent` the bytes of their bodies as they went over the wire."""

    def __init__(self, scenario: Scenario, size: Size) -> None:
        self._small = KubernetesCluster(scenario)
        self._size = size
        self._many = many_of(size)
        self._kept: dict[tuple[str, str, bool], Response] = {}
        self._lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.sent = 0

    def answer(self, request: Request) -> Response:
        """One answer; made when it is first asked for."""
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        accept = request.headers.get("Accept", "")
        key = request.target, accept, packed
        response = self._kept.get(key)
        if response is None:
            status, body = self._made(request.target, accept)
            headers = {**_JSON, "Content-Encoding": "gzip"} if packed else _JSON
            # Level 1, as API servers do: https://github.com/kubernetes/kubernetes/pull/112299
            response = Response(status, headers, gzip.compress(body, 1) if packed else body)
            self._kept[key] = response
        with self._lock:
            self.asked[urlsplit(request.target).path] += 1
            self.sent += len(response.body)
        return response

    def _made(self, target: str, accept: str) -> tuple[int, bytes]:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        segments = parts.path.strip("/").split("/")
        named = 2 if segments[0] == "api" else 3
        version, rest = "/".join(segments[1:named]), segments[named:]
        match rest:
            case [resource] if (version, resource) in self._many:
                return 200, self._list(self._many[version, resource], query, accept)
            case ["namespaces", namespace, resource]:
                return 200, self._in_namespace(version, namespace, resource)
            case _:
                pass
        answer = self._small.get(parts.path, query, accept)
        return answer.status, encoded(answer)

    def _list(self, many: Many, query: dict[str, str], accept: str) -> bytes:
        """Give a page: the few of `prod` come after the many, on the last page."""
        start = int(base64.urlsafe_b64decode(query["continue"]).partition(b"@")[0]) if "continue" in query else 0
        end = min(start + int(query["limit"]), many.total) if query.get("limit") else many.total
        items = [many.make(number) for number in range(start, end)]
        last = end == many.total
        if last:
            items += self._few(many)
        if _METADATA_ONLY in accept:
            items = [_metadata_of(each) for each in items]
        meta = {"resourceVersion": "104729"} | ({} if last else {"continue": continuation(end)})
        kind = _METADATA_ONLY if _METADATA_ONLY in accept else f"{many.kind}List"
        head = f'{{"kind":"{kind}","apiVersion":"{many.api_version}","metadata":{json.dumps(meta)},"items":['
        return f"{head}{','.join(items)}]}}".encode()

    def _few(self, many: Many) -> Iterator[str]:
        for each in self._small.scenario.objects:
            if (each["apiVersion"], each["kind"]) == (many.api_version, many.kind):
                yield json.dumps(each, separators=(",", ":"))

    def _in_namespace(self, version: str, namespace: str, resource: str) -> bytes:
        items = [
            json.dumps(each, separators=(",", ":"))
            for each in self._small.scenario.objects
            if (each["apiVersion"], plural(version, each["kind"])) == (version, resource)
            and each["metadata"].get("namespace") == namespace
        ]
        many = self._many.get((version, resource))
        if many is not None and (team := _TEAM.fullmatch(namespace)):
            # Those of a namespace lie side by side.
            first, last = (-(-(int(team[1]) + more) * many.total // self._size.namespaces) for more in (0, 1))
            items += map(many.make, range(first, last))
        head = f'{{"kind":"List","apiVersion":"{version}","metadata":{{"resourceVersion":"104729"}},"items":['
        return f"{head}{','.join(items)}]}}".encode()


def _metadata_of(text: str) -> str:
    metadata = json.loads(text)["metadata"]
    return json.dumps({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})


class CannedAccount(AwsServer):
    """The account: each call is answered by the double once, and from then on from what it said.

    Beside `prod` it knows `member-0000` and so on, which are the same to the letter but for their names. `elsewhere`
    replaces text in what is said of some of them.
    """

    def __init__(
        self, scenario: Scenario, delay_seconds: float, elsewhere: dict[bytes, tuple[bytes, bytes]] | None = None
    ) -> None:
        self._elsewhere = elsewhere or {}
        self._kept: dict[tuple[str, str, bytes, str], Response] = {}
        self._delay_seconds = delay_seconds
        self.answered = 0
        super().__init__({REGION: scenario})
        self.page = 100

    def _answer(self, request: Request) -> Response:
        time.sleep(self._delay_seconds)
        member = _MEMBER.search(request.target.encode() + b" " + request.body)
        if member is not None:
            name = member[0]
            target = request.target.replace(name.decode(), "prod")
            answer = self._kept_answer(request._replace(target=target, body=request.body.replace(name, b"prod")))
            said = answer.body.replace(b"cluster/prod", b"cluster/" + name)
            if name in self._elsewhere:
                said = said.replace(*self._elsewhere[name])
            return answer._replace(body=said)
        return self._kept_answer(request)

    def _kept_answer(self, request: Request) -> Response:
        scope = request.headers.get("Authorization", "").partition("Signature=")[0].partition("/")[2]
        key = request.target, request.headers.get("X-Amz-Target", ""), request.body, scope
        if key not in self._kept:
            self._kept[key] = super()._answer(request)
        self.answered += 1
        return self._kept[key]


def _never(_request: Request) -> Response:
    """Leave whoever asks waiting."""
    threading.Event().wait()
    raise AssertionError


def _complete(scenario: Scenario) -> Scenario:
    """Fill in what only others read: fields without which the typed client refuses a list, and a kind."""
    objects = []
    for each in scenario.objects:
        spec = each.get("spec", {})
        if each["kind"] in {"Deployment", "DaemonSet"} and "selector" not in spec:
            labels = spec["template"].get("metadata", {}).get("labels", {})
            objects.append({**each, "spec": {**spec, "selector": {"matchLabels": labels}}})
        else:
            objects.append(dict(each))
    scaled = ("autoscaling/v1", "HorizontalPodAutoscaler")
    return replace(scenario, objects=tuple(objects), serves=(*scenario.serves, scaled))


def serve(size: Size, *, delay_seconds: float = 0.0, hung: str = "") -> None:
    """Serve until the input ends."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    pem = authority.cert_pem.bytes()
    scenario = _complete(load_scenario("prod", now=datetime.now(UTC).replace(microsecond=0), region=REGION))
    cluster = StaticCluster(scenario, size)
    kubernetes = HttpServer(cluster.answer, context=context)
    about = {"endpoint": kubernetes.url, "certificateAuthority": {"data": base64.b64encode(pem).decode()}}
    merge = {"service": "eks", "operation": "DescribeCluster", "merge": {"cluster": about}}
    silent = HttpServer(_never, context=context)
    elsewhere = {hung.encode(): (kubernetes.url.encode(), silent.url.encode())} if hung else {}
    account = CannedAccount(scenario.changed({"aws": [merge]}), delay_seconds, elsewhere)
    environment = {
        **CREDENTIALS,
        **{f"AWS_ENDPOINT_URL_{service}": account.url for service in SERVICES},
        "AWS_ENDPOINT_URL": account.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    where: dict[str, Any] = {"url": kubernetes.url, "ca": pem.decode(), "environment": environment}
    print(json.dumps({**where, "arn": scenario.cluster.arn}), flush=True)
    for _ in sys.stdin:
        counts = {"kubernetes": dict(cluster.asked), "bytes": cluster.sent, "aws": account.answered}
        cluster.asked.clear()
        cluster.sent = account.answered = 0
        print(json.dumps({**counts, "mistakes": account.mistakes}), flush=True)
        account.mistakes.clear()
    account.close()
    kubernetes.close()
    silent.close()


def main() -> None:
    """Serve what the command line says."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pods", type=int, default=1_000)
    options.add_argument("--namespaces", type=int, default=40)
    options.add_argument("--nodes", type=int, default=250)
    options.add_argument("--delay-ms", type=float, default=0.0, help="added to each answer of AWS")
    options.add_argument("--hung", default="", help="the member whose endpoint takes requests and never answers")
    chosen = options.parse_args()
    size = Size(chosen.pods, chosen.namespaces, chosen.nodes)
    serve(size, delay_seconds=chosen.delay_ms / 1000, hung=chosen.hung)


if __name__ == "__main__":
    main()
