"""Alerting: somebody is told when the cluster is in trouble."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.observability.agents import among, either
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import Alarms, Components, PrometheusOperator, PrometheusWorkspaces, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check(
    "alerting.rules",
    needs=(
        if_available(Alarms),
        if_available(PrometheusOperator),
        if_available(PrometheusWorkspaces),
        if_available(Components),
    ),
    required=True,
)
def enough_alerts_watch(
    alarms: Alarms | Unavailable,
    prometheus: PrometheusOperator | Unavailable,
    workspaces: PrometheusWorkspaces | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """At least `min_alert_rules` alarms and alert rules watch the cluster, and may act.

    CloudWatch alarms count when their dimension ClusterName, their expression or their name says that they are about
    this cluster, and they have enabled actions that tell somebody, or stand under a composite alarm that has. Rules of
    PrometheusRules count when an available Prometheus selects them, or VictoriaMetrics' vmalert or Alloy runs, which
    take all; those of Amazon Managed Service for Prometheus in each workspace that the cluster writes to.
    Why: a cluster that nobody watches is watched by its users.
    Fix: aws cloudwatch put-metric-alarm --dimensions Name=ClusterName,Value=<cluster> --alarm-actions <topic> …
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/reliability.html
    """
    parts = [*_acting(alarms), _evaluated(prometheus, components), *_managed(workspaces)]
    total = sum(each for each in parts if isinstance(each, int))
    if total >= policy.min_alert_rules:
        return passed(f"{total} alarms and alert rules watch the cluster")
    if unread := first_unavailable(*parts):
        return unread
    said = [f"{total} alarms and alert rules watch the cluster, {policy.min_alert_rules} should"]
    idle: list[str] = []
    if isinstance(alarms, Alarms) and alarms.silent.total:
        said.append(f"{alarms.silent.total} alarms tell nobody")
        idle += alarms.silent.names
    if isinstance(prometheus, PrometheusOperator):
        unselected = prometheus.alert_rules.unselected
        if unselected.total:
            said.append(f"no running Prometheus takes {unselected.total} PrometheusRules")
            idle += unselected.names
    return failed("; ".join(said), idle)


def _acting(alarms: Alarms | Unavailable) -> list[int | Unavailable]:
    if isinstance(alarms, Unavailable):
        return [alarms]
    beyond = Unavailable(reason="unsupported", detail="the account has more alarms than are looked at")
    return [alarms.acting.total] if alarms.complete else [alarms.acting.total, beyond]


def _evaluated(prometheus: PrometheusOperator | Unavailable, components: Components | Unavailable) -> int | Unavailable:
    if isinstance(prometheus, Unavailable):
        return prometheus
    rules = prometheus.alert_rules
    if rules.unread or rules.selected == rules.total:
        return rules.unread or rules.selected
    if isinstance(components, Unavailable):
        return components
    others = (*components.named("vmalert"), *components.named("alloy"))
    return rules.total if any(each.ready for each in others) else rules.selected


def _managed(workspaces: PrometheusWorkspaces | Unavailable) -> list[int | Unavailable]:
    if isinstance(workspaces, Unavailable):
        return [workspaces]
    known = [each.alert_rules for each in workspaces.workspaces]
    return [*known, workspaces.unread] if workspaces.unread else known


@check(
    "alerting.routing",
    needs=(if_available(Alarms), if_available(PrometheusOperator), if_available(PrometheusWorkspaces)),
    required=True,
    or_attested=lambda policy: policy.procedure_max_age_days,
)
def alerts_reach_somebody(
    alarms: Alarms | Unavailable,
    prometheus: PrometheusOperator | Unavailable,
    workspaces: PrometheusWorkspaces | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Alerts reach somebody: a confirmed subscriber, or a receiver with an integration.

    A subscription of an SNS topic that an alarm of the cluster notifies counts once it was confirmed; a receiver of an
    AlertmanagerConfig when an available Alertmanager selects it; the alert manager of a managed Prometheus workspace
    when its definition is ACTIVE. Alertmanager's own configuration is a Secret and never read: a statement within
    `procedure_max_age_days` days answers for it.
    Why: an alert that nobody gets is a line in a log.
    Fix: aws sns subscribe --topic-arn <topic> --protocol email --notification-endpoint <address>, and confirm it; or:
    eks-readiness attest alerting.routing
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return either([_subscribers(alarms), _receivers(prometheus), _alert_managers(workspaces)])


def _subscribers(alarms: Alarms | Unavailable) -> Verdict | Unavailable:
    if isinstance(alarms, Unavailable):
        return alarms
    if told := next((each for each in alarms.topics if isinstance(each.confirmed, int) and each.confirmed), None):
        return passed(f"{told.confirmed} confirmed subscriptions of {told.arn}")
    if unread := first_unavailable(*(each.confirmed for each in alarms.topics)):
        return unread
    if alarms.topics_total > len(alarms.topics) or not alarms.complete:
        return Unavailable(reason="unsupported", detail="the cluster's alarms notify more topics than are looked at")
    if alarms.topics:
        return failed("no subscription of the alarms' topics is confirmed", [each.arn for each in alarms.topics])
    return failed("no alarm of the cluster notifies a topic")


def _receivers(prometheus: PrometheusOperator | Unavailable) -> Verdict | Unavailable:
    if isinstance(prometheus, Unavailable):
        return prometheus
    receivers = prometheus.receivers
    if receivers.unread:
        return receivers.unread
    if receivers.selected.total:
        return passed(f"{receivers.selected.total} receivers of Alertmanager{among(receivers.selected.names)}")
    if receivers.total:
        return failed(f"no running Alertmanager takes the {receivers.total} receivers of AlertmanagerConfigs")
    return failed("no AlertmanagerConfig has a receiver")


def _alert_managers(workspaces: PrometheusWorkspaces | Unavailable) -> Verdict | Unavailable:
    if isinstance(workspaces, Unavailable):
        return workspaces
    found = {each.id: each.alert_manager for each in workspaces.workspaces}
    if active := next((name for name, state in found.items() if state in ("ACTIVE", "UPDATING")), None):
        return passed(f"the alert manager of workspace {active} is {found[active]}")
    broken = [f"the alert manager of workspace {name} is {state}" for name, state in found.items() if state]
    return first_unavailable(workspaces.unread, *found.values()) or failed(
        "; ".join(broken) or "no managed Prometheus has an alert manager"
    )
