"""Log aggregation: what containers write is kept outside the nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

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
_OF_NODES = ("/aws/containerinsights/", _SHARED_GROUP)
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
    return _all_of(needed)


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
    """The log groups of the cluster's containers have an event of the last `max_log_silence_hours` hours.

    For nodes it is that of Container Insights, or that of the chart aws-for-fluent-bit; for Fargate the one that it is
    told: where there are both, logs of both must arrive. CloudWatch may be an hour behind in telling when the newest
    event was. aws-for-fluent-bit writes to CloudWatch unless told otherwise: without a group of a known name it is
    unknown where its logs go.
    Not applicable when: an agent runs that writes elsewhere than to CloudWatch, where it is not seen what arrives.
    Why: an agent without the right to write is ready, and everything it reads is lost.
    Fix: look at the agent's own log, and give its role CloudWatchAgentServerPolicy.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-EKS-logs.html
    """
    if isinstance(sink, Unavailable):
        return sink
    oldest = timedelta(hours=policy.max_log_silence_hours)
    agents = _Agents(components, nodes, fargate)
    return agents.judged(sink, lambda groups: either([_fresh(each, sink, oldest) for each in groups]))


def _fresh(group: LogGroup, sink: LogSink, oldest: timedelta) -> Verdict | Unavailable:
    newest = group.newest_event_at
    if isinstance(newest, Unavailable):
        return newest
    if newest is None:
        return failed(f"log group {group.name} has no event")
    said = f"the newest event of {group.name} is of {newest:%Y-%m-%d %H:%M} UTC"
    return passed(said) if sink.observed_at - newest <= oldest else failed(said)


class _Agents(NamedTuple):
    """What writes logs: agents on nodes, and the log router of Fargate."""

    components: Components | Unavailable
    nodes: Nodes | Unavailable
    fargate: FargateLogging | Unavailable

    def judged(
        self, sink: LogSink, judge: Callable[[Sequence[LogGroup]], Verdict | Unavailable], *, left_over: bool = True
    ) -> Verdict | Unavailable:
        """Judge the log groups of nodes, and those of Fargate, where pods run on either.

        `left_over`: a group that fails may be one to which nothing writes any more.
        """
        groups = self._groups(sink)
        if isinstance(groups, Unavailable):
            return groups
        told = () if isinstance(self.fargate, Unavailable) else self.fargate.log_groups
        of_nodes = [each for each in groups if each.name not in told or each.name.startswith(_OF_NODES)]
        sides: list[Verdict | Unavailable] = []
        kinds = set() if isinstance(self.nodes, Unavailable) else {each.compute for each in self.nodes.nodes}
        if kinds != {"fargate"}:
            found = judge(of_nodes) if of_nodes else None
            sure = isinstance(found, Verdict) and found.outcome == "fail" and left_over
            sides.append(found if found and not sure else self._of_nodes(found))
        if "fargate" in kinds:
            of_fargate = [each for each in groups if each.name in told]
            sides.append(judge(of_fargate) if of_fargate else self._without_group())
        if isinstance(self.nodes, Unavailable):
            sides.append(self.nodes)  # pods may run on Fargate, too
        return _all_of(sides)

    def _groups(self, sink: LogSink) -> list[LogGroup] | Unavailable:
        """The groups that are this cluster's: one of them is shared, and counts where its agent runs here."""
        if not any(each.name == _SHARED_GROUP for each in sink.groups):
            return list(sink.groups)
        if isinstance(self.components, Unavailable):
            return self.components
        writing = any(each.ready for each in self.components.named(_WRITES_TO_CLOUDWATCH))
        return [each for each in sink.groups if writing or each.name != _SHARED_GROUP]

    def _of_nodes(self, found: Verdict | Unavailable | None) -> Verdict | Unavailable:
        """What it means that no group of nodes is as it should be, or that there is none: logs may go elsewhere."""
        if isinstance(self.components, Unavailable):
            return self.components
        agents = [each for each in log_agents(self.components) if each.ready]
        if not agents:
            return self.nodes if isinstance(self.nodes, Unavailable) else found or failed("no log agent is ready")
        if in_cloudwatch := next((each for each in agents if each.namespace == _CLOUDWATCH_NAMESPACE), None):
            return found or failed(f"{in_cloudwatch.where} runs, but its log group is not there")
        if found and any(each.component in _MAY_WRITE_TO_CLOUDWATCH for each in agents):
            return found
        if unseen := next((each for each in agents if each.component == _WRITES_TO_CLOUDWATCH), None):
            return Unavailable(
                reason="unsupported",
                detail=f"{unseen.where} writes to CloudWatch unless told otherwise; no group of a known name is there",
                remedy=f"let it write to {_SHARED_GROUP}, or waive the check where it writes elsewhere",
            )
        return not_applicable(f"{agents[0].where} writes to something other than CloudWatch")

    def _without_group(self) -> Verdict | Unavailable:
        """What it means that no group is there that Fargate is told."""
        if not isinstance(self.fargate, Unavailable) and self.fargate.log_groups:
            return failed(f"log group {self.fargate.log_groups[0]} is not there")
        written = _on_fargate(self.fargate)
        if isinstance(written, Verdict) and written.outcome == "pass":
            return not_applicable(written.reason)
        return written


def _all_of(sides: Sequence[Verdict | Unavailable]) -> Verdict | Unavailable:
    """An *and*: one side that fails decides; else what could not be had; else those that pass, if any applies."""
    verdicts = [each for each in sides if isinstance(each, Verdict)]
    if bad := next((each for each in verdicts if each.outcome == "fail"), None):
        return bad
    if unread := first_unavailable(*sides):
        return unread
    good = [each.reason for each in verdicts if each.outcome == "pass"]
    return passed("; ".join(good)) if good else not_applicable("; ".join(each.reason for each in verdicts))


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
    if isinstance(sink, Unavailable):
        return sink
    return _Agents(components, nodes, fargate).judged(sink, _expire, left_over=False)


def _expire(groups: Sequence[LogGroup]) -> Verdict:
    if endless := [each.name for each in groups if each.retention_days is None]:
        return failed(f"{len(endless)} log groups never expire", endless)
    return passed(f"logs are kept for {max(each.retention_days or 0 for each in groups)} days")
