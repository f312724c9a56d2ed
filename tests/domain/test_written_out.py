"""What is written and told, as whole values: every field of a state and of an event has its meaning and its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid5

import msgspec
import pytest

from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.coverage import lose_coverage, proof_age
from eks_readiness.domain.decision import MAX_HELD, decide, event_id, removal
from eks_readiness.domain.event import (
    MAX_DIGEST_MEMBERS,
    NAMESPACE,
    DigestEvent,
    DigestMember,
    ExpiryEvent,
    ItemChange,
    LevelEvent,
    Move,
    OutboxKey,
    digest_of,
)
from eks_readiness.domain.expiry import MAX_ANNOUNCED, expiring, names_of
from eks_readiness.domain.finding import CheckId, Finding
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.ledger import ClusterState, KeptScan, LedgerWrite, ScanRecord
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Blockers, ItemState, ItemVerdict, Level, LevelInterval, Scorecard, digest
from eks_readiness.domain.standing import Standing, standing
from tests.scans import CLUSTER, START, request, slot

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STORAGE, RUNBOOKS, MESH = ItemId("storage"), ItemId("runbooks"), ItemId("service-mesh")
FIXES = {STORAGE: "encrypt the volumes", RUNBOOKS: "write them", MESH: "install one"}
MADE_AT = START - 90 * DAY
WAIVED = Waiver(
    check="storage.waived", owner="ciso", reason="later", issued_at=START - DAY, expires_at=START + 30 * DAY
)


def _run(number: int) -> str:
    return str(uuid5(NAMESPACE, f"{CLUSTER.arn}|{slot(number).isoformat()}"))


def _finding(check: str, offenders: tuple[str, ...], total: int, waiver: Waiver | None = None) -> Finding:
    return Finding(
        check=CheckId(check),
        item=ItemId(check.partition(".")[0]),
        required=True,
        outcome="fail",
        reason=f"{check} failed",
        offenders=offenders,
        offenders_total=total,
        waiver=waiver,
    )


FINDINGS = (
    _finding("storage.volumes", tuple(f"vol-{number}" for number in range(7)), 7),
    _finding("runbooks.written", ("another item's",), 1),
    _finding("storage.classes", ("gp2", "gp3", "io1", "io2"), 14),
    _finding("storage.waived", ("accepted",), 1, WAIVED),
)
OFFENDERS = ("vol-0", "vol-1", "vol-2", "vol-3", "vol-4", "vol-5", "vol-6", "gp2", "gp3", "io1")


def _item(item: ItemId, state: ItemVerdict) -> ItemState:
    level = {STORAGE: 1, RUNBOOKS: 2, MESH: 3}[item]
    return ItemState(
        item=item,
        title=f"{item} title",
        category="operations",
        priority="high" if level < 3 else "low",
        required_from=level,  # type: ignore[arg-type] # 1, 2 or 3
        state=state,
        reason=f"{item} is {state}",
    )


def _card(
    storage: ItemVerdict,
    runbooks: ItemVerdict,
    mesh: ItemVerdict,
    *,
    level: tuple[Level, Level],
    number: int,
    ruleset: str = "0123456789ab",
    created_at: datetime | None = MADE_AT,
) -> Scorecard:
    return Scorecard(
        cluster=CLUSTER,
        observed_at=slot(number) + timedelta(seconds=30),
        ruleset=ruleset,
        level=LevelInterval(lowest=level[0], highest=level[1]),
        items=(_item(STORAGE, storage), _item(RUNBOOKS, runbooks), _item(MESH, mesh)),
        findings=FINDINGS,
        blockers=Blockers(
            missing={1: (STORAGE,) if storage == "missing" else (), 2: (), 3: ()},
            unknown={1: (), 2: (RUNBOOKS,) if runbooks == "unknown" else (), 3: ()},
        ),
        score_percent=61.5,
        cluster_created_at=created_at,
    )


BEFORE = ClusterState(
    cluster=CLUSTER,
    version=7,
    slot=slot(-1),
    scan_id=_run(-1),
    level=2,
    interval=LevelInterval(lowest=2, highest=2),
    level_since=START - 20 * DAY,
    proven_at=START - 2 * HOUR,
    observed_at=slot(-1) + timedelta(seconds=30),
    ruleset="0123456789ab",
    level_ruleset="0123456789ab",
    score_percent=80.0,
    items={STORAGE: "satisfied", RUNBOOKS: "satisfied", MESH: "missing"},
    since={STORAGE: START - 20 * DAY, RUNBOOKS: START - 9 * DAY, MESH: START - 30 * DAY},
    told={STORAGE: "satisfied", RUNBOOKS: "missing", MESH: "missing"},
    told_level=1,
    announced=("runbooks#1",),
    created_at=MADE_AT,
    missing={"1": (), "2": (), "3": (MESH,)},
    unknown={"1": (), "2": (), "3": ()},
)


def _before(**changes: object) -> ClusterState:
    return msgspec.structs.replace(BEFORE, **changes)


def _decide(before: ClusterState | None, card: Scorecard, number: int = 0, policy: Policy | None = None) -> LedgerWrite:
    return decide(before, card, request(number), policy or Policy(), FIXES, announced=("dr-plan#2",))


def _expected_state(before: ClusterState, card: Scorecard, number: int = 0, **changes: object) -> ClusterState:
    """What stays of a state after a scan, with what is said to change."""
    return msgspec.structs.replace(
        before,
        version=before.version + 1,
        slot=slot(number),
        scan_id=_run(number),
        interval=card.level,
        observed_at=card.observed_at,
        ruleset=card.ruleset,
        score_percent=61.5,
        items={each.item: each.state for each in card.items},
        announced=("dr-plan#2",),
        missing={str(level): items for level, items in card.blockers.missing.items()},
        unknown={str(level): items for level, items in card.blockers.unknown.items()},
        **{"kept": _kept(card, number), **changes},
    )


def _kept(card: Scorecard, number: int = 0) -> KeptScan:
    return KeptScan(scan_id=_run(number), slot=slot(number), digest=digest(card))


def _record(card: Scorecard, number: int = 0) -> ScanRecord:
    return ScanRecord(scan_id=_run(number), slot=slot(number), trigger="schedule", scorecard=card)


def test_a_baseline_is_written_out() -> None:
    """What is missing is told, what is unknown or satisfied is not; version 1, and there must be none yet."""
    card = _card("missing", "unknown", "satisfied", level=(0, 0), number=0)
    at = START + timedelta(seconds=30)
    state = ClusterState(
        cluster=CLUSTER,
        version=1,
        slot=START,
        scan_id=_run(0),
        level=0,
        interval=LevelInterval(lowest=0, highest=0),
        level_since=at,
        proven_at=at,
        observed_at=at,
        ruleset="0123456789ab",
        level_ruleset="0123456789ab",
        score_percent=61.5,
        items={STORAGE: "missing", RUNBOOKS: "unknown", MESH: "satisfied"},
        since={STORAGE: at, RUNBOOKS: at, MESH: at},
        told={STORAGE: "missing", RUNBOOKS: "unknown", MESH: "satisfied"},
        told_level=0,
        announced=("dr-plan#2",),
        created_at=MADE_AT,
        missing={"1": (STORAGE,), "2": (), "3": ()},
        unknown={"1": (), "2": (RUNBOOKS,), "3": ()},
        kept=_kept(card),
    )
    event = LevelEvent(
        event_id=str(uuid5(NAMESPACE, f"{CLUSTER.arn}|1|{_run(0)}")),
        kind="BASELINE",
        cluster=CLUSTER,
        from_level=None,
        to_level=0,
        interval=LevelInterval(lowest=0, highest=0),
        version=1,
        slot=START,
        scan_id=_run(0),
        observed_at=at,
        ruleset="0123456789ab",
        score_percent=61.5,
        changes=(
            ItemChange(
                item=STORAGE,
                title="storage title",
                required_from=1,
                priority="high",
                before=None,
                after="missing",
                since=at,
                reason="storage is missing",
                offenders=OFFENDERS,
                offenders_total=21,
                fix="encrypt the volumes",
            ),
        ),
        missing=state.missing,
        unknown=state.unknown,
    )
    assert _decide(None, card) == LedgerWrite(expected_version=None, state=state, scan=_record(card), event=event)


def test_a_fall_is_written_out() -> None:
    """It is told from the level and the items that were told last, and each change says since when."""
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0, created_at=None)
    at = card.observed_at
    state = _expected_state(
        BEFORE,
        card,
        level=0,
        level_since=at,
        proven_at=at,
        since={STORAGE: at, RUNBOOKS: START - 9 * DAY, MESH: START - 30 * DAY},
        told={STORAGE: "missing", RUNBOOKS: "satisfied", MESH: "missing"},
        told_level=0,
        recent=(START,),
    )
    event = LevelEvent(
        event_id=event_id(CLUSTER, 8, _run(0)),
        kind="REGRESSED",
        cluster=CLUSTER,
        from_level=1,
        from_since=START - 20 * DAY,
        to_level=0,
        interval=card.level,
        version=8,
        slot=START,
        scan_id=_run(0),
        observed_at=at,
        ruleset="0123456789ab",
        score_percent=61.5,
        changes=(
            ItemChange(
                item=STORAGE,
                title="storage title",
                required_from=1,
                priority="high",
                before="satisfied",
                after="missing",
                since=at,
                reason="storage is missing",
                offenders=OFFENDERS,
                offenders_total=21,
                fix="encrypt the volumes",
            ),
            ItemChange(
                item=RUNBOOKS,
                title="runbooks title",
                required_from=2,
                priority="high",
                before="missing",
                after="satisfied",
                since=START - 9 * DAY,
                reason="runbooks is satisfied",
                offenders=("another item's",),
                offenders_total=1,
            ),
        ),
        missing=state.missing,
        unknown=state.unknown,
    )
    assert _decide(BEFORE, card) == LedgerWrite(expected_version=7, state=state, scan=_record(card), event=event)


def test_an_item_without_a_known_fix_has_none() -> None:
    """An organisation's own item may say nothing about how it is put right."""
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0)
    event = decide(BEFORE, card, request(0), Policy(), {}).event
    assert event is not None
    assert [each.fix for each in event.changes] == ["", ""]


