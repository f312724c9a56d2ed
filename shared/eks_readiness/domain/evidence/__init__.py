"""Evidence: what was observed of a cluster, as frozen slices, gathered once and judged many times."""

from __future__ import annotations

from eks_readiness.domain.evidence.audit import ControlPlaneLogs, Trails
from eks_readiness.domain.evidence.backup import AwsBackup, Kasten, Velero
from eks_readiness.domain.evidence.capacity import RegionCapacity
from eks_readiness.domain.evidence.certificates import CertManager, ServingCertificates
from eks_readiness.domain.evidence.cluster import (
    Addons,
    AddonVersions,
    ClusterConfiguration,
    ClusterVersions,
    FargateProfiles,
    Nodegroups,
    UpgradeInsights,
)
from eks_readiness.domain.evidence.compliance import (
    AuditAssessments,
    ComplianceReports,
    ConfigEvaluations,
    KubescapeScans,
    ScanJobs,
    SecurityHub,
)
from eks_readiness.domain.evidence.cost import Budgets, CostExports, Savings
from eks_readiness.domain.evidence.delivery import (
    ArgoCd,
    Capabilities,
    ClusterChanges,
    ConfigRules,
    EventAutomations,
    Flux,
    InfrastructureStacks,
    Pipelines,
)
from eks_readiness.domain.evidence.dns import DnsRecords
from eks_readiness.domain.evidence.document import SLICES, Evidence, decode_evidence, encode_evidence
from eks_readiness.domain.evidence.documents import StatedDocuments
from eks_readiness.domain.evidence.experiments import ChaosMesh, FaultInjection, Litmus
from eks_readiness.domain.evidence.hardening import NodeSecurityGroups, NodeVolumes
from eks_readiness.domain.evidence.identity import (
    AccessEntries,
    AwsAuth,
    ClusterRoleBindings,
    ClusterRoles,
    NodeClassRoles,
    NodeRoles,
    OidcTrust,
    PodIdentity,
    RoleBindings,
    ServiceAccounts,
)
from eks_readiness.domain.evidence.images import ClusterImageScans, EcrImages, EcrScanning
from eks_readiness.domain.evidence.ingress import Entrances, LoadBalancers, TargetGroupBindings, TargetGroups
from eks_readiness.domain.evidence.mesh import MeshPolicies
from eks_readiness.domain.evidence.network import (
    FlowLogs,
    Instances,
    NatGateways,
    NetworkPolicies,
    NetworkPolicyEngine,
    RouteTables,
    Subnets,
)
from eks_readiness.domain.evidence.nodes import Components, DisruptionBudgets, NodePools, Nodes, Pods
from eks_readiness.domain.evidence.policies import (
    AdmissionPolicies,
    Namespaces,
    PodSecurityPolicies,
    PolicyReports,
    RuntimeMonitoring,
)
from eks_readiness.domain.evidence.processes import CodeScanning, IncidentTooling
from eks_readiness.domain.evidence.rotation import AutoScalingGroups, BottlerocketUpdates, NodegroupUpdates, NodeImages
from eks_readiness.domain.evidence.secrets import ReferencedSecrets, SecretSources, UsedKeys
from eks_readiness.domain.evidence.slice import MAX_SAMPLE, Part, Sample, Slice, Unavailable
from eks_readiness.domain.evidence.storage import (
    EbsEncryptionDefault,
    EbsVolumes,
    KmsKeys,
    PersistentVolumes,
    StorageClasses,
)

__all__ = [
    "MAX_SAMPLE",
    "SLICES",
    "AccessEntries",
    "AddonVersions",
    "Addons",
    "AdmissionPolicies",
    "ArgoCd",
    "AuditAssessments",
    "AutoScalingGroups",
    "AwsAuth",
    "AwsBackup",
    "BottlerocketUpdates",
    "Budgets",
    "Capabilities",
    "CertManager",
    "ChaosMesh",
    "ClusterChanges",
    "ClusterConfiguration",
    "ClusterImageScans",
    "ClusterRoleBindings",
    "ClusterRoles",
    "ClusterVersions",
    "CodeScanning",
    "ComplianceReports",
    "Components",
    "ConfigEvaluations",
    "ConfigRules",
    "ControlPlaneLogs",
    "CostExports",
    "DisruptionBudgets",
    "DnsRecords",
    "EbsEncryptionDefault",
    "EbsVolumes",
    "EcrImages",
    "EcrScanning",
    "Entrances",
    "EventAutomations",
    "Evidence",
    "FargateProfiles",
    "FaultInjection",
    "FlowLogs",
    "Flux",
    "IncidentTooling",
    "InfrastructureStacks",
    "Instances",
    "Kasten",
    "KmsKeys",
    "KubescapeScans",
    "Litmus",
    "LoadBalancers",
    "MeshPolicies",
    "Namespaces",
    "NatGateways",
    "NetworkPolicies",
    "NetworkPolicyEngine",
    "NodeClassRoles",
    "NodeImages",
    "NodePools",
    "NodeRoles",
    "NodeSecurityGroups",
    "NodeVolumes",
    "NodegroupUpdates",
    "Nodegroups",
    "Nodes",
    "OidcTrust",
    "Part",
    "PersistentVolumes",
    "Pipelines",
    "PodIdentity",
    "PodSecurityPolicies",
    "Pods",
    "PolicyReports",
    "ReferencedSecrets",
    "RegionCapacity",
    "RoleBindings",
    "RouteTables",
    "RuntimeMonitoring",
    "Sample",
    "Savings",
    "ScanJobs",
    "SecretSources",
    "SecurityHub",
    "ServiceAccounts",
    "ServingCertificates",
    "Slice",
    "StatedDocuments",
    "StorageClasses",
    "Subnets",
    "TargetGroupBindings",
    "TargetGroups",
    "Trails",
    "Unavailable",
    "UpgradeInsights",
    "UsedKeys",
    "Velero",
    "decode_evidence",
    "encode_evidence",
]
