"""Chaos engineering: the cluster was broken on purpose, and watched."""

from __future__ import annotations

from datetime import datetime, timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import ChaosMesh, FaultInjection, Litmus, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy


@check(
    "chaos-engineering.experiment",
    needs=(if_available(FaultInjection), if_available(ChaosMesh), if_available(Litmus)),
    required=True,
    or_attested=lambda policy: policy.max_chaos_experiment_age_days,
)
def an_experiment_was_completed(
    fis: FaultInjection | Unavailable, mesh: ChaosMesh | Unavailable, litmus: Litmus | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """A chaos experiment on the cluster was completed within `max_chaos_experiment_age_days` days.

    An experiment of AWS Fault Injection Service counts when it is completed, an action on this cluster was, and it
    names the cluster: as a target, by the tags that EKS puts on nodes, or by its own tag `eks-readiness:cluster`; a
    preview does not. Of Chaos Mesh counts a fault that was applied to a pod and recovered, or a workflow that was
    accomplished; of Litmus an experiment that ended with the verdict Pass or Fail: both teach something.
    Why: nobody knows how a system fails until it was seen failing.
    Fix: aws fis start-experiment --experiment-template-id <template>; of another tool: eks-readiness attest
    chaos-engineering.experiment
    Source: https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html
    """
    found = [each for each in (fis, mesh, litmus) if not isinstance(each, Unavailable)]
    newest = max((each.newest for each in found if each.newest), key=lambda run: run.completed_at, default=None)
    within = timedelta(days=policy.max_chaos_experiment_age_days)
    if newest is not None and found[0].observed_at - newest.completed_at <= within:
        return passed(f"{newest.name} was completed on {_day(newest.completed_at)}{_verdict(newest.verdict)}")
    if unread := first_unavailable(fis, mesh, litmus):
        return unread
    if isinstance(fis, FaultInjection) and fis.beyond_cap:
        return Unavailable(
            reason="unsupported",
            detail=f"{fis.beyond_cap} older experiments of FIS were not looked at",
            remedy="attest it: eks-readiness attest chaos-engineering.experiment",
        )
    said = f"; the newest, {newest.name}, was completed on {_day(newest.completed_at)}" if newest else ""
    unfinished = [name for each in found for name in each.unfinished.names]
    return failed(
        f"no experiment was completed within {policy.max_chaos_experiment_age_days:g} days{said}",
        unfinished,
        total=sum(each.unfinished.total for each in found),
    )


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _verdict(verdict: str) -> str:
    return f", verdict {verdict}" if verdict else ""
