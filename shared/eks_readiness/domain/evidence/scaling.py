"""Auto Scaling groups of nodes that nobody manages for the user."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Slice


class ScalingGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Auto Scaling group. Sizes count instances."""

    name: str
    min_size: int = 0
    max_size: int = 0
    desired_size: int = 0


class ScalingGroups(Slice, frozen=True, kw_only=True):
    """autoscaling:DescribeAutoScalingGroups for the groups of self-managed nodes: those that started an instance."""

    groups: tuple[ScalingGroup, ...] = ()
