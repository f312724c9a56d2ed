"""A Kubernetes API over TLS, with an authority of its own; faults can be put before its answers."""

from __future__ import annotations

import base64
import gzip
import json
import ssl
from collections.abc import Callable
from urllib.parse import parse_qs, parse_qsl, urlsplit

import trustme

from tests.doubles.http_server import HttpServer, Request, Response
from tests.doubles.kubernetes_cluster import KubernetesCluster, encoded
from tests.doubles.scenario import Scenario

Fault = Callable[[Request], Response | None]
_JSON = {"Content-Type": "application/json"}


class KubernetesServer:
    """Serves one scenario. `fault` may answer in its place; `requests` remembers every target that was asked for."""

    def __init__(self, scenario: Scenario, *, fault: Fault | None = None) -> None:
        self.cluster = KubernetesCluster(scenario)
        self.fault = fault
        self.requests: list[str] = []
        self.tokens: list[str] = []
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self.ca_pem = authority.cert_pem.bytes()
        self._server = HttpServer(self._answer, context=context)
        self.url = self._server.url

    @property
    def ca_data(self) -> str:
        """The authority as EKS and kubeconfigs give it."""
        return base64.b64encode(self.ca_pem).decode()

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _answer(self, request: Request) -> Response:
        self.requests.append(request.target)
        if self.fault is not None and (instead := self.fault(request)) is not None:
            return instead
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.tokens.append(token)
        cluster = self.cluster.scenario.cluster
        if not token_names(token, cluster.region):
            return status_response(401, "Unauthorized")
        parts = urlsplit(request.target)
        answer = self.cluster.get(parts.path, dict(parse_qsl(parts.query)), request.headers.get("Accept", ""))
        return compressed(Response(answer.status, _JSON, encoded(answer)), request)


def compressed(response: Response, request: Request) -> Response:
    """The response as gzip, if that was asked for."""
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return response
    return Response(response.status, {**response.headers, "Content-Encoding": "gzip"}, gzip.compress(response.body, 1))


def status_response(code: int, message: str, *, headers: dict[str, str] | None = None) -> Response:
    """A refusal as the API server words it."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code}
    return Response(code, {**_JSON, **(headers or {})}, json.dumps(body).encode())


def token_names(token: str, region: str) -> bool:
    """Whether a token is a presigned GetCallerIdentity of the region's STS whose signature covers a cluster's name.

    What aws-iam-authenticator checks before it sends the URL on; the signature itself only STS can verify.
    Source: https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
    """
    encoded_url = token.removeprefix("k8s-aws-v1.")
    try:
        parts = urlsplit(base64.urlsafe_b64decode(encoded_url + "=" * (-len(encoded_url) % 4)).decode())
    except ValueError:
        return False
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    return (
        token.startswith("k8s-aws-v1.")
        and parts.scheme == "https"
        and parts.netloc.startswith(f"sts.{region}.")
        and query.get("Action") == "GetCallerIdentity"
        and "x-k8s-aws-id" in query.get("X-Amz-SignedHeaders", "").split(";")
        and int(query.get("X-Amz-Expires", "0")) <= 900
    )
