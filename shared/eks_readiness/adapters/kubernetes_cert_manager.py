"""cert-manager, as its custom resources tell about it."""

from __future__ import annotations

from heapq import nsmallest

import msgspec

from eks_readiness.adapters.kubernetes_hosts import EntranceMeta, ReasonedCondition, condition
from eks_readiness.adapters.partial import part_unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import CertManager
from eks_readiness.domain.evidence.certificates import CertificateSummary, IssuerSummary, ManagedCertificate
from eks_readiness.domain.evidence.ingress import MAX_HOSTS
from eks_readiness.domain.instant import Instant

_GROUP = "cert-manager.io"
CERTIFICATES = Kind(_GROUP, "certificates")
ISSUERS = Kind(_GROUP, "issuers")
CLUSTER_ISSUERS = Kind(_GROUP, "clusterissuers")
_COMPACT_AT = 2 * MAX_HOSTS


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    secret_name: str | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    conditions: list[ReasonedCondition] | None = None
    not_before: Instant | None = None
    not_after: Instant | None = None
    renewal_time: Instant | None = None


class _Object(msgspec.Struct, gc=False):
    metadata: EntranceMeta
    spec: _Spec | None = None
    status: _Status | None = None


def read_cert_manager(api: KubernetesReader, gathered: Gathered) -> CertManager:
    """Certificates, and what issues them."""
    source = "cert-manager.io certificates, issuers, clusterissuers"
    if api.serves(CERTIFICATES) is None:
        return CertManager(observed_at=gathered.observed_at, source=source, installed=False)
    return CertManager(
        observed_at=gathered.observed_at,
        source=source,
        installed=True,
        certificates=part_unless_denied(CertificateSummary, lambda: _certificates(api, gathered)),
        issuers=part_unless_denied(IssuerSummary, lambda: _issuers(api, ISSUERS, "Issuer", gathered)),
        cluster_issuers=part_unless_denied(
            IssuerSummary, lambda: _issuers(api, CLUSTER_ISSUERS, "ClusterIssuer", gathered)
        ),
    )


def _certificates(api: KubernetesReader, gathered: Gathered) -> CertificateSummary:
    total, not_ready = 0, Names()
    kept: list[ManagedCertificate] = []
    for each in api.items(CERTIFICATES, _Object):
        total += 1
        if why := _not_ready(each, gathered):
            not_ready.add(f"Certificate {each.metadata.where}: {why}")
        status = each.status or _Status()
        kept.append(
            ManagedCertificate(
                name=each.metadata.where,
                secret=bounded(f"{each.metadata.namespace}/{(each.spec and each.spec.secret_name) or ''}"),
                not_before_at=status.not_before,
                expires_at=status.not_after,
                renewal_at=status.renewal_time,
            )
        )
        if len(kept) >= _COMPACT_AT:
            kept = _first_to_expire(kept)
    return CertificateSummary(total=total, not_ready=not_ready.sample(), first_to_expire=tuple(_first_to_expire(kept)))


def _first_to_expire(certificates: list[ManagedCertificate]) -> list[ManagedCertificate]:
    """Those that end first; those that never began come last."""
    return nsmallest(
        MAX_HOSTS,
        certificates,
        key=lambda each: (each.expires_at is None, each.expires_at.timestamp() if each.expires_at else 0, each.name),
    )


def _issuers(api: KubernetesReader, kind: Kind, name: str, gathered: Gathered) -> IssuerSummary:
    total, not_ready = 0, Names()
    for each in api.items(kind, _Object):
        total += 1
        if why := _not_ready(each, gathered):
            not_ready.add(f"{name} {each.metadata.where}: {why}")
    return IssuerSummary(total=total, not_ready=not_ready.sample())


def _not_ready(each: _Object, gathered: Gathered) -> str:
    """Why it is not Ready, though it is neither new nor being deleted; empty where it is."""
    ready = condition((each.status or _Status()).conditions, "Ready")
    if ready.status == "True" or not each.metadata.settled(gathered.observed_at):
        return ""
    return ready.reason or "no status"


PROBES = (
    KubernetesProbe(
        provides=CertManager,
        rights=(Right(_GROUP, "certificates"), Right(_GROUP, "issuers"), Right(_GROUP, "clusterissuers")),
        read=read_cert_manager,
    ),
)
"""What this module gathers."""
