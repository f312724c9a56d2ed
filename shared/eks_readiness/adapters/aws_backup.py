"""AWS Backup for the cluster: which plans take it in, its recovery points, its newest jobs.

Sources: https://docs.aws.amazon.com/aws-backup/latest/devguide/eks-backups.html,
https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.adapters.restores import newest_restores
from eks_readiness.domain.errors import AccessDenied, bounded
from eks_readiness.domain.evidence import AwsBackup, Unavailable
from eks_readiness.domain.evidence.backup import AwsBackupPlan, AwsBackupRule, BackupJob, RecoveryPoint, RestoreRun

_TYPE = "EKS"
_UNFINISHED = frozenset({"CREATED", "PENDING", "RUNNING", "ABORTING"})
_SUCCESS = frozenset({"", "SUCCESS"})
_TAG = "aws:ResourceTag/"
_NEWEST_POINTS = 20


def read_aws_backup(aws: AwsReader, gathered: Gathered) -> AwsBackup:
    """Everything that AWS Backup does for this cluster; a part that is denied says so itself."""
    arn = gathered.cluster.arn
    opted_in = unless_denied(lambda: _opted_in(aws))
    selecting = _Selecting(aws, arn, opted_in=None if isinstance(opted_in, Unavailable) else opted_in)
    plans = unless_denied(selecting.plans)
    return AwsBackup(
        observed_at=gathered.observed_at,
        source="backup:DescribeRegionSettings, ListBackupPlans, ListBackupSelections, ListRecoveryPointsByResource, "
        "ListBackupJobs, ListRestoreJobs",
        opted_in=None if isinstance(opted_in, Unavailable) else opted_in,
        plans=plans,
        recovery_points=unless_denied(lambda: _recovery_points(aws, arn)),
        jobs=unless_denied(lambda: _jobs(aws, arn)),
        unread_selections=selecting.unread,
        restores=unless_denied(lambda: newest_restores(map(_restored, _restore_jobs(aws, arn)))),
    )


def _restore_jobs(aws: AwsReader, arn: str) -> Iterable[Mapping[str, Any]]:
    """Restores of this cluster's recovery points, the whole ones and not their parts."""
    points: set[str] | None = None
    for each in aws.pages("backup", "ListRestoreJobs", "RestoreJobs", ByResourceType=_TYPE):
        source = each.get("SourceResourceArn")
        if not source and points is None:
            # Older jobs do not say what they restored.
            listed = aws.pages("backup", "ListRecoveryPointsByResource", "RecoveryPoints", ResourceArn=arn)
            points = {one["RecoveryPointArn"] for one in listed}
        ours = source == arn if source else each.get("RecoveryPointArn") in (points or ())
        if ours and not each.get("ParentJobId"):
            yield each


def _restored(job: Mapping[str, Any]) -> RestoreRun | None:
    ended_at = job.get("CompletionDate") or job.get("CreationDate")
    if job.get("Status") in _UNFINISHED or ended_at is None:
        return None
    problem = "" if job.get("Status") == "COMPLETED" else f"it is {job.get('Status') or 'unknown'}"
    if not problem and job.get("ValidationStatus") in ("FAILED", "TIMED_OUT"):
        problem = f"its validation is {job['ValidationStatus']}"
    if not problem and "issue" in (job.get("StatusMessage") or "").lower():
        problem = job["StatusMessage"]
    name = f"restore job {job.get('RestoreJobId') or 'without an id'}"
    return RestoreRun(name=name, ended_at=ended_at, problem=bounded(problem, 200))


def _opted_in(aws: AwsReader) -> bool | None:
    preference = aws.read("backup", "DescribeRegionSettings").get("ResourceTypeOptInPreference") or {}
    value = preference.get(_TYPE)
    return None if value is None else bool(value)


