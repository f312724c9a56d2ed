"""NodePools of Karpenter and of EKS Auto Mode.

Source: https://karpenter.sh/docs/concepts/nodepools/
"""

from __future__ import annotations

import msgspec

from eks_readiness.adapters.kubernetes_objects import Quantities, quantities
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import NodePools
from eks_readiness.domain.evidence.nodes import NodePool

NODE_POOLS = Kind("karpenter.sh", "nodepools")


class _Meta(msgspec.Struct, gc=False):
    name: str = ""


class _Reference(msgspec.Struct, gc=False):
    group: str = ""
    name: str = ""


class _TemplateSpec(msgspec.Struct, gc=False, rename="camel"):
    expire_after: str | None = None
    node_class_ref: _Reference | None = None


class _Template(msgspec.Struct, gc=False):
    spec: _TemplateSpec | None = None


class _Budget(msgspec.Struct, gc=False):
    nodes: str | None = None
    schedule: str | None = None
    reasons: list[str] | None = None


class _Disruption(msgspec.Struct, gc=False, rename="camel"):
    consolidation_policy: str | None = None
    consolidate_after: str | None = None
    budgets: list[_Budget] | None = None


class _Spec(msgspec.Struct, gc=False):
    template: _Template | None = None
    disruption: _Disruption | None = None
    limits: Quantities | None = None
    replicas: int | None = None


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class _Status(msgspec.Struct, gc=False):
    conditions: list[_Condition] | None = None
    resources: Quantities | None = None


class _NodePool(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


def read_node_pools(api: KubernetesReader, gathered: Gathered) -> NodePools:
    """Every NodePool."""
    return NodePools(
        observed_at=gathered.observed_at,
        source="karpenter.sh nodepools",
        installed=api.serves(NODE_POOLS) is not None,
        pools=tuple(_pool(each) for each in api.items(NODE_POOLS, _NodePool)),
    )


def _pool(each: _NodePool) -> NodePool:
    spec, status = each.spec or _Spec(), each.status or _Status()
    template = (spec.template and spec.template.spec) or _TemplateSpec()
    disruption = spec.disruption or _Disruption()
    conditions = status.conditions or []
    ready = next((one for one in conditions if one.type == "Ready"), _Condition())
    # "Never", or a budget that never lets a node go, switches consolidation off whatever the policy says.
    blocked = any(_never(each) for each in disruption.budgets or ())
    consolidates = disruption.consolidate_after != "Never" and not blocked
    return NodePool(
        name=each.metadata.name,
        ready=ready.status == "True",
        not_ready_reason="" if ready.status == "True" else _why(conditions),
        limits=quantities(spec.limits),
        used=quantities(status.resources),
        consolidation=(disruption.consolidation_policy or "") if consolidates else "",
        expire_after=template.expire_after or "",
        node_class=template.node_class_ref.name if template.node_class_ref else "",
        node_class_group=template.node_class_ref.group if template.node_class_ref else "",
        static_replicas=spec.replicas,
    )


def _never(budget: _Budget) -> bool:
    """Whether a budget lets no underused node go at any time."""
    about_it = not budget.reasons or "Underutilized" in budget.reasons
    return budget.nodes in ("0", "0%") and not budget.schedule and about_it


def _why(conditions: list[_Condition]) -> str:
    """The conditions that are not true, since Ready itself only sums them up."""
    bad = [one for one in conditions if one.status != "True" and one.type != "Ready"] or [
        one for one in conditions if one.status != "True"
    ]
    said = "; ".join(f"{one.type}: {one.message or one.reason or one.status}" for one in bad)
    return bounded(said, 200) or "no Ready condition yet"


PROBES = (KubernetesProbe(provides=NodePools, rights=(Right("karpenter.sh", "nodepools"),), read=read_node_pools),)
"""What this module gathers."""
