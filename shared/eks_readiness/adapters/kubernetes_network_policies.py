"""Network policies of every kind that the cluster serves, and what could enforce them with the VPC CNI.

A policy denies by default when it selects every pod of its namespace (or of all) and does not let everything through:
what it allows by name is an exception from the denial.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from eks_readiness.adapters.kubernetes_objects import Condition, Named, Selector
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import AccessDenied
from eks_readiness.domain.evidence import NetworkPolicies, NetworkPolicyEngine, Unavailable
from eks_readiness.domain.evidence.network import AllowAll, DefaultDeny, NetworkPolicyKind, NodeClass

DAEMON_SETS = Kind("apps", "daemonsets", page=250)
NODE_CLASSES = Kind("eks.amazonaws.com", "nodeclasses")
CNI_CONFIG_MAP = ("kube-system", "amazon-vpc-cni")
_CONTROLLER_FLAG = "enable-network-policy-controller"
_AGENT_FLAG = "--enable-network-policy"
_AGENT_CONTAINER = "aws-eks-nodeagent"
_NAMESPACE_NAME = ("kubernetes.io/metadata.name", "k8s:io.kubernetes.pod.namespace", "io.kubernetes.pod.namespace")
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_CILIUM_PEERS = frozenset(
    {f"from{what}" for what in ("CIDR", "CIDRSet", "Endpoints", "Entities", "Groups", "Nodes")}
    | {f"to{what}" for what in ("CIDR", "CIDRSet", "Endpoints", "Entities", "FQDNs", "Groups", "Nodes", "Services")}
)
Direction = Literal["ingress", "egress"]


# --- networking.k8s.io, and AWS's ApplicationNetworkPolicy of the same shape


class _IpBlock(msgspec.Struct, gc=False):
    cidr: str = ""
    excluded: list[str] | None = msgspec.field(default=None, name="except")


class _Peer(msgspec.Struct, gc=False, rename="camel"):
    ip_block: _IpBlock | None = None
    namespace_selector: Selector | None = None
    pod_selector: Selector | None = None

    @property
    def everything(self) -> bool:
        if self.ip_block is not None:
            return self.ip_block.cidr in _EVERYWHERE and not self.ip_block.excluded
        anywhere = self.namespace_selector is not None and self.namespace_selector.everything
        return anywhere and (self.pod_selector is None or self.pod_selector.everything)


class _Port(msgspec.Struct, gc=False):
    """That there is one is all that matters."""


class _Rule(msgspec.Struct, gc=False):
    sources: list[_Peer] | None = msgspec.field(default=None, name="from")
    to: list[_Peer] | None = None
    ports: list[_Port] | None = None

    @property
    def everything(self) -> bool:
        peers = self.sources or self.to
        return not self.ports and (not peers or any(peer.everything for peer in peers))


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    pod_selector: Selector | None = None
    policy_types: list[str] | None = None
    ingress: list[_Rule] | None = None
    egress: list[_Rule] | None = None


class _Policy(msgspec.Struct, gc=False):
    metadata: Named
    spec: _Spec | None = None


# --- cilium.io

_CiliumRule = dict[str, Any]


class _CiliumDefault(msgspec.Struct, gc=False):
    ingress: bool | None = None
    egress: bool | None = None


class _CiliumSpec(msgspec.Struct, gc=False, rename="camel"):
    endpoint_selector: Selector | None = None
    ingress: list[_CiliumRule] | None = None
    egress: list[_CiliumRule] | None = None
    enable_default_deny: _CiliumDefault | None = None


class _Cilium(msgspec.Struct, gc=False):
    metadata: Named
    spec: _CiliumSpec | None = None
    specs: list[_CiliumSpec] | None = None


# --- projectcalico.org


class _CalicoRule(msgspec.Struct, gc=False):
    action: str = ""
    source: dict[str, Any] | None = None
    destination: dict[str, Any] | None = None
    protocol: str | int | None = None

    @property
    def everything(self) -> bool:
        passes = self.action in ("Allow", "Pass") and self.protocol is None
        return passes and _anywhere(self.source) and _anywhere(self.destination)


def _anywhere(peer: Mapping[str, Any] | None) -> bool:
    """Whether a side of a rule names nobody, or the whole network."""
    said = {key: value for key, value in (peer or {}).items() if value}
    return not said or (said.keys() == {"nets"} and not set(_EVERYWHERE).isdisjoint(said["nets"]))


class _CalicoSpec(msgspec.Struct, gc=False, rename="camel"):
    selector: str | None = None
    namespace_selector: str | None = None
    types: list[str] | None = None
    ingress: list[_CalicoRule] | None = None
    egress: list[_CalicoRule] | None = None


class _Calico(msgspec.Struct, gc=False):
    metadata: Named
    spec: _CalicoSpec | None = None


# --- networking.k8s.aws ClusterNetworkPolicy


class _ClusterPeer(msgspec.Struct, gc=False):
    namespaces: Selector | None = None


class _ClusterRule(msgspec.Struct, gc=False):
    action: str = ""
    sources: list[_ClusterPeer] | None = msgspec.field(default=None, name="from")
    to: list[_ClusterPeer] | None = None
    ports: list[object] | None = None

    @property
    def denies_everything(self) -> bool:
        peers = self.sources or self.to or []
        return (
            self.action == "Deny"
            and not self.ports
            and any(peer.namespaces is not None and peer.namespaces.everything for peer in peers)
        )


class _ClusterSpec(msgspec.Struct, gc=False):
    subject: _ClusterPeer | None = None
    ingress: list[_ClusterRule] | None = None
    egress: list[_ClusterRule] | None = None


class _ClusterPolicy(msgspec.Struct, gc=False):
    metadata: Named
    spec: _ClusterSpec | None = None


class _Found(NamedTuple):
    """What one policy means."""

    denies: tuple[DefaultDeny, ...] = ()
    allows: tuple[AllowAll, ...] = ()


class _Source(NamedTuple):
    """One kind of policy, how it is listed and what one of it means."""

    name: NetworkPolicyKind
    kind: Kind
    read: Callable[[KubernetesReader], Iterable[_Found]]


def read_policies(api: KubernetesReader, gathered: Gathered) -> NetworkPolicies:
    """Policies of every kind; a kind that is denied is told in `unread`."""
    counts: dict[NetworkPolicyKind, int] = {}
    denies: list[DefaultDeny] = []
    allows: list[AllowAll] = []
    unread: list[Unavailable] = []
    for source in _SOURCES:
        if source.name in counts or api.serves(source.kind) is None:
            continue
        try:
            found = list(source.read(api))
        except AccessDenied as error:
            unread.append(Unavailable.because(error))
            continue
        counts[source.name] = len(found)
        denies += [deny for each in found for deny in each.denies]
        allows += [allow for each in found for allow in each.allows]
    return NetworkPolicies(
        observed_at=gathered.observed_at,
        source="network policies of Kubernetes, AWS, Cilium and Calico",
        counts=counts,
        default_denies=tuple(denies),
        allow_alls=tuple(allows),
        unread=tuple(unread),
    )


def _plain(name: NetworkPolicyKind, each: _Policy) -> _Found:
    spec, meta = each.spec or _Spec(), each.metadata
    if spec.pod_selector is not None and not spec.pod_selector.everything:
        return _Found()
    types = {kind.lower() for kind in spec.policy_types or ()} or {"ingress", *(["egress"] if spec.egress else [])}
    allowed = {
        "ingress": any(rule.everything for rule in spec.ingress or ()),
        "egress": any(rule.everything for rule in spec.egress or ()),
    }
    return _every_pod(
        name,
        meta,
        denied={way for way in types if not allowed.get(way)},
        allowed={way for way in types if allowed.get(way)},
    )


def _every_pod(  # noqa: PLR0913 - one for each thing that such a policy says
    kind: NetworkPolicyKind,
    meta: Named,
    *,
    denied: Collection[str],
    allowed: Collection[str] = (),
    exempt: tuple[str, ...] = (),
    cluster_wide: bool = False,
) -> _Found:
    """What a policy about every pod means, by the directions that it denies by default and those that it opens."""
    about: dict[str, Any] = {"kind": kind, "name": meta.name, "namespace": meta.namespace}
    about |= {"exempt": exempt, "cluster_wide": cluster_wide}
    deny = DefaultDeny(**about, ingress="ingress" in denied, egress="egress" in denied)
    allow = AllowAll(**about, ingress="ingress" in allowed, egress="egress" in allowed)
    return _Found(denies=(deny,) if denied else (), allows=(allow,) if allowed else ())


def _cilium(name: NetworkPolicyKind, each: _Cilium, *, cluster_wide: bool) -> _Found:
    found = [
        _cilium_spec(name, each.metadata, spec, cluster_wide=cluster_wide)
        for spec in (*([each.spec] if each.spec else []), *(each.specs or ()))
    ]
    return _Found(
        denies=tuple(deny for one in found for deny in one.denies),
        allows=tuple(allow for one in found for allow in one.allows),
    )


def _cilium_spec(name: NetworkPolicyKind, meta: Named, spec: _CiliumSpec, *, cluster_wide: bool) -> _Found:
    # One without an endpointSelector is about nodes.
    exempt = _left_out(spec.endpoint_selector, cluster_wide=cluster_wide) if spec.endpoint_selector else None
    if exempt is None:
        return _Found()
    default = spec.enable_default_deny or _CiliumDefault()
    denied, allowed = set(), set()
    for way, rules, by_default in (("ingress", spec.ingress, default.ingress), ("egress", spec.egress, default.egress)):
        # A list that is there selects the direction; only then is anything denied.
        opens = [_opens(rule, cluster_wide=cluster_wide) for rule in rules or ()]
        if True in opens:
            allowed.add(way)
        elif rules and None not in opens and by_default is not False:
            denied.add(way)
    return _every_pod(name, meta, denied=denied, allowed=allowed, exempt=exempt, cluster_wide=cluster_wide)


def _opens(rule: _CiliumRule, *, cluster_wide: bool) -> bool | None:
    """Whether a rule of Cilium's lets everything through; an empty one lets nothing. None where it cannot be told.

    Source: https://docs.cilium.io/en/stable/security/policy/language/
    """
    given = {key: value for key, value in rule.items() if value is not None and key != "authentication"}
    if not given or given.get("icmps") or _some_ports(given.pop("toPorts", None)):
        return False
    if not given or any(_is_everything(key, value, cluster_wide=cluster_wide) for key, value in given.items()):
        return True
    return False if given.keys() <= _CILIUM_PEERS else None


def _some_ports(ports: Any) -> bool:
    """Whether a rule is about some ports alone: port 0 is every one."""
    listed = [[one.get("port") for one in each.get("ports") or ()] for each in ports or ()]
    return bool(listed) and all(each and not {"0", 0}.intersection(each) for each in listed)


def _is_everything(key: str, peers: Any, *, cluster_wide: bool) -> bool:
    match key:
        case "fromEntities" | "toEntities":
            return not {"all", "cluster", "world"}.isdisjoint(peers)
        case "fromCIDR" | "toCIDR":
            return not set(_EVERYWHERE).isdisjoint(peers)
        case "fromCIDRSet" | "toCIDRSet":
            return any(each.get("cidr") in _EVERYWHERE and not each.get("except") for each in peers)
        case "fromEndpoints" | "toEndpoints":
            return any(_every_endpoint(each or {}, cluster_wide=cluster_wide) for each in peers)
        case "toFQDNs":
            return any(set(each.get("matchPattern") or "") == {"*"} for each in peers)
        case _:
            return False


def _every_endpoint(selector: Mapping[str, Any], *, cluster_wide: bool) -> bool:
    """Whether it selects pods of every namespace: one that says nothing is about its policy's own."""
    said = selector.get("matchExpressions") or ()
    by_namespace = bool(said) and all(each.get("key") in _NAMESPACE_NAME for each in said)
    return not selector.get("matchLabels") and (
        (by_namespace and all(each.get("operator") in ("Exists", "NotIn") for each in said))
        or (cluster_wide and not said)
    )


