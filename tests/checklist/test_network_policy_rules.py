"""Rules about network policies: what enforces them, on which nodes, and what they deny."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eks_readiness.checklist.security.network_policies import (
    egress_is_denied_by_default,
    ingress_is_denied_by_default,
    something_enforces_network_policies,
)
from eks_readiness.domain.evidence import Addons, Namespaces, NetworkPolicies, NetworkPolicyEngine, Unavailable
from eks_readiness.domain.evidence.cluster import Addon
from eks_readiness.domain.evidence.network import AllowAll, DefaultDeny, NetworkPolicyKind, NodeClass
from eks_readiness.domain.evidence.nodes import Node
from eks_readiness.domain.evidence.policies import Namespace
from eks_readiness.domain.finding import failed, passed
from tests.checklist.observed import DENIED, LATE, POLICY, components, daemonset, node, nodes, seen
from tests.strategies import NOW

VPC_CNI = "the VPC CNI enforces on 2 nodes: node agent and controller have network policy on"
NO_ADDON = seen(Addons)
ADDON = Addon(name="vpc-cni", version="v1.20.0", status="ACTIVE", enables_network_policy=True)


def engine(**fields: Any) -> NetworkPolicyEngine:
    """The VPC CNI with network policy on, on two nodes."""
    on = {"node_agent_enabled": True, "node_agent_nodes": 2, "controller_enabled": True}
    return seen(NetworkPolicyEngine, **{**on, **fields})


def no_agent(**fields: Any) -> NetworkPolicyEngine:
    """A cluster without the VPC CNI's node agent."""
    return engine(node_agent_enabled=None, node_agent_nodes=0, **fields)


def cilium(ready: int, desired: int) -> Any:
    """The DaemonSet of Cilium alone."""
    return components(daemonset("cilium", ready, desired))


def asked(found: Any, tools: Any, *everywhere: Node) -> Any:
    """What the check of engines says of these nodes."""
    return something_enforces_network_policies(found, tools, NO_ADDON, nodes(*everywhere), POLICY)


def test_an_engine_that_could_not_be_read_is_needed_for_nodes_left_out() -> None:
    """Where the VPC CNI is on every node it is enough; a hybrid node may have Cilium."""
    assert asked(engine(), DENIED, node("a"), node("b")) == passed(VPC_CNI)
    assert asked(engine(), DENIED, node("a"), node("h", "hybrid")) == DENIED


def test_nodes_left_out_are_named() -> None:
    """The first five of them, after everything that enforces elsewhere."""
    both = engine(node_classes=(NodeClass(name="default", ready=True), NodeClass(name="gpu", ready=True)))
    left = [node(f"h{number}", "hybrid") for number in range(6)]
    assert asked(both, components(), node("a"), node("b", "auto"), *left) == failed(
        f"nothing enforces network policies: {VPC_CNI}; EKS Auto Mode enforces on NodeClass default, gpu; "
        "but on 6 nodes nothing does: h0, h1, h2, h3, h4"
    )


@pytest.mark.parametrize(
    "exempt",
    [
        node("f", "fargate"),
        node("w", "hybrid", os_family="windows"),
        node("w", "hybrid", os_family="windows", created_at=NOW),
        node("h", "hybrid", created_at=NOW - timedelta(minutes=5)),
    ],
)
def test_nodes_that_are_not_judged(exempt: Node) -> None:
    """Fargate, Windows, and a node that is starting."""
    assert asked(engine(), components(), node("a"), exempt) == passed(VPC_CNI)


