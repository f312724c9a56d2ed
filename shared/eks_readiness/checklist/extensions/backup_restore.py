"""Backup & restore: the cluster is backed up, lately, wholly, and to a place that works.

Velero, AWS Backup and Kasten count alike. Where one of them could not be read, what the others prove stands.
"""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.extensions.backups import Backups, Scheduled, backups
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import AwsBackup, Components, Kasten, Namespaces, Unavailable, Velero
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

V = Velero | Unavailable
A = AwsBackup | Unavailable
K = Kasten | Unavailable


@check(
    "backup-restore.solution",
    needs=(if_available(Velero), if_available(AwsBackup), if_available(Kasten), if_available(Components)),
    required=True,
)
def something_is_scheduled(
    velero: V, aws: A, kasten: K, components: Components | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Velero, AWS Backup for EKS or Kasten is set up with a schedule or plan that is not paused.

    A Velero schedule counts when its phase is Enabled and Velero has a ready pod, an AWS Backup plan when one of its
    selections takes in this cluster, a Kasten policy when it has a backup action and a frequency.
    Why: a backup that somebody has to remember is missing on the day it is needed.
    Fix: create a Velero Schedule, select the cluster in an AWS Backup plan (and opt in to Amazon EKS in the region's
    settings), or create a Kasten policy; unpause what is paused.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/integration-backup.html
    """
    found = backups(velero, aws, kasten)
    server = () if isinstance(components, Unavailable) else components.named("velero")
    velero_runs = any(each.ready for each in server)
    if kept := [each.name for each in found.active if velero_runs or not each.by_velero]:
        return passed(f"{len(kept)} active: {'; '.join(kept)}")
    if not found.active:
        return found.unread or failed(found.none_active, found.idle)
    why = f"{server[0].where} has 0 of {server[0].desired} pods ready" if server else "it does not run"
    missing = first_unavailable(found.unread, components)
    return missing or failed(
        f"Velero has {len(found.active)} schedules, and {why}", [each.name for each in found.active]
    )


@check(
    "backup-restore.recent-backup",
    needs=(if_available(Velero), if_available(AwsBackup), if_available(Kasten)),
    required=True,
)
def newest_backup_is_recent(velero: V, aws: A, kasten: K, policy: Policy) -> Verdict | Unavailable:
    """The newest backup of each schedule completed, within 26 hours or 1.2 times the schedule's interval.

    The newest backup is the one that started last among those that ended, whatever their result; its age counts from
    its completion. A schedule's interval is the longest pause that its expression allows. One schedule that fails is a
    failure even where another succeeds: pause or delete schedules that nobody needs.
    Why: schedules go on existing long after their backups stopped working.
    Fix: look at the newest backup's errors (velero backup describe, the AWS Backup job, the Kasten run) and repeat it.
    Source: https://velero.io/docs/main/api-types/schedule/
    """
    found = backups(velero, aws, kasten)
    if not found.active:
        return found.unread or failed(found.none_active, found.idle)
    floor = timedelta(hours=policy.max_backup_age_hours)
    late = [why for each in found.active if (why := _not_recent(each, floor))]
    if late:
        return failed(f"{len(late)} of {len(found.active)} schedules have no recent backup: {late[0]}", late)
    return _run_unread(found) or passed(f"each of {len(found.active)} schedules completed in time: {_ages(found)}")


@check(
    "backup-restore.location",
    needs=(if_available(Velero), if_available(AwsBackup), if_available(Kasten)),
    required=True,
)
def backups_have_a_working_place(velero: V, aws: A, kasten: K, policy: Policy) -> Verdict | Unavailable:
    """The backup location is available, or the newest recovery point of the cluster is completed.

    Judged are the Velero locations that unpaused schedules write to (the default one where they name none), the newest
    AWS Backup recovery point that is not still being made, and the Kasten location profiles in use.
    Why: a bucket that cannot be reached takes neither a backup nor a restore.
    Fix: mend the BackupStorageLocation (bucket, KMS key, the role of Velero), the Kasten profile, or the backup vault.
    Source: https://velero.io/docs/main/api-types/backupstoragelocation/
    """
    sides = [_velero_place(velero), _aws_place(aws), _kasten_place(kasten)]
    verdicts = [each for each in sides if isinstance(each, Verdict)]
    if good := next((each for each in verdicts if each.outcome == "pass"), None):
        return good
    if unread := first_unavailable(*sides):
        return unread
    return verdicts[0] if verdicts else failed("no backup location and no recovery point of this cluster")


@check(
    "backup-restore.coverage",
    needs=(Namespaces, if_available(Velero), if_available(AwsBackup), if_available(Kasten)),
    required=True,
)
def every_namespace_is_backed_up(
    namespaces: Namespaces, velero: V, aws: A, kasten: K, policy: Policy
) -> Verdict | Unavailable:
    """Every namespace that is not exempt is backed up by a schedule that is not paused.

    Schedules add up. One that takes only labelled objects or some kinds of objects covers no namespace. An AWS Backup
    plan covers the whole cluster.
    Why: the namespace that nobody thought of is lost in a disaster.
    Fix: widen includedNamespaces (or drop it), shorten excludedNamespaces, or exempt the namespace in the policy.
    Source: https://velero.io/docs/main/resource-filtering/
    """
    found = backups(velero, aws, kasten)
    judged = [each.name for each in namespaces.judged(policy.exempt_namespaces)]
    open_ones = [name for name in judged if not any(each.covers(name) for each in found.active)]
    if not found.active:
        return found.unread or failed(found.none_active, open_ones)
    if open_ones:
        partial = [each.name for each in found.active if each.selective]
        more = f"; {', '.join(partial)} takes only some objects" if partial else ""
        return found.unread or failed(f"{len(open_ones)} of {len(judged)} namespaces are in no backup{more}", open_ones)
    return passed(f"{len(judged)} namespaces are backed up")


@check(
    "backup-restore.clean",
    needs=(if_available(Velero), if_available(AwsBackup), if_available(Kasten)),
    required=False,
)
def newest_backup_is_clean(velero: V, aws: A, kasten: K, policy: Policy) -> Verdict | Unavailable:
    """The newest backup of each schedule has no warnings and no partial failures.

    Of an AWS Backup run, the job of the cluster and those of its parts are looked at.
    Why: a Completed backup with warnings may have left out volumes.
    Fix: read the warnings: velero backup logs, the message of the AWS Backup job, the Kasten run.
    Source: https://velero.io/docs/main/troubleshooting/
    """
    found = backups(velero, aws, kasten)
    if not found.active:
        return found.unread or failed(found.none_active, found.idle)
    unclean = [
        f"{each.name}: {'it never finished a backup' if each.newest is None else each.newest.unclean}"
        for each in found.active
        if not isinstance(each.newest, Unavailable) and (each.newest is None or each.newest.unclean)
    ]
    if unclean:
        return failed(f"{len(unclean)} of {len(found.active)} schedules: {unclean[0]}", unclean)
    return _run_unread(found) or passed(f"the newest backup of each of {len(found.active)} schedules is clean")


def _not_recent(schedule: Scheduled, floor: timedelta) -> str:
    run, limit = schedule.newest, schedule.limit(floor)
    if isinstance(run, Unavailable):
        return ""
    if run is None:
        return f"{schedule.name}: it never finished a backup"
    if not run.completed or run.age is None:
        return f"{schedule.name}: {run.said}"
    return f"{schedule.name}: {run.said}, {_hours(run.age)} old, limit {_hours(limit)}" if run.age > limit else ""


def _run_unread(found: Backups) -> Unavailable | None:
    return first_unavailable(*(each.newest for each in found.active))


def _ages(found: Backups) -> str:
    oldest = max(
        each.newest.age or timedelta() for each in found.active if not isinstance(each.newest, Unavailable | None)
    )
    return f"the oldest is {_hours(oldest)} old"


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:.0f} h"


def _velero_place(velero: V) -> Verdict | Unavailable | None:
    if isinstance(velero, Unavailable):
        return velero
    if isinstance(velero.locations, Unavailable):
        return velero.locations
    default = next((each.name for each in velero.locations if each.default), "default")
    phases = {each.name: each.phase or "not yet validated" for each in velero.locations}
    used = {each.storage_location or default for each in velero.schedules if not each.paused} or set(phases)
    bad = [f"{name} is {phases.get(name, 'missing')}" for name in sorted(used) if phases.get(name) != "Available"]
    if bad:
        return failed(f"{len(bad)} of {len(used)} Velero locations: {bad[0]}", bad)
    return passed(f"Velero location {', '.join(sorted(used))} is Available") if used else None


def _aws_place(aws: A) -> Verdict | Unavailable | None:
    if isinstance(aws, Unavailable):
        return aws
    if isinstance(aws.recovery_points, Unavailable):
        return aws.recovery_points
    newest = next((each for each in aws.recovery_points if each.status != "CREATING"), None)
    if newest is None:
        return None
    if newest.status != "COMPLETED":
        return failed(f"the newest recovery point is {newest.status}", [newest.arn])
    return passed(f"the newest recovery point, of {newest.created_at:%Y-%m-%d}, is COMPLETED")


def _kasten_place(kasten: K) -> Verdict | Unavailable | None:
    if isinstance(kasten, Unavailable):
        return kasten
    if isinstance(kasten.profiles, Unavailable):
        return kasten.profiles
    states = {each.name: each.validation or "not yet validated" for each in kasten.profiles}
    used = {name for each in kasten.policies if not each.paused for name in each.profiles}
    bad = [f"{name}: {states.get(name, 'missing')}" for name in sorted(used) if states.get(name) != "Success"]
    if bad:
        return failed(f"{len(bad)} of {len(used)} Kasten profiles: {bad[0]}", bad)
    return passed(f"Kasten profile {', '.join(sorted(used))} is valid") if used else None
