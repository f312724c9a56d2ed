"""The level-change protocol: when the published level moves, and what is told."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.decision import MAX_HELD, decide
from eks_readiness.domain.event import LevelEvent
from eks_readiness.domain.expiry import expiring
from eks_readiness.domain.ledger import ClusterState, LedgerWrite
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Level
from tests.scans import CLUSTER, START, request, scorecard, slot, write

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)

LEVELS: st.SearchStrategy[Level] = st.sampled_from([0, 1, 2, 3])
INTERVALS = st.tuples(LEVELS, LEVELS).map(lambda pair: (min(pair), max(pair)))


def play(*intervals: tuple[Level, Level], policy: Policy | None = None) -> tuple[ClusterState, list[LevelEvent]]:
    """The state and the events after scans with these intervals."""
    state: ClusterState | None = None
    events: list[LevelEvent] = []
    for number, (lowest, highest) in enumerate(intervals):
        scan = write(state, number, lowest, highest, policy=policy)
        state = scan.state
        events += [scan.event] if scan.event else []
    assert state is not None
    return state, events


def test_the_first_scan_is_the_baseline() -> None:
    """It publishes what is proven, says what is missing, and names the interval."""
    state, (event,) = play((1, 3))
    assert (state.level, event.kind, event.from_level, event.to_level) == (1, "BASELINE", None, 1)
    assert (event.interval.lowest, event.interval.highest) == (1, 3)
    assert state.partial


def test_a_proven_fall_is_published_at_once() -> None:
    """One scan is enough, and the items that fell are named."""
    state, events = play((2, 2), (0, 0))
    assert [event.kind for event in events] == ["BASELINE", "REGRESSED"]
    assert (events[1].from_level, events[1].to_level) == (2, 0)
    moved = {str(each.item): (each.before, each.after) for each in events[1].changes}
    assert moved["vpc-networking"] == ("satisfied", "missing")
    assert events[1].from_since == slot(0) + timedelta(seconds=30)
    assert state.level == 0


def test_what_could_not_be_seen_is_no_fall() -> None:
    """A permission that was lost moves nothing: the level stays, marked partial."""
    state, events = play((2, 2), (0, 2), (0, 3))
    assert len(events) == 1
    assert state.level == 2
    assert state.partial
    assert state.proven_at == slot(0) + timedelta(seconds=30)


def test_a_fall_among_unknowns_is_published_as_far_as_it_is_proven() -> None:
    """The highest possible level is what the cluster fell to for sure."""
    state, events = play((3, 3), (0, 1))
    assert (events[1].kind, events[1].to_level) == ("REGRESSED", 1)
    assert state.level == 1


def test_a_rise_needs_two_scans_in_a_row() -> None:
    """One good scan between bad ones announces nothing."""
    _, events = play((0, 0), (2, 2), (0, 0), (2, 2))
    assert [event.kind for event in events] == ["BASELINE"]
    state, events = play((0, 0), (2, 2), (2, 2))
    assert [event.kind for event in events] == ["BASELINE", "IMPROVED"]
    assert state.level == 2


def test_a_rise_goes_as_far_as_both_scans_prove() -> None:
    """Three, then two: two is what both proved."""
    state, _ = play((0, 0), (3, 3), (2, 2))
    assert state.level == 2


def test_the_number_of_scans_is_the_policys() -> None:
    """One scan is enough where the policy says so."""
    state, _ = play((0, 0), (2, 2), policy=Policy(improve_after_scans=1))
    assert state.level == 2


@given(st.lists(INTERVALS, min_size=1, max_size=8))
def test_the_published_level_is_always_explained(intervals: list[tuple[Level, Level]]) -> None:
    """Events chain without a gap from the baseline to the published level; a level moves only as its scan proves."""
    state, events = play(*intervals)
    assert [event.from_level for event in events] == [None, *[event.to_level for event in events[:-1]]]
    assert events[-1].to_level == state.told_level
    for event in events[1:]:
        assert event.from_level is not None
        if event.kind == "REGRESSED":
            assert event.interval.highest == event.to_level < event.from_level
        elif event.kind == "IMPROVED":
            assert event.interval.lowest >= event.to_level > event.from_level
    assert state.version == len(intervals)
    assert len({event.event_id for event in events}) == len(events)


@given(st.lists(INTERVALS, min_size=1, max_size=6), st.sampled_from([0, 1, 2, 3]))
def test_unknowns_alone_never_alert(intervals: list[tuple[Level, Level]], level: Level) -> None:
    """However the interval widens around the published level, nothing is told."""
    around = [(min(low, level), max(high, level)) for low, high in intervals]
    _, events = play((level, level), *around)
    assert len(events) == 1


def _scan(
    before: ClusterState | None, number: int, lowest: Level, highest: Level | None = None, **changes: Any
) -> LedgerWrite:
    card = msgspec.structs.replace(scorecard(lowest, highest, number=number), **changes)
    return decide(before, card, request(number), Policy(), {})


def test_new_rules_are_told_in_a_digest() -> None:
    """A fall that new rules brought is held back for the digest of the fleet; the next one is the cluster's own."""
    first = _scan(None, 0, 2)
    moved = _scan(first.state, 1, 1, ruleset="fedcba987654")
    assert moved.event is not None
    assert (moved.event.kind, moved.event.held, moved.event.from_level, moved.event.to_level) == (
        "RULESET_CHANGED",
        True,
        2,
        1,
    )
    own = _scan(moved.state, 2, 0, ruleset="fedcba987654")
    assert own.event is not None
    assert (own.event.kind, own.event.held, own.event.from_level) == ("REGRESSED", False, 1)


