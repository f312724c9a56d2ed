"""Chaos experiments that reached the cluster."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice
from eks_readiness.domain.instant import Instant


class ChaosRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One experiment that was completed, at this instant or later. `verdict` is what the tool made of it."""

    name: str
    completed_at: Instant
    verdict: str = ""


class FaultInjection(Slice, frozen=True, kw_only=True):
    """AWS Fault Injection Service: the newest completed experiment that hit this cluster.

    `unfinished` are those that hit it and were stopped, failed or still run. `unrelated` counts completed experiments
    of the account that name other targets; `beyond_cap` those that were not looked at.
    """

    newest: ChaosRun | None = None
    unfinished: Sample = Sample()
    unrelated: int = 0
    beyond_cap: int = 0


class ChaosMesh(Slice, frozen=True, kw_only=True):
    """chaos-mesh.org: the newest completed experiment or workflow in the cluster, and those that are not completed."""

    newest: ChaosRun | None = None
    unfinished: Sample = Sample()


class Litmus(Slice, frozen=True, kw_only=True):
    """litmuschaos.io: the newest completed experiment in the cluster, and those that are not completed."""

    newest: ChaosRun | None = None
    unfinished: Sample = Sample()
