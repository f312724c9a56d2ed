"""Core add-ons: pod network, DNS and service proxy."""

from __future__ import annotations

from typing import NamedTuple

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import IN_ORDER, first_unavailable, outside_auto_mode, starting
from eks_readiness.domain.evidence import (
    Addons,
    AddonVersions,
    ClusterConfiguration,
    Components,
    Nodes,
    Pods,
    Unavailable,
)
from eks_readiness.domain.evidence.cluster import Addon
from eks_readiness.domain.evidence.nodes import Component, ComponentName
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy


class _Core(NamedTuple):
    """One core component: its managed add-on, its workload, what may stand in for it, and who runs it on Fargate."""

    addon: str
    workload: ComponentName
    replaced_by: tuple[ComponentName, ...] = ()
    aws_runs_it_on_fargate: bool = True


_VPC_CNI = _Core("vpc-cni", "aws-node", ("cilium", "calico"))
_COREDNS = _Core("coredns", "coredns", aws_runs_it_on_fargate=False)
_KUBE_PROXY = _Core("kube-proxy", "kube-proxy", ("cilium", "calico"))
_CORE = (_VPC_CNI, _COREDNS, _KUBE_PROXY)
_MIN_REPLICAS = 2


@check(
    "core-add-ons.vpc-cni",
    needs=(ClusterConfiguration, if_available(Addons), if_available(Components), if_available(Nodes)),
    required=True,
)
def pod_network_works(
    cluster: ClusterConfiguration,
    addons: Addons | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """The VPC CNI is healthy: its add-on is ACTIVE without issues and DaemonSet aws-node is fully ready.

    Cilium or Calico in its place count when ready on every Linux node, and its DaemonSet is gone or wanted on no node;
    EKS Auto Mode and Fargate run it on their own nodes. Where the cluster cannot be read, the add-on decides. Nodes
    younger than ten minutes may still be starting theirs.
    Why: without it no pod gets an address.
    Fix: kubectl -n kube-system describe daemonset aws-node; aws eks describe-addon --addon-name vpc-cni
    Source: https://docs.aws.amazon.com/eks/latest/userguide/managing-vpc-cni.html
    """
    return _healthy(_VPC_CNI, cluster, addons, components, nodes)


@check(
    "core-add-ons.coredns",
    needs=(ClusterConfiguration, if_available(Addons), if_available(Components), if_available(Nodes)),
    required=True,
)
def dns_works(
    cluster: ClusterConfiguration,
    addons: Addons | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """CoreDNS is healthy: its add-on is ACTIVE without issues and its Deployment fully ready.

    EKS Auto Mode runs it on its own nodes; other nodes beside them need it, those of Fargate as well. Where the cluster
    cannot be read, the add-on decides.
    Why: without it no name is resolved, and nothing finds anything.
    Fix: kubectl -n kube-system describe deployment coredns; aws eks describe-addon --addon-name coredns
    Source: https://docs.aws.amazon.com/eks/latest/userguide/managing-coredns.html
    """
    return _healthy(_COREDNS, cluster, addons, components, nodes)


@check(
    "core-add-ons.kube-proxy",
    needs=(ClusterConfiguration, if_available(Addons), if_available(Components), if_available(Nodes)),
    required=True,
)
def service_proxy_works(
    cluster: ClusterConfiguration,
    addons: Addons | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """kube-proxy is healthy: its add-on is ACTIVE without issues and its DaemonSet fully ready.

    Where no kube-proxy runs, a Cilium or Calico (with eBPF) that is ready on every Linux node has taken its place;
    EKS Auto Mode and Fargate run it on their own nodes. Where the cluster cannot be read, the add-on decides.
    Why: without it no Service address leads anywhere.
    Fix: kubectl -n kube-system describe daemonset kube-proxy; aws eks describe-addon --addon-name kube-proxy
    Source: https://docs.aws.amazon.com/eks/latest/userguide/managing-kube-proxy.html
    """
    return _healthy(_KUBE_PROXY, cluster, addons, components, nodes)


def _healthy(
    core: _Core,
    cluster: ClusterConfiguration,
    addons: Addons | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
) -> Verdict | Unavailable:
    addon = None if isinstance(addons, Unavailable) else addons.named(core.addon)
    if addon is not None and (problem := _addon_problem(addon)):
        return failed(
            f"add-on {core.addon} {problem}", [f"{each.code}: {each.message}" for each in addon.health_issues]
        )
    if isinstance(components, Unavailable):
        return _by_addon(core, cluster, addon, addons, components)
    found = components.named(core.workload)
    # A DaemonSet that is wanted nowhere was switched off: by a selector that no node meets, as Cilium's guide has it.
    if not any(each.desired for each in found) and (substitute := _substitute(core, components)):
        if missing := first_unavailable(addons, nodes):
            return missing
        if isinstance(nodes, Nodes) and substitute.desired >= _linux_outside_auto_mode(nodes):
            return passed(f"{substitute.where} has taken its place, ready on {substitute.ready} nodes")
    if found:
        return _by_workload(core, found, cluster, addons, nodes)
    return _by_absence(core, cluster, addon, nodes)


def _substitute(core: _Core, components: Components) -> Component | None:
    """What may do the work instead: the one that is ready on most nodes."""
    found = [each for name in core.replaced_by for each in components.named(name)]
    ready = [each for each in found if each.kind == "DaemonSet" and each.fully_ready]
    return max(ready, key=lambda each: each.desired, default=None)


def _linux_outside_auto_mode(nodes: Nodes) -> int:
    return sum(
        each.compute in ("ec2", "hybrid") and each.os_family != "windows" and not starting(each, nodes)
        for each in nodes.nodes
    )


def _addon_problem(addon: Addon) -> str:
    if addon.health_issues:
        return f"is {addon.status} with {len(addon.health_issues)} health issues"
    return "" if addon.status in IN_ORDER else f"is {addon.status or 'in an unknown state'}"


def _by_addon(
    core: _Core,
    cluster: ClusterConfiguration,
    addon: Addon | None,
    addons: Addons | Unavailable,
    unread: Unavailable,
) -> Verdict | Unavailable:
    if addon is not None:
        return passed(f"add-on {core.addon} is {addon.status}; the cluster itself could not be read")
    if cluster.auto_mode and not isinstance(addons, Unavailable):
        return _RUN_BY_AUTO_MODE
    return unread


def _by_workload(
    core: _Core,
    found: tuple[Component, ...],
    cluster: ClusterConfiguration,
    addons: Addons | Unavailable,
    nodes: Nodes | Unavailable,
) -> Verdict | Unavailable:
    new = 0 if isinstance(nodes, Unavailable) else sum(starting(each, nodes) for each in nodes.nodes)
    short = [each for each in found if not _ready(each, new) and not _needs_no_pod(core, each, cluster, nodes)]
    if isinstance(nodes, Unavailable) and short and all(_may_be_in_order(each, cluster) for each in short):
        return nodes
    if short:
        said = "; ".join(f"{each.where} has {each.ready} of {each.desired} pods ready" for each in short)
        return failed(said, [each.where for each in found])
    if isinstance(addons, Unavailable):
        return addons
    if not any(each.desired for each in found):
        return passed("AWS runs it on every node")
    return passed("; ".join(f"{each.where} has {each.ready} of {each.desired} pods ready" for each in found))


def _ready(each: Component, new_nodes: int) -> bool:
    return each.fully_ready or (
        each.kind == "DaemonSet" and each.desired > new_nodes and each.ready + new_nodes >= each.desired
    )


def _may_be_in_order(each: Component, cluster: ClusterConfiguration) -> bool:
    """Whether nodes could tell that a workload without all its pods is none to worry about: they are new, or AWS's."""
    return each.kind == "DaemonSet" or (cluster.auto_mode and not each.desired)


def _needs_no_pod(core: _Core, each: Component, cluster: ClusterConfiguration, nodes: Nodes | Unavailable) -> bool:
    """Whether a workload is wanted nowhere because AWS does its work on every node."""
    if each.desired or isinstance(nodes, Unavailable) or _needing(core, nodes):
        return False
    return cluster.auto_mode or (core.aws_runs_it_on_fargate and bool(nodes.nodes))


def _needing(core: _Core, nodes: Nodes) -> int:
    """How many nodes need it: those on which AWS does not run it itself."""
    on_fargate = sum(each.compute == "fargate" for each in nodes.nodes)
    return outside_auto_mode(nodes) + (0 if core.aws_runs_it_on_fargate else on_fargate)


def _by_absence(
    core: _Core, cluster: ClusterConfiguration, addon: Addon | None, nodes: Nodes | Unavailable
) -> Verdict | Unavailable:
    if addon is not None:
        return failed(f"add-on {core.addon} is {addon.status}, but its workload is not in the cluster")
    if isinstance(nodes, Unavailable):
        by_aws = cluster.auto_mode or core.aws_runs_it_on_fargate
        return nodes if by_aws else failed(_nothing(core))
    if cluster.auto_mode:
        others = _needing(core, nodes)
        return failed(f"{others} nodes are not EKS Auto Mode's: {_nothing(core)}") if others else _RUN_BY_AUTO_MODE
    if core.aws_runs_it_on_fargate and nodes.nodes and all(each.compute == "fargate" for each in nodes.nodes):
        return passed("Fargate runs it")
    return failed(_nothing(core))


_RUN_BY_AUTO_MODE = passed("EKS Auto Mode runs it")


def _nothing(core: _Core) -> str:
    return f"neither add-on {core.addon} nor its workload is there"


@check("core-add-ons.compatible", needs=(Addons, AddonVersions), required=True)
def addons_fit_the_cluster(addons: Addons, versions: AddonVersions, policy: Policy) -> Verdict | Unavailable:
    """The version of each managed add-on is one that EKS calls compatible with the cluster's version.

    Not applicable when: the cluster has no managed add-on.
    Why: an add-on left behind by an upgrade fails in ways that nobody tests.
    Fix: aws eks update-addon --addon-version <a version of aws eks describe-addon-versions>
    Source: https://docs.aws.amazon.com/eks/latest/userguide/addon-compat.html
    """
    if not addons.addons:
        return not_applicable("the cluster has no managed add-on")
    fitting = {each.name: each.versions for each in versions.compatible}
    bad = [
        f"{each.name} {each.version}"
        for each in addons.addons
        if fitting.get(each.name) and each.version not in fitting[each.name]
    ]
    if bad:
        return failed(f"{len(bad)} of {len(addons.addons)} add-ons do not fit the cluster's version", bad)
    if unlisted := [each.name for each in addons.addons if not fitting.get(each.name)]:
        return Unavailable(
            reason="unexpected",
            detail=f"EKS lists no compatible version of {', '.join(unlisted[:5])}",
            remedy="see: aws eks describe-addon-versions --addon-name <add-on>",
        )
    return passed(f"{len(addons.addons)} add-ons fit the cluster's version")


@check("core-add-ons.dns-spread", needs=(ClusterConfiguration, Components, Pods, if_available(Nodes)), required=False)
def dns_is_spread(
    cluster: ClusterConfiguration, components: Components, pods: Pods, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """CoreDNS has at least two ready replicas on at least two nodes.

    EKS Auto Mode runs DNS on every node of its own; other nodes beside them need CoreDNS, those of Fargate as well.
    Why: with one replica, or all on one node, one failure stops every name from being resolved.
    Fix: run two replicas or more, with a topology spread constraint (the add-on sets one).
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/scale-cluster-services.html
    """
    found = components.named("coredns")
    if cluster.auto_mode and not any(each.desired for each in found):
        if isinstance(nodes, Unavailable):
            return nodes
        if not _needing(_COREDNS, nodes):
            return passed("EKS Auto Mode runs DNS on every node")
    ready = sum(each.ready for each in found)
    if ready < _MIN_REPLICAS or len(pods.dns_nodes) < _MIN_REPLICAS:
        return failed(
            f"{ready} CoreDNS replicas are ready, on {len(pods.dns_nodes)} nodes", [each.where for each in found]
        )
    return passed(f"{ready} CoreDNS replicas are ready, on {len(pods.dns_nodes)} nodes")


@check("core-add-ons.managed", needs=(Addons, if_available(Components)), required=False)
def addons_are_managed(addons: Addons, components: Components | Unavailable, policy: Policy) -> Verdict | Unavailable:
    """VPC CNI, CoreDNS and kube-proxy are add-ons that EKS manages, or something else does their work.

    A DaemonSet that is wanted on no node does no work.
    Why: EKS tests managed versions together and reports their health; self-managed ones are forgotten at upgrades.
    Fix: aws eks create-addon --addon-name <name> --resolve-conflicts PRESERVE
    Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html
    """
    unmanaged = [each for each in _CORE if addons.named(each.addon) is None]
    if not unmanaged:
        return passed("all three are managed by EKS")
    if isinstance(components, Unavailable):
        return components
    there = [each.addon for each in unmanaged if any(one.desired for one in components.named(each.workload))]
    if there:
        return failed(f"{len(there)} core add-ons are self-managed", there)
    return passed("no core add-on is self-managed")
