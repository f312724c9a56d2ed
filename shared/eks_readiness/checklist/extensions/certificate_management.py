"""Certificate management: certificates are renewed by machines, are in order, and do not run out."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.extensions.certificates import (
    NOT_THERE,
    Healthy,
    cert_manager_state,
    overdue,
    running_out,
    secrets_in_use,
    tls_endpoints,
    unread_at_load_balancers,
    unwatched,
)
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    Addons,
    CertManager,
    Components,
    Entrances,
    LoadBalancers,
    ServingCertificates,
    Unavailable,
)
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy


@check(
    "certificate-management.automation",
    needs=(
        if_available(Components),
        if_available(Addons),
        if_available(CertManager),
        if_available(Entrances),
        if_available(LoadBalancers),
        if_available(ServingCertificates),
    ),
    required=True,
)
def certificates_renew_themselves(  # noqa: PLR0913 - one for each slice
    components: Components | Unavailable,
    addons: Addons | Unavailable,
    cert_manager: CertManager | Unavailable,
    entrances: Entrances | Unavailable,
    balancers: LoadBalancers | Unavailable,
    serving: ServingCertificates | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """cert-manager is healthy, or every TLS endpoint has a certificate that ACM renews by itself.

    ACM renews what it issued, also from a private CA; what was imported into ACM or uploaded to IAM it does not, and a
    renewal that failed or waits for somebody to validate it does not count. Certificates in Secrets need cert-manager:
    its controller and webhook must have a ready pod. Where the cluster cannot be read, its EKS add-on decides.
    Not applicable when: nothing serves TLS and cert-manager is not installed.
    Why: a certificate that somebody must remember to renew is an outage with a date.
    Fix: request the certificate in ACM with DNS validation, or install cert-manager.
    Source: https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
    """
    state = cert_manager_state(components, addons)
    if isinstance(state, Healthy):
        return passed(state.said)
    endpoints = tls_endpoints(cert_manager, entrances, balancers, serving)
    if endpoints.renewed and not endpoints.not_renewed and endpoints.unread is None:
        return passed(f"ACM renews all {endpoints.renewed} certificates of TLS endpoints")
    if isinstance(state, Unavailable):
        return state
    if endpoints.not_renewed:
        return failed(f"{state}, and not everything is renewed by ACM", endpoints.not_renewed)
    return endpoints.unread or (not_applicable("nothing serves TLS") if state == NOT_THERE else failed(state))


@check("certificate-management.ready", needs=(CertManager,), required=True)
def every_certificate_and_issuer_is_ready(cert_manager: CertManager, policy: Policy) -> Verdict | Unavailable:
    """Every Certificate, Issuer and ClusterIssuer of cert-manager is Ready.

    What is younger than ten minutes may still be on its way.
    Not applicable when: the cluster has none of them.
    Why: what is not Ready was never issued, or is not renewed any more.
    Fix: cmctl status certificate <name>; kubectl describe clusterissuer <name>
    Source: https://cert-manager.io/docs/troubleshooting/
    """
    parts = (cert_manager.certificates, cert_manager.issuers, cert_manager.cluster_issuers)
    total, bad = sum(each.total for each in parts), sum(each.not_ready.total for each in parts)
    if bad:
        names = [name for each in parts for name in each.not_ready.names]
        return failed(f"{bad} of {total} Certificates and Issuers are not Ready", names, total=bad)
    if missing := first_unavailable(*(each.unread for each in parts)):
        return missing
    if not total:
        return not_applicable("the cluster has no Certificate and no Issuer of cert-manager")
    return passed(f"all {total} Certificates and Issuers are Ready")


@check(
    "certificate-management.expiry",
    needs=(
        if_available(CertManager),
        if_available(Entrances),
        if_available(LoadBalancers),
        if_available(ServingCertificates),
    ),
    required=True,
)
def no_certificate_in_use_runs_out(
    cert_manager: CertManager | Unavailable,
    entrances: Entrances | Unavailable,
    balancers: LoadBalancers | Unavailable,
    serving: ServingCertificates | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """No certificate in use expires within `min_certificate_days_left` days.

    An imported one must be valid for `min_imported_certificate_days_left` days, for somebody must renew it.
    Looks at certificates that the cluster's load balancers serve (SNI included; uploaded to IAM counts as imported) and
    at those of cert-manager. One of cert-manager that lives less than three times that long is renewed later than
    that by design: it must not be overdue for its renewal. Secrets are never read: a certificate in a Secret that no
    Certificate of cert-manager writes leaves this unknown.
    Not applicable when: no certificate is in use.
    Why: an expired certificate takes down everything behind it at once.
    Fix: renew and import it again, or better let ACM or cert-manager issue it.
    Source: https://docs.aws.amazon.com/acm/latest/userguide/check-certificate-renewal-status.html
    """
    bad = [*running_out(serving, policy), *overdue(cert_manager, policy)]
    if bad:
        return failed(f"{len(bad)} certificates in use expire soon", bad)
    if isinstance(cert_manager, Unavailable):
        return cert_manager
    if isinstance(entrances, Unavailable):
        return entrances
    managed, secrets = cert_manager.certificates, secrets_in_use(entrances)
    if isinstance(secrets, Unavailable):
        return secrets
    unread = managed.unread or entrances.services.unread or unread_at_load_balancers(balancers, serving)
    if unread := unread or unwatched(secrets, managed):
        return unread
    in_use = managed.total + (0 if isinstance(serving, Unavailable) else len(serving.certificates))
    return passed(f"none of {in_use} certificates in use expires soon") if in_use else not_applicable("none is in use")
