"""DR plan: how service is restored after a disaster."""

from __future__ import annotations

from eks_readiness.checklist.check import attested

document = attested(
    "dr-plan.document",
    required=True,
    within_days=lambda policy: policy.document_max_age_days,
    module=__name__,
    doc="""A disaster recovery plan says how service is restored, by whom, and how long that may take.

    It was attested within `document_max_age_days` days. Where the document can be looked at (an object in S3, a
    document of Systems Manager) it is still the one that was attested.
    Why: after the loss of a region there is no time to find out in which order things come back.
    Fix: write down objectives (RTO, RPO), order, people, and rehearse it, then:
        eks-readiness attest dr-plan.document --evidence s3://bucket/key
    Source: https://docs.aws.amazon.com/whitepapers/latest/disaster-recovery-workloads-on-aws/disaster-recovery-options-in-the-cloud.html
    """,
)