def test_a_scan_that_moves_nothing_is_written_out() -> None:
    """Proof is newer, items stand since they stood so; what was told stays what it was."""
    card = _card("satisfied", "unknown", "missing", level=(2, 2), number=0, created_at=None)
    since = {**BEFORE.since, RUNBOOKS: card.observed_at}
    state = _expected_state(BEFORE, card, proven_at=card.observed_at, since=since)
    assert _decide(BEFORE, card) == LedgerWrite(expected_version=7, state=state, scan=_record(card), event=None)


def test_a_scan_that_proves_nothing_is_written_out() -> None:
    """The level stays, proven when it was; an item that is new is known since now."""
    before = _before(since={STORAGE: START - 20 * DAY, MESH: START - 30 * DAY}, recent=(START - DAY, slot(-23)))
    card = _card("satisfied", "satisfied", "missing", level=(1, 2), number=0)
    since = {**before.since, RUNBOOKS: card.observed_at}
    state = _expected_state(before, card, since=since, recent=(slot(-23),))
    assert _decide(before, card) == LedgerWrite(expected_version=7, state=state, scan=_record(card), event=None)


def test_the_first_scan_of_a_rise_is_written_out() -> None:
    """It counts one, remembers how far, and proves nothing about the level that is published."""
    card = _card("satisfied", "satisfied", "satisfied", level=(3, 3), number=0)
    since = {**BEFORE.since, MESH: card.observed_at}
    state = _expected_state(BEFORE, card, since=since, improving=1, improving_to=3)
    assert _decide(BEFORE, card) == LedgerWrite(expected_version=7, state=state, scan=_record(card), event=None)


