"""Whole clusters of every shape, judged by every check.

A shape is a scenario, or a change of one (tests/doubles/shapes). `SHAPES` says which checks fail on a well-run cluster
of that shape, and which do not apply; every other check that is listed in `JUDGED` must pass. A check that is not
listed there yet must at least have an answer in every shape, since each can be read in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import pytest

from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.attestation import Attestation
from eks_readiness.domain.evidence import Unavailable
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.policy import parse_policy
from eks_readiness.domain.scorecard import Scorecard
from tests.doubles.memory import gather
from tests.doubles.scenario import CASE_NOW, Scenario, load_scenario, shape
from tests.doubles.scenario import SHAPES as SHAPE_FILES

CHECKS_BY_ITEM: Mapping[str, str] = {
    "vpc-networking": "zones three-zones control-plane-addresses address-headroom private-nodes zonal-egress flow-logs",
    "node-groups": "healthy autoscaling headroom bottlerocket supported-ami schedulable",
    "cluster-configuration": (
        "private-endpoint public-endpoint-off logging all-log-types health deletion-protection zonal-shift"
    ),
    "core-add-ons": "vpc-cni coredns kube-proxy compatible dns-spread managed",
    "storage": "ebs-csi-driver volumes-encrypted classes-encrypted customer-managed-key",
    "backup-restore": "solution recent-backup location coverage clean",
    "pod-security": "enforced no-privileged runtime-monitoring",
    "network-policies": "engine default-deny egress",
    "audit-logging": "enabled fresh retention cloudtrail",
    "cluster-upgrades": "supported-version time-left insights kubelet-skew drainable procedure",
    "incident-response": "plan tooling",
    "security-scanning": "iac code",
    "secrets-encryption": "envelope customer-managed-key",
}
JUDGED = frozenset(f"{item}.{check}" for item, checks in CHECKS_BY_ITEM.items() for check in checks.split())


class Expected(NamedTuple):
    """What a well-run cluster of a shape does not pass, each with a part of the reason."""

    fails: Mapping[str, str] = {}
    not_applicable: Mapping[str, str] = {}


# What the team of this cluster left out; nothing of it has to do with EKS Auto Mode.
_AUTO = Expected(
    fails={
        "vpc-networking.three-zones": "2 zones",
        "vpc-networking.flow-logs": "no active flow log",
        "cluster-configuration.all-log-types": "2 of 5",
        "cluster-configuration.zonal-shift": "off",
        "storage.customer-managed-key": "a key that AWS manages",
        "pod-security.runtime-monitoring": "GuardDuty",
        "incident-response.tooling": "0 response plans",
        "secrets-encryption.customer-managed-key": "AWS's own",
    }
)
# Nothing enforces them on Fargate; AWS points to security groups for pods instead.
_NO_POLICIES = "nothing enforces network policies"
SHAPES: Mapping[str, Expected] = {
    "prod": Expected(),  # managed node groups, and Karpenter beside them
    "auto": _AUTO,
    "auto-mixed": _AUTO,
    "self-managed": Expected(),
    "fargate": Expected(
        fails={
            "network-policies.engine": _NO_POLICIES,
            "network-policies.default-deny": _NO_POLICIES,
            "network-policies.egress": _NO_POLICIES,
        },
        not_applicable={
            "storage.ebs-csi-driver": "every node is Fargate",
            "storage.volumes-encrypted": "no volume",
            "storage.customer-managed-key": "no encrypted volume",
            "pod-security.runtime-monitoring": "every node is Fargate",
        },
    ),
    "hybrid": Expected(
        fails={
            "node-groups.bottlerocket": "2 nodes",
            "pod-security.runtime-monitoring": "watches none of 2 hybrid ones",
        }
    ),
    "windows": Expected(),
    "cilium": Expected(),
    "cilium-chained": Expected(),
    "calico": Expected(),
    "calico-policies": Expected(),
    "ipv6": Expected(),
    "custom-networking": Expected(),
    "config-map": Expected(),
}


def statements() -> list[Attestation]:
    """One for every check that a statement may answer."""
    return [
        Attestation(
            subject=check.id,
            cluster="*",
            holds=True,
            owner="the platform team",
            issued_at=CASE_NOW - timedelta(days=1),
            expires_at=CASE_NOW + timedelta(days=60),
        )
        for check in CHECKLIST
        if check.rule is None
    ]


def judged(scenario: Scenario, policy: Mapping[str, object] | None = None) -> Scorecard:
    """Everything that is known about a cluster, with every statement that may be made about it."""
    evidence = gather(scenario)
    unread = [found for found in evidence.slices.values() if isinstance(found, Unavailable)]
    assert not [found.detail for found in unread if found.reason == "crashed"]
    thresholds = parse_policy(dict(policy or {}), where=scenario.name)
    return evaluate(evidence, CHECKLIST, policy=thresholds, attestations=statements())


def _shown(findings: list[Finding]) -> dict[str, str]:
    return {each.check: f"{each.reason} {list(each.offenders)}" for each in findings}


def test_every_shape_has_expectations() -> None:
    """A new shape is judged, too."""
    files = {file.stem for file in SHAPE_FILES.glob("*.yaml")}
    assert files - set(SHAPES) == {"connected"}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    """Nothing is unknown, and what fails or does not apply is what is expected, for the reason that is expected."""
    card = judged(load_scenario(name), (shape(name) or {}).get("policy"))
    by_outcome = {
        outcome: [each for each in card.findings if each.outcome == outcome]
        for outcome in ("unknown", "fail", "not_applicable")
    }
    assert not _shown(by_outcome["unknown"])
    expected = SHAPES[name]
    for outcome, wanted in (("fail", expected.fails), ("not_applicable", expected.not_applicable)):
        found = [each for each in by_outcome[outcome] if each.check in JUDGED]
        assert {each.check for each in found} == set(wanted), (outcome, _shown(found))
        for each in found:
            assert wanted[each.check] in each.reason, each.reason
