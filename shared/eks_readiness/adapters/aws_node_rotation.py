"""Updates of managed node groups, and the Auto Scaling groups behind the cluster's instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import ProbeError, RefusedRequest
from eks_readiness.domain.evidence import AutoScalingGroups, Instances, Nodegroups, NodegroupUpdates
from eks_readiness.domain.evidence.rotation import AutoScalingGroup, NodegroupUpdate

MAX_UPDATES = 600
"""Updates that one scan looks at, over all node groups: each costs a call."""
_OF_A_GROUP = range(4, 41)
"""How many of them are spent on one node group: four at least, forty at most."""
_GROUPS = 50
"""Names that one call of autoscaling:DescribeAutoScalingGroups takes.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingGroups.html
"""
_GONE = "ResourceNotFoundException"


def read_updates(aws: AwsReader, gathered: Gathered) -> NodegroupUpdates:
    """The newest successful version update of each managed node group."""
    groups = gathered.get(Nodegroups).nodegroups
    share = MAX_UPDATES // max(1, len(groups))
    looked_at = min(max(share, _OF_A_GROUP.start), _OF_A_GROUP.stop - 1)
    return NodegroupUpdates(
        observed_at=gathered.observed_at,
        source="eks:ListUpdates, eks:DescribeUpdate",
        updates=tuple(_newest(aws, gathered.cluster.name, each.name, looked_at) for each in groups),
    )


def _newest(aws: AwsReader, cluster: str, nodegroup: str, looked_at: int) -> NodegroupUpdate:
    try:
        listed = list(aws.pages("eks", "ListUpdates", "updateIds", name=cluster, nodegroupName=nodegroup))
    except RefusedRequest as error:
        if error.code != _GONE:
            raise
        listed = []
    # EKS does not say in which order it lists them; in whichever, the newest are at one end.
    ends = [*listed[: looked_at // 2], *listed[-(looked_at // 2) :]] if len(listed) > looked_at else listed
    asked = [{"name": cluster, "nodegroupName": nodegroup, "updateId": each} for each in ends]
    began = [
        at for answer in aws.read_each("eks", "DescribeUpdate", asked) if (at := _version_update(answer)) is not None
    ]
    return NodegroupUpdate(nodegroup=nodegroup, updated_at=max(began, default=None), more=len(listed) > len(ends))


def _version_update(answer: Mapping[str, Any] | ProbeError) -> datetime | None:
    if isinstance(answer, RefusedRequest) and answer.code == _GONE:
        return None
    if isinstance(answer, ProbeError):
        raise answer
    update = answer["update"]
    if update.get("type") != "VersionUpdate" or update.get("status") != "Successful":
        return None
    began: datetime | None = update.get("createdAt")
    return began


def read_groups(aws: AwsReader, gathered: Gathered) -> AutoScalingGroups:
    """The Auto Scaling groups of managed node groups, and those that made other instances of the cluster."""
    owners = {name: each.name for each in gathered.get(Nodegroups).nodegroups for name in each.auto_scaling_groups}
    # Nodes of self-managed groups are told by what EC2 Auto Scaling itself tags its instances with.
    by_tag = {each.auto_scaling_group for each in gathered.get(Instances).instances if each.auto_scaling_group}
    wanted = sorted(owners.keys() | by_tag)
    return AutoScalingGroups(
        observed_at=gathered.observed_at,
        source="autoscaling:DescribeAutoScalingGroups",
        groups=tuple(_group(each, owners) for each in _described(aws, wanted)),
    )


def _described(aws: AwsReader, names: Sequence[str]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(names), _GROUPS):
        batch = list(names[start : start + _GROUPS])
        found += aws.pages("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups", AutoScalingGroupNames=batch)
    return found


def _group(found: Mapping[str, Any], owners: Mapping[str, str]) -> AutoScalingGroup:
    name, members = found["AutoScalingGroupName"], found.get("Instances") or ()
    return AutoScalingGroup(
        name=name,
        nodegroup=owners.get(name, ""),
        desired_size=found.get("DesiredCapacity") or 0,
        max_size=found.get("MaxSize") or 0,
        max_instance_lifetime_seconds=found.get("MaxInstanceLifetime") or 0,
        suspended=tuple(sorted(str(each.get("ProcessName")) for each in found.get("SuspendedProcesses") or ())),
        instance_ids=() if name in owners else tuple(sorted(each["InstanceId"] for each in members)),
    )


PROBES = (
    AwsProbe(
        provides=NodegroupUpdates,
        actions=("eks:ListUpdates", "eks:DescribeUpdate"),
        read=read_updates,
        after=(Nodegroups,),
    ),
    AwsProbe(
        provides=AutoScalingGroups,
        actions=("autoscaling:DescribeAutoScalingGroups",),
        read=read_groups,
        after=(Nodegroups, Instances),
    ),
)
"""What this module gathers."""
