"""What renews the nodes of a NodePool, of a node group, and outside of both.

Each answer is empty where something does, else why nothing does, or what would have to be known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import AutoScalingGroups, BottlerocketUpdates, Components, Nodes, Unavailable
from eks_readiness.domain.evidence.nodes import ComponentName, Node, NodePool
from eks_readiness.domain.evidence.rotation import AutoScalingGroup, NodegroupUpdate

_NEVER = "Never"
# Without these, an Auto Scaling group does not replace an instance that reached its lifetime.
_NEEDED = frozenset({"Launch", "Terminate"})


class Rotation(NamedTuple):
    """Everything that says who renews nodes."""

    nodes: Nodes | Unavailable
    groups: AutoScalingGroups | Unavailable
    operator: BottlerocketUpdates | Unavailable
    components: Components | Unavailable
    window: timedelta

    def of_pool(self, pool: NodePool) -> str | Unavailable:
        """EKS Auto Mode, Karpenter's expiry, or the update operator on each of its nodes; or there is none to renew."""
        if pool.auto_mode:
            return ""
        members, karpenter = self._members(lambda each: each.node_pool == pool.name), self._available("karpenter")
        options = (self._in_place(members), _left_behind(members, karpenter=karpenter))
        if pool.expire_after == _NEVER:
            return _settled("expireAfter is Never", *options)
        return _settled("Karpenter is not available", karpenter, *options)

    def of_group(self, update: NodegroupUpdate, now: datetime) -> str | Unavailable:
        """A recent version update, the lifetime of its Auto Scaling groups, or the update operator."""
        if update.updated_at is not None and now - update.updated_at <= self.window:
            return ""
        members = self._members(lambda each: each.nodegroup == update.nodegroup)
        last = f"the last was on {update.updated_at:%Y-%m-%d}" if update.updated_at else "there was none"
        beyond = Unavailable(
            reason="unsupported",
            detail=f"node group {update.nodegroup} has more updates than are looked at",
            remedy="update it once more, or waive the check",
        )
        return _settled(
            f"no version update succeeded within {self.window.days} days ({last})",
            self._limited(lambda each: each.nodegroup == update.nodegroup),
            self._in_place(members),
            beyond if update.more else False,
        )

    def of_node(self, node: Node) -> str | Unavailable:
        """The lifetime of the Auto Scaling group that made it, or the update operator."""
        return _settled(
            "in no node group, and nothing limits its life",
            self._limited(lambda each: node.instance_id in each.instance_ids),
            self._in_place([node]),
        )

    def _members(self, belongs: _NodeTest) -> list[Node] | Unavailable:
        if isinstance(self.nodes, Unavailable):
            return self.nodes
        return [each for each in self.nodes.nodes if belongs(each)]

    def _available(self, name: ComponentName) -> bool | Unavailable:
        if isinstance(self.components, Unavailable):
            return self.components
        return any(each.ready for each in self.components.named(name))

    def _limited(self, belongs: _GroupTest) -> bool | Unavailable:
        """Whether every Auto Scaling group in question replaces its instances after a time."""
        if isinstance(self.groups, Unavailable):
            return self.groups
        found = [each for each in self.groups.groups if belongs(each)]
        return bool(found) and all(
            each.max_instance_lifetime_seconds and not _NEEDED & set(each.suspended) for each in found
        )

    def _in_place(self, members: Sequence[Node] | Unavailable) -> bool | Unavailable:
        """Whether the Bottlerocket update operator updates every one of these nodes."""
        if isinstance(self.operator, Unavailable):
            return self.operator
        if not self.operator.nodes:
            return False
        if isinstance(members, Unavailable):
            return members
        if not members or any(each.name not in self.operator.nodes for each in members):
            return False
        return self._available("bottlerocket-update-operator")


_NodeTest = Callable[[Node], bool]
_GroupTest = Callable[[AutoScalingGroup], bool]


def _left_behind(members: Sequence[Node] | Unavailable, *, karpenter: bool | Unavailable) -> bool | Unavailable:
    """Whether a NodePool has no node, and Karpenter, which would make one, is not available."""
    if karpenter is True or (not isinstance(members, Unavailable) and members):
        return False
    return first_unavailable(karpenter, members) or True


def _settled(problem: str, *options: bool | Unavailable) -> str | Unavailable:
    """One mechanism is enough; without one, what could not be seen decides whether there is a problem."""
    if any(each is True for each in options):
        return ""
    return first_unavailable(*options) or problem
