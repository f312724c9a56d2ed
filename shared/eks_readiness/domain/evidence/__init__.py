"""Evidence: what was observed of a cluster, as frozen slices, gathered once and judged many times."""

from __future__ import annotations

from eks_readiness.domain.evidence.audit import ControlPlaneLogs, Trails
from eks_readiness.domain.evidence.backup import AwsBackup, Kasten, Velero
from eks_readiness.domain.evidence.cluster import (
    Addons,
    AddonVersions,
    ClusterConfiguration,
    ClusterVersions,
    FargateProfiles,
    Nodegroups,
    UpgradeInsights,
)
from eks_readiness.domain.evidence.document import SLICES, Evidence, decode_evidence, encode_evidence
from eks_readiness.domain.evidence.documents import StatedDocuments
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
from eks_readiness.domain.evidence.policies import Namespaces, PodSecurityPolicies, RuntimeMonitoring
from eks_readiness.domain.evidence.processes import CodeScanning, IncidentTooling
from eks_readiness.domain.evidence.scaling import ScalingGroups
from eks_readiness.domain.evidence.slice import MAX_SAMPLE, Sample, Slice, Unavailable
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
    "AddonVersions",
    "Addons",
    "AwsBackup",
    "ClusterConfiguration",
    "ClusterVersions",
    "CodeScanning",
    "Components",
    "ControlPlaneLogs",
    "DisruptionBudgets",
    "EbsEncryptionDefault",
    "EbsVolumes",
    "Evidence",
    "FargateProfiles",
    "FlowLogs",
    "IncidentTooling",
    "Instances",
    "Kasten",
    "KmsKeys",
    "Namespaces",
    "NatGateways",
    "NetworkPolicies",
    "NetworkPolicyEngine",
    "NodePools",
    "Nodegroups",
    "Nodes",
    "PersistentVolumes",
    "PodSecurityPolicies",
    "Pods",
    "RouteTables",
    "RuntimeMonitoring",
    "Sample",
    "ScalingGroups",
    "Slice",
    "StatedDocuments",
    "StorageClasses",
    "Subnets",
    "Trails",
    "Unavailable",
    "UpgradeInsights",
    "Velero",
    "decode_evidence",
    "encode_evidence",
]
