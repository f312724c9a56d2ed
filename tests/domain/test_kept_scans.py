"""Which scans are kept, and that the history tells of every other one, too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.adapters.memory import MemoryClusterRegistry, memory_ledger
from eks_readiness.app.query_results import newest_scan, scan_history
from eks_readiness.domain.attestation import Waiver
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.decision import KEPT_FOR, decide
from eks_readiness.domain.errors import UnavailableReason
from eks_readiness.domain.finding import CheckId, Finding
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.ledger import ClusterState, KeptScan, LedgerWrite, ScanRequest, spans
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Level, Scorecard, digest
from tests.scans import CLUSTER, REGISTRATION, START, request, scorecard, slot, write

HOUR = timedelta(hours=1)
DENIED: UnavailableReason = "denied"
WAIVER = Waiver(
    check="storage.encrypted", cluster="*", owner="security", reason="soon", issued_at=START, expires_at=START + HOUR
)
FINDING = Finding(
    check=CheckId("storage.encrypted"),
    item=ItemId("storage"),
    required=True,
    outcome="fail",
    reason="2 of 3 volumes are not encrypted",
    offenders=("vol-1", "vol-2"),
    offenders_total=2,
)


def _card(finding: Finding = FINDING, number: int = 0, **changes: Any) -> Scorecard:
    return msgspec.structs.replace(scorecard(1, number=number), findings=(finding,), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "1 of 3 volumes are not encrypted"},
        {"offenders": ("vol-1", "vol-3")},
        {"offenders_total": 3},
        {"required": False},
        {"outcome": "pass"},
        {"outcome": "unknown", "unknown_reason": DENIED},
        {"waiver": WAIVER},
        {"attested_by": "sre"},
        {"remedy": "encrypt them"},
    ],
)
def test_whatever_a_reader_would_see_is_new(changes: dict[str, Any]) -> None:
    """Of what fails, every word and number."""
    assert digest(_card(msgspec.structs.replace(FINDING, **changes))) != digest(_card())


@pytest.mark.parametrize(
    "changes", [{"ruleset": "fedcba987654"}, {"score_percent": 51.0}, {"cluster_created_at": START}]
)
def test_other_rules_and_another_cluster_are_new(changes: dict[str, Any]) -> None:
    """Also where they judge the same."""
    assert digest(_card(**changes)) != digest(_card())


@pytest.mark.parametrize("outcome", ["pass", "not_applicable"])
def test_ages_of_what_passes_are_not_new(outcome: str) -> None:
    """They move with every scan; another word is new there, too, and so are numbers of what is unknown."""
    told = [
        _card(msgspec.structs.replace(FINDING, outcome=outcome, offenders=(), offenders_total=0, reason=reason), number)
        for number, reason in enumerate(("the oldest is 9 h old", "the oldest is 10 h old", "the oldest is 10 d old"))
    ]
    assert digest(told[0]) == digest(told[1]) != digest(told[2])
    unknown = [
        _card(msgspec.structs.replace(FINDING, outcome="unknown", unknown_reason="timeout", reason=f"after {number} s"))
        for number in (9, 10)
    ]
    assert digest(unknown[0]) != digest(unknown[1])


def test_a_scan_that_finds_the_same_confirms_the_kept_one() -> None:
    """It counts, and has no record; the state's own fields are the newest scan's."""
    first = write(None, 0, 2)
    second = write(first.state, 1, 2)
    third = write(second.state, 3, 2)
    assert first.record == first.scan
    assert (second.record, third.record) == (None, None)
    assert first.state.kept == KeptScan(scan_id=first.state.scan_id, slot=slot(0), digest=digest(scorecard(2)))
    assert third.state.kept == msgspec.structs.replace(first.state.kept, confirmed=2)
    assert (third.state.slot, third.state.scan_id) == (slot(3), str(request(3).run_id))
    assert third.state.observed_at == scorecard(2, number=3).observed_at


def test_a_scan_that_tells_or_moves_something_is_kept() -> None:
    """Whoever follows an event's scan id finds that scan, though the one before found the same."""
    low = write(None, 0, 1)
    seen = write(low.state, 1, 3)
    rise = write(seen.state, 2, 3)
    assert rise.event is not None
    assert rise.record == rise.scan
    held = msgspec.structs.replace(seen.state, damped=True, recent=(slot(-1),) * 6)
    moved = write(held, 2, 3)
    assert (moved.state.level, moved.event) == (3, None)
    assert moved.record == moved.scan
    anew = decide(
        msgspec.structs.replace(low.state, created_at=START - HOUR),
        _card(number=1, cluster_created_at=START),
        request(1),
        Policy(),
        {},
    )
    assert anew.record == anew.scan


@pytest.mark.parametrize(("hours", "kept"), [(KEPT_FOR / HOUR - 1, False), (KEPT_FOR / HOUR, True)])
def test_a_record_is_made_anew_twice_a_day(hours: float, kept: bool) -> None:
    """So that retention, which is a day at least, never takes the only one."""
    first = write(None, 0, 2)
    later = write(write(first.state, 1, 2).state, int(hours), 2)
    assert (later.record is not None) is kept
    assert timedelta(days=1) >= KEPT_FOR * 2


