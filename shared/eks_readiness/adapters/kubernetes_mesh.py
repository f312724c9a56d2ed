"""What Istio, Linkerd and Cilium are told about mutual TLS.

Sources: https://istio.io/latest/docs/reference/config/security/peer_authentication/,
https://linkerd.io/2/reference/authorization-policy/,
https://docs.cilium.io/en/stable/network/servicemesh/mutual-authentication/mutual-authentication/
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from eks_readiness.adapters.kubernetes_namespaces import NAMESPACES
from eks_readiness.adapters.kubernetes_objects import Named, Selector
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names, by_namespace
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import MeshPolicies, Unavailable
from eks_readiness.domain.evidence.mesh import NamespaceMode
from eks_readiness.domain.evidence.nodes import NamespaceSample

_PEER_AUTHENTICATIONS = Kind("security.istio.io", "peerauthentications", ("v1", "v1beta1"))
_SERVERS = Kind("policy.linkerd.io", "servers", ("v1", "v1beta3", "v1beta2", "v1beta1"))
_CLUSTERWIDE = Kind("cilium.io", "ciliumclusterwidenetworkpolicies", ("v2",))
_CILIUM_CONFIG = ("kube-system", "cilium-config")
_INBOUND_POLICY = "config.linkerd.io/default-inbound-policy"
_UNAUTHENTICATED = frozenset({"all-unauthenticated", "cluster-unauthenticated", "audit"})
_INHERITED = frozenset({"", "UNSET"})
_CILIUM_PARTS = {
    "enable-envoy-config": "Envoy configuration",
    "enable-gateway-api": "Gateway API",
    "enable-ingress-controller": "ingress",
    "enable-ztunnel": "ztunnel",
    "mesh-auth-mutual-enabled": "mutual authentication",
}


class _Mode(msgspec.Struct, gc=False):
    mode: str | None = None


class _PeerSpec(msgspec.Struct, gc=False, rename="camel"):
    selector: Selector | None = None
    mtls: _Mode | None = None
    port_level_mtls: dict[str, _Mode] | None = None


class _PeerAuthentication(msgspec.Struct, gc=False):
    metadata: Named
    spec: _PeerSpec | None = None


class _ServerSpec(msgspec.Struct, gc=False, rename="camel"):
    access_policy: str | None = None


class _Server(msgspec.Struct, gc=False):
    metadata: Named
    spec: _ServerSpec | None = None


class _AnnotatedMeta(msgspec.Struct, gc=False):
    name: str = ""
    annotations: dict[str, str] | None = None


class _Namespace(msgspec.Struct, gc=False):
    metadata: _AnnotatedMeta


class _CiliumIngress(msgspec.Struct, gc=False):
    authentication: _Mode | None = None


class _CiliumSpec(msgspec.Struct, gc=False, rename="camel"):
    endpoint_selector: Selector | None = None
    ingress: list[_CiliumIngress] | None = None


class _CiliumPolicy(msgspec.Struct, gc=False):
    metadata: Named
    spec: _CiliumSpec | None = None
    specs: list[_CiliumSpec] | None = None


def read_mesh(api: KubernetesReader, gathered: Gathered) -> MeshPolicies:
    """What each mesh says about mutual TLS; nothing where it is not installed."""
    istio = unless_denied(lambda: _istio(api))
    modes, exceptions = (istio, ()) if isinstance(istio, Unavailable) else istio
    cilium = api.serves(_CLUSTERWIDE) is not None
    linkerd = api.serves(_SERVERS) is not None
    return MeshPolicies(
        observed_at=gathered.observed_at,
        source="security.istio.io peerauthentications, policy.linkerd.io servers, cilium-config",
        istio=modes,
        istio_exceptions=exceptions,
        linkerd=unless_denied(lambda: _inbound_policies(api)) if linkerd else (),
        linkerd_exceptions=unless_denied(lambda: _open_servers(api)),
        cilium=unless_denied(lambda: _cilium_parts(api)) if cilium else (),
        cilium_requires=unless_denied(lambda: any(map(_requires, api.items(_CLUSTERWIDE, _CiliumPolicy)))),
    )


def _istio(api: KubernetesReader) -> tuple[tuple[NamespaceMode, ...], tuple[NamespaceSample, ...]]:
    modes: dict[str, str] = {}
    exceptions: defaultdict[str, Names] = defaultdict(Names)
    for each in api.items(_PEER_AUTHENTICATIONS, _PeerAuthentication):
        meta, spec = each.metadata, each.spec or _PeerSpec()
        mode = _said(spec.mtls)
        everything = spec.selector is None or spec.selector.everything
        # Where a namespace has several, the oldest counts; here the laxest does.
        if everything and not _lax(modes.get(meta.namespace, "")):
            modes[meta.namespace] = mode
        lax = {f"port {port} {_said(one)}" for port, one in (spec.port_level_mtls or {}).items() if _lax(_said(one))}
        if not everything and _lax(mode):
            lax.add(mode)
        if lax:
            exceptions[meta.namespace].add(f"{meta.name} ({', '.join(sorted(lax))})")
    found = tuple(NamespaceMode(namespace=name, mode=bounded(modes[name], 60)) for name in sorted(modes))
    return found, by_namespace(exceptions)


def _said(mode: _Mode | None) -> str:
    return (mode and mode.mode) or "UNSET"


def _lax(mode: str) -> bool:
    return mode != "STRICT" and mode not in _INHERITED


def _inbound_policies(api: KubernetesReader) -> tuple[NamespaceMode, ...]:
    return tuple(
        NamespaceMode(namespace=each.metadata.name, mode=bounded(said, 60))
        for each in api.items(NAMESPACES, _Namespace)
        if (said := (each.metadata.annotations or {}).get(_INBOUND_POLICY))
    )


def _open_servers(api: KubernetesReader) -> tuple[NamespaceSample, ...]:
    found: defaultdict[str, Names] = defaultdict(Names)
    for each in api.items(_SERVERS, _Server):
        access = (each.spec and each.spec.access_policy) or "deny"
        if access in _UNAUTHENTICATED:
            found[each.metadata.namespace].add(f"{each.metadata.name} ({access})")
    return by_namespace(found)


def _cilium_parts(api: KubernetesReader) -> tuple[str, ...]:
    settings = api.config_map(*_CILIUM_CONFIG) or {}
    return tuple(name for key, name in _CILIUM_PARTS.items() if settings.get(key) == "true")


def _requires(policy: _CiliumPolicy) -> bool:
    """Whether a policy is about every endpoint, and lets in only who authenticated."""
    for spec in (*([policy.spec] if policy.spec else []), *(policy.specs or ())):
        everywhere = spec.endpoint_selector is not None and spec.endpoint_selector.everything
        if everywhere and spec.ingress and all(_said(each.authentication) == "required" for each in spec.ingress):
            return True
    return False


PROBES = (
    KubernetesProbe(
        provides=MeshPolicies,
        rights=(
            Right("", "namespaces"),
            Right("security.istio.io", "peerauthentications"),
            Right("policy.linkerd.io", "servers"),
            Right("cilium.io", "ciliumclusterwidenetworkpolicies"),
            Right("", "configmaps", ("get",), _CILIUM_CONFIG[0], (_CILIUM_CONFIG[1],)),
        ),
        read=read_mesh,
    ),
)
"""What this module gathers."""
