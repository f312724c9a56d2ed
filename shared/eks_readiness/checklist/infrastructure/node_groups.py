"""Node groups: healthy nodes that scale, on a hardened operating system."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import (
    IN_ORDER,
    fargate_only,
    first_unavailable,
    has_controller,
    scales,
    self_managed,
    starting,
    told,
)
from eks_readiness.domain.evidence import (
    AutoScalingGroups,
    ClusterConfiguration,
    Components,
    FargateProfiles,
    Nodegroups,
    NodePools,
    Nodes,
    Pods,
    Unavailable,
)
from eks_readiness.domain.evidence.cluster import Nodegroup
from eks_readiness.domain.evidence.nodes import Node, NodePool
from eks_readiness.domain.evidence.rotation import AutoScalingGroup
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

# https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html: amiType, by how it begins
_AMI_FAMILIES = (("BOTTLEROCKET_", "bottlerocket"), ("AL2023_", "al2023"), ("AL2_", "al2"), ("WINDOWS_", "windows"))


@check("node-groups.healthy", needs=(if_available(Nodegroups), if_available(Nodes)), required=True)
def nodes_are_healthy(
    nodegroups: Nodegroups | Unavailable, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every node group is ACTIVE (or being updated) without a health issue, and every node is Ready.

    A node younger than ten minutes may still be starting.
    Why: a node that is not Ready runs nothing, and a degraded node group brings no new ones.
    Fix: aws eks describe-nodegroup --query nodegroup.health; kubectl describe node <node>
    Source: https://docs.aws.amazon.com/eks/latest/APIReference/API_Issue.html
    """
    groups = () if isinstance(nodegroups, Unavailable) else nodegroups.nodegroups
    bad = [f"node group {each.name}: {problem}" for each in groups if (problem := _group_problem(each))]
    if isinstance(nodes, Nodes):
        bad += [f"{each.name} is not Ready" for each in nodes.nodes if not each.ready and not starting(each, nodes)]
    if bad:
        return failed(f"{len(bad)} node groups or nodes are not healthy", bad)
    if isinstance(nodes, Unavailable):
        return nodes
    return first_unavailable(nodegroups) or passed(
        f"{len(groups)} node groups and {len(nodes.nodes)} nodes are healthy"
    )


def _group_problem(group: Nodegroup) -> str:
    if group.health_issues:
        return ", ".join(each.code for each in group.health_issues)
    return "" if group.status in IN_ORDER else group.status or "unknown status"


