"""The checklist that the product ships: every declared check, and the items that only statements answer yet."""

from __future__ import annotations

from eks_readiness.checklist import collect
from eks_readiness.checklist.delivery import (
    compliance_checks,
    cost_estimation,
    drift_detection,
    infrastructure_testing,
    security_scanning,
)
from eks_readiness.checklist.documentation import architecture_diagrams, dr_plan, runbooks, security_controls, slas_slos
from eks_readiness.checklist.extensions import (
    backup_restore,
    certificate_management,
    external_dns,
    ingress_control,
    policy_enforcement,
    secrets_management,
    service_mesh,
)
from eks_readiness.checklist.infrastructure import (
    cluster_configuration,
    core_add_ons,
    node_groups,
    storage,
    vpc_networking,
)
from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.observability import (
    alerting,
    dashboards,
    distributed_tracing,
    log_aggregation,
    metrics_collection,
    slo_tracking,
)
from eks_readiness.checklist.operations import (
    capacity_planning,
    change_management,
    cluster_upgrades,
    dr_testing,
    incident_response,
    node_rotation,
)
from eks_readiness.checklist.practices import (
    automated_remediation,
    chaos_engineering,
    compliance_documentation,
    cost_optimization,
    infrastructure_pipeline,
    secrets_encryption,
)
from eks_readiness.checklist.security import (
    audit_logging,
    iam_controls,
    image_scanning,
    network_policies,
    node_hardening,
    pod_security,
    secret_rotation,
)

MODULES = (
    vpc_networking,
    node_groups,
    cluster_configuration,
    core_add_ons,
    storage,
    backup_restore,
    certificate_management,
    ingress_control,
    policy_enforcement,
    secrets_management,
    service_mesh,
    external_dns,
    metrics_collection,
    log_aggregation,
    distributed_tracing,
    alerting,
    dashboards,
    slo_tracking,
    pod_security,
    network_policies,
    image_scanning,
    secret_rotation,
    iam_controls,
    audit_logging,
    node_hardening,
    cluster_upgrades,
    node_rotation,
    dr_testing,
    capacity_planning,
    incident_response,
    change_management,
    infrastructure_testing,
    drift_detection,
    security_scanning,
    cost_estimation,
    compliance_checks,
    architecture_diagrams,
    runbooks,
    slas_slos,
    security_controls,
    dr_plan,
    secrets_encryption,
    infrastructure_pipeline,
    chaos_engineering,
    compliance_documentation,
    cost_optimization,
    automated_remediation,
)
"""One module for each item that is probed."""

_PROBED = frozenset(module.__name__.rpartition(".")[2].replace("_", "-") for module in MODULES)
ATTESTED_ITEMS = frozenset(item.id for item in ITEMS if item.id not in _PROBED)
"""Items that no probe looks at yet: a statement about the item itself answers them, otherwise they are unknown."""

CHECKLIST = collect(*MODULES, attested_items=ATTESTED_ITEMS)
"""Every check, in checklist order."""
