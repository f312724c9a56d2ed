"""What time alone does to a published level: when nothing was proven for too long, that is told, once. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from eks_readiness.domain.decision import event_id
from eks_readiness.domain.event import LevelEvent
from eks_readiness.domain.ledger import ClusterState, LedgerWrite


def proof_age(state: ClusterState, at: datetime) -> timedelta:
    """How long ago the published level was last proven, or published."""
    return at - max(state.proven_at or state.level_since, state.level_since)


def lose_coverage(
    state: ClusterState, *, at: datetime, interval: timedelta, stale_after_intervals: float, held: bool = False
) -> LedgerWrite | None:
    """What is written when a cluster's level was not proven for too long; None while it was, or once that was told.

    The level stays what it is: nobody saw it fall. `held` leaves the telling to a digest of the fleet.
    """
    if state.coverage_lost_at is not None or proof_age(state, at) <= interval * stale_after_intervals:
        return None
    version = state.version + 1
    after = msgspec.structs.replace(
        state, version=version, coverage_lost_at=at, told=state.items, told_level=state.level, held=(), held_total=0
    )
    event = LevelEvent(
        event_id=event_id(state.cluster, version, state.scan_id),
        kind="COVERAGE_LOST",
        cluster=state.cluster,
        from_level=state.told_level,
        from_since=state.level_since,
        to_level=state.level,
        interval=state.interval,
        version=version,
        slot=state.slot,
        scan_id=state.scan_id,
        observed_at=state.observed_at,
        ruleset=state.ruleset,
        score_percent=state.score_percent,
        moves=state.held,
        moves_total=state.held_total,
        coverage_lost_at=at,
        held=held,
        missing=state.missing,
        unknown=state.unknown,
    )
    return LedgerWrite(expected_version=state.version, state=after, scan=None, event=event)
