"""How workloads that gather, keep or show telemetry are recognised: by the labels and names of their own charts.

Sources: the charts and manifests of aws-observability/helm-charts, aws/eks-charts, fluent/helm-charts,
grafana/helm-charts, grafana/k8s-monitoring-helm, vectordotdev/helm-charts, elastic/helm-charts, DataDog/helm-charts,
newrelic/helm-charts, Dynatrace/dynatrace-operator, signalfx/splunk-otel-collector-chart,
open-telemetry/opentelemetry-helm-charts, open-telemetry/opentelemetry-operator, prometheus-community/helm-charts,
VictoriaMetrics/helm-charts, jaegertracing/helm-charts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from eks_readiness.domain.evidence.observability import AgentName

_Kinds = tuple[Literal["Deployment", "DaemonSet", "StatefulSet"], ...]
_DAEMON: _Kinds = ("DaemonSet",)
_SERVER: _Kinds = ("Deployment", "StatefulSet")
_ANY: _Kinds = ("Deployment", "DaemonSet", "StatefulSet")
_NAME, _COMPONENT, _K8S_APP, _APP, _MANAGER = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "k8s-app",
    "app",
    "app.kubernetes.io/managed-by",
)
_DYNATRACE = {_MANAGER: "dynatrace-operator"}


class AgentMark(NamedTuple):
    """Kinds, and either labels that the workload carries or names that it has."""

    component: AgentName
    kinds: _Kinds
    labels: tuple[Mapping[str, str], ...] = ()
    names: tuple[str, ...] = ()


def _named(*names: str) -> tuple[Mapping[str, str], ...]:
    return tuple({_NAME: name} for name in names)


AGENT_MARKS = (
    AgentMark(
        "cloudwatch-agent",
        _DAEMON,
        ({_COMPONENT: "amazon-cloudwatch-agent", _MANAGER: "amazon-cloudwatch-agent-operator"},),
        ("cloudwatch-agent", "cloudwatch-agent-windows", "cloudwatch-agent-windows-container-insights"),
    ),
    AgentMark("aws-for-fluent-bit", _DAEMON, _named("aws-for-fluent-bit"), ("aws-for-fluent-bit",)),
    AgentMark("newrelic-logging", _DAEMON, (*_named("newrelic-logging"), {_APP: "newrelic-logging"})),
    AgentMark(
        "fluent-bit",
        _DAEMON,
        (*_named("fluent-bit", "fluentbit"), {_K8S_APP: "fluent-bit"}, {_K8S_APP: "fluent-bit-windows"}),
        ("fluent-bit", "fluent-bit-windows"),
    ),
    AgentMark(
        "fluentd",
        _DAEMON,
        (*_named("fluentd"), {_K8S_APP: "fluentd-cloudwatch"}, {_K8S_APP: "fluentd-logging"}),
        ("fluentd", "fluentd-cloudwatch"),
    ),
    AgentMark("promtail", _DAEMON, _named("promtail"), ("promtail",)),
    AgentMark("alloy", _ANY, _named("alloy", "alloy-logs", "alloy-metrics", "alloy-receiver", "alloy-singleton")),
    AgentMark("vector", _DAEMON, _named("vector"), ("vector",)),
    AgentMark("filebeat", _DAEMON, (*_named("filebeat"), {_K8S_APP: "filebeat"}, {_APP: "filebeat"}), ("filebeat",)),
    AgentMark("elastic-agent", _DAEMON, (*_named("elastic-agent"), {_APP: "elastic-agent"}), ("elastic-agent",)),
    AgentMark(
        "datadog-agent",
        _DAEMON,
        ({"agent.datadoghq.com/component": "agent"}, {_NAME: "datadog", _COMPONENT: "agent"}),
        ("datadog", "datadog-agent"),
    ),
    AgentMark("newrelic-infrastructure", _DAEMON, _named("newrelic-infrastructure")),
    AgentMark("dynatrace-logmonitoring", _DAEMON, ({**_DYNATRACE, _NAME: "logmonitoring"},)),
    AgentMark("dynatrace-oneagent", _DAEMON, ({**_DYNATRACE, _NAME: "oneagent"},), ("oneagent",)),
    AgentMark("splunk-otel-collector", _ANY, ({_APP: "splunk-otel-collector"}, {_NAME: "splunk-otel-collector"})),
    AgentMark(
        "otel-collector",
        _ANY,
        (
            {_COMPONENT: "opentelemetry-collector", _MANAGER: "opentelemetry-operator"},
            *_named("opentelemetry-collector", "adot-collector"),
        ),
        ("adot-collector", "aws-otel-eks-ci", "otel-collector", "opentelemetry-collector"),
    ),
    AgentMark("prometheus", _SERVER, ({_NAME: "prometheus", _COMPONENT: "server"},), ("prometheus-server",)),
    AgentMark("vmagent", _ANY, _named("vmagent", "victoria-metrics-agent")),
    AgentMark("vmalert", _SERVER, _named("vmalert", "victoria-metrics-alert")),
    AgentMark("jaeger", _ANY, _named("jaeger"), ("jaeger",)),
    AgentMark("tempo", _SERVER, ({_NAME: "tempo", _COMPONENT: "distributor"}, {_NAME: "tempo"})),
    AgentMark("xray-daemon", _ANY, ({_APP: "xray-daemon"}, *_named("xray-daemon")), ("xray-daemon",)),
    AgentMark("grafana", _SERVER, _named("grafana"), ("grafana",)),
)
