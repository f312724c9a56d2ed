"""External DNS: the names of what the cluster serves are published by a machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.extensions.entrances import PublicHosts, public_hosts
from eks_readiness.checklist.shapes import IN_ORDER
from eks_readiness.domain.evidence import Addons, Components, DnsRecords, Entrances, LoadBalancers, Unavailable
from eks_readiness.domain.evidence.dns import HostRecord
from eks_readiness.domain.evidence.ingress import Host
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_ADDON = "external-dns"
_OWNER = "--txt-owner-id"
_NO_OWNER = frozenset({"", "default"})
"""Its own default is `default`: with it every cluster owns the records of all the others."""
_Judged = Literal["good", "bad", "unseen"]
_NO_PUBLIC_HOST = "the cluster has no public host"


@check(
    "external-dns.controller",
    needs=(if_available(Components), if_available(Addons), if_available(Entrances), if_available(LoadBalancers)),
    required=True,
)
def external_dns_is_available(
    components: Components | Unavailable,
    addons: Addons | Unavailable,
    entrances: Entrances | Unavailable,
    balancers: LoadBalancers | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """external-dns has a ready pod.

    A public host is one of an internet-facing Ingress or Gateway, or one that external-dns is asked for: by its
    annotation on a Service, Ingress or Gateway, or by a DNSEndpoint. Where the cluster cannot be read, the EKS add-on
    decides.
    Not applicable when: the cluster has no public host.
    Why: records made by hand are forgotten, and lead to addresses that somebody else has by now.
    Fix: aws eks create-addon --addon-name external-dns
    Source: https://docs.aws.amazon.com/eks/latest/userguide/community-addons.html
    """
    found = [] if isinstance(components, Unavailable) else _running(components)
    addon = None if isinstance(addons, Unavailable) else addons.named(_ADDON)
    broken = [f"{each.where} has {each.ready} of {each.desired} pods ready" for each in found if not each.ready]
    if addon is not None and (addon.status not in IN_ORDER or addon.health_issues):
        broken.append(f"add-on external-dns is {addon.status or 'in an unknown state'}")
    if found and not broken:
        return addons if isinstance(addons, Unavailable) else passed(f"{found[0].where} is available")
    if isinstance(components, Unavailable) and not broken:
        if addon is not None:
            return passed(f"add-on external-dns is {addon.status}; the cluster itself could not be read")
        return components
    hosts = _public(entrances, balancers)
    if isinstance(hosts, Unavailable):
        return hosts
    if hosts.public:
        said = "; ".join(broken) or "external-dns is not installed"
        return failed(f"{said}, and there are {len(hosts.public)} public hosts", _listed(hosts.public))
    return hosts.unread or not_applicable(_NO_PUBLIC_HOST)


def _running(components: Components) -> list[Component]:
    """Those that are wanted; scaled to nothing is as good as gone."""
    return [each for each in components.named("external-dns") if each.desired]


def _public(entrances: Entrances | Unavailable, balancers: LoadBalancers | Unavailable) -> PublicHosts | Unavailable:
    return entrances if isinstance(entrances, Unavailable) else public_hosts(entrances, balancers)


def _listed(hosts: list[Host]) -> list[str]:
    return sorted({f"{each.name} ({each.at})" for each in hosts})


@check(
    "external-dns.owner",
    needs=(Components, if_available(Entrances), if_available(LoadBalancers)),
    required=False,
)
def external_dns_has_an_owner_id(
    components: Components,
    entrances: Entrances | Unavailable,
    balancers: LoadBalancers | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """external-dns has an owner id of its own.

    It is given as --txt-owner-id, and is not `default`. Two of them in one cluster may share one only if they look
    after different domains, zones or kinds of zones.
    Not applicable when: the cluster has no public host and no external-dns.
    Why: two clusters with one owner id delete each other's records.
    Fix: set txtOwnerId to the cluster's name, in the chart's values or the add-on's configuration.
    Source: https://kubernetes-sigs.github.io/external-dns/latest/docs/registry/txt/
    """
    found = components.named("external-dns")
    if not found:
        hosts = _public(entrances, balancers)
        if isinstance(hosts, Unavailable):
            return hosts
        if hosts.public:
            return failed("external-dns is not installed")
        return hosts.unread or not_applicable(_NO_PUBLIC_HOST)
    if nameless := [each.where for each in found if each.flags.get(_OWNER, "").strip() in _NO_OWNER]:
        return failed("external-dns has no owner id of its own", nameless)
    times = Counter(tuple(sorted((flag, value) for flag, value in each.flags.items())) for each in found)
    if shared := [each.where for each in found if times[tuple(sorted(each.flags.items()))] > 1]:
        return failed("two of them share an owner id, domains and zones", shared)
    return passed(f"owner id {', '.join(sorted({each.flags[_OWNER] for each in found}))}")


@check(
    "external-dns.records",
    needs=(Entrances, if_available(LoadBalancers), if_available(DnsRecords)),
    required=False,
)
def every_host_has_a_record(
    entrances: Entrances,
    balancers: LoadBalancers | Unavailable,
    records: DnsRecords | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every host of an Ingress or Gateway, and every one that external-dns is asked for, has a record in Route 53.

    A host on the internet needs one in a public hosted zone, any other in a public or a private one; a wildcard record
    counts. Zones that are not in this account cannot be seen: a public host there leaves this unknown, one that only an
    internal load balancer serves is left out.
    Not applicable when: the cluster has no public host.
    Why: a host without a record is not found, however healthy what serves it.
    Fix: kubectl logs deployment/external-dns: look for its domain filter, its rights, and records that others own.
    Source: https://kubernetes-sigs.github.io/external-dns/latest/docs/tutorials/aws/
    """
    hosts = public_hosts(entrances, balancers)
    if not hosts.public:
        return hosts.unread or not_applicable(_NO_PUBLIC_HOST)
    if isinstance(records, Unavailable):
        return records
    judged = list(_judged(hosts, {each.name: each for each in records.hosts}))
    if bad := [host for host, answer in judged if answer == "bad"]:
        return failed(f"{len(bad)} of {len(judged)} hosts have no record", _listed(bad))
    unread = hosts.unread or records.unread or _unseen(hosts, balancers, judged)
    if unread is not None:
        return unread
    return passed(f"all {len(judged)} hosts have a record")