class _Selecting:
    """Finds the plans whose selections take a cluster in; counts the selections that cannot be judged from outside."""

    def __init__(self, aws: AwsReader, arn: str, *, opted_in: bool | None) -> None:
        self._aws = aws
        self._arn = arn
        self._opted_in = opted_in
        self._tags: Mapping[str, str] | None = None
        self.unread = 0

    def plans(self) -> tuple[AwsBackupPlan, ...]:
        """Every plan that takes the cluster in."""
        listed = self._aws.pages("backup", "ListBackupPlans", "BackupPlansList")
        return tuple(self._plan(each) for each in listed if self._selects(each["BackupPlanId"]))

    def _plan(self, listed: Mapping[str, Any]) -> AwsBackupPlan:
        plan = self._aws.read("backup", "GetBackupPlan", BackupPlanId=listed["BackupPlanId"])["BackupPlan"]
        return AwsBackupPlan(
            id=listed["BackupPlanId"],
            name=plan.get("BackupPlanName") or "",
            rules=tuple(
                AwsBackupRule(
                    id=each.get("RuleId") or "",
                    name=each.get("RuleName") or "",
                    schedule=each.get("ScheduleExpression") or "",
                    vault=each.get("TargetBackupVaultName") or "",
                )
                for each in plan.get("Rules") or ()
            ),
        )

    def _selects(self, plan_id: str) -> bool:
        listed = self._aws.pages("backup", "ListBackupSelections", "BackupSelectionsList", BackupPlanId=plan_id)
        asked = [{"BackupPlanId": plan_id, "SelectionId": each["SelectionId"]} for each in listed]
        selected = False
        for answer in self._aws.read_each("backup", "GetBackupSelection", asked):
            if isinstance(answer, AccessDenied):
                self.unread += 1
            elif isinstance(answer, Exception):
                raise answer
            else:
                selected = self._takes_in(answer["BackupSelection"]) or selected
        return selected

    def _takes_in(self, selection: Mapping[str, Any]) -> bool:  # noqa: PLR0911 - one for each rule of the service
        """Resources and tags of the old form add up; conditions and exclusions then narrow.

        A region that has not opted in to EKS backs up only clusters that a selection names by ARN. Whether tags widen
        or narrow a pattern of resources is not documented: where that decides, the selection counts as unread.
        """
        resources, tags = selection.get("Resources") or (), selection.get("ListOfTags") or ()
        conditions = {kind: listed for kind, listed in (selection.get("Conditions") or {}).items() if listed}
        matching = [pattern for pattern in resources if _fits(pattern, self._arn)]
        if any(_fits(pattern, self._arn) for pattern in selection.get("NotResources") or ()):
            return False
        if self._opted_in is False and not any(pattern != "*" for pattern in matching):
            return False
        if not tags and not conditions:
            return bool(matching)
        if not (matching or tags or not resources):
            return False
        known = self._cluster_tags()
        if known is None:
            self.unread += 1
            return False
        by_tag = any(known.get(each["ConditionKey"].removeprefix(_TAG)) == each["ConditionValue"] for each in tags)
        if not _meets(conditions, known):
            return False
        if tags and not by_tag and self._arn not in matching:
            self.unread += bool(matching)
            return False
        return True

    def _cluster_tags(self) -> Mapping[str, str] | None:
        if self._tags is None:
            try:
                self._tags = self._aws.read("eks", "ListTagsForResource", resourceArn=self._arn).get("tags") or {}
            except AccessDenied:
                return None
        return self._tags


def _fits(pattern: str, arn: str) -> bool:
    return fnmatchcase(arn, pattern.replace("[", "[[]"))


def _meets(conditions: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    tests: dict[str, Callable[[str | None, str], bool]] = {
        "StringEquals": lambda value, wanted: value == wanted,
        "StringNotEquals": lambda value, wanted: value != wanted,
        "StringLike": lambda value, wanted: value is not None and fnmatchcase(value, wanted),
        "StringNotLike": lambda value, wanted: value is None or not fnmatchcase(value, wanted),
    }
    return all(
        tests[kind](tags.get(each["ConditionKey"].removeprefix(_TAG)), each["ConditionValue"])
        for kind, listed in conditions.items()
        for each in listed or ()
    )


def _recovery_points(aws: AwsReader, arn: str) -> tuple[RecoveryPoint, ...]:
    found = aws.pages("backup", "ListRecoveryPointsByResource", "RecoveryPoints", ResourceArn=arn)
    points = [
        RecoveryPoint(arn=each["RecoveryPointArn"], status=each.get("Status") or "", created_at=each["CreationDate"])
        for each in found
        if not each.get("ParentRecoveryPointArn")
    ]
    return tuple(sorted(points, key=lambda each: each.created_at, reverse=True)[:_NEWEST_POINTS])


def _jobs(aws: AwsReader, arn: str) -> tuple[BackupJob, ...]:
    """The newest finished job of each rule, with its parts."""
    listed = aws.pages("backup", "ListBackupJobs", "BackupJobs", ByResourceArn=arn)
    parents = _newest_of_each_rule(_job(each) for each in listed if not each.get("ParentJobId"))
    children = [
        _job(each)
        for parent in parents
        for each in aws.pages("backup", "ListBackupJobs", "BackupJobs", ByParentJobId=parent.id)
    ]
    return (*parents, *children)


def _newest_of_each_rule(jobs: Iterable[BackupJob]) -> list[BackupJob]:
    newest: dict[tuple[str, str], BackupJob] = {}
    for job in jobs:
        rule = (job.plan_id, job.rule_id)
        if job.state in _UNFINISHED or (rule in newest and newest[rule].created_at >= job.created_at):
            continue
        newest[rule] = job
    return sorted(newest.values(), key=lambda each: each.created_at, reverse=True)


def _job(found: Mapping[str, Any]) -> BackupJob:
    by = found.get("CreatedBy") or {}
    category = found.get("MessageCategory") or ""
    said = found.get("StatusMessage") or ("" if category in _SUCCESS else category)
    return BackupJob(
        id=found["BackupJobId"],
        state=found.get("State") or "",
        created_at=found["CreationDate"],
        completed_at=found.get("CompletionDate"),
        resource_type=found.get("ResourceType") or "",
        parent_id=found.get("ParentJobId") or "",
        plan_id=by.get("BackupPlanId") or "",
        rule_id=by.get("BackupRuleId") or "",
        rule_name=by.get("BackupRuleName") or "",
        message=bounded(said),
    )


PROBES = (
    AwsProbe(
        provides=AwsBackup,
        actions=(
            "backup:DescribeRegionSettings",
            "backup:ListBackupPlans",
            "backup:GetBackupPlan",
            "backup:ListBackupSelections",
            "backup:GetBackupSelection",
            "backup:ListRecoveryPointsByResource",
            "backup:ListBackupJobs",
            "backup:ListRestoreJobs",
            "eks:ListTagsForResource",
        ),
        read=read_aws_backup,
    ),
)
"""What this module gathers."""
