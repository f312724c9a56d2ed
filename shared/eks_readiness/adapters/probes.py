"""Every probe of the product: what is read from AWS and from the Kubernetes API, with which rights."""

from __future__ import annotations

from eks_readiness.adapters import (
    aws_audit,
    aws_autoscaling,
    aws_backup,
    aws_documents,
    aws_eks,
    aws_guardduty,
    aws_network,
    aws_processes,
    aws_storage,
    kubernetes_disruption_budgets,
    kubernetes_kasten,
    kubernetes_namespaces,
    kubernetes_network_policies,
    kubernetes_nodepools,
    kubernetes_nodes,
    kubernetes_pods,
    kubernetes_policy_engines,
    kubernetes_storage,
    kubernetes_velero,
    kubernetes_workloads,
)
from eks_readiness.adapters.probe import AwsProbe, KubernetesProbe

AWS_PROBES: tuple[AwsProbe, ...] = (
    *aws_eks.PROBES,
    *aws_network.PROBES,
    *aws_autoscaling.PROBES,
    *aws_storage.PROBES,
    *aws_backup.PROBES,
    *aws_guardduty.PROBES,
    *aws_audit.PROBES,
    *aws_processes.PROBES,
    *aws_documents.PROBES,
)
KUBERNETES_PROBES: tuple[KubernetesProbe, ...] = (
    *kubernetes_nodes.PROBES,
    *kubernetes_nodepools.PROBES,
    *kubernetes_workloads.PROBES,
    *kubernetes_pods.PROBES,
    *kubernetes_disruption_budgets.PROBES,
    *kubernetes_storage.PROBES,
    *kubernetes_velero.PROBES,
    *kubernetes_kasten.PROBES,
    *kubernetes_namespaces.PROBES,
    *kubernetes_policy_engines.PROBES,
    *kubernetes_network_policies.PROBES,
)