def _unseen(
    hosts: PublicHosts, balancers: LoadBalancers | Unavailable, judged: Iterable[tuple[Host, _Judged]]
) -> Unavailable | None:
    """Why some hosts could not be judged."""
    unseen = [host for host, answer in judged if answer == "unseen"]
    if unseen and hosts.unsure and isinstance(balancers, Unavailable):
        return balancers
    if not unseen:
        return None
    return Unavailable(
        reason="unsupported",
        detail=f"no hosted zone of this account tells about {', '.join(_listed(unseen)[:5])}",
        remedy="waive the check where another account or provider holds the zone",
    )


def _judged(hosts: PublicHosts, records: Mapping[str, HostRecord]) -> Iterator[tuple[Host, _Judged]]:
    kinds: tuple[tuple[list[Host], bool | None], ...] = (
        (hosts.facing, True),
        (hosts.requested, False),
        (hosts.unsure, None),
    )
    for each, facing in kinds:
        for host in each:
            # A Gateway may listen for a wildcard; the hosts of its routes are what gets records.
            if not (host.name.startswith("*.") and host.at.startswith("Gateway ")):
                yield host, _judge(records.get(host.name), facing=facing)
    for host in hosts.internal:
        record = records.get(host.name)
        if record is not None and (record.public, record.private) != ("no-zone", "no-zone"):
            yield host, _judge(record, facing=False)


def _judge(record: HostRecord | None, *, facing: bool | None) -> _Judged:
    """Whether a host has a record where those who reach it look; `facing` is None where that is not known."""
    if record is None:
        return "unseen"
    if record.public == "found":
        return "good"
    if facing is True:
        return "bad" if record.public == "missing" else "unseen"
    if record.private == "found":
        return "good" if facing is False else "unseen"
    answers = {record.public, record.private}
    return "bad" if "missing" in answers and "unread" not in answers else "unseen"