def test_a_rise_under_new_rules_is_one_of_the_rules() -> None:
    """It takes two scans like any other; the first did not uphold the old level under the new rules."""
    state = _scan(None, 0, 1).state
    for number in (1, 2):
        scan = _scan(state, number, 2, ruleset="fedcba987654")
        state = scan.state
    assert scan.event is not None
    assert (scan.event.kind, scan.event.from_level, scan.event.to_level) == ("RULESET_CHANGED", 1, 2)


def test_rules_that_move_nothing_are_not_told() -> None:
    """And what moves later is the cluster's own."""
    state = _scan(None, 0, 2).state
    same = _scan(state, 1, 2, ruleset="fedcba987654")
    assert same.event is None
    fall = _scan(same.state, 2, 0, ruleset="fedcba987654")
    assert fall.event is not None
    assert fall.event.kind == "REGRESSED"


def _flapping(count: int) -> tuple[ClusterState, list[LevelEvent]]:
    """Falls at every second scan; Policy() lets one good scan not rise, so good ones come in pairs."""
    state, events = _scan(None, 0, 2).state, []
    number = 0
    for _ in range(count):
        for lowest in (0, 2, 2):
            number += 1
            scan = _scan(state, number, lowest)
            state = scan.state
            events += [scan.event] if scan.event else []
    return state, events


def test_a_cluster_that_flaps_is_told_three_times_and_once_more() -> None:
    """Three moves of a day one by one, the fourth with the word that it is unstable, the rest together."""
    state, events = _flapping(5)
    assert [each.kind for each in events] == ["REGRESSED", "IMPROVED", "REGRESSED", "UNSTABLE"]
    assert (events[-1].from_level, events[-1].to_level, events[-1].moves_total) == (0, 2, 1)
    assert state.held_total == 6
    assert len(state.held) == 6
    # A day later the moves that were held back are told together, also when nothing moves any more.
    later = _scan(state, 40, 2)
    assert later.event is not None
    assert (later.event.kind, later.event.moves_total, later.event.to_level) == ("UNSTABLE", 6, 2)
    assert (later.state.held_total, later.state.damped) == (0, False)


def test_every_move_is_told_or_held() -> None:
    """What was told and what is held back make one chain without a gap."""
    state, events = _flapping(7)
    told: Level = 2
    for event in events:
        assert event.from_level == told
        told = event.to_level
    assert state.told_level == told
    assert state.held[0].slot > events[-1].slot
    assert state.held_total == len(state.held) or len(state.held) == MAX_HELD


