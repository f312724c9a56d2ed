"""The network around the cluster: subnets, routes, NAT gateways, flow logs, and the addresses of instances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from typing import Any

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    FlowLogs,
    Instances,
    NatGateways,
    RouteTables,
    Subnets,
)
from eks_readiness.domain.evidence.network import FlowLog, Instance, NatGateway, RouteTable, Subnet

_KEPT_BY_AWS = 5
"""Addresses of every subnet that nobody can use.

Source: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
"""
_ANYWHERE = ("0.0.0.0/0", "::/0")
_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "VpcPeeringConnectionId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)


def _in_vpc(gathered: Gathered) -> list[dict[str, Any]]:
    return [{"Name": "vpc-id", "Values": [gathered.get(ClusterConfiguration).vpc_id]}]


def read_subnets(aws: AwsReader, gathered: Gathered) -> Subnets:
    """Every subnet of the cluster's VPC."""
    found = aws.pages("ec2", "DescribeSubnets", "Subnets", Filters=_in_vpc(gathered))
    return Subnets(
        observed_at=gathered.observed_at,
        source="ec2:DescribeSubnets",
        subnets=tuple(_subnet(each, gathered.cluster.account) for each in found),
    )


def _subnet(found: Mapping[str, Any], account: str) -> Subnet:
    cidr, owner = found.get("CidrBlock") or "", found.get("OwnerId") or account
    return Subnet(
        id=found["SubnetId"],
        zone=found.get("AvailabilityZone") or "",
        zone_id=found.get("AvailabilityZoneId") or "",
        cidr=cidr,
        free_ipv4_addresses=found.get("AvailableIpAddressCount") or 0,
        ipv4_addresses=max(0, IPv4Network(cidr).num_addresses - _KEPT_BY_AWS) if cidr else 0,
        ipv6_native=bool(found.get("Ipv6Native")),
        shared_by="" if owner == account else owner,
    )


def read_route_tables(aws: AwsReader, gathered: Gathered) -> RouteTables:
    """Every route table of the cluster's VPC."""
    found = aws.pages("ec2", "DescribeRouteTables", "RouteTables", Filters=_in_vpc(gathered))
    return RouteTables(
        observed_at=gathered.observed_at,
        source="ec2:DescribeRouteTables",
        tables=tuple(_route_table(each) for each in found),
    )


def _route_table(found: Mapping[str, Any]) -> RouteTable:
    associations = found.get("Associations") or ()
    active = [each for each in found.get("Routes") or () if each.get("State", "active") == "active"]
    return RouteTable(
        id=found["RouteTableId"],
        subnet_ids=tuple(each["SubnetId"] for each in associations if each.get("SubnetId")),
        main=any(each.get("Main") for each in associations),
        default_targets=tuple(_target(each) for each in active if _leads_anywhere(each)),
        internet_gateway=any(_target(each).startswith("igw-") for each in active),
    )


