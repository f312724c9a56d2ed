"""Kasten, as its custom resources tell about it.

Sources: https://docs.kasten.io/latest/api/policies, https://docs.kasten.io/latest/api/actions
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eks_readiness.adapters.kubernetes_objects import Requirement, Selector
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.restores import newest_restores
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Kasten
from eks_readiness.domain.evidence.backup import KastenPolicy, KastenProfile, KastenRun, RestoreRun
from eks_readiness.domain.instant import Instant

KASTEN_POLICIES = Kind("config.kio.kasten.io", "policies", ("v1alpha1",))
KASTEN_PRESETS = Kind("config.kio.kasten.io", "policypresets", ("v1alpha1",))
KASTEN_PROFILES = Kind("config.kio.kasten.io", "profiles", ("v1alpha1",))
KASTEN_RUNS = Kind("actions.kio.kasten.io", "runactions", ("v1alpha1",))
KASTEN_RESTORES = Kind("actions.kio.kasten.io", "restoreactions", ("v1alpha1",))

APP_NAMESPACE = "k10.kasten.io/appNamespace"
_UNFINISHED = frozenset({"", "Pending", "Running", "AttemptFailed", "Cancelling", "Deleting"})


class _Meta(msgspec.Struct, gc=False):
    name: str = ""


class _Reference(msgspec.Struct, gc=False):
    name: str = ""
    kind: str = ""


class _Parameters(msgspec.Struct, gc=False):
    profile: _Reference | None = None
    filters: dict[str, object] | None = None


class _Action(msgspec.Struct, gc=False, rename="camel"):
    action: str = ""
    backup_parameters: _Parameters | None = None
    export_parameters: _Parameters | None = None


class _PolicySpec(msgspec.Struct, gc=False, rename="camel"):
    frequency: str | None = None
    paused: bool | None = None
    preset_ref: _Reference | None = None
    actions: list[_Action] | None = None
    selector: Selector | None = None


class _Policy(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _PolicySpec | None = None


class _PresetBackup(msgspec.Struct, gc=False):
    frequency: str | None = None


class _PresetSpec(msgspec.Struct, gc=False):
    backup: _PresetBackup | None = None


class _Preset(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _PresetSpec | None = None


class _ProfileSpec(msgspec.Struct, gc=False):
    type: str | None = None


class _ProfileStatus(msgspec.Struct, gc=False):
    validation: str | None = None


class _Profile(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _ProfileSpec | None = None
    status: _ProfileStatus | None = None


class _RunSpec(msgspec.Struct, gc=False):
    subject: _Reference | None = None


class _RunStatus(msgspec.Struct, gc=False, rename="camel"):
    state: str | None = None
    start_time: Instant | None = None
    end_time: Instant | None = None


class _Run(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _RunSpec | None = None
    status: _RunStatus | None = None


class _Restore(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _RunStatus | None = None


def read_kasten(api: KubernetesReader, gathered: Gathered) -> Kasten:
    """Kasten's policies with a backup action, the newest finished run of each, its location profiles, and restores."""
    source = "config.kio.kasten.io policies, policypresets, profiles; actions.kio.kasten.io runactions, restoreactions"
    if api.serves(KASTEN_POLICIES) is None:
        return Kasten(observed_at=gathered.observed_at, source=source, installed=False)
    presets = {each.metadata.name: each for each in api.items(KASTEN_PRESETS, _Preset)}
    policies = (_kasten_policy(each, presets) for each in api.items(KASTEN_POLICIES, _Policy))
    return Kasten(
        observed_at=gathered.observed_at,
        source=source,
        installed=True,
        policies=tuple(policy for policy in policies if policy is not None),
        newest_runs=unless_denied(lambda: _newest_runs(api.items(KASTEN_RUNS, _Run))),
        profiles=unless_denied(
            lambda: tuple(
                KastenProfile(name=each.metadata.name, validation=(each.status and each.status.validation) or "")
                for each in api.items(KASTEN_PROFILES, _Profile)
                if each.spec is None or each.spec.type in (None, "Location")
            )
        ),
        restores=unless_denied(lambda: newest_restores(map(_restored, api.items(KASTEN_RESTORES, _Restore)))),
    )


