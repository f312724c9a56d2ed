"""How a scan moves a cluster's published state, and what is told about it: the level-change protocol. Pure.

A scan's write is decided here from the state that was read and the scorecard; the store then applies it in one
transaction or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid5

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.event import NAMESPACE, ItemChange, LevelEvent, LevelEventKind, Move
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.ledger import ClusterState, KeptScan, LedgerWrite, ScanRecord, ScanRequest
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemState, ItemVerdict, Level, LevelInterval, Scorecard, digest

DAY = timedelta(days=1)
MAX_HELD = 20
"""Moves that a state remembers one by one while they are held back; the rest are counted."""


KEPT_FOR = timedelta(hours=12)
"""A scan that finds what was found before is kept all the same once the newest record is that old: half of the shortest
retention."""


class _Story(NamedTuple):
    """What is told of a scan, and what is kept for later. `kind` None: nothing."""

    kind: LevelEventKind | None
    moves: tuple[Move, ...] = ()
    moves_total: int = 0
    recent: tuple[datetime, ...] = ()
    damped: bool = False
    held: tuple[Move, ...] = ()
    held_total: int = 0
    coverage_lost_at: datetime | None = None
    restored_from: datetime | None = None
    wait_for_digest: bool = False


def decide(  # noqa: PLR0913 - each is one input of the decision
    before: ClusterState | None,
    scorecard: Scorecard,
    request: ScanRequest,
    policy: Policy,
    fixes: Mapping[ItemId, str],
    *,
    announced: tuple[str, ...] = (),
) -> LedgerWrite:
    """Decide what a scan writes: the level moves only when the interval proves it.

    It falls at once when even the highest possible level is below the published one. It rises when the lowest possible
    level was above it in `improve_after_scans` scans in a row. Otherwise it stays, whatever is unknown. A cluster that
    was made anew under the same name starts with a baseline. `fixes` says in words how each item is put right,
    `announced` names the statements whose end was announced.
    """
    known = None if before is None or _recreated(before, scorecard) else before
    level, improving, improving_to = _level_after(known, scorecard.level, policy)
    if known is None:
        # What was held back of the cluster that had the name before is told with the start of its successor.
        story = _Story("BASELINE", moves=before.held if before else (), moves_total=before.held_total if before else 0)
    else:
        story = _story(known, scorecard, request, level, policy)
    state = _state_after(known, scorecard, request, level, story)
    state = msgspec.structs.replace(
        state,
        version=before.version + 1 if before else 1,
        improving=improving,
        improving_to=improving_to,
        announced=announced,
        kept=_kept(known, scorecard, request, moved=story.kind is not None or known is None or known.level != level),
    )
    scan = ScanRecord(
        scan_id=str(request.run_id),
        slot=request.slot,
        trigger=request.trigger,
        scorecard=scorecard,
        confirmed_before=before.confirmation if before else None,
    )
    event = None if story.kind is None else _event(known, state, scorecard, fixes, story)
    return LedgerWrite(expected_version=before.version if before else None, state=state, scan=scan, event=event)


def _kept(before: ClusterState | None, scorecard: Scorecard, request: ScanRequest, *, moved: bool) -> KeptScan:
    """The scan before, when this one found the same; this one when there is something new, or something to tell."""
    found = digest(scorecard)
    kept = before.kept if before else None
    if kept is None or moved or kept.digest != found or request.slot - kept.slot >= KEPT_FOR:
        return KeptScan(scan_id=str(request.run_id), slot=request.slot, digest=found)
    return msgspec.structs.replace(kept, confirmed=kept.confirmed + 1)


def _recreated(before: ClusterState, scorecard: Scorecard) -> bool:
    made = scorecard.cluster_created_at
    return made is not None and before.created_at is not None and made != before.created_at


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


def _story(before: ClusterState, scorecard: Scorecard, request: ScanRequest, level: Level, policy: Policy) -> _Story:
    """What is told: the move itself, why it is not one of the cluster's, or that there were too many of them."""
    recent = tuple(slot for slot in before.recent if request.slot - slot < DAY)
    room = len(recent) < policy.max_level_events_per_day
    restored_from = before.coverage_lost_at if _proves(before, scorecard, level) else None
    kept = _Story(
        kind=None,
        recent=recent,
        damped=before.damped and not room,
        held=before.held,
        held_total=before.held_total,
        coverage_lost_at=None if restored_from else before.coverage_lost_at,
        restored_from=restored_from,
    )
    if level == before.level:
        return _story_without_move(before, kept, request.slot, room=room)
    move = Move(from_level=before.level, to_level=level, slot=request.slot)
    return _story_of_move(before, kept, move, room=room, by_ruleset=_by_ruleset(before, scorecard))


def _story_without_move(before: ClusterState, kept: _Story, slot: datetime, *, room: bool) -> _Story:
    if before.held_total and room:
        return _told_together(kept, slot)
    return kept._replace(kind="COVERAGE_RESTORED") if kept.restored_from else kept


