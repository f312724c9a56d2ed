"""Certificates in use: who renews them, when they end, and what of that cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from eks_readiness.checklist.extensions.entrances import ending_tls_inside
from eks_readiness.checklist.shapes import IN_ORDER, first_unavailable
from eks_readiness.domain.evidence import (
    Addons,
    CertManager,
    Components,
    Entrances,
    LoadBalancers,
    ServingCertificates,
    Unavailable,
)
from eks_readiness.domain.evidence.certificates import CertificateSummary, ManagedCertificate, ServingCertificate
from eks_readiness.domain.evidence.ingress import TlsSecret
from eks_readiness.domain.evidence.nodes import ComponentName
from eks_readiness.domain.policy import Policy

_RENEWED = frozenset({"AMAZON_ISSUED", "PRIVATE"})
_RENEWAL_IN_ORDER = frozenset({"", "PENDING_AUTO_RENEWAL", "SUCCESS"})
_ISSUED = "ISSUED"
_PARTS: tuple[ComponentName, ...] = ("cert-manager", "cert-manager-webhook", "cert-manager-cainjector")
_NEEDED: tuple[ComponentName, ...] = ("cert-manager", "cert-manager-webhook")
_ADDON = "cert-manager"
NOT_THERE = "cert-manager is not installed"


class Healthy(NamedTuple):
    """cert-manager is healthy, in words."""

    said: str


def cert_manager_state(
    components: Components | Unavailable, addons: Addons | Unavailable
) -> Healthy | str | Unavailable:
    """That cert-manager is healthy, or what is wrong with it, or why that cannot be told."""
    addon = None if isinstance(addons, Unavailable) else addons.named(_ADDON)
    if addon is not None and (addon.status not in IN_ORDER or addon.health_issues):
        return f"add-on cert-manager is {addon.status or 'in an unknown state'}"
    if isinstance(components, Unavailable):
        said = f"add-on cert-manager is {addon.status}; the cluster itself could not be read" if addon else ""
        return Healthy(said) if said else components
    found = [each for name in _PARTS for each in components.named(name)]
    if not found:
        return NOT_THERE
    down = [f"{each.where} has {each.ready} of {each.desired} pods ready" for each in found if not each.ready]
    if down or (missing := [name for name in _NEEDED if not components.named(name)]):
        return f"cert-manager is down: {'; '.join(down or [f'{name} is missing' for name in missing])}"
    if isinstance(addons, Unavailable):
        return addons
    return Healthy("cert-manager is healthy")


class TlsEndpoints(NamedTuple):
    """How many TLS endpoints ACM renews, which it does not, and what could not be told."""

    renewed: int
    not_renewed: list[str]
    unread: Unavailable | None


def tls_endpoints(
    cert_manager: CertManager | Unavailable,
    entrances: Entrances | Unavailable,
    balancers: LoadBalancers | Unavailable,
    serving: ServingCertificates | Unavailable,
) -> TlsEndpoints:
    """Everything that serves TLS, sorted by whether ACM renews its certificate."""
    served = () if isinstance(serving, Unavailable) else serving.certificates
    problems = {each.arn: _renewal_problem(each) for each in served if each.unread is None}
    bad = [f"{_named(each)}: {problems[each.arn]}" for each in served if problems.get(each.arn)]
    unread = unread_at_load_balancers(balancers, serving)
    if isinstance(entrances, Unavailable):
        unread = unread or entrances
    else:
        inside, unclear = ending_tls_inside(entrances)
        bad += [f"{each.with_tls} of class {each.name or '(none)'} take certificates from Secrets" for each in inside]
        unread = unread or unclear or entrances.services.unread
    if isinstance(cert_manager, Unavailable):
        unread = unread or cert_manager
    else:
        unread = unread or cert_manager.certificates.unread
        if total := cert_manager.certificates.total:
            bad.append(f"{total} Certificates of cert-manager")
    return TlsEndpoints(len(problems), bad, unread)


def _named(each: ServingCertificate) -> str:
    return f"{each.domain or each.arn} ({each.used_by})"


def _renewal_problem(each: ServingCertificate) -> str:
    if each.store == "iam":
        return "uploaded to IAM, nothing renews it"
    if each.type not in _RENEWED:
        return "imported, nothing renews it" if each.type == "IMPORTED" else f"of unknown type {each.type}"
    if each.renewal_status not in _RENEWAL_IN_ORDER:
        return f"its renewal is {each.renewal_status}"
    return ""


def unread_at_load_balancers(
    balancers: LoadBalancers | Unavailable, serving: ServingCertificates | Unavailable
) -> Unavailable | None:
    """What is not known of the certificates that load balancers serve."""
    if isinstance(balancers, Unavailable) or isinstance(serving, Unavailable):
        return first_unavailable(balancers, serving)
    listeners = [each.tls_listeners for each in balancers.load_balancers]
    unread = first_unavailable(
        *listeners,
        *(one.unread for each in listeners if not isinstance(each, Unavailable) for one in each),
        *(each.unread for each in serving.certificates),
    )
    if unread is None and balancers.beyond + serving.beyond:
        return Unavailable(reason="unsupported", detail="the cluster has more load balancers than are looked at")
    return unread


def running_out(serving: ServingCertificates | Unavailable, policy: Policy) -> Iterator[str]:
    """Certificates at load balancers that are not valid, or not for long."""
    for each in () if isinstance(serving, Unavailable) else serving.certificates:
        if each.unread is None and each.status not in ("", _ISSUED):
            yield f"{_named(each)}: {each.status}"
        elif each.expires_at is not None and not isinstance(serving, Unavailable):
            renewed = each.store == "acm" and each.type in _RENEWED
            days = policy.min_certificate_days_left if renewed else policy.min_imported_certificate_days_left
            if each.expires_at - serving.observed_at < timedelta(days=days):
                yield f"{_named(each)}: {_until(each.expires_at)}"


def overdue(cert_manager: CertManager | Unavailable, policy: Policy) -> Iterator[str]:
    """Certificates of cert-manager that are not valid for long, and should have been renewed."""
    if isinstance(cert_manager, Unavailable):
        return
    at, limit = cert_manager.observed_at, timedelta(days=policy.min_certificate_days_left)
    for each in cert_manager.certificates.first_to_expire:
        if each.expires_at is None or each.expires_at - at >= limit:
            continue
        if (
            each.expires_at > at
            and _lives_shortly(each, limit)
            and each.renewal_at is not None
            and each.renewal_at > at
        ):
            continue
        yield f"Certificate {each.name}: {_until(each.expires_at)}"


def _lives_shortly(each: ManagedCertificate, limit: timedelta) -> bool:
    """Whether renewing it at a third of its life, as cert-manager does, comes later than the limit."""
    lifetime = None if each.not_before_at is None or each.expires_at is None else each.expires_at - each.not_before_at
    return lifetime is not None and lifetime < 3 * limit


def _until(instant: datetime) -> str:
    return f"until {instant:%Y-%m-%d %H:%M} UTC"


def secrets_in_use(entrances: Entrances) -> tuple[TlsSecret, ...] | Unavailable:
    """Secrets from which something that ends TLS in the cluster takes its certificate."""
    inside, unread = ending_tls_inside(entrances)
    if unread is not None:
        return unread
    names = {each.name for each in inside}
    summaries = (entrances.ingresses, entrances.gateways)
    if sum(each.tls_secrets_total - len(each.tls_secrets) for each in summaries):
        return Unavailable(reason="unsupported", detail="Ingresses name more Secrets than are looked at")
    return tuple(one for each in summaries for one in each.tls_secrets if one.class_name in names)


def unwatched(secrets: tuple[TlsSecret, ...], managed: CertificateSummary) -> Unavailable | None:
    """Certificates whose end nobody can tell: those in Secrets that cert-manager does not write."""
    written = {each.secret for each in managed.first_to_expire}
    unknown = [each.secret for each in secrets if each.secret not in written]
    if not unknown:
        return None
    return Unavailable(
        reason="unsupported",
        detail=f"{len(unknown)} certificates are in Secrets, which are never read: {', '.join(unknown[:5])}",
        remedy="let a Certificate of cert-manager write them, or waive the check",
    )