def _left_out(selector: Selector | None, *, cluster_wide: bool) -> tuple[str, ...] | None:
    """The namespaces that a selector names as left out; None when it leaves out anything else."""
    if selector is None or selector.everything:
        return ()
    if not cluster_wide or selector.match_labels:
        return None
    exempt: list[str] = []
    for each in selector.match_expressions or ():
        if each.key not in _NAMESPACE_NAME or each.operator != "NotIn":
            return None
        exempt += each.values or ()
    return tuple(exempt)


# has(projectcalico.org/name) && projectcalico.org/name not in {"kube-system", "calico-system"}
_CALICO_ALL = ("", "all()", "global()")
_CALICO_NOT_IN = re.compile(
    r"(?:has\(projectcalico\.org/name\) && )?"
    r"(?:projectcalico\.org/name|kubernetes\.io/metadata\.name) not in \{(?P<names>[^{}]*)\}"
)


def _calico(name: NetworkPolicyKind, each: _Calico, *, cluster_wide: bool) -> _Found:
    spec, meta = each.spec or _CalicoSpec(), each.metadata
    exempt = _calico_exempt(spec.namespace_selector or "") if cluster_wide else ()
    if (spec.selector or "").strip() not in _CALICO_ALL or exempt is None:
        return _Found()
    types = {kind.lower() for kind in spec.types or ()} or {
        *(["ingress"] if spec.ingress is not None or spec.egress is None else []),
        *(["egress"] if spec.egress is not None else []),
    }
    opened = {
        "ingress": any(rule.everything for rule in spec.ingress or ()),
        "egress": any(rule.everything for rule in spec.egress or ()),
    }
    return _every_pod(
        name,
        meta,
        denied={way for way in types if not opened.get(way)},
        allowed={way for way in types if opened.get(way)},
        exempt=exempt,
        cluster_wide=cluster_wide,
    )


