"""What the cluster costs, who watches it, and what could be saved."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant


class CostExport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One export of cost data that splits the cost of nodes among pods. `problem` says why it delivers nothing."""

    name: str
    problem: str = ""


class CostExports(Slice, frozen=True, kw_only=True):
    """Exports with split cost allocation data: Cost and Usage Reports, and those of Data Exports.

    `cluster_tag_active` is whether costs can be looked up by the tag aws:eks:cluster-name. It is asked only where no
    export delivers, otherwise None; an account that belongs to an organisation may not ask.
    """

    reports: tuple[CostExport, ...] | Unavailable = ()
    exports: tuple[CostExport, ...] | Unavailable = ()
    cluster_tag_active: bool | Unavailable | None = None


class Budgets(Slice, frozen=True, kw_only=True):
    """The account's running cost budgets that take in this cluster, and its anomaly subscriptions.

    `notifying` are those that notify somebody, `silent` those that do not; `elsewhere` counts those about other things.
    `complete` is False where there are more budgets than were looked at. `anomaly_subscriptions` counts those with a
    subscriber; asked only where no budget notifies, otherwise None. `cluster_monthly_cost` is this month's cost by the
    cluster's cost tag, where a budget is about that tag alone.
    """

    notifying: Sample = Sample()
    silent: Sample = Sample()
    elsewhere: int = 0
    complete: bool = True
    anomaly_subscriptions: int | Unavailable | None = None
    cluster_monthly_cost: float | None = None
    currency: str = ""


class Savings(Slice, frozen=True, kw_only=True):
    """Open recommendations of Cost Optimization Hub for the cluster's instances, Auto Scaling groups and volumes.

    `rightsizing` is whether Compute Optimizer, which finds them, is on. Money is by month, in `currency`;
    `listed_monthly_cost` is what the resources with a recommendation cost. `complete` is False where the region has
    more recommendations than were looked at.
    """

    enrolled: bool
    enrolled_at: Instant | None = None
    rightsizing: bool | Unavailable = False
    recommendations: Sample = Sample()
    monthly_savings: float = 0.0
    listed_monthly_cost: float = 0.0
    currency: str = ""
    complete: bool = True
