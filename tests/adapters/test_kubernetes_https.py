"""The wire to a Kubernetes API: a real TLS server that also misbehaves."""

from __future__ import annotations

import gzip
import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Lock
from typing import Any

import msgspec
import pytest
import trustme
from kubernetes.client.configuration import Configuration

from eks_readiness.adapters import kubernetes_https
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.kubernetes_https import HttpsFetch, endpoint_is_allowed
from eks_readiness.adapters.probe import Kind
from eks_readiness.domain.errors import AccessDenied, TimedOut, Unauthenticated, UnexpectedAnswer, Unreachable
from tests.doubles.http_server import HttpServer, Request, Response
from tests.doubles.kubernetes_cluster import continuation
from tests.doubles.kubernetes_server import KubernetesServer, compressed, status_response
from tests.doubles.scenario import CASE_NOW, Scenario, load_scenario

NAMESPACES = Kind("", "namespaces")


class _Meta(msgspec.Struct):
    name: str


class _Named(msgspec.Struct):
    metadata: _Meta


def _scenario(names: int = 3) -> Scenario:
    base = load_scenario("bare", now=CASE_NOW)
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{n:04}"}} for n in range(names)]
    removed = [{"remove": {"kind": "Namespace"}}] if any(each["kind"] == "Namespace" for each in base.objects) else []
    return base.changed({"kubernetes": [*removed, {"add": objects}]})


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    """A server with 1,203 namespaces: three pages."""
    double = KubernetesServer(_scenario(1203))
    yield double
    double.close()


GOOD = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eSZYLUFtei1TaWduZWRIZWFkZXJzPWhvc3Q7eC1rOHMtYXdzLWlk"  # noqa: E501 - one token


class _Token:
    """Gives a wrong token first if it is told to."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens) or [GOOD]
        self.asked: list[bool] = []

    def __call__(self, *, fresh: bool) -> str:
        self.asked.append(fresh)
        if fresh and len(self.tokens) > 1:
            self.tokens.pop(0)
        return self.tokens[0]


def _fetch(
    server: KubernetesServer,
    *,
    token: _Token | None = None,
    seconds: float = 20,
    sleep: Callable[[float], None] = time.sleep,
) -> HttpsFetch:
    configuration = Configuration(host=server.url, ca_cert_data=server.ca_pem.decode())
    return HttpsFetch(configuration, token or _Token(), Deadline(seconds), sleep=sleep)


def test_a_list_is_read_to_its_end_page_by_page(server: KubernetesServer) -> None:
    """Three pages of at most 500, each once, over discovery's two requests."""
    found = [each.metadata.name for each in KubernetesApi(_fetch(server)).items(NAMESPACES, _Named)]
    assert found == [f"ns-{n:04}" for n in range(1203)]
    assert [target.partition("?")[0] for target in server.requests] == ["/api", "/apis", *["/api/v1/namespaces"] * 3]
    assert all("limit=500" in target and "resourceVersion" not in target for target in server.requests[2:])


def test_gzip_is_asked_for_and_understood() -> None:
    """The server sends gzip only to who asks for it."""
    seen: list[str] = []

    def fault(request: Request) -> Response | None:
        seen.append(request.headers.get("Accept-Encoding", ""))
        return None

    server = KubernetesServer(_scenario(), fault=fault)
    assert len(list(KubernetesApi(_fetch(server)).items(NAMESPACES, _Named))) == 3
    assert set(seen) == {"gzip"}
    server.close()


def test_a_server_of_another_authority_is_not_trusted(server: KubernetesServer) -> None:
    """Only the cluster's own authority counts; the failure is decided once, and no token is sent."""
    other = trustme.CA().cert_pem.bytes().decode()
    fetch = HttpsFetch(Configuration(host=server.url, ca_cert_data=other), _Token(), Deadline(10))
    for _ in range(2):
        with pytest.raises(Unreachable, match="certificate of the cluster's own authority"):
            fetch("/api", {}, "application/json")
    assert server.tokens == []


def test_a_redirect_is_not_followed(server: KubernetesServer) -> None:
    """A token must never reach a host that the cluster's endpoint points to."""
    reached: list[str] = []

    def steal(request: Request) -> Response:
        reached.append(request.target)
        return Response(200, {}, b"{}")

    with HttpServer(steal) as thief:
        server.fault = lambda _request: Response(302, {"Location": f"{thief.url}/api"}, b"")
        with pytest.raises(UnexpectedAnswer, match="302"):
            _fetch(server)("/api", {}, "application/json")
    assert reached == []


def test_a_refused_token_is_renewed_once(server: KubernetesServer) -> None:
    """One 401 may be an old token; a second one is an answer."""
    token = _Token("stale", GOOD)
    assert _fetch(server, token=token)("/version", {}, "application/json")
    assert token.asked == [False, True]
    with pytest.raises(Unauthenticated, match="access entry"):
        _fetch(server, token=_Token("stale", "also stale"))("/version", {}, "application/json")


def test_denied_is_told_from_unreachable(server: KubernetesServer) -> None:
    """A 403 names the right that is missing."""
    server.cluster.scenario = server.cluster.scenario.changed({"kubernetes": [{"deny": "namespaces"}]})
    with pytest.raises(AccessDenied, match=r'cannot list resource "namespaces".*ClusterRole'):
        list(KubernetesApi(_fetch(server)).items(NAMESPACES, _Named))


def test_retry_after_is_honoured(server: KubernetesServer) -> None:
    """A 429 is waited out as long as the server says, if the scan has the time."""
    slept: list[float] = []
    busy = iter([status_response(429, "storage is (re)initializing", headers={"Retry-After": "2"})] * 2)
    server.fault = lambda _request: next(busy, None)
    assert _fetch(server, sleep=slept.append)("/version", {}, "application/json")
    assert slept == [2.0, 2.0]