def _calico_exempt(selector: str) -> tuple[str, ...] | None:
    if selector.strip() in _CALICO_ALL:
        return ()
    match = _CALICO_NOT_IN.fullmatch(selector.strip())
    return tuple(word.strip(" '\"") for word in match["names"].split(",")) if match else None


def _cluster(name: NetworkPolicyKind, each: _ClusterPolicy) -> _Found:
    spec = each.spec or _ClusterSpec()
    subject = (spec.subject or _ClusterPeer()).namespaces
    exempt = None if subject is None else _left_out(subject, cluster_wide=True)
    ways = (("ingress", spec.ingress), ("egress", spec.egress))
    denied = {way for way, rules in ways if any(rule.denies_everything for rule in rules or ())}
    if exempt is None:
        return _Found()
    return _every_pod(name, each.metadata, denied=denied, exempt=exempt, cluster_wide=True)


def _source_plain(name: NetworkPolicyKind, kind: Kind) -> _Source:
    return _Source(name, kind, lambda api: (_plain(name, each) for each in api.items(kind, _Policy)))


def _source_cilium(name: NetworkPolicyKind, kind: Kind, *, cluster_wide: bool) -> _Source:
    return _Source(
        name, kind, lambda api: (_cilium(name, each, cluster_wide=cluster_wide) for each in api.items(kind, _Cilium))
    )


