"""Pipelines, build projects and test reports that are registered for the cluster by tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eks_readiness.adapters.aws_tags import registered
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, RefusedRequest
from eks_readiness.domain.evidence import Pipelines, Unavailable
from eks_readiness.domain.evidence.delivery import Pipeline, PipelineKind, PipelineRun

CAP = 20
"""Registered pipelines that are looked at: each takes one or two calls."""
_TYPES = ("codepipeline", "codebuild")
_EXECUTIONS, _BUILDS = 100, 20
# An execution that was overtaken or called off says nothing about what it would have done.
_NO_RESULT = frozenset({"InProgress", "Stopping", "Stopped", "Superseded", "Cancelled"})
_BUILDS_NO_RESULT = frozenset({"IN_PROGRESS", "STOPPED"})
_REPORTS_NO_RESULT = frozenset({"GENERATING", "DELETING"})
_GONE = frozenset({"PipelineNotFoundException", "ResourceNotFoundException"})
Newest = Callable[[AwsReader, str, str], PipelineRun | None]


def read_pipelines(aws: AwsReader, gathered: Gathered) -> Pipelines:
    """The newest finished run of each."""
    wanted = sorted(arn for arn in registered(aws, gathered.cluster, _TYPES) if _kind(arn))
    found = [_pipeline(aws, arn) for arn in wanted[:CAP]]
    return Pipelines(
        observed_at=gathered.observed_at,
        source="tag:GetResources, codepipeline:ListPipelineExecutions, codebuild:ListBuildsForProject, BatchGetBuilds, "
        "ListReportsForReportGroup, BatchGetReports",
        pipelines=tuple(each for each in found if each is not None),
        beyond_cap=max(0, len(wanted) - CAP),
    )


def _kind(arn: str) -> tuple[PipelineKind, str, Newest] | None:
    """What an ARN names; None for webhooks, actions and fleets."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "codepipeline" and ":" not in resource and "/" not in resource:
        return "CodePipeline", resource, _newest_execution
    kind, _, name = resource.partition("/")
    if service == "codebuild" and kind == "project":
        return "CodeBuild", name, _newest_build
    return ("report group", name, _newest_report) if service == "codebuild" and kind == "report-group" else None


def _pipeline(aws: AwsReader, arn: str) -> Pipeline | None:
    known = _kind(arn)
    if known is None:
        return None
    kind, name, read = known
    try:
        run = read(aws, name, arn)
    except AccessDenied as error:
        return Pipeline(kind=kind, name=name, newest=Unavailable.because(error))
    except RefusedRequest as error:
        # Tags are remembered for a while after their resource is gone.
        if error.code in _GONE:
            return None
        raise
    return Pipeline(kind=kind, name=name, newest=() if run is None else (run,))


def _newest_execution(aws: AwsReader, name: str, _arn: str) -> PipelineRun | None:
    # Newest first; a hundred are enough to find one that ended.
    answer = aws.read("codepipeline", "ListPipelineExecutions", pipelineName=name, maxResults=_EXECUTIONS)
    for each in answer.get("pipelineExecutionSummaries") or ():
        if each.get("status") not in _NO_RESULT and each.get("lastUpdateTime"):
            return _execution(each)
    return None


def _execution(found: Mapping[str, Any]) -> PipelineRun:
    back = found.get("executionType") == "ROLLBACK"
    status = found.get("status") or "unknown"
    return PipelineRun(
        status=f"{status} as a rollback" if back else status,
        green=status == "Succeeded" and not back,
        finished_at=found["lastUpdateTime"],
    )


def _newest_build(aws: AwsReader, name: str, _arn: str) -> PipelineRun | None:
    listed = aws.read("codebuild", "ListBuildsForProject", projectName=name, sortOrder="DESCENDING").get("ids") or ()
    if not listed:
        return None
    found = aws.read("codebuild", "BatchGetBuilds", ids=list(listed[:_BUILDS])).get("builds") or ()
    ended = [each for each in found if each.get("buildStatus") not in _BUILDS_NO_RESULT and each.get("endTime")]
    newest = max(ended, key=lambda each: each["endTime"], default=None)
    if newest is None:
        return None
    status = newest.get("buildStatus") or "unknown"
    return PipelineRun(status=status, green=status == "SUCCEEDED", finished_at=newest["endTime"])


def _newest_report(aws: AwsReader, _name: str, arn: str) -> PipelineRun | None:
    listed = aws.read(
        "codebuild", "ListReportsForReportGroup", reportGroupArn=arn, sortOrder="DESCENDING", maxResults=_BUILDS
    ).get("reports")
    if not listed:
        return None
    found = aws.read("codebuild", "BatchGetReports", reportArns=list(listed)).get("reports") or ()
    ended = [each for each in found if each.get("status") not in _REPORTS_NO_RESULT and each.get("created")]
    newest = max(ended, key=lambda each: each["created"], default=None)
    if newest is None:
        return None
    status = newest.get("status") or "unknown"
    empty = newest.get("testSummary") is not None and not newest["testSummary"].get("total")
    return PipelineRun(
        status=f"{status} without a test" if empty else status,
        green=status == "SUCCEEDED" and not empty,
        finished_at=newest["created"],
    )


PROBES = (
    AwsProbe(
        provides=Pipelines,
        actions=(
            "tag:GetResources",
            "codepipeline:ListPipelineExecutions",
            "codebuild:ListBuildsForProject",
            "codebuild:BatchGetBuilds",
            "codebuild:ListReportsForReportGroup",
            "codebuild:BatchGetReports",
        ),
        read=read_pipelines,
    ),
)
"""What this module gathers."""