@pytest.mark.parametrize(
    ("improving", "improving_to", "interval", "scans", "expected"),
    [
        (0, 0, (1, 1), 2, (0, 1, 1)),
        (0, 0, (3, 3), 1, (3, 0, 0)),
        (1, 1, (3, 3), 2, (1, 0, 0)),
        (1, 3, (2, 3), 3, (0, 2, 2)),
        (2, 3, (2, 3), 3, (2, 0, 0)),
        (1, 2, (0, 3), 2, (0, 0, 0)),
    ],
)
def test_how_far_and_when_a_level_rises(
    improving: int, improving_to: Level, interval: tuple[Level, Level], scans: int, expected: tuple[int, int, int]
) -> None:
    """The level, the scans in a row and how far they prove, after one more scan."""
    before = _before(level=0, told_level=0, improving=improving, improving_to=improving_to)
    card = _card("satisfied", "satisfied", "missing", level=interval, number=0)
    state = _decide(before, card, policy=Policy(improve_after_scans=scans)).state
    assert (state.level, state.improving, state.improving_to) == expected


@pytest.mark.parametrize(
    ("interval", "kept"),
    [((3, 3), "old"), ((2, 3), "new"), ((1, 2), "new"), ((1, 1), "new")],
)
def test_only_what_upholds_the_level_under_new_rules_makes_them_its_rules(
    interval: tuple[Level, Level], kept: str
) -> None:
    """A scan that would lift it leaves it to the rules under which it was upheld."""
    card = _card("satisfied", "satisfied", "missing", level=interval, number=0, ruleset="new")
    assert _decide(_before(level_ruleset="old"), card).state.level_ruleset == kept


