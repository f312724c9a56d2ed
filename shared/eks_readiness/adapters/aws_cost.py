"""Exports of cost data, budgets and anomaly subscriptions of the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from eks_readiness.adapters.partial import unless_unreadable
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest, UnexpectedAnswer, bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, Budgets, CostExports, Sample, Unavailable
from eks_readiness.domain.evidence.cost import CostExport

CLUSTER_TAG = "aws:eks:cluster-name"
"""The tag that EKS puts on the nodes it knows, as billing calls it."""
_SPLIT = "INCLUDE_SPLIT_COST_ALLOCATION_DATA"
_MAX_EXPORTS = 50
"""Exports that are looked into; AWS allows an account fewer of each kind."""
_MAX_BUDGETS = 1000
"""Budgets that are looked at; an account may have 20,000."""
_MAX_NOTIFICATIONS = 20
"""Fitting budgets of which the notifications are read: one that notifies is enough."""
# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html: names as on the bill
_SERVICES = ("Amazon Elastic Container Service for Kubernetes", "Amazon Elastic Compute Cloud - Compute")

Filters = Mapping[str, Sequence[str]]
"""What a budget is limited to: names of dimensions, or `tag:<key>`, with the values that count."""


def read_exports(aws: AwsReader, gathered: Gathered) -> CostExports:
    """Exports with split cost allocation data, of both kinds, and otherwise the state of the cluster's cost tag."""
    reports = unless_unreadable(lambda: tuple(_reports(aws)))
    exports = unless_unreadable(lambda: tuple(_exports(aws)))
    found = [*(() if isinstance(reports, Unavailable) else reports)]
    found += () if isinstance(exports, Unavailable) else exports
    delivering = any(not each.problem for each in found)
    return CostExports(
        observed_at=gathered.observed_at,
        source="cur:DescribeReportDefinitions, bcm-data-exports:ListExports, bcm-data-exports:GetExport, "
        "ce:ListCostAllocationTags",
        reports=reports,
        exports=exports,
        cluster_tag_active=None if delivering else _cluster_tag(aws),
    )


def _reports(aws: AwsReader) -> Iterator[CostExport]:
    for each in aws.pages("cur", "DescribeReportDefinitions", "ReportDefinitions"):
        if "SPLIT_COST_ALLOCATION_DATA" in (each.get("AdditionalSchemaElements") or ()):
            status = (each.get("ReportStatus") or {}).get("lastStatus") or "nothing delivered yet"
            yield CostExport(name=each["ReportName"], problem="" if status == "SUCCESS" else status)


def _exports(aws: AwsReader) -> Iterator[CostExport]:
    listed = list(islice(aws.pages("bcm-data-exports", "ListExports", "Exports"), _MAX_EXPORTS + 1))
    if len(listed) > _MAX_EXPORTS:
        raise UnexpectedAnswer(f"bcm-data-exports:ListExports: more than {_MAX_EXPORTS} exports")
    arns = [{"ExportArn": each["ExportArn"]} for each in listed]
    for each, answer in zip(listed, aws.read_each("bcm-data-exports", "GetExport", arns), strict=True):
        if isinstance(answer, RefusedRequest) and answer.code == "ResourceNotFoundException":  # deleted in between
            continue
        if isinstance(answer, ProbeError):
            raise answer
        query = (answer.get("Export") or {}).get("DataQuery") or {}
        tables = (query.get("TableConfigurations") or {}).values()
        if any(table.get(_SPLIT, "").upper() == "TRUE" for table in tables):
            state = each.get("ExportStatus") or {}
            healthy = state.get("StatusCode") == "HEALTHY"
            said = state.get("StatusReason") or state.get("StatusCode") or "no status"
            yield CostExport(name=each["ExportName"], problem="" if healthy else said)


def _cluster_tag(aws: AwsReader) -> bool | Unavailable:
    try:
        tags = list(aws.pages("ce", "ListCostAllocationTags", "CostAllocationTags", TagKeys=[CLUSTER_TAG]))
    except AccessDenied as error:
        return _paid_elsewhere(error)
    except RefusedRequest as error:
        if "linked account" in str(error.args[0]).lower():
            return _paid_elsewhere(error)
        raise
    return any(each.get("TagKey") == CLUSTER_TAG and each.get("Status") == "Active" for each in tags)


def _paid_elsewhere(error: ProbeError) -> Unavailable:
    """An account that belongs to an organisation may not ask, and its exports may be the organisation's."""
    return Unavailable(
        reason="denied",
        detail=bounded(f"this account has no such export; one of the account that pays is not seen: {error.args[0]}"),
        remedy="allow the scanner's role ce:ListCostAllocationTags; in a member account make an export of its own, or "
        "run OpenCost",
    )


