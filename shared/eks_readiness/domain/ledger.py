"""What the ledger keeps about each cluster, and how a scan moves it: the level-change protocol as pure values.

A scan's write is decided here from the state that was read and the scorecard; the store then applies it in one
transaction or not at all. Nothing here does I/O.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid5

import msgspec

from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.item import ItemId, Priority, RequiredLevel
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemState, ItemVerdict, Level, LevelInterval, Scorecard

NAMESPACE = UUID("6f1c1f0e-6d0c-5d5f-9a55-0c9b2f6f7f10")
"""Namespace of the ids that are derived from a cluster and a slot: the same slot gives the same ids everywhere."""

EventKind = Literal["BASELINE", "REGRESSED", "IMPROVED"]
Trigger = Literal["schedule", "request"]


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cluster that is to be scanned. `policy` overrides thresholds for this cluster."""

    schema: int = 1
    cluster: ClusterRef
    registered_at: Instant
    policy: dict[str, object] = {}


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scan to be made. `slot` is the scheduled time, never a worker's clock: it orders a cluster's scans.

    Raises:
        ValueError: the slot has no time zone, or is not in whole seconds (two spellings of one slot would be two runs).
    """

    schema: int = 1
    cluster_arn: str
    slot: Instant
    trigger: Trigger

    def __post_init__(self) -> None:
        if self.slot.utcoffset() is None or self.slot.microsecond:
            raise ValueError(
                f"slot must be an instant in whole seconds with its time zone, not {self.slot.isoformat()}"
            )

    @property
    def cluster(self) -> ClusterRef:
        """The cluster; raises InputError when the ARN is not one."""
        return ClusterRef.parse(self.cluster_arn)

    @property
    def run_id(self) -> UUID:
        """The id of this run: one cluster and slot give one id, however often the request is delivered."""
        return uuid5(NAMESPACE, f"{self.cluster_arn}|{self.slot.astimezone(UTC).isoformat()}")


class ItemChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item whose state moved since a level was last published, and why it stands where it stands now.

    `since` is when a scan first saw it so. `offenders` are some of `offenders_total`. `before` is None in a baseline.
    """

    item: ItemId
    title: str
    required_from: RequiredLevel
    priority: Priority
    before: ItemVerdict | None
    after: ItemVerdict
    since: datetime
    reason: str = ""
    offenders: tuple[str, ...] = ()
    offenders_total: int = 0
    fix: str = ""


class LevelEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A level was published for the first time, fell or rose. `event_id` stays the same however often it is told.

    `changes` are the items that moved since the level before was published; in a baseline, those that are missing.
    """

    schema: int = 1
    event_id: str
    kind: EventKind
    cluster: ClusterRef
    from_level: Level | None
    from_since: datetime | None = None
    to_level: Level
    interval: LevelInterval
    version: int
    slot: datetime
    scan_id: str
    observed_at: datetime
    ruleset: str
    score_percent: float | None = None
    changes: tuple[ItemChange, ...] = ()
    missing: dict[str, tuple[ItemId, ...]] = {}
    unknown: dict[str, tuple[ItemId, ...]] = {}

    @property
    def key(self) -> OutboxKey:
        """Its place in the outbox."""
        return OutboxKey(cluster=self.cluster.arn, version=self.version)


class OutboxKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where an event lies in the outbox: the cluster, and the version of its state that the event came with."""

    cluster: ClusterArn
    version: int


class PendingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that nobody was told about yet, since when."""

    key: OutboxKey
    created_at: datetime


class ClusterState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The published state of one cluster.

    `level` is the published level, `interval` what the newest scan allows, `proven_at` when a scan last proved exactly
    the published level. `version` counts writes; `slot` is the newest slot that was applied. `improving` counts the
    scans in a row that proved at least `improving_to`, above the published level. `since` is when a scan first saw an
    item as it stands in `items`; `told` holds the items as they stood when the level was last published.
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
    since: dict[ItemId, datetime] = {}
    told: dict[ItemId, ItemVerdict] = {}
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


WriteOutcome = Literal["written", "already_written", "superseded", "lost_race", "unregistered"]
"""written: all of it · already_written: this run's earlier attempt was (its answer was lost) · superseded: a newer
slot is there, nothing was written · lost_race: somebody else moved the state, read again and decide again ·
unregistered: the cluster is not on the register (any more), nothing was written."""


def settled(state: ClusterState | None, request: ScanRequest) -> WriteOutcome | None:
    """What a state that is there already means for a scan: None when the scan is newer and may be written."""
    if state is None or state.slot < request.slot:
        return None
    return "already_written" if state.scan_id == str(request.run_id) else "superseded"


def decide(
    before: ClusterState | None, scorecard: Scorecard, request: ScanRequest, policy: Policy, fixes: dict[ItemId, str]
) -> ScanWrite:
    """Decide what a scan writes: the level moves only when the interval proves it.

    It falls at once when even the highest possible level is below the published one. It rises when the lowest possible
    level was above it in `improve_after_scans` scans in a row. Otherwise it stays, whatever is unknown. `fixes` says in
    words how each item is put right.
    """
    level, improving, improving_to = _level_after(before, scorecard.level, policy)
    moved = before is None or before.level != level
    state = _state_after(before, scorecard, request, level)
    state = msgspec.structs.replace(state, improving=improving, improving_to=improving_to)
    scan = ScanRecord(scan_id=str(request.run_id), slot=request.slot, trigger=request.trigger, scorecard=scorecard)
    event = _event(before, state, scorecard, fixes) if moved else None
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


def _state_after(before: ClusterState | None, scorecard: Scorecard, request: ScanRequest, level: Level) -> ClusterState:
    items = {each.item: each.state for each in scorecard.items}
    at = scorecard.observed_at
    proven = scorecard.level == LevelInterval(lowest=level, highest=level)
    stays = before is not None and before.level == level
    return ClusterState(
        cluster=request.cluster,
        version=before.version + 1 if before else 1,
        slot=request.slot,
        scan_id=str(request.run_id),
        level=level,
        interval=scorecard.level,
        level_since=before.level_since if before and stays else at,
        proven_at=at if proven else (before.proven_at if before and stays else None),
        observed_at=at,
        ruleset=scorecard.ruleset,
        score_percent=scorecard.score_percent,
        items=items,
        since={item: _since(before, item, state, at) for item, state in items.items()},
        told=before.told if before and stays else items,
        missing={str(needed): blocked for needed, blocked in scorecard.blockers.missing.items()},
        unknown={str(needed): blocked for needed, blocked in scorecard.blockers.unknown.items()},
    )


def _since(before: ClusterState | None, item: ItemId, state: ItemVerdict, at: datetime) -> datetime:
    return before.since.get(item, at) if before and before.items.get(item) == state else at


def _event(
    before: ClusterState | None, state: ClusterState, scorecard: Scorecard, fixes: dict[ItemId, str]
) -> LevelEvent:
    kind: EventKind = "BASELINE" if before is None else "REGRESSED" if state.level < before.level else "IMPROVED"
    return LevelEvent(
        event_id=str(uuid5(NAMESPACE, f"{state.cluster.arn}|{state.version}|{state.scan_id}")),
        kind=kind,
        cluster=state.cluster,
        from_level=before.level if before else None,
        from_since=before.level_since if before else None,
        to_level=state.level,
        interval=state.interval,
        version=state.version,
        slot=state.slot,
        scan_id=state.scan_id,
        observed_at=state.observed_at,
        ruleset=state.ruleset,
        score_percent=state.score_percent,
        changes=tuple(
            _change(now, before.told.get(now.item) if before else None, state, scorecard.findings, fixes)
            for now in scorecard.items
            if (before.told.get(now.item) != now.state if before else now.state == "missing")
        ),
        missing=state.missing,
        unknown=state.unknown,
    )


def _change(
    now: ItemState,
    was: ItemVerdict | None,
    state: ClusterState,
    findings: tuple[Finding, ...],
    fixes: dict[ItemId, str],
) -> ItemChange:
    blocking = [each for each in findings if each.item == now.item and each.blocks]
    return ItemChange(
        item=now.item,
        title=now.title,
        required_from=now.required_from,
        priority=now.priority,
        before=was,
        after=now.state,
        since=state.since[now.item],
        reason=now.reason,
        offenders=tuple(name for finding in blocking for name in finding.offenders)[:10],
        offenders_total=sum(finding.offenders_total for finding in blocking),
        fix="" if now.state == "satisfied" else fixes.get(now.item, ""),
    )
