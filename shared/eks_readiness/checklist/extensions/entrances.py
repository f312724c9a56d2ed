"""Which classes the cluster's Ingresses and Gateways are of, who ends their TLS, and which hosts the public sees."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import Entrances, LoadBalancers, Unavailable
from eks_readiness.domain.evidence.ingress import (
    ClassUse,
    GatewayClass,
    Host,
    IngressClass,
)

_AT_THE_LOAD_BALANCER = ("ingress.k8s.aws/", "eks.amazonaws.com/", "gateway.k8s.aws/")
"""Controllers that end TLS at a load balancer of AWS, with certificates of ACM: they read no Secret."""
SOME_CONTROLLER = "*"
"""Stands for the one that gave Ingresses without a class their addresses."""
_LEGACY_CONTROLLERS = {
    "alb": "ingress.k8s.aws/alb",
    "nginx": "k8s.io/ingress-nginx",
    "traefik": "traefik.io/ingress-controller",
    "haproxy": "haproxy-ingress.github.io/controller",
    "kong": "ingress-controllers.konghq.com/kong",
    "contour": "projectcontour.io/ingress-controller",
    "istio": "istio.io/ingress-controller",
    "cilium": "cilium.io/ingress-controller",
    "ambassador": "getambassador.io/ingress-controller",
    "apisix": "apisix.apache.org/apisix-ingress",
}
"""What the annotation `kubernetes.io/ingress.class` means where no IngressClass has that name."""
# Application and Classic Load Balancers tell by their name which they are; Network Load Balancers do not.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
_NAME_TELLS = re.compile(r"(?:dualstack\.)?(?P<internal>internal-)?[^.]+\.[a-z0-9-]+\.elb\.amazonaws\.com(?:\.cn)?")


class Served(NamedTuple):
    """One class in use: its controller, or what is wrong with it, or why neither is known."""

    what: str
    controller: str = ""
    problem: str = ""
    unread: Unavailable | None = None


def classes_in_use(entrances: Entrances) -> list[Served]:
    """Every class that an Ingress or a Gateway is of."""
    ingresses, gateways = entrances.ingresses, entrances.gateways
    return [
        *(_ingress_class(use, entrances.ingress_classes) for use in ingresses.uses),
        *(_gateway_class(use, entrances.gateway_classes) for use in gateways.uses),
    ]


def _ingress_class(use: ClassUse, classes: tuple[IngressClass, ...] | Unavailable) -> Served:
    what = f"IngressClass {use.name}" if use.name else f"{use.total} Ingresses without a class"
    if isinstance(classes, Unavailable):
        return Served(what, unread=classes)
    wanted = [each for each in classes if (each.name == use.name if use.name else each.default)]
    if wanted:
        return Served(what, wanted[0].controller)
    if use.legacy and use.name in _LEGACY_CONTROLLERS:
        return Served(what, _LEGACY_CONTROLLERS[use.name])
    if use.legacy:
        return Served(what)
    if not use.name and use.with_address == use.total:
        return Served(what, SOME_CONTROLLER)
    return Served(what, problem="there is no such class" if use.name else "there is no default class")


def _gateway_class(use: ClassUse, classes: tuple[GatewayClass, ...] | Unavailable) -> Served:
    what = f"GatewayClass {use.name}"
    if isinstance(classes, Unavailable):
        return Served(what, unread=classes)
    found = next((each for each in classes if each.name == use.name), None)
    if found is None:
        return Served(what, problem="there is no such class")
    return Served(what, found.controller, problem="" if found.accepted else "no controller has accepted it")


def first_unread(entrances: Entrances) -> Unavailable | None:
    """Ingresses or Gateways that could not be read."""
    return entrances.ingresses.unread or entrances.gateways.unread


def ending_tls_inside(entrances: Entrances) -> tuple[list[ClassUse], Unavailable | None]:
    """Classes whose Ingresses or Gateways end TLS in the cluster; the second part says what could not be told."""
    inside: list[ClassUse] = []
    unread = first_unread(entrances)
    uses = [*entrances.ingresses.uses, *entrances.gateways.uses]
    for use, served in zip(uses, classes_in_use(entrances), strict=True):
        if not use.with_tls or served.controller.startswith(_AT_THE_LOAD_BALANCER):
            continue
        if served.unread is not None:
            unread = unread or served.unread
        else:
            inside.append(use)
    return inside, unread


class PublicHosts(NamedTuple):
    """Every host, by who can reach it; `unread` says what could not be told.

    `requested` are those that external-dns is asked for and that the internet does not reach; of `unsure` ones only
    that they are asked for is known. `internal` are all others.
    """

    facing: list[Host]
    requested: list[Host]
    unsure: list[Host]
    internal: list[Host]
    unread: Unavailable | None

    @property
    def public(self) -> list[Host]:
        """Hosts that the internet reaches, or that external-dns is asked for."""
        return [*self.facing, *self.requested, *self.unsure]


def public_hosts(entrances: Entrances, balancers: LoadBalancers | Unavailable) -> PublicHosts:
    """Sort every host by who can reach it."""
    found = PublicHosts([], [], [], [], entrances.unread_hosts)
    for host in (one for each in entrances.hosts for one in each.hosts):
        seen = _internet_facing(host, balancers)
        if isinstance(seen, Unavailable) and not host.requested:
            found = found._replace(unread=found.unread or seen)
        elif isinstance(seen, Unavailable):
            found.unsure.append(host)
        else:
            (found.facing if seen else found.requested if host.requested else found.internal).append(host)
    if beyond := sum(each.total - len(each.hosts) for each in entrances.hosts):
        more = Unavailable(reason="unsupported", detail=f"the cluster has {beyond} hosts more than are looked at")
        found = found._replace(unread=found.unread or more)
    return found


def _internet_facing(host: Host, balancers: LoadBalancers | Unavailable) -> bool | Unavailable:
    if not host.addresses:
        return host.internet_facing
    answers = [_address_is_public(address, balancers) for address in host.addresses]
    if True in answers:
        return True
    return first_unavailable(*answers) or False


def _address_is_public(address: str, balancers: LoadBalancers | Unavailable) -> bool | Unavailable:
    if told := _NAME_TELLS.fullmatch(address.lower()):
        return told["internal"] is None
    try:
        return ip_address(address).is_global
    except ValueError:
        pass
    if isinstance(balancers, Unavailable):
        return balancers
    name = address.lower().removeprefix("dualstack.")
    schemes = {each.scheme for each in balancers.load_balancers if each.dns_name == name}
    if not schemes:
        return Unavailable(
            reason="unsupported",
            detail=f"whether {address} can be reached from the internet is not known",
            remedy="tag its load balancer with elbv2.k8s.aws/cluster",
        )
    return schemes == {"internet-facing"}
