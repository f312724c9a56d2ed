"""Every probe of the product: what is read from AWS and from the Kubernetes API, with which rights."""

from __future__ import annotations

from eks_readiness.adapters import kubernetes_kasten, kubernetes_namespaces, kubernetes_pods, kubernetes_velero
from eks_readiness.adapters.probe import AwsProbe, KubernetesProbe

AWS_PROBES: tuple[AwsProbe, ...] = ()
KUBERNETES_PROBES: tuple[KubernetesProbe, ...] = (
    *kubernetes_namespaces.PROBES,
    *kubernetes_pods.PROBES,
    *kubernetes_velero.PROBES,
    *kubernetes_kasten.PROBES,
)