def test_a_state_of_a_version_that_kept_every_scan() -> None:
    """Its next scan is kept."""
    before = msgspec.structs.replace(write(None, 0, 2).state, kept=None)
    assert before.confirmation is None
    after = write(before, 1, 2)
    assert after.record == after.scan


def test_a_confirmation_counts_for_the_scan_that_it_names() -> None:
    """State and records are read one after the other, and records expire: what does not match says nothing."""
    first = write(None, 0, 2)
    second = write(first.state, 1, 2)
    other = write(None, 5, 1)
    assert first.scan is not None
    assert other.scan is not None
    assert spans(second.state, []) == ()
    (alone,) = spans(second.state, [other.scan])
    assert (alone.confirmed, alone.scans, alone.newest_slot) == (None, 1, slot(5))
    (without,) = spans(None, [first.scan])
    assert without.confirmed is None
    (matching,) = spans(second.state, [first.scan])
    assert (matching.scans, matching.newest_slot) == (2, slot(1))


def test_a_state_that_was_restored_alone_goes_on() -> None:
    """Its next scan confirms a record that is not the newest: that one is shown, and the other stays as it was."""
    ledger = memory_ledger()
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    ledger.results.commit(first, at=START)
    ledger.results.commit(write(first.state, 1, 1), at=START)
    assert isinstance(ledger.registry, MemoryClusterRegistry)
    ledger.registry.states[CLUSTER.arn] = first.state
    again = write(first.state, 2, 2)
    assert ledger.results.commit(again, at=START) == "written"
    newest = newest_scan(CLUSTER, again.state, ledger)
    assert newest is not None
    assert newest.scorecard == scorecard(2, number=2)
    history = scan_history(CLUSTER, ledger, limit=5)
    assert [(each.scan.slot, each.newest_slot) for each in history] == [(slot(1), slot(1)), (slot(0), slot(2))]


_STEPS = st.lists(
    st.tuples(st.sampled_from((1, 1, 1, 2, 7, 13)), st.sampled_from((0, 1, 1, 1, 2, 3)), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(_STEPS)
def test_the_history_tells_of_every_scan(steps: list[tuple[int, Level, bool]]) -> None:
    """Whatever comes after whatever: each applied scan is in one span, whose scorecard says what it found."""
    ledger = memory_ledger()
    ledger.registry.register(REGISTRATION)
    number, applied = 0, list[LedgerWrite]()
    for hours, level, twice in steps:
        number += hours
        state: ClusterState | None = ledger.results.state(CLUSTER.arn)
        done = write(state, number, level)
        assert ledger.results.commit(done, at=START) == "written"
        if twice:
            assert ledger.results.commit(done, at=START) == "already_written"
        applied.append(done)
        newest = newest_scan(CLUSTER, done.state, ledger)
        assert newest is not None
        assert newest.scorecard == scorecard(level, number=number)
        assert slot(number) - newest.scan.slot < KEPT_FOR
    found = scan_history(CLUSTER, ledger, limit=100)
    assert sum(each.scans for each in found) == len(applied)
    records = {each.scan.scan_id for each in found}
    left = list(applied)
    for span in reversed(found):
        for _ in range(span.scans):
            one = left.pop(0)
            assert one.scan is not None
            assert span.scan.slot <= one.scan.slot <= span.newest_slot
            assert digest(one.scan.scorecard) == digest(span.scorecard)
            assert one.event is None or one.event.scan_id in records
    assert left == []


def test_a_request_by_hand_confirms_like_any_other() -> None:
    """It is the slot that orders scans, not who asked."""
    first = write(None, 0, 2)
    asked = ScanRequest(cluster_arn=CLUSTER.arn, slot=slot(1), trigger="request")
    done = decide(first.state, scorecard(2, number=1), asked, Policy(), {})
    assert done.record is None


def _write(before: ClusterState | None, number: int, card: Scorecard) -> LedgerWrite:
    return decide(before, card, request(number), Policy(), {})


def test_a_scan_that_finds_something_new_is_kept_though_nothing_moved() -> None:
    """And says what had confirmed the one before."""
    first = _write(None, 0, _card())
    same = _write(first.state, 1, _card(number=1))
    assert same.scan is not None
    assert same.state.kept is not None
    assert (same.state.kept.slot, same.state.kept.confirmed) == (slot(0), 1)
    other = _write(same.state, 2, _card(msgspec.structs.replace(FINDING, offenders_total=3), 2))
    assert other.event is None
    assert other.state.kept is not None
    assert (other.state.kept.slot, other.state.kept.confirmed) == (slot(2), 0)
    assert other.scan is not None
    assert other.scan.confirmed_before is not None
    assert (other.scan.confirmed_before.slot, other.scan.confirmed_before.scans) == (slot(1), 1)


def test_a_scan_with_something_to_tell_is_kept_though_it_finds_the_same() -> None:
    """What an event was told for can be read."""
    first = _write(None, 0, _card())
    lost = lose_coverage(first.state, at=START + 3 * HOUR, interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    back = _write(lost.state, 4, _card(number=4))
    assert back.event is not None
    assert back.event.kind == "COVERAGE_RESTORED"
    assert back.state.kept is not None
    assert back.state.kept.slot == slot(4)
    assert first.state.kept is not None
    assert back.state.kept.digest == first.state.kept.digest