def test_coverage_is_lost_once_and_comes_back_with_the_next_proof() -> None:
    """Time alone tells that a level is unknown; the level itself stays. A partial scan proves nothing."""
    first = _scan(None, 0, 2)
    at = first.state.observed_at + timedelta(hours=2, minutes=30)
    assert lose_coverage(first.state, at=at, interval=HOUR, stale_after_intervals=2.5) is None
    lost = lose_coverage(first.state, at=at + SECOND, interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    assert lost.event is not None
    assert (lost.event.kind, lost.event.to_level, lost.scan, lost.state.level) == ("COVERAGE_LOST", 2, None, 2)
    assert lose_coverage(lost.state, at=at + DAY, interval=HOUR, stale_after_intervals=2.5) is None
    blind = _scan(lost.state, 4, 0, 3)
    assert blind.event is None
    back = _scan(blind.state, 5, 2)
    assert back.event is not None
    assert (back.event.kind, back.event.coverage_lost_at) == ("COVERAGE_RESTORED", at + SECOND)
    assert back.state.coverage_lost_at is None


def test_a_fall_after_lost_coverage_says_both() -> None:
    """One event: the level fell, and proof is back."""
    first = _scan(None, 0, 2)
    lost = lose_coverage(first.state, at=first.state.observed_at + DAY, interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    fall = _scan(lost.state, 30, 0)
    assert fall.event is not None
    assert (fall.event.kind, fall.event.coverage_lost_at) == ("REGRESSED", lost.state.coverage_lost_at)
    assert fall.state.coverage_lost_at is None


def test_a_cluster_made_anew_starts_with_a_baseline() -> None:
    """Same name, same ARN, another cluster: its level is no move of the one before. Versions go on."""
    old = _scan(None, 0, 3, cluster_created_at=START - 30 * DAY)
    new = _scan(old.state, 1, 0, cluster_created_at=START)
    assert new.event is not None
    assert (new.event.kind, new.event.from_level, new.event.to_level, new.state.version) == ("BASELINE", None, 0, 2)
    assert new.expected_version == 1
    blind = _scan(new.state, 2, 0, 3)
    assert blind.state.created_at == START


def test_what_was_held_back_of_the_cluster_before_is_told_with_the_baseline() -> None:
    """Its moves happened, whatever bears the name now."""
    old, _ = _flapping(5)
    old = msgspec.structs.replace(old, created_at=START - 30 * DAY)
    new = _scan(old, 20, 0, cluster_created_at=START)
    assert new.event is not None
    assert (new.event.kind, new.event.moves, new.event.moves_total) == ("BASELINE", old.held, old.held_total)
    assert new.event.moves_total == 6
    assert (new.state.held, new.state.held_total, new.state.recent) == ((), 0, ())


@given(st.lists(INTERVALS, min_size=1, max_size=40), st.integers(1, 12))
def test_no_move_is_lost(intervals: list[tuple[Level, Level]], hours: int) -> None:
    """Whatever the scans see: told levels form one chain; each move is told by itself, in an event's moves, or held."""
    state, events, moves = None, [], []
    for number, (lowest, highest) in enumerate(intervals):
        scan = _scan(state, number * hours, lowest, highest)
        if state is not None and scan.state.level != state.level:
            moves.append((state.level, scan.state.level))
        state = scan.state
        events += [scan.event] if scan.event else []
    assert state is not None
    told: list[tuple[Level, Level]] = []
    for before, event in pairwise(events):
        assert event.from_level == before.to_level
        if event.moves_total:
            assert len(event.moves) == min(event.moves_total, MAX_HELD)
            told += [(each.from_level, each.to_level) for each in event.moves]
        elif event.kind in ("REGRESSED", "IMPROVED"):
            told.append((before.to_level, event.to_level))
    assert told + [(each.from_level, each.to_level) for each in state.held] == moves


def test_what_ends_soon_is_announced_unless_it_is_renewed() -> None:
    """Fourteen days before; a statement about every cluster takes the place of one about this one."""
    ending = Attestation(subject="runbooks", owner="sre", issued_at=START - DAY, expires_at=START + 3 * DAY)
    renewed = msgspec.structs.replace(ending, subject="dr-plan", cluster=CLUSTER.arn)
    newer = msgspec.structs.replace(renewed, cluster="*", issued_at=START, expires_at=START + 90 * DAY)
    denied = msgspec.structs.replace(ending, subject="alerting", holds=False)
    late = msgspec.structs.replace(ending, subject="dashboards", expires_at=START + 15 * DAY)
    waiver = Waiver(
        check="storage.volumes-encrypted",
        cluster=CLUSTER.arn,
        owner="security",
        reason="migration",
        issued_at=START - DAY,
        expires_at=START + DAY,
    )
    events = expiring([ending, renewed, newer, denied, late], [waiver], at=START, notice=14 * DAY)
    assert [(each.subject, each.cluster) for each in events] == [
        ("storage.volumes-encrypted", CLUSTER),
        ("runbooks", None),
    ]
