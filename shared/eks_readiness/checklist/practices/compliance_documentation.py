"""Compliance documentation: evidence is packaged for auditors."""

from __future__ import annotations

from eks_readiness.checklist.check import attested

evidence = attested(
    "compliance-documentation.evidence",
    required=True,
    within_days=lambda policy: policy.compliance_evidence_max_age_days,
    module=__name__,
    doc="""A package of compliance evidence exists, attested within `compliance_evidence_max_age_days` days.

    Why: an auditor asks for evidence of a whole period, which cannot be made afterwards.
    Fix: gather it (reports, approvals, scans), then: eks-readiness attest compliance-documentation.evidence
    Source: https://docs.aws.amazon.com/audit-manager/latest/userguide/what-is.html
    """,
)
