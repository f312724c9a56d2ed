"""How hard nodes are to break into: what their security groups let in, and whether their own volumes are encrypted."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable


class NodeSecurityGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One security group of the cluster's instances: from which addresses it lets port 22 in.

    `ssh_cidrs` holds them as CIDRs, those of prefix lists resolved; rules that name other groups are no addresses.
    `unread` says why a prefix list that is let in could not be resolved.
    """

    id: str
    name: str = ""
    ssh_cidrs: tuple[str, ...] = ()
    unread: Unavailable | None = None


class NodeSecurityGroups(Slice, frozen=True, kw_only=True):
    """ec2:DescribeSecurityGroups for the security groups of the cluster's instances; `missing` EC2 did not answer."""

    groups: tuple[NodeSecurityGroup, ...] = ()
    missing: tuple[str, ...] = ()


class NodeVolumes(Slice, frozen=True, kw_only=True):
    """ec2:DescribeVolumes for the volumes that the cluster's instances start from.

    `plain` holds those that are not encrypted, `unknown` instances of which no root volume is known or volumes that EC2
    did not answer for; both named `instance (volume)`. `encrypted` counts the others.
    """

    encrypted: int = 0
    plain: Sample = Sample()
    unknown: Sample = Sample()
