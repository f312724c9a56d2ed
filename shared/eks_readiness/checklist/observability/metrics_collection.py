"""Metrics collection: what nodes and pods use is known now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.observability.agents import counted, either, has_role, signals, works
from eks_readiness.checklist.shapes import IN_ORDER
from eks_readiness.domain.evidence import (
    Components,
    ContainerInsights,
    MetricsApi,
    Nodes,
    OpenTelemetryCollectors,
    PrometheusOperator,
    PrometheusScrapers,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.evidence.observability import AgentName
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_VENDORS: tuple[AgentName, ...] = (
    "prometheus",
    "vmagent",
    "datadog-agent",
    "newrelic-infrastructure",
    "dynatrace-oneagent",
    "splunk-otel-collector",
    "elastic-agent",
)
_OTHER_ROLES = ("-logs", "-receiver", "-singleton", "-profiles", "-events")
_OF_NODES_AND_PODS = frozenset(
    {"awscontainerinsightreceiver", "hostmetrics", "k8s_cluster", "kubeletstats", "prometheus"}
)
"""Receivers of OpenTelemetry that read nodes and pods, rather than wait for what applications send."""


@check(
    "metrics-collection.pipeline",
    needs=(
        if_available(ContainerInsights),
        if_available(PrometheusScrapers),
        if_available(PrometheusOperator),
        if_available(OpenTelemetryCollectors),
        if_available(Components),
        if_available(Nodes),
    ),
    required=True,
)
def metrics_flow(  # noqa: PLR0913 - one for each kind of pipeline
    insights: ContainerInsights | Unavailable,
    scrapers: PrometheusScrapers | Unavailable,
    prometheus: PrometheusOperator | Unavailable,
    collectors: OpenTelemetryCollectors | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Metrics of nodes and pods flow now.

    Either Container Insights has data of both, not older than `max_metrics_silence_minutes`; or a Prometheus or
    PrometheusAgent is Available; or a scraper of Amazon Managed Service for Prometheus, whose source is this cluster,
    is ACTIVE or UPDATING; or an agent is ready on `min_log_agent_nodes_percent` of its nodes: Datadog, New Relic,
    Dynatrace, Splunk, Elastic, Grafana Alloy, VictoriaMetrics, or an OpenTelemetry collector that reads nodes and pods.
    The metrics that EKS itself writes (namespace AWS/EKS) and metrics-server alone do not count.
    Why: without them nobody sees a node fill up or a pod being throttled before users do.
    Fix: aws eks create-addon --addon-name amazon-cloudwatch-observability, or install kube-prometheus-stack.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-observe.html
    """
    return either(
        [
            _container_insights(insights, components, nodes, policy),
            _scraped(scrapers),
            _prometheus(prometheus),
            _agents(collectors, components, nodes, policy),
        ]
    )