def _leads_anywhere(route: Mapping[str, Any]) -> bool:
    return (route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")) in _ANYWHERE


def _target(route: Mapping[str, Any]) -> str:
    return next((str(route[name]) for name in _TARGETS if route.get(name)), "unknown")


def read_nat_gateways(aws: AwsReader, gathered: Gathered) -> NatGateways:
    """Every NAT gateway of the cluster's VPC."""
    # The operation calls its filters by the singular.
    found = aws.pages("ec2", "DescribeNatGateways", "NatGateways", Filter=_in_vpc(gathered))
    return NatGateways(
        observed_at=gathered.observed_at,
        source="ec2:DescribeNatGateways",
        gateways=tuple(
            NatGateway(
                id=each["NatGatewayId"],
                state=each.get("State") or "",
                subnet_id=each.get("SubnetId") or "",
                availability_mode=each.get("AvailabilityMode") or "zonal",
            )
            for each in found
        ),
    )


def read_flow_logs(aws: AwsReader, gathered: Gathered) -> FlowLogs:
    """Flow logs on the cluster's VPC, and on its subnets."""
    resources = [gathered.get(ClusterConfiguration).vpc_id, *(each.id for each in gathered.get(Subnets).subnets)]
    found = aws.pages(
        "ec2", "DescribeFlowLogs", "FlowLogs", Filter=[{"Name": "resource-id", "Values": resources[:_MAX_VALUES]}]
    )
    return FlowLogs(
        observed_at=gathered.observed_at,
        source="ec2:DescribeFlowLogs",
        logs=tuple(
            FlowLog(
                id=each["FlowLogId"],
                resource_id=each.get("ResourceId") or "",
                status=each.get("FlowLogStatus") or "",
                delivery_status=each.get("DeliverLogsStatus") or "",
                traffic_type=each.get("TrafficType") or "",
            )
            for each in found
        ),
    )


_MAX_VALUES = 200
"""A filter takes that many values; the VPC comes first.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html
"""


_BOTTLEROCKET_DATA = "/dev/xvdb"
# Volumes that the EBS CSI driver attaches have two letters after xvd, and are no part of the node itself.
_GONE = ("shutting-down", "terminated", "stopping", "stopped")
_AUTO_MODE = "eks.amazonaws.com"


def read_instances(aws: AwsReader, gathered: Gathered) -> Instances:
    """The cluster's instances, those of EKS Auto Mode included."""
    name = gathered.cluster.name
    # Two tags in two calls, since filters only narrow: node groups set one, EKS Auto Mode the other, Karpenter both.
    tags = ({"Name": "tag-key", "Values": [f"kubernetes.io/cluster/{name}"]}, _value("eks:eks-cluster-name", name))
    found: dict[str, Instance] = {}
    for tag in tags:
        filters = [tag, {"Name": "instance-state-name", "Values": ["pending", "running"]}]
        reservations = aws.pages(
            "ec2", "DescribeInstances", "Reservations", Filters=filters, IncludeManagedResources=True
        )
        found = {each.id: each for each in _instances(reservations)} | found
    return Instances(
        observed_at=gathered.observed_at,
        source="ec2:DescribeInstances",
        instances=tuple(found[key] for key in sorted(found)),
    )


def _value(tag: str, value: str) -> dict[str, Any]:
    return {"Name": f"tag:{tag}", "Values": [value]}


def _instances(reservations: Iterable[Mapping[str, Any]]) -> Iterable[Instance]:
    for reservation in reservations:
        for each in reservation.get("Instances") or ():
            if (each.get("State") or {}).get("Name") not in _GONE:
                yield _instance(each)


def _instance(each: Mapping[str, Any]) -> Instance:
    interfaces = each.get("NetworkInterfaces") or ()
    subnet = each.get("SubnetId") or ""
    cpu, metadata = each.get("CpuOptions") or {}, each.get("MetadataOptions") or {}
    groups = [*(each.get("SecurityGroups") or ()), *(one for nic in interfaces for one in nic.get("Groups") or ())]
    return Instance(
        id=each["InstanceId"],
        subnet_id=subnet,
        zone=(each.get("Placement") or {}).get("AvailabilityZone") or "",
        public_address=bool(each.get("PublicIpAddress"))
        or any((one.get("Association") or {}).get("PublicIp") for one in interfaces),
        interface_subnet_ids=tuple(sorted({one["SubnetId"] for one in interfaces if one.get("SubnetId")} - {subnet})),
        instance_type=each.get("InstanceType") or "",
        spot=each.get("InstanceLifecycle") == "spot",
        vcpus=(cpu.get("CoreCount") or 0) * (cpu.get("ThreadsPerCore") or 0),
        image_id=each.get("ImageId") or "",
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html
        auto_mode=(each.get("Operator") or {}).get("Principal") == _AUTO_MODE,
        auto_scaling_group=_tag(each, "aws:autoscaling:groupName"),
        key_name=each.get("KeyName") or "",
        security_group_ids=tuple(sorted({one["GroupId"] for one in groups if one.get("GroupId")})),
        metadata_endpoint=metadata.get("HttpEndpoint") or "",
        metadata_tokens=metadata.get("HttpTokens") or "",
        metadata_hop_limit=metadata.get("HttpPutResponseHopLimit") or 0,
        volume_ids=_volume_ids(each),
        instance_store_root=each.get("RootDeviceType") == "instance-store",
        instance_profile=(each.get("IamInstanceProfile") or {}).get("Arn") or "",
    )


def _tag(each: Mapping[str, Any], key: str) -> str:
    return next((str(one.get("Value") or "") for one in each.get("Tags") or () if one.get("Key") == key), "")


def _volume_ids(each: Mapping[str, Any]) -> tuple[str, ...]:
    """The root volume first, if EC2 names it, then Bottlerocket's data volume."""
    volumes = {
        str(one.get("DeviceName")): str(one["Ebs"]["VolumeId"])
        for one in each.get("BlockDeviceMappings") or ()
        if (one.get("Ebs") or {}).get("VolumeId")
    }
    root = each.get("RootDeviceName") or ""
    if root not in volumes:
        return ()
    return tuple(dict.fromkeys([volumes[root], *(volumes[one] for one in (_BOTTLEROCKET_DATA,) if one in volumes)]))


PROBES = (
    AwsProbe(provides=Subnets, actions=("ec2:DescribeSubnets",), read=read_subnets, after=(ClusterConfiguration,)),
    AwsProbe(
        provides=RouteTables,
        actions=("ec2:DescribeRouteTables",),
        read=read_route_tables,
        after=(ClusterConfiguration,),
    ),
    AwsProbe(
        provides=NatGateways,
        actions=("ec2:DescribeNatGateways",),
        read=read_nat_gateways,
        after=(ClusterConfiguration,),
    ),
    AwsProbe(
        provides=FlowLogs,
        actions=("ec2:DescribeFlowLogs",),
        read=read_flow_logs,
        after=(ClusterConfiguration, Subnets),
    ),
    AwsProbe(provides=Instances, actions=("ec2:DescribeInstances",), read=read_instances),
)
"""What this module gathers."""
