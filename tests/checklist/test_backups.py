"""Backups of three solutions, as values: which run counts, how old it may be, and where it lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from eks_readiness.checklist.extensions import backup_restore
from eks_readiness.checklist.extensions.backups import Backups, Run, Scheduled, backups
from eks_readiness.domain.evidence import AwsBackup, Components, Kasten, Namespaces, Unavailable, Velero
from eks_readiness.domain.evidence.backup import (
    AwsBackupPlan,
    AwsBackupRule,
    BackupJob,
    KastenPolicy,
    KastenProfile,
    KastenRun,
    RecoveryPoint,
    VeleroBackup,
    VeleroLocation,
    VeleroSchedule,
)
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.evidence.policies import Namespace
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DENIED = Unavailable(reason="denied", detail="no right", remedy="grant it")
NO_VELERO = Velero(observed_at=NOW, source="test", installed=False)
NO_AWS = AwsBackup(observed_at=NOW, source="test")
NO_KASTEN = Kasten(observed_at=NOW, source="test", installed=False)
RUNNING = Components(
    observed_at=NOW,
    source="test",
    components=(Component(component="velero", kind="Deployment", namespace="v", name="velero", desired=1, ready=1),),
)


def _is_scheduled(
    velero: Velero | Unavailable, aws: AwsBackup | Unavailable, kasten: Kasten | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """The check of what is scheduled, where Velero runs."""
    return backup_restore.something_is_scheduled(velero, aws, kasten, RUNNING, policy)


EVERY_CHECK = (
    _is_scheduled,
    backup_restore.newest_backup_is_recent,
    backup_restore.newest_backup_is_clean,
)


def _velero(**parts: object) -> Velero:
    return msgspec.structs.replace(NO_VELERO, installed=True, **parts)


def _kasten(**parts: object) -> Kasten:
    return msgspec.structs.replace(NO_KASTEN, installed=True, **parts)


def _schedule(name: str = "daily", **parts: object) -> VeleroSchedule:
    made = VeleroSchedule(name=name, cron="0 2 * * *", phase="Enabled")
    return msgspec.structs.replace(made, **parts)


def _backup(name: str = "daily", **parts: object) -> VeleroBackup:
    made = VeleroBackup(
        name=f"{name}-1", schedule=name, phase="Completed", started_at=NOW - 10 * HOUR, completed_at=NOW - 9 * HOUR
    )
    return msgspec.structs.replace(made, **parts)


RULE = AwsBackupRule(id="rule-1", name="daily", schedule="cron(0 2 * * ? *)")
YEARLY = AwsBackupRule(id="rule-2", name="yearly", schedule="cron(0 2 1 1 ? *)")
PLAN = AwsBackupPlan(id="plan-1", name="gold", rules=(RULE,))


def _job(**parts: object) -> BackupJob:
    made = BackupJob(
        id="job-1",
        state="COMPLETED",
        created_at=NOW - 10 * HOUR,
        completed_at=NOW - 9 * HOUR,
        resource_type="EKS",
        plan_id="plan-1",
        rule_id="rule-1",
        rule_name="daily",
    )
    return msgspec.structs.replace(made, **parts)


def _aws(*jobs: BackupJob, rule: AwsBackupRule = RULE, **parts: object) -> AwsBackup:
    plan = msgspec.structs.replace(PLAN, rules=(rule,))
    return msgspec.structs.replace(NO_AWS, plans=(plan,), jobs=jobs, **parts)


def _run_of(aws: AwsBackup) -> Run | Unavailable | None:
    (scheduled,) = backups(NO_VELERO, aws, NO_KASTEN).active
    return scheduled.newest


def test_a_velero_schedule_with_its_newest_backup() -> None:
    """That of its own name, and everything about it."""
    schedule = _schedule(included_namespaces=("shop",), excluded_namespaces=("shop-test",), selective=True)
    found = backups(_velero(schedules=(schedule,), newest_backups=(_backup("other"), _backup())), NO_AWS, NO_KASTEN)
    run = Run(completed=True, said="daily-1 is Completed", age=9 * HOUR)
    scheduled = Scheduled(
        name="Velero schedule daily",
        expression="0 2 * * *",
        newest=run,
        included=("shop",),
        excluded=("shop-test",),
        selective=True,
        by_velero=True,
    )
    assert found == Backups(active=(scheduled,), idle=(), unread=None)


def test_a_velero_backup_that_did_not_complete() -> None:
    """Without a completion it has no age."""
    failed_one = _backup(phase="Failed", completed_at=None, errors=3)
    (found,) = backups(_velero(schedules=(_schedule(),), newest_backups=(failed_one,)), NO_AWS, NO_KASTEN).active
    assert found.newest == Run(
        completed=False, said="daily-1 is Failed", unclean="daily-1 is Failed with 0 warnings and 3 errors"
    )


def test_idle_schedules_say_why() -> None:
    """Paused, refused, not looked at by Velero yet, or run by hand."""
    velero = _velero(schedules=(_schedule("a", paused=True), _schedule("b", phase=""), _schedule("c", phase="New")))
    kasten = _kasten(
        policies=(
            KastenPolicy(name="d", frequency="@daily", paused=True),
            KastenPolicy(name="e", frequency="@onDemand"),
            KastenPolicy(name="f", frequency=""),
        )
    )
    idle = (
        "Velero schedule a is paused",
        "Velero schedule b is not yet validated",
        "Velero schedule c is New",
        "AWS Backup is not opted in to Amazon EKS in this region",
        "Kasten policy d is paused",
        "Kasten policy e runs only by hand",
        "Kasten policy f runs only by hand",
    )
    aws = msgspec.structs.replace(NO_AWS, opted_in=False)
    found = backups(velero, aws, kasten)
    assert found == Backups(active=(), idle=idle, unread=None)
    for each in EVERY_CHECK:
        assert each(velero, aws, kasten, Policy()) == failed(f"nothing is scheduled: {'; '.join(idle)}", idle)
        assert each(NO_VELERO, NO_AWS, NO_KASTEN, Policy()) == failed("nothing backs up this cluster")
        assert each(DENIED, aws, kasten, Policy()) == DENIED


def test_a_kasten_policy_with_its_newest_run() -> None:
    """That of its own name, and everything about it."""
    policy = KastenPolicy(
        name="p",
        frequency="@daily",
        included_namespaces=("shop",),
        excluded_namespaces=("test",),
        selective=True,
    )
    run = KastenRun(policy="p", name="r-1", state="Complete", started_at=NOW - 3 * HOUR, completed_at=NOW - HOUR)
    other = msgspec.structs.replace(run, policy="q", state="Failed")
    (found,) = backups(NO_VELERO, NO_AWS, _kasten(policies=(policy,), newest_runs=(other, run))).active
    assert found == Scheduled(
        name="Kasten policy p",
        expression="@daily",
        newest=Run(completed=True, said="run r-1 is Complete", age=HOUR),
        included=("shop",),
        excluded=("test",),
        selective=True,
    )
    bad = msgspec.structs.replace(run, state="Failed", completed_at=None)
    (found,) = backups(NO_VELERO, NO_AWS, _kasten(policies=(policy,), newest_runs=(bad,))).active
    assert found.newest == Run(completed=False, said="run r-1 is Failed", unclean="run r-1 is Failed")
    (found,) = backups(NO_VELERO, NO_AWS, _kasten(policies=(policy,), newest_runs=(other,))).active
    assert found.newest is None


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"plan_id": "plan-2", "rule_name": "weekly"}, True),
        ({"rule_id": "older"}, True),
        ({"rule_id": "older", "plan_id": "plan-2"}, False),
        ({"rule_id": "older", "rule_name": "weekly"}, False),
        ({"rule_id": ""}, False),
        ({"parent_id": "job-0"}, False),
    ],
)
def test_the_job_that_a_rule_started(changes: dict[str, object], found: bool) -> None:
    """By the rule's id, or by its plan and name after a change; never a part, never one on demand."""
    run = Run(completed=True, said="job job-1 is COMPLETED", age=9 * HOUR)
    assert _run_of(_aws(_job(**changes))) == (run if found else None)


