"""How much room nodes have for more pods, and how much an autoscaler may still add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, inf
from typing import Literal, NamedTuple

from eks_readiness.checklist.shapes import first_unavailable, scales
from eks_readiness.domain.evidence import AutoScalingGroups, Components, NodePools, Nodes, Pods, Unavailable
from eks_readiness.domain.evidence.nodes import Node, NodePool

_RESOURCES = ("cpu", "memory", "pods")
_NONE = dict.fromkeys(_RESOURCES, 0.0)
_WORDS = {"cpu": "CPU", "memory": "memory", "pods": "pod slots"}
Amounts = Mapping[str, float]


class Growth(NamedTuple):
    """Who may add nodes. `auto_mode`: EKS Auto Mode is on, without which its NodePools make none."""

    pools: NodePools | Unavailable
    components: Components | Unavailable
    groups: AutoScalingGroups | Unavailable
    auto_mode: bool

    def room(self, size: Amounts) -> Amounts:
        """What may still be added for sure, where a node is of that size, which is nothing of zero."""
        pools = self.pools.pools if isinstance(self.pools, NodePools) else ()
        added = [_pool_nodes(each, size) for each in pools if self._controls(each)]
        groups = self.groups.groups if isinstance(self.groups, AutoScalingGroups) else ()
        if self._scales("cluster-autoscaler"):
            added += [max(0, each.max_size - each.desired_size) for each in groups if "Launch" not in each.suspended]
        return {name: sum(added) * size[name] for name in _RESOURCES}

    @property
    def unread(self) -> Unavailable | None:
        """What could still show that more may be added."""
        return first_unavailable(self.pools, self.components, self.groups)

    def _controls(self, pool: NodePool) -> bool:
        return self.auto_mode if pool.auto_mode else self._scales("karpenter")

    def _scales(self, name: Literal["karpenter", "cluster-autoscaler"]) -> bool:
        return isinstance(self.components, Components) and scales(self.components, name)


def _pool_nodes(pool: NodePool, size: Amounts) -> float:
    """How many nodes a NodePool may still add; one of a fixed size adds none."""
    if not pool.ready or pool.static_replicas is not None:
        return 0.0
    made = pool.used.get("nodes", 0.0)
    sizes = {name: pool.used[name] / made if made and name in pool.used else size[name] for name in _RESOURCES}
    sizes["nodes"] = 1.0
    left = [
        max(0.0, limit - pool.used.get(name, 0.0)) / sizes[name]
        for name, limit in pool.limits.items()
        if sizes.get(name)
    ]
    return min(left, default=inf)


def node_shortages(
    nodes: Nodes | Unavailable, pods: Pods | Unavailable, growth: Growth, wanted_percent: float
) -> list[str] | Unavailable:
    """Resources of which less is free than wanted, and cannot be added either."""
    if isinstance(nodes, Unavailable):
        return nodes
    of_ec2 = [each for each in nodes.nodes if each.compute != "fargate"]
    if nodes.nodes and not of_ec2:
        return []
    usable = [each for each in of_ec2 if each.ready and not each.unschedulable]
    if not usable:
        return _none_at_all(growth)
    return pods if isinstance(pods, Unavailable) else _short(usable, pods, growth, wanted_percent)


def _short(usable: Sequence[Node], pods: Pods, growth: Growth, wanted_percent: float) -> list[str] | Unavailable:
    has = {name: sum(each.allocatable.get(name, 0.0) for each in usable) for name in _RESOURCES}
    if nothing := [name for name, amount in has.items() if not amount]:
        return Unavailable(reason="unexpected", detail=f"nodes report no allocatable {_WORDS[nothing[0]]}")
    asked, percent = _asked(usable, pods), 100 - wanted_percent
    lacking = {name: (100 * asked[name] / percent if percent else inf) - has[name] for name in _RESOURCES}
    room = growth.room({name: amount / len(usable) for name, amount in has.items()})
    short = [name for name, amount in lacking.items() if amount > room[name]]
    if short and (unread := growth.unread):
        return unread
    return [f"{_WORDS[name]} of nodes: {floor(100 * (has[name] - asked[name]) / has[name])} % free" for name in short]


def _none_at_all(growth: Growth) -> list[str] | Unavailable:
    """Where no node takes pods, something must be able to bring one."""
    if growth.room(dict.fromkeys(_RESOURCES, 1.0))["pods"]:
        return []
    return growth.unread or ["nodes: none takes pods, and nothing brings one"]


def _asked(usable: Sequence[Node], pods: Pods) -> Amounts:
    names = {each.name for each in usable}
    total = dict(_NONE)
    for each in pods.requested:
        if each.node in names:
            total["cpu"] += each.cpu_cores
            total["memory"] += each.memory_bytes
            total["pods"] += each.pods
    return total
