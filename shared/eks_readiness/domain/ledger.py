"""What the ledger keeps about each cluster, and how a scan moves it: the level-change protocol as pure values.

A scan's write is decided here from the state that was read and the scorecard; the store then applies it in one
transaction or not at all. Nothing here does I/O.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemVerdict, Level, LevelInterval, Scorecard

NAMESPACE = UUID("6f1c1f0e-6d0c-5d5f-9a55-0c9b2f6f7f10")
"""Namespace of the ids that are derived from a cluster and a slot: the same slot gives the same ids everywhere."""

EventKind = Literal["BASELINE", "REGRESSED", "IMPROVED"]
Trigger = Literal["schedule", "request"]


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cluster that is to be scanned. `policy` overrides thresholds for this cluster."""

    schema: int = 1
    cluster: ClusterRef
    registered_at: datetime
    policy: dict[str, object] = {}


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scan to be made. `slot` is the scheduled time, never a worker's clock: it orders a cluster's scans."""

    schema: int = 1
    cluster_arn: str
    slot: datetime
    trigger: Trigger

    @property
    def cluster(self) -> ClusterRef:
        """The cluster; raises InputError when the ARN is not one."""
        return ClusterRef.parse(self.cluster_arn)

    @property
    def run_id(self) -> UUID:
        """The id of this run: one cluster and slot give one id, however often the request is delivered."""
        return uuid5(NAMESPACE, f"{self.cluster_arn}|{self.slot.isoformat()}")


class ItemChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item whose state moved between two scans, and why it stands where it stands now."""

    item: ItemId
    title: str
    before: ItemVerdict | None
    after: ItemVerdict
    reason: str = ""
    offenders: tuple[str, ...] = ()
    fix: str = ""


class LevelEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A level was published for the first time, fell or rose. `event_id` stays the same however often it is told."""

    schema: int = 1
    event_id: str
    kind: EventKind
    cluster: ClusterRef
    from_level: Level | None
    to_level: Level
    interval: LevelInterval
    version: int
    slot: datetime
    scan_id: str
    observed_at: datetime
    changes: tuple[ItemChange, ...] = ()
    missing: dict[str, tuple[ItemId, ...]] = {}


class ClusterState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The published state of one cluster.

    `level` is the published level, `interval` what the newest scan allows, `proven_at` when a scan last proved exactly
    the published level. `version` counts writes; `slot` is the newest slot that was applied. `improving` counts the
    scans in a row that proved at least `improving_to`, above the published level.
    """

    schema: int = 1
    cluster: ClusterRef
    version: int
    slot: datetime
    scan_id: str
    level: Level
    interval: LevelInterval
    level_since: datetime
    proven_at: datetime | None = None
    observed_at: datetime
    ruleset: str
    score_percent: float | None = None
    improving: int = 0
    improving_to: Level = 0
    items: dict[ItemId, ItemVerdict] = {}
    missing: dict[str, tuple[ItemId, ...]] = {}
    unknown: dict[str, tuple[ItemId, ...]] = {}

    @property
    def partial(self) -> bool:
        """Whether unknowns keep the newest scan from proving one level."""
        return not self.interval.exact


class ScanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One scan as it is kept in the ledger. `findings` and `items` are in the scorecard."""

    schema: int = 1
    scan_id: str
    slot: datetime
    trigger: Trigger
    scorecard: Scorecard


class ScanWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction: the new state if the version read is still there and the slot is newer, the scan, the event.

    `expected_version` is None when there was no state: then there must still be none.
    """

    expected_version: int | None
    state: ClusterState
    scan: ScanRecord
    event: LevelEvent | None


WriteOutcome = Literal["written", "already_written", "superseded", "lost_race"]
"""written: all of it · already_written: this run's earlier attempt was (its answer was lost) · superseded: a newer
slot is there, nothing was written · lost_race: somebody else moved the state, read again and decide again."""


