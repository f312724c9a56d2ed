"""Traces and objectives in X-Ray and CloudWatch Application Signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from eks_readiness.adapters.aws_naming import named_after, of_environment, offered
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.evidence import (
    MAX_SAMPLE,
    ApplicationSignals,
    Instances,
    Nodes,
    Sample,
    ServiceObjectives,
    Unavailable,
    XRayTraces,
)
from eks_readiness.domain.evidence.observability import BudgetState

_EKS = "AWS::EKS::Container"
"""Origin of segments that the X-Ray SDKs and the OpenTelemetry exporter find themselves to run on EKS."""
_WINDOW = timedelta(hours=6)
"""Longest range of one request. Source: https://docs.aws.amazon.com/xray/latest/api/API_GetServiceGraph.html"""
_HOUR = timedelta(hours=1)
_MAX_TRACES = 500
"""Traces that are looked through for one of this cluster's nodes, of the last hour and, without one, of six."""
_BATCH = 50
"""Objectives that one request takes."""
_MAX_OBJECTIVES = 100
"""Objectives whose budget is looked at."""


def read_application_signals(aws: AwsReader, gathered: Gathered) -> ApplicationSignals:
    """Services of this cluster that sent data; AWS rounds the time asked about to whole hours."""
    source = "application-signals:ListServices"
    if not offered("application-signals", gathered.cluster.partition):
        return ApplicationSignals(observed_at=gathered.observed_at, source=source, offered=False)
    found = aws.pages(
        "application-signals",
        "ListServices",
        "ServiceSummaries",
        StartTime=gathered.observed_at - _HOUR,
        EndTime=gathered.observed_at,
    )
    return ApplicationSignals(
        observed_at=gathered.observed_at,
        source=source,
        services=_sample(
            str(each["KeyAttributes"].get("Name") or "")
            for each in found
            # Without metrics it is a service that was discovered, and sends nothing.
            if each.get("MetricReferences") and _runs_in(each, gathered.cluster.name)
        ),
    )


def _runs_in(service: Mapping[str, Any], cluster: str) -> bool:
    return of_environment((service.get("KeyAttributes") or {}).get("Environment") or "", cluster) or any(
        each.get("EKS.Cluster") == cluster for each in service.get("AttributeMaps") or ()
    )


def _sample(names: Iterator[str]) -> Sample:
    total, first = 0, list[str]()
    for name in names:
        total += 1
        if len(first) < MAX_SAMPLE:
            first.append(name)
    return Sample(total=total, names=tuple(first))


def read_traces(aws: AwsReader, gathered: Gathered) -> XRayTraces:
    """How new traces of EKS are, and those through a node of this cluster: segments do not name their cluster."""
    account = gathered.cluster.account
    newest = max(
        (
            each["EndTime"]
            for each in aws.pages(
                "xray",
                "GetServiceGraph",
                "Services",
                StartTime=gathered.observed_at - _WINDOW,
                EndTime=gathered.observed_at,
            )
            # A monitoring account sees the traces of others too.
            if each.get("Type") == _EKS and each.get("EndTime") and each.get("AccountId", account) == account
        ),
        default=None,
    )
    return XRayTraces(
        observed_at=gathered.observed_at,
        source="xray:GetServiceGraph, xray:GetTraceSummaries, eks:ListClusters",
        newest_at=newest,
        newest_of_nodes_at=unless_denied(lambda: _newest_of_nodes(aws, gathered)) if newest else None,
        clusters=unless_denied(lambda: sum(1 for _ in aws.pages("eks", "ListClusters", "clusters"))),
    )


def _newest_of_nodes(aws: AwsReader, gathered: Gathered) -> datetime | Unavailable | None:
    mine, unread = _instances(gathered)
    for window in (_HOUR, _WINDOW) if mine else ():
        summaries = aws.pages(
            "xray",
            "GetTraceSummaries",
            "TraceSummaries",
            StartTime=gathered.observed_at - window,
            EndTime=gathered.observed_at,
            FilterExpression=f'service(id(type: "{_EKS}"))',
            Sampling=True,
        )
        times: list[datetime] = [
            each.get("MatchedEventTime") or each["StartTime"]
            for each in islice(summaries, _MAX_TRACES)
            if mine & {one.get("Id") for one in each.get("InstanceIds") or ()}
        ]
        if times:
            return max(times)
    return unread


def _instances(gathered: Gathered) -> tuple[set[str], Unavailable | None]:
    """The cluster's instances, as Kubernetes and as EC2 know them, and why one of them could not be asked."""
    found: set[str] = set()
    unread: Unavailable | None = None
    if isinstance(nodes := gathered.slices[Nodes], Unavailable):
        unread = nodes
    else:
        found |= {each.instance_id for each in gathered.get(Nodes).nodes}
    if isinstance(instances := gathered.slices[Instances], Unavailable):
        unread = unread or instances
    else:
        found |= {each.id for each in gathered.get(Instances).instances}
    return found - {""}, unread


def read_objectives(aws: AwsReader, gathered: Gathered) -> ServiceObjectives:
    """Objectives about services of this cluster, and the state of their budgets."""
    source = (
        "application-signals:ListServiceLevelObjectives, application-signals:BatchGetServiceLevelObjectiveBudgetReport"
    )
    if not offered("application-signals", gathered.cluster.partition):
        return ServiceObjectives(observed_at=gathered.observed_at, source=source, offered=False)
    total, names, ids = 0, list[str](), list[str]()
    for each in aws.pages("application-signals", "ListServiceLevelObjectives", "SloSummaries"):
        if _about(each, gathered.cluster.name):
            total += 1
            if total <= _MAX_OBJECTIVES:
                ids.append(each["Arn"])
            if total <= MAX_SAMPLE:
                names.append(each.get("Name") or each["Arn"])
    return ServiceObjectives(
        observed_at=gathered.observed_at,
        source=source,
        objectives=Sample(total=total, names=tuple(names)),
        judged=len(ids),
        budgets=unless_denied(lambda: _budgets(aws, ids, gathered.observed_at)),
    )


def _about(objective: Mapping[str, Any], cluster: str) -> bool:
    environment = (objective.get("KeyAttributes") or {}).get("Environment")
    # An objective on a plain metric has no environment: its name must say whose it is.
    return of_environment(environment, cluster) if environment else named_after(objective.get("Name") or "", cluster)


def _budgets(aws: AwsReader, ids: list[str], at: datetime) -> tuple[BudgetState, ...]:
    counted: Counter[str] = Counter()
    for start in range(0, len(ids), _BATCH):
        answer = aws.read(
            "application-signals",
            "BatchGetServiceLevelObjectiveBudgetReport",
            Timestamp=at,
            SloIds=ids[start : start + _BATCH],
        )
        counted.update(each.get("BudgetStatus") or "" for each in answer.get("Reports") or ())
    return tuple(BudgetState(state=state, budgets=number) for state, number in sorted(counted.items()))


PROBES = (
    AwsProbe(provides=ApplicationSignals, actions=("application-signals:ListServices",), read=read_application_signals),
    AwsProbe(
        provides=XRayTraces,
        actions=("eks:ListClusters", "xray:GetServiceGraph", "xray:GetTraceSummaries"),
        read=read_traces,
        after=(Nodes, Instances),
    ),
    AwsProbe(
        provides=ServiceObjectives,
        actions=(
            "application-signals:BatchGetServiceLevelObjectiveBudgetReport",
            "application-signals:ListServiceLevelObjectives",
        ),
        read=read_objectives,
    ),
)
"""What this module gathers."""
