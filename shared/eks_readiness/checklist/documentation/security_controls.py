"""Security controls: which controls are in place."""

from __future__ import annotations

from eks_readiness.checklist.check import attested

document = attested(
    "security-controls.document",
    required=True,
    within_days=lambda policy: policy.document_max_age_days,
    module=__name__,
    doc="""The security controls of the cluster are written down, each with its owner.

    It was attested within `document_max_age_days` days. Where the document can be looked at (an object in S3, a
    document of Systems Manager) it is still the one that was attested.
    Why: a control that nobody owns is switched off by the next change, and nobody notices.
    Fix: list controls, owners, and the risk that each answers, then:
        eks-readiness attest security-controls.document --evidence s3://bucket/key
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/security.html
    """,
)
