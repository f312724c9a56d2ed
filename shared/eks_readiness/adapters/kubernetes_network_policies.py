"""Network policies of every kind that the cluster serves, and what could enforce them with the VPC CNI.

A policy denies by default when it selects every pod of its namespace (or of all) and does not let everything through:
what it allows by name is an exception from the denial.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from eks_readiness.adapters.kubernetes_objects import Condition, Named, Selector
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import AccessDenied
from eks_readiness.domain.evidence import NetworkPolicies, NetworkPolicyEngine, Unavailable
from eks_readiness.domain.evidence.network import AllowAll, DefaultDeny, NetworkPolicyKind, NodeClass

DAEMON_SETS = Kind("apps", "daemonsets")
NODE_CLASSES = Kind("eks.amazonaws.com", "nodeclasses")
CNI_CONFIG_MAP = ("kube-system", "amazon-vpc-cni")
_CONTROLLER_FLAG = "enable-network-policy-controller"
_AGENT_FLAG = "--enable-network-policy"
_AGENT_CONTAINER = "aws-eks-nodeagent"
_NAMESPACE_NAME = ("kubernetes.io/metadata.name", "k8s:io.kubernetes.pod.namespace", "io.kubernetes.pod.namespace")
_EVERYWHERE = ("0.0.0.0/0", "::/0")
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


class _CiliumRule(msgspec.Struct, gc=False, omit_defaults=True):
    """Only an empty rule is understood: it selects the direction and allows nothing."""

    from_endpoints: list[object] | None = msgspec.field(default=None, name="fromEndpoints")
    from_entities: list[str] | None = msgspec.field(default=None, name="fromEntities")
    from_cidr: list[str] | None = msgspec.field(default=None, name="fromCIDR")
    from_cidr_set: list[object] | None = msgspec.field(default=None, name="fromCIDRSet")
    to_endpoints: list[object] | None = msgspec.field(default=None, name="toEndpoints")
    to_entities: list[str] | None = msgspec.field(default=None, name="toEntities")
    to_cidr: list[str] | None = msgspec.field(default=None, name="toCIDR")
    to_cidr_set: list[object] | None = msgspec.field(default=None, name="toCIDRSet")
    to_fqdns: list[object] | None = msgspec.field(default=None, name="toFQDNs")
    to_ports: list[object] | None = msgspec.field(default=None, name="toPorts")
    to_services: list[object] | None = msgspec.field(default=None, name="toServices")

    @property
    def allows_nothing(self) -> bool:
        return all(getattr(self, name) is None for name in self.__struct_fields__)


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
    source: dict[str, object] | None = None
    destination: dict[str, object] | None = None
    protocol: str | int | None = None

    @property
    def everything(self) -> bool:
        return self.action in ("Allow", "Pass") and not self.source and not self.destination and self.protocol is None


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
        if api.serves(source.kind) is None:
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
    deny = DefaultDeny(
        kind=name,
        name=meta.name,
        namespace=meta.namespace,
        ingress="ingress" in types and not allowed["ingress"],
        egress="egress" in types and not allowed["egress"],
    )
    allow = AllowAll(
        name=meta.name,
        namespace=meta.namespace,
        ingress="ingress" in types and allowed["ingress"],
        egress="egress" in types and allowed["egress"],
    )
    return _Found(
        denies=(deny,) if deny.ingress or deny.egress else (), allows=(allow,) if allow.ingress or allow.egress else ()
    )


def _cilium(name: NetworkPolicyKind, each: _Cilium, *, cluster_wide: bool) -> _Found:
    denies = []
    for spec in [*([each.spec] if each.spec else []), *(each.specs or ())]:
        exempt = _left_out(spec.endpoint_selector, cluster_wide=cluster_wide)
        if exempt is None:
            continue
        default = spec.enable_default_deny or _CiliumDefault()
        ingress = default.ingress is not False and _allows_nothing(spec.ingress)
        egress = default.egress is not False and _allows_nothing(spec.egress)
        if ingress or egress:
            meta = each.metadata
            denies.append(
                DefaultDeny(
                    kind=name,
                    name=meta.name,
                    namespace=meta.namespace,
                    cluster_wide=cluster_wide,
                    exempt=exempt,
                    ingress=ingress,
                    egress=egress,
                )
            )
    return _Found(denies=tuple(denies))


def _allows_nothing(rules: list[_CiliumRule] | None) -> bool:
    # A list that is there selects the direction; only then is anything denied.
    return bool(rules) and all(rule.allows_nothing for rule in rules or ())


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
    ingress = "ingress" in types and not any(rule.everything for rule in spec.ingress or ())
    egress = "egress" in types and not any(rule.everything for rule in spec.egress or ())
    if not (ingress or egress):
        return _Found()
    deny = DefaultDeny(
        kind=name,
        name=meta.name,
        namespace=meta.namespace,
        cluster_wide=cluster_wide,
        exempt=exempt,
        ingress=ingress,
        egress=egress,
    )
    return _Found(denies=(deny,))


def _calico_exempt(selector: str) -> tuple[str, ...] | None:
    if selector.strip() in _CALICO_ALL:
        return ()
    match = _CALICO_NOT_IN.fullmatch(selector.strip())
    return tuple(word.strip(" '\"") for word in match["names"].split(",")) if match else None


def _cluster(name: NetworkPolicyKind, each: _ClusterPolicy) -> _Found:
    spec = each.spec or _ClusterSpec()
    subject = (spec.subject or _ClusterPeer()).namespaces
    exempt = None if subject is None else _left_out(subject, cluster_wide=True)
    ingress = any(rule.denies_everything for rule in spec.ingress or ())
    egress = any(rule.denies_everything for rule in spec.egress or ())
    if exempt is None or not (ingress or egress):
        return _Found()
    deny = DefaultDeny(
        kind=name, name=each.metadata.name, cluster_wide=True, exempt=exempt, ingress=ingress, egress=egress
    )
    return _Found(denies=(deny,))


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
