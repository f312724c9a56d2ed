"""Shapes of clusters that several checks judge by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Literal

from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    Components,
    FargateProfiles,
    Instances,
    Nodegroups,
    Nodes,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import Component, Node, NodePool
from eks_readiness.domain.policy import Policy

STARTING = timedelta(minutes=10)
"""How long a new node may take until it and its DaemonSet pods are ready: longer than any boot, shorter than a scan."""

_VERSION = re.compile(r"v?(?P<major>[0-9]+)\.(?P<minor>[0-9]+)")

IN_ORDER = frozenset({"ACTIVE", "UPDATING"})
"""States of EKS resources that are in order; an update that AWS carries out is no fault."""

_TOLD = frozenset({"--node-group-auto-discovery", "--nodes"})
"""Flags by which Cluster Autoscaler is told which groups to scale.

Source: https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
"""


def told(autoscaler: Component) -> bool:
    """Whether a Cluster Autoscaler is told which groups to scale: without, it scales nothing."""
    return bool(_TOLD & autoscaler.flags.keys())


def scales(components: Components, name: Literal["karpenter", "cluster-autoscaler"]) -> bool:
    """Whether that autoscaler is available, and told what to scale; Karpenter's NodePools tell it."""
    return any(each.ready and (name == "karpenter" or told(each)) for each in components.named(name))


def has_controller(
    pool: NodePool, cluster: ClusterConfiguration, components: Components | Unavailable
) -> bool | Unavailable:
    """Whether something acts on a NodePool: EKS Auto Mode, or an available Karpenter. One left behind makes nothing."""
    if pool.auto_mode:
        return cluster.auto_mode
    return components if isinstance(components, Unavailable) else scales(components, "karpenter")


def fargate_only(nodegroups: Nodegroups | Unavailable, profiles: FargateProfiles | Unavailable, nodes: Nodes) -> bool:
    """Whether every pod runs on Fargate, as far as that is known for sure."""
    if isinstance(nodegroups, Unavailable) or isinstance(profiles, Unavailable):
        return False
    return (
        bool(profiles.profiles) and not nodegroups.nodegroups and all(each.compute == "fargate" for each in nodes.nodes)
    )


def starting(node: Node, nodes: Nodes) -> bool:
    """Whether a node is so new that it may still be starting."""
    return node.created_at is not None and nodes.observed_at - node.created_at < STARTING


def outside_auto_mode(nodes: Nodes) -> int:
    """How many nodes need what EKS Auto Mode runs on its own nodes alone: network, DNS and service proxy."""
    return sum(each.compute in ("ec2", "hybrid") for each in nodes.nodes)


def self_managed(node: Node) -> bool:
    """Whether neither a node group, nor a NodePool, nor EKS Auto Mode made a node on EC2."""
    return node.compute == "ec2" and not node.nodegroup and not node.node_pool


def node_subnets(
    instances: Instances, nodegroups: Nodegroups, profiles: FargateProfiles | None = None
) -> frozenset[str]:
    """The subnets in which nodes are, or in which a node group (or a Fargate profile, where given) may put them."""
    return frozenset(
        [
            *(each.subnet_id for each in instances.instances if each.subnet_id),
            *(subnet for each in nodegroups.nodegroups for subnet in each.subnet_ids),
            *(subnet for each in (profiles.profiles if profiles else ()) for subnet in each.subnet_ids),
        ]
    )


def exempt(namespace: str, policy: Policy) -> bool:
    """Whether a namespace is exempt from what is judged by namespace."""
    return any(fnmatchcase(namespace, pattern) for pattern in policy.exempt_namespaces)


def every_address(cidrs: Iterable[str]) -> bool:
    """Whether ranges, taken together, are all of IPv4 or all of IPv6: two halves of the address space are.

    Raises:
        ValueError: one of them is no range.
    """
    networks = [ip_network(cidr, strict=False) for cidr in cidrs]
    four = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
    six = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
    return any(each.prefixlen == 0 for each in four) or any(each.prefixlen == 0 for each in six)


def untagged(nodes: Nodes | Unavailable, instances: Instances) -> Unavailable | None:
    """Say that nodes run on instances that were not found by the cluster's tags: nothing is known about those."""
    if isinstance(nodes, Unavailable):
        return None
    known = {each.id for each in instances.instances}
    unseen = [
        each.name
        for each in nodes.nodes
        if each.instance_id and each.instance_id not in known and each.ready and not starting(each, nodes)
    ]
    if not unseen:
        return None
    return Unavailable(
        reason="unexpected",
        detail=f"{len(unseen)} nodes run on instances without the cluster's tag, like {unseen[0]}",
        remedy="tag them: kubernetes.io/cluster/<cluster> = owned",
    )


def pod_subnets(instances: Instances) -> frozenset[str]:
    """The subnets of further interfaces of nodes: with custom networking, pods take their addresses there."""
    return frozenset(subnet for each in instances.instances for subnet in each.interface_subnet_ids)


def minor_version(version: str) -> tuple[int, int] | None:
    """Major and minor of a Kubernetes version like 1.34 or v1.34.2-eks-b3126f4; None where it cannot be read."""
    match = _VERSION.match(version)
    return (int(match["major"]), int(match["minor"])) if match else None


def first_unavailable(*found: object) -> Unavailable | None:
    """The first piece of evidence that could not be had."""
    return next((each for each in found if isinstance(each, Unavailable)), None)
