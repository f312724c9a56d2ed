"""Whatever is denied, no check changes its mind: it keeps its verdict, or it is unknown."""

from __future__ import annotations

from itertools import combinations

import pytest

from eks_readiness.adapters.probes import KUBERNETES_PROBES
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.finding import Outcome
from eks_readiness.domain.policy import Policy
from tests.doubles.memory import MemoryAws, gather
from tests.doubles.scenario import Scenario, load_scenario

RESOURCES = (
    "pods",
    "nodes",
    "namespaces",
    "daemonsets.apps",
    "deployments.apps",
    "networkpolicies.networking.k8s.io",
    "backups.velero.io",
    "persistentvolumes",
)
ACTIONS = (
    ("eks", "DescribeCluster"),
    ("eks", "ListAddons"),
    ("eks", "ListNodegroups"),
    ("ec2", "DescribeSubnets"),
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeVolumes"),
    ("kms", "DescribeKey"),
    ("backup", "ListBackupPlans"),
)
SIZES = range(1, 9)
ALONE = ("prod", "auto", "bare", "auto-mixed", "self-managed", "fargate", "hybrid", "windows", "cilium", "calico")
"""Scenarios, and shapes of them, in which each right is taken away alone."""


def _outcomes(scenario: Scenario) -> dict[str, Outcome]:
    card = evaluate(gather(scenario), CHECKLIST, policy=Policy())
    assert not [each.reason for each in card.findings if each.unknown_reason == "crashed"]
    return {each.check: each.outcome for each in card.findings}


def _denied(action: tuple[str, str]) -> dict[str, object]:
    error = {"code": "AccessDeniedException", "message": "not authorized", "status": 403}
    return {"service": action[0], "operation": action[1], "error": error}


def _flips(full: dict[str, Outcome], seen: dict[str, Outcome]) -> dict[str, Outcome]:
    return {check: seen[check] for check in full if seen[check] not in (full[check], "unknown")}


@pytest.mark.parametrize("base", ALONE)
def test_each_right_in_a_cluster_denied_alone(base: str) -> None:
    """Every kind that any probe lists, one at a time."""
    scenario = load_scenario(base)
    full = _outcomes(scenario)
    rights = {right for probe in KUBERNETES_PROBES for right in probe.rights}
    resources = sorted({f"{each.resource}.{each.group}" if each.group else each.resource for each in rights})
    for resource in resources:
        assert not _flips(full, _outcomes(scenario.changed({"kubernetes": [{"deny": resource}]}))), resource


@pytest.mark.parametrize("base", ALONE)
def test_each_action_denied_alone(base: str) -> None:
    """Every operation that any probe calls there, one at a time."""
    scenario = load_scenario(base)
    aws = MemoryAws(scenario)
    gather(scenario, aws=aws)
    full = _outcomes(scenario)
    for service, operation in sorted({(service, operation) for service, operation, _ in aws.calls}):
        seen = _outcomes(scenario.changed({"aws": [_denied((service, operation))]}))
        assert not _flips(full, seen), (service, operation)


@pytest.mark.parametrize("base", ["prod", "auto", "bare"])
@pytest.mark.parametrize("size", SIZES)
def test_denied_resources(base: str, size: int) -> None:
    """Every subset of eight Kubernetes resources: 255 each."""
    scenario = load_scenario(base)
    full = _outcomes(scenario)
    for subset in combinations(RESOURCES, size):
        seen = _outcomes(scenario.changed({"kubernetes": [{"deny": resource} for resource in subset]}))
        assert not _flips(full, seen), subset


@pytest.mark.parametrize("base", ["prod", "auto", "bare"])
@pytest.mark.parametrize("size", SIZES)
def test_denied_actions(base: str, size: int) -> None:
    """Every subset of eight AWS actions: 255 each."""
    scenario = load_scenario(base)
    full = _outcomes(scenario)
    for subset in combinations(ACTIONS, size):
        seen = _outcomes(scenario.changed({"aws": [_denied(action) for action in subset]}))
        assert not _flips(full, seen), subset
