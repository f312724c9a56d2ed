"""Drift detection: somebody who goes around the code is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.gitops import A, C, F, H, Tools, tools
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    ArgoCd,
    Capabilities,
    Components,
    ConfigRules,
    Flux,
    InfrastructureStacks,
    Unavailable,
)
from eks_readiness.domain.evidence.delivery import Stack, StackCheck
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

S = InfrastructureStacks | Unavailable
R = ConfigRules | Unavailable
_WORDS = {"COMPLIANT": "IN_SYNC", "NON_COMPLIANT": "DRIFTED"}
_NEEDS = (
    if_available(InfrastructureStacks),
    if_available(ConfigRules),
    if_available(ArgoCd),
    if_available(Flux),
    if_available(Components),
    if_available(Capabilities),
)


class _Side(NamedTuple):
    """One thing that is compared with its source: how long ago, whether it agreed, and how it differed."""

    name: str
    age: timedelta | None
    agreed: bool
    drifted: tuple[str, ...] = ()
    drifted_total: int = 0

    def fresh(self, within: timedelta) -> bool:
        return self.age is not None and self.age <= within

    @property
    def said(self) -> str:
        return f"{self.name}: {'never checked' if self.age is None else f'checked {self.age.days} days ago'}"


@check(
    "drift-detection.recent",
    needs=_NEEDS,
    required=True,
    or_attested=lambda policy: policy.max_drift_check_age_days,
)
def drift_was_looked_for(  # noqa: PLR0913 - one for each piece of evidence
    stacks: S, config: R, argocd: A, flux: F, components: C, capabilities: H, policy: Policy
) -> Verdict | Unavailable:
    """Drift of the cluster's infrastructure was looked for within `max_drift_check_age_days` days.

    By CloudFormation or AWS Config (rule cloudformation-stack-drift-detection-check) on the stack that made the cluster
    and those that carry the tag `eks-readiness:cluster`; or by Argo CD or Flux with working controllers, where they
    deliver cluster-scoped infrastructure here: each of their objects that is not suspended must have been compared.
    HelmReleases count with drift detection enabled. Only what was found last is read; no detection is started.
    Why: what differs from the code is lost, or breaks, with the next deployment.
    Fix: aws cloudformation detect-stack-drift --stack-name <stack>, regularly; from any other tool: eks-readiness
    attest drift-detection.recent --expires 7d
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    """
    within = timedelta(days=policy.max_drift_check_age_days)
    found = tools(argocd, flux, components, capabilities)
    sides = [*_stacks(stacks, config), *_tools(found)]
    if fresh := next((each for each in sides if each.fresh(within)), None):
        return passed(f"{fresh.name} was checked {_ago(fresh.age)}")
    return (
        _unread(stacks, config, sides)
        or found.unread
        or failed(
            f"nothing looked for drift within {policy.max_drift_check_age_days:g} days",
            [*(each.said for each in sides), *found.broken],
        )
    )


@check(
    "drift-detection.in-sync",
    needs=_NEEDS,
    required=True,
    or_attested=lambda policy: policy.max_drift_check_age_days,
)
def no_drift_was_found(  # noqa: PLR0913 - one for each piece of evidence
    stacks: S, config: R, argocd: A, flux: F, components: C, capabilities: H, policy: Policy
) -> Verdict | Unavailable:
    """Nothing that looks for drift found any, and something looked within `max_drift_check_age_days` days.

    Judged are the cluster's stacks, and every Argo CD Application and Flux Kustomization for this cluster. An old
    finding of drift counts until a newer check finds none. What a deployment that began within the last hour still
    leaves different is no drift. Drift that was found is not attested away.
    Why: drift that is known and left alone makes the code untrue, and the next deployment a gamble.
    Fix: bring the change into the code or undo it, then check again; for Argo CD: argocd app diff <application>
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detect-drift-stack.html
    """
    within = timedelta(days=policy.max_drift_check_age_days)
    found = tools(argocd, flux, components, capabilities)
    sides = [*_stacks(stacks, config), *_tools(found)]
    objects = [each for each in (argocd, flux) if not isinstance(each, Unavailable)]
    drifted = [name for each in sides for name in each.drifted] + [
        name for each in objects for name in each.drifted.names
    ]
    total = sum(each.drifted_total for each in sides) + sum(each.drifted.total for each in objects)
    if total:
        return failed(f"{total} differ from their source: {', '.join(drifted[:1])}", drifted, total=total, final=True)
    if missing := _unread(stacks, config, sides) or found.unread:
        return missing
    good = [each for each in sides if each.fresh(within) and each.agreed]
    if good:
        return passed(f"no drift: {', '.join(each.name for each in good)}")
    return failed("nothing looked for drift in time", [*(each.said for each in sides), *found.broken])


def _stacks(stacks: S, config: R) -> Iterator[_Side]:
    if isinstance(stacks, Unavailable):
        return
    said = config if isinstance(config, Unavailable) else config.stack_checks
    checks = () if isinstance(said, Unavailable) else said
    for known in (stacks.own, stacks.tagged):
        for each in () if isinstance(known, Unavailable) else known:
            yield _stack(each, [one for one in checks if one.stack_id == each.id], stacks.observed_at)


def _stack(stack: Stack, checks: list[StackCheck], now: datetime) -> _Side:
    """The newest word on a stack, of CloudFormation or of Config."""
    words = [(one.at, _WORDS[one.compliance]) for one in checks if one.compliance in _WORDS]
    if stack.checked_at is not None:
        words.append((stack.checked_at, stack.drift))
    name = f"stack {stack.name}"
    if not words:
        return _Side(name, None, agreed=False)
    at, drift = max(words)
    bad = (f"{name}: drifted",) if drift == "DRIFTED" else ()
    return _Side(name, now - at, drift == "IN_SYNC", bad, len(bad))


def _tools(found: Tools) -> Iterator[_Side]:
    for tool in found.working:
        objects = tool.objects
        if objects.infrastructure and objects.least_checked is not None:
            at = objects.least_checked.at
            age = None if at is None else objects.observed_at - at
            yield _Side(f"{tool.name} ({objects.least_checked.name})", age, agreed=True)


def _unread(stacks: S, config: R, sides: list[_Side]) -> Unavailable | None:
    """What is not known of stacks; without a stack there is nothing that Config could say."""
    if isinstance(stacks, Unavailable):
        return stacks
    if missing := first_unavailable(stacks.own, stacks.tagged):
        return missing
    if stacks.beyond_cap:
        return Unavailable(
            reason="unsupported",
            detail=f"{stacks.beyond_cap} more stacks are registered for the cluster than are looked at",
            remedy="take the tag eks-readiness:cluster off those that do not make it",
        )
    if not any(each.name.startswith("stack ") for each in sides):
        return None
    return config if isinstance(config, Unavailable) else first_unavailable(config.stack_checks)


def _ago(age: timedelta | None) -> str:
    hours = (age or timedelta()).total_seconds() / 3600
    return f"{hours:.0f} hours ago"
