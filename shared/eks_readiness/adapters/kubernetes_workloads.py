"""Well-known components among the cluster's Deployments, DaemonSets and StatefulSets.

A component is recognised by what its own chart or add-on calls it: the name, or the chart's labels; a release may be
named freely, so labels come before names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Components
from eks_readiness.domain.evidence.nodes import Component, ComponentName

WorkloadKind = Literal["Deployment", "DaemonSet", "StatefulSet"]
_KINDS: tuple[tuple[WorkloadKind, Kind], ...] = (
    ("Deployment", Kind("apps", "deployments")),
    ("DaemonSet", Kind("apps", "daemonsets")),
    ("StatefulSet", Kind("apps", "statefulsets")),
)
_FLAG_CHARACTERS = 200
_NAME, _COMPONENT, _K8S_APP, _APP = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "k8s-app",
    "app",
)


class _Mark(NamedTuple):
    """How a component is recognised: kinds, and either labels that it carries or names that it has."""

    component: ComponentName
    kinds: tuple[WorkloadKind, ...]
    labels: tuple[Mapping[str, str], ...] = ()
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


_DAEMON: tuple[WorkloadKind, ...] = ("DaemonSet",)
_DEPLOYMENT: tuple[WorkloadKind, ...] = ("Deployment",)
_SYSTEM = ("kube-system",)
# Sources: the manifests and charts of aws/amazon-vpc-cni-k8s, coredns, cilium/cilium, projectcalico/calico,
# kubernetes-sigs/aws-ebs-csi-driver, aws/karpenter-provider-aws, kubernetes/autoscaler, vmware-tanzu/helm-charts,
# kyverno/kyverno, open-policy-agent/gatekeeper, falcosecurity/charts, cilium/tetragon, docs.kasten.io.
_MARKS = (
    _Mark("aws-node", _DAEMON, ({_K8S_APP: "aws-node"},), ("aws-node",), _SYSTEM),
    _Mark("coredns", _DEPLOYMENT, ({_K8S_APP: "kube-dns"},), ("coredns",), _SYSTEM),
    _Mark("kube-proxy", _DAEMON, ({_K8S_APP: "kube-proxy"},), ("kube-proxy",), _SYSTEM),
    _Mark("cilium", _DAEMON, ({_K8S_APP: "cilium"},), ("cilium",)),
    _Mark("calico", _DAEMON, ({_K8S_APP: "calico-node"},), ("calico-node",)),
    _Mark("ebs-csi-controller", _DEPLOYMENT, (), ("ebs-csi-controller",)),
    _Mark("ebs-csi-node", _DAEMON, (), ("ebs-csi-node", "ebs-csi-node-windows")),
    _Mark("karpenter", _DEPLOYMENT, ({_NAME: "karpenter"},), ("karpenter",)),
    _Mark(
        "cluster-autoscaler",
        _DEPLOYMENT,
        ({_NAME: "aws-cluster-autoscaler"}, {_NAME: "cluster-autoscaler"}, {_APP: "cluster-autoscaler"}),
        ("cluster-autoscaler",),
        flags=("--node-group-auto-discovery", "--nodes"),
    ),
    _Mark("velero", _DEPLOYMENT, ({_NAME: "velero"}, {"component": "velero"}), ("velero",)),
    _Mark("kasten", _DEPLOYMENT, ({_APP: "k10", "component": "controllermanager"},), ("controllermanager-svc",)),
    _Mark(
        "kyverno",
        _DEPLOYMENT,
        ({_COMPONENT: "admission-controller", "app.kubernetes.io/part-of": "kyverno"},),
        ("kyverno-admission-controller",),
    ),
    _Mark("gatekeeper", _DEPLOYMENT, ({_APP: "gatekeeper", "control-plane": "controller-manager"},)),
    _Mark("falco", _DAEMON, ({_NAME: "falco"},), ("falco",)),
    _Mark("tetragon", _DAEMON, ({_NAME: "tetragon"},), ("tetragon",)),
    _Mark(
        "guardduty-agent", _DAEMON, ({_NAME: "aws-guardduty-agent"},), ("aws-guardduty-agent",), ("amazon-guardduty",)
    ),
)


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None


class _Container(msgspec.Struct, gc=False):
    """Of the arguments only the flags that a mark names are kept."""

    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None


class _PodSpec(msgspec.Struct, gc=False):
    containers: list[_Container] | None = None


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
        if kind in mark.kinds and _is(mark, each.metadata):
            yield _component(mark, kind, each)
            return


def _is(mark: _Mark, meta: _Meta) -> bool:
    if mark.namespaces and meta.namespace not in mark.namespaces:
        return False
    labels = meta.labels or {}
    return meta.name in mark.names or any(marked.items() <= labels.items() for marked in mark.labels)


def _component(mark: _Mark, kind: WorkloadKind, each: _Workload) -> Component:
    spec, status = each.spec or _Spec(), each.status or _Status()
    containers = ((spec.template and spec.template.spec) or _PodSpec()).containers or []
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
        flags=_flags(mark.flags, containers),
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


PROBES = (
    KubernetesProbe(
        provides=Components,
        rights=(Right("apps", "deployments"), Right("apps", "daemonsets"), Right("apps", "statefulsets")),
        read=read_components,
    ),
)
"""What this module gathers."""
