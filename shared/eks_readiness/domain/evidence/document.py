"""Evidence as one JSON document: how it is saved, sent from a private network's collector, and shown to a person.

{"schema": 1, "cluster": {…}, "observed_at": "…Z",
 "slices": {"Nodes": {"value": {…}}, "Pods": {"unavailable": {"reason": "denied", "detail": "…", "remedy": "…"}}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar, cast

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError
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
from eks_readiness.domain.evidence.observability import (
    Alarms,
    ApplicationSignals,
    CloudWatchDashboards,
    ContainerInsights,
    FargateLogging,
    GrafanaDashboards,
    GrafanaWorkspaces,
    LogSink,
    MetricsApi,
    OpenTelemetryCollectors,
    PrometheusOperator,
    PrometheusScrapers,
    PrometheusWorkspaces,
    RuleObjectives,
    ServiceObjectives,
    XRayTraces,
)
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
from eks_readiness.domain.evidence.slice import Slice, Unavailable
from eks_readiness.domain.evidence.storage import (
    EbsEncryptionDefault,
    EbsVolumes,
    KmsKeys,
    PersistentVolumes,
    StorageClasses,
)
from eks_readiness.domain.instant import Instant

SLICES: tuple[type[Slice], ...] = (
    ClusterConfiguration,
    ClusterVersions,
    UpgradeInsights,
    Addons,
    AddonVersions,
    Nodegroups,
    FargateProfiles,
    Subnets,
    RouteTables,
    NatGateways,
    FlowLogs,
    Instances,
    NodeSecurityGroups,
    NodeVolumes,
    NodeImages,
    NodegroupUpdates,
    AutoScalingGroups,
    RegionCapacity,
    EbsEncryptionDefault,
    EbsVolumes,
    KmsKeys,
    AwsBackup,
    RuntimeMonitoring,
    ControlPlaneLogs,
    Trails,
    IncidentTooling,
    CodeScanning,
    Capabilities,
    InfrastructureStacks,
    ConfigRules,
    EventAutomations,
    Pipelines,
    ClusterChanges,
    FaultInjection,
    EcrScanning,
    EcrImages,
    ContainerInsights,
    PrometheusScrapers,
    PrometheusWorkspaces,
    LogSink,
    ApplicationSignals,
    XRayTraces,
    Alarms,
    CloudWatchDashboards,
    GrafanaWorkspaces,
    ServiceObjectives,
    StatedDocuments,
    SecurityHub,
    ConfigEvaluations,
    AuditAssessments,
    CostExports,
    Budgets,
    Savings,
    ReferencedSecrets,
    UsedKeys,
    AccessEntries,
    PodIdentity,
    OidcTrust,
    NodeRoles,
    Nodes,
    NodePools,
    BottlerocketUpdates,
    Components,
    Pods,
    ClusterImageScans,
    DisruptionBudgets,
    StorageClasses,
    PersistentVolumes,
    Velero,
    Kasten,
    Namespaces,
    PodSecurityPolicies,
    AdmissionPolicies,
    PolicyReports,
    MeshPolicies,
    NetworkPolicies,
    NetworkPolicyEngine,
    KubescapeScans,
    ComplianceReports,
    ScanJobs,
    ArgoCd,
    Flux,
    ChaosMesh,
    Litmus,
    SecretSources,
    AwsAuth,
    ClusterRoleBindings,
    RoleBindings,
    ClusterRoles,
    ServiceAccounts,
    NodeClassRoles,
    Entrances,
    LoadBalancers,
    TargetGroupBindings,
    TargetGroups,
    ServingCertificates,
    CertManager,
    DnsRecords,
    MetricsApi,
    PrometheusOperator,
    OpenTelemetryCollectors,
    FargateLogging,
    GrafanaDashboards,
    RuleObjectives,
)
"""Every kind of evidence, in the order of a document."""

SCHEMA = 1
S = TypeVar("S", bound=Slice)


class Evidence(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that one scan observed of one cluster. A slice that is not there was never asked for."""

    cluster: ClusterRef
    observed_at: Instant
    slices: Mapping[type[Slice], Slice | Unavailable]

    def get(self, kind: type[S]) -> S | Unavailable:
        """The slice of a kind, or why there is none."""
        found = self.slices.get(kind)
        if found is None:
            return Unavailable(
                reason="unsupported",
                detail=f"the evidence holds no {kind.__name__}",
                remedy="gather it again with this version: eks-readiness collect",
            )
        return cast("S | Unavailable", found)

    def unavailable(self) -> dict[type[Slice], Unavailable]:
        """What could not be observed, by kind."""
        return {kind: found for kind, found in self.slices.items() if isinstance(found, Unavailable)}


class _Entry(msgspec.Struct, omit_defaults=True):
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    unavailable: Unavailable | msgspec.UnsetType = msgspec.UNSET


class _Document(msgspec.Struct):
    schema: int
    cluster: ClusterRef
    observed_at: Instant
    slices: dict[str, _Entry]


def _entry(found: Slice | Unavailable) -> _Entry:
    if isinstance(found, Unavailable):
        return _Entry(unavailable=found)
    return _Entry(value=msgspec.Raw(msgspec.json.encode(found)))


def encode_evidence(evidence: Evidence) -> bytes:
    """Write evidence as one JSON document; equal evidence gives equal bytes."""
    entries = {kind.__name__: _entry(evidence.slices[kind]) for kind in SLICES if kind in evidence.slices}
    document = _Document(SCHEMA, evidence.cluster, evidence.observed_at, entries)
    return msgspec.json.encode(document, order="deterministic")


def _read(kind: type[Slice], entry: _Entry) -> Slice | Unavailable:
    if isinstance(entry.unavailable, Unavailable):
        return entry.unavailable
    if not isinstance(entry.value, msgspec.Raw):
        message = f"evidence: slices.{kind.__name__} holds neither a value nor unavailable"
        raise InputError(message, remedy="gather it again: eks-readiness collect")
    try:
        return msgspec.json.decode(entry.value, type=kind)
    except (ValueError, RecursionError) as error:
        message = f"evidence: slices.{kind.__name__}.value: {error}"
        raise InputError(message, remedy="gather it again: eks-readiness collect") from error


def decode_evidence(document: bytes) -> Evidence:
    """Read an evidence document. Kinds that this version does not know are left out; a newer schema is accepted.

    Raises:
        InputError: it is not JSON, not an evidence document, or a slice has the wrong shape; the message says where.
    """
    try:
        read = msgspec.json.decode(document, type=_Document)
    except (ValueError, RecursionError) as error:  # a DecodeError is a ValueError, and so is text that is not UTF-8
        message = f"evidence: not an evidence document: {error}"
        raise InputError(message, remedy="make one with: eks-readiness collect > cluster.json") from error
    slices = {kind: _read(kind, read.slices[kind.__name__]) for kind in SLICES if kind.__name__ in read.slices}
    return Evidence(cluster=read.cluster, observed_at=read.observed_at, slices=MappingProxyType(slices))
