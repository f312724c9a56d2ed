"""SLO tracking: how well users are served is measured against a goal."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.observability.agents import among, either
from eks_readiness.domain.evidence import Components, PrometheusOperator, RuleObjectives, ServiceObjectives, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_COMPUTED = ("OK", "WARNING", "BREACHED")
"""States of a budget that was computed; INSUFFICIENT_DATA is none, and neither is one that AWS adds later."""


@check("slo-tracking.objectives", needs=(if_available(ServiceObjectives), if_available(RuleObjectives)), required=True)
def an_objective_exists(
    services: ServiceObjectives | Unavailable, rules: RuleObjectives | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """There is a service level objective about this cluster's services.

    In Application Signals one of a service in an environment eks:<cluster>/<namespace>, or on a plain metric and named
    after the cluster; in the cluster one of Sloth or Pyrra.
    Why: without a goal every outage is argued about, and none is bad enough.
    Fix: aws application-signals create-service-level-objective, or a ServiceLevelObjective of Pyrra.
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-ServiceLevelObjectives.html
    """
    return either([_in_aws(services), _in_the_cluster(rules)])


def _in_aws(services: ServiceObjectives | Unavailable) -> Verdict | Unavailable:
    if isinstance(services, Unavailable):
        return services
    if services.objectives.total:
        return passed(f"{services.objectives.total} objectives in Application Signals")
    return failed(_none(services))


def _none(services: ServiceObjectives) -> str:
    if not services.offered:
        return "AWS does not offer Application Signals here"
    return "Application Signals has no objective about this cluster"


def _in_the_cluster(rules: RuleObjectives | Unavailable) -> Verdict | Unavailable:
    if isinstance(rules, Unavailable):
        return rules
    total = rules.made.total + rules.pending.total
    if total:
        return passed(f"{total} objectives of Sloth or Pyrra{among((*rules.made.names, *rules.pending.names))}")
    return rules.unread or failed("there is no objective of Sloth or Pyrra")


@check(
    "slo-tracking.with-data",
    needs=(
        if_available(ServiceObjectives),
        if_available(RuleObjectives),
        if_available(PrometheusOperator),
        if_available(Components),
    ),
    required=True,
)
def a_budget_is_computed(
    services: ServiceObjectives | Unavailable,
    rules: RuleObjectives | Unavailable,
    prometheus: PrometheusOperator | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """The error budget of an objective is computed from data.

    Application Signals calls its budget OK, WARNING or BREACHED; or Sloth or Pyrra made rules of it, and a Prometheus
    or vmalert runs that evaluates them. A budget that is spent is data too.
    Why: an objective without data is green for ever.
    Fix: aws application-signals batch-get-service-level-objective-budget-report --slo-ids <name> --timestamp <now>
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-ServiceLevelObjectives.html
    """
    return either([_budgets(services), _evaluated(rules, prometheus, components)])


def _budgets(services: ServiceObjectives | Unavailable) -> Verdict | Unavailable:
    if isinstance(services, Unavailable):
        return services
    if not services.objectives.total:
        return failed(_none(services))
    if isinstance(services.budgets, Unavailable):
        return services.budgets
    said = ", ".join(f"{each.budgets} {each.state or 'in no state'}" for each in services.budgets)
    if any(each.state in _COMPUTED for each in services.budgets):
        return passed(f"budgets in Application Signals: {said}")
    if services.judged < services.objectives.total:
        return Unavailable(
            reason="unsupported",
            detail=f"no budget of the first {services.judged} of {services.objectives.total} objectives has data",
        )
    return failed(
        f"no budget in Application Signals is computed: {said or 'no report'}", list(services.objectives.names)
    )


def _evaluated(
    rules: RuleObjectives | Unavailable,
    prometheus: PrometheusOperator | Unavailable,
    components: Components | Unavailable,
) -> Verdict | Unavailable:
    if isinstance(rules, Unavailable):
        return rules
    if not rules.made.total:
        return rules.unread or failed(
            "no rules were made of an objective of Sloth or Pyrra", list(rules.pending.names), total=rules.pending.total
        )
    return either([_by_resource(rules.made.total, prometheus), _by_workload(rules.made.total, components)])


def _by_resource(objectives: int, prometheus: PrometheusOperator | Unavailable) -> Verdict | Unavailable:
    servers = prometheus if isinstance(prometheus, Unavailable) else prometheus.servers
    if isinstance(servers, Unavailable):
        return servers
    if running := next((each for each in servers if each.available), None):
        return passed(f"{running.where} evaluates {objectives} objectives of Sloth or Pyrra")
    return failed(f"rules were made of {objectives} objectives, but no Prometheus runs to evaluate them")


def _by_workload(objectives: int, components: Components | Unavailable) -> Verdict | Unavailable:
    if isinstance(components, Unavailable):
        return components
    evaluators = (*components.named("prometheus"), *components.named("vmalert"))
    if running := next((each for each in evaluators if each.ready), None):
        return passed(f"{running.where} evaluates {objectives} objectives of Sloth or Pyrra")
    return failed(f"rules were made of {objectives} objectives, but no Prometheus runs to evaluate them")
