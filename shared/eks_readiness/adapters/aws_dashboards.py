"""CloudWatch dashboards that name the cluster, and workspaces of Amazon Managed Grafana."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eks_readiness.adapters.aws_naming import mentions, named_after, offered
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import ProbeError, RefusedRequest
from eks_readiness.domain.evidence import CloudWatchDashboards, GrafanaWorkspaces

_MAX_READ = 100
"""Dashboards whose body is read: first those named after the cluster, then the newest."""
_AT_ONCE = 10
_GONE = ("ResourceNotFound", "DashboardNotFoundError")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def read_dashboards(aws: AwsReader, gathered: Gathered) -> CloudWatchDashboards:
    """Read dashboards until one names the cluster; nothing of their bodies is kept."""
    cluster = gathered.cluster.name
    listed = list(aws.pages("cloudwatch", "ListDashboards", "DashboardEntries"))
    newest_first = sorted(listed, key=lambda each: each.get("LastModified") or _LONG_AGO, reverse=True)
    names = [
        each["DashboardName"]
        for each in sorted(newest_first, key=lambda each: not named_after(each["DashboardName"], cluster))
    ][:_MAX_READ]
    naming, read = "", 0
    while not naming and read < len(names):
        batch = names[read : read + _AT_ONCE]
        answers = aws.read_each("cloudwatch", "GetDashboard", [{"DashboardName": name} for name in batch])
        naming = next((name for name, each in zip(batch, answers, strict=True) if mentions(_body(each), cluster)), "")
        read += len(batch)
    return CloudWatchDashboards(
        observed_at=gathered.observed_at,
        source="cloudwatch:ListDashboards, cloudwatch:GetDashboard",
        total=len(listed),
        read=read,
        naming=naming,
    )


def _body(answer: Mapping[str, Any] | ProbeError) -> str:
    if isinstance(answer, RefusedRequest) and answer.code in _GONE:
        return ""  # deleted since it was listed
    if isinstance(answer, ProbeError):
        raise answer
    return answer.get("DashboardBody") or ""


def read_workspaces(aws: AwsReader, gathered: Gathered) -> GrafanaWorkspaces:
    """Active workspaces of Amazon Managed Grafana, by whether name, description or tags name the cluster."""
    source = "grafana:ListWorkspaces"
    if not offered("grafana", gathered.cluster.partition):
        return GrafanaWorkspaces(observed_at=gathered.observed_at, source=source, offered=False)
    active = [
        each
        for each in aws.pages("grafana", "ListWorkspaces", "workspaces")
        if each.get("status") in ("ACTIVE", "UPDATING")
    ]
    naming = [each.get("name") or each["id"] for each in active if _names(each, gathered.cluster.name)]
    return GrafanaWorkspaces(
        observed_at=gathered.observed_at,
        source=source,
        naming=tuple(sorted(naming)),
        others=len(active) - len(naming),
    )


def _names(workspace: Mapping[str, Any], cluster: str) -> bool:
    texts = (workspace.get("description") or "", *(workspace.get("tags") or {}).values())
    return named_after(workspace.get("name") or "", cluster) or any(mentions(text, cluster) for text in texts)


PROBES = (
    AwsProbe(
        provides=CloudWatchDashboards,
        actions=("cloudwatch:GetDashboard", "cloudwatch:ListDashboards"),
        read=read_dashboards,
    ),
    AwsProbe(provides=GrafanaWorkspaces, actions=("grafana:ListWorkspaces",), read=read_workspaces),
)
"""What this module gathers."""