def decide(
    before: ClusterState | None, scorecard: Scorecard, request: ScanRequest, policy: Policy, fixes: dict[ItemId, str]
) -> ScanWrite:
    """Decide what a scan writes: the level moves only when the interval proves it.

    It falls at once when even the highest possible level is below the published one. It rises when the lowest possible
    level was above it in `improve_after_scans` scans in a row. Otherwise it stays, whatever is unknown. `fixes` says in
    words how each item is put right.
    """
    level, improving, improving_to = _level_after(before, scorecard.level, policy)
    state = _state_after(before, scorecard, request, level, improving, improving_to)
    scan = ScanRecord(scan_id=str(request.run_id), slot=request.slot, trigger=request.trigger, scorecard=scorecard)
    event = _event(before, state, scorecard, fixes) if before is None or before.level != level else None
    return ScanWrite(expected_version=before.version if before else None, state=state, scan=scan, event=event)


def _level_after(before: ClusterState | None, interval: LevelInterval, policy: Policy) -> tuple[Level, int, Level]:
    if before is None:
        return interval.lowest, 0, 0
    if interval.highest < before.level:
        return interval.highest, 0, 0
    if interval.lowest > before.level:
        proven_to: Level = min(interval.lowest, before.improving_to) if before.improving else interval.lowest
        if before.improving + 1 >= policy.improve_after_scans:
            return proven_to, 0, 0
        return before.level, before.improving + 1, proven_to
    return before.level, 0, 0


def _state_after(  # noqa: PLR0913 - the parts of one state
    before: ClusterState | None,
    scorecard: Scorecard,
    request: ScanRequest,
    level: Level,
    improving: int,
    improving_to: Level,
) -> ClusterState:
    moved = before is None or before.level != level
    proven = scorecard.level == LevelInterval(lowest=level, highest=level)
    return ClusterState(
        cluster=request.cluster,
        version=before.version + 1 if before else 1,
        slot=request.slot,
        scan_id=str(request.run_id),
        level=level,
        interval=scorecard.level,
        level_since=scorecard.observed_at if before is None or moved else before.level_since,
        proven_at=scorecard.observed_at if proven else (before.proven_at if before else None),
        observed_at=scorecard.observed_at,
        ruleset=scorecard.ruleset,
        score_percent=scorecard.score_percent,
        improving=improving,
        improving_to=improving_to,
        items={each.item: each.state for each in scorecard.items},
        missing={str(at): items for at, items in scorecard.blockers.missing.items()},
        unknown={str(at): items for at, items in scorecard.blockers.unknown.items()},
    )


def _event(
    before: ClusterState | None, state: ClusterState, scorecard: Scorecard, fixes: dict[ItemId, str]
) -> LevelEvent:
    kind: EventKind = "BASELINE" if before is None else "REGRESSED" if state.level < before.level else "IMPROVED"
    return LevelEvent(
        event_id=str(uuid5(NAMESPACE, f"{state.cluster.arn}|{state.version}|{state.scan_id}")),
        kind=kind,
        cluster=state.cluster,
        from_level=before.level if before else None,
        to_level=state.level,
        interval=state.interval,
        version=state.version,
        slot=state.slot,
        scan_id=state.scan_id,
        observed_at=state.observed_at,
        changes=_changes(before, scorecard, fixes) if before else (),
        missing=state.missing,
    )


def _changes(before: ClusterState, scorecard: Scorecard, fixes: dict[ItemId, str]) -> tuple[ItemChange, ...]:
    changes = []
    for now in scorecard.items:
        was = before.items.get(now.item)
        if was == now.state:
            continue
        blocking = [each for each in scorecard.findings if each.item == now.item and each.blocks]
        changes.append(
            ItemChange(
                item=now.item,
                title=now.title,
                before=was,
                after=now.state,
                reason=now.reason,
                offenders=tuple(name for finding in blocking for name in finding.offenders)[:10],
                fix=fixes.get(now.item, "") if now.state == "missing" else "",
            )
        )
    return tuple(changes)
