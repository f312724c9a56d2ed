"""What enforces network policies: the VPC CNI, EKS Auto Mode, Cilium, Calico; and on which nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from eks_readiness.checklist.shapes import first_unavailable, starting
from eks_readiness.domain.evidence import Addons, Components, NetworkPolicyEngine, Nodes, Unavailable
from eks_readiness.domain.evidence.nodes import ComponentName, Compute

EngineName = Literal["cilium", "calico", "vpc-cni"]
_OVERLAYS: tuple[Literal["cilium", "calico"], ...] = ("cilium", "calico")


class Side(msgspec.Struct, frozen=True):
    """One thing that may enforce policies: whether it does, and how that is known.

    `compute` says on which nodes the VPC CNI does, `nodes` on how many Cilium or Calico is wanted.
    """

    engine: EngineName
    enforces: bool
    why: str
    compute: Compute = "ec2"
    nodes: int = 0


Sides = list[Side | Unavailable]


def _off(why: str) -> Side:
    return Side("vpc-cni", enforces=False, why=why)


def sides_of(
    engine: NetworkPolicyEngine | Unavailable,
    components: Components | Unavailable,
    addons: Addons | Unavailable,
    nodes: Nodes | Unavailable,
) -> Sides:
    """Everything that may enforce; where some nodes are left out, nothing counts as enforcing."""
    found = _found(engine, components, addons)
    if isinstance(engine, Unavailable) or not enforcing(found):
        return found
    left = [] if isinstance(nodes, Unavailable) else _left_out(found, nodes)
    unread = nodes if isinstance(nodes, Unavailable) else unread_of(found) if left else None
    if unread is not None:
        return [unread, *(side for side in found if isinstance(side, Side) and not side.enforces)]
    if not left:
        return found
    why = "; ".join(side.why for side in enforcing(found))
    return [_off(f"{why}; but on {len(left)} nodes nothing does: {', '.join(left[:5])}")]


def _left_out(sides: Sides, nodes: Nodes) -> list[str]:
    """Names of nodes on which no side enforces. Windows and Fargate are not judged, nor is a node that is starting."""
    judged = [
        each
        for each in nodes.nodes
        if each.os_family != "windows" and each.compute != "fargate" and not starting(each, nodes)
    ]
    counts = Counter(each.compute for each in judged)
    covered = {compute for side in enforcing(sides) for compute in _covered(side, counts)}
    return [each.name for each in judged if each.compute not in covered]


def _covered(side: Side, counts: Mapping[Compute, int]) -> Iterable[Compute]:
    if side.engine == "vpc-cni":
        return (side.compute,)
    if side.nodes >= counts["ec2"] + counts["hybrid"]:
        return ("ec2", "hybrid")
    # It was limited to some nodes: to hybrid ones, as AWS's guide for them has it, where the VPC CNI does not run.
    return ("hybrid",) if side.nodes >= counts["hybrid"] else ()


def _found(
    engine: NetworkPolicyEngine | Unavailable, components: Components | Unavailable, addons: Addons | Unavailable
) -> Sides:
    overlays: Sides
    if isinstance(components, Unavailable):
        overlays = [components]
    else:
        overlays = [side for name in _OVERLAYS for side in _overlay(components, name)]
    if isinstance(engine, Unavailable):
        return [_addon(engine, addons), *overlays]
    return [_node_agent(engine), *_auto_mode(engine), *overlays]


def _overlay(components: Components, name: Literal["cilium", "calico"]) -> Iterable[Side]:
    component: ComponentName = name
    for each in components.named(component):
        if each.kind == "DaemonSet":
            why = f"{each.where} has {each.ready} of {each.desired} pods ready"
            yield Side(name, each.fully_ready, why, nodes=each.desired)


def _addon(engine: Unavailable, addons: Addons | Unavailable) -> Side | Unavailable:
    addon = None if isinstance(addons, Unavailable) else addons.named("vpc-cni")
    if addon is not None and addon.status == "ACTIVE" and addon.enables_network_policy:
        return Side("vpc-cni", enforces=True, why="add-on vpc-cni is ACTIVE with enableNetworkPolicy")
    return engine


def _node_agent(engine: NetworkPolicyEngine) -> Side | Unavailable:
    """Both flags of the VPC CNI: one that is off disproves, one that could not be read leaves it open."""
    agent, controller = engine.node_agent_enabled, engine.controller_enabled
    if agent is None or (agent is True and not engine.node_agent_nodes):
        return _off("DaemonSet aws-node runs on no node")
    off = [
        *(["DaemonSet aws-node lacks --enable-network-policy=true"] if agent is False else []),
        *([_CONTROLLER_OFF] if not controller else []),
    ]
    if off:
        return _off(f"VPC CNI: {' and '.join(off)}")
    if isinstance(agent, Unavailable):
        return agent
    if isinstance(controller, Unavailable):
        return controller
    why = f"the VPC CNI enforces on {engine.node_agent_nodes} nodes: node agent and controller have network policy on"
    return Side("vpc-cni", enforces=True, why=why)


_CONTROLLER_OFF = 'ConfigMap kube-system/amazon-vpc-cni lacks enable-network-policy-controller "true"'


def _auto_mode(engine: NetworkPolicyEngine) -> Sides:
    if isinstance(engine.node_classes, Unavailable):
        return [engine.node_classes]
    if not engine.node_classes:
        return []
    if not engine.controller_enabled:
        return [_off(f"EKS Auto Mode: {_CONTROLLER_OFF}")]
    if isinstance(engine.controller_enabled, Unavailable):
        return [engine.controller_enabled]
    ready = [each.name for each in engine.node_classes if each.ready]
    said = f"EKS Auto Mode enforces on NodeClass {', '.join(ready)}" if ready else "no Auto Mode NodeClass is ready"
    return [Side("vpc-cni", bool(ready), said, "auto")]


def enforcing(sides: Sides) -> list[Side]:
    """Those that are known to enforce."""
    return [side for side in sides if isinstance(side, Side) and side.enforces]


def unread_of(sides: Sides) -> Unavailable | None:
    """Why one of them could not be read, if so."""
    return first_unavailable(*sides)


def why_not(sides: Sides) -> str:
    """Why none of them enforces, in words."""
    return f"nothing enforces network policies: {'; '.join(side.why for side in sides if isinstance(side, Side))}"
