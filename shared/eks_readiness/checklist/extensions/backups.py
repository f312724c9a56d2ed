"""Velero schedules, AWS Backup rules and Kasten policies, seen as one thing: what is scheduled, and its newest run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase

import msgspec

from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import AwsBackup, Kasten, Unavailable, Velero
from eks_readiness.domain.evidence.backup import (
    AwsBackupPlan,
    AwsBackupRule,
    BackupJob,
    KastenPolicy,
    KastenRun,
    VeleroBackup,
    VeleroSchedule,
)
from eks_readiness.domain.schedule import longest_interval

JOBS_KEPT = timedelta(days=30)
"""How long AWS Backup lists its jobs.

Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupJobs.html
"""
_BY_HAND = ("", "@ondemand")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The newest finished run of a schedule. `age` is None where it has no completion time.

    `said` names it and its state; `unclean` says what was not perfect about it and is empty when all was.
    """

    completed: bool
    said: str
    age: timedelta | None = None
    unclean: str = ""


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """One active schedule. `newest` is None when it never finished a run.

    Namespaces are shell patterns; `selective` schedules leave out part of what lies in their namespaces. `by_velero`:
    it is Velero that must run to keep it.
    """

    name: str
    expression: str
    newest: Run | Unavailable | None
    included: tuple[str, ...] = ("*",)
    excluded: tuple[str, ...] = ()
    selective: bool = False
    by_velero: bool = False

    def covers(self, namespace: str) -> bool:
        """Whether it backs up all of a namespace."""
        return not self.selective and _any(self.included, namespace) and not _any(self.excluded, namespace)

    def limit(self, floor: timedelta) -> timedelta:
        """How old its newest backup may be: 1.2 times its longest interval, and never less than the floor."""
        interval = longest_interval(self.expression)
        return max(floor, 1.2 * interval) if interval else floor


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """Every active schedule, why others are idle, and which solution could not be read."""

    active: tuple[Scheduled, ...]
    idle: tuple[str, ...]
    unread: Unavailable | None

    @property
    def none_active(self) -> str:
        """Why nothing is scheduled, in words."""
        return f"nothing is scheduled: {'; '.join(self.idle)}" if self.idle else "nothing backs up this cluster"


def backups(velero: Velero | Unavailable, aws: AwsBackup | Unavailable, kasten: Kasten | Unavailable) -> Backups:
    """Put the three solutions side by side."""
    found = [*_velero(velero), *_aws(aws), *_kasten(kasten)]
    return Backups(
        active=tuple(each for each in found if isinstance(each, Scheduled)),
        idle=tuple(each for each in found if isinstance(each, str)),
        unread=first_unavailable(*found),
    )


def _any(patterns: tuple[str, ...], namespace: str) -> bool:
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)


def _velero(velero: Velero | Unavailable) -> Iterator[Scheduled | Unavailable | str]:
    if isinstance(velero, Unavailable):
        yield velero
        return
    for schedule in velero.schedules:
        name = f"Velero schedule {schedule.name}"
        if schedule.paused:
            yield f"{name} is paused"
        elif schedule.phase != "Enabled":
            yield f"{name} is {schedule.phase or 'not yet validated'}"
        else:
            yield Scheduled(
                name=name,
                expression=schedule.cron,
                newest=_velero_run(velero, schedule),
                included=schedule.included_namespaces or ("*",),
                excluded=schedule.excluded_namespaces,
                selective=schedule.selective,
                by_velero=True,
            )


def _velero_run(velero: Velero, schedule: VeleroSchedule) -> Run | Unavailable | None:
    if isinstance(velero.newest_backups, Unavailable):
        return velero.newest_backups
    backup = next((each for each in velero.newest_backups if each.schedule == schedule.name), None)
    if backup is None:
        return None
    return Run(
        completed=backup.phase == "Completed",
        said=f"{backup.name} is {backup.phase}",
        age=velero.observed_at - backup.completed_at if backup.completed_at else None,
        unclean=_blemishes(backup),
    )


def _blemishes(backup: VeleroBackup) -> str:
    if backup.phase == "Completed" and not backup.warnings and not backup.errors:
        return ""
    return f"{backup.name} is {backup.phase} with {backup.warnings} warnings and {backup.errors} errors"


