"""Backups of the cluster: Velero, AWS Backup and Kasten, each as its own slice."""

from __future__ import annotations

from datetime import datetime

import msgspec

from eks_readiness.domain.evidence.slice import Slice


class VeleroSchedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One velero.io Schedule. Empty `included_namespaces` (or `*`) means all. `cron` is its spec.schedule."""

    name: str
    cron: str
    paused: bool = False
    phase: str = ""
    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    storage_location: str = ""


class VeleroBackup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest finished Backup of one schedule: the latest startTimestamp among those that ended."""

    name: str
    schedule: str
    phase: str
    started_at: datetime
    completed_at: datetime | None = None
    warnings: int = 0
    errors: int = 0
    storage_location: str = ""


class VeleroLocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One BackupStorageLocation."""

    name: str
    phase: str = ""
    default: bool = False


class Velero(Slice, frozen=True, kw_only=True):
    """velero.io Schedules, the newest finished Backup of each, and BackupStorageLocations."""

    installed: bool
    schedules: tuple[VeleroSchedule, ...] = ()
    newest_backups: tuple[VeleroBackup, ...] = ()
    locations: tuple[VeleroLocation, ...] = ()


class KastenPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Kasten (config.kio.kasten.io) Policy with a backup action. `frequency` is its spec.frequency (@daily …).

    `namespaces` is what its selector names; empty means that it could not be read as a list of namespaces;
    `every_namespace` that it selects all. `newest_*` is its newest finished run.
    """

    name: str
    frequency: str
    paused: bool = False
    every_namespace: bool = False
    namespaces: tuple[str, ...] = ()
    newest_state: str = ""
    newest_started_at: datetime | None = None
    newest_completed_at: datetime | None = None


class KastenProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Kasten location Profile and its validation state."""

    name: str
    validation: str = ""


class Kasten(Slice, frozen=True, kw_only=True):
    """Kasten backup policies with their newest run, and location profiles."""

    installed: bool
    policies: tuple[KastenPolicy, ...] = ()
    profiles: tuple[KastenProfile, ...] = ()


class AwsBackupPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One AWS Backup plan whose selection takes in this cluster. `schedules` are its rules' schedule expressions."""

    id: str
    name: str
    schedules: tuple[str, ...] = ()


class RecoveryPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recovery point of the cluster (the composite one, not its children)."""

    arn: str
    status: str
    created_at: datetime
    completed_at: datetime | None = None


class BackupJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One AWS Backup job of the newest run, parent or child."""

    id: str
    state: str
    resource_type: str = ""
    is_parent: bool = False
    created_at: datetime
    completed_at: datetime | None = None
    message: str = ""


class AwsBackup(Slice, frozen=True, kw_only=True):
    """AWS Backup for this cluster: the plans that select it, its newest recovery points, and the newest jobs.

    `opted_in` is the region's opt-in for EKS; None where the service does not say. `unread_selections` counts plan
    selections whose conditions could not be judged from outside.
    """

    opted_in: bool | None = None
    plans: tuple[AwsBackupPlan, ...] = ()
    recovery_points: tuple[RecoveryPoint, ...] = ()
    jobs: tuple[BackupJob, ...] = ()
    unread_selections: int = 0
