"""Auto Scaling groups of self-managed nodes."""

from __future__ import annotations

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.evidence import Instances, ScalingGroups
from eks_readiness.domain.evidence.scaling import ScalingGroup

_BATCH = 50
"""Names that one call takes.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingGroups.html
"""


def read_groups(aws: AwsReader, gathered: Gathered) -> ScalingGroups:
    """The groups that started the cluster's self-managed instances, as the instances' own tags name them."""
    names = sorted({each.scaling_group for each in gathered.get(Instances).instances} - {""})
    found = [
        each
        for start in range(0, len(names), _BATCH)
        for each in aws.pages(
            "autoscaling",
            "DescribeAutoScalingGroups",
            "AutoScalingGroups",
            AutoScalingGroupNames=names[start : start + _BATCH],
        )
    ]
    return ScalingGroups(
        observed_at=gathered.observed_at,
        source="autoscaling:DescribeAutoScalingGroups",
        groups=tuple(
            ScalingGroup(
                name=each["AutoScalingGroupName"],
                min_size=each.get("MinSize") or 0,
                max_size=each.get("MaxSize") or 0,
                desired_size=each.get("DesiredCapacity") or 0,
            )
            for each in found
        ),
    )


PROBES = (
    AwsProbe(
        provides=ScalingGroups,
        actions=("autoscaling:DescribeAutoScalingGroups",),
        read=read_groups,
        after=(Instances,),
    ),
)
"""What this module gathers."""
