"""What a scan asks for and how much work an answer is: numbers that do not depend on the machine, held here."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from benchmarks.static_cluster import Size, StaticCluster
from eks_readiness.adapters.collect import collect_evidence
from eks_readiness.adapters.kubernetes_api import KubernetesApi, refusal
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from tests.doubles.http_server import Request
from tests.doubles.memory import MemoryAws
from tests.doubles.scenario import load_scenario

ROOT = Path(__file__).parents[2]
MAX_INSTRUCTIONS_A_POD = 240_000
"""To decode and fold one of 7.6 kB: a fifth more than it takes."""


class Asked:
    """What a scan of a static cluster asked for."""

    def __init__(self, size: Size) -> None:
        scenario = load_scenario("prod")
        self.cluster = StaticCluster(scenario, size)
        self.limits: dict[str, str] = {}
        aws = MemoryAws(scenario)
        self.evidence = collect_evidence(
            scenario.cluster,
            aws=aws,
            connect=lambda: KubernetesApi(self._fetch),
            aws_probes=AWS_PROBES,
            kubernetes_probes=KUBERNETES_PROBES,
            observed_at=scenario.now,
            seconds=60,
        )
        self.aws_calls = len({msgspec.json.encode(each) for each in aws.calls})
        assert not self.evidence.unavailable()

    def _fetch(self, path: str, query: Mapping[str, str], accept: str) -> bytes:
        target = f"{path}?{urlencode(query)}" if query else path
        self.limits[path] = query.get("limit", "")
        answer = self.cluster.answer(Request("GET", target, {"Accept-Encoding": "gzip", "Accept": accept}, b""))
        body = gzip.decompress(answer.body)
        if answer.status != 200:
            raise refusal(answer.status, body, path)
        return body

    @property
    def requests(self) -> Counter[str]:
        """How often each path was asked for."""
        return self.cluster.asked


@pytest.fixture(scope="module")
def thousand() -> Asked:
    """A thousand pods in 40 namespaces."""
    return Asked(Size(1_000, namespaces=40, nodes=25))


def test_requests_are_kinds_and_pages(thousand: Asked) -> None:
    """A kind more is a decision; what fits on a page is one request."""
    paged = {"/api/v1/pods": 2, "/apis/apps/v1/deployments": 2}
    read_by_several = {
        "/api/v1/namespaces": 3,
        "/apis/apps/v1/daemonsets": 2,
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies": 2,
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings": 2,
    }
    assert {path: times for path, times in thousand.requests.items() if times > 1} == {**paged, **read_by_several}
    assert len(thousand.requests) == 46
    assert sum(thousand.requests.values()) <= 53
    assert thousand.limits["/api/v1/pods"] == "500"


def test_aws_is_asked_so_often(thousand: Asked) -> None:
    """For one cluster of `prod`'s size; what two probes ask for is asked once."""
    assert thousand.aws_calls <= 200


def test_bytes_are_those_of_packed_pages(thousand: Asked) -> None:
    """8 MB of JSON, packed."""
    assert thousand.cluster.sent < 700_000


def test_requests_do_not_grow_with_namespaces(thousand: Asked) -> None:
    """The same objects in one, in forty and in a thousand."""
    for namespaces in (1, 1_000):
        asked = Asked(Size(1_000, namespaces=namespaces, nodes=25))
        assert asked.requests == thousand.requests, namespaces


def test_requests_grow_with_pages() -> None:
    """Ten times the pods: eighteen pages more of them, and so on."""
    asked = Asked(Size(10_000, namespaces=40, nodes=250))
    assert asked.requests["/api/v1/pods"] == 20
    assert asked.requests["/apis/apps/v1/deployments"] == 14
    assert asked.requests["/api/v1/nodes"] == 2
    assert sum(asked.requests.values()) < 90


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="instructions are counted by valgrind")
def test_instructions_of_a_pod(tmp_path: Path) -> None:
    """Decoding and folding: what three times cost more than one time, without the start."""
    cluster = StaticCluster(load_scenario("prod"), Size(1_000))
    page = tmp_path / "page.json"
    answer = cluster.answer(Request("GET", "/api/v1/pods?limit=500", {}, b""))
    page.write_bytes(answer.body)
    packages = next(each for each in sys.path if each.endswith("site-packages"))
    subject = [str(ROOT / "benchmarks" / "subjects" / "fold.py"), f"{ROOT / 'shared'}:{packages}"]
    counted = {}
    for times in (1, 3):
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
                *(sys.executable, "-S", "-B", *subject, str(times), str(page)),
            ],
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        )
        collected = re.search(r"Collected : (\d+)", done.stderr)
        assert collected is not None, done.stderr
        counted[times] = int(collected[1])
    assert (counted[3] - counted[1]) / 2 / 500 < MAX_INSTRUCTIONS_A_POD