def _aws(aws: AwsBackup | Unavailable) -> Iterator[Scheduled | Unavailable | str]:
    if isinstance(aws, Unavailable):
        yield aws
    elif isinstance(aws.plans, Unavailable):
        yield aws.plans
    else:
        for plan in aws.plans:
            for rule in plan.rules:
                name = f"AWS Backup plan {plan.name}, rule {rule.name}"
                yield Scheduled(name=name, expression=rule.schedule, newest=_aws_run(aws, plan, rule))
        if aws.unread_selections:
            yield Unavailable(
                reason="unsupported",
                detail=f"{aws.unread_selections} AWS Backup selections have conditions that cannot be judged",
                remedy="select the cluster by its ARN or by tags",
            )
        elif aws.opted_in is False and not aws.plans:
            yield "AWS Backup is not opted in to Amazon EKS in this region"


def _aws_run(aws: AwsBackup, plan: AwsBackupPlan, rule: AwsBackupRule) -> Run | Unavailable | None:
    if isinstance(aws.jobs, Unavailable):
        return aws.jobs
    job = next((each for each in aws.jobs if not each.parent_id and _started_by(plan, rule, each)), None)
    if job is None:
        return _old_point(aws, rule)
    parts = [each for each in (job, *aws.jobs) if job.id in (each.id, each.parent_id)]
    bad = {
        each.id: f"{each.resource_type or 'job'} {each.state} {each.message}".rstrip()
        for each in parts
        if each.state != "COMPLETED" or each.message
    }
    return Run(
        completed=job.state == "COMPLETED",
        said=f"job {job.id} is {job.state}",
        age=aws.observed_at - job.completed_at if job.completed_at else None,
        unclean=f"job {job.id}: {', '.join(sorted(bad.values()))}" if bad else "",
    )


def _started_by(plan: AwsBackupPlan, rule: AwsBackupRule, job: BackupJob) -> bool:
    # A changed plan gives its rules new ids; the names stay.
    return bool(job.rule_id) and (job.rule_id == rule.id or (job.plan_id, job.rule_name) == (plan.id, rule.name))


def _old_point(aws: AwsBackup, rule: AwsBackupRule) -> Run | Unavailable | None:
    """A rule that runs so rarely that its jobs are forgotten is judged by the newest recovery point."""
    interval = longest_interval(rule.schedule)
    if interval is None or interval * 1.2 <= JOBS_KEPT:
        return None
    if isinstance(aws.recovery_points, Unavailable):
        return aws.recovery_points
    if not aws.recovery_points:
        return None
    point = aws.recovery_points[0]
    done = point.status == "COMPLETED"
    said = f"the newest recovery point is {point.status}"
    return Run(completed=done, said=said, age=aws.observed_at - point.created_at, unclean="" if done else said)


def _kasten(kasten: Kasten | Unavailable) -> Iterator[Scheduled | Unavailable | str]:
    if isinstance(kasten, Unavailable):
        yield kasten
        return
    for policy in kasten.policies:
        name = f"Kasten policy {policy.name}"
        if policy.paused:
            yield f"{name} is paused"
        elif policy.frequency.lower() in _BY_HAND:
            yield f"{name} runs only by hand"
        else:
            yield Scheduled(
                name=name,
                expression=policy.frequency,
                newest=_kasten_run(kasten, policy),
                included=policy.included_namespaces,
                excluded=policy.excluded_namespaces,
                selective=policy.selective,
            )


def _kasten_run(kasten: Kasten, policy: KastenPolicy) -> Run | Unavailable | None:
    if isinstance(kasten.newest_runs, Unavailable):
        return kasten.newest_runs
    run = next((each for each in kasten.newest_runs if each.policy == policy.name), None)
    return None if run is None else _kasten_said(kasten, run)


def _kasten_said(kasten: Kasten, run: KastenRun) -> Run:
    done = run.state == "Complete"
    said = f"run {run.name} is {run.state}"
    age = kasten.observed_at - run.completed_at if run.completed_at else None
    return Run(completed=done, said=said, age=age, unclean="" if done else said)
