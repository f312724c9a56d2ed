"""The checklist that the product ships: every declared check, and the items that only statements answer yet."""

from __future__ import annotations

from eks_readiness.checklist import collect
from eks_readiness.checklist.delivery import compliance_checks, cost_estimation, security_scanning
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
from eks_readiness.checklist.operations import capacity_planning, cluster_upgrades, incident_response, node_rotation
from eks_readiness.checklist.practices import compliance_documentation, cost_optimization, secrets_encryption
from eks_readiness.checklist.security import audit_logging, network_policies, node_hardening, pod_security

MODULES = (
    vpc_networking,
    node_groups,
    cluster_configuration,
    core_add_ons,
    storage,
    backup_restore,
    pod_security,
    network_policies,
    audit_logging,
    node_hardening,
    cluster_upgrades,
    node_rotation,
    capacity_planning,
    incident_response,
    security_scanning,
    cost_estimation,
    compliance_checks,
    architecture_diagrams,
    runbooks,
    slas_slos,
    security_controls,
    dr_plan,
    secrets_encryption,
    compliance_documentation,
    cost_optimization,
)
"""One module for each item that is probed."""

_PROBED = frozenset(module.__name__.rpartition(".")[2].replace("_", "-") for module in MODULES)
ATTESTED_ITEMS = frozenset(item.id for item in ITEMS if item.id not in _PROBED)
"""Items that no probe looks at yet: a statement about the item itself answers them, otherwise they are unknown."""

CHECKLIST = collect(*MODULES, attested_items=ATTESTED_ITEMS)
"""Every check, in checklist order."""
