"""Velero, as its custom resources tell about it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.restores import newest_restores
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Velero
from eks_readiness.domain.evidence.backup import RestoreRun, VeleroBackup, VeleroLocation, VeleroSchedule
from eks_readiness.domain.instant import Instant

VELERO_SCHEDULES = Kind("velero.io", "schedules")
VELERO_BACKUPS = Kind("velero.io", "backups")
VELERO_LOCATIONS = Kind("velero.io", "backupstoragelocations")
VELERO_RESTORES = Kind("velero.io", "restores")
SCHEDULE_LABEL = "velero.io/schedule-name"

# https://github.com/vmware-tanzu/velero/blob/main/pkg/apis/velero/v1/backup_types.go
_UNFINISHED = frozenset(
    {
        "",
        "New",
        "Queued",
        "ReadyToStart",
        "InProgress",
        "WaitingForPluginOperations",
        "WaitingForPluginOperationsPartiallyFailed",
        "Finalizing",
        "FinalizingPartiallyFailed",
        "Deleting",
    }
)


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: Instant | None = None


class _Template(msgspec.Struct, gc=False, rename="camel"):
    included_namespaces: list[str] | None = None
    excluded_namespaces: list[str] | None = None
    included_resources: list[str] | None = None
    included_namespace_scoped_resources: list[str] | None = None
    label_selector: dict[str, object] | None = None
    or_label_selectors: list[object] | None = None
    storage_location: str | None = None


class _ScheduleSpec(msgspec.Struct, gc=False):
    schedule: str | None = None
    paused: bool | None = None
    template: _Template | None = None


class _Progress(msgspec.Struct, gc=False, rename="camel"):
    items_restored: int | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    phase: str | None = None
    start_timestamp: Instant | None = None
    completion_timestamp: Instant | None = None
    warnings: int | None = None
    errors: int | None = None
    progress: _Progress | None = None


class _Schedule(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _ScheduleSpec | None = None
    status: _Status | None = None


class _BackupSpec(msgspec.Struct, gc=False, rename="camel"):
    storage_location: str | None = None


class _Backup(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _BackupSpec | None = None
    status: _Status | None = None


class _Restore(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _Status | None = None


class _LocationSpec(msgspec.Struct, gc=False):
    default: bool | None = None


class _Location(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _LocationSpec | None = None
    status: _Status | None = None


def read_velero(api: KubernetesReader, gathered: Gathered) -> Velero:
    """Velero's Schedules, the newest finished Backup of each, its storage locations, and its Restores."""
    source = "velero.io schedules, backups, backupstoragelocations, restores"
    if api.serves(VELERO_SCHEDULES) is None:
        return Velero(observed_at=gathered.observed_at, source=source, installed=False)
    return Velero(
        observed_at=gathered.observed_at,
        source=source,
        installed=True,
        schedules=tuple(_schedule(each) for each in api.items(VELERO_SCHEDULES, _Schedule)),
        newest_backups=unless_denied(lambda: newest_backups(api.items(VELERO_BACKUPS, _Backup))),
        locations=unless_denied(lambda: tuple(_location(each) for each in api.items(VELERO_LOCATIONS, _Location))),
        restores=unless_denied(lambda: newest_restores(map(_restored, api.items(VELERO_RESTORES, _Restore)))),
    )


def _schedule(each: _Schedule) -> VeleroSchedule:
    spec = each.spec or _ScheduleSpec()
    template = spec.template or _Template()
    return VeleroSchedule(
        name=each.metadata.name,
        cron=bounded(spec.schedule or ""),
        paused=bool(spec.paused),
        phase=(each.status and each.status.phase) or "",
        included_namespaces=tuple(template.included_namespaces or ()),
        excluded_namespaces=tuple(template.excluded_namespaces or ()),
        selective=_selective(template),
        storage_location=template.storage_location or "",
    )


def _selective(template: _Template) -> bool:
    kinds = [*(template.included_resources or ()), *(template.included_namespace_scoped_resources or ())]
    return bool(template.label_selector or template.or_label_selectors or (kinds and "*" not in kinds))


def newest_backups(backups: Iterable[_Backup]) -> tuple[VeleroBackup, ...]:
    """The backup of each schedule that started last among those that ended."""
    newest: dict[str, VeleroBackup] = {}
    for each in backups:
        found = _finished(each)
        if found is not None and ((known := newest.get(found.schedule)) is None or found.started_at > known.started_at):
            newest[found.schedule] = found
    return tuple(newest[schedule] for schedule in sorted(newest))


def _finished(each: _Backup) -> VeleroBackup | None:
    schedule = (each.metadata.labels or {}).get(SCHEDULE_LABEL)
    status = each.status or _Status()
    # A backup that fails validation never starts: when it was created stands in.
    started_at = status.start_timestamp or each.metadata.creation_timestamp
    if not schedule or status.phase is None or status.phase in _UNFINISHED or started_at is None:
        return None
    return VeleroBackup(
        name=each.metadata.name,
        schedule=schedule,
        phase=status.phase,
        started_at=started_at,
        completed_at=status.completion_timestamp,
        warnings=status.warnings or 0,
        errors=status.errors or 0,
        storage_location=(each.spec and each.spec.storage_location) or "",
    )


def _location(each: _Location) -> VeleroLocation:
    return VeleroLocation(
        name=each.metadata.name,
        phase=(each.status and each.status.phase) or "",
        default=bool(each.spec and each.spec.default),
    )


def _restored(each: _Restore) -> RestoreRun | None:
    status = each.status or _Status()
    if not status.phase or status.phase in _UNFINISHED:
        return None
    # One that fails validation never starts: when it was created stands in.
    ended_at = status.completion_timestamp or status.start_timestamp or each.metadata.creation_timestamp
    if ended_at is None:
        return None
    problem = "" if status.phase == "Completed" else f"it is {status.phase}"
    if not problem and status.progress is not None and not status.progress.items_restored:
        problem = "it restored nothing"
    return RestoreRun(name=f"Restore {each.metadata.name}", ended_at=ended_at, problem=problem)


PROBES = (
    KubernetesProbe(
        provides=Velero,
        rights=(
            Right("velero.io", "schedules"),
            Right("velero.io", "backups"),
            Right("velero.io", "backupstoragelocations"),
            Right("velero.io", "restores"),
        ),
        read=read_velero,
    ),
)
"""What this module gathers."""