def test_a_state_of_an_older_version_does_not_say_which_rules_moved_it() -> None:
    """Then the move is the cluster's own."""
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0, ruleset="new")
    event = _decide(_before(level_ruleset=""), card).event
    assert event is not None
    assert event.kind == "REGRESSED"


def test_a_move_by_new_rules_tells_what_was_held_and_waits_for_a_digest() -> None:
    """Nothing stays held, and it is no event of the day's three."""
    held = (Move(from_level=2, to_level=1, slot=slot(-3)),)
    before = _before(held=held, held_total=4, damped=True, recent=(slot(-4),), told_level=3)
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0, ruleset="new")
    written = _decide(before, card)
    assert written.event is not None
    assert (written.event.kind, written.event.held) == ("RULESET_CHANGED", True)
    assert (written.event.moves, written.event.moves_total) == (held, 4)
    assert (written.state.held, written.state.held_total, written.state.recent) == ((), 0, (slot(-4),))
    assert written.state.damped is False


THREE = (slot(-5), slot(-4), slot(-3))
"""As many events as a day has room for."""


def test_the_first_move_too_many_is_told_as_unstable() -> None:
    """With the moves that were held; from here on the cluster is damped, and the day's events stay three."""
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0)
    written = _decide(_before(recent=THREE), card)
    move = Move(from_level=2, to_level=0, slot=START)
    assert written.event is not None
    assert (written.event.kind, written.event.moves, written.event.moves_total) == ("UNSTABLE", (move,), 1)
    state = written.state
    assert (state.damped, state.held, state.held_total, state.recent) == (True, (), 0, THREE)


def test_while_damped_moves_are_held_the_newest_by_name() -> None:
    """The oldest is forgotten, and still counted; nothing is told."""
    held = tuple(Move(from_level=2, to_level=1, slot=slot(-30 - number)) for number in range(MAX_HELD))
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0)
    before = _before(recent=THREE, damped=True, held=held, held_total=33)
    written = _decide(before, card)
    assert written.event is None
    move = Move(from_level=2, to_level=0, slot=START)
    assert (written.state.held, written.state.held_total) == ((*held[1:], move), 34)
    assert (written.state.damped, written.state.recent) == (True, THREE)
    assert (written.state.told, written.state.told_level) == (BEFORE.told, 1)


def test_a_move_while_damped_is_told_when_it_brings_proof_back() -> None:
    """People who were told that nothing is known must hear what is."""
    before = _before(recent=THREE, damped=True, coverage_lost_at=START - HOUR)
    written = _decide(before, _card("missing", "satisfied", "missing", level=(0, 1), number=0))
    assert written.event is not None
    assert (written.event.kind, written.event.coverage_lost_at) == ("UNSTABLE", START - HOUR)
    assert (written.state.coverage_lost_at, written.state.damped) == (None, True)
    assert written.state.proven_at is None


@pytest.mark.parametrize("moves", [True, False])
def test_with_room_again_what_was_held_is_told_together(moves: bool) -> None:
    """With the newest move, if there is one; that counts as one event of the day, and damping ends."""
    held = (Move(from_level=1, to_level=2, slot=slot(-30)),)
    before = _before(recent=THREE[1:], damped=True, held=held, held_total=5)
    level: tuple[Level, Level] = (0, 0) if moves else (2, 2)
    written = _decide(before, _card("missing", "satisfied", "missing", level=level, number=0))
    told = (*held, Move(from_level=2, to_level=0, slot=START)) if moves else held
    assert written.event is not None
    assert (written.event.kind, written.event.moves) == ("UNSTABLE", told)
    assert (written.event.moves_total, written.event.held) == (6 if moves else 5, False)
    state = written.state
    assert (state.damped, state.held, state.held_total, state.recent) == (False, (), 0, (*THREE[1:], START))


