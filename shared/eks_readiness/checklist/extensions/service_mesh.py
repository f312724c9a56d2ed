"""Service mesh: traffic between workloads is encrypted, and both ends prove who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import exempt, first_unavailable, starting
from eks_readiness.domain.evidence import Components, MeshPolicies, Nodes, Pods, Unavailable
from eks_readiness.domain.evidence.nodes import Component, ComponentName, NamespaceSample
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

Answer = Verdict | Unavailable
_LINKERD: tuple[ComponentName, ...] = ("linkerd-destination", "linkerd-identity", "linkerd-proxy-injector")
_LINKERD_STRICT = frozenset({"all-authenticated", "cluster-authenticated", "deny"})
_DEFAULT_POLICY = "--default-policy"
_MUTUAL = "mutual authentication"


def _decided_within_days(policy: Policy) -> float:
    return policy.document_max_age_days


@check(
    "service-mesh.control-plane",
    needs=(Components, if_available(MeshPolicies), if_available(Nodes)),
    required=True,
    or_attested=_decided_within_days,
    stated="not_applicable",
)
def a_mesh_is_available(
    components: Components, policies: MeshPolicies | Unavailable, nodes: Nodes | Unavailable, policy: Policy
) -> Answer:
    """Istio, Linkerd, Cilium's service mesh or the VPC Lattice controller is there and available.

    Istio: a ready istiod, and in ambient mode ztunnel ready on every node. Linkerd: destination, identity and proxy
    injector. Cilium: its agents ready, and a part that makes a mesh of it turned on (mutual authentication, Gateway
    API, ingress, Envoy configuration). Nodes younger than ten minutes may still be starting their agent.
    Not applicable when: a dated statement says that the organisation decided to do without a mesh.
    Why: without a control plane, proxies get no certificates and no routes, and new pods stay outside.
    Fix: install one, or decide: eks-readiness attest service-mesh
    Source: https://istio.io/latest/docs/ambient/install/platform-prerequisites/
    """
    found = [state for mesh in _MESHES if (state := mesh.state(components, policies, nodes))]
    verdicts = [each for each in found if isinstance(each, Verdict)]
    if good := next((each for each in verdicts if each.outcome == "pass"), None):
        return good
    if unread := first_unavailable(*found):
        return unread
    return failed("; ".join(each.reason for each in verdicts) or "there is no service mesh")


@check(
    "service-mesh.mtls",
    needs=(Components, if_available(MeshPolicies), if_available(Pods), if_available(Nodes)),
    required=True,
    or_attested=_decided_within_days,
    stated="not_applicable",
)
def mutual_tls_is_strict(
    components: Components,
    policies: MeshPolicies | Unavailable,
    pods: Pods | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Answer:
    """Mutual TLS is strict for the whole mesh, and pods are in the mesh.

    Istio: a PeerAuthentication without a selector in istiod's own namespace, the root namespace unless mesh
    configuration says otherwise, is STRICT, and nothing outside exempt namespaces undoes that. Linkerd: the default
    inbound policy wants authentication, and neither a namespace nor a Server says otherwise. Cilium: mutual
    authentication is on, and a cluster-wide policy requires it of every endpoint. VPC Lattice signs requests with
    IAM and has no mutual TLS.
    Not applicable when: a dated statement says that the organisation decided to do without a mesh.
    Why: with permissive mutual TLS, whoever leaves TLS out is let in, and policies about identities say nothing.
    Fix: kubectl apply a PeerAuthentication with mtls.mode STRICT to istio-system; for Linkerd, set
    proxy.defaultInboundPolicy to all-authenticated.
    Source: https://istio.io/latest/docs/tasks/security/authentication/mtls-migration/
    """
    found: list[Answer] = []
    for mesh in _MESHES:
        state = mesh.state(components, policies, nodes)
        if isinstance(state, Verdict) and state.outcome == "fail":
            found.append(state)
        elif state:
            found.append(state if isinstance(state, Unavailable) else mesh.strict(components, policies, pods, policy))
    verdicts = [each for each in found if isinstance(each, Verdict)]
    if good := next((each for each in verdicts if each.outcome == "pass"), None):
        return good
    if unread := first_unavailable(*found):
        return unread
    offenders = [name for each in verdicts for name in each.offenders]
    return failed("; ".join(each.reason for each in verdicts) or "there is no service mesh", offenders)


# --- Istio


def _istio(components: Components, policies: MeshPolicies | Unavailable, nodes: Nodes | Unavailable) -> Answer | None:
    control, tunnels = components.named("istiod"), components.named("ztunnel")
    if not control:
        return None
    ready = next((each for each in control if each.ready), None)
    if ready is None:
        return failed(f"no pod of istiod is ready: {_state(control[0])}")
    if lagging := _lagging(tunnels, nodes):
        return lagging
    return passed(f"Istio is available: {_state(ready)}{', ambient' if tunnels else ''}")


def _istio_strict(
    components: Components, policies: MeshPolicies | Unavailable, pods: Pods | Unavailable, policy: Policy
) -> Answer:
    if isinstance(policies, Unavailable):
        return policies
    if isinstance(policies.istio, Unavailable):
        return policies.istio
    roots = {each.namespace for each in components.named("istiod")}
    modes = {each.namespace: each.mode for each in policies.istio}
    mesh_wide = {modes.get(root, "") for root in roots}
    if mesh_wide != {"STRICT"}:
        said = ", ".join(sorted(mesh_wide - {""})) or "not set, so permissive"
        return failed(f"Istio's mesh-wide PeerAuthentication in {', '.join(sorted(roots))} is {said}")
    lax = [
        f"{name}: {mode}"
        for name, mode in modes.items()
        if mode not in ("STRICT", "UNSET") and not exempt(name, policy)
    ]
    lax += _named(policies.istio_exceptions, policy)
    if lax:
        return failed(f"Istio's mutual TLS is STRICT mesh-wide, but {len(lax)} PeerAuthentications undo it", lax)
    return _in_use("Istio's mutual TLS is STRICT mesh-wide", pods)


# --- Linkerd


def _linkerd(components: Components, policies: MeshPolicies | Unavailable, nodes: Nodes | Unavailable) -> Answer | None:
    found = {name: components.named(name) for name in _LINKERD}
    if not any(found.values()):
        return None
    if broken := [name for name, workloads in found.items() if not any(each.ready for each in workloads)]:
        return failed(f"Linkerd is not available: no pod of {', '.join(broken)} is ready")
    return passed("Linkerd is available: destination, identity and proxy injector are ready")


def _linkerd_strict(
    components: Components, policies: MeshPolicies | Unavailable, pods: Pods | Unavailable, policy: Policy
) -> Answer:
    defaults = {each.flags.get(_DEFAULT_POLICY, "") for each in components.named("linkerd-destination")}
    if not defaults <= _LINKERD_STRICT:
        said = ", ".join(sorted(defaults - {""})) or "not set"
        return failed(f"Linkerd's default inbound policy is {said}: it lets unauthenticated clients in")
    if isinstance(policies, Unavailable):
        return policies
    if isinstance(policies.linkerd, Unavailable):
        return policies.linkerd
    lax = [
        f"{each.namespace}: {each.mode}"
        for each in policies.linkerd
        if each.mode not in _LINKERD_STRICT and not exempt(each.namespace, policy)
    ]
    if isinstance(policies.linkerd_exceptions, Unavailable):
        return policies.linkerd_exceptions
    lax += _named(policies.linkerd_exceptions, policy)
    if lax:
        return failed("Linkerd wants authentication, but namespaces or Servers let everybody in", lax)
    return _in_use(f"Linkerd's default inbound policy is {', '.join(sorted(defaults))}", pods)


# --- Cilium


def _cilium(components: Components, policies: MeshPolicies | Unavailable, nodes: Nodes | Unavailable) -> Answer | None:
    agents = components.named("cilium")
    if not agents:
        return None
    if isinstance(policies, Unavailable):
        return policies
    if isinstance(policies.cilium, Unavailable):
        return policies.cilium
    if not policies.cilium:
        return failed("Cilium runs as network alone: no part of its service mesh is turned on")
    if lagging := _lagging(agents, nodes):
        return lagging
    return passed(f"Cilium's service mesh is available: {', '.join(policies.cilium)}")


def _cilium_strict(
    components: Components, policies: MeshPolicies | Unavailable, pods: Pods | Unavailable, policy: Policy
) -> Answer:
    if isinstance(policies, Unavailable):
        return policies
    if isinstance(policies.cilium, Unavailable):
        return policies.cilium
    if _MUTUAL not in policies.cilium:
        return failed("Cilium's mutual authentication is off")
    if isinstance(policies.cilium_requires, Unavailable):
        return policies.cilium_requires
    if not policies.cilium_requires:
        return failed("Cilium's mutual authentication is on, but no cluster-wide policy requires it of every endpoint")
    return passed("a cluster-wide policy requires Cilium's mutual authentication of every endpoint")


# --- VPC Lattice


def _lattice(components: Components, policies: MeshPolicies | Unavailable, nodes: Nodes | Unavailable) -> Answer | None:
    found = components.named("vpc-lattice-controller")
    if not found:
        return None
    ready = next((each for each in found if each.ready), None)
    state = _state(ready or found[0])
    return passed(f"VPC Lattice is available: {state}") if ready else failed(f"VPC Lattice is not available: {state}")


def _lattice_strict(
    components: Components, policies: MeshPolicies | Unavailable, pods: Pods | Unavailable, policy: Policy
) -> Answer:
    return failed("VPC Lattice authenticates with IAM and encrypts, but has no mutual TLS")


class _Mesh(NamedTuple):
    """How one mesh tells whether it is available (nothing where it is not there), and whether its TLS is strict."""

    state: Callable[[Components, MeshPolicies | Unavailable, Nodes | Unavailable], Answer | None]
    strict: Callable[[Components, MeshPolicies | Unavailable, Pods | Unavailable, Policy], Answer]


_MESHES = (
    _Mesh(_istio, _istio_strict),
    _Mesh(_linkerd, _linkerd_strict),
    _Mesh(_cilium, _cilium_strict),
    _Mesh(_lattice, _lattice_strict),
)


def _in_use(what: str, pods: Pods | Unavailable) -> Answer:
    """Strict, if somebody is in the mesh at all."""
    if isinstance(pods, Unavailable):
        return pods
    inside, live = sum(pods.meshed.values()), sum(pods.live.values())
    return passed(f"{what}; {inside} of {live} pods are in it") if inside else failed(f"{what}, but no pod is in it")


def _lagging(agents: Iterable[Component], nodes: Nodes | Unavailable) -> Answer | None:
    """What is wrong where an agent is not ready on every node; nodes that may still be starting are no fault."""
    behind = [each for each in agents if not each.fully_ready]
    if not behind:
        return None
    if isinstance(nodes, Unavailable) and all(each.ready for each in behind):
        return nodes
    booting = 0 if isinstance(nodes, Unavailable) else sum(starting(each, nodes) for each in nodes.nodes)
    broken = [each for each in behind if not each.ready or each.ready < each.desired - booting]
    return failed(f"not on every node: {_state(broken[0])}") if broken else None


def _named(samples: Iterable[NamespaceSample], policy: Policy) -> list[str]:
    return [
        f"{each.namespace}/{name}" for each in samples if not exempt(each.namespace, policy) for name in each.pods.names
    ]


def _state(each: Component) -> str:
    return f"{each.where} has {each.ready} of {each.desired} pods ready"
