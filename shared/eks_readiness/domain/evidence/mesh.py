"""What a service mesh is told about mutual TLS."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.nodes import NamespaceSample
from eks_readiness.domain.evidence.slice import Slice, Unavailable


class NamespaceMode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one namespace says for everything in it, in the words of its mesh: STRICT, all-authenticated and so on."""

    namespace: str
    mode: str


class MeshPolicies(Slice, frozen=True, kw_only=True):
    """Istio PeerAuthentications, Linkerd's inbound policies, and Cilium's mutual authentication.

    `istio` holds the PeerAuthentications without a selector, one for each namespace; `istio_exceptions` those of single
    workloads or ports that are not strict. `linkerd` holds the default inbound policies that namespaces set for
    themselves, `linkerd_exceptions` Servers that let everybody in. `cilium` names the parts of Cilium that make a mesh
    of it and are turned on; `cilium_requires` says whether a cluster-wide policy asks every endpoint's peers for
    mutual authentication.
    """

    istio: tuple[NamespaceMode, ...] | Unavailable = ()
    istio_exceptions: tuple[NamespaceSample, ...] = ()
    linkerd: tuple[NamespaceMode, ...] | Unavailable = ()
    linkerd_exceptions: tuple[NamespaceSample, ...] | Unavailable = ()
    cilium: tuple[str, ...] | Unavailable = ()
    cilium_requires: bool | Unavailable = False
