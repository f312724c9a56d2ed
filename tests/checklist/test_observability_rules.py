"""Rules about metrics, logs, traces, alerts, dashboards and objectives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eks_readiness.checklist.observability.agents import either, works
from eks_readiness.checklist.observability.alerting import alerts_reach_somebody, enough_alerts_watch
from eks_readiness.checklist.observability.dashboards import a_dashboard_shows_the_cluster
from eks_readiness.checklist.observability.distributed_tracing import a_collector_takes_traces, traces_arrive
from eks_readiness.checklist.observability.log_aggregation import a_log_agent_is_on_every_node, logs_arrive, logs_expire
from eks_readiness.checklist.observability.metrics_collection import metrics_flow
from eks_readiness.checklist.observability.slo_tracking import a_budget_is_computed, an_objective_exists
from eks_readiness.domain.evidence import (
    Alarms,
    ApplicationSignals,
    CloudWatchDashboards,
    ContainerInsights,
    FargateLogging,
    GrafanaDashboards,
    GrafanaWorkspaces,
    LogSink,
    OpenTelemetryCollectors,
    PrometheusOperator,
    PrometheusScrapers,
    PrometheusWorkspaces,
    RuleObjectives,
    ServiceObjectives,
    Unavailable,
    XRayTraces,
)
from eks_readiness.domain.evidence.observability import (
    AlarmTopic,
    AlertRules,
    BudgetState,
    Collector,
    LogGroup,
    PrometheusScraper,
    PrometheusServer,
    PrometheusWorkspace,
)
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from tests.checklist.observed import (
    DENIED,
    LATE,
    POLICY,
    component,
    components,
    daemonset,
    node,
    nodes,
    sample,
    seen,
)
from tests.strategies import NOW

NO_OPERATOR = seen(PrometheusOperator, installed=False)
NO_WORKSPACES = seen(PrometheusWorkspaces)
NO_ALARMS = seen(Alarms)


def starting(*names: str) -> list[Any]:
    """Nodes that were made a minute ago."""
    return [node(name, created_at=NOW - timedelta(minutes=1)) for name in names]


def test_offenders_of_every_side_are_counted() -> None:
    """Beyond those that are named."""
    sides = [failed("one", ["a"], total=30), failed("one", ["b"])]
    assert either(sides) == failed("one", ["a", "b"], total=31)


@pytest.mark.parametrize(
    ("ready", "desired", "late", "percent", "expected"),
    [
        (95, 100, 0, 95, True),
        (94, 100, 0, 95, False),
        (100, 101, 0, 100, False),
        (95, 101, 1, 95, True),
        (94, 101, 1, 95, False),
        (100, 102, 1, 100, False),
        (1, 3, 1, 50, True),
        (55, 100, 0, 55, True),
        (55, 101, 1, 55, True),
        (0, 3, 3, 50, False),
    ],
)
def test_an_agent_works_on_its_share_of_nodes(
    ready: int, desired: int, late: int, percent: float, *, expected: bool
) -> None:
    """Nodes that are starting are no fault; a share is counted exactly."""
    new = starting(*(f"n{number}" for number in range(late)))
    assert works(daemonset("fluent-bit", ready, desired), nodes(*new), percent) is expected


def test_nodes_decide_only_where_they_may() -> None:
    """Without them an agent on enough nodes works, one on fewer may."""
    assert works(daemonset("fluent-bit", 2, 2), DENIED, 100) is True
    assert works(daemonset("fluent-bit", 1, 2), DENIED, 100) == DENIED
    assert works(daemonset("fluent-bit", 0, 2), DENIED, 100) is False


def alerts(alarms: Any = NO_ALARMS, prometheus: Any = NO_OPERATOR, workspaces: Any = NO_WORKSPACES, *tools: Any) -> Any:
    """What the check of alert rules says."""
    return enough_alerts_watch(alarms, prometheus, workspaces, components(*tools), POLICY)


def operator(selected: int, total: int, **fields: Any) -> PrometheusOperator:
    """An operator with rules."""
    rules = AlertRules(selected=selected, total=total, **fields)
    return seen(PrometheusOperator, installed=True, alert_rules=rules)


def test_alerts_add_up() -> None:
    """Those of every source, and who tells nobody is named."""
    alarms = seen(Alarms, acting=sample("a", "b"), silent=sample("s"))
    workspaces = seen(PrometheusWorkspaces, workspaces=(PrometheusWorkspace(id="ws-1", alert_rules=1),))
    assert alerts(alarms, operator(1, 4, unselected=sample("u")), workspaces) == failed(
        "4 alarms and alert rules watch the cluster, 5 should; 1 alarms tell nobody; "
        "no running Prometheus takes 1 PrometheusRules",
        ["s", "u"],
    )
    assert alerts(alarms, operator(2, 2), workspaces) == passed("5 alarms and alert rules watch the cluster")


@pytest.mark.parametrize("name", ["vmalert", "alloy"])
def test_others_take_every_rule(name: str) -> None:
    """VictoriaMetrics and Alloy, where they run."""
    assert alerts(NO_ALARMS, operator(0, 5), NO_WORKSPACES, component(name, 1)) == passed(
        "5 alarms and alert rules watch the cluster"
    )
    assert alerts(NO_ALARMS, operator(0, 5), NO_WORKSPACES, component(name, 0, 1)).outcome == "fail"


def test_alerts_that_could_not_be_read() -> None:
    """More alarms than are looked at, rules, or workspaces."""
    beyond = Unavailable(reason="unsupported", detail="the account has more alarms than are looked at")
    assert alerts(seen(Alarms, complete=False)) == beyond
    five = passed("5 alarms and alert rules watch the cluster")
    assert alerts(seen(Alarms, complete=False, acting=sample(*"abcde"))) == five
    assert alerts(prometheus=operator(0, 3, unread=LATE)) == LATE
    assert alerts(prometheus=operator(3, 3, unread=LATE)) == LATE
    assert alerts(workspaces=seen(PrometheusWorkspaces, unread=DENIED)) == DENIED
    one = (PrometheusWorkspace(id="ws-1", alert_rules=DENIED),)
    assert alerts(workspaces=seen(PrometheusWorkspaces, workspaces=one)) == DENIED
    assert alerts() == failed("0 alarms and alert rules watch the cluster, 5 should")


def routed(alarms: Any = NO_ALARMS, workspaces: Any = NO_WORKSPACES) -> Any:
    """What the check of routing says, without an Alertmanager of the operator."""
    return alerts_reach_somebody(alarms, NO_OPERATOR, workspaces, POLICY)


NOBODY = ("no AlertmanagerConfig has a receiver", "no managed Prometheus has an alert manager")


def test_topics_that_were_not_looked_at() -> None:
    """One of them may have a subscriber; so may one of an alarm that was not seen."""
    more = Unavailable(reason="unsupported", detail="the cluster's alarms notify more topics than are looked at")
    topics = (AlarmTopic(arn="topic"),)
    assert routed(seen(Alarms, topics=topics, topics_total=2)) == more
    assert routed(seen(Alarms, topics=topics, topics_total=1, complete=False)) == more
    unconfirmed = "no subscription of the alarms' topics is confirmed"
    assert routed(seen(Alarms, topics=topics, topics_total=1)) == failed("; ".join((unconfirmed, *NOBODY)), ["topic"])
    assert routed() == failed("; ".join(("no alarm of the cluster notifies a topic", *NOBODY)))


def managed(*states: Any, unread: Unavailable | None = None) -> PrometheusWorkspaces:
    """Workspaces with alert managers in these states."""
    found = tuple(PrometheusWorkspace(id=f"ws-{number}", alert_manager=state) for number, state in enumerate(states))
    return seen(PrometheusWorkspaces, workspaces=found, unread=unread)


@pytest.mark.parametrize("state", ["ACTIVE", "UPDATING"])
def test_an_alert_manager_in_order(state: str) -> None:
    """Of any workspace."""
    assert routed(workspaces=managed("", state)) == passed(f"the alert manager of workspace ws-1 is {state}")


def test_alert_managers_that_are_not_in_order() -> None:
    """Each is named; what could not be read may be one that is."""
    nothing = "no alarm of the cluster notifies a topic; no AlertmanagerConfig has a receiver"
    said = "the alert manager of workspace {} is {}"
    broken = f"{said.format('ws-0', 'CREATING')}; {said.format('ws-1', 'FAILED')}"
    assert routed(workspaces=managed("CREATING", "FAILED")) == failed(f"{nothing}; {broken}")
    assert routed(workspaces=managed("", DENIED)) == DENIED
    assert routed(workspaces=managed("", unread=LATE)) == LATE


def test_dashboards_that_nothing_shows_are_counted() -> None:
    """Beyond those that are named; and AWS may not offer Grafana."""
    said = a_dashboard_shows_the_cluster(
        seen(CloudWatchDashboards, total=2, read=2),
        seen(GrafanaDashboards, unsynchronized=sample("d", total=30)),
        seen(GrafanaWorkspaces, offered=False),
        components(),
        POLICY,
    )
    assert said == failed(
        "none of 2 CloudWatch dashboards names the cluster; no Grafana shows the 30 GrafanaDashboards; "
        "AWS does not offer Managed Grafana here; no Grafana runs in the cluster",
        ["d"],
        total=30,
    )


def test_a_share_of_agents_needs_the_nodes() -> None:
    """Where some are starting an agent may work; without the nodes that is not known."""
    agent = daemonset("datadog-agent", 1, 2)
    assert a_collector_takes_traces(components(agent), seen(OpenTelemetryCollectors), DENIED, POLICY) == DENIED
    said = a_collector_takes_traces(components(agent), seen(OpenTelemetryCollectors), nodes(*starting("a")), POLICY)
    assert said == passed("DaemonSet tools/datadog-agent is ready on 1 of 2")


def test_traces_are_fresh_to_the_hour() -> None:
    """Where AWS does not offer Application Signals, X-Ray decides."""
    nowhere = seen(ApplicationSignals, offered=False)
    on_time = seen(XRayTraces, newest_at=NOW - timedelta(hours=1), clusters=1)
    assert traces_arrive(nowhere, on_time, POLICY) == passed(
        "X-Ray has a trace of EKS of 11:00 UTC, and there is no other cluster here"
    )
    assert traces_arrive(nowhere, seen(XRayTraces), POLICY) == failed(
        "AWS does not offer Application Signals here; X-Ray has no trace of EKS of the last 1 hours"
    )


def test_log_agents_are_counted_exactly() -> None:
    """On 100 of 101 nodes, with all wanted, is too few; pods for Windows add to the others."""
    nobody = seen(FargateLogging, exists=False)

    def said(*agents: Any, of: list[Any]) -> Any:
        return a_log_agent_is_on_every_node(components(*agents), nodes(*of), nobody, POLICY)

    assert said(daemonset("fluent-bit", 19, 20), of=[node(f"n{each}") for each in range(20)]) == passed(
        "fluent-bit is ready on 19 of 20 nodes"
    )
    few = [node(f"n{number}") for number in range(200)]
    assert said(daemonset("fluent-bit", 189, 200), of=few) == failed(
        "fluent-bit is ready on 189 of 200 nodes", ["DaemonSet tools/fluent-bit 189 of 200"]
    )
    half = msgspec.structs.replace(POLICY, min_log_agent_nodes_percent=55)
    found, everywhere = components(daemonset("fluent-bit", 55, 100)), nodes(*(node(f"n{each}") for each in range(100)))
    assert a_log_agent_is_on_every_node(found, everywhere, nobody, half) == passed(
        "fluent-bit is ready on 55 of 100 nodes"
    )
    mixed = [node("a"), node("w", os_family="windows")]
    # More pods than Linux nodes do not make up for the Windows node without one.
    assert said(daemonset("fluent-bit", 2), of=mixed) == failed(
        "fluent-bit is ready on 1 of 2 nodes", ["DaemonSet tools/fluent-bit 2 of 2"]
    )


def test_every_output_of_fargate_is_named() -> None:
    """In the order of the ConfigMap."""
    fargate = seen(FargateLogging, exists=True, outputs=("es", "kinesis"))
    alone = nodes(node("f", "fargate"))
    writes = "Fargate writes its logs to es, kinesis"
    assert a_log_agent_is_on_every_node(components(), alone, fargate, POLICY) == passed(writes)
    assert logs_arrive(seen(LogSink), components(), alone, fargate, POLICY) == not_applicable(writes)
    assert logs_expire(seen(LogSink), components(), alone, fargate, POLICY) == not_applicable(writes)


def group(**fields: Any) -> LogGroup:
    """The group of Container Insights."""
    return LogGroup(name="/aws/containerinsights/prod/application", **fields)


def test_logs_are_fresh_to_the_hour() -> None:
    """Exactly two hours still count, and a fresh group decides whatever else runs."""
    agent = components(daemonset("fluentd", 1))
    on_time = seen(LogSink, groups=(group(newest_event_at=NOW - timedelta(hours=2)),))
    said = "the newest event of /aws/containerinsights/prod/application is of 2026-06-01 {} UTC"
    fargate = seen(FargateLogging, exists=False)
    assert logs_arrive(on_time, components(daemonset("datadog-agent", 1)), nodes(), fargate, POLICY) == passed(
        said.format("10:00")
    )
    late = seen(LogSink, groups=(group(newest_event_at=NOW - timedelta(hours=3)),))
    elsewhere = components(daemonset("promtail", 1))
    assert logs_arrive(on_time, elsewhere, nodes(), fargate, POLICY) == passed(said.format("10:00"))
    assert logs_arrive(late, elsewhere, nodes(), fargate, POLICY) == not_applicable(
        "DaemonSet tools/promtail writes to something other than CloudWatch"
    )
    assert logs_arrive(late, agent, nodes(), fargate, POLICY) == failed(said.format("09:00"))


def test_logs_of_pods_on_fargate_may_be_missing_where_nodes_are_not_known() -> None:
    """What arrives of nodes says nothing of them; what fails is sure."""
    fargate, agent = seen(FargateLogging, exists=False), components(daemonset("fluentd", 1))
    on_time = seen(LogSink, groups=(group(newest_event_at=NOW, retention_days=7),))
    for rule in (logs_arrive, logs_expire):
        assert rule(on_time, agent, DENIED, fargate, POLICY) == DENIED
    late = seen(LogSink, groups=(group(newest_event_at=NOW - timedelta(days=3)),))
    answer = logs_arrive(late, agent, DENIED, fargate, POLICY)
    assert isinstance(answer, Verdict)
    assert answer.outcome == "fail"


def test_groups_that_are_not_there() -> None:
    """Fargate names one that is missing, or none; a group that is there may be empty."""
    alone = nodes(node("f", "fargate"))
    names = seen(FargateLogging, exists=True, outputs=("cloudwatch_logs",), log_groups=("pods",))
    silent = seen(FargateLogging, exists=True)
    missing = failed("log group pods is not there")
    for rule in (logs_arrive, logs_expire):
        assert rule(seen(LogSink), components(), alone, names, POLICY) == missing
        assert rule(seen(LogSink), components(), alone, silent, POLICY) == failed(
            "ConfigMap aws-observability/aws-logging names no output"
        )
        assert rule(seen(LogSink), components(), alone, DENIED, POLICY) == DENIED
    empty = seen(LogSink, groups=(LogGroup(name="pods"),))
    assert logs_arrive(empty, components(), alone, names, POLICY) == failed("log group pods has no event")


def test_an_agent_of_cloudwatch_without_its_group() -> None:
    """It should have written to one."""
    agent = components(daemonset("fluent-bit", 1, namespace="amazon-cloudwatch"))
    fargate = seen(FargateLogging, exists=False)
    gone = failed("DaemonSet amazon-cloudwatch/fluent-bit runs, but its log group is not there")
    for rule in (logs_arrive, logs_expire):
        assert rule(seen(LogSink), agent, nodes(), fargate, POLICY) == gone


def test_the_shared_group_needs_its_agent() -> None:
    """It is this cluster's where the chart that writes to it runs here."""
    shared = seen(LogSink, groups=(LogGroup(name="/aws/eks/fluentbit-cloudwatch/logs", retention_days=7),))
    fargate = seen(FargateLogging, exists=False)
    chart = components(daemonset("aws-for-fluent-bit", 1))
    assert logs_expire(shared, chart, nodes(), fargate, POLICY) == passed("logs are kept for 7 days")
    assert logs_expire(shared, DENIED, nodes(), fargate, POLICY) == DENIED


