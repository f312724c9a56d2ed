"""What a check says when a slice that it can do without is missing: what it said with it, or that it is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Check, Tolerated
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.attestation import Attestation
from eks_readiness.domain.evidence import (
    Components,
    Evidence,
    NetworkPolicyEngine,
    Nodes,
    Slice,
    Unavailable,
)
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.policy import Policy

WITHHELD = Unavailable(reason="denied", detail="withheld from the check", remedy="give it")
AWS_DECIDES: dict[str, type[Slice]] = {
    "core-add-ons.coredns": Components,
    "core-add-ons.kube-proxy": Components,
    "core-add-ons.vpc-cni": Components,
    "network-policies.default-deny": NetworkPolicyEngine,
    "network-policies.egress": NetworkPolicyEngine,
    "network-policies.engine": NetworkPolicyEngine,
    "node-hardening.imds": Nodes,
    "pod-security.runtime-monitoring": Nodes,
    "storage.ebs-csi-driver": Components,
}
"""Checks that go by what AWS says where the cluster cannot be read, and the slice whose absence makes them pass."""


def alone(check: Check) -> Checklist:
    """The checklist of one check."""
    return Checklist((CHECKLIST.item(check.item),), (check,))


def tolerated(check: Check) -> list[type[Slice]]:
    """The slices that a check can do without."""
    return [need.kind for need in check.needs if isinstance(need, Tolerated)]


def changed_minds(
    check: Check, evidence: Evidence, finding: Finding, *, policy: Policy, attestations: Iterable[Attestation]
) -> Iterator[str]:
    """Every slice without which a check crashes or contradicts its finding, with what it says then."""
    stated = tuple(attestations)
    for kind in tolerated(check):
        less = msgspec.structs.replace(evidence, slices={**evidence.slices, kind: WITHHELD})
        (seen,) = evaluate(less, alone(check), policy=policy, attestations=stated).findings
        # A statement answers for what could not be observed.
        answered = bool(seen.attested_by) or (seen.outcome == "pass" and AWS_DECIDES.get(check.id) is kind)
        if seen.unknown_reason == "crashed" or (seen.outcome not in (finding.outcome, "unknown") and not answered):
            yield f"without {kind.__name__}: {seen.outcome}: {seen.reason}"
