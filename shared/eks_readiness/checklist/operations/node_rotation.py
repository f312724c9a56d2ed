"""Node rotation: nodes are replaced often enough to run current images."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.operations.rotation_mechanisms import Rotation
from eks_readiness.checklist.shapes import first_unavailable, self_managed, untagged
from eks_readiness.domain.evidence import (
    AutoScalingGroups,
    BottlerocketUpdates,
    Components,
    Instances,
    NodegroupUpdates,
    NodeImages,
    NodePools,
    Nodes,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import Node
from eks_readiness.domain.evidence.rotation import NodeImage
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_PERCENTILE = 0.95
_NO_NODES = "no node runs on EC2: AWS patches Fargate, hybrid nodes are patched in place"


def _judged(nodes: Nodes) -> list[Node]:
    """Nodes that are rotated by replacing them."""
    return [each for each in nodes.nodes if each.compute in ("ec2", "auto")]


@check("node-rotation.node-age", needs=(Nodes,), required=True)
def nodes_are_young(nodes: Nodes, policy: Policy) -> Verdict | Unavailable:
    """95 of 100 nodes are at most `max_node_age_days` days old.

    Fargate nodes are not judged (one for each pod, and AWS patches them), nor are hybrid nodes: machines outside AWS
    that are patched in place.
    Not applicable when: no node runs on EC2.
    Why: an old node runs an old kernel, and nobody knows whether the cluster survives the loss of one.
    Fix: set expireAfter in Karpenter's NodePools, update node groups monthly, or use EKS Auto Mode.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/protecting-the-infrastructure.html
    """
    judged = _judged(nodes)
    if not judged:
        return not_applicable(_NO_NODES)
    ages = sorted(nodes.observed_at - each.created_at for each in judged if each.created_at is not None)
    if len(ages) < len(judged):
        return Unavailable(
            reason="unexpected", detail=f"{len(judged) - len(ages)} nodes do not say when they were made"
        )
    allowed, reached = timedelta(days=policy.max_node_age_days), ages[ceil(_PERCENTILE * len(ages)) - 1]
    said = f"95 of 100 of {len(ages)} nodes are at most {_days(reached)} days old"
    if reached <= allowed:
        return passed(said)
    made = {each.name: each.created_at for each in judged if each.created_at is not None}
    old = {name: age for name, at in made.items() if (age := nodes.observed_at - at) > allowed}
    return failed(said, [f"{name} ({_days(age)} days)" for name, age in old.items()])


def _days(age: timedelta) -> str:
    return f"{age / timedelta(days=1):.0f}"


@check("node-rotation.image-age", needs=(NodeImages, Instances, if_available(Nodes)), required=True)
def images_are_current(
    images: NodeImages, instances: Instances, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every node's image is at most `max_node_image_age_days` days behind the newest release of its series.

    Series are those of Bottlerocket, Amazon Linux, Windows and Ubuntu for EKS, for the Kubernetes version that the
    image is made for. A custom image has no series that could be looked up: it must itself be no older than that. An
    image younger than that is never behind. EKS Auto Mode picks its images itself.
    Not applicable when: no node runs on EC2.
    Why: flaws in the kernel, containerd and kubelet are mended by a new image only.
    Fix: aws eks update-nodegroup-version; with Karpenter raise the version in amiSelectorTerms; rebuild custom images.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html
    """
    allowed = timedelta(days=policy.max_node_image_age_days)
    behind = {each.id: _behind(each, images.observed_at, allowed) for each in images.images}
    late = [f"{_named(each)}: {said}" for each in images.images if isinstance(said := behind[each.id], str) and said]
    if late:
        return failed(f"{len(late)} images are more than {policy.max_node_image_age_days:g} days behind", late)
    if unread := first_unavailable(*behind.values(), untagged(nodes, instances)):
        return unread
    if images.beyond:
        return Unavailable(reason="unsupported", detail=f"{images.beyond} more images were not looked at")
    if images.images:
        return passed(f"{len(images.images)} images are current")
    if instances.instances:
        return passed("EKS Auto Mode picks the images")
    return nodes if isinstance(nodes, Unavailable) else not_applicable(_NO_NODES)


