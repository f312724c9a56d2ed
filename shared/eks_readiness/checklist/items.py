"""The 47 items, as data: category, priority, and the level from which the `seed` rule requires each.

The `seed` rule requires an item at the lowest level at which the written criteria or the missing-lists of the checklist
document demand it; the remaining high and all medium items at level 2, low ones at 3. docs/levels.md states where the
document contradicts itself and what is done about it.
"""

from __future__ import annotations

from eks_readiness.domain.item import Category, Item, ItemId, Priority, RequiredLevel
from eks_readiness.domain.policy import Policy

_Row = tuple[str, str, Priority, RequiredLevel, str]

_ROWS: dict[Category, tuple[_Row, ...]] = {
    "infrastructure": (
        ("vpc-networking", "VPC & networking", "high", 1, "several zones, enough addresses, private nodes"),
        ("node-groups", "Node groups", "high", 1, "healthy nodes that scale, on a hardened operating system"),
        ("cluster-configuration", "Cluster configuration", "high", 1, "private endpoint, control plane logs, health"),
        ("core-add-ons", "Core add-ons", "high", 1, "pod network, DNS and service proxy"),
        ("storage", "Storage", "high", 1, "EBS driver, volumes encrypted with KMS"),
    ),
    "extensions": (
        ("backup-restore", "Backup & restore", "high", 1, "recent, complete backups of the cluster"),
        (
            "certificate-management",
            "Certificate management",
            "high",
            2,
            "TLS certificates issued and renewed by software",
        ),
        ("ingress-control", "Ingress control", "high", 2, "traffic enters through a supported controller"),
        ("policy-enforcement", "Policy enforcement", "medium", 2, "admission policies that refuse"),
        ("secrets-management", "Secrets management", "high", 2, "secrets come from a vault and stay in sync"),
        ("service-mesh", "Service mesh", "low", 3, "mutual TLS between services"),
        ("external-dns", "External DNS", "medium", 2, "DNS records follow the cluster"),
    ),
    "observability": (
        ("metrics-collection", "Metrics collection", "high", 1, "node and pod metrics arrive"),
        ("log-aggregation", "Log aggregation", "high", 1, "logs of every node arrive in one place"),
        ("distributed-tracing", "Distributed tracing", "medium", 2, "requests can be followed across services"),
        ("alerting", "Alerting", "high", 1, "alarms that reach somebody"),
        ("dashboards", "Dashboards", "medium", 2, "the cluster's state at a glance"),
        ("slo-tracking", "SLO tracking", "medium", 2, "objectives computed from data"),
    ),
    "security": (
        ("pod-security", "Pod security", "high", 1, "pods run without host privileges"),
        ("network-policies", "Network policies", "high", 1, "traffic between pods is denied unless allowed"),
        ("image-scanning", "Image scanning", "high", 2, "running images are scanned for vulnerabilities"),
        ("secret-rotation", "Secret rotation", "medium", 2, "secrets and keys rotate"),
        ("iam-controls", "IAM controls", "high", 1, "few administrators, workloads with roles of their own"),
        ("audit-logging", "Audit logging", "high", 2, "who did what is recorded and kept"),
        ("node-hardening", "Node hardening", "high", 2, "nodes without open doors"),
    ),
    "operations": (
        ("cluster-upgrades", "Cluster upgrades", "high", 1, "a supported version, and a way to the next"),
        ("node-rotation", "Node rotation", "high", 1, "nodes and their images are replaced in time"),
        ("dr-testing", "DR testing", "medium", 2, "restores are rehearsed"),
        ("capacity-planning", "Capacity planning", "medium", 2, "headroom, requests and a plan"),
        ("incident-response", "Incident response", "high", 1, "a plan with somebody on call"),
        ("change-management", "Change management", "high", 1, "changes follow a process and are automated"),
    ),
    "delivery": (
        ("infrastructure-testing", "Infrastructure testing", "medium", 2, "infrastructure code is tested"),
        ("drift-detection", "Drift detection", "medium", 2, "what runs is what was declared"),
        ("security-scanning", "Security scanning", "high", 1, "infrastructure code and manifests are scanned"),
        ("cost-estimation", "Cost estimation", "low", 3, "cost is known before and after a change"),
        ("compliance-checks", "Compliance checks", "medium", 2, "a framework judges the cluster"),
    ),
    "documentation": (
        ("architecture-diagrams", "Architecture diagrams", "high", 2, "how the system is built"),
        ("runbooks", "Runbooks", "high", 2, "what to do when"),
        ("slas-slos", "SLAs & SLOs", "medium", 2, "what is promised to users"),
        ("security-controls", "Security controls", "high", 2, "which controls are in place"),
        ("dr-plan", "DR plan", "high", 2, "how service is restored after a disaster"),
    ),
    "practices": (
        ("secrets-encryption", "Secrets encryption", "high", 1, "API data is encrypted in an envelope"),
        ("infrastructure-pipeline", "Infrastructure CI/CD pipeline", "medium", 2, "a pipeline delivers infrastructure"),
        ("chaos-engineering", "Chaos engineering", "low", 3, "failures are rehearsed"),
        ("compliance-documentation", "Compliance documentation", "low", 3, "evidence is packaged for auditors"),
        ("cost-optimization", "Cost optimization", "low", 3, "savings are taken"),
        ("automated-remediation", "Automated remediation", "low", 3, "common failures mend themselves"),
    ),
}

ITEMS: tuple[Item, ...] = tuple(
    Item(id=ItemId(row[0]), title=row[1], priority=row[2], seed_level=row[3], purpose=row[4], category=category)
    for category, rows in _ROWS.items()
    for row in rows
)
"""Every item, in checklist order."""

BY_ID: dict[ItemId, Item] = {item.id: item for item in ITEMS}


def required_from(item: Item, policy: Policy) -> RequiredLevel:
    """The level from which an item is required under the policy's rule and its single overrides."""
    if override := policy.item_levels.get(item.id):
        return override
    if policy.level_rule == "strict" and item.priority == "high":
        return 1
    return item.seed_level