def _container_insights(
    insights: ContainerInsights | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    if isinstance(insights, Unavailable):
        return insights

    def fresh(at: datetime | None) -> bool:
        return at is not None and insights.observed_at - at <= timedelta(minutes=policy.max_metrics_silence_minutes)

    if fresh(insights.nodes_at) and fresh(insights.pods_at):
        return passed(f"Container Insights has data of nodes and pods, the newest of {insights.nodes_at:%H:%M} UTC")
    if fresh(insights.fargate_pods_at) and (said := _on_fargate_alone(nodes)) is not None:
        return said
    if (unseen := _behind_promql(insights.opentelemetry, components)) is not None:
        return unseen
    what = "nodes" if not fresh(insights.nodes_at) else "pods"
    newest = insights.nodes_at if what == "nodes" else insights.pods_at
    return failed(
        f"Container Insights has no data of {what} of the last {policy.max_metrics_silence_minutes:g} minutes"
        + (f", the newest is of {newest:%Y-%m-%d %H:%M} UTC" if newest else "")
    )


def _on_fargate_alone(nodes: Nodes | Unavailable) -> Verdict | Unavailable | None:
    if isinstance(nodes, Unavailable):
        return nodes
    if all(each.compute == "fargate" for each in nodes.nodes):
        return passed("Container Insights has data of the pods on Fargate, where every pod is its own node")
    return None


def _behind_promql(possible: bool | Unavailable, components: Components | Unavailable) -> Unavailable | None:  # noqa: FBT001 - evidence, not a switch
    """Why data may be there though this API shows none: the agent may send it over OpenTelemetry."""
    if possible is False:
        return None
    if isinstance(components, Unavailable):
        return components
    if not any(each.ready for each in components.named("cloudwatch-agent")):
        return None
    if isinstance(possible, Unavailable):
        return possible
    return Unavailable(
        reason="unsupported",
        detail="the CloudWatch agent runs, and may send its metrics over OpenTelemetry: only PromQL shows those",
        remedy="turn on classic Container Insights beside it, or waive the check",
    )


def _scraped(scrapers: PrometheusScrapers | Unavailable) -> Verdict | Unavailable:
    if isinstance(scrapers, Unavailable):
        return scrapers
    if active := next((each for each in scrapers.scrapers if each.status in IN_ORDER), None):
        return passed(f"scraper {active.id} of Amazon Managed Service for Prometheus is {active.status}")
    if not scrapers.offered:
        return failed("AWS does not offer managed Prometheus here")
    states = [f"scraper {each.id} is {each.status or 'in no state'}" for each in scrapers.scrapers]
    return failed("; ".join(states) or "no managed Prometheus scraper reads this cluster")


def _prometheus(prometheus: PrometheusOperator | Unavailable) -> Verdict | Unavailable:
    if isinstance(prometheus, Unavailable):
        return prometheus
    sides: list[Verdict | Unavailable] = []
    for servers in (prometheus.servers, prometheus.agents):
        if isinstance(servers, Unavailable):
            sides.append(servers)
            continue
        sides += [
            passed(f"{each.where} is Available")
            if each.available
            else failed(f"{each.where} is not Available: {each.not_available_reason or 'no replica runs'}")
            for each in servers
        ]
    return either(sides or [failed("no Prometheus resource")])


def _agents(
    collectors: OpenTelemetryCollectors | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    if isinstance(components, Unavailable):
        return components
    sides: list[Verdict | Unavailable] = []
    for agent in _gathering_metrics(components):
        ready = works(agent, nodes, policy.min_log_agent_nodes_percent)
        if ready is False:
            sides.append(failed(counted(agent)))
        elif isinstance(ready, Unavailable):
            sides.append(ready)
        elif agent.component == "otel-collector":
            sides.append(_of_collector(agent, collectors))
        else:
            sides.append(passed(counted(agent)))
    return either(sides or [failed("no agent gathers metrics")])


def _gathering_metrics(components: Components) -> Iterator[Component]:
    for name in _VENDORS:
        yield from components.named(name)
    yield from (each for each in components.named("alloy") if not has_role(each, *_OTHER_ROLES))
    yield from components.named("otel-collector")


def _of_collector(agent: Component, collectors: OpenTelemetryCollectors | Unavailable) -> Verdict | Unavailable:
    if isinstance(collectors, Unavailable):
        return collectors
    receivers = signals(agent, collectors)
    if receivers is not None:
        if found := _OF_NODES_AND_PODS.intersection(receivers.get("metrics", ())):
            return passed(f"{counted(agent)}, and reads {', '.join(sorted(found))}")
        return failed(f"{agent.where} has no pipeline for metrics of nodes and pods")
    if agent.reads_node_root:
        return passed(f"{counted(agent)}, and reads its node")
    return Unavailable(
        reason="unsupported",
        detail=f"what {agent.where} gathers stands in its ConfigMap, which is not read",
        remedy="let the OpenTelemetry operator run it, or waive the check",
    )


@check("metrics-collection.metrics-api", needs=(MetricsApi,), required=True)
def metrics_api_is_available(api: MetricsApi, policy: Policy) -> Verdict:
    """The API metrics.k8s.io is registered and Available.

    Why: without it no HorizontalPodAutoscaler scales on CPU or memory, and `kubectl top` shows nothing.
    Fix: aws eks create-addon --addon-name metrics-server; kubectl describe apiservice v1beta1.metrics.k8s.io
    Source: https://docs.aws.amazon.com/eks/latest/userguide/metrics-server.html
    """
    if not api.registered:
        return failed("nothing serves metrics.k8s.io: metrics-server is not installed")
    if not api.available:
        return failed(f"metrics.k8s.io is registered, but not Available: {api.not_available_reason or 'no reason'}")
    return passed("metrics.k8s.io is Available")