def _named(image: NodeImage) -> str:
    return f"{image.id} ({image.name or 'gone'}, {image.instances} instances)"


def _behind(image: NodeImage, now: datetime, allowed: timedelta) -> str | Unavailable:
    """How far an image is behind, in words, if it is too far."""
    if image.created_at is None:
        return Unavailable(
            reason="unexpected",
            detail=f"EC2 does not know image {image.id} any more, which {image.instances} instances run",
            remedy="replace the nodes: their image was withdrawn",
        )
    if now - image.created_at <= allowed:
        return ""
    if not image.family:
        return f"a custom image, {_days(now - image.created_at)} days old"
    if isinstance(image.newest_created_at, Unavailable):
        return image.newest_created_at
    if image.newest_created_at is None:
        return Unavailable(
            reason="unsupported",
            detail=f"no parameter {image.family} names the newest release of {image.id} in this region",
            remedy="replace the nodes: an image that is young enough needs no such comparison",
        )
    distance = image.newest_created_at - image.created_at
    return f"{_days(distance)} days behind {image.newest_id}" if distance > allowed else ""


@check(
    "node-rotation.mechanism",
    needs=(
        if_available(Nodes),
        if_available(NodePools),
        if_available(NodegroupUpdates),
        if_available(AutoScalingGroups),
        if_available(BottlerocketUpdates),
        if_available(Components),
    ),
    required=True,
)
def something_replaces_nodes(  # noqa: PLR0913 - one for each slice
    nodes: Nodes | Unavailable,
    pools: NodePools | Unavailable,
    updates: NodegroupUpdates | Unavailable,
    groups: AutoScalingGroups | Unavailable,
    operator: BottlerocketUpdates | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every node group and NodePool, and every node outside of both, has something that renews its nodes.

    For a NodePool: EKS Auto Mode, which replaces nodes within 21 days, or an expireAfter (by default 720h) while
    Karpenter is available. For a node group: a version update that succeeded within `max_managed_update_age_days` days,
    or a maximum instance lifetime of its Auto Scaling group; the latter also counts for self-managed nodes. For either:
    the Bottlerocket update operator, while it is available and none of the nodes' updates fails. A NodePool without
    nodes, left behind by a Karpenter that is gone, needs nothing.
    Not applicable when: there is no node group, no NodePool and no node on EC2.
    Why: what depends on somebody remembering stops in the first busy month.
    Fix: set expireAfter; aws eks update-nodegroup-version monthly, from a pipeline; or use EKS Auto Mode.
    Source: https://karpenter.sh/docs/concepts/disruption/#automated-forceful-methods
    """
    rotation = Rotation(nodes, groups, operator, components, timedelta(days=policy.max_managed_update_age_days))
    answers: dict[str, str | Unavailable] = {}
    if isinstance(pools, NodePools):
        answers |= {f"NodePool {each.name}": rotation.of_pool(each) for each in pools.pools}
    if isinstance(updates, NodegroupUpdates):
        now = updates.observed_at
        answers |= {f"node group {each.nodegroup}": rotation.of_group(each, now) for each in updates.updates}
    if isinstance(nodes, Nodes):
        answers |= {each.name: rotation.of_node(each) for each in nodes.nodes if self_managed(each)}
    if bad := [f"{name}: {said}" for name, said in answers.items() if isinstance(said, str) and said]:
        return failed(f"nothing renews the nodes of {len(bad)} of {len(answers)} node groups, NodePools and nodes", bad)
    if unread := first_unavailable(nodes, pools, updates, *answers.values()):
        return unread
    if not answers:
        return not_applicable(_NO_NODES)
    return passed(f"something renews the nodes of all {len(answers)} node groups, NodePools and nodes outside of both")