def test_retry_after_beyond_the_deadline_is_a_timeout(server: KubernetesServer) -> None:
    """Nobody sleeps into the time that is kept for judging."""
    server.fault = lambda _request: status_response(429, "busy", headers={"Retry-After": "9"})
    with pytest.raises(TimedOut, match="used up"):
        _fetch(server, seconds=3)("/version", {}, "application/json")


def test_an_answer_that_never_ends_is_cut(server: KubernetesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decompression bomb meets the limit, not the memory."""
    monkeypatch.setattr(kubernetes_https, "MAX_BODY_BYTES", 1024 * 1024)
    bomb = gzip.compress(b" " * 32 * 1024 * 1024)
    server.fault = lambda _request: Response(200, {"Content-Encoding": "gzip"}, bomb)
    with pytest.raises(UnexpectedAnswer, match="larger than 1 MiB"):
        _fetch(server)("/version", {}, "application/json")


def test_a_slow_server_costs_no_more_than_the_deadline(server: KubernetesServer) -> None:
    """The scan's own time bounds every read."""

    def slow(_request: Request) -> Response | None:
        time.sleep(3)
        return None

    server.fault = slow
    began = time.monotonic()
    with pytest.raises(TimedOut):
        _fetch(server, seconds=0.5)("/version", {}, "application/json")
    assert time.monotonic() - began < 2


def test_a_connection_that_breaks_is_an_unexpected_answer(server: KubernetesServer) -> None:
    """Half an answer is none."""
    server.fault = lambda _request: Response(-1, {}, b"")
    with pytest.raises(UnexpectedAnswer, match="broke off"):
        _fetch(server)("/version", {}, "application/json")


def test_nobody_listening_is_unreachable(server: KubernetesServer) -> None:
    """The words say what to do about a private endpoint."""
    configuration = Configuration(host="https://127.0.0.1:9", ca_cert_data=server.ca_pem.decode())
    with pytest.raises(Unreachable, match="private endpoint"):
        HttpsFetch(configuration, _Token(), Deadline(10))("/version", {}, "application/json")


def _gone(following: str) -> Response:
    body = {"kind": "Status", "message": "The provided continue parameter is too old", "code": 410}
    return Response(410, {}, msgspec.json.encode({**body, "metadata": {"continue": following}}))


def test_a_list_that_went_stale_goes_on_where_it_was(server: KubernetesServer) -> None:
    """The server's own token continues at the next key: nothing twice, nothing left out."""
    number = count()
    following = continuation(500, "104801")

    def fault(request: Request) -> Response | None:
        if "continue=" in request.target and next(number) == 0:
            return _gone(following)
        return None

    server.fault = fault
    found = [each.metadata.name for each in KubernetesApi(_fetch(server)).items(NAMESPACES, _Named)]
    assert found == [f"ns-{n:04}" for n in range(1203)]


def test_a_stale_list_without_a_way_on_is_said_so(server: KubernetesServer) -> None:
    """Without a token of the server's, what was read cannot be completed."""
    server.fault = lambda request: _gone("") if "continue=" in request.target else None
    with pytest.raises(UnexpectedAnswer, match="410"):
        list(KubernetesApi(_fetch(server)).items(NAMESPACES, _Named))


def test_at_most_eight_requests_at_once() -> None:
    """The server is shared with those who work."""
    lock, now, most = Lock(), 0, 0

    def fault(request: Request) -> Response | None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.03)
        with lock:
            now -= 1
        return compressed(Response(200, {}, b"{}"), request)

    server = KubernetesServer(_scenario(), fault=fault)
    fetch = _fetch(server)
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda _: fetch("/version", {}, "application/json"), range(48)))
    assert most == kubernetes_https.AT_ONCE
    server.close()


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.eks.amazonaws.com", True),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.sk1.cn-north-1.eks.amazonaws.com.cn", True),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.api.aws", True),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.yl4.us-gov-west-1.eks.amazonaws.com", True),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.yl4.us-gov-west-1.api.aws", True),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.sk1.cn-northwest-1.api.amazonwebservices.com.cn", True),
        ("https://0a1b2c3d4e5f60718293a4b5c6d7e8f9.gr7.eu-west-1.eks.amazonaws.com", True),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.amazonaws.com", False),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.sk1.cn-north-1.amazonaws.com.cn", False),
        ("https://prod.gr7.eu-west-1.eks.amazonaws.com", False),
        ("http://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.eks.amazonaws.com", False),
        ("https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.eks.amazonaws.com.evil.example", False),
        ("https://user@0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.eks.amazonaws.com", False),
        ("https://169.254.169.254", False),
        ("https://127.0.0.1:6443", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_a_token_is_only_sent_to_hosts_of_eks(endpoint: str, allowed: bool) -> None:
    """The endpoint comes from an API: it is checked before anything is sent there."""
    assert endpoint_is_allowed(endpoint) is allowed


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://a.proxy.example.com", True),
        ("https://proxy.example.com:8443", True),
        ("https://badproxy.example.com", False),
        ("http://a.proxy.example.com", False),
    ],
)
def test_own_hosts_are_allowed_by_suffix(endpoint: str, allowed: bool) -> None:
    """A suffix ends at a dot."""
    assert endpoint_is_allowed(endpoint, suffixes=(".proxy.example.com",)) is allowed


def test_the_double_speaks_tls(server: KubernetesServer) -> None:
    """A client without the authority gets no answer at all."""
    host: Any = server.url.removeprefix("https://")
    with pytest.raises(ssl.SSLError):
        http.client.HTTPSConnection(host, timeout=5).request("GET", "/version")
