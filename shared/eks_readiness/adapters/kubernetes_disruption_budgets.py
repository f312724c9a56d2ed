"""PodDisruptionBudgets, and those that block every eviction."""

from __future__ import annotations

import msgspec

from eks_readiness.adapters.kubernetes_objects import Named
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.evidence import DisruptionBudgets

BUDGETS = Kind("policy", "poddisruptionbudgets")


class _Status(msgspec.Struct, gc=False, rename="camel"):
    disruptions_allowed: int | None = None
    current_healthy: int | None = None
    expected_pods: int | None = None


class _Budget(msgspec.Struct, gc=False):
    metadata: Named
    status: _Status | None = None


def read_budgets(api: KubernetesReader, gathered: Gathered) -> DisruptionBudgets:
    """Every budget, folded while it streams by."""
    total, blocking = 0, Names()
    for each in api.items(BUDGETS, _Budget):
        total += 1
        if _blocks(each.status or _Status()):
            blocking.add(each.metadata.where)
    return DisruptionBudgets(
        observed_at=gathered.observed_at,
        source="policy poddisruptionbudgets",
        total=total,
        blocking=blocking.sample(),
    )


def _blocks(status: _Status) -> bool:
    """It covers pods, all of them are healthy, and still none may go: it will never let a node be drained."""
    expected, healthy = status.expected_pods or 0, status.current_healthy or 0
    return expected > 0 and healthy >= expected and status.disruptions_allowed == 0


PROBES = (
    KubernetesProbe(provides=DisruptionBudgets, rights=(Right("policy", "poddisruptionbudgets"),), read=read_budgets),
)
"""What this module gathers."""
