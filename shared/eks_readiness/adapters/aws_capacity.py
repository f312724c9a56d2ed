"""What the region still has for the cluster: free addresses of its subnets, and quotas of vCPUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import ProbeError, RefusedRequest
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    FargateProfiles,
    Instances,
    Nodegroups,
    RegionCapacity,
    Subnets,
    Unavailable,
)
from eks_readiness.domain.evidence.capacity import ComputeQuota, ZoneAddresses
from eks_readiness.domain.evidence.network import Instance

_USAGE_WINDOW = timedelta(hours=3)
_USAGE_PERIOD_SECONDS = 300
# Quotas of running vCPUs by how instance types begin, on demand and Spot; the longest beginning counts. Source:
# https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
_STANDARD = ("L-1216C47A", "L-34B43A08")
_QUOTAS = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "m", "r", "t", "z"), _STANDARD),
    "dl": ("L-6E869C2A", "L-85EED4F7"),
    "f": ("L-74FC7D96", "L-88CF9481"),
    "g": ("L-DB2E81BA", "L-3819A6DF"),
    "gr": ("L-DB2E81BA", "L-3819A6DF"),
    "hpc": ("L-F7808C92", ""),
    "im": _STANDARD,
    "inf": ("L-1945791B", "L-B5D1601B"),
    "is": _STANDARD,
    "mac": ("", ""),
    "p": ("L-417A185B", "L-7212CCBC"),
    "trn": ("L-2C3B7624", "L-6B0D517C"),
    "u": ("L-43DA4232", ""),
    "vt": ("L-DB2E81BA", "L-3819A6DF"),
    "x": ("L-7295265B", "L-E3A00192"),
}
_P5_SPOT = "L-C4BD4855"
_FARGATE = "L-3032A538"
_NO_QUOTA = "NoSuchResourceException"


class _Wanted(NamedTuple):
    """One quota: of which service, and how many vCPUs of it the cluster's own instances use."""

    service: str
    code: str
    used_here: int


def read_capacity(aws: AwsReader, gathered: Gathered) -> RegionCapacity:
    """Free addresses by zone, and the quotas that the cluster's nodes and Fargate pods count against."""
    instances = gathered.get(Instances).instances
    profiles = gathered.get(FargateProfiles).profiles
    ip_family = gathered.get(ClusterConfiguration).ip_family
    wanted, unknown = _wanted(instances, fargate=bool(profiles))
    quotas = unless_denied(lambda: _quotas(aws, gathered, wanted))
    found = () if isinstance(quotas, Unavailable) else {each.code for each in quotas}
    absent = [] if isinstance(quotas, Unavailable) else [each.code for each in wanted if each.code not in found]
    return RegionCapacity(
        observed_at=gathered.observed_at,
        source="ec2:DescribeSubnets, service-quotas:GetServiceQuota, cloudwatch:GetMetricData",
        ip_family=ip_family,
        addresses=() if ip_family == "ipv6" else _addresses(gathered, instances),
        quotas=quotas,
        unknown_quotas=(*unknown, *absent),
    )


def _addresses(gathered: Gathered, instances: Sequence[Instance]) -> tuple[ZoneAddresses, ...] | Unavailable:
    subnets = gathered.slices[Subnets]
    if isinstance(subnets, Unavailable):
        return subnets
    used = {
        *(each.subnet_id for each in instances),
        # With custom networking pods take addresses of other subnets than their node.
        *(subnet for each in instances for subnet in each.interface_subnet_ids),
        *(subnet for each in gathered.get(Nodegroups).nodegroups for subnet in each.subnet_ids),
        *(subnet for each in gathered.get(FargateProfiles).profiles for subnet in each.subnet_ids),
    }
    zones: dict[str, ZoneAddresses] = {}
    for each in gathered.get(Subnets).subnets:
        if each.id in used and each.ipv4_addresses:
            known = zones.get(each.zone) or ZoneAddresses(zone=each.zone, free=0, total=0)
            zones[each.zone] = ZoneAddresses(
                zone=each.zone,
                free=known.free + each.free_ipv4_addresses,
                total=known.total + each.ipv4_addresses,
                subnet_ids=(*known.subnet_ids, each.id),
            )
    return tuple(zones[zone] for zone in sorted(zones))


