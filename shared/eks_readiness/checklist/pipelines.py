"""Pipelines that are registered for the cluster, as several checks judge them."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from eks_readiness.domain.evidence import Pipelines, Unavailable
from eks_readiness.domain.evidence.delivery import Pipeline


class Judged(NamedTuple):
    """One pipeline: whether its newest run is green and recent, in words, and why it is not known."""

    pipeline: Pipeline
    green: bool
    said: str
    unread: Unavailable | None = None


def judge(pipelines: Pipelines, within: timedelta) -> list[Judged]:
    """Every registered pipeline."""
    return [_judged(each, pipelines, within) for each in pipelines.pipelines]


def _judged(each: Pipeline, pipelines: Pipelines, within: timedelta) -> Judged:
    if isinstance(each.newest, Unavailable):
        return Judged(each, green=False, said=f"{each.where}: {each.newest.detail}", unread=each.newest)
    if not each.newest:
        return Judged(each, green=False, said=f"{each.where} never finished a run")
    run = each.newest[0]
    said = f"{each.where} was {run.status} on {run.finished_at:%Y-%m-%d}"
    return Judged(each, green=run.green and pipelines.observed_at - run.finished_at <= within, said=said)


def more_registered(pipelines: Pipelines) -> Unavailable | None:
    """More are registered than were looked at: one of the others may be the one."""
    if not pipelines.beyond_cap:
        return None
    return Unavailable(
        reason="unsupported",
        detail=f"{pipelines.beyond_cap} more pipelines are registered for the cluster than are looked at",
        remedy="take the tag eks-readiness:cluster off those that do not deliver it",
    )
