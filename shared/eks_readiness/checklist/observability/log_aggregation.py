"""Log aggregation: what containers write is kept outside the nodes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.observability.agents import either, log_agents
from eks_readiness.checklist.shapes import first_unavailable, starting
from eks_readiness.domain.evidence import Components, FargateLogging, LogSink, Nodes, Unavailable
from eks_readiness.domain.evidence.nodes import Component
from eks_readiness.domain.evidence.observability import LogGroup
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_CLOUDWATCH_NAMESPACE = "amazon-cloudwatch"
_SHARED_GROUP = "/aws/eks/fluentbit-cloudwatch/logs"
# Its chart writes to CloudWatch unless that output is switched off, to a group whose name is a value of the chart.
_WRITES_TO_CLOUDWATCH: Final = "aws-for-fluent-bit"
# They may write to CloudWatch or to something else; every other agent never writes to CloudWatch.
_MAY_WRITE_TO_CLOUDWATCH = frozenset({"fluent-bit", "aws-for-fluent-bit", "fluentd", "vector", "otel-collector"})


@check("log-aggregation.agents", needs=(Components, Nodes, if_available(FargateLogging)), required=True)
def a_log_agent_is_on_every_node(
    components: Components, nodes: Nodes, fargate: FargateLogging | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """A log agent is ready on `min_log_agent_nodes_percent` of the nodes; on Fargate its log router is set up.

    Fluent Bit, fluentd, Promtail, Filebeat and the log agents of New Relic and Dynatrace count, and Vector, Alloy,
    Datadog, Splunk, Elastic, OpenTelemetry and CloudWatch agents that mount the node's /var/log. Nodes younger than ten
    minutes may still be starting theirs. Pods on Fargate need ConfigMap aws-observability/aws-logging with an output.
    Why: a pod's log is gone with the pod, most of all when it would explain why.
    Fix: aws eks create-addon --addon-name amazon-cloudwatch-observability
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-EKS-logs.html
    """
    on_nodes = _on_nodes(components, nodes, policy)
    if not any(each.compute == "fargate" for each in nodes.nodes):
        return on_nodes
    needed = [_on_fargate(fargate)]
    if any(each.compute != "fargate" for each in nodes.nodes):
        needed.append(on_nodes)
    if bad := next((each for each in needed if isinstance(each, Verdict) and each.outcome == "fail"), None):
        return bad
    return first_unavailable(*needed) or passed("; ".join(each.reason for each in needed if isinstance(each, Verdict)))


def _on_nodes(components: Components, nodes: Nodes, policy: Policy) -> Verdict:
    agents = log_agents(components)
    if not agents:
        return failed(_no_agent(components))
    judged = [each for each in nodes.nodes if each.compute != "fargate" and not starting(each, nodes)]
    windows = sum(each.os_family == "windows" for each in judged)
    # Several DaemonSets of one agent may run on the same nodes: only those for Windows are known to add to the others.
    covered, name = max(
        (
            _ready(agents, name, windows=True, at_most=windows)
            + _ready(agents, name, windows=False, at_most=len(judged) - windows),
            name,
        )
        for name in {each.component for each in agents}
    )
    said = f"{name} is ready on {covered} of {len(judged)} nodes"
    if 100 * covered >= policy.min_log_agent_nodes_percent * len(judged):
        return passed(said)
    return failed(said, [f"{each.where} {each.ready} of {each.desired}" for each in agents])


def _ready(agents: Iterable[Component], name: str, *, windows: bool, at_most: int) -> int:
    mine = [each.ready for each in agents if each.component == name and ("windows" in each.name) == windows]
    return min(max(mine, default=0), at_most)


def _no_agent(components: Components) -> str:
    if silent := next((each for each in components.named("datadog-agent") if each.ready), None):
        return f"no log agent runs: {silent.where} does not mount the node's logs, so it gathers none"
    return "no log agent runs"


def _on_fargate(fargate: FargateLogging | Unavailable) -> Verdict | Unavailable:
    if isinstance(fargate, Unavailable):
        return fargate
    if not fargate.exists:
        return failed("pods run on Fargate, and ConfigMap aws-observability/aws-logging is not there")
    if not fargate.outputs:
        return failed("ConfigMap aws-observability/aws-logging names no output")
    return passed(f"Fargate writes its logs to {', '.join(fargate.outputs)}")


@check(
    "log-aggregation.fresh",
    needs=(if_available(LogSink), if_available(Components), if_available(Nodes), if_available(FargateLogging)),
    required=True,
)
def logs_arrive(
    sink: LogSink | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    fargate: FargateLogging | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """The log group of the cluster's containers has an event of the last `max_log_silence_hours` hours.

    It is that of Container Insights, that of the chart aws-for-fluent-bit, or the one that Fargate is told. CloudWatch
    may be an hour behind in telling when the newest event was.
    Not applicable when: an agent runs that writes elsewhere than to CloudWatch, where it is not seen what arrives.
    Why: an agent without the right to write is ready, and everything it reads is lost.
    Fix: look at the agent's own log, and give its role CloudWatchAgentServerPolicy.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-EKS-logs.html
    """
    groups = _groups(sink, components)
    if isinstance(groups, Unavailable):
        return groups
    oldest = timedelta(hours=policy.max_log_silence_hours)
    sides = [_fresh(each, sink, oldest) for each in groups if not isinstance(sink, Unavailable)]
    found = either(sides) if sides else None
    if found is not None and (isinstance(found, Unavailable) or found.outcome == "pass"):
        return found
    return _elsewhere(bool(groups), components, nodes, fargate) or found or failed("no log agent is ready")


def _groups(sink: LogSink | Unavailable, components: Components | Unavailable) -> tuple[LogGroup, ...] | Unavailable:
    """The groups that are this cluster's: one of them is shared, and counts where its agent runs here."""
    if isinstance(sink, Unavailable):
        return sink
    own = tuple(each for each in sink.groups if each.name != _SHARED_GROUP)
    if own or not sink.groups:
        return own
    if isinstance(components, Unavailable):
        return components
    return sink.groups if any(each.ready for each in components.named(_WRITES_TO_CLOUDWATCH)) else ()


