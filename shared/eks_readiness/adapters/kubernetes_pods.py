"""Pods, folded while they stream by: no pod is kept, so memory does not grow with the cluster."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest

import msgspec

from eks_readiness.adapters.kubernetes_objects import Quantities, quantities
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names, by_namespace
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, Pods
from eks_readiness.domain.evidence.nodes import PendingPod, Requested, RunningImage
from eks_readiness.domain.instant import Instant

PODS = Kind("", "pods")
_ENDED = ("Succeeded", "Failed")
_DNS_LABEL, _DNS_VALUE = "k8s-app", "kube-dns"
_SECRETS_STORE = "secrets-store.csi.k8s.io"
# checklist: names ending in these; *_FILE and *_PATH do not, and only say where a secret is.
_SECRET_NAMES = ("PASSWORD", "SECRET", "TOKEN", "KEY", "CREDENTIALS")
_REFERENCE = re.compile(r"\$\([\w.-]+\)")  # $(NAME): another variable's value
_MESH_PROXIES = frozenset({"istio-proxy", "linkerd-proxy"})
_MESH_CONTROL = "linkerd.io/control-plane-component"
_COMPACT_AT = 8 * MAX_SAMPLE
_STATIC_KEY = "AWS_ACCESS_KEY_ID"
_FARGATE_NODE = "fargate-"
_MAX_ACCOUNTS = 1_000


class _Annotations(msgspec.Struct, gc=False):
    """Those that a check names."""

    # https://developer.hashicorp.com/vault/docs/deploy/kubernetes/injector/annotations
    injection: str = msgspec.field(default="", name="vault.hashicorp.com/agent-inject-status")
    kube2iam: str = msgspec.field(default="", name="iam.amazonaws.com/role")
    ambient: str = msgspec.field(default="", name="ambient.istio.io/redirection")


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: _Annotations | None = None
    deletion_timestamp: str | None = None


class _SecurityContext(msgspec.Struct, gc=False):
    privileged: bool | None = None


class _Presence(msgspec.Struct, gc=False):
    """That it is there is all that matters."""


class _ValueFrom(msgspec.Struct, gc=False, rename="camel"):
    secret_key_ref: _Presence | None = None


class _Variable(msgspec.Struct, gc=False, rename="camel"):
    """One environment variable. Its value is looked at for being there, and never kept."""

    name: str = ""
    value: str | None = None
    value_from: _ValueFrom | None = None


class _VariablesFrom(msgspec.Struct, gc=False, rename="camel"):
    secret_ref: _Presence | None = None


class _Resources(msgspec.Struct, gc=False):
    requests: Quantities | None = None


class _Container(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    image: str = ""
    security_context: _SecurityContext | None = None
    env: list[_Variable] | None = None
    env_from: list[_VariablesFrom] | None = None
    resources: _Resources | None = None
    restart_policy: str | None = None


class _CsiVolume(msgspec.Struct, gc=False):
    driver: str = ""


class _Source(msgspec.Struct, gc=False):
    secret: _Presence | None = None


class _Projected(msgspec.Struct, gc=False):
    sources: list[_Source] | None = None


class _Volume(msgspec.Struct, gc=False, rename="camel"):
    host_path: _Presence | None = None
    secret: _Presence | None = None
    csi: _CsiVolume | None = None
    projected: _Projected | None = None


class _Spec(msgspec.Struct, gc=False):
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = msgspec.field(default=None, name="initContainers")
    ephemeral_containers: list[_Container] | None = msgspec.field(default=None, name="ephemeralContainers")
    volumes: list[_Volume] | None = None
    host_network: bool | None = msgspec.field(default=None, name="hostNetwork")
    host_pid: bool | None = msgspec.field(default=None, name="hostPID")
    host_ipc: bool | None = msgspec.field(default=None, name="hostIPC")
    node_name: str | None = msgspec.field(default=None, name="nodeName")
    service_account: str | None = msgspec.field(default=None, name="serviceAccountName")
    overhead: Quantities | None = None
    resources: _Resources | None = None


class _Condition(msgspec.Struct, gc=False, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str | None = None
    last_transition_time: Instant | None = None


class _ContainerStatus(msgspec.Struct, gc=False):
    name: str = ""
    image_id: str = msgspec.field(default="", name="imageID")


class _Status(msgspec.Struct, gc=False, rename="camel"):
    phase: str | None = None
    conditions: list[_Condition] | None = None
    container_statuses: list[_ContainerStatus] | None = None


class _Pod(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


class PodFold:
    """What is kept of the pods seen so far."""

    def __init__(self) -> None:
        self.live: Counter[str] = Counter()
        self.privileged: defaultdict[str, Names] = defaultdict(Names)
        self.pending: list[PendingPod] = []
        self.pending_total = 0
        self.dns_nodes: set[str] = set()
        self.secret_users: defaultdict[str, Names] = defaultdict(Names)
        self.secret_volumes = 0
        self.literal_secrets: defaultdict[str, Names] = defaultdict(Names)
        self.images: dict[tuple[str, str], set[str]] = {}
        self.without_requests: defaultdict[str, Names] = defaultdict(Names)
        self.requested: dict[str, list[float]] = {}
        self.vault_injected = 0
        self.other_aws_rights: defaultdict[str, Names] = defaultdict(Names)
        self.fargate_accounts: set[str] = set()
        self.meshed: Counter[str] = Counter()

    def add(self, pod: _Pod) -> None:
        """Fold one pod in; pods that ended do not count."""
        spec, status = pod.spec or _Spec(), pod.status or _Status()
        if status.phase in _ENDED:
            return
        namespace = pod.metadata.namespace
        containers = _containers(spec)
        self.live[namespace] += 1
        if why := _host_privileges(spec, containers):
            self.privileged[namespace].add(f"{pod.metadata.name} ({', '.join(why)})")
        if pod.metadata.deletion_timestamp is None:
            self._add_pending(pod, status.conditions or ())
        if namespace == "kube-system" and (pod.metadata.labels or {}).get(_DNS_LABEL) == _DNS_VALUE:
            self._add_dns(spec, status)
        self._add_volumes_and_variables(pod.metadata, spec, containers)
        self._add_images(namespace, spec, status)
        self._add_requests(pod.metadata, spec)
        if _meshed(pod.metadata, spec, containers):
            self.meshed[namespace] += 1

    def _add_volumes_and_variables(self, meta: _Meta, spec: _Spec, containers: Sequence[_Container]) -> None:
        volumes = spec.volumes or ()
        self.secret_volumes += any(each.csi and each.csi.driver == _SECRETS_STORE for each in volumes)
        uses_secret = any(map(_holds_secret, volumes))
        ways: list[str] = []
        # Most of a scan's time goes here: each variable of each container of each pod is looked at, once.
        for container in containers:
            uses_secret = uses_secret or any(source.secret_ref for source in container.env_from or ())
            static_key = False
            for variable in container.env or ():
                name, value = variable.name, variable.value
                if variable.value_from and variable.value_from.secret_key_ref:
                    uses_secret = True
                if name == _STATIC_KEY:
                    static_key = static_key or bool(value or variable.value_from)
                elif value and is_secret_name(name) and not _REFERENCE.fullmatch(value):
                    self.literal_secrets[meta.namespace].add(f"{meta.name} ({container.name}: {name})")
            if static_key:
                ways.append(f"{_STATIC_KEY} in container {container.name}")
        if uses_secret:
            self.secret_users[meta.namespace].add(meta.name)
        self._add_aws_rights(meta, spec, ways)

    def _add_aws_rights(self, meta: _Meta, spec: _Spec, ways: list[str]) -> None:
        if meta.annotations is not None:
            self.vault_injected += meta.annotations.injection == "injected"
            if meta.annotations.kube2iam:
                ways = [*ways, "annotation iam.amazonaws.com/role"]
        if ways:
            self.other_aws_rights[meta.namespace].add(f"{meta.name} ({', '.join(ways)})")
        if (spec.node_name or "").startswith(_FARGATE_NODE):
            self.fargate_accounts.add(f"{meta.namespace}/{spec.service_account or 'default'}")

    def _add_images(self, namespace: str, spec: _Spec, status: _Status) -> None:
        running = {each.name: each.image_id for each in status.container_statuses or ()}
        for container in spec.containers or ():
            # Runtimes write name@sha256:…, or sha256:… alone for an image without a registry.
            digest = running.get(container.name, "").rpartition("@")[2].removeprefix("docker-pullable://")
            where = self.images.get((container.image, digest))
            if where is None:
                where = self.images[container.image, digest] = set()
            if len(where) < MAX_SAMPLE:
                where.add(namespace)

    def _add_requests(self, meta: _Meta, spec: _Spec) -> None:
        whole_pod = _asked(spec.resources)
        regular = [_asked(each.resources) for each in spec.containers or ()]
        for resource in ("cpu", "memory"):
            if resource not in whole_pod and not all(resource in each for each in regular):
                self.without_requests[meta.namespace].add(meta.name)
                break
        if spec.node_name:
            sums = self.requested.get(spec.node_name)
            if sums is None:
                sums = self.requested[spec.node_name] = [0.0, 0.0, 0]
            sums[0] += effective_request(spec, "cpu", whole_pod, regular)
            sums[1] += effective_request(spec, "memory", whole_pod, regular)
            sums[2] += 1

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


def _containers(spec: _Spec) -> list[_Container]:
    if not spec.init_containers and not spec.ephemeral_containers:
        return spec.containers or []
    return [*(spec.init_containers or ()), *(spec.containers or ()), *(spec.ephemeral_containers or ())]


def _meshed(meta: _Meta, spec: _Spec, containers: Sequence[_Container]) -> bool:
    """Whether a proxy of a mesh stands beside the containers (natively as an init container), or on the node.

    Gateways and node proxies, which are a proxy alone, and the control plane are the mesh; they are not in it.
    """
    if meta.annotations and meta.annotations.ambient == "enabled":
        return True
    if _MESH_CONTROL in (meta.labels or {}):
        return False
    if all(each.name not in _MESH_PROXIES for each in containers):
        return False
    names = {each.name for each in spec.containers or ()}
    beside = names | {each.name for each in spec.init_containers or ()}
    return bool(names - _MESH_PROXIES) and not beside.isdisjoint(_MESH_PROXIES)


def _holds_secret(volume: _Volume) -> bool:
    if volume.secret:
        return True
    return volume.projected is not None and any(source.secret for source in volume.projected.sources or ())


def is_secret_name(variable: str) -> bool:
    """Whether an environment variable is named like a secret; one that names a file or a path is none."""
    return variable.upper().endswith(_SECRET_NAMES)


def _asked(resources: _Resources | None) -> dict[str, float]:
    return quantities(resources.requests) if resources else {}


def effective_request(
    spec: _Spec, resource: str, whole_pod: Mapping[str, float], regular: Sequence[Mapping[str, float]]
) -> float:
    """What the scheduler counts of one resource for a pod, given what the pod and its regular containers ask for.

    The sum over containers and sidecars, or what the largest init container needs beside the sidecars that were started
    before it, if that is more; a request of the whole pod replaces both; the runtime's overhead comes on top.
    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    """
    overhead = quantities(spec.overhead).get(resource, 0.0) if spec.overhead else 0.0
    if resource in whole_pod:
        return whole_pod[resource] + overhead
    sidecars = largest = 0.0
    for each in spec.init_containers or ():
        amount = _asked(each.resources).get(resource, 0.0)
        if each.restart_policy == "Always":
            sidecars += amount
            largest = max(largest, sidecars)
        else:
            largest = max(largest, sidecars + amount)
    needed = sum([each.get(resource, 0.0) for each in regular])
    return max(needed + sidecars, largest) + overhead


def _host_privileges(spec: _Spec, containers: Iterable[_Container]) -> list[str]:
    found = []
    for each in containers:
        if each.security_context and each.security_context.privileged:
            found.append("privileged")
            break
    if spec.host_network:
        found.append("hostNetwork")
    if spec.host_pid:
        found.append("hostPID")
    if spec.host_ipc:
        found.append("hostIPC")
    for volume in spec.volumes or ():
        if volume.host_path:
            found.append("hostPath")
            break
    return found


def _condition(conditions: Iterable[_Condition], kind: str) -> _Condition | None:
    for each in conditions:
        if each.type == kind:
            return each
    return None


def read_pods(api: KubernetesReader, gathered: Gathered) -> Pods:
    """Every pod of the cluster, folded."""
    fold = PodFold()
    for pod in api.items(PODS, _Pod):
        fold.add(pod)
    return Pods(
        observed_at=gathered.observed_at,
        source="v1 pods",
        live=dict(sorted(fold.live.items())),
        privileged=by_namespace(fold.privileged),
        pending=tuple(fold.longest_pending()),
        pending_total=fold.pending_total,
        dns_nodes=tuple(sorted(fold.dns_nodes)),
        secret_users=by_namespace(fold.secret_users),
        secret_volumes=fold.secret_volumes,
        literal_secrets=by_namespace(fold.literal_secrets),
        images=tuple(
            RunningImage(image=bounded(image), digest=bounded(digest), namespaces=tuple(sorted(where)))
            for (image, digest), where in sorted(fold.images.items())
        ),
        without_requests=by_namespace(fold.without_requests),
        requested=tuple(
            Requested(node=node, cpu_cores=round(cpu, 3), memory_bytes=memory, pods=int(pods))
            for node, (cpu, memory, pods) in sorted(fold.requested.items())
        ),
        vault_injected=fold.vault_injected,
        other_aws_rights=by_namespace(fold.other_aws_rights),
        fargate_accounts=tuple(sorted(fold.fargate_accounts)[:_MAX_ACCOUNTS]),
        fargate_accounts_total=len(fold.fargate_accounts),
        meshed=dict(sorted(fold.meshed.items())),
    )


PROBES = (KubernetesProbe(provides=Pods, rights=(Right("", "pods"),), read=read_pods),)
"""What this module gathers."""