def _story_of_move(before: ClusterState, kept: _Story, move: Move, *, room: bool, by_ruleset: bool) -> _Story:
    if by_ruleset:
        # New rules moved it, not the cluster: one digest tells it with the others that they moved.
        return _with_nothing_held(
            kept._replace(
                kind="RULESET_CHANGED", moves=before.held, moves_total=before.held_total, wait_for_digest=True
            )
        )
    if room and not before.held_total:
        kind: LevelEventKind = "REGRESSED" if move.to_level < move.from_level else "IMPROVED"
        return kept._replace(kind=kind, recent=(*kept.recent, move.slot))
    kept = kept._replace(held=(*before.held, move)[-MAX_HELD:], held_total=before.held_total + 1)
    if room:
        return _told_together(kept, move.slot)
    if before.damped and not kept.restored_from:
        return kept
    # The first move too many is told at once, with the word that further ones of the day come together.
    return _with_nothing_held(kept._replace(kind="UNSTABLE", moves=kept.held, moves_total=kept.held_total, damped=True))


def _by_ruleset(before: ClusterState, scorecard: Scorecard) -> bool:
    """Whether the level was last upheld under other rules; a state of an older version does not say."""
    return bool(before.level_ruleset) and before.level_ruleset != scorecard.ruleset


def _with_nothing_held(story: _Story) -> _Story:
    return story._replace(held=(), held_total=0)


def _told_together(kept: _Story, slot: datetime) -> _Story:
    told = kept._replace(kind="UNSTABLE", moves=kept.held, moves_total=kept.held_total)
    return _with_nothing_held(told._replace(recent=(*kept.recent, slot)))


def _proves(before: ClusterState, scorecard: Scorecard, level: Level) -> bool:
    return level != before.level or scorecard.level == LevelInterval(lowest=level, highest=level)


def _state_after(
    before: ClusterState | None, scorecard: Scorecard, request: ScanRequest, level: Level, story: _Story
) -> ClusterState:
    items = {each.item: each.state for each in scorecard.items}
    at = scorecard.observed_at
    proven = scorecard.level == LevelInterval(lowest=level, highest=level)
    stays = before is not None and before.level == level
    rising = scorecard.level.lowest > level
    told = before is None or story.kind is not None
    return ClusterState(
        cluster=request.cluster,
        version=0,
        slot=request.slot,
        scan_id=str(request.run_id),
        level=level,
        interval=scorecard.level,
        level_since=before.level_since if before and stays else at,
        proven_at=at if proven else (before.proven_at if before and stays else None),
        observed_at=at,
        ruleset=scorecard.ruleset,
        # What would lift the level under new rules has not upheld the old level under them.
        level_ruleset=before.level_ruleset if before and stays and rising else scorecard.ruleset,
        score_percent=scorecard.score_percent,
        items=items,
        since={item: _since(before, item, state, at) for item, state in items.items()},
        told=items if before is None or told else before.told,
        told_level=level if before is None or told else before.told_level,
        recent=story.recent,
        damped=story.damped,
        held=story.held,
        held_total=story.held_total,
        coverage_lost_at=story.coverage_lost_at,
        created_at=scorecard.cluster_created_at or (before.created_at if before else None),
        missing={str(needed): blocked for needed, blocked in scorecard.blockers.missing.items()},
        unknown={str(needed): blocked for needed, blocked in scorecard.blockers.unknown.items()},
    )


def _since(before: ClusterState | None, item: ItemId, state: ItemVerdict, at: datetime) -> datetime:
    return before.since.get(item, at) if before and before.items.get(item) == state else at


def event_id(cluster: ClusterRef, version: int, scan_id: str) -> str:
    """The id of the event that came with a version of a state: the same however often it is worked out."""
    return str(uuid5(NAMESPACE, f"{cluster.arn}|{version}|{scan_id}"))


def _event(
    before: ClusterState | None,
    state: ClusterState,
    scorecard: Scorecard,
    fixes: Mapping[ItemId, str],
    story: _Story,
) -> LevelEvent:
    assert story.kind is not None  # noqa: S101 - the caller has looked
    return LevelEvent(
        event_id=event_id(state.cluster, state.version, state.scan_id),
        kind=story.kind,
        cluster=state.cluster,
        from_level=before.told_level if before else None,
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
        moves=story.moves,
        moves_total=story.moves_total,
        coverage_lost_at=story.restored_from,
        held=story.wait_for_digest,
        missing=state.missing,
        unknown=state.unknown,
    )


def _change(
    now: ItemState,
    was: ItemVerdict | None,
    state: ClusterState,
    findings: tuple[Finding, ...],
    fixes: Mapping[ItemId, str],
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


def removal(state: ClusterState) -> LedgerWrite:
    """What is written when a cluster that was scanned is taken off the register: all that was held back is told.

    What it tells is not held any more: a cluster that comes back under its name starts from here.
    """
    version = state.version + 1
    after = msgspec.structs.replace(
        state, version=version, told=state.items, told_level=state.level, damped=False, held=(), held_total=0
    )
    event = LevelEvent(
        event_id=event_id(state.cluster, version, state.scan_id),
        kind="CLUSTER_REMOVED",
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
        missing=state.missing,
        unknown=state.unknown,
    )
    return LedgerWrite(expected_version=state.version, state=after, scan=None, event=event)