def _fresh(group: LogGroup, sink: LogSink, oldest: timedelta) -> Verdict | Unavailable:
    newest = group.newest_event_at
    if isinstance(newest, Unavailable):
        return newest
    if newest is None:
        return failed(f"log group {group.name} has no event")
    said = f"the newest event of {group.name} is of {newest:%Y-%m-%d %H:%M} UTC"
    return passed(said) if sink.observed_at - newest <= oldest else failed(said)


def _elsewhere(  # noqa: PLR0911 - one for each thing that decides where logs go
    group_there: bool,  # noqa: FBT001 - says whether there is a group in CloudWatch
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    fargate: FargateLogging | Unavailable,
) -> Verdict | Unavailable | None:
    """What it means that no group in CloudWatch is fresh: logs may go elsewhere. None where they should be there."""
    if isinstance(components, Unavailable):
        return components
    agents = [each for each in log_agents(components) if each.ready]
    in_cloudwatch = [each for each in agents if each.namespace == _CLOUDWATCH_NAMESPACE]
    if in_cloudwatch:
        return None if group_there else failed(f"{in_cloudwatch[0].where} runs, but its log group is not there")
    if group_there and any(each.component in _MAY_WRITE_TO_CLOUDWATCH for each in agents):
        return None
    if unseen := next((each for each in agents if each.component == _WRITES_TO_CLOUDWATCH), None):
        return Unavailable(
            reason="unsupported",
            detail=f"{unseen.where} writes to CloudWatch unless told otherwise; no group of a known name is there",
            remedy=f"let it write to {_SHARED_GROUP}, or waive the check where it writes elsewhere",
        )
    if agents:
        return not_applicable(f"{agents[0].where} writes to something other than CloudWatch")
    if isinstance(nodes, Unavailable):
        return nodes
    if not any(each.compute == "fargate" for each in nodes.nodes):
        return None
    if isinstance(fargate, Unavailable):
        return fargate
    if fargate.outputs and not fargate.log_groups:
        return not_applicable(f"Fargate writes its logs to {', '.join(fargate.outputs)}")
    return None if group_there or not fargate.log_groups else failed(f"log group {fargate.log_groups[0]} is not there")


@check(
    "log-aggregation.retention",
    needs=(if_available(LogSink), if_available(Components), if_available(Nodes), if_available(FargateLogging)),
    required=False,
)
def logs_expire(
    sink: LogSink | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    fargate: FargateLogging | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Each log group of the cluster's containers has a retention.

    Not applicable when: an agent runs that writes elsewhere than to CloudWatch.
    Why: logs that never expire cost more each month, and keep personal data longer than anybody allowed.
    Fix: aws logs put-retention-policy --retention-in-days 30
    --log-group-name /aws/containerinsights/<cluster>/application
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html
    """
    groups = _groups(sink, components)
    if isinstance(groups, Unavailable):
        return groups
    if not groups:
        return _elsewhere(group_there=False, components=components, nodes=nodes, fargate=fargate) or failed(
            "no log agent is ready"
        )
    if endless := [each.name for each in groups if each.retention_days is None]:
        return failed(f"{len(endless)} log groups never expire", endless)
    return passed(f"logs are kept for {max(each.retention_days or 0 for each in groups)} days")