NO_SCRAPERS = seen(PrometheusScrapers, offered=False)
NO_INSIGHTS = "Container Insights has no data of nodes of the last 15 minutes"


def metrics(
    insights: Any = None, *, scrapers: Any = NO_SCRAPERS, prometheus: Any = NO_OPERATOR, tools: Any = (), of: Any = None
) -> Any:
    """What the check of metrics says."""
    collectors = seen(OpenTelemetryCollectors, collectors=(Collector(namespace="otel", name="node", receivers={}),))
    found = components(*tools)
    return metrics_flow(
        insights or seen(ContainerInsights), scrapers, prometheus, collectors, found, of or nodes(), POLICY
    )


def test_metrics_are_fresh_to_the_minute() -> None:
    """Of nodes and of pods; what is old is named with its time."""
    on_time, late = NOW - timedelta(minutes=15), NOW - timedelta(minutes=16)
    assert metrics(seen(ContainerInsights, nodes_at=on_time, pods_at=on_time)) == passed(
        "Container Insights has data of nodes and pods, the newest of 11:45 UTC"
    )
    rest = "AWS does not offer managed Prometheus here; no Prometheus resource; no agent gathers metrics"
    old = ", the newest is of 2026-06-01 11:44 UTC"
    assert metrics(seen(ContainerInsights, nodes_at=late, pods_at=on_time)) == failed(f"{NO_INSIGHTS}{old}; {rest}")
    pods = NO_INSIGHTS.replace("nodes", "pods")
    assert metrics(seen(ContainerInsights, nodes_at=on_time, pods_at=late)) == failed(f"{pods}{old}; {rest}")


