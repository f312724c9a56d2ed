"""Ingresses and their classes, folded while they stream by."""

from __future__ import annotations

from datetime import datetime

import msgspec

from eks_readiness.adapters.kubernetes_hosts import Annotations, EntranceMeta, EntranceStatus, HostFold, UseFold
from eks_readiness.adapters.probe import Kind, KubernetesReader
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence.ingress import IngressClass, IngressSummary

INGRESS_CLASSES = Kind("networking.k8s.io", "ingressclasses")
INGRESSES = Kind("networking.k8s.io", "ingresses")
INTERNET_FACING = "internet-facing"


class _ClassSpec(msgspec.Struct, gc=False):
    controller: str | None = None


class _IngressClass(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _ClassSpec | None = None


class _Tls(msgspec.Struct, gc=False, rename="camel"):
    secret_name: str | None = None


class _Rule(msgspec.Struct, gc=False):
    host: str | None = None


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    ingress_class_name: str | None = None
    tls: list[_Tls] | None = None
    rules: list[_Rule] | None = None


class _Ingress(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _Spec | None = None
    status: EntranceStatus | None = None


def read_ingress_classes(api: KubernetesReader) -> tuple[IngressClass, ...]:
    """Every IngressClass."""
    return tuple(
        IngressClass(
            name=each.metadata.name,
            controller=bounded((each.spec and each.spec.controller) or ""),
            default=(each.metadata.annotations or Annotations()).default_class == "true",
        )
        for each in api.items(INGRESS_CLASSES, _IngressClass)
    )


def read_ingresses(api: KubernetesReader, observed_at: datetime) -> IngressSummary:
    """Every Ingress."""
    total, without_address, uses, hosts = 0, Names(), UseFold(), HostFold()
    for each in api.items(INGRESSES, _Ingress):
        total += 1
        meta, spec = each.metadata, each.spec or _Spec()
        notes = meta.annotations or Annotations()
        addresses = (each.status or EntranceStatus()).addresses
        if not addresses and meta.settled(observed_at):
            without_address.add(f"Ingress {meta.where}")
        # The field wins over the annotation that was used before there were classes.
        uses.add(
            bounded(spec.ingress_class_name or notes.ingress_class or ""),
            legacy=not spec.ingress_class_name and bool(notes.ingress_class),
            has_address=bool(addresses),
            secrets=[f"{meta.namespace}/{tls.secret_name}" for tls in spec.tls or () if tls.secret_name],
            with_tls=bool(spec.tls),
        )
        at, facing = f"Ingress {meta.where}", notes.alb_scheme == INTERNET_FACING
        hosts.add((rule.host or "" for rule in spec.rules or ()), at, addresses, internet_facing=facing)
        hosts.add(notes.requested_hosts, at, addresses, requested=True, internet_facing=facing)
    return IngressSummary(
        total=total,
        uses=uses.uses(),
        without_address=without_address.sample(),
        tls_secrets=uses.secrets(),
        tls_secrets_total=uses.secrets_total,
        hosts=hosts.hosts(),
    )
