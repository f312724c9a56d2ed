"""Flux Kustomizations and HelmReleases that deliver to this cluster.

Sources: https://fluxcd.io/flux/components/kustomize/kustomizations/,
https://fluxcd.io/flux/components/helm/helmreleases/
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from eks_readiness.adapters.gitops import Delivered, Folding, is_infrastructure
from eks_readiness.adapters.kubernetes_argocd import DEPLOYING
from eks_readiness.adapters.kubernetes_objects import duration_seconds
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import Flux
from eks_readiness.domain.instant import Instant

KUSTOMIZATIONS = Kind("kustomize.toolkit.fluxcd.io", "kustomizations", ("v1", "v1beta2"))
HELM_RELEASES = Kind("helm.toolkit.fluxcd.io", "helmreleases", ("v2", "v2beta2"))


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    generation: int = 0


class _DriftDetection(msgspec.Struct, gc=False):
    mode: str | None = None


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    interval: str | None = None
    suspend: bool | None = None
    kube_config: dict[str, object] | None = None
    drift_detection: _DriftDetection | None = None


class _Condition(msgspec.Struct, gc=False, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: Instant | None = None


class _Entry(msgspec.Struct, gc=False):
    id: str = ""


class _Inventory(msgspec.Struct, gc=False):
    entries: list[_Entry] | None = None


class _Snapshot(msgspec.Struct, gc=False, rename="camel"):
    last_reconciled: Instant | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    observed_generation: int | None = None
    conditions: list[_Condition] | None = None
    inventory: _Inventory | None = None
    history: list[_Snapshot] | None = None


class _Object(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


def read_flux(api: KubernetesReader, gathered: Gathered) -> Flux:
    """Every Kustomization and HelmRelease; those with a kubeConfig deliver to another cluster."""
    source = "kustomize.toolkit.fluxcd.io kustomizations, helm.toolkit.fluxcd.io helmreleases"
    if api.serves(KUSTOMIZATIONS) is None and api.serves(HELM_RELEASES) is None:
        return Flux(observed_at=gathered.observed_at, source=source, installed=False)
    folding = Folding()
    for label, kind in (("Kustomization", KUSTOMIZATIONS), ("HelmRelease", HELM_RELEASES)):
        for each in api.items(kind, _Object):
            spec = each.spec or _Spec()
            name = f"{label} {each.metadata.namespace}/{each.metadata.name}"
            if spec.kube_config:
                folding.elsewhere += 1
            elif spec.suspend:
                folding.suspended.add(name)
            else:
                folding.add(_delivered(name, each, gathered.observed_at))
    return folding.slice(Flux, gathered.observed_at, source)


def _delivered(name: str, each: _Object, now: datetime) -> Delivered:
    spec, status = each.spec or _Spec(), each.status or _Status()
    # A Kustomization applies its source at every interval; a HelmRelease looks at drift only where it is told to.
    corrects = name.startswith("Kustomization") or bool(spec.drift_detection and spec.drift_detection.mode == "enabled")
    problem = _problem(each.metadata, status, now)
    return Delivered(
        name=name,
        infrastructure=any(_cluster_scoped(one.id) for one in (status.inventory and status.inventory.entries) or ()),
        automatic=True,
        heals=corrects,
        detects=corrects,
        checked_at=_checked_at(spec, status, now),
        drift=problem if corrects else "",
        problem=problem,
    )


def _cluster_scoped(entry: str) -> bool:
    """Whether an inventory entry, `<namespace>_<name>_<group>_<kind>`, is infrastructure.

    Colons of RBAC names are written as two underscores, so the name is whatever stands between.
    """
    namespace, _, rest = entry.partition("_")
    rest, _, kind = rest.rpartition("_")
    return is_infrastructure(rest.rpartition("_")[2], kind, namespace)


def _problem(meta: _Meta, status: _Status, now: datetime) -> str:
    ready = next((one for one in status.conditions or () if one.type == "Ready"), None)
    if ready is None:
        return "not reconciled yet"
    if ready.status == "True":
        seen = status.observed_generation
        return "" if seen is None or seen >= meta.generation else "its newest change is not applied"
    since = ready.last_transition_time
    if ready.status == "Unknown" and since is not None and now - since < DEPLOYING:
        return ""
    return f"not ready: {ready.reason or ready.status}: {ready.message or 'no message'}"


def _checked_at(spec: _Spec, status: _Status, now: datetime) -> datetime | None:
    if told := _newest(status.history or ()):
        return told
    seconds = duration_seconds(spec.interval or "")
    return now - timedelta(seconds=seconds) if seconds and status.conditions else None


def _newest(history: Iterable[_Snapshot]) -> datetime | None:
    return max((each.last_reconciled for each in history if each.last_reconciled), default=None)


PROBES = (
    KubernetesProbe(
        provides=Flux,
        rights=(
            Right("kustomize.toolkit.fluxcd.io", "kustomizations"),
            Right("helm.toolkit.fluxcd.io", "helmreleases"),
        ),
        read=read_flux,
    ),
)
"""What this module gathers."""