def test_scrapers_are_named_with_their_state() -> None:
    """Each of them."""
    found = (PrometheusScraper(id="s-1", status="FAILED"), PrometheusScraper(id="s-2", status=""))
    assert metrics(scrapers=seen(PrometheusScrapers, scrapers=found)) == failed(
        f"{NO_INSIGHTS}; scraper s-1 is FAILED; scraper s-2 is in no state; no Prometheus resource; "
        "no agent gathers metrics"
    )


def test_agents_of_prometheus_count_where_servers_cannot_be_read() -> None:
    """One kind that could not be read does not hide the other."""
    agent = PrometheusServer(kind="PrometheusAgent", namespace="m", name="a", available=True)
    found = seen(PrometheusOperator, installed=True, servers=DENIED, agents=(agent,))
    assert metrics(prometheus=found) == passed("PrometheusAgent m/a is Available")
    assert metrics(prometheus=seen(PrometheusOperator, installed=True, servers=DENIED)) == DENIED


def test_metrics_of_agents_need_the_nodes() -> None:
    """An agent that some nodes still start works; without the nodes that is not known."""
    agent = daemonset("datadog-agent", 1, 2)
    assert metrics(tools=(agent,), of=nodes(*starting("a"))) == passed(
        "DaemonSet tools/datadog-agent is ready on 1 of 2"
    )
    assert metrics(tools=(agent,), of=DENIED) == DENIED


