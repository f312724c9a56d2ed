"""What the security groups of nodes let in on port 22, and whether the volumes that nodes start from are encrypted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eks_readiness.adapters.aws_lists import by_filter
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.evidence import (
    MAX_SAMPLE,
    Instances,
    NodeSecurityGroups,
    NodeVolumes,
    Sample,
    Unavailable,
)
from eks_readiness.domain.evidence.hardening import NodeSecurityGroup

_SSH = 22


def read_security_groups(aws: AwsReader, gathered: Gathered) -> NodeSecurityGroups:
    """Every security group of the cluster's instances."""
    wanted = sorted({group for each in gathered.get(Instances).instances for group in each.security_group_ids})
    found = {each["GroupId"]: each for each in by_filter(aws, "DescribeSecurityGroups", "group-id", wanted)}
    lists: dict[str, tuple[str, ...] | Unavailable] = {}
    return NodeSecurityGroups(
        observed_at=gathered.observed_at,
        source="ec2:DescribeSecurityGroups, ec2:GetManagedPrefixListEntries",
        groups=tuple(_group(aws, found[each], lists) for each in wanted if each in found),
        missing=tuple(each for each in wanted if each not in found),
    )


def _group(
    aws: AwsReader, found: Mapping[str, Any], lists: dict[str, tuple[str, ...] | Unavailable]
) -> NodeSecurityGroup:
    rules = [each for each in found.get("IpPermissions") or () if lets_ssh_in(each)]
    cidrs = {str(one["CidrIp"]) for each in rules for one in each.get("IpRanges") or ()}
    cidrs |= {str(one["CidrIpv6"]) for each in rules for one in each.get("Ipv6Ranges") or ()}
    unread = None
    for named in sorted({str(one["PrefixListId"]) for each in rules for one in each.get("PrefixListIds") or ()}):
        if named not in lists:
            lists[named] = _entries(aws, named)
        entries = lists[named]
        if isinstance(entries, Unavailable):
            unread = entries
        else:
            cidrs |= set(entries)
    return NodeSecurityGroup(
        id=found["GroupId"], name=found.get("GroupName") or "", ssh_cidrs=tuple(sorted(cidrs)), unread=unread
    )


def lets_ssh_in(rule: Mapping[str, Any]) -> bool:
    """Whether an ingress rule is about port 22 of TCP.

    -1 is every protocol and then has no ports; protocols come by name or by number; all ports of TCP come as none, -1.
    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """
    protocol = str(rule.get("IpProtocol"))
    if protocol == "-1":
        return True
    first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
    return protocol in ("tcp", "6") and (-1 in (first, last) or first <= _SSH <= last)


def _entries(aws: AwsReader, prefix_list: str) -> tuple[str, ...] | Unavailable:
    return unless_denied(
        lambda: tuple(
            str(each["Cidr"])
            for each in aws.pages("ec2", "GetManagedPrefixListEntries", "Entries", PrefixListId=prefix_list)
            if each.get("Cidr")
        )
    )


def read_volumes(aws: AwsReader, gathered: Gathered) -> NodeVolumes:
    """The volumes that the cluster's instances start from, folded."""
    # Instances whose root device lies on the host's own disks have no root volume; those disks are always encrypted.
    instances = [each for each in gathered.get(Instances).instances if not each.instance_store_root]
    wanted = {volume: each.id for each in instances for volume in each.volume_ids}
    encrypted = {
        str(each["VolumeId"]): bool(each.get("Encrypted"))
        for each in by_filter(aws, "DescribeVolumes", "volume-id", sorted(wanted), IncludeManagedResources=True)
    }
    named = {volume: f"{instance} ({volume})" for volume, instance in wanted.items()}
    unknown = [each.id for each in instances if not each.volume_ids]
    unknown += [named[volume] for volume in wanted if volume not in encrypted]
    return NodeVolumes(
        observed_at=gathered.observed_at,
        source="ec2:DescribeVolumes",
        encrypted=sum(encrypted.get(volume, False) for volume in wanted),
        plain=_sample([named[volume] for volume in wanted if encrypted.get(volume) is False]),
        unknown=_sample(unknown),
    )


def _sample(names: Sequence[str]) -> Sample:
    return Sample(total=len(names), names=tuple(sorted(names)[:MAX_SAMPLE]))


PROBES = (
    AwsProbe(
        provides=NodeSecurityGroups,
        actions=("ec2:DescribeSecurityGroups", "ec2:GetManagedPrefixListEntries"),
        read=read_security_groups,
        after=(Instances,),
    ),
    AwsProbe(provides=NodeVolumes, actions=("ec2:DescribeVolumes",), read=read_volumes, after=(Instances,)),
)
"""What this module gathers."""