@pytest.mark.parametrize(
    ("pods", "of_ec2", "of_hybrid", "left"),
    [(3, 2, 1, []), (2, 2, 1, ["e0", "e1"]), (1, 2, 1, ["e0", "e1"]), (1, 0, 2, ["h0", "h1"]), (2, 0, 2, [])],
)
def test_cilium_counts_where_it_is_wanted(pods: int, of_ec2: int, of_hybrid: int, left: list[str]) -> None:
    """On every node, or on all hybrid ones alone, as its number of pods says."""
    everywhere = [
        *(node(f"e{number}") for number in range(of_ec2)),
        *(node(f"h{number}", "hybrid") for number in range(of_hybrid)),
    ]
    said = f"DaemonSet tools/cilium has {pods} of {pods} pods ready"
    expected = (
        failed(f"nothing enforces network policies: {said}; but on {len(left)} nodes nothing does: {', '.join(left)}")
        if left
        else passed(said)
    )
    assert asked(no_agent(), cilium(pods, pods), *everywhere) == expected


def test_the_add_on_decides_where_the_cluster_cannot_be_read() -> None:
    """It must be ACTIVE, and have the option."""

    def said(addons: Any) -> Any:
        return something_enforces_network_policies(DENIED, components(), addons, LATE, POLICY)

    assert said(seen(Addons, addons=(ADDON,))) == passed("add-on vpc-cni is ACTIVE with enableNetworkPolicy")
    degraded = Addon(name="vpc-cni", version="v1.20.0", status="DEGRADED", enables_network_policy=True)
    without = Addon(name="vpc-cni", version="v1.20.0", status="ACTIVE")
    for addons in (seen(Addons, addons=(degraded,)), seen(Addons, addons=(without,)), NO_ADDON, LATE):
        assert said(addons) == DENIED


def test_auto_mode_without_a_node_class() -> None:
    """None that is ready, or no controller."""
    waiting = no_agent(node_classes=(NodeClass(name="default"),))
    off = "DaemonSet aws-node runs on no node"
    assert asked(waiting, components(), node("a", "auto")) == failed(
        f"nothing enforces network policies: {off}; no Auto Mode NodeClass is ready"
    )
    controller = 'ConfigMap kube-system/amazon-vpc-cni lacks enable-network-policy-controller "true"'
    alone = no_agent(controller_enabled=False, node_classes=(NodeClass(name="default", ready=True),))
    assert asked(alone, components(), node("a", "auto")) == failed(
        f"nothing enforces network policies: {off}; EKS Auto Mode: {controller}"
    )


def test_flags_of_the_vpc_cni() -> None:
    """Each that is off is named."""
    controller = 'ConfigMap kube-system/amazon-vpc-cni lacks enable-network-policy-controller "true"'
    both = engine(node_agent_enabled=False, controller_enabled=None)
    assert asked(both, components(), node("a")) == failed(
        "nothing enforces network policies: VPC CNI: DaemonSet aws-node lacks --enable-network-policy=true and "
        f"{controller}"
    )


SHOP = seen(Namespaces, namespaces=(Namespace(name="shop"),))


def denying(kind: NetworkPolicyKind = "NetworkPolicy") -> NetworkPolicies:
    """A default-deny of that kind in namespace shop, both ways."""
    deny = DefaultDeny(kind=kind, name="deny", namespace="shop", ingress=True, egress=True)
    return seen(NetworkPolicies, counts={kind: 1}, default_denies=(deny,))


def test_policies_of_an_engine_that_could_not_be_read() -> None:
    """They may be enforced: that is not known. Policies of Kubernetes are, by the engine that was seen."""
    for rule in (ingress_is_denied_by_default, egress_is_denied_by_default):
        said = rule(SHOP, denying("CiliumNetworkPolicy"), engine(), DENIED, NO_ADDON, nodes(node("a")), POLICY)
        assert said == DENIED
    said = ingress_is_denied_by_default(SHOP, denying(), engine(), DENIED, NO_ADDON, nodes(node("a")), POLICY)
    assert said == passed(f"1 namespaces deny ingress by default; {VPC_CNI}")
    said = ingress_is_denied_by_default(SHOP, denying(), DENIED, components(), NO_ADDON, nodes(node("a")), POLICY)
    assert said == DENIED


