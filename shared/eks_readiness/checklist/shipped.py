"""The checklist that the product ships: every declared check, and the items that only statements answer yet."""

from __future__ import annotations

from eks_readiness.checklist import collect
from eks_readiness.checklist.delivery import security_scanning
from eks_readiness.checklist.documentation import architecture_diagrams, dr_plan, runbooks, security_controls, slas_slos
from eks_readiness.checklist.extensions import backup_restore
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
from eks_readiness.checklist.operations import cluster_upgrades, incident_response
from eks_readiness.checklist.practices import compliance_documentation, secrets_encryption
from eks_readiness.checklist.security import audit_logging, network_policies, pod_security

MODULES = (
    vpc_networking,
    node_groups,
    cluster_configuration,
    core_add_ons,
    storage,
    backup_restore,
    metrics_collection,
    log_aggregation,
    distributed_tracing,
    alerting,
    dashboards,
    slo_tracking,
    pod_security,
    network_policies,
    audit_logging,
    cluster_upgrades,
    incident_response,
    security_scanning,
    architecture_diagrams,
    runbooks,
    slas_slos,
    security_controls,
    dr_plan,
    secrets_encryption,
    compliance_documentation,
)
"""One module for each item that is probed."""

_PROBED = frozenset(module.__name__.rpartition(".")[2].replace("_", "-") for module in MODULES)
ATTESTED_ITEMS = frozenset(item.id for item in ITEMS if item.id not in _PROBED)
"""Items that no probe looks at yet: a statement about the item itself answers them, otherwise they are unknown."""

CHECKLIST = collect(*MODULES, attested_items=ATTESTED_ITEMS)
"""Every check, in checklist order."""
