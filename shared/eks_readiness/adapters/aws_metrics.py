"""Metrics of the cluster in CloudWatch, and Amazon Managed Service for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from eks_readiness.adapters.aws_naming import offered
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import ProbeError, RefusedRequest
from eks_readiness.domain.evidence import (
    Addons,
    ContainerInsights,
    PrometheusOperator,
    PrometheusScrapers,
    PrometheusWorkspaces,
    Unavailable,
)
from eks_readiness.domain.evidence.observability import PrometheusScraper, PrometheusServer, PrometheusWorkspace

T = TypeVar("T")
_LOOK_BACK = timedelta(hours=3)
_ADDON: Final = "amazon-cloudwatch-observability"
_OPENTELEMETRY_SINCE = 6
"""Major version of the add-on from which it can send its metrics over OpenTelemetry.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/container-insights-otel-metrics.html
"""
_QUERIES: tuple[tuple[str, str, dict[str, str]], ...] = (
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html
    ("nodes", "cluster_node_count", {}),
    ("pods", "pod_cpu_utilization", {}),
    # https://aws-otel.github.io/docs/getting-started/container-insights/eks-fargate
    ("fargate_pods", "pod_cpu_utilization_over_pod_limit", {"LaunchType": "fargate"}),
)
_MAX_WORKSPACES = 5
_TOO_MANY = Unavailable(
    reason="unsupported",
    detail=f"metrics go to more than {_MAX_WORKSPACES} managed workspaces, which is as many as are looked at",
)
_MAX_RULE_FILES = 50
"""Rule groups namespaces that are read of one workspace; alerts beyond them are not counted."""
_WORKSPACE_ARN = re.compile(r"arn:[\w-]+:aps:(?P<region>[\w-]+):[0-9]*:workspace/(?P<id>ws-[\w-]+)")
_ALERT = re.compile(rb"^\s*(?:-\s+)?alert:", re.MULTILINE)
_GONE = "ResourceNotFoundException"


def read_container_insights(aws: AwsReader, gathered: Gathered) -> ContainerInsights:
    """When Container Insights last had data of the cluster.

    Never namespace AWS/EKS: EKS itself writes that for every cluster, and knows nothing of nodes and pods.
    """
    name = gathered.cluster.name
    results = aws.pages(
        "cloudwatch",
        "GetMetricData",
        "MetricDataResults",
        MetricDataQueries=[_query(key, metric, {"ClusterName": name, **more}) for key, metric, more in _QUERIES],
        StartTime=gathered.observed_at - _LOOK_BACK,
        EndTime=gathered.observed_at,
        ScanBy="TimestampDescending",
    )
    newest: dict[str, datetime] = {}
    for each in results:
        for at in each.get("Timestamps") or ():
            newest[each["Id"]] = max(at, newest.get(each["Id"], at))
    return ContainerInsights(
        observed_at=gathered.observed_at,
        source="cloudwatch:GetMetricData",
        nodes_at=newest.get("nodes"),
        pods_at=newest.get("pods"),
        fargate_pods_at=newest.get("fargate_pods"),
        opentelemetry=_may_send_opentelemetry(gathered),
    )


def _query(key: str, metric: str, dimensions: dict[str, str]) -> dict[str, Any]:
    return {
        "Id": key,
        "ReturnData": True,
        "MetricStat": {
            "Metric": {
                "Namespace": "ContainerInsights",
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }


def _may_send_opentelemetry(gathered: Gathered) -> bool | Unavailable:
    addons = gathered.slices[Addons]
    if isinstance(addons, Unavailable):
        return addons
    addon = gathered.get(Addons).named(_ADDON)
    major = re.match(r"v?([0-9]+)\.", addon.version) if addon else None
    return major is not None and int(major[1]) >= _OPENTELEMETRY_SINCE


def read_scrapers(aws: AwsReader, gathered: Gathered) -> PrometheusScrapers:
    """Agentless scrapers whose source is this cluster."""
    source = "amp:ListScrapers"
    if not offered("amp", gathered.cluster.partition):
        return PrometheusScrapers(observed_at=gathered.observed_at, source=source, offered=False)
    arn = gathered.cluster.arn
    found = aws.pages("amp", "ListScrapers", "scrapers", filters={"sourceArn": [arn]})
    return PrometheusScrapers(
        observed_at=gathered.observed_at,
        source=source,
        scrapers=tuple(
            PrometheusScraper(
                id=each.get("scraperId") or "",
                status=(each.get("status") or {}).get("statusCode") or "",
                workspaces=_place((each.get("destination") or {}).get("ampConfiguration") or {}),
            )
            for each in found
            if ((each.get("source") or {}).get("eksConfiguration") or {}).get("clusterArn") == arn
        ),
    )


def _place(destination: dict[str, Any]) -> tuple[str, ...]:
    found = _WORKSPACE_ARN.match(destination.get("workspaceArn") or "")
    return (f"{found['region']}/{found['id']}",) if found else ()


def read_workspaces(aws: AwsReader, gathered: Gathered) -> PrometheusWorkspaces:
    """The managed workspaces that the cluster's metrics go to: their alert rules and their alert manager."""
    places, unread = _places(gathered)
    return PrometheusWorkspaces(
        observed_at=gathered.observed_at,
        source="amp:ListRuleGroupsNamespaces, amp:DescribeRuleGroupsNamespace, amp:DescribeAlertManagerDefinition",
        workspaces=tuple(_workspace(aws, gathered, place) for place in sorted(places)[:_MAX_WORKSPACES]),
        unread=unread,
    )


