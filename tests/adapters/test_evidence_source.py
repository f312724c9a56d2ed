"""Observing a cluster over real wires: which cluster it is, and whether it can be scanned at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from threading import Event
from typing import Any

import boto3
import msgspec
import pytest

from eks_readiness.adapters.aws_api import AwsClients
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.evidence_source import ClusterEvidenceSource, EksConnection
from eks_readiness.bootstrap.reads import reads
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.evidence import SLICES, Slice, StatedDocuments, Unavailable
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.policy import Policy
from tests.doubles.fleet import Fleet
from tests.doubles.http_server import Request
from tests.doubles.scenario import shape

NOW = datetime.now(UTC).replace(microsecond=0)
SECONDS = 90


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """One cluster, served."""
    with Fleet(("prod",), now=NOW) as served:
        yield served


@pytest.fixture
def clients(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> AwsClients:
    """Those of the deployed scanner."""
    for name, value in fleet.environment("eu-west-1").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return AwsClients(boto3.Session(), "eu-west-1")


@pytest.fixture
def connect(clients: AwsClients) -> EksConnection:
    """To the endpoint that the double of EKS describes."""
    return EksConnection(lambda _region: clients, endpoint_suffixes=("127.0.0.1",))


@pytest.fixture
def source(clients: AwsClients, connect: EksConnection) -> ClusterEvidenceSource:
    """The evidence source of the deployed scanner."""
    return ClusterEvidenceSource(lambda _region: clients, connect, SystemClock())


def _change() -> Mapping[str, Any]:
    connected = shape("connected")
    assert connected is not None
    change: Mapping[str, Any] = connected["change"]
    return change


def test_a_connected_cluster_is_unknown_all_over(fleet: Fleet, source: ClusterEvidenceSource) -> None:
    """One that is registered nonetheless leads to nothing but unknowns, each with the reason and what to do."""
    fleet.change("prod", _change())
    try:
        evidence = source.collect(Registration(cluster=fleet.cluster("prod"), registered_at=NOW), seconds=30)
    finally:
        fleet.repair("prod")
    for kind in set(SLICES) - {StatedDocuments}:
        found = evidence.get(kind)
        # Prometheus' workspaces are known one by one: there the part that could not be read says why.
        found = getattr(found, "unread", found)
        assert isinstance(found, Unavailable), kind
        assert found.reason == "unsupported", (kind, found.detail)
        assert "prod is a connected cluster (GKE)" in found.detail, kind
        assert "clusters remove" in found.remedy, kind
    card = evaluate(evidence, CHECKLIST, policy=Policy())
    probed = {check.id for check in CHECKLIST if check.rule}
    assert {each.outcome for each in card.findings if each.check in probed} == {"unknown"}


def test_what_hangs_takes_nothing_else_with_it(
    fleet: Fleet, connect: EksConnection, clients: AwsClients, request: pytest.FixtureRequest
) -> None:
    """An AWS service and a Kubernetes list that do not answer: all that does not build on them is there before."""
    hung = {
        kind
        for kind, behind in reads().items()
        if any(each.startswith("iam:") or each == "list pods" for each in behind)
    }
    others = set(SLICES) - hung
    assert len(hung) < len(others)
    arrived: set[type[Slice]] = set()
    released = Event()

    def arrive(kind: type[Slice], _found: Slice | Unavailable) -> None:
        arrived.add(kind)
        if arrived >= others:
            released.set()

    def hang(service: str, _operation: str) -> None:
        if service == "iam":
            released.wait(SECONDS)

    def hang_on_pods(asked: Request) -> None:
        if asked.target.startswith("/api/v1/pods"):
            released.wait(SECONDS)

    def stop() -> None:
        released.set()
        fleet.aws.before, fleet.kubernetes["prod"].fault = _at_once, None

    request.addfinalizer(stop)
    fleet.aws.before, fleet.kubernetes["prod"].fault = hang, hang_on_pods
    source = ClusterEvidenceSource(lambda _region: clients, connect, SystemClock(), on_gathered=arrive)
    evidence = source.collect(Registration(cluster=fleet.cluster("prod"), registered_at=NOW), seconds=SECONDS)
    assert released.is_set()
    assert {kind: why.detail for kind, why in evidence.unavailable().items() if kind in others} == {}


def _at_once(_service: str, _operation: str) -> None:
    """Answers without waiting."""


def test_a_cluster_that_eks_does_not_describe_in_time(
    fleet: Fleet, source: ClusterEvidenceSource, request: pytest.FixtureRequest
) -> None:
    """Everything is unknown, and there still is a result to write."""
    released = Event()

    def hang(service: str, _operation: str) -> None:
        if service == "eks":
            released.wait(60)

    def stop() -> None:
        released.set()
        fleet.aws.before = _at_once

    request.addfinalizer(stop)
    fleet.aws.before = hang
    began = time.monotonic()
    found = source.collect(Registration(cluster=fleet.cluster("prod"), registered_at=NOW), seconds=2).unavailable()
    assert time.monotonic() - began < 5
    assert set(found) >= set(SLICES) - {StatedDocuments}
    assert {each.reason for each in found.values()} == {"timeout"}


def test_another_cluster_of_the_same_name(fleet: Fleet, source: ClusterEvidenceSource) -> None:
    """In another account, or another partition, it is not the one that is meant."""
    cluster = msgspec.structs.replace(fleet.cluster("prod"), account="999988887777")
    found = source.collect(Registration(cluster=cluster, registered_at=NOW), seconds=30).unavailable()
    assert found
    assert {each.reason for each in found.values()} == {"denied"}