def test_what_is_held_waits_while_there_is_no_room() -> None:
    """A quiet scan tells nothing and forgets nothing."""
    held = (Move(from_level=1, to_level=2, slot=slot(-2)),)
    before = _before(recent=THREE, damped=True, held=held, held_total=5)
    written = _decide(before, _card("satisfied", "satisfied", "missing", level=(2, 2), number=0))
    assert written.event is None
    assert (written.state.held, written.state.held_total, written.state.damped) == (held, 5, True)


def test_damping_ends_with_the_day() -> None:
    """An event of exactly a day ago leaves room."""
    before = _before(recent=(START - DAY, *THREE[1:]), damped=True)
    written = _decide(before, _card("satisfied", "satisfied", "missing", level=(2, 2), number=0))
    assert (written.event, written.state.damped, written.state.recent) == (None, False, THREE[1:])


@pytest.mark.parametrize(
    ("interval", "kind", "still_lost"),
    [((2, 2), "COVERAGE_RESTORED", False), ((1, 2), None, True), ((2, 3), None, True)],
)
def test_only_proof_brings_coverage_back(interval: tuple[Level, Level], kind: str | None, still_lost: bool) -> None:
    """A scan among unknowns does not; the event says since when coverage was lost."""
    written = _decide(
        _before(coverage_lost_at=START - HOUR), _card("satisfied", "satisfied", "missing", level=interval, number=0)
    )
    assert (written.event.kind if written.event else None) == kind
    assert (written.event.coverage_lost_at if written.event else None) == (None if still_lost else START - HOUR)
    assert written.state.coverage_lost_at == (START - HOUR if still_lost else None)


@pytest.mark.parametrize(
    ("was", "now", "anew"),
    [(MADE_AT, START, True), (MADE_AT, MADE_AT, False), (None, START, False), (MADE_AT, None, False)],
)
def test_a_cluster_is_another_only_when_both_dates_are_known(
    was: datetime | None,
    now: datetime | None,
    anew: bool,
) -> None:
    """An unread date says nothing."""
    card = _card("satisfied", "satisfied", "missing", level=(2, 2), number=0, created_at=now)
    written = _decide(_before(created_at=was), card)
    assert (written.event is not None) == anew
    assert (written.state.version, written.expected_version) == (8, 7)
    assert written.state.created_at == (now or was)


def test_lost_coverage_is_written_out() -> None:
    """Time alone moves the state: no scan, one version more, everything else as it was."""
    held = (Move(from_level=2, to_level=1, slot=slot(-3)),)
    before = _before(held=held, held_total=4, damped=True)
    at = START + DAY
    event = LevelEvent(
        event_id=event_id(CLUSTER, 8, _run(-1)),
        kind="COVERAGE_LOST",
        cluster=CLUSTER,
        from_level=1,
        from_since=START - 20 * DAY,
        to_level=2,
        interval=before.interval,
        version=8,
        slot=slot(-1),
        scan_id=_run(-1),
        observed_at=before.observed_at,
        ruleset="0123456789ab",
        score_percent=80.0,
        moves=held,
        moves_total=4,
        coverage_lost_at=at,
        missing=before.missing,
        unknown=before.unknown,
    )
    state = msgspec.structs.replace(
        before, version=8, coverage_lost_at=at, told=before.items, told_level=2, held=(), held_total=0
    )
    expected = LedgerWrite(expected_version=7, state=state, scan=None, event=event)
    assert lose_coverage(before, at=at, interval=HOUR, stale_after_intervals=2.5) == expected
    waiting = lose_coverage(before, at=at, interval=HOUR, stale_after_intervals=2.5, held=True)
    assert waiting == msgspec.structs.replace(expected, event=msgspec.structs.replace(event, held=True))


def test_proof_is_as_old_as_the_level_or_its_newest_proof() -> None:
    """A level that no scan ever proved exactly was published at some time."""
    assert proof_age(BEFORE, START) == 2 * HOUR
    assert proof_age(_before(proven_at=None), START) == 20 * DAY
    assert proof_age(_before(level_since=START - HOUR), START) == HOUR