@check(
    "node-groups.autoscaling",
    needs=(
        ClusterConfiguration,
        if_available(NodePools),
        if_available(Components),
        if_available(Nodegroups),
        if_available(FargateProfiles),
        if_available(Nodes),
    ),
    required=True,
)
def nodes_scale(  # noqa: PLR0913 - one for each slice
    cluster: ClusterConfiguration,
    pools: NodePools | Unavailable,
    components: Components | Unavailable,
    nodegroups: Nodegroups | Unavailable,
    profiles: FargateProfiles | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Something that works scales the nodes: EKS Auto Mode, Karpenter, Cluster Autoscaler, or all runs on Fargate.

    Karpenter works when its controller is available and every NodePool is Ready; EKS Auto Mode when every NodePool is
    and one is of its own, its controller is AWS's: that it is on says nothing of NodePools that could not be read.
    Cluster Autoscaler works when it is available and told which groups to scale.
    Why: without it, a failed node or a busy hour is answered by a person.
    Fix: install Karpenter, or switch on EKS Auto Mode; kubectl describe nodepool says why one is not Ready.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/cluster-autoscaling.html
    """
    known = () if isinstance(pools, Unavailable) else pools.pools
    # Where Karpenter could not be looked at, its NodePools may be in use.
    in_use = [each for each in known if has_controller(each, cluster, components) is not False]
    not_ready = [f"{each.name}: {each.not_ready_reason}" for each in in_use if not each.ready]
    if not not_ready and any(each.auto_mode for each in in_use):
        return passed("EKS Auto Mode scales the nodes")
    if isinstance(components, Components):
        if in_use and not not_ready:
            return passed("Karpenter is available and every NodePool is Ready")
        if scales(components, "cluster-autoscaler"):
            return passed("Cluster Autoscaler is available")
    if isinstance(nodes, Nodes) and fargate_only(nodegroups, profiles, nodes):
        return passed("every pod runs on Fargate")
    broken = failed(f"{len(not_ready)} NodePools are not Ready", not_ready) if not_ready else None
    missing = first_unavailable(components, pools, nodes, nodegroups, profiles)
    return missing or broken or failed(_no_autoscaler(pools, components))


def _no_autoscaler(pools: NodePools | Unavailable, components: Components | Unavailable) -> str:
    known = () if isinstance(components, Unavailable) else components.components
    broken = [
        f"{each.where} is not told which groups to scale"
        if each.ready and each.component == "cluster-autoscaler" and not told(each)
        else f"{each.where} has {each.ready} of {each.desired} pods ready"
        for each in known
        if each.component in ("karpenter", "cluster-autoscaler")
    ]
    empty = isinstance(pools, NodePools) and pools.installed and not pools.pools
    said = [*broken, *(["there is no NodePool"] if empty else [])]
    return f"no autoscaler works: {'; '.join(said) or 'none is installed'}"


@check(
    "node-groups.headroom",
    needs=(
        ClusterConfiguration,
        if_available(Nodegroups),
        if_available(NodePools),
        if_available(FargateProfiles),
        if_available(Nodes),
        if_available(AutoScalingGroups),
        if_available(Components),
    ),
    required=True,
)
def nodes_can_grow(  # noqa: PLR0913 - one for each slice
    cluster: ClusterConfiguration,
    nodegroups: Nodegroups | Unavailable,
    pools: NodePools | Unavailable,
    profiles: FargateProfiles | Unavailable,
    nodes: Nodes | Unavailable,
    scaling: AutoScalingGroups | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Node groups may grow beyond their desired size, and NodePools use less than `max_node_pool_limit_used_percent`.

    A node group at its maximum is no fault where a NodePool can still grow: its pods get nodes from there. NodePools of
    a fixed size are not judged, nor those that make no node: whose Karpenter is not available, that EKS Auto Mode left
    behind, or that a limit of zero switches off. Self-managed nodes are judged by the Auto Scaling groups that started
    them. Fargate grows by itself, hybrid nodes never.
    Why: an autoscaler at its limit adds nothing, and nobody hears of it until pods are pending.
    Fix: raise maxSize, or the NodePool's spec.limits.
    Source: https://karpenter.sh/docs/concepts/nodepools/#speclimits
    """
    if isinstance(nodes, Nodes) and fargate_only(nodegroups, profiles, nodes):
        return passed("every pod runs on Fargate, which grows by itself")
    groups = () if isinstance(nodegroups, Unavailable) else nodegroups.nodegroups
    known = () if isinstance(pools, Unavailable) else pools.pools
    controlled = {each.name: has_controller(each, cluster, components) for each in known}
    growing = [
        each
        for each in known
        if each.static_replicas is None and controlled[each.name] is not False and not _switched_off(each)
    ]
    unsure_of_pools = first_unavailable(*(controlled[each.name] for each in growing))
    limit = policy.max_node_pool_limit_used_percent
    tight = [f"NodePool {each.name}: {said}" for each in growing if (said := _at_limit(each, limit))]
    own = () if isinstance(scaling, Unavailable) else scaling.self_managed
    full = [
        *(f"node group {each.name}: {each.desired_size} of {each.max_size}" for each in groups if _full(each)),
        *(f"Auto Scaling group {each.name}: {each.desired_size} of {each.max_size}" for each in own if _full(each)),
    ]
    if tight or (full and isinstance(pools, NodePools) and not growing):
        said = f"{len(full)} node groups and {len(tight)} NodePools cannot grow"
        return unsure_of_pools or failed(said, [*full, *tight])
    if missing := first_unavailable(nodegroups, pools, unsure_of_pools):
        return missing
    if not growing and (unsure := _self_managed_unsure(nodes, scaling)):
        return unsure
    count = len(groups) + len(own)
    if not count and not growing:
        return first_unavailable(profiles) or failed("no node group and no NodePool makes nodes: nothing can grow")
    return passed(f"{count - len(full)} of {count} node groups and {len(growing)} NodePools can grow")


def _full(group: Nodegroup | AutoScalingGroup) -> bool:
    return group.max_size <= group.desired_size


def _self_managed_unsure(nodes: Nodes | Unavailable, scaling: AutoScalingGroups | Unavailable) -> Unavailable | None:
    """Why it cannot be told how far self-managed nodes can grow, if there may be any."""
    if isinstance(nodes, Unavailable):
        return nodes
    count = sum(map(self_managed, nodes.nodes))
    if not count or (isinstance(scaling, AutoScalingGroups) and scaling.self_managed):
        return None
    return first_unavailable(scaling) or Unavailable(
        reason="unsupported",
        detail=f"no Auto Scaling group started {count} self-managed nodes: how far they can grow is not known",
        remedy="start them by an Auto Scaling group, or use managed node groups or Karpenter",
    )


def _switched_off(pool: NodePool) -> bool:
    """Whether a limit of zero keeps a NodePool from ever making a node, and none is left."""
    return any(not limit for limit in pool.limits.values()) and not pool.used.get("nodes")


def _at_limit(pool: NodePool, limit_percent: float) -> str:
    """The resources of which a pool uses too much; a resource without a limit grows without bound."""
    shares = {name: 100 * pool.used.get(name, 0.0) / limit if limit else 100.0 for name, limit in pool.limits.items()}
    return ", ".join(f"{share:.0f} % of {name}" for name, share in sorted(shares.items()) if share >= limit_percent)


@check("node-groups.bottlerocket", needs=(if_available(Nodes), if_available(Nodegroups)), required=True)
def nodes_run_an_accepted_os(
    nodes: Nodes | Unavailable, nodegroups: Nodegroups | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every Linux node runs an accepted operating system (`accepted_os`, by default Bottlerocket).

    Nodes of EKS Auto Mode run Bottlerocket and count; Fargate and Windows nodes are not judged.
    Why: a minimal, immutable system has fewer flaws and no shell for whoever breaks in.
    Fix: make node groups with amiType BOTTLEROCKET_x86_64 or BOTTLEROCKET_ARM_64, or accept another one in the policy.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-optimized-ami-bottlerocket.html
    """
    accepted = {*policy.accepted_os, "windows"}
    return _families(
        nodes, nodegroups, lambda family: family in accepted, f"run none of {', '.join(policy.accepted_os)}"
    )


@check("node-groups.supported-ami", needs=(if_available(Nodes), if_available(Nodegroups)), required=True)
def no_node_runs_amazon_linux_2(
    nodes: Nodes | Unavailable, nodegroups: Nodegroups | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """No node runs Amazon Linux 2.

    Why: EKS publishes no Amazon Linux 2 images since 26 November 2025; such nodes get no security fixes.
    Fix: move to Bottlerocket or Amazon Linux 2023: make a new node group, drain the old one.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html
    """
    return _families(nodes, nodegroups, lambda family: family != "al2", "run Amazon Linux 2")


def _families(
    nodes: Nodes | Unavailable, nodegroups: Nodegroups | Unavailable, good: Callable[[str], bool], wrong: str
) -> Verdict | Unavailable:
    """Judge what nodes run, and what node groups will start; a custom image is known only by its nodes."""
    judged = list(_judged(nodes))
    groups = () if isinstance(nodegroups, Unavailable) else nodegroups.nodegroups
    families = {each.name: _ami_family(each.ami_type) for each in groups}
    bad = [
        *(f"{each.name} ({each.os_image or each.os_family})" for each in judged if not good(each.os_family)),
        *(f"node group {name} ({family})" for name, family in families.items() if family and not good(family)),
    ]
    if bad:
        return failed(f"{len(bad)} nodes or node groups {wrong}", bad)
    return first_unavailable(nodes, nodegroups) or passed(
        f"{len(judged)} nodes and {len(families)} node groups are in order"
    )


def _judged(nodes: Nodes | Unavailable) -> Iterable[Node]:
    # AWS runs the systems of Fargate and of Auto Mode; the latter is a Bottlerocket variant.
    return (
        ()
        if isinstance(nodes, Unavailable)
        else (each for each in nodes.nodes if each.compute not in ("fargate", "auto"))
    )


def _ami_family(ami_type: str) -> str:
    return next((family for start, family in _AMI_FAMILIES if ami_type.startswith(start)), "")


@check("node-groups.schedulable", needs=(Pods,), required=False)
def pods_find_nodes(pods: Pods, policy: Policy) -> Verdict:
    """No pod is unschedulable for more than `max_pending_minutes` minutes.

    Why: it is what users feel when nodes do not scale, taints do not fit or volumes lie in another zone.
    Fix: kubectl describe pod <pod> shows what the scheduler misses.
    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
    """
    allowed = timedelta(minutes=policy.max_pending_minutes)
    late = [f"{each.namespace}/{each.name}" for each in pods.pending if pods.observed_at - each.since > allowed]
    if late:
        return failed(f"{len(late)} pods are unschedulable for more than {policy.max_pending_minutes:g} minutes", late)
    return passed(f"{pods.pending_total} pods are pending, none for long")