def test_an_aws_job_with_parts() -> None:
    """What is not perfect about it or its parts is said in one line; other jobs' parts are not its own."""
    jobs = (
        _job(id="part-3", parent_id="job-1", message="completed with issues ", resource_type=""),
        _job(id="part-2", parent_id="job-1", state="FAILED", resource_type="EBS"),
        _job(id="part-9", parent_id="job-9", state="FAILED", resource_type="S3"),
        _job(),
        _job(id="job-0", state="FAILED"),
    )
    unclean = "job job-1: EBS FAILED, job COMPLETED completed with issues"
    assert _run_of(_aws(*jobs)) == Run(completed=True, said="job job-1 is COMPLETED", age=9 * HOUR, unclean=unclean)


def test_an_aws_job_without_an_end() -> None:
    """It has no age."""
    assert _run_of(_aws(_job(state="ABORTED", completed_at=None))) == Run(
        completed=False, said="job job-1 is ABORTED", unclean="job job-1: EKS ABORTED"
    )


POINT = RecoveryPoint(arn="arn:point/1", status="COMPLETED", created_at=NOW - 40 * DAY)


@pytest.mark.parametrize(
    ("rule", "points", "expected"),
    [
        (RULE, (POINT,), None),
        (YEARLY, (), None),
        (YEARLY, DENIED, DENIED),
        (AwsBackupRule(id="x", name="x", schedule=""), (POINT,), None),
        (AwsBackupRule(id="x", name="x", schedule="rate(25 days)"), (POINT,), None),
        (
            AwsBackupRule(id="x", name="x", schedule="rate(26 days)"),
            (POINT, msgspec.structs.replace(POINT, status="EXPIRED")),
            Run(completed=True, said="the newest recovery point is COMPLETED", age=40 * DAY),
        ),
        (
            YEARLY,
            (msgspec.structs.replace(POINT, status="PARTIAL"), POINT),
            Run(
                completed=False,
                said="the newest recovery point is PARTIAL",
                age=40 * DAY,
                unclean="the newest recovery point is PARTIAL",
            ),
        ),
    ],
)
def test_a_rule_whose_jobs_are_forgotten(
    rule: AwsBackupRule, points: tuple[RecoveryPoint, ...] | Unavailable, expected: Run | Unavailable | None
) -> None:
    """AWS Backup lists jobs for thirty days: a rule that runs more rarely is judged by its newest recovery point."""
    assert _run_of(_aws(rule=rule, recovery_points=points)) == expected


