"""A cluster in GovCloud or China is judged as one in the commercial partition is."""

from __future__ import annotations

import pytest

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.finding import Finding
from tests.cases.test_shapes import judged
from tests.doubles.scenario import REGION, load_scenario, moved

PLACES = (("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-north-1"))

LACKING = {
    "aws-us-gov": frozenset[str](),
    # No managed Prometheus, no managed Grafana, no Application Signals.
    "aws-cn": frozenset(
        {
            *("metrics-collection.pipeline", "distributed-tracing.collector", "distributed-tracing.fresh"),
            *("alerting.rules", "alerting.routing", "dashboards.present"),
            *("slo-tracking.objectives", "slo-tracking.with-data"),
        }
    ),
}
"""What may be answered by another service in a partition, since AWS does not offer all of them there."""


@pytest.mark.parametrize("name", ["prod", "auto", "bare", "self-managed", "fargate"])
@pytest.mark.parametrize(("partition", "region"), PLACES)
def test_every_finding_is_the_commercial_one(name: str, partition: str, region: str) -> None:
    """Verdict, reason and offenders, but for the names of the place itself."""
    there = judged(load_scenario(name, region=region, partition=partition))
    assert there.cluster == ClusterRef(partition=partition, region=region, account="111122223333", name=_cluster(name))
    here = judged(load_scenario(name))
    assert [_told(each) for each in there.findings if each.check not in LACKING[partition]] == [
        moved(_told(each), region=region, partition=partition)
        for each in here.findings
        if each.check not in LACKING[partition]
    ]
    # Where AWS does not offer what answered here, something else does, nobody knows, or it is missing: never better.
    outcomes = {each.check: each.outcome for each in here.findings}
    for each in there.findings:
        if each.check in LACKING[partition]:
            assert each.outcome in (outcomes[each.check], "unknown", "fail"), each


def _told(finding: Finding) -> list[object]:
    return [finding.check, finding.outcome, finding.reason, sorted(finding.offenders), finding.offenders_total]


def _cluster(name: str) -> str:
    return name if name in ("prod", "auto", "bare") else "prod"


def test_the_places_are_other_ones() -> None:
    """What is moved names the new place everywhere, and labels stay what they are."""
    said = [
        f"arn:aws:eks:{REGION}:111122223333:cluster/prod",
        f"https://0A1B.gr7.{REGION}.eks.amazonaws.com",
        f"602401143452.dkr.ecr.{REGION}.amazonaws.com/eks/coredns:v1",
        "eks.amazonaws.com/nodegroup",
        "ebs.csi.eks.amazonaws.com",
    ]
    assert moved(said, region="cn-north-1", partition="aws-cn") == [
        "arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod",
        "https://0A1B.gr7.cn-north-1.eks.amazonaws.com.cn",
        "602401143452.dkr.ecr.cn-north-1.amazonaws.com.cn/eks/coredns:v1",
        "eks.amazonaws.com/nodegroup",
        "ebs.csi.eks.amazonaws.com",
    ]
