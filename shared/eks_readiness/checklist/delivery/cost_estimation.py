"""Cost estimation: cost is known before and after a change."""

from __future__ import annotations

from eks_readiness.checklist.check import attested, check, if_available
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import Budgets, Components, CostExports, Unavailable
from eks_readiness.domain.evidence.cost import CostExport
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check("cost-estimation.visibility", needs=(if_available(CostExports), if_available(Components)), required=True)
def cost_of_workloads_is_visible(
    costs: CostExports | Unavailable, components: Components | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """What workloads cost is visible: split cost allocation data is exported, or OpenCost or Kubecost is available.

    A Cost and Usage Report counts when its last delivery succeeded, a data export when it is HEALTHY. The cost tag
    aws:eks:cluster-name alone tells what nodes cost, not what runs on them. In an account that belongs to an
    organisation the paying account's exports are not seen: then it is unknown, not missing.
    Why: on shared nodes the bill names machines; nobody can tell which team or change made it grow.
    Fix: opt in to split cost allocation data in the cost management preferences, and export it: aws bcm-data-exports
    create-export with INCLUDE_SPLIT_COST_ALLOCATION_DATA; or install OpenCost.
    Source: https://docs.aws.amazon.com/cur/latest/userguide/split-cost-allocation-data.html
    """
    exports, unread = _exports(costs)
    if delivering := [each.name for each in exports if not each.problem]:
        return passed(f"split cost allocation data is delivered by {', '.join(delivering)}")
    opencost = () if isinstance(components, Unavailable) else components.named("opencost")
    kubecost = () if isinstance(components, Unavailable) else components.named("kubecost")
    if working := [each.where for each in opencost if each.fully_ready]:
        return passed(f"OpenCost is available: {', '.join(working)}")
    if kubecost and all(each.fully_ready for each in kubecost):
        return passed(f"Kubecost is available: {', '.join(each.where for each in kubecost)}")
    if missing := first_unavailable(components, *unread):
        return missing
    broken = [f"export {each.name}: {each.problem}" for each in exports]
    broken += [f"{each.where} has {each.ready} of {each.desired} pods ready" for each in (*opencost, *kubecost)]
    if isinstance(costs, CostExports) and costs.cluster_tag_active:
        return failed("only the cost tag aws:eks:cluster-name is active, and it does not split a node's cost", broken)
    return failed("neither split cost allocation data nor OpenCost nor Kubecost shows what workloads cost", broken)


def _exports(costs: CostExports | Unavailable) -> tuple[list[CostExport], list[Unavailable]]:
    """The exports that were seen, and what was not."""
    if isinstance(costs, Unavailable):
        return [], [costs]
    parts = (costs.reports, costs.exports)
    seen = [each for part in parts if not isinstance(part, Unavailable) for each in part]
    unread = [each for each in (*parts, costs.cluster_tag_active) if isinstance(each, Unavailable)]
    return seen, unread


estimate = attested(
    "cost-estimation.estimate",
    required=True,
    within_days=lambda policy: policy.max_cost_estimate_age_days,
    module=__name__,
    doc="""Cost is estimated before a change, attested within `max_cost_estimate_age_days` days.

    A pipeline can attest it with each change that it estimates.
    Why: a change that triples the bill is cheapest before it is merged.
    Fix: estimate in the pull request, for example with Infracost, and let the pipeline attest it:
    eks-readiness attest cost-estimation.estimate --expires 90d
    Source: https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/welcome.html
    """,
)


@check("cost-estimation.budget", needs=(Budgets,), required=False)
def somebody_hears_of_cost(budgets: Budgets, policy: Policy) -> Verdict | Unavailable:
    """A cost budget that takes in this cluster notifies somebody, or an anomaly subscription has a subscriber.

    Running budgets of this account count: without a filter, or limited to its account, region, cost tag, or the
    services EKS or EC2. Budgets of an organisation's paying account are not seen; where such a one watches, waive this.
    Why: the bill comes a month after the mistake.
    Fix: aws budgets create-budget --notifications-with-subscribers …; or aws ce create-anomaly-subscription
    Source: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html
    """
    if budgets.notifying.total:
        return passed(f"budget {', '.join(budgets.notifying.names[:5])} notifies")
    subscriptions = budgets.anomaly_subscriptions
    if isinstance(subscriptions, int) and subscriptions:
        return passed(f"{subscriptions} anomaly subscriptions have a subscriber")
    if isinstance(subscriptions, Unavailable):
        return subscriptions
    if not budgets.complete:
        return Unavailable(
            reason="unsupported",
            detail="the account has more budgets than a scan looks at, and none of those seen notifies",
            remedy="waive the check, or subscribe somebody to cost anomalies",
        )
    silent = [f"budget {name} notifies nobody" for name in budgets.silent.names]
    said = "no budget that takes in the cluster notifies, and nobody is subscribed to anomalies"
    return failed(f"{said}; {budgets.elsewhere} budgets are about other things", silent)
