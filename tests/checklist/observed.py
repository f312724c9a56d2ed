"""Evidence in a few words, for tests that ask one rule about one situation."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from eks_readiness.domain.evidence import (
    AccessEntries,
    Components,
    Instances,
    Nodegroups,
    Nodes,
    Sample,
    Slice,
    Unavailable,
)
from eks_readiness.domain.evidence.cluster import ClusterConfiguration, Nodegroup
from eks_readiness.domain.evidence.network import Instance
from eks_readiness.domain.evidence.nodes import Component, Compute, Node
from eks_readiness.domain.policy import Policy
from tests.strategies import NOW

S = TypeVar("S", bound=Slice)
DENIED = Unavailable(reason="denied", detail="no right to read it", remedy="grant it")
LATE = Unavailable(reason="timeout", detail="it took too long")
POLICY = Policy()


def seen(kind: type[S], **fields: Any) -> S:
    """A slice that was observed now."""
    made: Any = kind
    return cast("S", made(observed_at=NOW, source="test", **fields))


def sample(*names: str, total: int = 0) -> Sample:
    """Some names, of a total that may be more."""
    return Sample(total=total or len(names), names=names)


def cluster(**fields: Any) -> ClusterConfiguration:
    """A cluster of which only the given fields matter."""
    base: dict[str, Any] = {
        "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "version": "1.34",
        "status": "ACTIVE",
        "created_at": NOW,
        "endpoint_public_access": False,
        "endpoint_private_access": True,
    }
    return seen(ClusterConfiguration, **{**base, **fields})


def node(name: str, compute: Compute = "ec2", **fields: Any) -> Node:
    """A ready node."""
    return Node(name=name, ready=True, compute=compute, **fields)


def nodes(*found: Node) -> Nodes:
    """All nodes of a cluster."""
    return seen(Nodes, nodes=found)


def nodegroups(*found: Nodegroup) -> Nodegroups:
    """All node groups of a cluster."""
    return seen(Nodegroups, nodegroups=found)


def instances(*found: Instance) -> Instances:
    """All instances of a cluster."""
    return seen(Instances, instances=found)


def component(what: Any, ready: int, desired: int | None = None, **fields: Any) -> Component:
    """A workload that was recognised; a Deployment in namespace `tools`, where nothing else is said."""
    base: dict[str, Any] = {"kind": "Deployment", "namespace": "tools", "name": what}
    wanted = ready if desired is None else desired
    return Component(component=what, desired=wanted, ready=ready, **{**base, **fields})


def daemonset(what: Any, ready: int, desired: int | None = None, **fields: Any) -> Component:
    """A DaemonSet that was recognised."""
    return component(what, ready, desired, kind="DaemonSet", **fields)


def components(*found: Component) -> Components:
    """All workloads that were recognised."""
    return seen(Components, components=found)


def entries(**fields: Any) -> AccessEntries:
    """Access entries of a cluster."""
    return seen(AccessEntries, **fields)
