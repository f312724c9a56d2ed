"""The level-change protocol: when the published level moves, and what is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.domain.ledger import ClusterState, LevelEvent, ScanRequest, settled
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Level
from tests.scans import CLUSTER, START, request, slot, write

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
    assert events[-1].to_level == state.level
    for event in events[1:]:
        assert event.from_level is not None
        if event.kind == "REGRESSED":
            assert event.interval.highest == event.to_level < event.from_level
        else:
            assert event.interval.lowest >= event.to_level > event.from_level
    assert state.version == len(intervals)
    assert len({event.event_id for event in events}) == len(events)


@given(st.lists(INTERVALS, min_size=1, max_size=6), st.sampled_from([0, 1, 2, 3]))
def test_unknowns_alone_never_alert(intervals: list[tuple[Level, Level]], level: Level) -> None:
    """However the interval widens around the published level, nothing is told."""
    around = [(min(low, level), max(high, level)) for low, high in intervals]
    _, events = play((level, level), *around)
    assert len(events) == 1


def test_the_same_scan_decides_the_same() -> None:
    """Ids are derived: a redelivered request writes what the first one wrote, or nothing."""
    first, again = write(None, 0, 2), write(None, 0, 2)
    assert first == again
    assert settled(first.state, request(0)) == "already_written"
    assert settled(first.state, request(-1)) == "superseded"
    assert settled(first.state, request(1)) is None
    assert settled(None, request(0)) is None


def test_one_slot_has_one_spelling() -> None:
    """The same instant in another zone is the same run; parts of a second are refused."""
    elsewhere = ScanRequest(cluster_arn=CLUSTER.arn, slot=START.astimezone(), trigger="request")
    assert elsewhere.run_id == request(0).run_id
    with pytest.raises(ValueError, match="whole seconds"):
        ScanRequest(cluster_arn=CLUSTER.arn, slot=START.replace(microsecond=1), trigger="request")
