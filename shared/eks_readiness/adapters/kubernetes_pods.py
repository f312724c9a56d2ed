"""Pods, folded while they stream by: no pod is kept, so memory does not grow with the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import nsmallest

import msgspec

from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import MAX_SAMPLE, Pods, Sample
from eks_readiness.domain.evidence.nodes import NamespaceSample, PendingPod
from eks_readiness.domain.instant import Instant

PODS = Kind("", "pods")
_ENDED = ("Succeeded", "Failed")
_DNS_LABEL, _DNS_VALUE = "k8s-app", "kube-dns"
_COMPACT_AT = 8 * MAX_SAMPLE


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    deletion_timestamp: str | None = None


class _SecurityContext(msgspec.Struct, gc=False):
    privileged: bool | None = None


class _Container(msgspec.Struct, gc=False, rename="camel"):
    security_context: _SecurityContext | None = None


class _HostPath(msgspec.Struct, gc=False):
    """Its presence is all that matters."""


class _Volume(msgspec.Struct, gc=False, rename="camel"):
    host_path: _HostPath | None = None


class _Spec(msgspec.Struct, gc=False):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = msgspec.field(default=None, name="initContainers")
    ephemeral_containers: list[_Container] | None = msgspec.field(default=None, name="ephemeralContainers")
    volumes: list[_Volume] | None = None
    host_network: bool | None = msgspec.field(default=None, name="hostNetwork")
    host_pid: bool | None = msgspec.field(default=None, name="hostPID")
    host_ipc: bool | None = msgspec.field(default=None, name="hostIPC")
    node_name: str | None = msgspec.field(default=None, name="nodeName")


class _Condition(msgspec.Struct, gc=False, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str | None = None
    last_transition_time: Instant | None = None


class _Status(msgspec.Struct, gc=False):
    phase: str | None = None
    conditions: list[_Condition] | None = None


class _Pod(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


class PodFold:
    """What is kept of the pods seen so far."""

    def __init__(self) -> None:
        self.live: Counter[str] = Counter()
        self.privileged: dict[str, Sample] = {}
        self.pending: list[PendingPod] = []
        self.pending_total = 0
        self.dns_nodes: set[str] = set()

    def add(self, pod: _Pod) -> None:
        """Fold one pod in; pods that ended do not count."""
        spec, status = pod.spec or _Spec(), pod.status or _Status()
        if status.phase in _ENDED:
            return
        namespace = pod.metadata.namespace
        self.live[namespace] += 1
        if why := ", ".join(_host_privileges(spec)):
            self.privileged[namespace] = _grown(
                self.privileged.get(namespace, Sample()), f"{pod.metadata.name} ({why})"
            )
        if pod.metadata.deletion_timestamp is None:
            self._add_pending(pod, status.conditions or ())
        if namespace == "kube-system" and (pod.metadata.labels or {}).get(_DNS_LABEL) == _DNS_VALUE:
            self._add_dns(spec, status)

    def _add_pending(self, pod: _Pod, conditions: Iterable[_Condition]) -> None:
        scheduled = _condition(conditions, "PodScheduled")
        if scheduled is None or scheduled.status != "False" or scheduled.reason != "Unschedulable":
            return
        if scheduled.last_transition_time is None:
            return
        self.pending_total += 1
        self.pending.append(
            PendingPod(namespace=pod.metadata.namespace, name=pod.metadata.name, since=scheduled.last_transition_time)
        )
        if len(self.pending) >= _COMPACT_AT:
            self.pending = self.longest_pending()

    def _add_dns(self, spec: _Spec, status: _Status) -> None:
        ready = _condition(status.conditions or (), "Ready")
        if ready is not None and ready.status == "True" and spec.node_name:
            self.dns_nodes.add(spec.node_name)

    def longest_pending(self) -> list[PendingPod]:
        """The pods that wait longest, as many as a sample holds."""
        return nsmallest(MAX_SAMPLE, self.pending, key=lambda pod: (pod.since, pod.namespace, pod.name))


def _host_privileges(spec: _Spec) -> Iterator[str]:
    containers = [*(spec.init_containers or ()), *(spec.containers or ()), *(spec.ephemeral_containers or ())]
    if any(each.security_context and each.security_context.privileged for each in containers):
        yield "privileged"
    if spec.host_network:
        yield "hostNetwork"
    if spec.host_pid:
        yield "hostPID"
    if spec.host_ipc:
        yield "hostIPC"
    if any(volume.host_path for volume in spec.volumes or ()):
        yield "hostPath"


def _grown(sample: Sample, name: str) -> Sample:
    names = (*sample.names, name) if len(sample.names) < MAX_SAMPLE else sample.names
    return Sample(total=sample.total + 1, names=names)


def _condition(conditions: Iterable[_Condition], kind: str) -> _Condition | None:
    return next((each for each in conditions if each.type == kind), None)


def read_pods(api: KubernetesReader, gathered: Gathered) -> Pods:
    """Every pod of the cluster, folded."""
    fold = PodFold()
    for pod in api.items(PODS, _Pod):
        fold.add(pod)
    return Pods(
        observed_at=gathered.observed_at,
        source="v1 pods",
        live=dict(sorted(fold.live.items())),
        privileged=tuple(
            NamespaceSample(namespace=name, pods=fold.privileged[name]) for name in sorted(fold.privileged)
        ),
        pending=tuple(fold.longest_pending()),
        pending_total=fold.pending_total,
        dns_nodes=tuple(sorted(fold.dns_nodes)),
    )


PROBES = (KubernetesProbe(provides=Pods, rights=(Right("", "pods"),), read=read_pods),)
"""What this module gathers."""
