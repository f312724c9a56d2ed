"""Agents on the nodes: whether they work, how many nodes they cover, and what they gather."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eks_readiness.checklist.shapes import first_unavailable, starting
from eks_readiness.domain.evidence import Components, Nodes, OpenTelemetryCollectors, Unavailable
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.evidence.observability import AgentName
from eks_readiness.domain.finding import Verdict, failed

LOG_AGENTS: tuple[AgentName, ...] = (
    "fluent-bit",
    "aws-for-fluent-bit",
    "fluentd",
    "promtail",
    "filebeat",
    "newrelic-logging",
    "dynatrace-logmonitoring",
)
"""Agents that do nothing but gather logs."""
AGENTS_WITH_LOGS: tuple[AgentName, ...] = (
    "vector",
    "alloy",
    "datadog-agent",
    "splunk-otel-collector",
    "otel-collector",
    "elastic-agent",
    "cloudwatch-agent",
)
"""Agents that gather logs where they are told to: they then mount the node's logs."""


def either(sides: Iterable[Verdict | Unavailable]) -> Verdict | Unavailable:
    """An *or*: one side that passes decides; else what could not be had; else every side's reason."""
    known = list(sides)
    if good := next((each for each in known if isinstance(each, Verdict) and each.outcome == "pass"), None):
        return good
    if unread := first_unavailable(*known):
        return unread
    verdicts = [each for each in known if isinstance(each, Verdict)]
    return failed(
        "; ".join(dict.fromkeys(each.reason for each in verdicts)),
        [name for each in verdicts for name in each.offenders],
        total=sum(each.offenders_total for each in verdicts),
    )


def among(names: Sequence[str]) -> str:
    """One of several things, in words; nothing where evidence counts them and names none."""
    return f", among them {names[0]}" if names else ""


def works(agent: Component, nodes: Nodes | Unavailable, percent: float) -> bool | Unavailable:
    """Whether a server has a ready pod, or a DaemonSet is ready on that share of its nodes.

    Nodes that may still be starting are no fault.
    """
    if not agent.ready:
        return False
    if agent.kind != "DaemonSet" or 100 * agent.ready >= percent * agent.desired:
        return True
    if isinstance(nodes, Unavailable):
        return nodes
    late = sum(starting(node, nodes) for node in nodes.nodes)
    return 100 * agent.ready >= percent * (agent.desired - late)


def counted(agent: Component) -> str:
    """How an agent fares, in words."""
    return f"{agent.where} is ready {'on' if agent.kind == 'DaemonSet' else 'with'} {agent.ready} of {agent.desired}"


def signals(agent: Component, collectors: OpenTelemetryCollectors) -> dict[str, tuple[str, ...]] | None:
    """The receivers of an OpenTelemetry collector by signal; None where no resource tells."""
    return next(
        (
            each.receivers
            for each in collectors.collectors
            if (each.namespace, f"{each.name}-collector") == (agent.namespace, agent.name)
        ),
        None,
    )


def has_role(agent: Component, *roles: str) -> bool:
    """Whether an Alloy is one of those that grafana/k8s-monitoring makes for one purpose alone, by its name."""
    return any(agent.name.endswith(role) for role in roles)


def log_agents(components: Components) -> list[Component]:
    """DaemonSets that gather the logs of containers."""
    found = [each for name in LOG_AGENTS for each in components.named(name)]
    found += [each for name in AGENTS_WITH_LOGS for each in components.named(name) if each.reads_node_logs]
    return [each for each in found if each.kind == "DaemonSet"]
