"""What is shown of a cluster now: its published level, how sure that still is, and since when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from eks_readiness.domain.coverage import proof_age
from eks_readiness.domain.ledger import ClusterState
from eks_readiness.domain.scorecard import Level

Certainty = Literal["exact", "partial", "stale", "never_scanned"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster stands at an instant.

    exact: the newest scan proved the level · partial: unknowns kept it from that, the level is of `as_of` ·
    stale: nothing was proven for too long, the level is unknown and `level` is what it was · never_scanned.
    """

    certainty: Certainty
    level: Level | None = None
    as_of: datetime | None = None

    def __str__(self) -> str:
        match self.certainty:
            case "exact":
                return str(self.level)
            case "partial":
                return f"{self.level} (partial, as of {self.as_of:%Y-%m-%d %H:%M} UTC)"
            case "stale":
                return f"unknown (was {self.level})"
            case "never_scanned":
                return "not scanned yet"


def standing(
    state: ClusterState | None, *, at: datetime, interval: timedelta, stale_after_intervals: float
) -> Standing:
    """How a cluster stands at an instant, scanned every `interval`."""
    if state is None:
        return Standing(certainty="never_scanned")
    proven_at = state.proven_at or state.level_since
    if proof_age(state, at) > interval * stale_after_intervals:
        return Standing(certainty="stale", level=state.level, as_of=proven_at)
    return Standing(certainty="partial" if state.partial else "exact", level=state.level, as_of=proven_at)
