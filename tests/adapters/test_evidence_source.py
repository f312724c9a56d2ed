"""Observing a cluster over real wires: which cluster it is, and whether it can be scanned at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import msgspec
import pytest

from eks_readiness.adapters.aws_api import AwsClients
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.evidence_source import ClusterEvidenceSource, EksConnection
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.evidence import SLICES, StatedDocuments, Unavailable
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.policy import Policy
from tests.doubles.fleet import Fleet
from tests.doubles.scenario import shape

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """One cluster, served."""
    with Fleet(("prod",), now=NOW) as served:
        yield served


@pytest.fixture
def source(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> ClusterEvidenceSource:
    """The evidence source of the deployed scanner."""
    for name, value in fleet.environment("eu-west-1").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    clients = AwsClients(boto3.Session(), "eu-west-1")
    return ClusterEvidenceSource(lambda _region: clients, EksConnection(lambda _region: clients), SystemClock())


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
        assert isinstance(found, Unavailable), kind
        assert found.reason == "unsupported", (kind, found.detail)
        assert "prod is a connected cluster (GKE)" in found.detail, kind
        assert "clusters remove" in found.remedy, kind
    card = evaluate(evidence, CHECKLIST, policy=Policy())
    probed = {check.id for check in CHECKLIST if check.rule}
    assert {each.outcome for each in card.findings if each.check in probed} == {"unknown"}


def test_another_cluster_of_the_same_name(fleet: Fleet, source: ClusterEvidenceSource) -> None:
    """In another account, or another partition, it is not the one that is meant."""
    cluster = msgspec.structs.replace(fleet.cluster("prod"), account="999988887777")
    found = source.collect(Registration(cluster=cluster, registered_at=NOW), seconds=30).unavailable()
    assert found
    assert {each.reason for each in found.values()} == {"denied"}
