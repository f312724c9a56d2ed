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
    An `unstable` level moved too often for each move to be told; `moves_held` of them are not told yet.
    """

    certainty: Certainty
    level: Level | None = None
    as_of: datetime | None = None
    unstable: bool = False
    moves_held: int = 0

    def __str__(self) -> str:
        match self.certainty:
            case "exact":
                return f"{self.level}{f' ({self._unstable})' if self.unstable else ''}"
            case "partial":
                also = f"; {self._unstable}" if self.unstable else ""
                return f"{self.level} (partial, as of {self.as_of:%Y-%m-%d %H:%M} UTC{also})"
            case "stale":
                return f"unknown (was {self.level})"
            case "never_scanned":
                return "not scanned yet"

    @property
    def _unstable(self) -> str:
        if not self.moves_held:
            return "unstable"
        return f"unstable: {self.moves_held} move{'s' if self.moves_held > 1 else ''} not told yet"


def standing(
    state: ClusterState | None, *, at: datetime, interval: timedelta, stale_after_intervals: float
) -> Standing:
    """How a cluster stands at an instant, scanned every `interval`.

    Once it was told that nothing is proven any more, it stays so until a scan proves the level again: whoever looks
    need not know the schedule. Before that, and where the sweeper does not run, the age of the proof decides.
    """
    if state is None:
        return Standing(certainty="never_scanned")
    certainty: Certainty = "partial" if state.partial else "exact"
    if state.coverage_lost_at is not None or proof_age(state, at) > interval * stale_after_intervals:
        certainty = "stale"
    return Standing(
        certainty=certainty,
        level=state.level,
        as_of=state.proven_at or state.level_since,
        unstable=state.damped,
        moves_held=state.held_total,
    )
