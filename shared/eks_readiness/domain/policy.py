"""The thresholds that a verdict depends on: fleet defaults, each replaceable for the fleet or for one cluster."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from eks_readiness.domain.errors import InputError
from eks_readiness.domain.item import RequiredLevel

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Days = Annotated[float, Meta(gt=0, le=3650)]
Hours = Annotated[float, Meta(gt=0, le=87_600)]
Minutes = Annotated[float, Meta(gt=0, le=100_000)]
Glob = Annotated[str, Meta(min_length=1, max_length=100)]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every threshold with its unit and default. A check reads its limits here and nowhere else."""

    # infrastructure
    min_zones: Count = 2
    """Availability zones that cluster subnets and Ready nodes must lie in."""
    min_free_control_plane_addresses: Count = 6
    """Free IPv4 addresses per cluster subnet; AWS needs them for an upgrade.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    """
    min_address_headroom: Count = 16
    """Free IPv4 addresses per cluster subnet that AWS recommends."""
    min_node_subnet_free_percent: Percent = 20
    """Share of a node subnet's IPv4 addresses that is free."""
    max_node_pool_limit_used_percent: Percent = 90
    """Use of a NodePool's limits from which there is no headroom."""
    accepted_os: tuple[str, ...] = ("bottlerocket",)
    """Operating systems accepted on Linux nodes: bottlerocket, al2023, ubuntu, rhel. Auto Mode always counts."""
    max_pending_minutes: Minutes = 15
    """How long a pod may be unschedulable."""

    # backup
    max_backup_age_hours: Hours = 26
    """Age up to which a backup is recent; 1.2 times its schedule's interval if that is longer."""

    # extensions
    min_certificate_days_left: Days = 14
    """Time that a certificate in use must still be valid; longer than any renewal takes."""
    min_imported_certificate_days_left: Days = 30
    """The same for certificates imported into ACM, which nothing renews by itself."""
    min_enforcing_policies: Count = 1
    """Policies that must enforce, rather than audit or warn, on workload namespaces."""
    max_policy_audit_age_hours: Hours = 24
    """Age up to which a policy engine's last audit is fresh."""
    min_synced_secrets_percent: Percent = 95
    """Share of external secrets that must be synced and fresh."""

    # observability
    max_metrics_silence_minutes: Minutes = 15
    """How long the cluster's metrics may have no data point."""
    min_log_agent_nodes_percent: Percent = 95
    """Share of nodes on which a log agent must be ready."""
    max_log_silence_hours: Hours = 2
    """How long the log sink may have no event; CloudWatch shows new events up to an hour late."""
    max_trace_silence_hours: Hours = 1
    """How long no trace of the cluster may have arrived."""
    min_alert_rules: Count = 5
    """Alarms and alert rules about the cluster."""

    # security
    min_scanned_images_percent: Percent = 95
    """Share of running images that must have been scanned."""
    max_image_scan_age_days: Days = 30
    """Age up to which an image's scan counts, unless it is scanned continuously."""
    max_secret_age_days: Days = 90
    """Time within which every referenced secret must have been rotated."""
    max_cluster_admins: Count = 5
    """Principals that may hold cluster-admin."""
    max_imds_hop_limit: Annotated[int, Meta(ge=1, le=64)] = 2
    """Hops that an answer of the instance metadata service may make; 2 lets pods reach it."""

    # operations
    max_node_age_days: Days = 30
    """Age that 95 of 100 nodes must not exceed."""
    max_node_image_age_days: Days = 45
    """How far a node's image may be behind the newest of its family."""
    max_managed_update_age_days: Days = 45
    """Time within which a node group's update must have succeeded for it to count as rotated by updates."""
    max_restore_test_age_days: Days = 90
    """Time within which a restore or an attested drill must have been completed."""
    min_capacity_headroom_percent: Percent = 20
    """Share of node capacity, addresses and service quotas that must be free."""
    min_pods_with_requests_percent: Percent = 90
    """Share of pods that must declare CPU and memory requests."""
    min_automated_changes_percent: Percent = 90
    """Share of EKS write calls that automation must have made."""
    change_window_days: Days = 30
    """How far back EKS write calls are looked at; CloudTrail keeps 90 days."""
    automation_principals: tuple[Glob, ...] = (
        "*pipeline*",
        "*codebuild*",
        "*github*",
        "*gitlab*",
        "*jenkins*",
        "*terraform*",
        "*atlantis*",
        "*spacelift*",
        "*cloudformation*",
        "*cdk-*",
        "*argocd*",
        "*flux*",
        "*crossplane*",
        "*automation*",
        "*deploy*",
        "AWSServiceRole*",
    )
    """Role names (shell patterns, any case) whose calls count as made by automation."""

    # delivery and practices
    max_pipeline_run_age_days: Days = 30
    """Age up to which a green pipeline run counts."""
    max_drift_check_age_days: Days = 7
    """Age up to which a drift check counts."""
    max_cost_estimate_age_days: Days = 90
    """Age up to which an attested cost estimate counts."""
    max_compliance_scan_age_days: Days = 7
    """Age up to which a compliance framework's evaluation is fresh."""
    max_chaos_experiment_age_days: Days = 90
    """Time within which a chaos experiment must have been completed."""
    max_open_savings_percent: Percent = 10
    """Open savings recommendations, as a share of what the cluster costs."""

    # documents
    diagram_max_age_days: Days = 365
    """Age up to which attested architecture diagrams count."""
    document_max_age_days: Days = 180
    """Age up to which any other attested document counts."""

    # namespaces
    exempt_namespaces: tuple[Glob, ...] = (
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "amazon-*",
        "aws-observability",
    )
    """Namespaces (shell patterns) that pod security, network policy and backup coverage do not judge."""

    # upgrades
    allow_extended_support: bool = False
    """Whether a version in extended support satisfies `cluster-upgrades.supported-version`."""
    min_support_left_days: Days = 60
    """Standard support that should be left."""

    # attestations
    procedure_max_age_days: Days = 180
    """Age up to which an attested procedure, plan or process counts."""

    iac_scan_max_age_days: Days = 30
    """Age up to which an attested scan of infrastructure code counts."""
    compliance_evidence_max_age_days: Days = 365
    """Age up to which an attested package of compliance evidence counts."""

    # audit logs
    max_audit_silence_hours: Hours = 2
    """How long the audit log may have no event."""
    min_audit_retention_days: Days = 90
    """How long audit logs are kept at least."""

    # level changes
    improve_after_scans: Annotated[int, Meta(ge=1, le=10)] = 2
    """Scans in a row that must prove a higher level before it is published."""
    stale_after_intervals: Annotated[float, Meta(ge=1, le=100)] = 2.5
    """Scan intervals without proof after which the shown level is unknown."""
    max_level_events_per_day: Annotated[int, Meta(ge=1, le=100)] = 3
    """Level changes of one cluster that are told one by one in 24 hours; further ones are told together."""
    expiry_notice_days: Days = 14
    """How long before its end an attestation's, waiver's or certificate's expiry is announced."""

    # the rule
    level_rule: Annotated[str, Meta(pattern="^(seed|strict)$")] = "seed"
    """Which rule says from which level an item is required: `seed`, or `strict` (every high item at level 1)."""
    item_levels: dict[str, RequiredLevel] = {}
    """Single items required from another level than the rule says: item id → level."""


THRESHOLDS: frozenset[str] = frozenset(Policy.__struct_fields__)


def parse_policy(overrides: dict[str, object], *, where: str) -> Policy:
    """Make a policy from overrides of the defaults.

    Raises:
        InputError: an unknown threshold or a value out of range; the message names it and `where`.
    """
    for name in overrides:
        if name not in THRESHOLDS:
            message = f"{where}: unknown threshold {name!r}"
            raise InputError(message, remedy=f"known: {', '.join(sorted(THRESHOLDS))}")
    try:
        return msgspec.convert(overrides, Policy)
    except msgspec.ValidationError as error:
        message = f"{where}: {error}"
        raise InputError(message, remedy="see the thresholds in docs/checks.md") from error
