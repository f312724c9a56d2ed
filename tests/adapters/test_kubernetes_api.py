"""Discovery and lists, on answers recorded from a genuine API server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eks_readiness.adapters.kubernetes_api import DISCOVERY, MAX_PAGES, METADATA, Fetch, KubernetesApi, refusal
from eks_readiness.adapters.probe import Kind
from eks_readiness.domain.errors import AccessDenied, Throttled, Unauthenticated, UnexpectedAnswer, Unreachable

RECORDED = Path(__file__).parents[1] / "recorded"


def recorded(name: str) -> dict[str, Any]:
    """One recorded request with its answer."""
    exchange: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return exchange


class _Meta(msgspec.Struct):
    name: str


class _Named(msgspec.Struct):
    metadata: _Meta


def _server(answers: Mapping[str, Any], asked: list[tuple[str, str]] | None = None) -> Fetch:
    discovery = {
        "/api": recorded("discovery-core-aggregated")["body"],
        "/apis": recorded("discovery-apis-aggregated")["body"],
    }

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes:
        if asked is not None:
            asked.append((path, accept))
        return json.dumps({**discovery, **answers}[path]).encode()

    return fetch


def test_a_genuine_servers_discovery_is_understood() -> None:
    """Built-in kinds, kinds of CRDs, and what is not installed."""
    asked: list[tuple[str, str]] = []
    api = KubernetesApi(_server({}, asked))
    assert api.serves(Kind("", "pods")) == "v1"
    assert api.serves(Kind("networking.k8s.io", "networkpolicies")) == "v1"
    assert api.serves(Kind("networking.k8s.aws", "policyendpoints", ("v1", "v1alpha1"))) == "v1alpha1"
    assert api.serves(Kind("velero.io", "schedules")) is None
    assert asked == [("/api", DISCOVERY), ("/apis", DISCOVERY)]


def test_a_kind_served_only_in_versions_we_cannot_read_is_not_absent() -> None:
    """Installed in another version is not "not installed"."""
    with pytest.raises(UnexpectedAnswer, match="served as v1alpha1 only"):
        KubernetesApi(_server({})).serves(Kind("networking.k8s.aws", "policyendpoints"))


def test_every_kind_of_a_group_is_found() -> None:
    """Gatekeeper makes kinds at run time: discovery alone can name them."""
    found = KubernetesApi(_server({})).kinds("networking.k8s.aws")
    assert Kind("networking.k8s.aws", "policyendpoints", ("v1alpha1",)) in found
    assert {each.group for each in found} == {"networking.k8s.aws"}
    assert KubernetesApi(_server({})).kinds("constraints.gatekeeper.sh") == ()


def test_a_page_may_be_smaller() -> None:
    """Objects that are large are asked for few at a time."""
    limits: list[str] = []
    server = _server({"/api/v1/namespaces": {"kind": "NamespaceList", "metadata": {}, "items": []}})

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes | bytearray:
        limits.extend([query["limit"]] if query else [])
        return server(path, query, accept)

    for kind in (Kind("", "namespaces"), Kind("", "namespaces", page=25)):
        list(KubernetesApi(fetch).items(kind, _Named))
    assert limits == ["500", "25"]


def test_a_group_whose_server_is_away_is_not_absent() -> None:
    """An aggregated API that does not answer shows up without resources."""
    groups = recorded("discovery-apis-aggregated")["body"]
    for group in groups["items"]:
        if group["metadata"]["name"] == "metrics.k8s.io":
            group["versions"] = [{"version": "v1beta1", "freshness": "Stale"}]
    api = KubernetesApi(_server({"/apis": groups}))
    with pytest.raises(UnexpectedAnswer, match=r"metrics\.k8s\.io did not answer"):
        api.serves(Kind("metrics.k8s.io", "nodes", ("v1beta1",)))
    assert api.serves(Kind("", "pods")) == "v1"


def test_something_that_is_no_api_server_is_said_so() -> None:
    """A login page of a proxy, a legacy answer: neither means that nothing is installed."""
    with pytest.raises(UnexpectedAnswer, match="not aggregated discovery"):
        KubernetesApi(_server({"/api": {"kind": "APIVersions", "versions": ["v1"]}})).serves(Kind("", "pods"))


def test_discovery_that_failed_is_not_asked_again() -> None:
    """Thirty probes would wait for the same timeout."""
    calls: list[str] = []

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes:
        calls.append(path)
        raise Unreachable("connect: refused")

    api = KubernetesApi(fetch)
    for _ in range(3):
        with pytest.raises(Unreachable):
            api.serves(Kind("", "pods"))
    assert calls == ["/api"]


def test_genuine_lists_are_decoded() -> None:
    """A list of nodes, and one of metadata only, as the server wrote them (the last page of each)."""
    nodes = recorded("list-nodes")["body"]
    del nodes["metadata"]["continue"]
    assert len(list(KubernetesApi(_server({"/api/v1/nodes": nodes})).items(Kind("", "nodes"), _Named))) == 4
    pods = recorded("metadata-pods")["body"]
    del pods["metadata"]["continue"]
    asked: list[tuple[str, str]] = []
    api = KubernetesApi(_server({"/api/v1/pods": pods}, asked))
    found = list(api.items(Kind("", "pods"), _Named, metadata_only=True))
    assert found[0].metadata.name == "catalog-adapter-1-0"
    assert asked[-1] == ("/api/v1/pods", METADATA)


def test_items_may_be_null() -> None:
    """A metadata-only list of an empty kind has null items on a genuine server."""
    api = KubernetesApi(_server({"/api/v1/pods": {"kind": "PodList", "metadata": {}, "items": None}}))
    assert list(api.items(Kind("", "pods"), _Named)) == []


def test_an_answer_of_another_shape_names_its_place() -> None:
    """What cannot be read is unexpected, and never an empty list."""
    api = KubernetesApi(_server({"/api/v1/pods": {"items": [{"metadata": {"name": 7}}]}}))
    with pytest.raises(UnexpectedAnswer, match=r"/api/v1/pods.*items\[0\]\.metadata\.name"):
        list(api.items(Kind("", "pods"), _Named))


def test_a_list_that_never_ends_is_left() -> None:
    """A server that always has a next page must not hold a scan."""
    discovery, number = _server({}), count()

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes | bytearray:
        if path != "/api/v1/pods":
            return discovery(path, query, accept)
        return json.dumps({"metadata": {"continue": f"more-{next(number)}"}, "items": []}).encode()

    with pytest.raises(UnexpectedAnswer, match="did not end"):
        list(KubernetesApi(fetch).items(Kind("", "pods"), _Named))
    assert next(number) == MAX_PAGES


def test_a_list_that_turns_in_a_circle_is_left() -> None:
    """A page that was read already is read once more at most."""
    asked: list[tuple[str, str]] = []
    page = {"metadata": {"continue": "again"}, "items": [{"metadata": {"name": "a"}}]}
    with pytest.raises(UnexpectedAnswer, match="in a circle"):
        list(KubernetesApi(_server({"/api/v1/pods": page}, asked)).items(Kind("", "pods"), _Named))
    assert [path for path, _ in asked].count("/api/v1/pods") == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthenticated), (403, AccessDenied), (404, UnexpectedAnswer), (429, Throttled), (503, Unreachable)],
)
def test_refusals_are_told_apart(status: int, error: type[Exception]) -> None:
    """Each has its own reason, and so its own remedy."""
    assert isinstance(refusal(status, b"", "/api"), error)


def test_a_genuine_refusal_is_quoted() -> None:
    """The server's words say which right is missing."""
    body = json.dumps(recorded("error-403-list")["body"]).encode()
    assert "secrets is forbidden" in str(refusal(403, body, "/api/v1/secrets"))


