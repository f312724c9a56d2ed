"""Rules about remediation, chaos engineering, cost and encryption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eks_readiness.checklist.practices.automated_remediation import (
    broken_nodes_are_replaced,
    something_mends_by_itself,
)
from eks_readiness.checklist.practices.chaos_engineering import an_experiment_was_completed
from eks_readiness.checklist.practices.cost_optimization import nodes_are_consolidated, savings_are_taken
from eks_readiness.checklist.practices.secrets_encryption import api_data_is_encrypted
from eks_readiness.domain.evidence import (
    ArgoCd,
    Budgets,
    Capabilities,
    ChaosMesh,
    ConfigRules,
    EventAutomations,
    FargateProfiles,
    FaultInjection,
    Flux,
    Litmus,
    NodePools,
    Savings,
    Unavailable,
)
from eks_readiness.domain.evidence.cluster import Nodegroup
from eks_readiness.domain.evidence.experiments import ChaosRun
from eks_readiness.domain.evidence.nodes import NodePool
from eks_readiness.domain.finding import failed, passed
from tests.checklist.observed import (
    DENIED,
    LATE,
    POLICY,
    cluster,
    component,
    components,
    daemonset,
    node,
    nodegroups,
    nodes,
    sample,
    seen,
)
from tests.strategies import NOW


def repaired(*everywhere: Any, groups: Any = None, tools: Any = (), on: Any = None) -> Any:
    """What the check of node repair says."""
    found = tools if isinstance(tools, Unavailable) else components(*tools)
    here = nodes(*everywhere) if on is None else on
    return broken_nodes_are_replaced(cluster(), groups or nodegroups(), here, found, POLICY)


GROUP = Nodegroup(name="g", status="ACTIVE", auto_repair=True)


def test_repair_needs_groups_and_nodes() -> None:
    """What nothing repairs fails, whatever could not be read."""
    assert repaired(node("n"), groups=DENIED) == failed(
        "not every broken node is repaired: node n: nothing repairs it", ["node n: nothing repairs it"]
    )
    assert repaired(node("n", nodegroup="g"), groups=DENIED) == DENIED
    assert repaired(on=DENIED, groups=nodegroups(GROUP)) == DENIED
    of_group = passed("1 node groups are repaired by themselves")
    assert repaired(node("n", nodegroup="g"), groups=nodegroups(GROUP), tools=LATE) == of_group
    assert repaired(node("n", node_pool="p"), tools=LATE) == LATE


def test_a_node_of_a_group_that_eks_does_not_list() -> None:
    """It was just made or deleted: nobody knows whether it repairs its nodes."""
    assert repaired(node("n", nodegroup="h"), groups=nodegroups(GROUP)) == Unavailable(
        reason="unexpected",
        detail="node n says it is of node group h, which EKS does not list",
        remedy="the next scan looks again: the group may just have been made or deleted",
    )
    assert repaired(node("n", nodegroup="h"), node("a", "auto")).reason == "unexpected"


def test_an_agent_on_a_new_node_may_be_starting() -> None:
    """One pod that is not ready for one node that is new."""
    karpenter = component("karpenter", 1, flags={"NodeRepair": "true"})
    agent = daemonset("node-monitoring", 1, 2)
    old = node("a", node_pool="p")
    new = node("b", node_pool="p", created_at=NOW - timedelta(minutes=1))
    assert repaired(old, new, tools=(karpenter, agent)) == passed("2 nodes of Karpenter are repaired by themselves")
    pods = "DaemonSet tools/node-monitoring has 1 of 2 pods ready"
    assert repaired(old, tools=(karpenter, agent)) == failed(f"not every broken node is repaired: {pods}", [pods])


def mended(config: Any, events: Any = None) -> Any:
    """What the check of remediations says, without GitOps."""
    none = (seen(ArgoCd, installed=False), seen(Flux, installed=False), components(), seen(Capabilities))
    return something_mends_by_itself(*none, config, events or seen(EventAutomations), POLICY)


def test_remediations_that_could_not_be_read() -> None:
    """Rules, their remediations, or the recorder; and rules of EventBridge."""
    rule = ("eks-endpoint",)
    assert mended(seen(ConfigRules, recording=True, remediations=rule)) == passed(
        "AWS Config mends by itself: eks-endpoint"
    )
    assert mended(DENIED) == DENIED
    assert mended(seen(ConfigRules, recording=LATE, remediations=rule)) == LATE
    assert mended(seen(ConfigRules, recording=True, remediations=LATE)) == LATE
    assert mended(seen(ConfigRules), DENIED) == DENIED
    assert mended(seen(ConfigRules), seen(EventAutomations, beyond_cap=4)) == Unavailable(
        reason="unsupported", detail="4 more EventBridge rules about the cluster were not read"
    )
    assert mended(seen(ConfigRules, remediations=rule)) == failed(
        "nothing mends the cluster by itself", ["AWS Config would mend, but its recorder is off: eks-endpoint"]
    )


def run(days: float, name: str = "drill") -> ChaosRun:
    """An experiment that was completed that many days ago."""
    return ChaosRun(name=name, completed_at=NOW - timedelta(days=days))


def broken(fis: Any = None, mesh: Any = None, litmus: Any = None) -> Any:
    """What the check of experiments says."""
    return an_experiment_was_completed(
        fis or seen(FaultInjection), mesh or seen(ChaosMesh), litmus or seen(Litmus), POLICY
    )


def test_the_newest_experiment_counts_to_the_day() -> None:
    """Of whatever tool; exactly 90 days are in time."""
    old, new = seen(FaultInjection, newest=run(100, "z")), seen(Litmus, newest=run(90, "a"))
    assert broken(old, litmus=new) == passed("a was completed on 2026-03-03")
    assert broken(DENIED, DENIED, new) == passed("a was completed on 2026-03-03")
    late = failed("no experiment was completed within 90 days; the newest, z, was completed on 2026-02-21")
    assert broken(old) == late
    assert broken(old, litmus=seen(Litmus, newest=run(101, "zz"))) == late


@pytest.mark.parametrize("denied", ["fis", "mesh", "litmus"])
def test_a_tool_that_could_not_be_asked(denied: str) -> None:
    """It may know of a newer experiment."""
    assert broken(**{denied: DENIED}) == DENIED


def test_experiments_that_were_not_completed() -> None:
    """They are counted; those beyond the cap leave it open."""
    assert broken(seen(FaultInjection, beyond_cap=9)) == Unavailable(
        reason="unsupported",
        detail="9 older experiments of FIS were not looked at",
        remedy="attest it: eks-readiness attest chaos-engineering.experiment",
    )
    verdict = broken(seen(FaultInjection, unfinished=sample("e", total=30)), seen(ChaosMesh, unfinished=sample("m")))
    assert verdict == failed("no experiment was completed within 90 days", ["e", "m"], total=31)


def saved(budgets: Any = None, **fields: Any) -> Any:
    """What the check of savings says of one recommendation that saves 10 of 200 dollars."""
    base = {
        "enrolled": True,
        "rightsizing": True,
        "recommendations": sample("i-1"),
        "monthly_savings": 10.0,
        "listed_monthly_cost": 200.0,
        "currency": "USD",
    }
    return savings_are_taken(seen(Savings, **{**base, **fields}), budgets or seen(Budgets), POLICY)


def test_savings_are_counted_exactly() -> None:
    """10 % is too much, whatever the cost is taken from; recommendations beyond the named ones count."""
    said = "{} open recommendations save {} USD a month, {} % of {}"
    assert saved() == passed(said.format(1, "10.00", "5.0", "what those resources cost"))
    assert saved(monthly_savings=20.0, recommendations=sample("i-1", total=30)) == failed(
        said.format(30, "20.00", "10.0", "what those resources cost"), ["i-1"], total=30
    )
    same = seen(Budgets, cluster_monthly_cost=200.0, currency="USD")
    assert saved(same) == passed(said.format(1, "10.00", "5.0", "what those resources cost"))
    more = seen(Budgets, cluster_monthly_cost=1000.0, currency="USD")
    assert saved(more) == passed(said.format(1, "10.00", "1.0", "what the cluster costs"))


def test_savings_of_unknown_cost() -> None:
    """Any is too much."""
    whole = failed(
        "1 open recommendations save 0.05 USD a month, 100.0 % of what those resources cost", ["i-1"], total=1
    )
    nothing = {"monthly_savings": 0.05, "listed_monthly_cost": 0.0}
    assert saved(**nothing) == whole
    assert saved(seen(Budgets, currency="USD"), **nothing) == whole
    assert saved(DENIED, **nothing) == DENIED


def test_recommendations_that_are_not_known() -> None:
    """More than are looked at, or not computed yet: up to a day after Cost Optimization Hub was enabled."""
    assert saved(complete=False) == Unavailable(
        reason="unsupported",
        detail="the account has more recommendations in this region than a scan looks at",
        remedy="take or dismiss some of them",
    )
    none = {"recommendations": sample()}
    nothing = passed("there is no open recommendation for the cluster's resources")
    assert saved(enrolled_at=NOW - timedelta(days=1), **none) == nothing
    assert saved(enrolled_at=NOW - timedelta(hours=23), **none).reason == "unexpected"


def given_back(pools: Any = None, tools: Any = (), **pieces: Any) -> Any:
    """What the check of consolidation says of a cluster with a node."""
    found = tools if isinstance(tools, Unavailable) else components(*tools)
    rest = {"groups": nodegroups(), "profiles": seen(FargateProfiles), "on": nodes(node("a")), **pieces}
    described = pieces.pop("described", cluster())
    rest.pop("described", None)
    return nodes_are_consolidated(described, pools or seen(NodePools, installed=False), found, *rest.values(), POLICY)


@pytest.mark.parametrize("denied", ["pools", "tools", "groups", "profiles", "on"])
def test_consolidation_needs_every_piece(denied: str) -> None:
    """One that could not be read may have what gives nodes back."""
    assert given_back(**{denied: DENIED}) == DENIED


def test_everything_that_consolidates_is_named() -> None:
    """Ten of them; without any pool, EKS Auto Mode makes no node that it could give back."""
    found = tuple(
        NodePool(name=f"p{number}", ready=True, consolidation="WhenEmptyOrUnderutilized") for number in range(11)
    )
    names = ", ".join(f"NodePool p{number}" for number in range(10))
    some = seen(NodePools, installed=True, pools=found)
    assert given_back(some, [component("karpenter", 1)]) == passed(f"consolidation is on: {names}")
    auto = cluster(auto_mode_compute=True, auto_mode_storage=True, auto_mode_load_balancing=True)
    assert given_back(described=auto) == failed("nothing gives underused nodes back")
    assert given_back() == failed("nothing gives underused nodes back")


def test_encryption_by_default_since_1_28() -> None:
    """A version that cannot be read proves nothing."""
    assert api_data_is_encrypted(cluster(version="1.28"), POLICY) == passed(
        "EKS encrypts all API data of 1.28 by default"
    )
    assert api_data_is_encrypted(cluster(version="1.27"), POLICY) == failed(
        "1.27 encrypts nothing by default, and no key is named"
    )
    for version, said in (("", "none"), ("latest", "latest")):
        assert api_data_is_encrypted(cluster(version=version), POLICY) == Unavailable(
            reason="unexpected", detail=f"no Kubernetes version: {said}"
        )


def test_a_statement_of_the_policy_moves_the_line() -> None:
    """5 % is too much where 5 % is the limit."""
    strict = msgspec.structs.replace(POLICY, max_open_savings_percent=5)
    savings = seen(
        Savings,
        enrolled=True,
        rightsizing=True,
        recommendations=sample("i-1"),
        monthly_savings=10.0,
        listed_monthly_cost=200.0,
        currency="USD",
    )
    assert savings_are_taken(savings, seen(Budgets), strict) == failed(
        "1 open recommendations save 10.00 USD a month, 5.0 % of what those resources cost", ["i-1"]
    )