def _restored(each: _Restore) -> RestoreRun | None:
    status = each.status or _RunStatus()
    ended_at = status.end_time or status.start_time
    if not status.state or status.state in _UNFINISHED or ended_at is None:
        return None
    return RestoreRun(
        name=f"RestoreAction {each.metadata.name}",
        ended_at=ended_at,
        problem="" if status.state == "Complete" else f"it is {status.state}",
    )


def _kasten_policy(each: _Policy, presets: dict[str, _Preset]) -> KastenPolicy | None:
    spec = each.spec or _PolicySpec()
    backing_up = [action for action in spec.actions or () if action.action == "backup"]
    if not backing_up:
        return None
    included, excluded, selective = _kasten_reach(spec.selector)
    parameters = [part for it in spec.actions or () for part in (it.backup_parameters, it.export_parameters) if part]
    filtered = any(action.backup_parameters and action.backup_parameters.filters for action in backing_up)
    return KastenPolicy(
        name=each.metadata.name,
        frequency=bounded(spec.frequency or _preset_frequency(spec.preset_ref, presets)),
        paused=bool(spec.paused),
        included_namespaces=included,
        excluded_namespaces=excluded,
        selective=selective or filtered,
        profiles=tuple(sorted({part.profile.name for part in parameters if part.profile})),
    )


def _preset_frequency(reference: _Reference | None, presets: dict[str, _Preset]) -> str:
    preset = presets.get(reference.name) if reference else None
    backup = preset.spec.backup if preset and preset.spec else None
    return (backup and backup.frequency) or ""


def _kasten_reach(selector: Selector | None) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Namespaces taken in, namespaces left out, and whether the selector asks for something else as well."""
    wanted = dict((selector and selector.match_labels) or {})
    requirements = [Requirement(key, "In", [value]) for key, value in wanted.items()]
    requirements += (selector and selector.match_expressions) or []
    ours = [each for each in requirements if each.key == APP_NAMESPACE]
    included = [tuple(each.values or ()) for each in ours if each.operator == "In"]
    excluded = [value for each in ours if each.operator == "NotIn" for value in each.values or ()]
    known = {"In", "NotIn", "Exists"}
    selective = (
        len(ours) != len(requirements) or not ours or len(included) > 1 or any(r.operator not in known for r in ours)
    )
    return included[0] if included else ("*",), tuple(excluded), selective


def _newest_runs(runs: Iterable[_Run]) -> tuple[KastenRun, ...]:
    newest: dict[str, KastenRun] = {}
    for each in runs:
        found = _ended_run(each)
        if found is not None and ((known := newest.get(found.policy)) is None or found.started_at > known.started_at):
            newest[found.policy] = found
    return tuple(newest[policy] for policy in sorted(newest))


def _ended_run(each: _Run) -> KastenRun | None:
    status = each.status or _RunStatus()
    subject = each.spec.subject if each.spec else None
    if subject is None or subject.kind != "Policy" or status.start_time is None:
        return None
    if status.state is None or status.state in _UNFINISHED:
        return None
    return KastenRun(
        policy=subject.name,
        name=each.metadata.name,
        state=status.state,
        started_at=status.start_time,
        completed_at=status.end_time,
    )


PROBES = (
    KubernetesProbe(
        provides=Kasten,
        rights=(
            Right("config.kio.kasten.io", "policies"),
            Right("config.kio.kasten.io", "policypresets"),
            Right("config.kio.kasten.io", "profiles"),
            Right("actions.kio.kasten.io", "runactions"),
            Right("actions.kio.kasten.io", "restoreactions"),
        ),
        read=read_kasten,
    ),
)
"""What this module gathers."""
