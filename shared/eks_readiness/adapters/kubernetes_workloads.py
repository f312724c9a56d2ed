"""Well-known components among the cluster's Deployments, DaemonSets and StatefulSets.

A component is recognised by what its own chart or add-on calls it: the name, or the chart's labels; a release may be
named freely, so labels come before names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from eks_readiness.adapters.kubernetes_agents import AGENT_MARKS
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Components
from eks_readiness.domain.evidence.nodes import Component, ComponentName

WorkloadKind = Literal["Deployment", "DaemonSet", "StatefulSet"]
_KINDS: tuple[tuple[WorkloadKind, Kind], ...] = (
    ("Deployment", Kind("apps", "deployments", page=250)),
    ("DaemonSet", Kind("apps", "daemonsets", page=250)),
    ("StatefulSet", Kind("apps", "statefulsets", page=250)),
)
_FLAG_CHARACTERS = 200
_FEATURE_GATES, _FEATURE_GATES_VARIABLE = "--feature-gates", "FEATURE_GATES"
_NODE_REPAIR = "NodeRepair"
_NAME, _COMPONENT, _PART_OF, _K8S_APP, _APP = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
    "k8s-app",
    "app",
)
_LINKERD = "linkerd.io/control-plane-component"


class _Mark(NamedTuple):
    """How a component is recognised: kinds, and either labels that it carries or names that it has.

    Labels that others carry too count with an image whose repository ends as `image` does.
    """

    component: ComponentName
    kinds: tuple[WorkloadKind, ...]
    labels: tuple[Mapping[str, str], ...] = ()
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    image: str = ""


_DAEMON: tuple[WorkloadKind, ...] = ("DaemonSet",)
_DEPLOYMENT: tuple[WorkloadKind, ...] = ("Deployment",)
_EITHER: tuple[WorkloadKind, ...] = ("Deployment", "DaemonSet")
_SYSTEM = ("kube-system",)
_EXTERNAL_DNS_FLAGS = (
    "--txt-owner-id",
    "--domain-filter",
    "--zone-id-filter",
    "--aws-zone-type",
    "--provider",
)
# Sources: the manifests and charts of the projects: those of AWS (amazon-vpc-cni-k8s, aws-ebs-csi-driver, karpenter,
# bottlerocket-update-operator, eks-node-monitoring-agent, eks-pod-identity-agent, application-networking-k8s) and each
# other component's own, as its repository publishes them.
_MARKS = (
    _Mark("aws-node", _DAEMON, ({_K8S_APP: "aws-node"},), ("aws-node",), _SYSTEM),
    _Mark("coredns", _DEPLOYMENT, ({_K8S_APP: "kube-dns"},), ("coredns",), _SYSTEM),
    _Mark("kube-proxy", _DAEMON, ({_K8S_APP: "kube-proxy"},), ("kube-proxy",), _SYSTEM),
    _Mark("cilium", _DAEMON, ({_K8S_APP: "cilium"},), ("cilium",)),
    _Mark("calico", _DAEMON, ({_K8S_APP: "calico-node"},), ("calico-node",)),
    _Mark("ebs-csi-controller", _DEPLOYMENT, (), ("ebs-csi-controller",)),
    _Mark("ebs-csi-node", _DAEMON, (), ("ebs-csi-node", "ebs-csi-node-windows")),
    _Mark("karpenter", _DEPLOYMENT, ({_NAME: "karpenter"},), ("karpenter",), gates=(_NODE_REPAIR,)),
    _Mark(
        "cluster-autoscaler",
        _DEPLOYMENT,
        ({_NAME: "aws-cluster-autoscaler"}, {_NAME: "cluster-autoscaler"}, {_APP: "cluster-autoscaler"}),
        ("cluster-autoscaler",),
        flags=("--node-group-auto-discovery", "--nodes", "--scale-down-enabled"),
    ),
    _Mark("velero", _DEPLOYMENT, ({_NAME: "velero"}, {"component": "velero"}), ("velero",)),
    _Mark("kasten", _DEPLOYMENT, ({_APP: "k10", "component": "controllermanager"},), ("controllermanager-svc",)),
    _Mark(
        "kyverno",
        _DEPLOYMENT,
        ({_COMPONENT: "admission-controller", _PART_OF: "kyverno"},),
        ("kyverno-admission-controller",),
    ),
    # The chart names its parts after the release.
    _Mark("kyverno", _DEPLOYMENT, ({_COMPONENT: "admission-controller"},), image="/kyverno/kyverno"),
    _Mark("gatekeeper", _DEPLOYMENT, ({_APP: "gatekeeper", "control-plane": "controller-manager"},)),
    _Mark("falco", _DAEMON, ({_NAME: "falco"},), ("falco",)),
    _Mark("tetragon", _DAEMON, ({_NAME: "tetragon"},), ("tetragon",)),
    _Mark(
        "guardduty-agent", _DAEMON, ({_NAME: "aws-guardduty-agent"},), ("aws-guardduty-agent",), ("amazon-guardduty",)
    ),
    _Mark(
        "bottlerocket-update-operator",
        _DEPLOYMENT,
        ({"brupop.bottlerocket.aws/component": "brupop-controller"},),
        ("brupop-controller-deployment",),
    ),
    # https://github.com/opencost/opencost-helm-chart, https://github.com/kubecost/kubecost (which is an add-on too)
    _Mark("opencost", _DEPLOYMENT, ({_NAME: "opencost"},), ("opencost",)),
    _Mark(
        "kubecost",
        ("Deployment", "StatefulSet"),
        ({_APP: "cost-analyzer", _NAME: "cost-analyzer"}, {_APP: "aggregator", _NAME: "cost-analyzer"}),
        ("kubecost-cost-analyzer", "kubecost-aggregator"),
    ),
    _Mark(
        "node-monitoring",
        _DAEMON,
        ({_NAME: "eks-node-monitoring-agent"}, {_NAME: "node-problem-detector"}),
        ("eks-node-monitoring-agent", "node-problem-detector"),
    ),
    _Mark(
        "argocd-controller",
        ("StatefulSet", "Deployment"),
        ({_COMPONENT: "application-controller", _PART_OF: "argocd"},),
        ("argocd-application-controller",),
    ),
    _Mark(
        "argocd-repo-server",
        _DEPLOYMENT,
        ({_COMPONENT: "repo-server", _PART_OF: "argocd"},),
        ("argocd-repo-server",),
    ),
    _Mark(
        "flux-kustomize-controller",
        _DEPLOYMENT,
        ({_COMPONENT: "kustomize-controller", _PART_OF: "flux"},),
        ("kustomize-controller",),
    ),
    _Mark(
        "flux-source-controller",
        _DEPLOYMENT,
        ({_COMPONENT: "source-controller", _PART_OF: "flux"},),
        ("source-controller",),
    ),
    _Mark("external-secrets", _DEPLOYMENT, ({_NAME: "external-secrets"},), ("external-secrets",)),
    _Mark(
        "secrets-store-csi-driver",
        _DAEMON,
        ({_NAME: "secrets-store-csi-driver"}, {_APP: "secrets-store-csi-driver"}, {_APP: "csi-secrets-store"}),
        ("csi-secrets-store", "secrets-store-csi-driver"),
    ),
    _Mark("vault-agent-injector", _DEPLOYMENT, ({_NAME: "vault-agent-injector"},), ("vault-agent-injector",)),
    _Mark(
        "vault-secrets-operator",
        _DEPLOYMENT,
        ({_NAME: "vault-secrets-operator"},),
        ("vault-secrets-operator-controller-manager",),
    ),
    _Mark("sealed-secrets", _DEPLOYMENT, ({_NAME: "sealed-secrets"},), ("sealed-secrets-controller",)),
    _Mark("pod-identity-agent", _DAEMON, ({_NAME: "eks-pod-identity-agent"},), ("eks-pod-identity-agent",), _SYSTEM),
    _Mark("istiod", _DEPLOYMENT, ({_APP: "istiod"}, {_NAME: "istiod"}), ("istiod",)),
    _Mark("ztunnel", _DAEMON, ({_APP: "ztunnel"}, {_NAME: "ztunnel"}), ("ztunnel",)),
    _Mark(
        "linkerd-destination",
        _DEPLOYMENT,
        ({_LINKERD: "destination"},),
        ("linkerd-destination",),
        flags=("--default-policy",),
    ),
    _Mark("linkerd-identity", _DEPLOYMENT, ({_LINKERD: "identity"},), ("linkerd-identity",)),
    _Mark("linkerd-proxy-injector", _DEPLOYMENT, ({_LINKERD: "proxy-injector"},), ("linkerd-proxy-injector",)),
    _Mark(
        "vpc-lattice-controller",
        _DEPLOYMENT,
        ({"control-plane": "gateway-api-controller"}, {_NAME: "aws-gateway-controller-chart"}),
        ("aws-gateway-controller", "gateway-api-controller"),
    ),
    _Mark("trivy-operator", _DEPLOYMENT, ({_NAME: "trivy-operator"},), ("trivy-operator",)),
    _Mark("kubevuln", _DEPLOYMENT, ({_APP: "kubevuln"}, {_NAME: "kubevuln"}), ("kubevuln",)),
    _Mark(
        "aws-load-balancer-controller",
        _DEPLOYMENT,
        ({_NAME: "aws-load-balancer-controller"},),
        ("aws-load-balancer-controller",),
    ),
    _Mark(
        "ingress-nginx", _EITHER, ({_NAME: "ingress-nginx", _COMPONENT: "controller"},), ("ingress-nginx-controller",)
    ),
    _Mark("nginx-ingress", (*_EITHER, "StatefulSet"), ({_NAME: "nginx-ingress"},)),
    _Mark("traefik", (*_EITHER, "StatefulSet"), ({_NAME: "traefik"},), ("traefik",)),
    _Mark("haproxy-ingress", _EITHER, ({_NAME: "kubernetes-ingress"}, {_NAME: "haproxy-ingress"})),
    _Mark("kong", _EITHER, ({_NAME: "kong"},), ("kong-controller",)),
    _Mark("contour", _DEPLOYMENT, ({_APP: "contour"}, {_NAME: "contour", _COMPONENT: "contour"}), ("contour",)),
    _Mark("emissary", _EITHER, ({_NAME: "emissary-ingress"},)),
    _Mark("apisix", _DEPLOYMENT, ({_NAME: "apisix-ingress-controller"},), ("apisix-ingress-controller",)),
    _Mark("envoy-gateway", _DEPLOYMENT, ({"control-plane": "envoy-gateway"},), ("envoy-gateway",)),
    _Mark("nginx-gateway-fabric", _DEPLOYMENT, ({_NAME: "nginx-gateway-fabric"}, {_NAME: "nginx-gateway"})),
    _Mark("kgateway", _DEPLOYMENT, ({_NAME: "kgateway"},), ("kgateway",)),
    _Mark("external-dns", _DEPLOYMENT, ({_NAME: "external-dns"},), ("external-dns",), flags=_EXTERNAL_DNS_FLAGS),
    _Mark("cert-manager", _DEPLOYMENT, ({_NAME: "cert-manager", _COMPONENT: "controller"},), ("cert-manager",)),
    _Mark(
        "cert-manager-webhook",
        _DEPLOYMENT,
        ({_NAME: "webhook", _COMPONENT: "webhook", _APP: "webhook"}, {_NAME: "cert-manager", _COMPONENT: "webhook"}),
        ("cert-manager-webhook",),
    ),
    _Mark(
        "cert-manager-cainjector",
        _DEPLOYMENT,
        ({_NAME: "cainjector"}, {_NAME: "cert-manager", _COMPONENT: "cainjector"}),
        ("cert-manager-cainjector",),
    ),
    *(_Mark(*mark) for mark in AGENT_MARKS),
)


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None


class _Variable(msgspec.Struct, gc=False):
    name: str = ""
    value: str | None = None


class _Container(msgspec.Struct, gc=False):
    """Of the arguments only the flags that a mark names are kept; of the environment whether a feature gate is on."""

    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None


class _HostPath(msgspec.Struct, gc=False):
    path: str = ""


class _Volume(msgspec.Struct, gc=False, rename="camel"):
    host_path: _HostPath | None = None


class _PodSpec(msgspec.Struct, gc=False):
    containers: list[_Container] | None = None
    volumes: list[_Volume] | None = None


class _Template(msgspec.Struct, gc=False):
    spec: _PodSpec | None = None


class _Spec(msgspec.Struct, gc=False):
    replicas: int | None = None
    template: _Template | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    ready_replicas: int | None = None
    desired_number_scheduled: int | None = None
    number_ready: int | None = None


class _Workload(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


def read_components(api: KubernetesReader, gathered: Gathered) -> Components:
    """Every workload that is a well-known component."""
    found = [
        component
        for kind, listed in _KINDS
        for each in api.items(listed, _Workload)
        for component in _components(kind, each)
    ]
    return Components(
        observed_at=gathered.observed_at,
        source="apps deployments, daemonsets, statefulsets",
        components=tuple(found),
    )


def _components(kind: WorkloadKind, each: _Workload) -> Iterable[Component]:
    for mark in _MARKS:
        if kind in mark.kinds and _is(mark, each.metadata) and _runs(mark.image, each):
            yield _component(mark, kind, each)
            return


def _is(mark: _Mark, meta: _Meta) -> bool:
    if mark.namespaces and meta.namespace not in mark.namespaces:
        return False
    labels = meta.labels or {}
    return meta.name in mark.names or any(marked.items() <= labels.items() for marked in mark.labels)


def _runs(image: str, each: _Workload) -> bool:
    """Whether a container's repository ends so, in whichever registry; none named, it does not matter."""
    pod = (each.spec and each.spec.template and each.spec.template.spec) or _PodSpec()
    repositories = [one.image.partition("@")[0].rpartition("/") for one in pod.containers or ()]
    return not image or any(f"/{path}/{name.partition(':')[0]}".endswith(image) for path, _, name in repositories)


