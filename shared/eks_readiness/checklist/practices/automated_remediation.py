"""Automated remediation: what breaks is mended without a person."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.gitops import A, C, F, H, tools
from eks_readiness.checklist.shapes import first_unavailable, scales, self_managed, starting
from eks_readiness.domain.evidence import (
    ArgoCd,
    Capabilities,
    ClusterConfiguration,
    Components,
    ConfigRules,
    EventAutomations,
    Flux,
    Nodegroups,
    Nodes,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import Node
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy


@check(
    "automated-remediation.node-repair",
    needs=(
        if_available(ClusterConfiguration),
        if_available(Nodegroups),
        if_available(Nodes),
        if_available(Components),
    ),
    required=True,
)
def broken_nodes_are_replaced(
    cluster: ClusterConfiguration | Unavailable,
    nodegroups: Nodegroups | Unavailable,
    nodes: Nodes | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every node that breaks is repaired or replaced by itself.

    On for each managed node group; for Karpenter's nodes while it is available, with its feature gate NodeRepair and a
    working node monitoring agent (EKS's, or node-problem-detector); EKS Auto Mode does it for its own. Nodes that
    nothing of these made are not repaired. Fargate has no nodes to repair, and machines of hybrid nodes belong to
    somebody else: neither is judged.
    Not applicable when: there is no other node than those of Fargate and hybrid ones.
    Why: a node that hangs keeps its pods until somebody notices.
    Fix: aws eks update-nodegroup-config --node-repair-config enabled=true; for Karpenter: helm upgrade --set
    settings.featureGates.nodeRepair=true, with add-on eks-node-monitoring-agent
    Source: https://docs.aws.amazon.com/eks/latest/userguide/node-health.html
    """
    groups = () if isinstance(nodegroups, Unavailable) else nodegroups.nodegroups
    bad = [f"node group {each.name}: node repair is off" for each in groups if not each.auto_repair]
    judged = [] if isinstance(nodes, Unavailable) else [each for each in nodes.nodes if each.compute in ("ec2", "auto")]
    bad += [f"node {each.name}: nothing repairs it" for each in judged if self_managed(each)]
    of_karpenter = [each for each in judged if each.compute == "ec2" and each.node_pool]
    if of_karpenter and isinstance(components, Components) and isinstance(nodes, Nodes):
        bad += _karpenter(components, nodes)
    if bad:
        return failed(f"not every broken node is repaired: {bad[0]}", bad)
    if missing := first_unavailable(nodegroups, nodes) or (first_unavailable(components) if of_karpenter else None):
        return missing
    if strange := [
        each for each in judged if each.nodegroup and each.nodegroup not in {group.name for group in groups}
    ]:
        return Unavailable(
            reason="unexpected",
            detail=f"node {strange[0].name} says it is of node group {strange[0].nodegroup}, which EKS does not list",
            remedy="the next scan looks again: the group may just have been made or deleted",
        )
    if not judged and not groups:
        return _no_node(cluster)
    return passed(f"{_counted(len(groups), of_karpenter, judged)} are repaired by themselves")


def _karpenter(components: Components, nodes: Nodes) -> list[str]:
    """What is missing for Karpenter to repair nodes; a new node may still be starting its agent."""
    if not scales(components, "karpenter"):
        return ["Karpenter: no pod of it is ready"]
    if not any(each.flags.get("NodeRepair") == "true" for each in components.named("karpenter")):
        return ["Karpenter: its feature gate NodeRepair is off"]
    agents = components.named("node-monitoring")
    if not agents:
        return ["Karpenter: no node monitoring agent tells it which nodes are broken"]
    new = sum(starting(each, nodes) for each in nodes.nodes)
    if not any(each.ready and each.ready + new >= each.desired for each in agents):
        return [f"{agents[0].where} has {agents[0].ready} of {agents[0].desired} pods ready"]
    return []


def _no_node(cluster: ClusterConfiguration | Unavailable) -> Verdict | Unavailable:
    if isinstance(cluster, Unavailable):
        return cluster
    if cluster.auto_mode:
        return passed("EKS Auto Mode repairs its nodes; there is none now")
    return not_applicable("there is no node to repair")


def _counted(groups: int, of_karpenter: list[Node], judged: list[Node]) -> str:
    auto = sum(each.compute == "auto" for each in judged)
    parts = [(groups, "node groups"), (len(of_karpenter), "nodes of Karpenter"), (auto, "nodes of EKS Auto Mode")]
    return ", ".join(f"{count} {what}" for count, what in parts if count)


@check(
    "automated-remediation.self-heal",
    needs=(
        if_available(ArgoCd),
        if_available(Flux),
        if_available(Components),
        if_available(Capabilities),
        if_available(ConfigRules),
        if_available(EventAutomations),
    ),
    required=False,
)
def something_mends_by_itself(  # noqa: PLR0913 - one for each piece of evidence
    argocd: A,
    flux: F,
    components: C,
    capabilities: H,
    config: ConfigRules | Unavailable,
    events: EventAutomations | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Something mends the cluster by itself: GitOps that heals itself, AWS Config, or an automation on events.

    GitOps: Argo CD with selfHeal, or Flux, with working controllers. AWS Config: a rule about EKS with an automatic
    remediation, while a recorder is on. Events: an EventBridge rule that names the cluster (an alarm's dimensions, for
    example) or takes events of EKS, and starts an automation of Systems Manager. Functions as targets are not looked
    into: they prove nothing.
    Why: what a machine mends at night wakes nobody.
    Fix: set spec.syncPolicy.automated.selfHeal on Applications, or: aws configservice put-remediation-configurations
    Source: https://docs.aws.amazon.com/config/latest/developerguide/remediation.html
    """
    found = tools(argocd, flux, components, capabilities)
    for tool in found.working:
        if tool.objects.self_healing:
            return passed(f"{tool.name} heals {tool.objects.self_healing} of {tool.objects.total} objects by itself")
    rules = config if isinstance(config, Unavailable) else config.remediations
    mending = () if isinstance(rules, Unavailable) else rules
    if mending and isinstance(config, ConfigRules) and config.recording is True:
        return passed(f"AWS Config mends by itself: {mending[0]}")
    if isinstance(events, EventAutomations) and events.rules:
        return passed(f"EventBridge rule {events.rules[0]} starts an automation")
    parts = (config.recording, config.remediations) if isinstance(config, ConfigRules) else (config,)
    if missing := found.unread or first_unavailable(*parts, events):
        return missing
    if isinstance(events, EventAutomations) and events.beyond_cap:
        return Unavailable(
            reason="unsupported", detail=f"{events.beyond_cap} more EventBridge rules about the cluster were not read"
        )
    off = [f"AWS Config would mend, but its recorder is off: {each}" for each in mending]
    return failed("nothing mends the cluster by itself", [*found.broken, *off])
