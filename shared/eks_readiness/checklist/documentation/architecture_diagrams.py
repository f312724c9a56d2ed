"""Architecture diagrams: how the system is built."""

from __future__ import annotations

from eks_readiness.checklist.check import attested

document = attested(
    "architecture-diagrams.document",
    required=True,
    within_days=lambda policy: policy.diagram_max_age_days,
    module=__name__,
    doc="""Architecture diagrams show how the cluster, and what it depends on, is built.

    It was attested within `diagram_max_age_days` days. Where the document can be looked at (an object in S3, a
    document of Systems Manager) it is still the one that was attested.
    Why: whoever is called at night must find the part that fails, and what depends on it.
    Fix: draw networks, accounts, data and trust boundaries, then:
        eks-readiness attest architecture-diagrams.document --evidence s3://bucket/key
    Source: https://docs.aws.amazon.com/wellarchitected/latest/framework/rel_planning_network_topology.html
    """,
)
