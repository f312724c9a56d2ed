"""Rules about extensions: more offenders than a sample names."""

from __future__ import annotations

from eks_readiness.checklist.extensions.certificate_management import every_certificate_and_issuer_is_ready
from eks_readiness.checklist.extensions.policy_enforcement import policies_enforce_on_workloads
from eks_readiness.domain.evidence import AdmissionPolicies, CertManager
from eks_readiness.domain.evidence.certificates import CertificateSummary
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
