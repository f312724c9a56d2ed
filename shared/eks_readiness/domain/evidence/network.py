"""The network around the cluster (EC2) and inside it (policies)."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable


class Subnet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One subnet of the cluster's VPC. `ipv4_addresses` counts the usable ones of its CIDR (AWS keeps five).

    `shared_by` is the account that shares it with the cluster's; empty where it is the cluster's own.
    """

    id: str
    zone: str
    zone_id: str = ""
    cidr: str = ""
    free_ipv4_addresses: int = 0
    ipv4_addresses: int = 0
    ipv6_native: bool = False
    shared_by: str = ""


class Subnets(Slice, frozen=True, kw_only=True):
    """ec2:DescribeSubnets of the cluster's VPC."""

    subnets: tuple[Subnet, ...] = ()


class RouteTable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One route table: its explicit subnets, whether it is the VPC's main one, and where its default routes lead.

    `default_targets` holds the targets of active 0.0.0.0/0 and ::/0 routes (igw-…, nat-…, tgw-…, eigw-…, eni-…);
    any active route to an internet gateway, of whatever destination, sets `internet_gateway`.
    """

    id: str
    subnet_ids: tuple[str, ...] = ()
    main: bool = False
    default_targets: tuple[str, ...] = ()
    internet_gateway: bool = False


class RouteTables(Slice, frozen=True, kw_only=True):
    """ec2:DescribeRouteTables of the cluster's VPC."""

    tables: tuple[RouteTable, ...] = ()

    def of_subnet(self, subnet_id: str) -> RouteTable | None:
        """The table that routes a subnet: its own, or else the main one."""
        main = None
        for table in self.tables:
            if subnet_id in table.subnet_ids:
                return table
            main = table if table.main else main
        return main


class NatGateway(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One NAT gateway. `availability_mode` is zonal or regional; a zonal one lies in one subnet."""

    id: str
    state: str
    subnet_id: str = ""
    availability_mode: str = "zonal"


class NatGateways(Slice, frozen=True, kw_only=True):
    """ec2:DescribeNatGateways of the cluster's VPC."""

    gateways: tuple[NatGateway, ...] = ()


class FlowLog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One flow log on the VPC or on a subnet. `delivery_status` is SUCCESS or FAILED; empty before the first one."""

    id: str
    resource_id: str
    status: str
    delivery_status: str = ""
    traffic_type: str = ""


class FlowLogs(Slice, frozen=True, kw_only=True):
    """ec2:DescribeFlowLogs of the cluster's VPC and its subnets."""

    logs: tuple[FlowLog, ...] = ()


class Instance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One running or pending EC2 instance of the cluster.

    `interface_subnet_ids` are the subnets of its other network interfaces. `auto_mode`: EKS Auto Mode runs it.
    `metadata_endpoint` is enabled or disabled, `metadata_tokens` required or optional; empty where EC2 does not say.
    `volume_ids` are the root volume's and, as Bottlerocket has it, that of the second volume (/dev/xvdb) that holds
    images and containers; `instance_store_root`: the root device is no EBS volume. `key_name` is an SSH key pair's.
    `instance_profile` is its profile's ARN.
    """

    id: str
    subnet_id: str = ""
    zone: str = ""
    public_address: bool = False
    interface_subnet_ids: tuple[str, ...] = ()
    instance_type: str = ""
    spot: bool = False
    vcpus: int = 0
    image_id: str = ""
    auto_mode: bool = False
    auto_scaling_group: str = ""
    key_name: str = ""
    security_group_ids: tuple[str, ...] = ()
    metadata_endpoint: str = ""
    metadata_tokens: str = ""
    metadata_hop_limit: int = 0
    volume_ids: tuple[str, ...] = ()
    instance_store_root: bool = False
    instance_profile: str = ""


class Instances(Slice, frozen=True, kw_only=True):
    """ec2:DescribeInstances by the cluster's tags, service-managed instances included, terminated ones left out."""

    instances: tuple[Instance, ...] = ()


NetworkPolicyKind = Literal[
    "NetworkPolicy",
    "ApplicationNetworkPolicy",
    "ClusterNetworkPolicy",
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
    "CalicoNetworkPolicy",
    "CalicoGlobalNetworkPolicy",
]
"""NetworkPolicy is Kubernetes' own; the application and cluster ones are AWS's (networking.k8s.aws)."""


class _EveryPod(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A policy about every pod of a namespace, or of every namespace (`cluster_wide`).

    `exempt` are the namespaces that a cluster-wide policy names as left out.
    """

    kind: NetworkPolicyKind = "NetworkPolicy"
    name: str
    namespace: str = ""
    cluster_wide: bool = False
    exempt: tuple[str, ...] = ()
    ingress: bool = False
    egress: bool = False

    def covers(self, namespace: str) -> bool:
        """Whether it is about every pod of that namespace."""
        return namespace not in self.exempt if self.cluster_wide else namespace == self.namespace


class DefaultDeny(_EveryPod, frozen=True, kw_only=True):
    """A policy that denies by default for every pod that it is about."""


class AllowAll(_EveryPod, frozen=True, kw_only=True):
    """A policy that lets everything in or out for every pod that it is about: it undoes a default-deny."""


class NetworkPolicies(Slice, frozen=True, kw_only=True):
    """Network policies of every kind that the cluster serves: how many, those that deny by default or allow all.

    `unread` says which served kinds could not be read.
    """

    counts: dict[NetworkPolicyKind, int] = {}
    default_denies: tuple[DefaultDeny, ...] = ()
    allow_alls: tuple[AllowAll, ...] = ()
    unread: tuple[Unavailable, ...] = ()


class NodeClass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One EKS Auto Mode NodeClass. `network_policy` is DefaultAllow or DefaultDeny; empty where not set."""

    name: str
    network_policy: str = ""
    ready: bool = False


class NetworkPolicyEngine(Slice, frozen=True, kw_only=True):
    """What could enforce network policies with the VPC CNI. A part that could not be read says why.

    `node_agent_enabled`: the aws-node DaemonSet's node agent has --enable-network-policy=true; None without aws-node.
    `node_agent_nodes`: on how many nodes that DaemonSet is wanted.
    `controller_enabled`: ConfigMap kube-system/amazon-vpc-cni has enable-network-policy-controller "true"; None
    without that ConfigMap. `node_classes` are those of EKS Auto Mode.
    """

    node_agent_enabled: bool | Unavailable | None = None
    node_agent_nodes: int = 0
    controller_enabled: bool | Unavailable | None = None
    node_classes: tuple[NodeClass, ...] | Unavailable = ()
