"""Nodes, what scales them, and the pods on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from eks_readiness.domain.evidence.observability import AgentName
from eks_readiness.domain.evidence.slice import Sample, Slice
from eks_readiness.domain.instant import Instant

Compute = Literal["ec2", "auto", "fargate", "hybrid"]
OsFamily = Literal["bottlerocket", "al2", "al2023", "ubuntu", "rhel", "windows", "other"]


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node. `zone` is the topology label's; `nodegroup` and `node_pool` who made it, empty for self-managed ones.

    `os_family` is derived from nodeInfo.osImage and operatingSystem. `external_address`: it reports an ExternalIP.
    `allocatable` is what pods may use of it: cpu in cores, memory in bytes, pods.
    """

    name: str
    ready: bool
    zone: str = ""
    compute: Compute = "ec2"
    os_family: OsFamily = "other"
    os_image: str = ""
    kubelet_version: str = ""
    nodegroup: str = ""
    node_pool: str = ""
    instance_id: str = ""
    external_address: bool = False
    unschedulable: bool = False
    created_at: datetime | None = None
    allocatable: dict[str, float] = {}


class Nodes(Slice, frozen=True, kw_only=True):
    """Every node that the cluster lists."""

    nodes: tuple[Node, ...] = ()


class NodePool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Karpenter or Auto Mode NodePool.

    `ready` is its Ready condition. `limits` and `used` are by resource (cpu in cores, memory in bytes, others counted);
    empty limits mean that it grows without bound. `consolidation` is its policy, empty where that is switched off.
    `static_replicas` is set for a pool of fixed size. `node_class_group` is the API group of its class:
    karpenter.k8s.aws, or eks.amazonaws.com for EKS Auto Mode.
    """

    name: str
    ready: bool
    not_ready_reason: str = ""
    limits: dict[str, float] = {}
    used: dict[str, float] = {}
    consolidation: str = ""
    expire_after: str = ""
    node_class: str = ""
    node_class_group: str = ""
    static_replicas: int | None = None

    @property
    def auto_mode(self) -> bool:
        """Whether AWS runs its controller and its nodes."""
        return self.node_class_group == "eks.amazonaws.com"


class NodePools(Slice, frozen=True, kw_only=True):
    """karpenter.sh NodePools; `installed` says whether the cluster serves that API at all."""

    installed: bool
    pools: tuple[NodePool, ...] = ()


ComponentName = Literal[
    "aws-node",
    "coredns",
    "kube-proxy",
    "cilium",
    "calico",
    "ebs-csi-controller",
    "ebs-csi-node",
    "karpenter",
    "cluster-autoscaler",
    "velero",
    "kasten",
    "kyverno",
    "gatekeeper",
    "falco",
    "tetragon",
    "guardduty-agent",
    "bottlerocket-update-operator",
    "opencost",
    "kubecost",
    "node-monitoring",
    "argocd-controller",
    "argocd-repo-server",
    "flux-kustomize-controller",
    "flux-source-controller",
    "external-secrets",
    "secrets-store-csi-driver",
    "vault-agent-injector",
    "vault-secrets-operator",
    "sealed-secrets",
    "pod-identity-agent",
    "istiod",
    "ztunnel",
    "linkerd-destination",
    "linkerd-identity",
    "linkerd-proxy-injector",
    "vpc-lattice-controller",
    "trivy-operator",
    "kubevuln",
    "aws-load-balancer-controller",
    "ingress-nginx",
    "nginx-ingress",
    "traefik",
    "haproxy-ingress",
    "kong",
    "contour",
    "emissary",
    "apisix",
    "envoy-gateway",
    "nginx-gateway-fabric",
    "kgateway",
    "external-dns",
    "cert-manager",
    "cert-manager-webhook",
    "cert-manager-cainjector",
    AgentName,
]


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One workload that was recognised as a well-known component.

    `desired` and `ready` count pods, or nodes for a DaemonSet; `desired` 0 means scaled to nothing. `zones` and `nodes`
    say how far the ready pods of this workload are spread, where pods could be read (only for coredns).
    `images` holds the containers' images. `flags` holds the values of the few command-line flags that a check names, by
    flag; of one given several times the last counts. Of Karpenter's feature gates, which may also stand in an
    environment variable, only whether `NodeRepair` is on is kept. `reads_node_logs`: it mounts the node's /var/log,
    or a part of it; `reads_node_root`: it mounts the node's whole file system.
    """

    component: ComponentName
    kind: Literal["Deployment", "DaemonSet", "StatefulSet"]
    namespace: str
    name: str
    desired: int = 0
    ready: int = 0
    images: tuple[str, ...] = ()
    flags: dict[str, str] = {}
    reads_node_logs: bool = False
    reads_node_root: bool = False

    @property
    def fully_ready(self) -> bool:
        """Every wanted pod is ready, and at least one is wanted."""
        return self.desired > 0 and self.ready >= self.desired

    @property
    def where(self) -> str:
        """How a person finds it."""
        return f"{self.kind} {self.namespace}/{self.name}"


