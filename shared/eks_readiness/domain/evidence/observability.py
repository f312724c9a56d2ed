"""What tells people how the cluster and its workloads fare: metrics, logs, traces, alerts, dashboards, objectives."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Part, Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant


class ContainerInsights(Slice, frozen=True, kw_only=True):
    """When CloudWatch last had a metric of the cluster in namespace ContainerInsights; None for none in three hours.

    `fargate_pods_at` is that of pods on Fargate, which have no node metrics. `opentelemetry` says whether the add-on is
    one that may send metrics over OpenTelemetry instead, where this API does not see them.
    """

    nodes_at: Instant | None = None
    pods_at: Instant | None = None
    fargate_pods_at: Instant | None = None
    opentelemetry: bool | Unavailable = False


class PrometheusScraper(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agentless scraper of the cluster. `status` is the API's statusCode.

    `workspaces` are those that it writes to, as region/id.
    """

    id: str
    status: str
    workspaces: tuple[str, ...] = ()


class PrometheusScrapers(Slice, frozen=True, kw_only=True):
    """amp:ListScrapers whose source is this cluster. `offered`: AWS offers the service in the cluster's partition."""

    offered: bool = True
    scrapers: tuple[PrometheusScraper, ...] = ()


class PrometheusWorkspace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One workspace of Amazon Managed Service for Prometheus that the cluster's metrics go to.

    `alert_rules` counts the rules with `alert:`. `alert_manager` is the state of its definition, empty without one.
    """

    id: str
    alert_rules: int | Unavailable = 0
    alert_manager: str | Unavailable = ""


class PrometheusWorkspaces(Slice, frozen=True, kw_only=True):
    """The workspaces that scrapers and Prometheus servers of the cluster write to.

    `unread` says why some may be missing.
    """

    workspaces: tuple[PrometheusWorkspace, ...] = ()
    unread: Unavailable | None = None


class PrometheusServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Prometheus or PrometheusAgent resource. `available`: by its Available condition it does its work.

    `workspaces` are the managed workspaces that it writes to, as region/id.
    """

    kind: Literal["Prometheus", "PrometheusAgent"]
    namespace: str
    name: str
    available: bool
    not_available_reason: str = ""
    workspaces: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """How a person finds it."""
        return f"{self.kind} {self.namespace}/{self.name}"


class AlertRules(Part, frozen=True, kw_only=True):
    """Rules with `alert:` in PrometheusRules: those that an available server selects, and objects none selects.

    Servers are each Prometheus and each ThanosRuler.
    """

    selected: int = 0
    total: int = 0
    unselected: Sample = Sample()


class Receivers(Part, frozen=True, kw_only=True):
    """Receivers with an integration: those that an available Alertmanager selects, and how many there are at all."""

    selected: Sample = Sample()
    total: int = 0


class PrometheusOperator(Slice, frozen=True, kw_only=True):
    """Resources of the Prometheus operator; `installed` says whether the cluster serves them at all."""

    installed: bool
    servers: tuple[PrometheusServer, ...] | Unavailable = ()
    agents: tuple[PrometheusServer, ...] | Unavailable = ()
    alert_rules: AlertRules = AlertRules()
    receivers: Receivers = Receivers()


