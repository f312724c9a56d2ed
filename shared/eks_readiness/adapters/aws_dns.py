"""Which of the cluster's hosts have a record in the account's Route 53."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.evidence import DnsRecords, Entrances, Unavailable
from eks_readiness.domain.evidence.dns import Answered, HostRecord
from eks_readiness.domain.evidence.ingress import MAX_HOSTS

MAX_ZONES = 20
"""Hosted zones that are read: Route 53 answers an account only five times a second."""
MAX_RECORDS = 10_000
"""Records that are read of a zone: as many as it holds by default.

Source: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html
"""
_ADDRESS_RECORDS = frozenset({"A", "AAAA", "CNAME"})
_WILDCARD = "\\052"  # how Route 53 writes an asterisk


class _Zone(NamedTuple):
    id: str
    name: str
    private: bool

    def holds(self, host: str) -> bool:
        return host == self.name or host.endswith(f".{self.name}")


class _Read(NamedTuple):
    """What was read of one zone: names with an address, among those that were looked for."""

    names: frozenset[str]
    complete: bool


def hosts_of(entrances: Entrances) -> tuple[str, ...]:
    """Every host that was kept, each once."""
    names = {host.name for part in entrances.hosts for host in part.hosts}
    return tuple(sorted(names)[:MAX_HOSTS])


def read_records(aws: AwsReader, gathered: Gathered) -> DnsRecords:
    """For each host, whether the zones that hold its name have a record with an address for it."""
    source = "route53:ListHostedZones, route53:ListResourceRecordSets"
    hosts = hosts_of(gathered.get(Entrances))
    if not hosts:
        return DnsRecords(observed_at=gathered.observed_at, source=source)
    zones = [_zone(each) for each in aws.pages("route53", "ListHostedZones", "HostedZones")]
    wanted = {zone for host in hosts for private in (False, True) for zone in _zones_of(host, zones, private=private)}
    read: dict[_Zone, _Read] = {}
    unread: Unavailable | None = None
    for zone in sorted(wanted)[:MAX_ZONES]:
        found = unless_denied(lambda zone=zone: _read(aws, zone, hosts))  # type: ignore[misc] # bound now, not later
        if isinstance(found, Unavailable):
            unread = found
        else:
            read[zone] = found
    return DnsRecords(
        observed_at=gathered.observed_at,
        source=source,
        hosts=tuple(
            HostRecord(
                name=host,
                public=_answer(host, _zones_of(host, zones, private=False), read),
                private=_answer(host, _zones_of(host, zones, private=True), read),
            )
            for host in hosts
        ),
        unread=unread,
    )


def _zone(found: dict[str, Any]) -> _Zone:
    return _Zone(
        id=found["Id"].removeprefix("/hostedzone/"),
        name=found["Name"].lower().rstrip("."),
        private=bool((found.get("Config") or {}).get("PrivateZone")),
    )


def _zones_of(host: str, zones: Iterable[_Zone], *, private: bool) -> list[_Zone]:
    """The zones with the longest name that holds the host: DNS asks no other. There may be several private ones."""
    holding = [zone for zone in zones if zone.private == private and zone.holds(host)]
    longest = max((len(zone.name) for zone in holding), default=0)
    return [zone for zone in holding if len(zone.name) == longest]


def _read(aws: AwsReader, zone: _Zone, hosts: Iterable[str]) -> _Read:
    looked_for = {name for host in hosts if zone.holds(host) for name in _covering(host)}
    records = aws.pages("route53", "ListResourceRecordSets", "ResourceRecordSets", HostedZoneId=zone.id)
    names: set[str] = set()
    for each in islice(records, MAX_RECORDS):
        if each["Type"] in _ADDRESS_RECORDS:
            name = each["Name"].replace(_WILDCARD, "*").lower().rstrip(".")
            if name in looked_for:
                names.add(name)
    return _Read(frozenset(names), complete=next(records, None) is None)


def _covering(host: str) -> Iterator[str]:
    """The names of records that answer for a host: its own, and wildcards above it."""
    yield host
    _, _, parent = host.partition(".")
    while parent:
        yield f"*.{parent}"
        _, _, parent = parent.partition(".")


def _answer(host: str, zones: Iterable[_Zone], read: dict[_Zone, _Read]) -> Answered:
    zones = list(zones)
    found = [read[zone] for zone in zones if zone in read]
    if any(name in each.names for each in found for name in _covering(host)):
        return "found"
    if not zones:
        return "no-zone"
    return "missing" if len(found) == len(zones) and all(each.complete for each in found) else "unread"


PROBES = (
    AwsProbe(
        provides=DnsRecords,
        actions=("route53:ListHostedZones", "route53:ListResourceRecordSets"),
        read=read_records,
        after=(Entrances,),
    ),
)
"""What this module gathers."""
