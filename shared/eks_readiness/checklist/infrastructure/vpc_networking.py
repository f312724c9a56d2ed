"""VPC & networking: several zones, enough addresses, private nodes."""

from __future__ import annotations

from collections.abc import Iterable

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import first_unavailable, node_subnets, pod_subnets
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    FargateProfiles,
    FlowLogs,
    Instances,
    NatGateways,
    Nodegroups,
    Nodes,
    RouteTables,
    Subnets,
    Unavailable,
)
from eks_readiness.domain.evidence.network import Instance, NatGateway, Subnet
from eks_readiness.domain.evidence.nodes import Node
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_THREE = 3


@check("vpc-networking.zones", needs=(ClusterConfiguration, Subnets, if_available(Nodes)), required=True)
def several_zones(
    cluster: ClusterConfiguration, subnets: Subnets, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Cluster subnets, and Ready nodes, each lie in at least `min_zones` availability zones.

    Hybrid nodes have no zone and do not count. A cluster without nodes is judged by its subnets.
    Why: one zone that fails must not take the cluster with it.
    Fix: add subnets of another zone to the cluster and its node groups: aws eks update-cluster-config.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    """
    return _in_zones(cluster, subnets, nodes, policy.min_zones)


@check("vpc-networking.three-zones", needs=(ClusterConfiguration, Subnets, if_available(Nodes)), required=False)
def three_zones(
    cluster: ClusterConfiguration, subnets: Subnets, nodes: Nodes | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Cluster subnets, and Ready nodes, each lie in at least three availability zones.

    Judged as `vpc-networking.zones` is.
    Why: with three zones, the loss of one leaves two thirds, and quorums hold.
    Fix: add subnets of a third zone to the cluster and its node groups.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/reliability.html
    """
    return _in_zones(cluster, subnets, nodes, _THREE)


def _in_zones(
    cluster: ClusterConfiguration, subnets: Subnets, nodes: Nodes | Unavailable, wanted: int
) -> Verdict | Unavailable:
    of_subnets = {each.zone for each in _cluster_subnets(cluster, subnets)}
    if len(of_subnets) < wanted:
        return failed(f"cluster subnets lie in {_zones(of_subnets)}, {wanted} are wanted")
    if isinstance(nodes, Unavailable):
        return nodes
    placed = [each for each in nodes.nodes if each.compute != "hybrid"]
    of_nodes = {each.zone for each in placed if each.ready and each.zone}
    if placed and len(of_nodes) < wanted:
        return failed(f"Ready nodes lie in {_zones(of_nodes)}, {wanted} are wanted")
    return passed(f"cluster subnets lie in {_zones(of_subnets)}, Ready nodes in {_zones(of_nodes)}")


def _cluster_subnets(cluster: ClusterConfiguration, subnets: Subnets) -> list[Subnet]:
    return [each for each in subnets.subnets if each.id in cluster.subnet_ids]


def _zones(zones: Iterable[str]) -> str:
    named = sorted(zones)
    return f"{len(named)} zones ({', '.join(named)})" if named else "no zone"


@check("vpc-networking.control-plane-addresses", needs=(ClusterConfiguration, Subnets), required=True)
def addresses_for_the_control_plane(cluster: ClusterConfiguration, subnets: Subnets, policy: Policy) -> Verdict:
    """Every cluster subnet has at least `min_free_control_plane_addresses` free IPv4 addresses.

    Why: EKS needs them for its network interfaces; without them an upgrade, or a repair of the control plane, fails.
    Fix: free addresses in the subnet, or give the cluster another one of the same zone.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
    """
    wanted = policy.min_free_control_plane_addresses
    found = {each.id: each.free_ipv4_addresses for each in _cluster_subnets(cluster, subnets)}
    short = [
        f"{subnet} ({found[subnet]} free)" if subnet in found else f"{subnet} (does not exist)"
        for subnet in cluster.subnet_ids
        if found.get(subnet, -1) < wanted
    ]
    if short or not cluster.subnet_ids:
        return failed(f"{len(short)} of {len(cluster.subnet_ids)} cluster subnets have less than {wanted}", short)
    return passed(f"at least {min(found.values())} free addresses in each of {len(found)} cluster subnets")


@check(
    "vpc-networking.address-headroom",
    needs=(
        ClusterConfiguration,
        Subnets,
        if_available(Instances),
        if_available(Nodegroups),
        if_available(FargateProfiles),
    ),
    required=False,
)
def address_headroom(  # noqa: PLR0913 - one for each slice
    cluster: ClusterConfiguration,
    subnets: Subnets,
    instances: Instances | Unavailable,
    nodegroups: Nodegroups | Unavailable,
    profiles: FargateProfiles | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every cluster subnet has `min_address_headroom` free addresses, and node subnets `min_node_subnet_free_percent`.

    Node subnets are those of nodes, node groups and Fargate profiles, and those of further interfaces of nodes: with
    custom networking, pods take their addresses there. Addresses of IPv4; of IPv6 there are always enough.
    Why: pods take addresses of the node subnets; when they run out, pods stay in ContainerCreating.
    Fix: add a secondary CIDR, use prefix delegation or IPv6, or spread nodes over more subnets.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/ip-opt.html
    """
    short = [
        f"{each.id} ({each.free_ipv4_addresses} free)"
        for each in _cluster_subnets(cluster, subnets)
        if each.free_ipv4_addresses < policy.min_address_headroom
    ]
    missing = first_unavailable(instances, nodegroups, profiles)
    known = frozenset[str]()
    if not isinstance(instances, Unavailable):
        known = pod_subnets(instances)
        if not isinstance(nodegroups, Unavailable):
            known |= node_subnets(instances, nodegroups, None if isinstance(profiles, Unavailable) else profiles)
    tight = [
        f"{each.id} ({_free_percent(each):.0f} % free)"
        for each in subnets.subnets
        if each.id in known and not each.ipv6_native and _free_percent(each) < policy.min_node_subnet_free_percent
    ]
    if short or tight:
        return failed(
            f"{len(short)} cluster subnets and {len(tight)} node subnets are short of addresses", [*short, *tight]
        )
    return missing or passed(f"{len(cluster.subnet_ids)} cluster subnets and {len(known)} node subnets have room")


def _free_percent(subnet: Subnet) -> float:
    return 100 * subnet.free_ipv4_addresses / subnet.ipv4_addresses if subnet.ipv4_addresses else 0.0


@check(
    "vpc-networking.private-nodes",
    needs=(if_available(RouteTables), if_available(Instances), if_available(Nodegroups), if_available(Nodes)),
    required=True,
)
def nodes_are_private(
    tables: RouteTables | Unavailable,
    instances: Instances | Unavailable,
    nodegroups: Nodegroups | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """No node subnet routes to an internet gateway, and no node has a public address.

    Node subnets are those in which nodes are or node groups may put them. Fargate runs in private subnets only.
    Why: a node that the internet can reach is attacked directly, past every control of the cluster.
    Fix: move node groups to subnets that route through a NAT gateway or not at all, and replace their nodes.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/subnets.html
    """
    exposed_ids = [each.id for each in _instances(instances) if each.public_address]
    addressed = [
        *(f"{each} (public address)" for each in exposed_ids),
        *(
            f"{each.name} (external address)"
            for each in _nodes(nodes)
            if each.external_address and each.instance_id not in exposed_ids
        ),
    ]
    exposed = failed(f"{len(addressed)} nodes have public addresses", addressed) if addressed else None
    if isinstance(tables, Unavailable):
        return exposed or tables
    if isinstance(instances, Unavailable):
        return exposed or instances
    if isinstance(nodegroups, Unavailable):
        return exposed or nodegroups
    routed = {subnet: tables.of_subnet(subnet) for subnet in sorted(node_subnets(instances, nodegroups))}
    public = [
        f"{subnet} (routes to an internet gateway)"
        for subnet, table in routed.items()
        if table and table.internet_gateway
    ]
    if addressed or public:
        said = f"{len(public)} node subnets are public, {len(addressed)} nodes have public addresses"
        return failed(said, [*public, *addressed])
    if lost := [subnet for subnet, table in routed.items() if table is None]:
        return Unavailable(
            reason="unexpected",
            detail=f"no route table was found for {', '.join(lost[:5])}",
            remedy="the subnet lies outside the cluster's VPC: check the node group",
        )
    return passed(f"none of {len(routed)} node subnets is public")


def _instances(instances: Instances | Unavailable) -> Iterable[Instance]:
    return () if isinstance(instances, Unavailable) else instances.instances


def _nodes(nodes: Nodes | Unavailable) -> Iterable[Node]:
    return () if isinstance(nodes, Unavailable) else nodes.nodes


@check(
    "vpc-networking.zonal-egress",
    needs=(Subnets, RouteTables, NatGateways, Instances, Nodegroups, FargateProfiles),
    required=False,
)
def egress_is_zonal(  # noqa: PLR0913 - one for each slice
    subnets: Subnets,
    tables: RouteTables,
    gateways: NatGateways,
    instances: Instances,
    nodegroups: Nodegroups,
    profiles: FargateProfiles,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every node subnet leaves through a NAT gateway of its own zone, a regional one, or not at all.

    Subnets of Fargate profiles are node subnets, too. Other regional ways out (transit gateway, internet gateway,
    egress-only internet gateway) count; a NAT instance does not. Where another account shares the VPC, its NAT gateways
    cannot be seen.
    Why: when the zone of a shared NAT gateway fails, every other zone loses the internet with it.
    Fix: create a NAT gateway in each zone (or a regional one) and route each zone's subnets to it.
    Source: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
    """
    zones = {each.id: each.zone for each in subnets.subnets}
    nats = {each.id: each for each in gateways.gateways}
    shared = {each.id: each.shared_by for each in subnets.subnets if each.shared_by}
    used = sorted(node_subnets(instances, nodegroups, profiles))
    ways = [
        (subnet, target)
        for subnet in used
        if (table := tables.of_subnet(subnet)) is not None
        for target in table.default_targets
    ]
    unseen = [(subnet, way) for subnet, way in ways if subnet in shared and way.startswith("nat-") and way not in nats]
    bad = [
        f"{subnet}: {problem}"
        for subnet, way in ways
        if (subnet, way) not in unseen and (problem := _egress_problem(way, nats, zones, zones.get(subnet, "")))
    ]
    if bad:
        return failed(f"{len(bad)} ways out of node subnets depend on another zone", bad)
    if unseen:
        return _of_another_account(f"{unseen[0][1]}, through which {unseen[0][0]} leaves", shared[unseen[0][0]])
    return passed(f"egress of {len(used)} node subnets is zonal, regional or none")


def _of_another_account(what: str, account: str) -> Unavailable:
    """Say that a part of a shared VPC is seen by its owner alone.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-share-limitations.html
    """
    return Unavailable(
        reason="unsupported",
        detail=f"account {account} shares the VPC, and alone sees {what}",
        remedy="look at it there, then waive the check",
    )


def _egress_problem(target: str, nats: dict[str, NatGateway], zones: dict[str, str], zone: str) -> str:
    if target.startswith(("eni-", "i-")):
        return f"{target} is a single instance"
    if not target.startswith("nat-"):
        return ""
    nat = nats.get(target)
    if nat is None or nat.state != "available":
        return f"{target} is {nat.state if nat else 'missing'}"
    if nat.availability_mode == "regional" or zones.get(nat.subnet_id) == zone:
        return ""
    return f"{target} lies in {zones.get(nat.subnet_id, 'another zone')}"


@check("vpc-networking.flow-logs", needs=(ClusterConfiguration, FlowLogs, Subnets), required=False)
def flow_logs_deliver(
    cluster: ClusterConfiguration, flow_logs: FlowLogs, subnets: Subnets, policy: Policy
) -> Verdict | Unavailable:
    """VPC flow logs of the cluster's VPC, or of each of its subnets, are active and delivering.

    Where another account shares the VPC, its flow logs cannot be seen.
    Why: without them nobody can tell afterwards what talked to what.
    Fix: aws ec2 create-flow-logs --resource-type VPC --resource-ids <vpc> --traffic-type ALL …
    Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html
    """
    good = {each.resource_id for each in flow_logs.logs if each.status == "ACTIVE" and each.delivery_status != "FAILED"}
    if cluster.vpc_id in good:
        return passed(f"flow logs of {cluster.vpc_id} are active")
    uncovered = [subnet for subnet in cluster.subnet_ids if subnet not in good]
    if cluster.subnet_ids and not uncovered:
        return passed(f"flow logs of all {len(cluster.subnet_ids)} cluster subnets are active")
    if owner := next((each.shared_by for each in _cluster_subnets(cluster, subnets) if each.shared_by), ""):
        return _of_another_account("its flow logs", owner)
    broken = [
        f"{each.id} is {each.status}, delivery {each.delivery_status}"
        for each in flow_logs.logs
        if each.resource_id not in good
    ]
    return failed(
        f"{cluster.vpc_id} has no active flow log that delivers{': ' + broken[0] if broken else ''}", uncovered
    )