class Components(Slice, frozen=True, kw_only=True):
    """Well-known components among the cluster's Deployments, DaemonSets and StatefulSets."""

    components: tuple[Component, ...] = ()

    def named(self, name: ComponentName) -> tuple[Component, ...]:
        """Every workload that was recognised as that component."""
        return tuple(component for component in self.components if component.component == name)


class NamespaceSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pods of one namespace that have a property, with the first few named `pod (why)`."""

    namespace: str
    pods: Sample


class PendingPod(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pod that the scheduler found no node for, since the PodScheduled condition's last transition."""

    namespace: str
    name: str
    since: Instant


class Requested(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the pods of one node ask for: cpu in cores, memory in bytes, and how many they are."""

    node: str
    cpu_cores: float = 0.0
    memory_bytes: float = 0.0
    pods: int = 0


class RunningImage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image that regular containers run: the name that a pod asks for, and the digest that runs.

    `digest` is `sha256:…`, empty while nothing was pulled. `namespaces` are where it runs (at most 50 of them).
    """

    image: str
    digest: str = ""
    namespaces: tuple[str, ...] = ()


class Pods(Slice, frozen=True, kw_only=True):
    """Live pods (neither Succeeded nor Failed), folded while they streamed by.

    `live` counts them by namespace. `privileged` holds, by namespace, those that are privileged, share a host namespace
    or mount a hostPath. `pending` holds the longest pending ones (at most 50), `pending_total` how many there are;
    pods being deleted are left out. `dns_nodes` names the nodes on which ready CoreDNS pods run, each once.

    `secret_users` holds, by namespace, pods that use a Kubernetes Secret as environment or volume (image pull secrets
    are none); `secret_volumes` counts those with a volume of the Secrets Store CSI driver. `literal_secrets` holds, by
    namespace, `pod (container: NAME)` for each environment variable that is named like a secret and has a literal
    value: names alone, no value is ever kept. `images` are those that regular containers run. `without_requests`
    holds, by namespace, pods of which a regular container asks for no cpu or no memory. `requested` is by node.

    `vault_injected` counts pods into which the Vault agent was injected. `other_aws_rights` holds, by namespace, pods
    that get rights in AWS by a static key or through kube2iam, named `pod (how)`. `fargate_accounts` are the
    ServiceAccounts (namespace/name) of pods on Fargate, the first 1,000 of `fargate_accounts_total`.
    `meshed` counts, by namespace, those with the proxy of a service mesh, or redirected to the one of their node.
    """

    live: dict[str, int] = {}
    privileged: tuple[NamespaceSample, ...] = ()
    pending: tuple[PendingPod, ...] = ()
    pending_total: int = 0
    dns_nodes: tuple[str, ...] = ()
    secret_users: tuple[NamespaceSample, ...] = ()
    secret_volumes: int = 0
    literal_secrets: tuple[NamespaceSample, ...] = ()
    images: tuple[RunningImage, ...] = ()
    without_requests: tuple[NamespaceSample, ...] = ()
    requested: tuple[Requested, ...] = ()
    vault_injected: int = 0
    other_aws_rights: tuple[NamespaceSample, ...] = ()
    fargate_accounts: tuple[str, ...] = ()
    fargate_accounts_total: int = 0
    meshed: dict[str, int] = {}


class DisruptionBudgets(Slice, frozen=True, kw_only=True):
    """policy/v1 PodDisruptionBudgets: how many, and those that block every eviction though all pods are healthy."""

    total: int = 0
    blocking: Sample = Sample()