def _places(gathered: Gathered) -> tuple[set[str], Unavailable | None]:
    """Workspaces as region/id, of scrapers and of servers that write there, and why some may be missing."""
    found: list[Iterable[PrometheusScraper | PrometheusServer] | Unavailable] = []
    if isinstance(scrapers := gathered.slices[PrometheusScrapers], Unavailable):
        found.append(scrapers)
    else:
        found.append(gathered.get(PrometheusScrapers).scrapers)
    if isinstance(operator := gathered.slices[PrometheusOperator], Unavailable):
        found.append(operator)
    else:
        found += [gathered.get(PrometheusOperator).servers, gathered.get(PrometheusOperator).agents]
    places = {place for each in found if not isinstance(each, Unavailable) for one in each for place in one.workspaces}
    unread = next((each for each in found if isinstance(each, Unavailable)), None)
    return places, unread or (_TOO_MANY if len(places) > _MAX_WORKSPACES else None)


def _workspace(aws: AwsReader, gathered: Gathered, place: str) -> PrometheusWorkspace:
    region, _, identifier = place.partition("/")
    if region != gathered.cluster.region:
        elsewhere = Unavailable(
            reason="unsupported", detail=f"workspace {identifier} is in {region}", remedy="look at its rules there"
        )
        return PrometheusWorkspace(id=identifier, alert_rules=elsewhere, alert_manager=elsewhere)
    return PrometheusWorkspace(
        id=identifier,
        alert_rules=_here(lambda: _alert_rules(aws, identifier)),
        alert_manager=_here(lambda: _alert_manager(aws, identifier)),
    )


def _here(read: Callable[[], T]) -> T | Unavailable:
    """What a read gives; a workspace of another account is not found here, and nothing is known about it."""
    try:
        return unless_denied(read)
    except RefusedRequest as error:
        if error.code == _GONE:
            return Unavailable.because(error)
        raise


def _alert_rules(aws: AwsReader, workspace: str) -> int:
    listed = aws.pages("amp", "ListRuleGroupsNamespaces", "ruleGroupsNamespaces", workspaceId=workspace)
    asked = [
        {"workspaceId": workspace, "name": each["name"]}
        for each in islice(listed, _MAX_RULE_FILES)
        if (each.get("status") or {}).get("statusCode") in ("ACTIVE", "UPDATING")
    ]
    return sum(_alerts(aws.read_each("amp", "DescribeRuleGroupsNamespace", asked)))


def _alerts(answers: Iterable[dict[str, Any] | ProbeError]) -> Iterable[int]:
    """Alerts of each file: counted, and nothing of them kept."""
    for answer in answers:
        if isinstance(answer, ProbeError):
            raise answer
        yield len(_ALERT.findall(bytes(answer["ruleGroupsNamespace"].get("data") or b"")))


def _alert_manager(aws: AwsReader, workspace: str) -> str:
    try:
        answer = aws.read("amp", "DescribeAlertManagerDefinition", workspaceId=workspace)
    except RefusedRequest as error:
        if error.code == _GONE:
            return ""
        raise
    return (answer["alertManagerDefinition"].get("status") or {}).get("statusCode") or ""


PROBES = (
    AwsProbe(
        provides=ContainerInsights,
        actions=("cloudwatch:GetMetricData",),
        read=read_container_insights,
        after=(Addons,),
    ),
    AwsProbe(provides=PrometheusScrapers, actions=("aps:ListScrapers",), read=read_scrapers),
    AwsProbe(
        provides=PrometheusWorkspaces,
        actions=(
            "aps:ListRuleGroupsNamespaces",
            "aps:DescribeRuleGroupsNamespace",
            "aps:DescribeAlertManagerDefinition",
        ),
        read=read_workspaces,
        after=(PrometheusScrapers, PrometheusOperator),
    ),
)
"""What this module gathers."""
