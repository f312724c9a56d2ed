"""How nodes get new images: updates of node groups, groups that replace instances, images and their age."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable
from eks_readiness.domain.instant import Instant


class NodegroupUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When the newest successful version update of one managed node group began; None where there is none.

    `more`: the group has more updates than were looked at.
    """

    nodegroup: str
    updated_at: Instant | None = None
    more: bool = False


class NodegroupUpdates(Slice, frozen=True, kw_only=True):
    """eks:ListUpdates and DescribeUpdate: one entry for each managed node group."""

    updates: tuple[NodegroupUpdate, ...] = ()


class AutoScalingGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Auto Scaling group. Sizes count instances; `nodegroup` is the managed node group that EKS made it for.

    `max_instance_lifetime_seconds` is 0 where instances live for ever. `suspended` names suspended processes.
    `instance_ids` are kept of self-managed groups only.
    """

    name: str
    nodegroup: str = ""
    desired_size: int = 0
    max_size: int = 0
    max_instance_lifetime_seconds: int = 0
    suspended: tuple[str, ...] = ()
    instance_ids: tuple[str, ...] = ()


class AutoScalingGroups(Slice, frozen=True, kw_only=True):
    """autoscaling:DescribeAutoScalingGroups for those of node groups and of the cluster's instances."""

    groups: tuple[AutoScalingGroup, ...] = ()

    @property
    def self_managed(self) -> tuple[AutoScalingGroup, ...]:
        """Those that no managed node group owns."""
        return tuple(each for each in self.groups if not each.nodegroup)


class BottlerocketUpdates(Slice, frozen=True, kw_only=True):
    """BottlerocketShadows of the Bottlerocket update operator: one for each node that it updates in place.

    `nodes` are those whose shadow reports a known state without a crash, `failing` the others, as `node (why)`.
    """

    installed: bool = False
    nodes: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()


class NodeImage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One machine image that instances run; those of EKS Auto Mode are AWS's business and left out.

    `family` names the series of releases that it belongs to, as its publisher names it; empty for a custom image.
    `created_at` is None where EC2 does not know the image any more. `newest_created_at` is when the family's newest
    release was made: None where its publisher names none in this region.
    """

    id: str
    instances: int
    name: str = ""
    family: str = ""
    created_at: Instant | None = None
    newest_id: str = ""
    newest_created_at: Instant | Unavailable | None = None


class NodeImages(Slice, frozen=True, kw_only=True):
    """ec2:DescribeImages for the images of the cluster's instances, and ssm:GetParameters for their newest releases.

    `beyond` counts images that were not looked at: there were too many.
    """

    images: tuple[NodeImage, ...] = ()
    beyond: int = 0
