"""Backups of the cluster: Velero, AWS Backup and Kasten, each as its own slice.

Parts of a slice that may be refused while the rest can be read arrive as `Unavailable` on their own.
"""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable
from eks_readiness.domain.instant import Instant


class VeleroSchedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One velero.io Schedule. Empty `included_namespaces` (or `*`) means all. `cron` is its spec.schedule.

    `selective`: a label selector or a list of resources leaves out part of what lies in its namespaces.
    """

    name: str
    cron: str
    paused: bool = False
    phase: str = ""
    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    selective: bool = False
    storage_location: str = ""


class VeleroBackup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest finished Backup of one schedule: the latest startTimestamp among those that ended."""

    name: str
    schedule: str
    phase: str
    started_at: Instant
    completed_at: Instant | None = None
    warnings: int = 0
    errors: int = 0
    storage_location: str = ""


class VeleroLocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One BackupStorageLocation."""

    name: str
    phase: str = ""
    default: bool = False


class RestoreRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One restore that ended. `problem` says why it proves nothing; empty where it brought something back."""

    name: str
    ended_at: Instant
    problem: str = ""


class Velero(Slice, frozen=True, kw_only=True):
    """velero.io Schedules, the newest finished Backup of each, BackupStorageLocations, and Restores.

    `restores` are the newest that succeeded and the newest that did not.
    """

    installed: bool
    schedules: tuple[VeleroSchedule, ...] = ()
    newest_backups: tuple[VeleroBackup, ...] | Unavailable = ()
    locations: tuple[VeleroLocation, ...] | Unavailable = ()
    restores: tuple[RestoreRun, ...] | Unavailable = ()


class KastenPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Kasten (config.kio.kasten.io) Policy with a backup action.

    `frequency` is its own or its preset's (@daily …; empty or @onDemand: it runs by hand). `included_namespaces` and
    `excluded_namespaces` are shell patterns of its selector; `selective` that the selector names something else.
    `profiles` are the locations that it writes to.
    """

    name: str
    frequency: str
    paused: bool = False
    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    selective: bool = False
    profiles: tuple[str, ...] = ()


class KastenRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest finished RunAction of one policy. `state` is Complete, Failed, Skipped or Cancelled."""

    policy: str
    name: str
    state: str
    started_at: Instant
    completed_at: Instant | None = None


class KastenProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Kasten location Profile and its validation state."""

    name: str
    validation: str = ""


class Kasten(Slice, frozen=True, kw_only=True):
    """Kasten backup policies, the newest finished run of each, location profiles, and RestoreActions.

    `restores` are the newest that succeeded and the newest that did not.
    """

    installed: bool
    policies: tuple[KastenPolicy, ...] = ()
    newest_runs: tuple[KastenRun, ...] | Unavailable = ()
    profiles: tuple[KastenProfile, ...] | Unavailable = ()
    restores: tuple[RestoreRun, ...] | Unavailable = ()


class AwsBackupRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule of a plan: `schedule` is its cron(…) or rate(…) expression; empty where AWS Backup's default applies.

    `vault` is the name of the backup vault that it writes to.
    """

    id: str
    name: str
    schedule: str = ""
    vault: str = ""


class AwsBackupPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One AWS Backup plan whose selection takes in this cluster."""

    id: str
    name: str
    rules: tuple[AwsBackupRule, ...] = ()


class RecoveryPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recovery point of the cluster (the composite one, not its children)."""

    arn: str
    status: str
    created_at: Instant


class BackupJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One AWS Backup job of a newest run; `parent_id` is set for a part: a volume's, or the cluster's state.

    `plan_id`, `rule_id` and `rule_name` say what started it; they are empty for a backup on demand. `message` is set
    where the service says more than success ("completed with issues").
    """

    id: str
    state: str
    created_at: Instant
    completed_at: Instant | None = None
    resource_type: str = ""
    parent_id: str = ""
    plan_id: str = ""
    rule_id: str = ""
    rule_name: str = ""
    message: str = ""


class AwsBackup(Slice, frozen=True, kw_only=True):
    """AWS Backup for this cluster: the plans that select it, its newest recovery points, and its newest jobs.

    `opted_in` is the region's opt-in for EKS; None where the service does not say. Without it only a selection that
    names EKS clusters by ARN takes this one in. `unread_selections` counts plan selections that could not be judged
    from outside. `recovery_points` is newest first. `jobs` holds the newest finished job of each rule (the service
    keeps 30 days of them) with its children. `restores` are the newest of its recovery
    points that succeeded and the newest that did not, wherever they went.
    """

    opted_in: bool | None = None
    plans: tuple[AwsBackupPlan, ...] | Unavailable = ()
    recovery_points: tuple[RecoveryPoint, ...] | Unavailable = ()
    jobs: tuple[BackupJob, ...] | Unavailable = ()
    unread_selections: int = 0
    restores: tuple[RestoreRun, ...] | Unavailable = ()
