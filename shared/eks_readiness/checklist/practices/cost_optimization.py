"""Cost optimization: savings are taken."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import fargate_only, first_unavailable, has_controller, told
from eks_readiness.domain.evidence import (
    Budgets,
    ClusterConfiguration,
    Components,
    FargateProfiles,
    Nodegroups,
    NodePools,
    Nodes,
    Savings,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_FIRST_RESULTS = timedelta(days=1)
"""How long Cost Optimization Hub may take until it recommends anything."""
_CONSOLIDATING = ("WhenEmptyOrUnderutilized", "WhenUnderutilized")
"""Policies that move pods together; WhenEmpty waits until a node is empty by itself.

Source: https://karpenter.sh/docs/concepts/disruption/#consolidation
"""


@check(
    "cost-optimization.savings",
    needs=(Savings, if_available(Budgets)),
    required=True,
    or_attested=lambda policy: policy.max_cost_estimate_age_days,
)
def savings_are_taken(savings: Savings, budgets: Budgets | Unavailable, policy: Policy) -> Verdict | Unavailable:
    """Open savings on the cluster's resources are below `max_open_savings_percent` percent of its cost, or attested.

    Savings are what Cost Optimization Hub recommends for the cluster's instances, Auto Scaling groups and volumes. The
    cost is this month's by the tag aws:eks:cluster-name, where a monthly budget on that tag forecasts it; otherwise, or
    if that is more, what the resources with a recommendation cost. Cost Explorer could tell without a budget, but bills
    $0.01 for each request, so it is not asked. An attestation counts for `max_cost_estimate_age_days` days.
    Why: idle and oversized machines are paid for every hour until somebody looks.
    Fix: aws cost-optimization-hub update-enrollment-status --status Active; aws compute-optimizer
    update-enrollment-status --status Active; then take or dismiss what is recommended.
    Source: https://docs.aws.amazon.com/cost-management/latest/userguide/cost-optimization-hub.html
    """
    if missing := _not_looked_at(savings):
        return missing
    count = savings.recommendations.total
    if not count:
        return passed("there is no open recommendation for the cluster's resources")
    percent, whose = _share(savings, budgets)
    said = (
        f"{count} open recommendations save {savings.monthly_savings:.2f} {savings.currency} a month, "
        f"{percent:.1f} % of {whose}"
    )
    if percent < policy.max_open_savings_percent:
        return passed(said)
    if isinstance(budgets, Unavailable):
        return budgets
    return failed(said, list(savings.recommendations.names), total=count)


def _share(savings: Savings, budgets: Budgets | Unavailable) -> tuple[float, str]:
    """Open savings in percent of the larger cost that is known, and of what cost that is."""
    whole = 0.0
    if isinstance(budgets, Budgets) and budgets.currency == savings.currency:
        whole = budgets.cluster_monthly_cost or 0.0
    cost = max(whole, savings.listed_monthly_cost)
    percent = 100 * savings.monthly_savings / cost if cost else 100.0
    return percent, "what the cluster costs" if whole > savings.listed_monthly_cost else "what those resources cost"


def _not_looked_at(savings: Savings) -> Verdict | Unavailable | None:
    """Why nothing recommends, or not all recommendations are known; None where they are."""
    if not savings.enrolled:
        return failed("Cost Optimization Hub is not enabled")
    if savings.rightsizing is False:
        return failed("Compute Optimizer is not enabled: nothing looks at the cluster's machines")
    if isinstance(savings.rightsizing, Unavailable):
        return savings.rightsizing
    if not savings.complete:
        return Unavailable(
            reason="unsupported",
            detail="the account has more recommendations in this region than a scan looks at",
            remedy="take or dismiss some of them",
        )
    since = savings.enrolled_at
    if not savings.recommendations.total and since and savings.observed_at - since < _FIRST_RESULTS:
        return Unavailable(
            reason="unexpected",
            detail="Cost Optimization Hub was enabled less than a day ago, and recommends nothing yet",
            remedy="wait until it has looked at the account",
        )
    return None


@check(
    "cost-optimization.consolidation",
    needs=(
        ClusterConfiguration,
        if_available(NodePools),
        if_available(Components),
        if_available(Nodegroups),
        if_available(FargateProfiles),
        if_available(Nodes),
    ),
    required=False,
)
def nodes_are_consolidated(  # noqa: PLR0913 - one for each slice
    cluster: ClusterConfiguration,
    pools: NodePools | Unavailable,
    components: Components | Unavailable,
    nodegroups: Nodegroups | Unavailable,
    profiles: FargateProfiles | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Node consolidation is on: underused nodes are given back.

    Every NodePool of Karpenter or EKS Auto Mode consolidates empty and underused nodes (a policy of WhenEmpty, a
    consolidateAfter of Never, or a disruption budget that lets no node go at any time does not). Cluster Autoscaler,
    where there is one, is available, told which groups to scale, and scales down. Not judged are pools of a fixed size,
    and those that Karpenter or Auto Mode left behind without nodes. On Fargate every pod has its own size.
    Not applicable when: all nodes are hybrid ones, which nobody can give back.
    Why: after a busy day half-empty nodes stay, and are paid for.
    Fix: set spec.disruption.consolidationPolicy: WhenEmptyOrUnderutilized in the NodePool; or run Cluster Autoscaler
    without --scale-down-enabled=false.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/cost-opt-compute.html
    """
    known = () if isinstance(pools, Unavailable) else pools.pools
    judged = [
        each for each in known if each.static_replicas is None and has_controller(each, cluster, components) is True
    ]
    off = [f"{each.name}: {each.consolidation or 'off'}" for each in judged if each.consolidation not in _CONSOLIDATING]
    working = [f"NodePool {each.name}" for each in judged if each.consolidation in _CONSOLIDATING]
    for each in () if isinstance(components, Unavailable) else components.components:
        problem = _problem(each)
        if problem:
            off.append(f"{each.where}: {problem}")
        elif each.component == "cluster-autoscaler":
            working.append(each.where)
    left_behind = {each.name for each in known if has_controller(each, cluster, components) is False}
    with_nodes = set() if isinstance(nodes, Unavailable) else {each.node_pool for each in nodes.nodes}
    off += [f"{each}: it has nodes, and no controller" for each in left_behind & with_nodes]
    if off:
        return failed("not all that makes nodes consolidates them", off)
    if isinstance(nodes, Nodes) and fargate_only(nodegroups, profiles, nodes):
        return passed("every pod runs on Fargate, at its own size")
    if missing := first_unavailable(pools, components, nodes if left_behind else None):
        return missing
    if working:
        return passed(f"consolidation is on: {', '.join(working[:10])}")
    return first_unavailable(nodes, nodegroups, profiles) or _without_any(nodes)


def _without_any(nodes: Nodes | Unavailable) -> Verdict:
    if isinstance(nodes, Nodes) and nodes.nodes and all(each.compute == "hybrid" for each in nodes.nodes):
        return not_applicable("all nodes are hybrid ones")
    return failed("nothing gives underused nodes back")


def _problem(each: Component) -> str:
    """Why one that should give nodes back does not."""
    if each.component not in ("karpenter", "cluster-autoscaler"):
        return ""
    if each.flags.get("--scale-down-enabled", "").lower() == "false":
        return "scale-down is off"
    if not each.ready:
        return f"0 of {each.desired} pods ready"
    return "" if each.component == "karpenter" or told(each) else "not told which groups to scale"