def test_a_backup_may_be_as_old_as_its_limit_and_no_older() -> None:
    """Twenty-six hours or 1.2 times the interval; the reason says both ages in hours."""
    for cron, hours in (("0 2 * * *", 28.8), ("0 * * * *", 26), ("not a schedule", 26)):
        schedules = (_schedule(cron=cron),)
        for late in (False, True):
            completed_at = NOW - hours * HOUR - (timedelta(seconds=1) if late else timedelta())
            velero = _velero(schedules=schedules, newest_backups=(_backup(completed_at=completed_at),))
            answer = backup_restore.newest_backup_is_recent(velero, NO_AWS, NO_KASTEN, Policy())
            assert isinstance(answer, Verdict)
            assert answer.outcome == ("fail" if late else "pass")
            if late:
                why = f"Velero schedule daily: daily-1 is Completed, {hours:.0f} h old, limit {hours:.0f} h"
                assert answer == failed(f"1 of 1 schedules have no recent backup: {why}", [why])
    aged = _velero(schedules=(_schedule(),), newest_backups=(_backup(completed_at=NOW - 3000.2 * HOUR),))
    old = backup_restore.newest_backup_is_recent(aged, NO_AWS, NO_KASTEN, Policy())
    assert isinstance(old, Verdict)
    assert "3000 h old" in old.reason


def test_several_schedules_are_named_in_one_line() -> None:
    """Also the one that never finished a backup, which is not clean either."""
    velero = _velero(schedules=(_schedule("a"), _schedule("b")), newest_backups=(_backup("a"),))
    assert _is_scheduled(velero, NO_AWS, NO_KASTEN, Policy()) == passed(
        "2 active: Velero schedule a; Velero schedule b"
    )
    gone = Components(observed_at=NOW, source="test")
    said = "Velero has 2 schedules, and it does not run"
    answer = backup_restore.something_is_scheduled(velero, NO_AWS, NO_KASTEN, gone, Policy())
    assert answer == failed(said, ["Velero schedule a", "Velero schedule b"])
    assert backup_restore.something_is_scheduled(velero, DENIED, NO_KASTEN, gone, Policy()) == DENIED
    assert backup_restore.something_is_scheduled(velero, NO_AWS, NO_KASTEN, DENIED, Policy()) == DENIED
    never = "Velero schedule b: it never finished a backup"
    unclean = backup_restore.newest_backup_is_clean(velero, NO_AWS, NO_KASTEN, Policy())
    assert unclean == failed(f"1 of 2 schedules: {never}", [never])


LOCATIONS = (VeleroLocation(name="main", phase="Available", default=True), VeleroLocation(name="other", phase=""))


@pytest.mark.parametrize(
    ("schedules", "locations", "expected"),
    [
        ((_schedule(),), LOCATIONS, passed("Velero location main is Available")),
        ((_schedule(),), LOCATIONS[1:], failed("1 of 1 Velero locations: default is missing", ["default is missing"])),
        (
            (_schedule(), _schedule("b", storage_location="other"), _schedule("c", storage_location="gone")),
            LOCATIONS,
            failed("2 of 3 Velero locations: gone is missing", ["gone is missing", "other is not yet validated"]),
        ),
        (
            (_schedule(), _schedule("b", storage_location="gone", paused=True)),
            LOCATIONS,
            passed("Velero location main is Available"),
        ),
        ((), LOCATIONS[:1], passed("Velero location main is Available")),
        (
            (),
            (*LOCATIONS[:1], VeleroLocation(name="backup", phase="Available")),
            passed("Velero location backup, main is Available"),
        ),
        ((), (), failed("no backup location and no recovery point of this cluster")),
        ((_schedule(),), DENIED, DENIED),
    ],
)
def test_the_locations_that_velero_writes_to(
    schedules: tuple[VeleroSchedule, ...], locations: tuple[VeleroLocation, ...] | Unavailable, expected: object
) -> None:
    """Those that unpaused schedules name, the default one where they name none, and all where nothing is scheduled."""
    velero = _velero(schedules=schedules, locations=locations)
    assert backup_restore.backups_have_a_working_place(velero, NO_AWS, NO_KASTEN, Policy()) == expected