def _source_calico(name: NetworkPolicyKind, kind: Kind, *, cluster_wide: bool) -> _Source:
    return _Source(
        name, kind, lambda api: (_calico(name, each, cluster_wide=cluster_wide) for each in api.items(kind, _Calico))
    )


_CLUSTER_POLICIES = Kind("networking.k8s.aws", "clusternetworkpolicies", ("v1alpha1",))
_SOURCES = (
    _source_plain("NetworkPolicy", Kind("networking.k8s.io", "networkpolicies")),
    _source_plain("ApplicationNetworkPolicy", Kind("networking.k8s.aws", "applicationnetworkpolicies", ("v1alpha1",))),
    _Source(
        "ClusterNetworkPolicy",
        _CLUSTER_POLICIES,
        lambda api: (_cluster("ClusterNetworkPolicy", each) for each in api.items(_CLUSTER_POLICIES, _ClusterPolicy)),
    ),
    _source_cilium("CiliumNetworkPolicy", Kind("cilium.io", "ciliumnetworkpolicies", ("v2",)), cluster_wide=False),
    _source_cilium(
        "CiliumClusterwideNetworkPolicy",
        Kind("cilium.io", "ciliumclusterwidenetworkpolicies", ("v2",)),
        cluster_wide=True,
    ),
    _source_calico("CalicoNetworkPolicy", Kind("crd.projectcalico.org", "networkpolicies"), cluster_wide=False),
    _source_calico(
        "CalicoGlobalNetworkPolicy", Kind("crd.projectcalico.org", "globalnetworkpolicies"), cluster_wide=True
    ),
    # From 3.32 on Calico may have its kinds here alone; where it has both, those above are what it goes by.
    # https://docs.tigera.io/calico/latest/operations/native-v3-crds
    _source_calico("CalicoNetworkPolicy", Kind("projectcalico.org", "networkpolicies", ("v3",)), cluster_wide=False),
    _source_calico(
        "CalicoGlobalNetworkPolicy", Kind("projectcalico.org", "globalnetworkpolicies", ("v3",)), cluster_wide=True
    ),
)


