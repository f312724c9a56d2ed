"""Node hardening: nodes that give nothing away and that nobody logs in to."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import every_address, first_unavailable, untagged
from eks_readiness.domain.evidence import (
    Instances,
    Nodegroups,
    Nodes,
    NodeSecurityGroups,
    NodeVolumes,
    Unavailable,
)
from eks_readiness.domain.evidence.hardening import NodeSecurityGroup
from eks_readiness.domain.evidence.network import Instance
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_NO_INSTANCES = "no node is an EC2 instance"


@check("node-hardening.imds", needs=(Instances, if_available(Nodes)), required=True)
def instances_require_imdsv2(instances: Instances, nodes: Nodes | Unavailable, policy: Policy) -> Verdict | Unavailable:
    """Every instance requires IMDSv2 with a hop limit up to `max_imds_hop_limit`, or has no metadata endpoint.

    Instances that are shut down do not count. Where the cluster cannot be read, those with its tag decide.
    Not applicable when: no node is an EC2 instance.
    Why: IMDSv1 hands the node's credentials to whoever makes a pod fetch an address.
    Fix: aws ec2 modify-instance-metadata-options --http-tokens required --http-put-response-hop-limit 1 …,
    and set metadataOptions in the launch template or EC2NodeClass.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
    """
    return _by_instance(instances, nodes, policy.max_imds_hop_limit, tokens=True)


@check("node-hardening.hop-limit", needs=(Instances, if_available(Nodes)), required=False)
def metadata_stays_on_the_node(
    instances: Instances, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Answers of the metadata service make one hop only, so that they reach no pod; or there is no endpoint.

    Pods on the host's network are reached all the same.
    Not applicable when: no node is an EC2 instance.
    Why: with two hops every pod can take the node's credentials.
    Fix: give pods their own roles (EKS Pod Identity), then set the hop limit to 1.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
    """
    return _by_instance(instances, nodes, 1, tokens=False)


def _by_instance(instances: Instances, nodes: Nodes | Unavailable, hops: int, *, tokens: bool) -> Verdict | Unavailable:
    found = instances.instances
    if bad := [f"{each.id} ({said})" for each in found if (said := _metadata_problem(each, hops, tokens=tokens))]:
        return failed(f"{len(bad)} of {len(found)} instances let their metadata out", bad)
    if unread := [each.id for each in found if not each.metadata_endpoint]:
        return Unavailable(reason="unexpected", detail=f"EC2 gives no metadata options of {unread[0]}")
    if missing := untagged(nodes, instances):
        return missing
    if not found:
        return nodes if isinstance(nodes, Unavailable) else not_applicable(_NO_INSTANCES)
    return passed(f"{len(found)} instances keep their metadata")


def _metadata_problem(instance: Instance, hops: int, *, tokens: bool) -> str:
    if instance.metadata_endpoint in ("", "disabled"):
        return ""
    if tokens and instance.metadata_tokens != "required":
        return "IMDSv1 is allowed"
    return f"hop limit {instance.metadata_hop_limit}" if instance.metadata_hop_limit > hops else ""


