"""Capacity planning: room for the next peak, and a plan for the ones after."""

from __future__ import annotations

from math import floor

from eks_readiness.checklist.check import attested, check, if_available
from eks_readiness.checklist.operations.node_room import Growth, node_shortages
from eks_readiness.checklist.shapes import exempt, first_unavailable
from eks_readiness.domain.evidence import (
    AutoScalingGroups,
    ClusterConfiguration,
    Components,
    NodePools,
    Nodes,
    Pods,
    RegionCapacity,
    Unavailable,
)
from eks_readiness.domain.evidence.capacity import ComputeQuota
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy


@check(
    "capacity-planning.headroom",
    needs=(
        ClusterConfiguration,
        if_available(Nodes),
        if_available(Pods),
        if_available(NodePools),
        if_available(Components),
        if_available(AutoScalingGroups),
        if_available(RegionCapacity),
    ),
    required=True,
)
def there_is_room(  # noqa: PLR0913 - one for each slice
    cluster: ClusterConfiguration,
    nodes: Nodes | Unavailable,
    pods: Pods | Unavailable,
    pools: NodePools | Unavailable,
    components: Components | Unavailable,
    groups: AutoScalingGroups | Unavailable,
    region: RegionCapacity | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Nodes, addresses and vCPU quotas each have `min_capacity_headroom_percent` free.

    Nodes: what pods request of the CPU, memory and pod slots of schedulable nodes; a working autoscaler that may add as
    much within its limits makes up for it (a NodePool's limits, or an Auto Scaling group's maximum with Cluster
    Autoscaler). Fargate grows by itself. Addresses: by zone, over the subnets of nodes, their other interfaces, node
    groups and Fargate profiles; not judged where pods have IPv6. Quotas: those of running vCPUs that the cluster's
    instances (and Fargate pods) count against, with what the whole account uses.
    Why: a peak, an update of all node groups or the loss of a zone needs room at once; a quota takes days to raise.
    Fix: raise maxSize, spec.limits or the quota (aws service-quotas request-service-quota-increase), add subnets.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/known_limits_and_service_quotas.html
    """
    growth = Growth(pools, components, groups, auto_mode=cluster.auto_mode)
    parts = (
        node_shortages(nodes, pods, growth, policy.min_capacity_headroom_percent),
        _zones(region, policy),
        _quotas(region, nodes, policy),
    )
    short = [each for part in parts if not isinstance(part, Unavailable) for each in part]
    if short:
        return failed(f"{len(short)} capacities have less than {policy.min_capacity_headroom_percent:g} % free", short)
    return first_unavailable(*parts) or passed(
        f"nodes, addresses and quotas have {policy.min_capacity_headroom_percent:g} % free or can grow by as much"
    )


def _zones(region: RegionCapacity | Unavailable, policy: Policy) -> list[str] | Unavailable:
    """Zones whose subnets are short of addresses."""
    if isinstance(region, Unavailable):
        return region
    if isinstance(region.addresses, Unavailable):
        return region.addresses
    shares = {each.zone: 100 * each.free / each.total for each in region.addresses if each.total}
    wanted = policy.min_capacity_headroom_percent
    return [f"addresses in {zone}: {floor(share)} % free" for zone, share in shares.items() if share < wanted]


def _quotas(
    region: RegionCapacity | Unavailable, nodes: Nodes | Unavailable, policy: Policy
) -> list[str] | Unavailable:
    """Quotas that are nearly used up. The cluster's own use alone can show that, but not the contrary."""
    if isinstance(region, Unavailable):
        return region
    if isinstance(region.quotas, Unavailable):
        return region.quotas
    judged = [each for each in region.quotas if each.service != "fargate" or _runs_on_fargate(nodes)]
    shares = {each: _free_percent(each) for each in judged}
    wanted = policy.min_capacity_headroom_percent
    if short := [each for each, share in shares.items() if share < wanted]:
        return [f"{each.name}: {floor(shares[each])} % of {each.limit:g} vCPUs free" for each in short]
    silent = [each.name for each in judged if each.used is None]
    if silent or region.unknown_quotas:
        what = [*(f"the account's use of {each}" for each in silent), *region.unknown_quotas]
        return Unavailable(
            reason="unsupported",
            detail=f"CloudWatch or Service Quotas has no figure for {', '.join(what)}",
            remedy="look at it in the Service Quotas console, then waive the check",
        )
    return []


def _runs_on_fargate(nodes: Nodes | Unavailable) -> bool:
    return isinstance(nodes, Unavailable) or any(each.compute == "fargate" for each in nodes.nodes)


def _free_percent(quota: ComputeQuota) -> float:
    used = max(quota.used or 0.0, quota.used_here)
    return 100 * (quota.limit - used) / quota.limit if quota.limit else 0.0


@check("capacity-planning.requests", needs=(Pods,), required=True)
def pods_declare_requests(pods: Pods, policy: Policy) -> Verdict:
    """At least `min_pods_with_requests_percent` of live pods declare CPU and memory requests on every container.

    Init containers are not judged; a request of the whole pod counts. Pods of exempt namespaces are left out: what AWS
    itself runs there (aws-node, kube-proxy) asks for no memory, and its owner cannot change that.
    Not applicable when: no pod runs outside exempt namespaces.
    Why: the scheduler and every autoscaler count requests alone; a pod without them is free of charge until it hurts.
    Fix: set resources.requests; a LimitRange gives defaults, the Vertical Pod Autoscaler good values.
    Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
    """
    judged = {name: number for name, number in pods.live.items() if not exempt(name, policy)}
    total = sum(judged.values())
    if not total:
        return not_applicable("no pod runs outside exempt namespaces")
    without = [each for each in pods.without_requests if each.namespace in judged]
    bad = sum(each.pods.total for each in without)
    said = f"{total - bad} of {total} pods declare CPU and memory requests"
    if 100 * (total - bad) >= policy.min_pods_with_requests_percent * total:
        return passed(said)
    return failed(said, [f"{each.namespace}/{name}" for each in without for name in each.pods.names], total=bad)


plan = attested(
    "capacity-planning.plan",
    required=True,
    within_days=lambda policy: policy.procedure_max_age_days,
    module=__name__,
    doc="""A capacity plan exists, and was attested within `procedure_max_age_days` days.

    Why: growth, peaks and the loss of a zone are known ahead of time; what they need must be, too.
    Fix: write down expected load, peaks, limits and who raises them, then: eks-readiness attest capacity-planning.plan
    Source: https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/manage-service-quotas-and-constraints.html
    """,
)
