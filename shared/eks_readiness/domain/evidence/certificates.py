"""Certificates: those that load balancers serve, and those that cert-manager looks after."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Part, Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant


class ServingCertificate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One certificate of ACM or IAM that a load balancer serves.

    `type` (AMAZON_ISSUED, PRIVATE, IMPORTED), `status` and `renewal_status` are ACM's. `used_by` names where it is in
    use. `unread` says why nothing of this is known.
    """

    arn: str
    store: Literal["acm", "iam"]
    domain: str = ""
    type: str = ""
    status: str = ""
    renewal_status: str = ""
    expires_at: Instant | None = None
    used_by: str = ""
    unread: Unavailable | None = None


class ServingCertificates(Slice, frozen=True, kw_only=True):
    """Every certificate that the cluster's load balancers name; `beyond` counts those that were not looked at."""

    certificates: tuple[ServingCertificate, ...] = ()
    beyond: int = 0


class ManagedCertificate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cert-manager Certificate (namespace/name), and the Secret that it is written to."""

    name: str
    secret: str
    not_before_at: Instant | None = None
    expires_at: Instant | None = None
    renewal_at: Instant | None = None


class CertificateSummary(Part, frozen=True, kw_only=True):
    """cert-manager's Certificates: how many, those that are not Ready, and those that expire first.

    `not_ready` leaves out new ones and those being deleted.
    """

    total: int = 0
    not_ready: Sample = Sample()
    first_to_expire: tuple[ManagedCertificate, ...] = ()


class IssuerSummary(Part, frozen=True, kw_only=True):
    """Issuers or ClusterIssuers: how many, and those that are not Ready."""

    total: int = 0
    not_ready: Sample = Sample()


class CertManager(Slice, frozen=True, kw_only=True):
    """cert-manager.io Certificates, Issuers and ClusterIssuers; `installed`: the cluster serves that API."""

    installed: bool
    certificates: CertificateSummary = CertificateSummary()
    issuers: IssuerSummary = IssuerSummary()
    cluster_issuers: IssuerSummary = IssuerSummary()