def _component(mark: _Mark, kind: WorkloadKind, each: _Workload) -> Component:
    spec, status = each.spec or _Spec(), each.status or _Status()
    pod = (spec.template and spec.template.spec) or _PodSpec()
    containers, paths = pod.containers or [], [f"{one.host_path.path}/" for one in pod.volumes or () if one.host_path]
    if kind == "DaemonSet":
        desired, ready = status.desired_number_scheduled or 0, status.number_ready or 0
    else:
        # The API server itself fills in 1 where nothing was said.
        desired, ready = 1 if spec.replicas is None else spec.replicas, status.ready_replicas or 0
    return Component(
        component=mark.component,
        kind=kind,
        namespace=each.metadata.namespace,
        name=each.metadata.name,
        desired=desired,
        ready=ready,
        images=tuple(one.image for one in containers),
        flags={**_flags(mark.flags, containers), **_gates(mark.gates, containers)},
        reads_node_logs=any(path.startswith("/var/log/") for path in paths),
        reads_node_root="//" in paths,
    )


def _flags(wanted: Collection[str], containers: Iterable[_Container]) -> dict[str, str]:
    """The values of flags, written as `--flag=value`, `--flag value` or alone."""
    found: dict[str, str] = {}
    for one in containers:
        words = [*(one.command or ()), *(one.args or ())]
        for position, word in enumerate(words):
            following = words[position + 1] if position + 1 < len(words) else ""
            flag, separator, value = word.partition("=")
            if flag in wanted:
                alone = separator or following.startswith("-")
                found[flag] = bounded(value if alone else following, _FLAG_CHARACTERS)
    return found


def _gates(wanted: Collection[str], containers: Iterable[_Container]) -> dict[str, str]:
    """Whether feature gates are on, as a variable or, winning, a flag sets them; nothing else of either is kept."""
    if not wanted:
        return {}
    listed = list(containers)
    variables = [each for one in listed for each in one.env or () if each.name == _FEATURE_GATES_VARIABLE]
    texts = [*(each.value or "" for each in variables), *_flags((_FEATURE_GATES,), listed).values()]
    found: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name in wanted:
                found[name] = "true" if value.strip().lower() == "true" else "false"
    return found


PROBES = (
    KubernetesProbe(
        provides=Components,
        rights=(Right("apps", "deployments"), Right("apps", "daemonsets"), Right("apps", "statefulsets")),
        read=read_components,
    ),
)
"""What this module gathers."""
