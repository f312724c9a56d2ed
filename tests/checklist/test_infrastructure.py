"""Networks, nodes and core add-ons, as values: limits to the last address, and what a part that is denied leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from eks_readiness.checklist import shapes
from eks_readiness.checklist.infrastructure import cluster_configuration, core_add_ons, node_groups, vpc_networking
from eks_readiness.domain.evidence import (
    Addons,
    ClusterConfiguration,
    Components,
    FargateProfiles,
    Instances,
    NatGateways,
    Nodegroups,
    NodePools,
    Nodes,
    RouteTables,
    Subnets,
    Unavailable,
)
from eks_readiness.domain.evidence.cluster import Addon
from eks_readiness.domain.evidence.network import Instance, NatGateway, RouteTable, Subnet
from eks_readiness.domain.evidence.nodes import Component, ComponentName, Node, NodePool
from eks_readiness.domain.finding import failed, passed
from eks_readiness.domain.policy import Policy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DENIED = Unavailable(reason="denied", detail="no right", remedy="grant it")
LATE = Unavailable(reason="throttled", detail="slow")
CLUSTER = ClusterConfiguration(
    observed_at=NOW,
    source="test",
    arn="arn",
    version="1.34",
    status="ACTIVE",
    created_at=NOW,
    endpoint_public_access=False,
    endpoint_private_access=True,
    subnet_ids=("subnet-a", "subnet-b"),
)
AUTO = msgspec.structs.replace(CLUSTER, auto_mode_compute=True, auto_mode_storage=True, auto_mode_load_balancing=True)
NO_GROUPS = Nodegroups(observed_at=NOW, source="test")
NO_PROFILES = FargateProfiles(observed_at=NOW, source="test")
NO_POOLS = NodePools(observed_at=NOW, source="test", installed=False)
NO_ADDONS = Addons(observed_at=NOW, source="test")


def _cluster(**parts: object) -> ClusterConfiguration:
    return msgspec.structs.replace(CLUSTER, **parts)


def _subnets(free: int = 256, *, of: int = 256) -> Subnets:
    subnets = tuple(
        Subnet(id=f"subnet-{zone}", zone=f"eu-west-1{zone}", free_ipv4_addresses=free, ipv4_addresses=of)
        for zone in "ab"
    )
    return Subnets(observed_at=NOW, source="test", subnets=subnets)


def _instances(*instances: Instance) -> Instances:
    return Instances(observed_at=NOW, source="test", instances=instances)


def _node(name: str = "n", **parts: object) -> Node:
    made = Node(name=name, ready=True, zone="eu-west-1a", instance_id=f"i-{name}", os_family="al2023")
    return msgspec.structs.replace(made, **parts)


def _nodes(*nodes: Node) -> Nodes:
    return Nodes(observed_at=NOW, source="test", nodes=nodes)


def _components(*components: Component) -> Components:
    return Components(observed_at=NOW, source="test", components=components)


def _daemons(component: ComponentName, count: int, ready: int | None = None) -> Component:
    return Component(
        component=component,
        kind="DaemonSet",
        namespace="kube-system",
        name=component,
        desired=count,
        ready=count if ready is None else ready,
    )


def test_addresses_of_the_control_plane() -> None:
    """Exactly as many as are wanted are enough; a subnet that does not exist has less than none."""
    check, wanted = vpc_networking.addresses_for_the_control_plane, Policy().min_free_control_plane_addresses
    assert check(CLUSTER, _subnets(wanted), Policy()) == passed(
        f"at least {wanted} free addresses in each of 2 cluster subnets"
    )
    none = Policy(min_free_control_plane_addresses=1)
    gone = check(_cluster(subnet_ids=("subnet-a", "subnet-x")), _subnets(), none)
    assert gone == failed("1 of 2 cluster subnets have less than 1", ["subnet-x (does not exist)"])


def test_headroom_of_addresses() -> None:
    """To the last address and the last percent; a subnet without any address has none free."""
    check, policy = vpc_networking.address_headroom, Policy()
    room, percent = policy.min_address_headroom, policy.min_node_subnet_free_percent
    used = _instances(Instance(id="i-1", subnet_id="subnet-a", interface_subnet_ids=("subnet-b",)))
    exactly = _subnets(room, of=round(100 * room / percent))
    fine = passed("2 cluster subnets and 2 node subnets have room")
    assert check(CLUSTER, exactly, used, NO_GROUPS, NO_PROFILES, policy) == fine
    assert check(CLUSTER, exactly, used, DENIED, NO_PROFILES, policy) == DENIED
    assert check(CLUSTER, exactly, used, NO_GROUPS, LATE, policy) == LATE
    assert check(CLUSTER, exactly, DENIED, LATE, LATE, policy) == DENIED
    tight = check(_cluster(subnet_ids=()), _subnets(10, of=199), used, NO_GROUPS, NO_PROFILES, policy)
    said = "0 cluster subnets and 2 node subnets are short of addresses"
    assert tight == failed(said, ["subnet-a (5 % free)", "subnet-b (5 % free)"])
    empty = check(_cluster(subnet_ids=()), _subnets(0, of=0), used, NO_GROUPS, NO_PROFILES, policy)
    assert empty == failed(said, ["subnet-a (0 % free)", "subnet-b (0 % free)"])
    ten = Policy(min_node_subnet_free_percent=10)
    most = check(
        _cluster(subnet_ids=()),
        _subnets(99, of=1000),
        used,
        NO_GROUPS,
        NO_PROFILES,
        ten,
    )
    assert most == failed(said, ["subnet-a (10 % free)", "subnet-b (10 % free)"])


def test_nodes_in_private_subnets() -> None:
    """What has a public address is exposed whatever else is denied; a subnet without a table is not known."""
    check, policy = vpc_networking.nodes_are_private, Policy()
    tables = RouteTables(observed_at=NOW, source="test", tables=(RouteTable(id="rtb-1", subnet_ids=("subnet-a",)),))
    private, public = Instance(id="i-1", subnet_id="subnet-a"), Instance(id="i-2", public_address=True)
    node = _node("two", instance_id="i-2", external_address=True)
    outside = _node("three", external_address=True)
    bad = failed("1 nodes have public addresses", ["i-2 (public address)"])
    for lacking in ((DENIED, _instances(public), NO_GROUPS), (tables, _instances(public), DENIED)):
        assert check(*lacking, _nodes(node), policy) == bad
    seen = failed("1 nodes have public addresses", ["three (external address)"])
    assert check(tables, DENIED, NO_GROUPS, _nodes(outside), policy) == seen
    assert check(tables, DENIED, NO_GROUPS, _nodes(_node()), policy) == DENIED
    assert check(tables, _instances(private), DENIED, LATE, policy) == DENIED
    assert check(DENIED, _instances(private), LATE, LATE, policy) == DENIED
    assert check(tables, _instances(private), NO_GROUPS, DENIED, policy) == passed("none of 1 node subnets is public")
    lost = tuple(Instance(id=f"i-{name}", subnet_id=f"subnet-{name}") for name in "bcdefg")
    assert check(tables, _instances(private, *lost), NO_GROUPS, _nodes(), policy) == Unavailable(
        reason="unexpected",
        detail="no route table was found for subnet-b, subnet-c, subnet-d, subnet-e, subnet-f",
        remedy="the subnet lies outside the cluster's VPC: check the node group",
    )


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nat-a", ""),
        ("nat-regional", ""),
        ("tgw-1", ""),
        ("igw-1", ""),
        ("eni-1", "eni-1 is a single instance"),
        ("i-1", "i-1 is a single instance"),
        ("nat-gone", "nat-gone is missing"),
        ("nat-failed", "nat-failed is failed"),
        ("nat-b", "nat-b lies in eu-west-1b"),
        ("nat-x", "nat-x lies in another zone"),
    ],
)
def test_ways_out_of_a_node_subnet(target: str, problem: str) -> None:
    """A NAT gateway of its own zone, a regional one, or another regional way."""
    gateways = (
        NatGateway(id="nat-a", state="available", subnet_id="subnet-a"),
        NatGateway(id="nat-b", state="available", subnet_id="subnet-b"),
        NatGateway(id="nat-x", state="available", subnet_id="subnet-x"),
        NatGateway(id="nat-failed", state="failed", subnet_id="subnet-a"),
        NatGateway(id="nat-regional", state="available", availability_mode="regional"),
    )
    table = RouteTable(id="rtb-1", subnet_ids=("subnet-a",), default_targets=(target,))
    found = vpc_networking.egress_is_zonal(
        _subnets(),
        RouteTables(observed_at=NOW, source="test", tables=(table,)),
        NatGateways(observed_at=NOW, source="test", gateways=gateways),
        _instances(Instance(id="i-9", subnet_id="subnet-a")),
        NO_GROUPS,
        NO_PROFILES,
        Policy(),
    )
    if problem:
        said = "1 ways out of node subnets depend on another zone"
        assert found == failed(said, [f"subnet-a: {problem}"])
    else:
        assert found == passed("egress of 1 node subnets is zonal, regional or none")


def test_ranges_that_cannot_be_read() -> None:
    """They are neither everything nor something else."""
    odd = _cluster(endpoint_public_access=True, endpoint_private_access=True, public_access_cidrs=("somewhere",))
    answer = cluster_configuration.endpoint_is_private(odd, Policy())
    detail = "publicAccessCidrs cannot be read: 'somewhere' does not appear to be an IPv4 or IPv6 network"
    assert answer == Unavailable(reason="unexpected", detail=detail)


def test_a_cluster_without_a_status() -> None:
    """What the API does not say is said so."""
    answer = cluster_configuration.cluster_is_healthy(_cluster(status=""), Policy())
    assert answer == failed("status unknown, 0 health issues")


def test_what_the_shapes_of_clusters_mean() -> None:
    """Fargate alone, nodes that still start, ranges with host bits."""
    fargate = _node(compute="fargate")
    profiles = msgspec.convert(
        {"observed_at": NOW, "source": "test", "profiles": [{"name": "p", "status": "ACTIVE"}]}, FargateProfiles
    )
    assert shapes.fargate_only(NO_GROUPS, profiles, _nodes(fargate))
    assert not shapes.fargate_only(NO_GROUPS, profiles, _nodes(fargate, _node()))
    assert not shapes.fargate_only(NO_GROUPS, NO_PROFILES, _nodes(fargate))
    assert not shapes.fargate_only(NO_GROUPS, NO_PROFILES, _nodes())
    assert not shapes.fargate_only(DENIED, profiles, _nodes(fargate))
    assert not shapes.fargate_only(NO_GROUPS, DENIED, _nodes(fargate))
    young = _node(created_at=NOW - shapes.STARTING + timedelta(seconds=1))
    grown = _node(created_at=NOW - shapes.STARTING)
    assert [shapes.starting(each, _nodes()) for each in (young, grown, _node())] == [True, False, False]
    kinds = (_node(compute="ec2"), _node(compute="hybrid"), _node(compute="auto"), fargate)
    assert shapes.outside_auto_mode(_nodes(*kinds)) == 2
    assert shapes.every_address(["0.0.0.1/1", "128.0.0.0/1"])
    assert shapes.every_address(["10.0.0.0/8", "::1/0"])
    assert not shapes.every_address(["0.0.0.0/1", "::/1"])


def _proxy(
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    addons: Addons | Unavailable = NO_ADDONS,
    cluster: ClusterConfiguration = CLUSTER,
) -> object:
    return core_add_ons.service_proxy_works(cluster, addons, components, nodes, Policy())


def test_what_takes_the_place_of_kube_proxy() -> None:
    """Ready on every Linux node, of EC2 or hybrid, that is not still starting; the one on most nodes counts."""
    linux = [_node(str(number)) for number in range(2)]
    around = (
        _node("hybrid", compute="hybrid"),
        _node("windows", os_family="windows"),
        _node("auto", compute="auto"),
        _node("young", created_at=NOW),
    )
    nodes = _nodes(*linux, *around)
    where = _daemons("cilium", 3).where
    three = passed(f"{where} has taken its place, ready on 3 nodes")
    nothing = failed("neither add-on kube-proxy nor its workload is there")
    assert _proxy(_components(_daemons("cilium", 3)), nodes) == three
    assert _proxy(_components(_daemons("calico", 1), _daemons("cilium", 3)), nodes) == three
    assert _proxy(_components(_daemons("cilium", 2)), nodes) == nothing
    assert _proxy(_components(_daemons("cilium", 4, ready=3)), nodes) == nothing
    assert _proxy(_components(_daemons("cilium", 3)), DENIED) == DENIED
    assert _proxy(_components(_daemons("cilium", 3)), nodes, LATE) == LATE
    assert _proxy(_components(_daemons("kube-proxy", 0), _daemons("cilium", 3)), nodes) == three
    own = _daemons("kube-proxy", 1)
    assert _proxy(_components(own, _daemons("cilium", 3)), nodes) == passed(f"{own.where} has 1 of 1 pods ready")


def test_core_add_ons_where_parts_are_denied() -> None:
    """The add-on's word, EKS Auto Mode's, or that it is not known."""
    addon = Addon(name="kube-proxy", version="v1", status="ACTIVE")
    addons = msgspec.structs.replace(NO_ADDONS, addons=(addon,))
    assert _proxy(DENIED, _nodes(), addons) == passed(
        "add-on kube-proxy is ACTIVE; the cluster itself could not be read"
    )
    assert _proxy(DENIED, _nodes(), cluster=AUTO) == passed("EKS Auto Mode runs it")
    assert _proxy(DENIED, _nodes(), LATE, cluster=AUTO) == DENIED
    assert _proxy(DENIED, _nodes()) == DENIED
    odd = msgspec.structs.replace(NO_ADDONS, addons=(msgspec.structs.replace(addon, status=""),))
    assert _proxy(_components(), _nodes(), odd) == failed("add-on kube-proxy is in an unknown state")
    worse = msgspec.structs.replace(NO_ADDONS, addons=(msgspec.structs.replace(addon, status="DEGRADED"),))
    assert _proxy(_components(), _nodes(), worse) == failed("add-on kube-proxy is DEGRADED")
    two = (_daemons("kube-proxy", 2), msgspec.structs.replace(_daemons("kube-proxy", 3), name="other"))
    said = "; ".join(f"{each.where} has {each.ready} of {each.desired} pods ready" for each in two)
    assert _proxy(_components(*two), DENIED) == passed(said)
    assert _proxy(_components(*two), _nodes(), LATE) == LATE
    short = tuple(msgspec.structs.replace(each, ready=0) for each in two)
    said = "; ".join(f"{each.where} has 0 of {each.desired} pods ready" for each in short)
    assert _proxy(_components(*short), _nodes()) == failed(said, [each.where for each in short])
    assert _proxy(_components(*short), DENIED) == DENIED
    dns = core_add_ons.dns_works(CLUSTER, NO_ADDONS, _components(), DENIED, Policy())
    assert dns == failed("neither add-on coredns nor its workload is there")
    assert core_add_ons.dns_works(AUTO, NO_ADDONS, _components(), DENIED, Policy()) == DENIED
    assert _proxy(_components(), DENIED) == DENIED


def _scale(
    pools: NodePools | Unavailable, components: Components | Unavailable, cluster: ClusterConfiguration = CLUSTER
) -> object:
    return node_groups.nodes_scale(cluster, pools, components, NO_GROUPS, NO_PROFILES, _nodes(), Policy())


def test_what_scales_the_nodes_where_parts_are_denied() -> None:
    """The first that could not be read may hold the one that works."""
    nothing = failed("no autoscaler works: none is installed")
    assert _scale(NO_POOLS, _components()) == nothing
    assert _scale(NO_POOLS, DENIED) == DENIED
    assert _scale(LATE, _components()) == LATE
    parts = (CLUSTER, NO_POOLS, _components(), NO_GROUPS, NO_PROFILES, _nodes())
    for position in (1, 2, 3, 4, 5):
        lacking = (*parts[:position], LATE, *parts[position + 1 :])
        assert node_groups.nodes_scale(*lacking, Policy()) == LATE
    down = [_daemons(name, 2, ready=0) for name in ("karpenter", "cluster-autoscaler", "coredns")]
    said = "; ".join(f"{each.where} has 0 of 2 pods ready" for each in down[:2])
    assert _scale(NO_POOLS, _components(*down)) == failed(f"no autoscaler works: {said}")
    empty = msgspec.structs.replace(NO_POOLS, installed=True)
    assert _scale(empty, _components()) == failed("no autoscaler works: there is no NodePool")
    sick = msgspec.structs.replace(empty, pools=(NodePool(name="p", ready=False, not_ready_reason="no class"),))
    karpenter = _daemons("karpenter", 1)
    assert _scale(sick, _components(karpenter)) == failed("1 NodePools are not Ready", ["p: no class"])
    assert _scale(sick, DENIED) == DENIED
    beside = msgspec.structs.replace(
        sick, pools=(*sick.pools, NodePool(name="own", ready=True, node_class_group="eks.amazonaws.com"))
    )
    assert _scale(beside, DENIED, AUTO) == DENIED
    assert _scale(beside, _components(), AUTO) == passed("EKS Auto Mode scales the nodes")
    untold = msgspec.structs.replace(_daemons("cluster-autoscaler", 1), flags={"v": "4"})
    assert _scale(NO_POOLS, _components(untold)) == failed(
        f"no autoscaler works: {untold.where} is not told which groups to scale"
    )
