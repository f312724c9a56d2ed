"""Namespaces, with the one label of theirs that a check judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import Namespaces
from eks_readiness.domain.evidence.policies import Namespace

# Small ones: those of a thousand teams come at once.
NAMESPACES = Kind("", "namespaces", page=2_500)
ENFORCE_LABEL = "pod-security.kubernetes.io/enforce"


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    labels: dict[str, str] | None = None


class _Status(msgspec.Struct, gc=False):
    phase: str | None = None


class NamespaceObject(msgspec.Struct, gc=False):
    """A namespace as the server answers it. Labels serve to resolve selectors and are not kept."""

    metadata: _Meta
    status: _Status | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Its labels; the server sets kubernetes.io/metadata.name on every namespace."""
        return {"kubernetes.io/metadata.name": self.metadata.name, **(self.metadata.labels or {})}


class Space(NamedTuple):
    """One namespace with its labels."""

    name: str
    labels: Mapping[str, str]


def living_spaces(api: KubernetesReader) -> list[Space]:
    """Every namespace that is not being deleted, for those who resolve selectors."""
    return [
        Space(each.metadata.name, each.labels)
        for each in api.items(NAMESPACES, NamespaceObject)
        if not each.status or each.status.phase != "Terminating"
    ]


def read_namespaces(api: KubernetesReader, gathered: Gathered) -> Namespaces:
    """Every namespace."""
    return Namespaces(
        observed_at=gathered.observed_at,
        source="v1 namespaces",
        namespaces=tuple(
            Namespace(
                name=each.metadata.name,
                phase=(each.status and each.status.phase) or "Active",
                pod_security_enforce=(each.metadata.labels or {}).get(ENFORCE_LABEL, ""),
            )
            for each in api.items(NAMESPACES, NamespaceObject)
        ),
    )


PROBES = (KubernetesProbe(provides=Namespaces, rights=(Right("", "namespaces"),), read=read_namespaces),)
"""What this module gathers."""