PROFILES = (
    KastenProfile(name="s3", validation="Success"),
    KastenProfile(name="nfs"),
    KastenProfile(name="b", validation="Success"),
)


@pytest.mark.parametrize(
    ("used", "paused", "expected"),
    [
        (("s3",), (), passed("Kasten profile s3 is valid")),
        (("s3", "b"), ("nfs",), passed("Kasten profile b, s3 is valid")),
        (("s3", "nfs"), (), failed("1 of 2 Kasten profiles: nfs: not yet validated", ["nfs: not yet validated"])),
        (
            ("nfs", "gone"),
            (),
            failed("2 of 2 Kasten profiles: gone: missing", ["gone: missing", "nfs: not yet validated"]),
        ),
        ((), (), failed("no backup location and no recovery point of this cluster")),
    ],
)
def test_the_profiles_that_kasten_writes_to(used: tuple[str, ...], paused: tuple[str, ...], expected: Verdict) -> None:
    """Those of policies that are not paused."""
    policies = (
        KastenPolicy(name="a", frequency="@daily", profiles=used),
        KastenPolicy(name="b", frequency="@daily", paused=True, profiles=paused),
    )
    kasten = _kasten(policies=policies, profiles=PROFILES)
    assert backup_restore.backups_have_a_working_place(NO_VELERO, NO_AWS, kasten, Policy()) == expected


def test_one_place_that_works_is_enough_and_what_is_unread_may_be_one() -> None:
    """A recovery point that is still being made says nothing."""
    making = msgspec.structs.replace(POINT, status="CREATING")
    partial = msgspec.structs.replace(POINT, arn="arn:point/2", status="PARTIAL")
    velero = _velero(schedules=(_schedule(),))
    for points, expected in (
        ((making, POINT), passed("the newest recovery point, of 2026-01-29, is COMPLETED")),
        ((making, partial, POINT), failed("1 of 1 Velero locations: default is missing", ["default is missing"])),
        ((making,), failed("1 of 1 Velero locations: default is missing", ["default is missing"])),
    ):
        aws = msgspec.structs.replace(NO_AWS, recovery_points=points)
        assert backup_restore.backups_have_a_working_place(velero, aws, NO_KASTEN, Policy()) == expected
        assert backup_restore.backups_have_a_working_place(NO_VELERO, aws, _kasten(profiles=DENIED), Policy()) == (
            expected if expected.outcome == "pass" else DENIED
        )
    alone = backup_restore.backups_have_a_working_place(
        NO_VELERO, msgspec.structs.replace(NO_AWS, recovery_points=(partial,)), NO_KASTEN, Policy()
    )
    assert alone == failed("the newest recovery point is PARTIAL", ["arn:point/2"])


def test_namespaces_that_no_schedule_takes() -> None:
    """Schedules that take a part are named; without any schedule, every namespace is open."""
    namespaces = Namespaces(
        observed_at=NOW,
        source="test",
        namespaces=(Namespace(name="pay"), Namespace(name="shop"), Namespace(name="kube-system")),
    )
    check = backup_restore.every_namespace_is_backed_up
    velero = _velero(
        schedules=(
            _schedule("a", selective=True),
            _schedule("b", included_namespaces=("shop",)),
            _schedule("c", selective=True),
        )
    )
    assert check(namespaces, velero, NO_AWS, NO_KASTEN, Policy()) == failed(
        "1 of 2 namespaces are in no backup; Velero schedule a, Velero schedule c takes only some objects", ["pay"]
    )
    assert check(namespaces, velero, NO_AWS, DENIED, Policy()) == DENIED
    assert check(namespaces, NO_VELERO, NO_AWS, DENIED, Policy()) == DENIED
    none = failed("nothing backs up this cluster", ["pay", "shop"])
    assert check(namespaces, NO_VELERO, NO_AWS, NO_KASTEN, Policy()) == none
    kasten = _kasten(
        policies=(
            KastenPolicy(name="a", frequency="@daily", included_namespaces=("*",), excluded_namespaces=("pay*",)),
            KastenPolicy(name="b", frequency="@daily", included_namespaces=("p?y",)),
        )
    )
    assert check(namespaces, NO_VELERO, NO_AWS, kasten, Policy()) == passed("2 namespaces are backed up")
