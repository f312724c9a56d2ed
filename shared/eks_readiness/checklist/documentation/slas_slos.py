"""SLAs & SLOs: what is promised to users."""

from __future__ import annotations

from eks_readiness.checklist.check import attested

document = attested(
    "slas-slos.document",
    required=True,
    within_days=lambda policy: policy.document_max_age_days,
    module=__name__,
    doc="""Service levels are agreed with the users of each service, with objectives to keep them.

    It was attested within `document_max_age_days` days. Where the document can be looked at (an object in S3, a
    document of Systems Manager) it is still the one that was attested.
    Why: without a promise nobody can say whether an outage was too long, or a change too risky.
    Fix: agree on indicators, objectives and what follows when they are missed, then:
        eks-readiness attest slas-slos.document --evidence s3://bucket/key
    Source: https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_monitor_aws_resources_create_dashboards.html
    """,
)
