"""Rules about nodes that give nothing away, and about what pods may ask of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eks_readiness.checklist.security.node_hardening import (
    instances_require_imdsv2,
    metadata_stays_on_the_node,
    nobody_logs_in,
    nodes_run_a_hardened_os,
    root_volumes_are_encrypted,
)
from eks_readiness.checklist.security.pod_security import (
    every_namespace_enforces_pod_security,
    no_pod_has_host_privileges,
    runtime_monitoring_covers_the_nodes,
)
from eks_readiness.domain.evidence import (
    Namespaces,
    NodeSecurityGroups,
    NodeVolumes,
    Pods,
    PodSecurityPolicies,
    RuntimeMonitoring,
    Unavailable,
)
from eks_readiness.domain.evidence.cluster import Nodegroup
from eks_readiness.domain.evidence.hardening import NodeSecurityGroup
from eks_readiness.domain.evidence.network import Instance
from eks_readiness.domain.evidence.nodes import NamespaceSample
from eks_readiness.domain.evidence.policies import BASELINE, BaselineControl, EnforcedControls, Namespace
from eks_readiness.domain.finding import failed, not_applicable, passed
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
    sample,
    seen,
)
from tests.strategies import NOW

OLD = NOW - timedelta(days=1)
NO_GROUPS = seen(NodeSecurityGroups)
UNTAGGED = Unavailable(
    reason="unexpected",
    detail="1 nodes run on instances without the cluster's tag, like n",
    remedy="tag them: kubernetes.io/cluster/<cluster> = owned",
)
STRANGE = nodes(node("n", instance_id="i-strange", created_at=OLD))


def instance(**fields: Any) -> Instance:
    """An instance with IMDSv2 and one hop."""
    good = {"metadata_endpoint": "enabled", "metadata_tokens": "required", "metadata_hop_limit": 1}
    return Instance(id="i-1", **{**good, **fields})


def test_hops_are_judged_without_tokens() -> None:
    """The check of hops is about hops alone."""
    found = instances(instance(metadata_tokens="optional"))
    assert metadata_stays_on_the_node(found, nodes(), POLICY) == passed("1 instances keep their metadata")
    assert instances_require_imdsv2(found, nodes(), POLICY) == failed(
        "1 of 1 instances let their metadata out", ["i-1 (IMDSv1 is allowed)"]
    )


def test_metadata_options_that_are_not_told() -> None:
    """They prove nothing, either way."""
    found = instances(instance(metadata_endpoint="", metadata_tokens="optional"))
    assert instances_require_imdsv2(found, nodes(), POLICY) == Unavailable(
        reason="unexpected", detail="EC2 gives no metadata options of i-1"
    )


def test_without_instances_the_nodes_decide() -> None:
    """Only the cluster can say that there is no EC2 node."""
    none = not_applicable("no node is an EC2 instance")
    volumes = seen(NodeVolumes)
    assert instances_require_imdsv2(instances(), DENIED, POLICY) == DENIED
    assert instances_require_imdsv2(instances(), nodes(), POLICY) == none
    assert root_volumes_are_encrypted(instances(), volumes, DENIED, POLICY) == DENIED
    assert root_volumes_are_encrypted(instances(), volumes, nodes(), POLICY) == none
    assert nobody_logs_in(nodegroups(), instances(), NO_GROUPS, DENIED, POLICY) == DENIED
    assert nobody_logs_in(nodegroups(), instances(), NO_GROUPS, nodes(), POLICY) == none


def test_instances_without_the_tag_leave_it_open() -> None:
    """Nothing is known about them."""
    found = instances(instance())
    assert instances_require_imdsv2(found, STRANGE, POLICY) == UNTAGGED
    assert root_volumes_are_encrypted(found, seen(NodeVolumes), STRANGE, POLICY) == UNTAGGED
    assert nobody_logs_in(nodegroups(), found, NO_GROUPS, STRANGE, POLICY) == UNTAGGED


@pytest.mark.parametrize("denied", range(3))
def test_ways_in_need_every_piece(denied: int) -> None:
    """What could not be read may be open; what is open fails, whatever could not be read."""
    pieces: list[Any] = [nodegroups(), instances(instance()), NO_GROUPS]
    pieces[denied] = DENIED
    assert nobody_logs_in(*pieces, nodes(), POLICY) == DENIED
    bad: list[Any] = [DENIED, DENIED, DENIED]
    bad[denied] = (
        nodegroups(Nodegroup(name="g", status="ACTIVE", ssh_key="key")),
        instances(instance(key_name="key")),
        seen(NodeSecurityGroups, groups=(NodeSecurityGroup(id="sg-1", name="open", ssh_cidrs=("0.0.0.0/0",)),)),
    )[denied]
    said = ("node group g: SSH key key", "i-1: SSH key key", "sg-1 (open): port 22 from anywhere")
    assert nobody_logs_in(*bad, nodes(), POLICY) == failed("1 ways to log in to nodes", [said[denied]])


def test_a_range_that_cannot_be_read() -> None:
    """It may be open to anybody."""
    groups = seen(NodeSecurityGroups, groups=(NodeSecurityGroup(id="sg-1", ssh_cidrs=("all",)),))
    assert nobody_logs_in(nodegroups(), instances(), groups, nodes(), POLICY) == Unavailable(
        reason="unexpected",
        detail="a range of sg-1 cannot be read: 'all' does not appear to be an IPv4 or IPv6 network",
    )


def test_volumes_are_counted() -> None:
    """All that are plain; of the unknown ones the first three are named."""
    plain = seen(NodeVolumes, plain=sample("vol-1", total=30))
    assert root_volumes_are_encrypted(instances(), plain, nodes(), POLICY) == failed(
        "30 root or data volumes are not encrypted", ["vol-1"], total=30
    )
    unknown = seen(NodeVolumes, unknown=sample("a", "b", "c", "d"))
    assert root_volumes_are_encrypted(instances(), unknown, nodes(), POLICY) == Unavailable(
        reason="unexpected",
        detail="EC2 does not know all volumes of instances: a, b, c",
        remedy="the next scan looks again: an instance may just have started or ended",
    )


def test_systems_need_both_pieces() -> None:
    """A node group tells what will run, nodes what runs."""
    auto = nodes(node("a", "auto"))
    assert nodes_run_a_hardened_os(auto, DENIED, POLICY) == DENIED
    assert nodes_run_a_hardened_os(DENIED, nodegroups(), POLICY) == DENIED
    assert nodes_run_a_hardened_os(auto, nodegroups(), POLICY) == passed(
        "1 nodes run Bottlerocket or are of EKS Auto Mode"
    )
    plain = nodes(node("a", os_family="al2023", os_image="Amazon Linux 2023"))
    assert nodes_run_a_hardened_os(plain, DENIED, POLICY) == failed(
        "1 nodes or node groups run an image that is not known to be hardened", ["a (Amazon Linux 2023)"]
    )


def test_groups_of_bottlerocket_need_no_node() -> None:
    """Only a custom image is known by the nodes that run it."""
    empty = nodegroups(Nodegroup(name="g", status="ACTIVE", ami_type="BOTTLEROCKET_x86_64"))
    assert nodes_run_a_hardened_os(nodes(), empty, POLICY) == passed("0 nodes run Bottlerocket or are of EKS Auto Mode")


SPACES = seen(Namespaces, namespaces=(Namespace(name="shop"), Namespace(name="web")))


def enforced(engine: Any, *controls: BaselineControl, namespaces: tuple[str, ...] = ("shop", "web")) -> Any:
    """Policies of one engine."""
    return EnforcedControls(engine=engine, policy="p", controls=controls, namespaces=namespaces)


def admitted(*found: EnforcedControls, tools: Any) -> Any:
    """What the check of admission says of namespaces shop and web."""
    policies = seen(PodSecurityPolicies, enforced=found)
    return every_namespace_enforces_pod_security(SPACES, cluster(), policies, tools, POLICY)


def test_engines_that_may_run() -> None:
    """Policies that cover everything leave it open while it is not known whether their engine runs."""
    everything = tuple(BASELINE)
    assert admitted(enforced("kyverno", *everything), tools=DENIED) == DENIED
    # One namespace is sure to lack them: that one alone is named.
    assert admitted(enforced("kyverno", *everything, namespaces=("shop",)), tools=DENIED) == failed(
        "1 of 2 namespaces enforce neither baseline nor restricted", ["web"]
    )
    lacking = BASELINE - {"seccomp"}
    assert admitted(enforced("kyverno", *lacking), tools=DENIED) == failed(
        "2 of 2 namespaces enforce neither baseline nor restricted",
        ["shop (engine lacks seccomp)", "web (engine lacks seccomp)"],
    )


def test_the_engine_that_covers_most_is_the_one_to_complete() -> None:
    """What it lacks is named, not what another does; two engines do not add up."""
    some = enforced("kyverno", "sysctls")
    most = enforced("gatekeeper", *(BASELINE - {"sysctls", "seccomp"}))
    both = components(component("kyverno", 1), component("gatekeeper", 1))
    lacks = "(engine lacks seccomp, sysctls)"
    assert admitted(some, most, tools=both) == failed(
        "2 of 2 namespaces enforce neither baseline nor restricted", [f"shop {lacks}", f"web {lacks}"]
    )


def test_pods_with_host_privileges_are_counted() -> None:
    """In every namespace, beyond those that are named."""
    found = (
        NamespaceSample(namespace="web", pods=sample("w", total=30)),
        NamespaceSample(namespace="shop", pods=sample("s")),
    )
    pods = seen(Pods, live={"web": 40, "shop": 2}, privileged=found)
    verdict = no_pod_has_host_privileges(pods, POLICY)
    assert verdict == failed("31 of 42 pods have host privileges, in shop, web", ["shop/s", "web/w"], total=31)


WATCHED = seen(RuntimeMonitoring, enabled=True, coverage_status="HEALTHY", covered_nodes=2, compatible_nodes=2)
UNWATCHED = seen(RuntimeMonitoring)
OFF = "GuardDuty runtime monitoring is off for EKS"


def test_sensors_must_be_on_every_linux_node() -> None:
    """Windows and Fargate nodes do not count; a sensor that is wanted on fewer nodes is not enough."""
    here = nodes(node("a"), node("b"), node("w", os_family="windows"), node("f", "fargate"))

    def said(*sensors: Any, of: Any = here) -> Any:
        return runtime_monitoring_covers_the_nodes(UNWATCHED, components(*sensors), of, cluster(), POLICY)

    assert said(daemonset("falco", 2)) == passed("DaemonSet tools/falco is ready on 2 nodes")
    assert said(daemonset("falco", 1)) == failed(f"{OFF}; DaemonSet tools/falco is ready on 1 of 2 nodes")
    assert said(daemonset("falco", 1, 2)) == failed(f"{OFF}; DaemonSet tools/falco is ready on 1 of 2 nodes")
    assert said(daemonset("falco", 1, 3), of=nodes(node("a"))) == failed(
        f"{OFF}; DaemonSet tools/falco is ready on 1 of 1 nodes"
    )
    assert said(daemonset("falco", 1, 2), daemonset("tetragon", 2)) == passed(
        "DaemonSet tools/tetragon is ready on 2 nodes"
    )
    assert said(daemonset("falco", 2), of=DENIED) == DENIED
    assert said(daemonset("falco", 1, 2), of=DENIED) == DENIED
    assert said(of=DENIED) == DENIED


def test_hybrid_nodes_are_not_watched_by_guardduty() -> None:
    """Where it is not known whether there are any, a healthy coverage proves nothing; an unhealthy one fails."""
    outside = cluster(remote_networks=True)
    unhealthy = seen(
        RuntimeMonitoring,
        enabled=True,
        coverage_status="UNHEALTHY",
        covered_nodes=1,
        compatible_nodes=2,
        issue="no agent",
    )

    def said(monitoring: Any, of: Any) -> Any:
        return runtime_monitoring_covers_the_nodes(monitoring, components(), of, outside, POLICY)

    assert said(WATCHED, DENIED) == DENIED
    assert said(WATCHED, nodes(node("a"))) == passed("GuardDuty runtime monitoring is HEALTHY on 2 of 2 nodes")
    assert said(WATCHED, nodes(node("h", "hybrid"))) == failed(
        "GuardDuty runtime monitoring is HEALTHY on 2 of 2 nodes, but watches none of 1 hybrid ones; "
        "neither Falco nor Tetragon runs"
    )
    assert said(unhealthy, nodes(node("a"))) == failed(
        "GuardDuty coverage of this cluster is UNHEALTHY (1 of 2 nodes) no agent; neither Falco nor Tetragon runs"
    )
    unlisted = seen(RuntimeMonitoring, enabled=True)
    assert said(unlisted, nodes(node("a"))) == failed(
        "GuardDuty coverage of this cluster is not listed (0 of 0 nodes); neither Falco nor Tetragon runs"
    )
    assert said(LATE, nodes(node("a"))) == LATE
