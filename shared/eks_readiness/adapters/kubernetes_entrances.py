"""Everything in the cluster that leads traffic into it, as one slice, and the target groups that pods are put into."""

from __future__ import annotations

from datetime import datetime

import msgspec

from eks_readiness.adapters.kubernetes_gateways import read_gateway_classes, read_gateways
from eks_readiness.adapters.kubernetes_hosts import Annotations, EntranceMeta, EntranceStatus, HostFold, listed
from eks_readiness.adapters.kubernetes_ingresses import read_ingress_classes, read_ingresses
from eks_readiness.adapters.partial import part_unless_denied, unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Entrances, TargetGroupBindings
from eks_readiness.domain.evidence.ingress import MAX_HOSTS, GatewaySummary, Hosts, IngressSummary, ServiceSummary

SERVICES = Kind("", "services")
DNS_ENDPOINTS = Kind("externaldns.k8s.io", "dnsendpoints", ("v1alpha1",))
BINDINGS = (
    Kind("elbv2.k8s.aws", "targetgroupbindings", ("v1beta1",)),
    Kind("eks.amazonaws.com", "targetgroupbindings"),
)
_ADDRESS_RECORDS = frozenset({"A", "AAAA", "CNAME"})


class _ServiceSpec(msgspec.Struct, gc=False):
    type: str | None = None


class _Service(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _ServiceSpec | None = None
    status: EntranceStatus | None = None


class _Endpoint(msgspec.Struct, gc=False, rename="camel"):
    dns_name: str | None = None
    record_type: str | None = None


class _EndpointsSpec(msgspec.Struct, gc=False):
    endpoints: list[_Endpoint] | None = None


class _DnsEndpoint(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _EndpointsSpec | None = None


class _BindingSpec(msgspec.Struct, gc=False):
    target_group_arn: str | None = msgspec.field(default=None, name="targetGroupARN")


class _Binding(msgspec.Struct, gc=False):
    spec: _BindingSpec | None = None


def read_entrances(api: KubernetesReader, gathered: Gathered) -> Entrances:
    """Ingresses, Gateways and Services of type LoadBalancer, and the records that DNSEndpoints ask for."""
    at = gathered.observed_at
    return Entrances(
        observed_at=at,
        source="networking.k8s.io ingressclasses, ingresses; gateway.networking.k8s.io gatewayclasses, gateways, "
        "httproutes, grpcroutes; v1 services; externaldns.k8s.io dnsendpoints",
        ingress_classes=unless_denied(lambda: read_ingress_classes(api)),
        ingresses=part_unless_denied(IngressSummary, lambda: read_ingresses(api, at)),
        gateway_classes=unless_denied(lambda: read_gateway_classes(api)),
        gateways=part_unless_denied(GatewaySummary, lambda: read_gateways(api, at)),
        services=part_unless_denied(ServiceSummary, lambda: _services(api, at)),
        requested_records=part_unless_denied(Hosts, lambda: _requested_records(api)),
    )


def _services(api: KubernetesReader, observed_at: datetime) -> ServiceSummary:
    total, without_address, hosts = 0, Names(), HostFold()
    certificates: set[str] = set()
    for each in api.items(SERVICES, _Service):
        meta, notes = each.metadata, each.metadata.annotations or Annotations()
        addresses = (each.status or EntranceStatus()).addresses
        hosts.add(notes.requested_hosts, f"Service {meta.where}", addresses, requested=True)
        if each.spec is None or each.spec.type != "LoadBalancer":
            continue
        total += 1
        certificates.update(bounded(arn) for arn in listed(notes.service_certificates))
        if not addresses and meta.settled(observed_at):
            without_address.add(f"Service {meta.where}")
    return ServiceSummary(
        total=total,
        without_address=without_address.sample(),
        certificate_arns=tuple(sorted(certificates)[:MAX_HOSTS]),
        hosts=hosts.hosts(),
    )


def _requested_records(api: KubernetesReader) -> Hosts:
    hosts = HostFold()
    for each in api.items(DNS_ENDPOINTS, _DnsEndpoint):
        wanted = (each.spec and each.spec.endpoints) or ()
        names = (one.dns_name or "" for one in wanted if one.record_type in _ADDRESS_RECORDS)
        hosts.add(names, f"DNSEndpoint {each.metadata.where}", requested=True)
    return hosts.hosts()


def read_bindings(api: KubernetesReader, gathered: Gathered) -> TargetGroupBindings:
    """Every target group that a TargetGroupBinding names, of the controller's kind and of EKS Auto Mode's."""
    arns = {
        bounded(each.spec.target_group_arn)
        for kind in BINDINGS
        for each in api.items(kind, _Binding)
        if each.spec and each.spec.target_group_arn
    }
    return TargetGroupBindings(
        observed_at=gathered.observed_at,
        source="elbv2.k8s.aws targetgroupbindings, eks.amazonaws.com targetgroupbindings",
        target_group_arns=tuple(sorted(arns)[:MAX_HOSTS]),
        beyond=max(0, len(arns) - MAX_HOSTS),
    )


PROBES = (
    KubernetesProbe(
        provides=Entrances,
        rights=(
            Right("networking.k8s.io", "ingressclasses"),
            Right("networking.k8s.io", "ingresses"),
            Right("gateway.networking.k8s.io", "gatewayclasses"),
            Right("gateway.networking.k8s.io", "gateways"),
            Right("gateway.networking.k8s.io", "httproutes"),
            Right("gateway.networking.k8s.io", "grpcroutes"),
            Right("", "services"),
            Right("externaldns.k8s.io", "dnsendpoints"),
        ),
        read=read_entrances,
    ),
    KubernetesProbe(
        provides=TargetGroupBindings,
        rights=(Right("elbv2.k8s.aws", "targetgroupbindings"), Right("eks.amazonaws.com", "targetgroupbindings")),
        read=read_bindings,
    ),
)
"""What this module gathers."""