def test_a_removal_is_written_out() -> None:
    """What stood when the cluster was taken off the register, with what was held back: that is not held any more."""
    held = (Move(from_level=2, to_level=1, slot=slot(-3)),)
    before = _before(held=held, held_total=4, damped=True)
    event = LevelEvent(
        event_id=event_id(CLUSTER, 8, _run(-1)),
        kind="CLUSTER_REMOVED",
        cluster=CLUSTER,
        from_level=1,
        from_since=START - 20 * DAY,
        to_level=2,
        interval=before.interval,
        version=8,
        slot=slot(-1),
        scan_id=_run(-1),
        observed_at=before.observed_at,
        ruleset="0123456789ab",
        score_percent=80.0,
        moves=held,
        moves_total=4,
        missing=before.missing,
        unknown=before.unknown,
    )
    state = msgspec.structs.replace(
        before, version=8, told=before.items, told_level=2, held=(), held_total=0, damped=False
    )
    assert removal(before) == LedgerWrite(expected_version=7, state=state, scan=None, event=event)


def test_every_event_has_its_place_in_the_outbox() -> None:
    """One of a version; what waits for a digest is kept apart."""
    removed = removal(BEFORE).event
    assert removed is not None
    assert removed.key == OutboxKey(partition=CLUSTER.arn, name=f"0000000008-{removed.event_id}")
    held = msgspec.structs.replace(removed, held=True)
    assert held.key == OutboxKey(partition=CLUSTER.arn, name=f"0000000008-{removed.event_id}", held=True)


def _member(number: int, **changes: object) -> LevelEvent:
    card = _card("missing", "satisfied", "missing", level=(0, 0), number=0, ruleset="new")
    event = _decide(BEFORE, card).event
    assert event is not None
    return msgspec.structs.replace(event, event_id=f"id-{number:02d}", **changes)


def test_a_digest_is_written_out() -> None:
    """Its id is that of its members in any order, its name says when; every member says what moved."""
    members = (_member(2), _member(1))
    digest = str(uuid5(NAMESPACE, "id-01|id-02"))
    expected = DigestEvent(
        event_id=digest,
        kind="RULESET_CHANGED",
        name=f"20260310T120000-{digest}",
        created_at=START,
        members=tuple(
            DigestMember(event_id=name, cluster=CLUSTER, from_level=1, to_level=0, changed=(STORAGE, RUNBOOKS))
            for name in ("id-02", "id-01")
        ),
    )
    assert digest_of(members, at=START) == expected
    assert expected.key == OutboxKey(partition="fleet", name=f"20260310T120000-{digest}")
    held = tuple(Move(from_level=2, to_level=1, slot=slot(number)) for number in range(7))
    (member,) = digest_of((_member(1, moves=held, moves_total=9, coverage_lost_at=START - DAY),), at=START).members
    assert (member.moves, member.moves_total, member.coverage_lost_at) == (held[2:], 9, START - DAY)
    lost = digest_of((_member(1, kind="COVERAGE_LOST"),), at=START)
    assert (lost.kind, lost.event_id) == ("FLEET_COVERAGE", str(uuid5(NAMESPACE, "id-01")))


def test_a_digest_has_members_of_one_kind_and_no_more_than_fit() -> None:
    """None, two kinds, or one too many: refused in words."""
    full = tuple(_member(number) for number in range(MAX_DIGEST_MEMBERS))
    assert len(digest_of(full, at=START).members) == 98
    for members, words in (
        ((), "a digest has 1 to 98 members of one kind, not 0 of no kind"),
        ((*full, _member(99)), "a digest has 1 to 98 members of one kind, not 99 of RULESET_CHANGED"),
    ):
        with pytest.raises(ValueError, match="a digest has") as refused:
            digest_of(members, at=START)
        assert str(refused.value) == words
    with pytest.raises(ValueError, match="not 2 of"):
        digest_of((_member(1), _member(2, kind="COVERAGE_LOST")), at=START)


def _ending(subject: str, days: float, **changes: object) -> Attestation:
    made = Attestation(subject=subject, owner="sre", issued_at=START - DAY, expires_at=START + days * DAY)
    return msgspec.structs.replace(made, **changes)


def _accepted(days: float) -> Waiver:
    return Waiver(
        check="storage.volumes",
        cluster=CLUSTER.arn,
        owner="ciso",
        reason="migration",
        issued_at=START - DAY,
        expires_at=START + days * DAY,
    )


def _expiring(attestations: list[Attestation], *waivers: Waiver) -> tuple[ExpiryEvent, ...]:
    return expiring(attestations, waivers, at=START, notice=14 * DAY)