def test_a_collector_without_metrics() -> None:
    """Its resource tells that it has no pipeline for them."""
    collector = component("otel-collector", 1, namespace="otel", name="node-collector")
    assert metrics(tools=(collector,)) == failed(
        f"{NO_INSIGHTS}; AWS does not offer managed Prometheus here; no Prometheus resource; "
        "Deployment otel/node-collector has no pipeline for metrics of nodes and pods"
    )


NOT_OFFERED = seen(ServiceObjectives, offered=False)


def budget(services: Any, rules: Any, prometheus: Any = NO_OPERATOR, *tools: Any) -> Any:
    """What the check of budgets says."""
    return a_budget_is_computed(services, rules, prometheus, components(*tools), POLICY)


def test_objectives_of_both_states_add_up() -> None:
    """Those with rules and those without are objectives."""
    rules = seen(RuleObjectives, made=sample("m", total=3), pending=sample("p", total=2))
    assert an_objective_exists(NOT_OFFERED, rules, POLICY) == passed("5 objectives of Sloth or Pyrra, among them m")
    nothing = "AWS does not offer Application Signals here"
    assert an_objective_exists(NOT_OFFERED, seen(RuleObjectives), POLICY) == failed(
        f"{nothing}; there is no objective of Sloth or Pyrra"
    )
    pending = seen(RuleObjectives, pending=sample("p", total=30))
    assert budget(NOT_OFFERED, pending) == failed(
        f"{nothing}; no rules were made of an objective of Sloth or Pyrra", ["p"], total=30
    )


def test_budgets_without_a_state() -> None:
    """Their number is told."""
    services = seen(
        ServiceObjectives,
        objectives=sample("o"),
        judged=1,
        budgets=(BudgetState(state="", budgets=1), BudgetState(state="INSUFFICIENT_DATA", budgets=2)),
    )
    assert budget(services, seen(RuleObjectives)) == failed(
        "no budget in Application Signals is computed: 1 in no state, 2 INSUFFICIENT_DATA; "
        "no rules were made of an objective of Sloth or Pyrra",
        ["o"],
    )


def test_objectives_are_evaluated_by_whatever_runs() -> None:
    """A workload, where resources could not be read; vmalert as well as Prometheus."""
    rules = seen(RuleObjectives, made=sample("m"))
    evaluated = "Deployment tools/{} evaluates 1 objectives of Sloth or Pyrra"
    for name in ("prometheus", "vmalert"):
        assert budget(NOT_OFFERED, rules, DENIED, component(name, 1)) == passed(evaluated.format(name))
    assert budget(NOT_OFFERED, rules, DENIED) == DENIED
    unread = seen(PrometheusOperator, installed=True, servers=LATE)
    assert budget(NOT_OFFERED, rules, unread) == LATE
