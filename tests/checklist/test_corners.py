"""Corners of rules in which no cluster of the case book stands: who is asked of two, and words at their edges."""

from __future__ import annotations

from datetime import timedelta

import pytest

from eks_readiness.checklist.infrastructure.core_add_ons import _CORE, _may_be_in_order, _needs_no_pod
from eks_readiness.checklist.infrastructure.node_groups import nodes_can_grow
from eks_readiness.checklist.infrastructure.vpc_networking import egress_is_zonal
from eks_readiness.checklist.observability.agents import among
from eks_readiness.checklist.observability.distributed_tracing import _xray
from eks_readiness.checklist.observability.log_aggregation import _all_of, logs_expire
from eks_readiness.checklist.operations.cluster_upgrades import no_insight_is_an_error
from eks_readiness.checklist.operations.rotation_mechanisms import Rotation, _left_behind
from eks_readiness.checklist.practices.cost_optimization import nodes_are_consolidated
from eks_readiness.checklist.security.network_policies import _node_classes_deny
from eks_readiness.checklist.security.pod_security import runtime_monitoring_covers_the_nodes
from eks_readiness.domain.evidence import (
    AutoScalingGroups,
    BottlerocketUpdates,
    FargateLogging,
    FargateProfiles,
    LogSink,
    NatGateways,
    NetworkPolicyEngine,
    NodePools,
    RouteTables,
    Subnets,
    Unavailable,
    UpgradeInsights,
    XRayTraces,
)
from eks_readiness.domain.evidence.cluster import UpgradeInsight
from eks_readiness.domain.evidence.network import Instance, RouteTable, Subnet
from eks_readiness.domain.evidence.nodes import NodePool
from eks_readiness.domain.evidence.observability import LogGroup
from eks_readiness.domain.finding import Verdict, not_applicable, passed
from tests.checklist.observed import (
    DENIED,
    LATE,
    POLICY,
    cluster,
    component,
    components,
    daemonset,
    instances,
    node,
    nodegroups,
    nodes,
    seen,
)

AUTO = {"auto_mode_compute": True, "auto_mode_storage": True, "auto_mode_load_balancing": True}
AUTO_POOL = NodePool(
    name="general-purpose", ready=True, node_class_group="eks.amazonaws.com", consolidation="WhenEmptyOrUnderutilized"
)


def verdict(found: Verdict | Unavailable) -> Verdict:
    """A verdict that is one."""
    assert isinstance(found, Verdict), found
    return found


def test_a_workload_that_wants_pods_is_not_in_order_by_auto_mode_alone() -> None:
    """Only one that wants none may be AWS's."""
    assert not _may_be_in_order(component("coredns", 0, 2), cluster(**AUTO))
    assert _may_be_in_order(component("coredns", 0, 0), cluster(**AUTO))
    assert not _may_be_in_order(component("coredns", 0, 0), cluster())


@pytest.mark.parametrize("core", _CORE, ids=lambda core: core.addon)
def test_without_any_node_nothing_says_that_aws_does_the_work(core: object) -> None:
    """On Fargate it does, where there is Fargate."""
    wanted_nowhere = daemonset("kube-proxy", 0, 0)
    assert not _needs_no_pod(core, wanted_nowhere, cluster(), nodes())  # type: ignore[arg-type] # a parameter is an object


def test_pools_of_auto_mode_grow_whatever_is_known_of_karpenter() -> None:
    """AWS runs their controller: no workload in the cluster matters to them."""
    found = nodes_can_grow(
        cluster(**AUTO),
        nodegroups(),
        seen(NodePools, installed=True, pools=(AUTO_POOL,)),
        seen(FargateProfiles),
        nodes(node("a", "auto")),
        seen(AutoScalingGroups),
        DENIED,
        POLICY,
    )
    assert verdict(found).outcome == "pass"


def test_the_account_that_shares_the_subnet_in_question_is_named() -> None:
    """Of two that share, the one whose NAT gateway is meant."""
    subnets = (
        Subnet(id="subnet-1", zone="eu-west-1a", shared_by="444455556666"),
        Subnet(id="subnet-2", zone="eu-west-1b", shared_by="777788889999"),
    )
    tables = tuple(
        RouteTable(id=f"rtb-{number}", subnet_ids=(f"subnet-{number}",), default_targets=(f"nat-{number}",))
        for number in (1, 2)
    )
    found = egress_is_zonal(
        seen(Subnets, subnets=subnets),
        seen(RouteTables, tables=tables),
        seen(NatGateways),
        instances(Instance(id="i-1", subnet_id="subnet-1"), Instance(id="i-2", subnet_id="subnet-2")),
        nodegroups(),
        seen(FargateProfiles),
        POLICY,
    )
    assert isinstance(found, Unavailable)
    assert "account 444455556666 shares the VPC" in found.detail
    assert "nat-1, through which subnet-1 leaves" in found.detail


