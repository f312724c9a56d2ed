"""What leads traffic into the cluster: Ingresses, Gateways and Services, the load balancers of AWS behind them."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from eks_readiness.domain.evidence.slice import Part, Sample, Slice, Unavailable

MAX_HOSTS = 2_000
"""Hosts, TLS Secrets and certificates kept of each kind; what lies beyond is counted, and no check calls it good."""
SETTLING = timedelta(minutes=10)
"""How long something new may take to get its address or certificate: longer than AWS takes to make a load balancer."""


class Host(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One host name that something in the cluster answers to, or that external-dns is asked to publish.

    `at` is where it is written, like `Ingress shop/storefront`; `addresses` are what that is reached by, as its status
    says. `requested`: an annotation for external-dns or a DNSEndpoint asks for its record. `internet_facing` is what
    annotations say; only what has no address yet is judged by it.
    """

    name: str
    at: str
    addresses: tuple[str, ...] = ()
    requested: bool = False
    internet_facing: bool = False


class Hosts(Part, frozen=True, kw_only=True):
    """Host names of one kind of object: how many, and the first `MAX_HOSTS` of them."""

    total: int = 0
    hosts: tuple[Host, ...] = ()


class TlsSecret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Secret (namespace/name) from which a class of Ingresses or Gateways takes a certificate; it is never read."""

    secret: str
    class_name: str


class ClassUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many objects are of one class, how many have an address, how many end TLS with a certificate of the cluster.

    `name` is empty for Ingresses that name no class; `legacy` where the annotation of old names it.
    """

    name: str
    legacy: bool = False
    total: int = 0
    with_address: int = 0
    with_tls: int = 0


class IngressClass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One IngressClass; `default`: Ingresses without a class get it."""

    name: str
    controller: str
    default: bool = False


class GatewayClass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GatewayClass; `accepted` is its condition: a controller knows it."""

    name: str
    controller: str
    accepted: bool = False


class IngressSummary(Part, frozen=True, kw_only=True):
    """Every Ingress, folded. `without_address` leaves out new ones and those being deleted."""

    total: int = 0
    uses: tuple[ClassUse, ...] = ()
    without_address: Sample = Sample()
    tls_secrets: tuple[TlsSecret, ...] = ()
    tls_secrets_total: int = 0
    hosts: Hosts = Hosts()


class GatewaySummary(Part, frozen=True, kw_only=True):
    """Every Gateway, folded. `not_programmed` leaves out new ones and those being deleted.

    `hosts` are those of its listeners, `route_hosts` those of the routes attached to it.
    """

    total: int = 0
    uses: tuple[ClassUse, ...] = ()
    not_programmed: Sample = Sample()
    tls_secrets: tuple[TlsSecret, ...] = ()
    tls_secrets_total: int = 0
    hosts: Hosts = Hosts()
    route_hosts: Hosts = Hosts()


class ServiceSummary(Part, frozen=True, kw_only=True):
    """Services of type LoadBalancer, folded, and the hosts that any Service is annotated with for external-dns.

    `without_address` leaves out new ones and those being deleted. `certificate_arns` are those that annotations name.
    """

    total: int = 0
    without_address: Sample = Sample()
    certificate_arns: tuple[str, ...] = ()
    hosts: Hosts = Hosts()


class Entrances(Slice, frozen=True, kw_only=True):
    """Everything in the cluster that leads traffic into it. A part that may not be read says so itself.

    `requested_records` are the hosts of DNSEndpoints.
    """

    ingress_classes: tuple[IngressClass, ...] | Unavailable = ()
    ingresses: IngressSummary = IngressSummary()
    gateway_classes: tuple[GatewayClass, ...] | Unavailable = ()
    gateways: GatewaySummary = GatewaySummary()
    services: ServiceSummary = ServiceSummary()
    requested_records: Hosts = Hosts()

    @property
    def hosts(self) -> tuple[Hosts, ...]:
        """Hosts of every kind of object."""
        gateways = self.gateways
        return (self.ingresses.hosts, gateways.hosts, gateways.route_hosts, self.services.hosts, self.requested_records)

    @property
    def unread_hosts(self) -> Unavailable | None:
        """Why some hosts are not known."""
        parts = (self.ingresses, self.gateways, self.gateways.route_hosts, self.services, self.requested_records)
        return next((each.unread for each in parts if each.unread is not None), None)


class Listener(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One listener that ends TLS, with every certificate that it may answer with (SNI included).

    `unread` says why only the default certificate is known.
    """

    arn: str
    port: int
    protocol: str
    certificate_arns: tuple[str, ...] = ()
    unread: Unavailable | None = None


class LoadBalancer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One load balancer that serves the cluster. `type` is application or network, `scheme` the API's."""

    arn: str
    name: str
    type: str
    scheme: str
    dns_name: str = ""
    tls_listeners: tuple[Listener, ...] | Unavailable = ()


class LoadBalancers(Slice, frozen=True, kw_only=True):
    """Application and Network Load Balancers tagged for the cluster; `beyond` counts those that were not looked at."""

    load_balancers: tuple[LoadBalancer, ...] = ()
    beyond: int = 0


class TargetGroupBindings(Slice, frozen=True, kw_only=True):
    """The target groups that TargetGroupBindings put pods into; `beyond` counts those that were not kept."""

    target_group_arns: tuple[str, ...] = ()
    beyond: int = 0


class TargetGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target group: how many targets it has, how many of them are healthy. `unread` says why that is not known."""

    name: str
    healthy: int = 0
    targets: int = 0
    unread: Unavailable | None = None


class TargetGroups(Slice, frozen=True, kw_only=True):
    """Target groups behind the cluster's load balancers; `beyond` counts those that were not looked at."""

    groups: tuple[TargetGroup, ...] = ()
    beyond: int = 0
