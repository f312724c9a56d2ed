"""Gateways of the Gateway API, their classes, and the hosts of the routes attached to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from eks_readiness.adapters.kubernetes_hosts import (
    Annotations,
    EntranceMeta,
    HostFold,
    ReasonedCondition,
    UseFold,
    condition,
)
from eks_readiness.adapters.partial import part_unless_denied
from eks_readiness.adapters.probe import Kind, KubernetesReader
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence.ingress import GatewayClass, GatewaySummary, Hosts

_GROUP = "gateway.networking.k8s.io"
GATEWAY_CLASSES = Kind(_GROUP, "gatewayclasses", ("v1", "v1beta1"))
GATEWAYS = Kind(_GROUP, "gateways", ("v1", "v1beta1"))
ROUTES = (
    ("HTTPRoute", Kind(_GROUP, "httproutes", ("v1", "v1beta1"))),
    ("GRPCRoute", Kind(_GROUP, "grpcroutes", ("v1", "v1alpha2"))),
)
_TLS = frozenset({"HTTPS", "TLS"})


class _ConditionStatus(msgspec.Struct, gc=False):
    conditions: list[ReasonedCondition] | None = None


class _ClassSpec(msgspec.Struct, gc=False, rename="camel"):
    controller_name: str | None = None


class _GatewayClass(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _ClassSpec | None = None
    status: _ConditionStatus | None = None


class _Reference(msgspec.Struct, gc=False):
    kind: str | None = None
    name: str = ""
    namespace: str | None = None


class _Tls(msgspec.Struct, gc=False, rename="camel"):
    mode: str | None = None
    certificate_refs: list[_Reference] | None = None


class _Listener(msgspec.Struct, gc=False):
    protocol: str = ""
    hostname: str | None = None
    tls: _Tls | None = None


class _GatewaySpec(msgspec.Struct, gc=False, rename="camel"):
    gateway_class_name: str | None = None
    listeners: list[_Listener] | None = None


class _Address(msgspec.Struct, gc=False):
    value: str | None = None


class _GatewayStatus(msgspec.Struct, gc=False):
    conditions: list[ReasonedCondition] | None = None
    addresses: list[_Address] | None = None


class _Gateway(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _GatewaySpec | None = None
    status: _GatewayStatus | None = None


class _RouteSpec(msgspec.Struct, gc=False, rename="camel"):
    parent_refs: list[_Reference] | None = None
    hostnames: list[str] | None = None


class _Route(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _RouteSpec | None = None


def read_gateway_classes(api: KubernetesReader) -> tuple[GatewayClass, ...]:
    """Every GatewayClass; none where the Gateway API is not installed."""
    return tuple(
        GatewayClass(
            name=each.metadata.name,
            controller=bounded((each.spec and each.spec.controller_name) or ""),
            accepted=condition((each.status or _ConditionStatus()).conditions, "Accepted").status == "True",
        )
        for each in api.items(GATEWAY_CLASSES, _GatewayClass)
    )


def read_gateways(api: KubernetesReader, observed_at: datetime) -> GatewaySummary:
    """Every Gateway, with the hosts that routes bring to it."""
    total, not_programmed, uses, hosts = 0, Names(), UseFold(), HostFold()
    reached_by: dict[str, tuple[str, ...]] = {}
    for each in api.items(GATEWAYS, _Gateway):
        total += 1
        meta, spec, status = each.metadata, each.spec or _GatewaySpec(), each.status or _GatewayStatus()
        addresses = tuple(bounded(one.value, 253) for one in status.addresses or () if one.value)
        programmed = condition(status.conditions, "Programmed")
        if programmed.status != "True" and meta.settled(observed_at):
            not_programmed.add(f"Gateway {meta.where}: {programmed.reason or 'no status'}")
        secrets = list(_secrets(meta.namespace, spec))
        uses.add(
            bounded(spec.gateway_class_name or ""),
            has_address=bool(addresses),
            secrets=secrets,
            with_tls=bool(secrets),
        )
        reached_by[meta.where] = addresses
        notes = meta.annotations or Annotations()
        at = f"Gateway {meta.where}"
        hosts.add((one.hostname or "" for one in spec.listeners or ()), at, addresses)
        hosts.add(notes.requested_hosts, at, addresses, requested=True)
    return GatewaySummary(
        total=total,
        uses=uses.uses(),
        not_programmed=not_programmed.sample(),
        tls_secrets=uses.secrets(),
        tls_secrets_total=uses.secrets_total,
        hosts=hosts.hosts(),
        route_hosts=part_unless_denied(Hosts, lambda: _route_hosts(api, reached_by)),
    )


def _secrets(namespace: str, spec: _GatewaySpec) -> Iterator[str]:
    """The Secrets with which listeners end TLS; one that only passes it through needs none."""
    for listener in spec.listeners or ():
        if listener.protocol in _TLS and listener.tls and listener.tls.mode != "Passthrough":
            for reference in listener.tls.certificate_refs or ():
                if reference.kind in (None, "Secret"):
                    yield f"{reference.namespace or namespace}/{reference.name}"


def _route_hosts(api: KubernetesReader, reached_by: Mapping[str, tuple[str, ...]]) -> Hosts:
    hosts = HostFold()
    for name, kind in ROUTES:
        for each in api.items(kind, _Route):
            meta, spec = each.metadata, each.spec or _RouteSpec()
            # A route may also belong to a Service, in a mesh: that leads nothing in.
            parents = [
                f"{parent.namespace or meta.namespace}/{parent.name}"
                for parent in spec.parent_refs or ()
                if parent.kind in (None, "Gateway")
            ]
            addresses = tuple(sorted({one for parent in parents for one in reached_by.get(parent, ())}))
            at = f"{name} {meta.where}"
            if parents:
                hosts.add(spec.hostnames or (), at, addresses)
            hosts.add((meta.annotations or Annotations()).requested_hosts, at, addresses, requested=True)
    return hosts.hosts()
