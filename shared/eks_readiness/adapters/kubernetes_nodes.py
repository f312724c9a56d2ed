"""Nodes: readiness, zone, operating system, and who made them."""

from __future__ import annotations

import msgspec

from eks_readiness.adapters.kubernetes_objects import Condition, Quantities, quantities
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import Nodes
from eks_readiness.domain.evidence.nodes import Compute, Node, OsFamily
from eks_readiness.domain.instant import Instant

NODES = Kind("", "nodes", page=150)
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_COMPUTE_TYPE = "eks.amazonaws.com/compute-type"
_NODEGROUP = "eks.amazonaws.com/nodegroup"
_NODE_POOL = "karpenter.sh/nodepool"
_CAPACITY = frozenset({"cpu", "memory", "pods"})
_COMPUTES: dict[str, Compute] = {"auto": "auto", "fargate": "fargate", "hybrid": "hybrid"}
# As the images write it into nodeInfo.osImage; the first that it contains counts.
_OS_IMAGES: tuple[tuple[str, OsFamily], ...] = (
    ("bottlerocket", "bottlerocket"),
    ("amazon linux 2023", "al2023"),
    ("amazon linux 2", "al2"),
    ("ubuntu", "ubuntu"),
    ("red hat", "rhel"),
)


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: Instant | None = None


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    provider_id: str | None = msgspec.field(default=None, name="providerID")
    unschedulable: bool | None = None


class _Address(msgspec.Struct, gc=False):
    type: str = ""
    address: str = ""


class _NodeInfo(msgspec.Struct, gc=False, rename="camel"):
    os_image: str = ""
    operating_system: str = ""
    kubelet_version: str = ""


class _Status(msgspec.Struct, gc=False, rename="camel"):
    conditions: list[Condition] | None = None
    addresses: list[_Address] | None = None
    node_info: _NodeInfo | None = None
    allocatable: Quantities | None = None


class _Node(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


def read_nodes(api: KubernetesReader, gathered: Gathered) -> Nodes:
    """Every node."""
    return Nodes(
        observed_at=gathered.observed_at,
        source="nodes",
        nodes=tuple(node(each) for each in api.items(NODES, _Node)),
    )


def node(each: _Node) -> Node:
    """One node, reduced to what checks judge."""
    labels, spec, status = each.metadata.labels or {}, each.spec or _Spec(), each.status or _Status()
    info = status.node_info or _NodeInfo()
    return Node(
        name=each.metadata.name,
        ready=any(one.type == "Ready" and one.status == "True" for one in status.conditions or ()),
        zone=next((labels[name] for name in _ZONES if labels.get(name)), ""),
        compute=_COMPUTES.get(labels.get(_COMPUTE_TYPE, ""), "ec2"),
        os_family=os_family(info.operating_system, info.os_image),
        os_image=info.os_image,
        kubelet_version=info.kubelet_version,
        nodegroup=labels.get(_NODEGROUP, ""),
        node_pool=labels.get(_NODE_POOL, ""),
        instance_id=_instance_id(spec.provider_id or ""),
        external_address=any(one.type == "ExternalIP" and one.address for one in status.addresses or ()),
        unschedulable=bool(spec.unschedulable),
        created_at=each.metadata.creation_timestamp,
        allocatable={name: value for name, value in quantities(status.allocatable).items() if name in _CAPACITY},
    )


def os_family(operating_system: str, os_image: str) -> OsFamily:
    """Which operating system nodeInfo names; one not known to us is `other`."""
    if operating_system == "windows":
        return "windows"
    image = os_image.lower()
    return next((family for name, family in _OS_IMAGES if name in image), "other")


def _instance_id(provider_id: str) -> str:
    # aws:///eu-west-1a/i-0123456789abcdef0; Fargate and hybrid nodes end otherwise.
    last = provider_id.rpartition("/")[2]
    return last if last.startswith("i-") else ""


PROBES = (KubernetesProbe(provides=Nodes, rights=(Right("", "nodes"),), read=read_nodes),)
"""What this module gathers."""