@check(
    "node-hardening.no-ssh",
    needs=(if_available(Nodegroups), if_available(Instances), if_available(NodeSecurityGroups), if_available(Nodes)),
    required=True,
)
def nobody_logs_in(
    nodegroups: Nodegroups | Unavailable,
    instances: Instances | Unavailable,
    groups: NodeSecurityGroups | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """No node group and no instance has an SSH key, and no security group of a node lets port 22 in from anywhere.

    Rules for all traffic and for ranges of ports count, prefix lists are resolved, ranges are taken together. On
    Windows the key pair opens the administrator's password, and counts too.
    Not applicable when: no node is an EC2 instance and there is no node group.
    Why: a shared key on every node outlives whoever had it; AWS Systems Manager opens sessions with IAM and a record.
    Fix: make node groups without remoteAccess and key pair; aws ec2 revoke-security-group-ingress for port 22
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/protecting-the-infrastructure.html
    """
    named = () if isinstance(nodegroups, Unavailable) else nodegroups.nodegroups
    found = () if isinstance(instances, Unavailable) else instances.instances
    judged = () if isinstance(groups, Unavailable) else groups.groups
    bad = [f"node group {each.name}: SSH key {each.ssh_key}" for each in named if each.ssh_key]
    bad += [f"{each.id}: SSH key {each.key_name}" for each in found if each.key_name]
    opened = {each.id: _open_to_anyone(each) for each in judged}
    bad += [f"{each.id} ({each.name}): port 22 from anywhere" for each in judged if opened[each.id] is True]
    if bad:
        return failed(f"{len(bad)} ways to log in to nodes", bad)
    if missing := first_unavailable(nodegroups, instances, groups, *opened.values()):
        return missing
    if isinstance(groups, NodeSecurityGroups) and groups.missing:
        return Unavailable(reason="unexpected", detail=f"EC2 does not know security group {groups.missing[0]}")
    if isinstance(instances, Instances) and (unseen := untagged(nodes, instances)):
        return unseen
    if not found and not named:
        return nodes if isinstance(nodes, Unavailable) else not_applicable(_NO_INSTANCES)
    return passed(f"no SSH key on {len(named)} node groups and {len(found)} instances, no port 22 from anywhere")


def _open_to_anyone(group: NodeSecurityGroup) -> bool | Unavailable:
    try:
        return every_address(group.ssh_cidrs) or group.unread or False
    except ValueError as error:
        return Unavailable(reason="unexpected", detail=f"a range of {group.id} cannot be read: {error}")


@check("node-hardening.encrypted-root", needs=(Instances, NodeVolumes, if_available(Nodes)), required=True)
def root_volumes_are_encrypted(
    instances: Instances, volumes: NodeVolumes, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """The root volume of every instance is encrypted, and Bottlerocket's second volume (/dev/xvdb) as well.

    That second volume holds images, containers and what pods write. Disks of the host itself are always encrypted.
    Not applicable when: no node is an EC2 instance.
    Why: the root volume holds the node's credentials, pulled images and what pods write to disk.
    Fix: aws ec2 enable-ebs-encryption-by-default, or encrypted: true in the launch template; then replace the nodes.
    Source: https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html
    """
    if volumes.plain.total:
        return failed(
            f"{volumes.plain.total} root or data volumes are not encrypted",
            volumes.plain.names,
            total=volumes.plain.total,
        )
    if volumes.unknown.total:
        return Unavailable(
            reason="unexpected",
            detail=f"EC2 does not know all volumes of instances: {', '.join(volumes.unknown.names[:3])}",
            remedy="the next scan looks again: an instance may just have started or ended",
        )
    if missing := untagged(nodes, instances):
        return missing
    if not instances.instances:
        return nodes if isinstance(nodes, Unavailable) else not_applicable(_NO_INSTANCES)
    return passed(f"{volumes.encrypted} volumes of {len(instances.instances)} instances are encrypted")


@check(
    "node-hardening.hardened-os",
    needs=(if_available(Nodes), if_available(Nodegroups)),
    required=True,
    or_attested=lambda policy: policy.procedure_max_age_days,
)
def nodes_run_a_hardened_os(
    nodes: Nodes | Unavailable, nodegroups: Nodegroups | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every node runs Bottlerocket or is of EKS Auto Mode; or it is attested that its image is hardened (CIS).

    A statement counts for `procedure_max_age_days` days. Whether any other image is hardened cannot be seen from
    outside, nodes of Windows and hybrid nodes included. Node groups are judged by what they will start.
    Not applicable when: every node is of Fargate, and there is no node group.
    Why: a general-purpose system brings a shell, a package manager and services that a node does not need.
    Fix: move to Bottlerocket or EKS Auto Mode; or build a CIS-hardened image, test it (Inspector CIS scan), then:
    eks-readiness attest node-hardening.hardened-os
    Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-optimized-ami-bottlerocket.html
    """
    named = () if isinstance(nodegroups, Unavailable) else nodegroups.nodegroups
    judged = [] if isinstance(nodes, Unavailable) else [each for each in nodes.nodes if each.compute != "fargate"]
    bad = [
        *(
            f"{each.name} ({each.os_image or each.os_family})"
            for each in judged
            if each.os_family != "bottlerocket" and each.compute != "auto"
        ),
        *(
            f"node group {each.name} ({each.ami_type})"
            for each in named
            if not each.ami_type.startswith(("BOTTLEROCKET_", "CUSTOM")) and each.ami_type
        ),
    ]
    if bad:
        return failed(f"{len(bad)} nodes or node groups run an image that is not known to be hardened", bad)
    if missing := first_unavailable(nodes, nodegroups):
        return missing
    # A custom image is known only by the nodes that run it.
    running = {each.nodegroup for each in judged}
    custom = [each.name for each in named if not each.ami_type.startswith("BOTTLEROCKET_")]
    if idle := [name for name in custom if name not in running]:
        return Unavailable(
            reason="unsupported",
            detail=f"node group {idle[0]} has a custom image, and no node that runs it",
            remedy="start a node of it, or attest what the image is",
        )
    if not judged and not named:
        return not_applicable("there is no node to harden")
    return passed(f"{len(judged)} nodes run Bottlerocket or are of EKS Auto Mode")
