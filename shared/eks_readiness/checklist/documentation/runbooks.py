"""Runbooks: what to do when."""

from __future__ import annotations

from eks_readiness.checklist.check import attested

document = attested(
    "runbooks.document",
    required=True,
    within_days=lambda policy: policy.document_max_age_days,
    module=__name__,
    doc="""Runbooks say what to do about the failures and changes that are to be expected.

    It was attested within `document_max_age_days` days. Where the document can be looked at (an object in S3, a
    document of Systems Manager) it is still the one that was attested.
    Why: a step that stands nowhere is left out, or made up, under pressure.
    Fix: write one for each alarm and routine change, then:
        eks-readiness attest runbooks.document --evidence s3://bucket/key
    Source: https://docs.aws.amazon.com/wellarchitected/latest/framework/ops_ready_to_support_use_runbooks.html
    """,
)