def read_budgets(aws: AwsReader, gathered: Gathered) -> Budgets:
    """Running cost budgets that take in this cluster, who they notify, and anomaly subscriptions where none does."""
    cluster = gathered.cluster
    ours = {
        "LinkedAccount": (cluster.account,),
        "Region": (cluster.region,),
        "Service": _SERVICES,
        f"tag:{CLUSTER_TAG}": (cluster.name,),
    }
    asked = aws.pages(
        "budgets", "DescribeBudgets", "Budgets", AccountId=cluster.account, MaxResults=100, ShowFilterExpression=True
    )
    fitting: list[str] = []
    elsewhere = looked_at = 0
    cost: tuple[float, str] | None = None
    for each in islice(asked, _MAX_BUDGETS + 1):
        looked_at += 1
        filters = budget_filters(each)
        if not _runs(each, gathered.observed_at) or filters is None or not _takes_in(filters, ours):
            elsewhere += 1
            continue
        fitting.append(each["BudgetName"])
        if set(filters) == {f"tag:{CLUSTER_TAG}"} and len(filters[f"tag:{CLUSTER_TAG}"]) == 1:
            cost = cost or _this_month(each)
    notifying, silent = _notifications(aws, cluster.account, fitting)
    return Budgets(
        observed_at=gathered.observed_at,
        source="budgets:DescribeBudgets, budgets:DescribeNotificationsForBudget, ce:GetAnomalySubscriptions",
        notifying=notifying,
        silent=silent,
        elsewhere=elsewhere,
        complete=looked_at <= _MAX_BUDGETS and len(fitting) <= _MAX_NOTIFICATIONS,
        anomaly_subscriptions=None if notifying.total else unless_unreadable(lambda: _subscriptions(aws)),
        cluster_monthly_cost=cost[0] if cost else None,
        currency=cost[1] if cost else "",
    )


def _runs(budget: Mapping[str, Any], at: datetime) -> bool:
    period = budget.get("TimePeriod") or {}
    ended = period.get("End") is not None and period["End"] < at
    healthy = (budget.get("HealthStatus") or {}).get("Status", "HEALTHY") == "HEALTHY"
    return budget.get("BudgetType") == "COST" and healthy and not ended


def budget_filters(budget: Mapping[str, Any]) -> Filters | None:
    """What a budget is limited to, in either of the ways that it is written; None where that is beyond us."""
    found: dict[str, Sequence[str]] = {}
    for name, values in (budget.get("CostFilters") or {}).items():
        if name != "TagKeyValue":
            found[name] = values
            continue
        for value in values:  # user:team$shop, aws:eks:cluster-name$prod
            key, _, wanted = value.removeprefix("user:").partition("$")
            found[f"tag:{key}"] = (*found.get(f"tag:{key}", ()), wanted)
    expression = budget.get("FilterExpression")
    return found if expression is None or _read_expression(expression, found) else None


_DIMENSIONS = {"LINKED_ACCOUNT": "LinkedAccount", "REGION": "Region", "SERVICE": "Service"}


def _read_expression(expression: Mapping[str, Any], found: dict[str, Sequence[str]]) -> bool:
    """Add what an expression asks for; False where it is more than a list of equalities."""
    if parts := expression.get("And"):
        return all(_read_expression(part, found) for part in parts)
    one = expression.get("Dimensions") or expression.get("Tags")
    if not one or set(expression) - {"Dimensions", "Tags"} or set(one.get("MatchOptions") or ()) - {"EQUALS"}:
        return False
    key = one.get("Key") or ""
    name = f"tag:{key}" if "Tags" in expression else _DIMENSIONS.get(key, key)
    found[name] = one.get("Values") or ()
    return True


def _takes_in(filters: Filters, ours: Mapping[str, Sequence[str]]) -> bool:
    return all(set(values) & set(ours.get(name, ())) for name, values in filters.items())


def _this_month(budget: Mapping[str, Any]) -> tuple[float, str] | None:
    """What the whole month will cost. Without a forecast nothing is known: spending so far is not a month's."""
    spend = budget.get("CalculatedSpend") or {}
    forecast, actual = spend.get("ForecastedSpend"), spend.get("ActualSpend") or {}
    if budget.get("TimeUnit") != "MONTHLY" or not forecast:
        return None
    return max(float(forecast["Amount"]), float(actual.get("Amount") or 0)), forecast.get("Unit") or ""


def _notifications(aws: AwsReader, account: str, budgets: Sequence[str]) -> tuple[Sample, Sample]:
    """Which budgets notify somebody, and which nobody."""
    asked = budgets[:_MAX_NOTIFICATIONS]
    each_one = [{"AccountId": account, "BudgetName": name} for name in asked]
    notifying: list[str] = []
    silent: list[str] = []
    for name, answer in zip(asked, aws.read_each("budgets", "DescribeNotificationsForBudget", each_one), strict=True):
        if isinstance(answer, ProbeError):
            if isinstance(answer, RefusedRequest) and answer.code == "NotFoundException":  # deleted in between
                continue
            raise answer
        (notifying if answer.get("Notifications") else silent).append(name)
    return _sample(notifying), _sample(silent)


def _sample(names: Sequence[str]) -> Sample:
    return Sample(total=len(names), names=tuple(bounded(each, 100) for each in names[:MAX_SAMPLE]))


def _subscriptions(aws: AwsReader) -> int:
    found = aws.pages("ce", "GetAnomalySubscriptions", "AnomalySubscriptions")
    return sum(
        1
        for each in found
        if each.get("MonitorArnList") and any(one.get("Status") != "DECLINED" for one in each.get("Subscribers") or ())
    )


PROBES = (
    AwsProbe(
        provides=CostExports,
        actions=(
            "bcm-data-exports:GetExport",
            "bcm-data-exports:ListExports",
            "ce:ListCostAllocationTags",
            "cur:DescribeReportDefinitions",
        ),
        read=read_exports,
    ),
    AwsProbe(provides=Budgets, actions=("budgets:ViewBudget", "ce:GetAnomalySubscriptions"), read=read_budgets),
)
"""What this module gathers."""
