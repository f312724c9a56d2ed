"""Change management: changes follow a process, and machines make them."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase

from eks_readiness.checklist.check import attested, check, if_available
from eks_readiness.checklist.gitops import A, C, F, H, tools
from eks_readiness.domain.evidence import (
    ArgoCd,
    Capabilities,
    ClusterChanges,
    Components,
    Flux,
    Unavailable,
)
from eks_readiness.domain.evidence.delivery import Writer
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_PEOPLE = "awsreservedsso_"
"""Roles of IAM Identity Center, whatever their permission set is called: people sign in with them."""

_KEPT_DAYS = 90
"""How long CloudTrail keeps its event history."""

process = attested(
    "change-management.process",
    required=True,
    within_days=lambda policy: policy.procedure_max_age_days,
    module=__name__,
    doc="""A change process is written down and followed, attested within `procedure_max_age_days` days.

    Why: most outages begin with a change that nobody else knew of.
    Fix: write down who approves, tests and undoes a change, then: eks-readiness attest change-management.process
    Source: https://docs.aws.amazon.com/wellarchitected/latest/operational-excellence-pillar/welcome.html
    """,
)


@check(
    "change-management.automated",
    needs=(
        if_available(ClusterChanges),
        if_available(ArgoCd),
        if_available(Flux),
        if_available(Components),
        if_available(Capabilities),
    ),
    required=True,
    or_attested=lambda policy: policy.procedure_max_age_days,
)
def changes_are_automated(  # noqa: PLR0913 - one for each piece of evidence
    changes: ClusterChanges | Unavailable, argocd: A, flux: F, components: C, capabilities: H, policy: Policy
) -> Verdict | Unavailable:
    """Automation made `min_automated_changes_percent` % of EKS calls that changed the cluster, or GitOps manages it.

    Calls of the last `change_window_days` days count, as far as CloudTrail's event history keeps them (90 days); tags
    and refused calls do not. Automation are roles and users whose name fits `automation_principals`, and AWS services
    (CloudFormation also when a person started it); roles of IAM Identity Center are people. GitOps manages the cluster
    when Argo CD or Flux works, and delivers cluster-scoped infrastructure here by itself and in good order.
    Not applicable when: nothing changed the cluster through the EKS API in that time, and no GitOps tool manages it.
    Why: what a person changes by hand is in no review, and is lost with the next deployment.
    Fix: make changes in the pipeline alone, and name its role in `automation_principals`; or deliver by GitOps.
    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
    """
    found = tools(argocd, flux, components, capabilities)
    within = timedelta(days=policy.max_pipeline_run_age_days)
    for tool in found.working:
        best = tool.infrastructure(within)
        if best is not None and best.automatic:
            return passed(f"{tool.name} manages the cluster: {best.name} is delivered by itself")
    if isinstance(changes, Unavailable):
        return changes
    return _by_calls(changes, found.unread, policy)


def _by_calls(changes: ClusterChanges, unread: Unavailable | None, policy: Policy) -> Verdict | Unavailable:
    days = policy.change_window_days
    calls = [(each, sum(count for age, count in each.calls.items() if age < days)) for each in changes.writers]
    total = sum(count for _, count in calls)
    by_hand = {each.name: count for each, count in calls if count and not _automatic(each, policy)}
    share = 100 * (total - sum(by_hand.values())) / total if total else 100.0
    if not _complete(changes, days):
        return unread or Unavailable(
            reason="unexpected",
            detail=f"CloudTrail has more events than are read: all only since {changes.complete_since:%Y-%m-%d}",
            remedy="lower change_window_days",
        )
    if total and share >= policy.min_automated_changes_percent:
        return passed(f"automation made {share:.0f} % of {total} changes in {days:g} days")
    if unread is not None:
        return unread
    if not total:
        return not_applicable(f"no call of the EKS API changed the cluster in {days:g} days")
    said = f"automation made {share:.0f} % of {total} changes in {days:g} days"
    return failed(said, [f"{name}: {count}" for name, count in by_hand.items()])


def _complete(changes: ClusterChanges, days: float) -> bool:
    return changes.complete_since <= changes.observed_at - timedelta(days=min(days, _KEPT_DAYS))


def _automatic(writer: Writer, policy: Policy) -> bool:
    name = writer.name.lower()
    if writer.kind == "service":
        return True
    if writer.kind == "other" or name.startswith(_PEOPLE):
        return False
    return any(fnmatchcase(name, pattern.lower()) for pattern in policy.automation_principals)