def test_nothing_is_among_none() -> None:
    """Evidence that counts and names none."""
    assert among(()) == ""
    assert among(("a", "b")) == ", among them a"


def test_traces_say_why_nobody_knows_whose_they_are() -> None:
    """The number of clusters could not be had; where it is had and there are several, they do not say."""
    traces = seen(XRayTraces)
    fresh = seen(XRayTraces, newest_at=traces.observed_at, clusters=DENIED)
    assert _xray(fresh, timedelta(hours=6)) == DENIED
    several = _xray(seen(XRayTraces, newest_at=traces.observed_at, clusters=2), timedelta(hours=6))
    assert isinstance(several, Unavailable)
    assert several.reason == "unsupported"


def test_a_group_without_an_end_fails_whoever_writes_to_it() -> None:
    """It costs, written to or not: an agent that writes elsewhere does not take that back."""
    sink = seen(LogSink, groups=(LogGroup(name="/aws/containerinsights/prod/application"),))
    agent = components(daemonset("promtail", 2))
    found = logs_expire(sink, agent, nodes(node("a")), seen(FargateLogging, exists=False), POLICY)
    assert verdict(found).outcome == "fail"


def test_a_group_of_a_name_that_fargate_is_not_told_is_one_of_nodes() -> None:
    """Whatever its name."""
    groups = (LogGroup(name="/teams/shop", retention_days=14), LogGroup(name="/teams/web", retention_days=30))
    told = seen(FargateLogging, exists=True, log_groups=("/teams/web",))
    found = logs_expire(seen(LogSink, groups=groups), components(), nodes(node("a")), told, POLICY)
    assert verdict(found).reason == "logs are kept for 14 days"


def test_both_sides_say_why_they_do_not_apply() -> None:
    """One after the other."""
    assert verdict(_all_of([not_applicable("first"), not_applicable("second")])).reason == "first; second"
    assert verdict(_all_of([not_applicable("first"), passed("second")])).reason == "second"


def test_an_insight_without_a_status() -> None:
    """It is said so, and nothing hangs over at the end."""
    insight = UpgradeInsight(id="1", name="Deprecated APIs", status="")
    found = no_insight_is_an_error(seen(UpgradeInsights, insights=(insight,)), POLICY)
    assert isinstance(found, Unavailable)
    assert found.detail == "EKS cannot tell Deprecated APIs: no status"


def test_a_pool_is_left_behind_only_where_both_is_seen() -> None:
    """That it has no node, and that Karpenter is not there."""
    assert _left_behind([], karpenter=False) is True
    assert _left_behind([], karpenter=True) is False
    assert _left_behind([node("a")], karpenter=DENIED) is False
    assert _left_behind([], karpenter=DENIED) == DENIED
    assert _left_behind(LATE, karpenter=False) == LATE


def test_a_pool_whose_nodes_never_expire_is_not_excused_by_karpenter() -> None:
    """Karpenter is there: what has no node now may have one soon, for ever."""
    karpenter = components(component("karpenter", 2))
    rotation = Rotation(nodes(), seen(AutoScalingGroups), seen(BottlerocketUpdates), karpenter, timedelta(days=90))
    assert rotation.of_pool(NodePool(name="p", ready=True, expire_after="Never")) == "expireAfter is Never"


def test_consolidation_by_pools_needs_no_look_at_nodes() -> None:
    """Only a pool that was left behind is asked for its nodes."""
    pools = seen(NodePools, installed=True, pools=(AUTO_POOL,))
    found = nodes_are_consolidated(
        cluster(**AUTO), pools, components(), nodegroups(), seen(FargateProfiles), DENIED, POLICY
    )
    assert verdict(found).outcome == "pass"


def test_without_a_node_class_none_denies() -> None:
    """All of none is not enough."""
    engine = seen(NetworkPolicyEngine, node_agent_enabled=None, node_classes=())
    assert _node_classes_deny(engine, []) is False


def test_nodes_of_windows_do_not_count_beside_fargate() -> None:
    """No agent of those that are asked for watches Windows."""
    mixed = nodes(node("f", "fargate"), node("w", os_family="windows"))
    found = runtime_monitoring_covers_the_nodes(DENIED, DENIED, mixed, cluster(), POLICY)
    assert verdict(found).outcome == "not_applicable"