def _wanted(instances: Iterable[Instance], *, fargate: bool) -> tuple[list[_Wanted], list[str]]:
    used: dict[str, int] = {}
    unknown: set[str] = set()
    for each in instances:
        if code := quota_code(each.instance_type, spot=each.spot):
            used[code] = used.get(code, 0) + each.vcpus
        else:
            unknown.add(f"{each.instance_type or 'an instance without type'}{' (Spot)' if each.spot else ''}")
    if not used and not unknown and not fargate:
        # Nothing runs now: what will, most likely counts against this one.
        used[_STANDARD[0]] = 0
    quotas = [_Wanted("ec2", code, used[code]) for code in sorted(used)]
    return [*quotas, *([_Wanted("fargate", _FARGATE, 0)] if fargate else [])], sorted(unknown)


def quota_code(instance_type: str, *, spot: bool) -> str:
    """The quota that an instance type counts against; empty where it is not known."""
    family = instance_type.partition(".")[0]
    letters = family[: next((at for at, each in enumerate(family) if not each.isalpha()), len(family))]
    if spot and family.startswith("p5"):
        return _P5_SPOT
    start = next((letters[:length] for length in (3, 2, 1) if letters[:length] in _QUOTAS), "")
    on_demand, of_spot = _QUOTAS.get(start, ("", ""))
    return of_spot if spot else on_demand


def _quotas(aws: AwsReader, gathered: Gathered, wanted: Sequence[_Wanted]) -> tuple[ComputeQuota, ...]:
    asked = [{"ServiceCode": each.service, "QuotaCode": each.code} for each in wanted]
    found: list[tuple[_Wanted, Mapping[str, Any]]] = []
    for each, answer in zip(wanted, aws.read_each("service-quotas", "GetServiceQuota", asked), strict=True):
        if isinstance(answer, RefusedRequest) and answer.code == _NO_QUOTA:
            continue
        if isinstance(answer, ProbeError):
            raise answer
        if answer["Quota"].get("Value") is not None:
            found.append((each, answer["Quota"]))
    usage = _usage(aws, gathered, [quota.get("UsageMetric") or {} for _, quota in found])
    return tuple(
        ComputeQuota(
            service=each.service,
            code=each.code,
            name=quota.get("QuotaName") or each.code,
            limit=quota["Value"],
            used=used,
            used_here=each.used_here,
        )
        for (each, quota), used in zip(found, usage, strict=True)
    )


def _usage(aws: AwsReader, gathered: Gathered, metrics: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The newest value of each quota's own usage metric: the whole account's, as the quota is."""
    queries = [_query(f"q{at}", each) for at, each in enumerate(metrics) if each.get("MetricName")]
    if not queries:
        return [None for _ in metrics]
    results = aws.pages(
        "cloudwatch",
        "GetMetricData",
        "MetricDataResults",
        MetricDataQueries=queries,
        StartTime=gathered.observed_at - _USAGE_WINDOW,
        EndTime=gathered.observed_at,
        ScanBy="TimestampDescending",
    )
    newest: dict[str, float] = {}
    for each in results:
        for value in each.get("Values") or ():
            newest.setdefault(each["Id"], float(value))
    return [newest.get(f"q{at}") for at in range(len(metrics))]


def _query(identifier: str, metric: Mapping[str, Any]) -> dict[str, Any]:
    found = metric.get("MetricDimensions") or {}
    dimensions = [{"Name": name, "Value": found[name]} for name in sorted(found)]
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": metric["MetricNamespace"],
                "MetricName": metric["MetricName"],
                "Dimensions": dimensions,
            },
            "Period": _USAGE_PERIOD_SECONDS,
            "Stat": metric.get("MetricStatisticRecommendation") or "Maximum",
        },
        "ReturnData": True,
    }


PROBES = (
    AwsProbe(
        provides=RegionCapacity,
        actions=("servicequotas:GetServiceQuota", "cloudwatch:GetMetricData"),
        read=read_capacity,
        after=(ClusterConfiguration, Subnets, Instances, Nodegroups, FargateProfiles),
    ),
)
"""What this module gathers."""