class _Container(msgspec.Struct, gc=False):
    """Arguments are looked at for the policy flag of the node agent alone, and never kept."""

    name: str = ""
    args: list[str] | None = None


class _PodSpec(msgspec.Struct, gc=False):
    containers: list[_Container] | None = None


class _Template(msgspec.Struct, gc=False):
    spec: _PodSpec | None = None


class _DaemonSpec(msgspec.Struct, gc=False):
    template: _Template | None = None


class _DaemonStatus(msgspec.Struct, gc=False, rename="camel"):
    desired_number_scheduled: int | None = None


class _DaemonSet(msgspec.Struct, gc=False):
    metadata: Named
    spec: _DaemonSpec | None = None
    status: _DaemonStatus | None = None


class _NodeClassSpec(msgspec.Struct, gc=False, rename="camel"):
    network_policy: str | None = None


class _NodeClassStatus(msgspec.Struct, gc=False):
    conditions: list[Condition] | None = None


class _NodeClass(msgspec.Struct, gc=False):
    metadata: Named
    spec: _NodeClassSpec | None = None
    status: _NodeClassStatus | None = None


def read_engine(api: KubernetesReader, gathered: Gathered) -> NetworkPolicyEngine:
    """Both flags of the VPC CNI, and the NodeClasses of EKS Auto Mode; a part that is denied says so itself."""
    agent = unless_denied(lambda: _agent(api))
    return NetworkPolicyEngine(
        observed_at=gathered.observed_at,
        source="DaemonSet aws-node, ConfigMap amazon-vpc-cni, eks.amazonaws.com nodeclasses",
        node_agent_enabled=agent if isinstance(agent, Unavailable) else agent[0],
        node_agent_nodes=0 if isinstance(agent, Unavailable) else agent[1],
        controller_enabled=unless_denied(lambda: _controller(api)),
        node_classes=unless_denied(lambda: tuple(_node_class(each) for each in api.items(NODE_CLASSES, _NodeClass))),
    )


def _agent(api: KubernetesReader) -> tuple[bool | None, int]:
    for each in api.items(DAEMON_SETS, _DaemonSet):
        if (each.metadata.namespace, each.metadata.name) == ("kube-system", "aws-node"):
            containers = ((each.spec and each.spec.template and each.spec.template.spec) or _PodSpec()).containers or []
            words = [word for one in containers if one.name == _AGENT_CONTAINER for word in one.args or ()]
            return f"{_AGENT_FLAG}=true" in words, (each.status or _DaemonStatus()).desired_number_scheduled or 0
    return None, 0


def _controller(api: KubernetesReader) -> bool | None:
    data = api.config_map(*CNI_CONFIG_MAP)
    return None if data is None else data.get(_CONTROLLER_FLAG, "").lower() == "true"


def _node_class(each: _NodeClass) -> NodeClass:
    conditions = (each.status or _NodeClassStatus()).conditions or ()
    return NodeClass(
        name=each.metadata.name,
        network_policy=(each.spec and each.spec.network_policy) or "",
        ready=any(one.type == "Ready" and one.status == "True" for one in conditions),
    )


PROBES = (
    KubernetesProbe(
        provides=NetworkPolicies,
        rights=tuple(Right(source.kind.group, source.kind.resource) for source in _SOURCES),
        read=read_policies,
    ),
    KubernetesProbe(
        provides=NetworkPolicyEngine,
        rights=(
            Right("apps", "daemonsets"),
            Right("", "configmaps", ("get",), namespace=CNI_CONFIG_MAP[0], names=(CNI_CONFIG_MAP[1],)),
            Right("eks.amazonaws.com", "nodeclasses"),
        ),
        read=read_engine,
    ),
)
"""What this module gathers."""
