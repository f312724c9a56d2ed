"""Distributed tracing: where a request spent its time is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.observability.agents import counted, either, has_role, signals, works
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    ApplicationSignals,
    Components,
    Nodes,
    OpenTelemetryCollectors,
    Unavailable,
    XRayTraces,
)
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.evidence.observability import AgentName
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_TRACERS: tuple[AgentName, ...] = (
    "otel-collector",
    "cloudwatch-agent",
    "xray-daemon",
    "jaeger",
    "tempo",
    "datadog-agent",
    "dynatrace-oneagent",
    "splunk-otel-collector",
    "elastic-agent",
)
_OTHER_ROLES = ("-logs", "-metrics", "-singleton", "-profiles", "-events")


@check(
    "distributed-tracing.collector",
    needs=(Components, if_available(OpenTelemetryCollectors), if_available(Nodes)),
    required=True,
)
def a_collector_takes_traces(
    components: Components,
    collectors: OpenTelemetryCollectors | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """A collector or agent that takes traces is available.

    OpenTelemetry (with a pipeline for traces, where the operator runs it), CloudWatch and X-Ray agents, Jaeger, Tempo,
    Alloy, Datadog, Dynatrace, Splunk and Elastic count: a server with a ready pod, a DaemonSet ready on
    `min_log_agent_nodes_percent` of its nodes.
    Why: applications need somebody near by who takes their spans, samples them and sends them on.
    Fix: aws eks create-addon --addon-name adot, or --addon-name amazon-cloudwatch-observability
    Source: https://docs.aws.amazon.com/eks/latest/userguide/opentelemetry.html
    """
    sides: list[Verdict | Unavailable] = []
    for agent in _taking_traces(components):
        ready = works(agent, nodes, policy.min_log_agent_nodes_percent)
        if isinstance(ready, Unavailable):
            sides.append(ready)
        elif agent.component == "otel-collector" and ready:
            sides.append(_of_collector(agent, collectors))
        else:
            sides.append(passed(counted(agent)) if ready else failed(counted(agent)))
    return either(sides or [failed("nothing takes traces")])


def _taking_traces(components: Components) -> Iterator[Component]:
    for name in _TRACERS:
        yield from components.named(name)
    yield from (each for each in components.named("alloy") if not has_role(each, *_OTHER_ROLES))


def _of_collector(agent: Component, collectors: OpenTelemetryCollectors | Unavailable) -> Verdict | Unavailable:
    if isinstance(collectors, Unavailable):
        return collectors
    receivers = signals(agent, collectors)
    if receivers is not None and not receivers.get("traces"):
        return failed(f"{agent.where} has no pipeline for traces")
    return passed(counted(agent))


@check(
    "distributed-tracing.fresh",
    needs=(if_available(ApplicationSignals), if_available(XRayTraces)),
    required=True,
    or_attested=lambda policy: policy.procedure_max_age_days,
)
def traces_arrive(
    services: ApplicationSignals | Unavailable, traces: XRayTraces | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Traces of this cluster arrived within `max_trace_silence_hours` hours.

    Application Signals names a service of the cluster with data (AWS rounds to whole hours); or X-Ray has a trace
    through one of the cluster's nodes, or any of EKS where this is the only cluster of account and region. Another
    backend is not seen: a statement within `procedure_max_age_days` days answers for it.
    Why: a collector that nobody sends to, or that may not send on, shows nothing when it is needed.
    Fix: instrument the applications, give the collector AWSXrayWriteOnlyAccess; or for another backend:
    eks-readiness attest distributed-tracing.fresh
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Application-Signals-Enable-EKS.html
    """
    return either([_signals(services), _xray(traces, timedelta(hours=policy.max_trace_silence_hours))])


def _signals(services: ApplicationSignals | Unavailable) -> Verdict | Unavailable:
    if isinstance(services, Unavailable):
        return services
    if services.services.total:
        return passed(f"Application Signals has data of {services.services.total} services of this cluster")
    if not services.offered:
        return failed("AWS does not offer Application Signals here")
    return failed("Application Signals has no service of this cluster")


def _xray(traces: XRayTraces | Unavailable, oldest: timedelta) -> Verdict | Unavailable:
    if isinstance(traces, Unavailable):
        return traces

    def fresh(at: datetime | None) -> bool:
        return at is not None and traces.observed_at - at <= oldest

    through_a_node = traces.newest_of_nodes_at
    if not isinstance(through_a_node, Unavailable) and fresh(through_a_node):
        return passed(f"X-Ray has a trace through a node of this cluster, of {through_a_node:%H:%M} UTC")
    if not fresh(traces.newest_at):
        newest = f", the newest is of {traces.newest_at:%Y-%m-%d %H:%M} UTC" if traces.newest_at else ""
        return failed(f"X-Ray has no trace of EKS of the last {oldest / timedelta(hours=1):g} hours{newest}")
    if traces.clusters == 1:
        return passed(f"X-Ray has a trace of EKS of {traces.newest_at:%H:%M} UTC, and there is no other cluster here")
    return first_unavailable(through_a_node, traces.clusters) or _WHOSE


_WHOSE = Unavailable(
    reason="unsupported",
    detail="X-Ray has traces of EKS, but they do not say of which of the clusters here",
    remedy="let the collector detect its EC2 instance (resourcedetection: ec2, eks)",
)
