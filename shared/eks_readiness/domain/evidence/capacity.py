"""What the account and the region still have for a cluster: free addresses, and quotas of compute."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable


class ZoneAddresses(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The IPv4 addresses of one zone's subnets in which nodes and pods are or may be put."""

    zone: str
    free: int
    total: int
    subnet_ids: tuple[str, ...] = ()


class ComputeQuota(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One quota of vCPUs, of the kind that the cluster uses. `service` is ec2 or fargate.

    `used` is what the whole account uses in the region; None where CloudWatch has no figure. `used_here` is what the
    cluster's own instances use.
    """

    service: str
    code: str
    name: str
    limit: float
    used: float | None = None
    used_here: int = 0


class RegionCapacity(Slice, frozen=True, kw_only=True):
    """Free addresses by zone, and the quotas (service-quotas:GetServiceQuota, cloudwatch:GetMetricData).

    In a cluster of IPv6 pods take no IPv4 addresses: `addresses` is then empty. `unknown_quotas` names instance types
    in use of which the quota is not known to us, and quotas that have no value here.
    """

    ip_family: str = "ipv4"
    addresses: tuple[ZoneAddresses, ...] | Unavailable = ()
    quotas: tuple[ComputeQuota, ...] | Unavailable = ()
    unknown_quotas: tuple[str, ...] = ()