def test_an_end_is_written_out() -> None:
    """Of which statement, about what, whose, and when; its place is that of the end, not of the scan."""
    end = START + 14 * DAY
    stated, accepted = _expiring([_ending("runbooks", 14)], _accepted(14))
    assert stated == ExpiryEvent(
        event_id=str(uuid5(NAMESPACE, f"attestation|*|runbooks|{end.isoformat()}")),
        statement="attestation",
        subject="runbooks",
        cluster=None,
        owner="sre",
        expires_at=end,
    )
    assert accepted == ExpiryEvent(
        event_id=str(uuid5(NAMESPACE, f"waiver|{CLUSTER.arn}|storage.volumes|{end.isoformat()}")),
        statement="waiver",
        subject="storage.volumes",
        cluster=CLUSTER,
        owner="ciso",
        expires_at=end,
    )
    assert stated.key == OutboxKey(partition="*", name="attestation#runbooks#2026-03-24T12:00:00Z")
    assert (stated.kind, accepted.kind) == ("EXPIRING", "EXPIRING")
    assert list(names_of((accepted, stated))) == [
        f"{CLUSTER.arn}#waiver#storage.volumes#2026-03-24T12:00:00Z",
        "*#attestation#runbooks#2026-03-24T12:00:00Z",
    ]


@pytest.mark.parametrize(
    ("other", "announced"),
    [
        (_ending("runbooks", 4), False),
        (_ending("runbooks", 3), True),
        (_ending("runbooks", 90), False),
        (_ending("runbooks", 90, issued_at=START), False),
        (_ending("runbooks", 90, issued_at=START - 2 * DAY), True),
        (_ending("dr-plan", 90), True),
        (_ending("runbooks", 90, holds=False), True),
    ],
)
def test_what_takes_a_statements_place(other: Attestation, announced: bool) -> None:
    """One about the same subject that lasts longer and is not older."""
    events = _expiring([_ending("runbooks", 3), other])
    named = [each for each in events if (each.subject, each.expires_at) == ("runbooks", START + 3 * DAY)]
    assert bool(named) == announced


def test_a_waiver_takes_no_attestations_place() -> None:
    """Whatever it is about."""
    assert len(_expiring([_ending("storage.volumes", 3)], _accepted(90))) == 1


def test_what_does_not_count_now_or_ends_later_is_not_announced() -> None:
    """Over, not yet made, or beyond the notice by a second."""
    later = _ending("runbooks", 14, expires_at=START + 14 * DAY + timedelta(seconds=1))
    tomorrow = _ending("dr-plan", 3, issued_at=START + DAY)
    assert _expiring([later, tomorrow, _ending("alerting", 0)]) == ()


def test_the_soonest_hundred_are_announced_in_order() -> None:
    """By their end, then by their name."""
    many = [_ending(f"item-{number:03d}", 3 if number % 2 else 2) for number in range(MAX_ANNOUNCED + 1, 0, -1)]
    subjects = [each.subject for each in _expiring(many)]
    expected = [f"item-{number:03d}" for number in (*range(2, 102, 2), *range(1, 102, 2))]
    assert subjects == expected[:100]


@pytest.mark.parametrize(
    ("changes", "at", "shown", "words"),
    [
        ({}, START, Standing(certainty="exact", level=2, as_of=START - 2 * HOUR), "2"),
        (
            {"interval": LevelInterval(lowest=1, highest=2), "proven_at": None, "level_since": START - HOUR},
            START,
            Standing(certainty="partial", level=2, as_of=START - HOUR),
            "2 (partial, as of 2026-03-10 11:00 UTC)",
        ),
        ({}, START + HOUR / 2, Standing(certainty="exact", level=2, as_of=START - 2 * HOUR), "2"),
        (
            {},
            START + HOUR / 2 + timedelta(seconds=1),
            Standing(certainty="stale", level=2, as_of=START - 2 * HOUR),
            "unknown (was 2)",
        ),
    ],
)
def test_a_standing_is_written_out(changes: dict[str, object], at: datetime, shown: Standing, words: str) -> None:
    """Exact, partial, and stale from the instant on at which proof is too old."""
    found = standing(_before(**changes), at=at, interval=HOUR, stale_after_intervals=2.5)
    assert (found, str(found)) == (shown, words)


def test_nothing_is_known_before_the_first_scan() -> None:
    """Neither a level nor since when."""
    never = standing(None, at=datetime(2026, 1, 1, tzinfo=UTC), interval=HOUR, stale_after_intervals=2.5)
    assert never == Standing(certainty="never_scanned")