def test_every_engine_that_enforces_is_named() -> None:
    """The VPC CNI beside Cilium."""
    said = ingress_is_denied_by_default(SHOP, denying(), engine(), cilium(1, 1), NO_ADDON, nodes(node("a")), POLICY)
    overlay = "DaemonSet tools/cilium has 1 of 1 pods ready"
    assert said == passed(f"1 namespaces deny ingress by default; {VPC_CNI}; {overlay}")


def test_policies_of_the_vpc_cni_count_with_it_alone() -> None:
    """Also where only the add-on tells of it."""
    of_aws = denying("ApplicationNetworkPolicy")
    addons = seen(Addons, addons=(ADDON,))
    for direction, rule in (("ingress", ingress_is_denied_by_default), ("egress", egress_is_denied_by_default)):
        assert rule(SHOP, of_aws, DENIED, components(), addons, nodes(), POLICY) == passed(
            f"1 namespaces deny {direction} by default; add-on vpc-cni is ACTIVE with enableNetworkPolicy"
        )
        assert rule(SHOP, of_aws, no_agent(), cilium(1, 1), NO_ADDON, nodes(node("a")), POLICY) == failed(
            f"1 of 1 namespaces have no default-deny for {direction}", ["shop"]
        )


@pytest.mark.parametrize(
    "found",
    [
        no_agent(),
        no_agent(node_classes=(NodeClass(name="default", network_policy="DefaultAllow", ready=True),)),
        engine(node_classes=(NodeClass(name="default", network_policy="DefaultDeny", ready=True),)),
    ],
)
def test_node_classes_that_do_not_deny_everywhere(found: NetworkPolicyEngine) -> None:
    """There is none, it allows, or there are other nodes."""
    said = ingress_is_denied_by_default(
        SHOP, seen(NetworkPolicies), found, cilium(1, 1), NO_ADDON, nodes(node("a")), POLICY
    )
    assert said == failed("1 of 1 namespaces have no default-deny for ingress", ["shop"])


@pytest.mark.parametrize(
    "found",
    [
        DENIED,
        no_agent(node_classes=DENIED),
        engine(
            node_agent_enabled=DENIED,
            node_classes=(NodeClass(name="default", network_policy="DefaultDeny", ready=True),),
        ),
    ],
)
def test_node_classes_that_could_not_be_read(found: NetworkPolicyEngine | Unavailable) -> None:
    """They may deny on every node: a namespace without a policy leaves it unknown, one that lets all in fails."""
    lets_in = AllowAll(namespace="shop", name="allow-all", ingress=True, egress=False)
    of_auto_mode = nodes(node("a", "auto"))
    said = [
        ingress_is_denied_by_default(SHOP, policies, found, components(), NO_ADDON, of_auto_mode, POLICY)
        for policies in (seen(NetworkPolicies), seen(NetworkPolicies, allow_alls=(lets_in,)))
    ]
    assert said == [
        DENIED,
        failed("1 of 1 namespaces have no default-deny for ingress", ["shop (undone by allow-all)"]),
    ]


def test_node_classes_say_nothing_of_other_nodes() -> None:
    """Cilium enforces on a node that is none of EKS Auto Mode's: no NodeClass denies there, read or not."""
    said = ingress_is_denied_by_default(
        SHOP,
        seen(NetworkPolicies),
        no_agent(node_classes=DENIED),
        cilium(1, 1),
        NO_ADDON,
        nodes(node("a")),
        POLICY,
    )
    assert said == failed("1 of 1 namespaces have no default-deny for ingress", ["shop"])


def test_node_classes_that_allow_disprove_it_whatever_else_could_not_be_read() -> None:
    """Whether the VPC CNI runs does not matter then."""
    found = engine(
        node_agent_enabled=DENIED, node_classes=(NodeClass(name="default", network_policy="DefaultAllow", ready=True),)
    )
    said = ingress_is_denied_by_default(
        SHOP, seen(NetworkPolicies), found, cilium(1, 1), NO_ADDON, nodes(node("a")), POLICY
    )
    assert said == failed("1 of 1 namespaces have no default-deny for ingress", ["shop"])