class Collector(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One OpenTelemetryCollector resource: the receivers of its pipelines by signal. Its workload is name-collector."""

    namespace: str
    name: str
    receivers: dict[str, tuple[str, ...]] = {}


class OpenTelemetryCollectors(Slice, frozen=True, kw_only=True):
    """opentelemetry.io OpenTelemetryCollectors; empty where the operator is not installed."""

    collectors: tuple[Collector, ...] = ()


class MetricsApi(Slice, frozen=True, kw_only=True):
    """The APIService of metrics.k8s.io: whether it is registered and Available, and why it is not."""

    registered: bool
    available: bool = False
    not_available_reason: str = ""


class LogGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One log group. `retention_days` is None where logs never expire, `newest_event_at` None without an event."""

    name: str
    retention_days: int | None = None
    newest_event_at: Instant | Unavailable | None = None


class LogSink(Slice, frozen=True, kw_only=True):
    """The log groups that exist of those that agents write this cluster's container logs to."""

    groups: tuple[LogGroup, ...] = ()


class FargateLogging(Slice, frozen=True, kw_only=True):
    """ConfigMap aws-observability/aws-logging: whether it is there, and its outputs by plug-in name.

    `log_groups` are the CloudWatch log groups that it names.
    """

    exists: bool
    outputs: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()


class ApplicationSignals(Slice, frozen=True, kw_only=True):
    """CloudWatch Application Signals: services of this cluster that sent data in the last hour or two.

    `offered`: AWS offers the service in the cluster's partition.
    """

    offered: bool = True
    services: Sample = Sample()


class XRayTraces(Slice, frozen=True, kw_only=True):
    """What X-Ray knows of traces of EKS in the last six hours.

    `newest_at` is that of any EKS cluster of the account in the region, `newest_of_nodes_at` that of a trace through a
    node of this cluster. `clusters` counts the EKS clusters of account and region.
    """

    newest_at: Instant | None = None
    newest_of_nodes_at: Instant | Unavailable | None = None
    clusters: int | Unavailable = 0


class AlarmTopic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An SNS topic that alarms of the cluster notify: how many of its subscriptions were confirmed."""

    arn: str
    confirmed: int | Unavailable = 0


class Alarms(Slice, frozen=True, kw_only=True):
    """CloudWatch alarms about this cluster.

    `acting` have actions that are enabled, or stand under a composite alarm that has; `silent` do not. `complete` is
    False where the account has more alarms than were looked at. `topics` are those that the first alarms notify.
    """

    acting: Sample = Sample()
    silent: Sample = Sample()
    complete: bool = True
    topics: tuple[AlarmTopic, ...] = ()
    topics_total: int = 0


class CloudWatchDashboards(Slice, frozen=True, kw_only=True):
    """CloudWatch dashboards: how many there are, how many were read, and the first that names the cluster."""

    total: int = 0
    read: int = 0
    naming: str = ""


class GrafanaDashboards(Slice, frozen=True, kw_only=True):
    """grafana.integreatly.org GrafanaDashboards: those that a Grafana has taken over, and those that none has."""

    synchronized: Sample = Sample()
    unsynchronized: Sample = Sample()


class GrafanaWorkspaces(Slice, frozen=True, kw_only=True):
    """Amazon Managed Grafana: active workspaces that name the cluster, and how many others there are.

    `offered`: AWS offers the service in the cluster's partition.
    """

    offered: bool = True
    naming: tuple[str, ...] = ()
    others: int = 0


class BudgetState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many budgets are in one state, as the API names it."""

    state: str
    budgets: int


class ServiceObjectives(Slice, frozen=True, kw_only=True):
    """Objectives of Application Signals about services of this cluster.

    `budgets` counts the first of them by the state of their budget; `judged` says how many those are.
    `offered`: AWS offers the service in the cluster's partition.
    """

    offered: bool = True
    objectives: Sample = Sample()
    judged: int = 0
    budgets: tuple[BudgetState, ...] | Unavailable = ()


class RuleObjectives(Slice, frozen=True, kw_only=True):
    """Objectives of Sloth and Pyrra: those from which Prometheus rules were made, and those from which none were.

    `unread` says why those of one of them could not be read.
    """

    made: Sample = Sample()
    pending: Sample = Sample()
    unread: Unavailable | None = None


AgentName = Literal[
    "cloudwatch-agent",
    "fluent-bit",
    "aws-for-fluent-bit",
    "fluentd",
    "promtail",
    "alloy",
    "vector",
    "filebeat",
    "elastic-agent",
    "datadog-agent",
    "newrelic-infrastructure",
    "newrelic-logging",
    "dynatrace-oneagent",
    "dynatrace-logmonitoring",
    "splunk-otel-collector",
    "otel-collector",
    "prometheus",
    "vmagent",
    "vmalert",
    "jaeger",
    "tempo",
    "xray-daemon",
    "grafana",
]
"""Workloads that gather, keep or show what the cluster tells about itself."""