def test_hostile_words_are_bounded() -> None:
    """A message is text: on one line, and cut."""
    body = json.dumps({"message": "a\x1b[31m\n" + "b" * 10_000}).encode()
    said = str(refusal(500, body, "/api"))
    assert len(said) < 600
    assert said.isprintable()


@pytest.mark.parametrize("body", [{"a": {"a": {}}}, {"metadata": {"name": "other"}}, {"data": {"mapRoles": "[]"}}])
def test_an_answer_that_is_not_the_config_map(body: dict[str, object]) -> None:
    """Every object has its name: something else is not an empty ConfigMap."""
    api = KubernetesApi(_server({"/api/v1/namespaces/kube-system/configmaps/aws-auth": body}))
    with pytest.raises(UnexpectedAnswer, match="the answer is not ConfigMap aws-auth"):
        api.config_map("kube-system", "aws-auth")


def test_an_answer_that_is_no_text_is_not_read_in_part() -> None:
    """A field's name with a byte that is no UTF-8 would be one that nobody knows, and its value be missing."""

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes:
        return b'{"kind":"ConfigMap","metadata":{"name":"aws-auth"},"da\xffta":{"mapRoles":"[]"}}'

    with pytest.raises(UnexpectedAnswer, match="cannot be read"):
        KubernetesApi(fetch).config_map("kube-system", "aws-auth")
