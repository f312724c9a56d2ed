"""Network policies: something enforces them, and they deny what nobody allowed."""

from __future__ import annotations

from typing import Literal

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.security.network_policy_engines import (
    EngineName,
    Side,
    Sides,
    enforcing,
    sides_of,
    unread_of,
    why_not,
)
from eks_readiness.domain.evidence import (
    Addons,
    Components,
    Namespaces,
    NetworkPolicies,
    NetworkPolicyEngine,
    Nodes,
    Unavailable,
)
from eks_readiness.domain.evidence.network import AllowAll, DefaultDeny, NetworkPolicyKind
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

Direction = Literal["ingress", "egress"]
_ONLY_BY: dict[NetworkPolicyKind, EngineName] = {
    "ApplicationNetworkPolicy": "vpc-cni",
    "ClusterNetworkPolicy": "vpc-cni",
    "CiliumNetworkPolicy": "cilium",
    "CiliumClusterwideNetworkPolicy": "cilium",
    "CalicoNetworkPolicy": "calico",
    "CalicoGlobalNetworkPolicy": "calico",
}


@check(
    "network-policies.engine",
    needs=(if_available(NetworkPolicyEngine), if_available(Components), if_available(Addons), if_available(Nodes)),
    required=True,
)
def something_enforces_network_policies(
    engine: NetworkPolicyEngine | Unavailable,
    components: Components | Unavailable,
    addons: Addons | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Something enforces network policies: the VPC CNI, EKS Auto Mode, Cilium or Calico.

    The VPC CNI does so when the node agent of DaemonSet aws-node runs with --enable-network-policy=true and ConfigMap
    kube-system/amazon-vpc-cni has enable-network-policy-controller "true" (the add-on's option sets both); EKS Auto
    Mode with that ConfigMap and a ready NodeClass; Cilium and Calico when their DaemonSet is fully ready. Each Linux
    node must have one of them: the VPC CNI is on EC2 nodes alone, and Cilium often on hybrid nodes alone. Where the
    cluster cannot be read, the add-on's option decides. Nothing enforces policies on Fargate, which is not judged where
    there are other nodes.
    Why: a NetworkPolicy without an engine is accepted and does nothing.
    Fix: aws eks update-addon --addon-name vpc-cni --configuration-values '{"enableNetworkPolicy": "true"}', or on EKS
    Auto Mode create the ConfigMap.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html
    """
    sides = sides_of(engine, components, addons, nodes)
    if proven := enforcing(sides):
        return passed("; ".join(side.why for side in proven))
    return unread_of(sides) or failed(why_not(sides))


@check(
    "network-policies.default-deny",
    needs=(
        Namespaces,
        NetworkPolicies,
        if_available(NetworkPolicyEngine),
        if_available(Components),
        if_available(Addons),
        if_available(Nodes),
    ),
    required=True,
)
def ingress_is_denied_by_default(  # noqa: PLR0913 - one for each slice
    namespaces: Namespaces,
    policies: NetworkPolicies,
    engine: NetworkPolicyEngine | Unavailable,
    components: Components | Unavailable,
    addons: Addons | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every namespace that is not exempt denies ingress by default, or the whole cluster does, and it is enforced.

    A default-deny selects every pod of its namespace for ingress and does not let everything in; what it or other
    policies let in by name is an exception from the denial.
    Cluster-wide forms of Cilium, Calico and AWS count, and a DefaultDeny NodeClass of EKS Auto Mode. A policy that
    lets everything in for every pod of a namespace undoes it. A policy of a kind that no engine here enforces does not
    count. The namespace `default` counts even when it is empty.
    Why: without it, every pod that is taken over reaches every other pod.
    Fix: apply a NetworkPolicy with podSelector {} and policyTypes [Ingress] to each namespace, beside those that allow.
    Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-ingress-traffic
    """
    return _denies("ingress", namespaces, policies, engine, sides_of(engine, components, addons, nodes), policy)


@check(
    "network-policies.egress",
    needs=(
        Namespaces,
        NetworkPolicies,
        if_available(NetworkPolicyEngine),
        if_available(Components),
        if_available(Addons),
        if_available(Nodes),
    ),
    required=False,
)
def egress_is_denied_by_default(  # noqa: PLR0913 - one for each slice
    namespaces: Namespaces,
    policies: NetworkPolicies,
    engine: NetworkPolicyEngine | Unavailable,
    components: Components | Unavailable,
    addons: Addons | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every namespace that is not exempt denies egress by default too, or the whole cluster does.

    Judged as default-deny of ingress is.
    Why: what was taken over calls home and moves on over egress.
    Fix: add Egress to the policyTypes of the default-deny, and allow DNS (UDP and TCP 53 to kube-dns) and what is used.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/network-security.html
    """
    return _denies("egress", namespaces, policies, engine, sides_of(engine, components, addons, nodes), policy)


def _denies(  # noqa: PLR0913 - what both checks share
    direction: Direction,
    namespaces: Namespaces,
    policies: NetworkPolicies,
    engine: NetworkPolicyEngine | Unavailable,
    sides: Sides,
    policy: Policy,
) -> Verdict | Unavailable:
    proven, unread = enforcing(sides), unread_of(sides)
    if not proven and not unread:
        return failed(f"{sum(policies.counts.values())} policies exist, but {why_not(sides)}")
    judged = [each.name for each in namespaces.judged(policy.exempt_namespaces)]
    denies = [each for each in policies.default_denies if getattr(each, direction)]
    engines = {side.engine for side in proven}
    enforced = [each for each in denies if _enforced_by(engines, each)]
    opening = [each for each in policies.allow_alls if getattr(each, direction) and _enforced_by(engines, each)]
    undone = {name: each.name for each in opening for name in judged if each.covers(name)}
    by_nodes = _node_classes_deny(engine, proven)
    unseen = policies.unread[0] if policies.unread else by_nodes if isinstance(by_nodes, Unavailable) else None
    # With an engine that could not be read, a policy of its kind may yet be enforced.
    left_open = _open(judged, denies if unread else enforced, undone, by_nodes=by_nodes is True)
    if sure := [name for name in left_open if name in undone or unseen is None]:
        named = [f"{name} (undone by {undone[name]})" if name in undone else name for name in sure]
        return failed(f"{len(sure)} of {len(judged)} namespaces have no default-deny for {direction}", named)
    if left_open and unseen is not None:
        return unseen
    if unread and (not proven or _open(judged, enforced, undone, by_nodes=by_nodes is True)):
        return unread
    return passed(f"{len(judged)} namespaces deny {direction} by default; {'; '.join(side.why for side in proven)}")


def _open(judged: list[str], denies: list[DefaultDeny], undone: dict[str, str], *, by_nodes: bool) -> list[str]:
    """The namespaces in which nothing denies by default."""
    return [name for name in judged if name in undone or not (by_nodes or any(each.covers(name) for each in denies))]


def _enforced_by(engines: set[EngineName], policy: DefaultDeny | AllowAll) -> bool:
    return _ONLY_BY.get(policy.kind, "any") in {*engines, "any"}


def _node_classes_deny(engine: NetworkPolicyEngine | Unavailable, proven: list[Side]) -> bool | Unavailable:
    """Whether EKS Auto Mode alone enforces, and every NodeClass denies by default, both ways."""
    if isinstance(engine, Unavailable):
        return engine
    agent, classes = engine.node_agent_enabled, engine.node_classes
    if any(side.compute != "auto" for side in proven) or (isinstance(agent, bool) and engine.node_agent_nodes):
        return False
    if isinstance(classes, Unavailable):
        return classes
    denies = bool(classes) and all(each.network_policy == "DefaultDeny" for each in classes)
    return agent if denies and isinstance(agent, Unavailable) else denies
