"""Rules about extensions: more than a sample names, or than one scan looks at."""

from __future__ import annotations

from eks_readiness.checklist.extensions.certificate_management import every_certificate_and_issuer_is_ready
from eks_readiness.checklist.extensions.external_dns import every_host_has_a_record
from eks_readiness.checklist.extensions.policy_enforcement import policies_enforce_on_workloads
from eks_readiness.domain.evidence import (
    AdmissionPolicies,
    CertManager,
    DnsRecords,
    Entrances,
    LoadBalancers,
    Unavailable,
)
from eks_readiness.domain.evidence.certificates import CertificateSummary
from eks_readiness.domain.evidence.ingress import Host, Hosts, IngressSummary
from eks_readiness.domain.evidence.policies import EnginePolicies
from eks_readiness.domain.finding import failed
from tests.checklist.observed import POLICY, components, sample, seen

NAMES = tuple(f"shop/name-{number:02}" for number in range(50))


def test_certificates_that_are_not_ready_are_counted_beyond_the_sample() -> None:
    """Fifty of sixty are named."""
    certificates = CertificateSummary(total=70, not_ready=sample(*NAMES, total=60))
    answer = every_certificate_and_issuer_is_ready(seen(CertManager, installed=True, certificates=certificates), POLICY)
    assert answer == failed("60 of 70 Certificates and Issuers are not Ready", NAMES, total=60)


def test_policies_that_do_not_enforce_are_counted_beyond_the_sample() -> None:
    """Fifty of sixty are named."""
    policies = seen(AdmissionPolicies, engines={"kyverno": EnginePolicies(lenient=sample(*NAMES, total=60))})
    answer = policies_enforce_on_workloads(components(), policies, POLICY)
    assert answer == failed("0 policies enforce on workload namespaces, 60 do not enforce", NAMES, total=60)


def test_a_host_whose_records_nobody_looked_for_is_unknown() -> None:
    """A scan looks for the records of so many hosts; the others are not missing for that."""
    host = Host(name="shop.example.com", at="Ingress shop/storefront", internet_facing=True)
    entrances = seen(Entrances, ingresses=IngressSummary(total=1, hosts=Hosts(total=1, hosts=(host,))))
    answer = every_host_has_a_record(entrances, seen(LoadBalancers), seen(DnsRecords), POLICY)
    assert isinstance(answer, Unavailable)
    assert answer.detail.endswith("tells about shop.example.com (Ingress shop/storefront)")
