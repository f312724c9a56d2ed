"""One contract for the ledger, on every store."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from eks_readiness.adapters.dynamo_items import STATE, state_item
from eks_readiness.adapters.memory import SetClock
from eks_readiness.app.query_results import newest_scan, scan_history
from eks_readiness.app.register_cluster import remove_cluster
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.decision import decide, removal
from eks_readiness.domain.errors import StaleWrite
from eks_readiness.domain.event import MAX_DIGEST_MEMBERS, DigestEvent, LevelEvent, OutboxKey, digest_of
from eks_readiness.domain.expiry import expiring
from eks_readiness.domain.ledger import ClusterState, LedgerWrite, Registration, RemovalOutcome, WriteOutcome
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Level
from eks_readiness.ports import Ledger
from tests.contracts.conftest import OnAws
from tests.scans import CLUSTER, REGISTRATION, START, large_write, request, scorecard, slot, write

HOUR = timedelta(hours=1)
OTHER = msgspec.structs.replace(CLUSTER, name="other")


@pytest.fixture
def registered(ledger: Ledger) -> Ledger:
    """A ledger with one registered cluster."""
    ledger.registry.register(REGISTRATION)
    return ledger


def _commit(ledger: Ledger, scan: LedgerWrite) -> WriteOutcome:
    return ledger.results.commit(scan, at=START)


def test_registrations_come_and_go(ledger: Ledger) -> None:
    """The register answers what it was told, and forgets what was removed."""
    assert ledger.registry.registration(CLUSTER.arn) is None
    ledger.registry.register(REGISTRATION)
    changed = msgspec.structs.replace(REGISTRATION, policy={"min_zones": 3})
    ledger.registry.register(changed)
    assert ledger.registry.registration(CLUSTER.arn) == changed
    assert list(ledger.registry.registered()) == [changed]
    assert ledger.registry.remove(CLUSTER, write=None, at=START) == "removed"
    assert ledger.registry.remove(CLUSTER, write=None, at=START) == "unregistered"
    assert list(ledger.registry.registered()) == []
    assert list(ledger.outbox.pending()) == []
    ledger.registry.register(REGISTRATION)
    assert ledger.registry.remove(CLUSTER, write=None, at=START) == "removed"
    assert ledger.registry.registration(CLUSTER.arn) is None


def test_the_register_goes_on_after_a_cluster(ledger: Ledger) -> None:
    """In its own order, whatever that is; also after one that was removed meanwhile."""
    clusters = [msgspec.structs.replace(CLUSTER, name=f"c{number}") for number in range(30)]
    for each in clusters:
        ledger.registry.register(Registration(cluster=each, registered_at=START))
    everyone = [each.cluster for each in ledger.registry.registered()]
    assert sorted(each.arn for each in everyone) == sorted(each.arn for each in clusters)
    for number in (0, 1, 13, 28, 29):
        assert [each.cluster for each in ledger.registry.registered(after=everyone[number].arn)] == everyone[
            number + 1 :
        ]
    ledger.registry.remove(everyone[13], write=None, at=START)
    assert [each.cluster for each in ledger.registry.registered(after=everyone[13].arn)] == everyone[14:]


def test_a_scan_is_written_whole(registered: Ledger) -> None:
    """State, scan and event are there together."""
    first = write(None, 0, 2)
    assert _commit(registered, first) == "written"
    assert registered.results.state(CLUSTER.arn) == first.state
    assert registered.results.newest_scan(CLUSTER.arn) == first.scan
    assert list(registered.results.states()) == [first.state]
    assert first.event is not None
    assert [each.key for each in registered.outbox.pending()] == [first.event.key]


def test_a_cluster_that_is_not_registered_gets_nothing(ledger: Ledger) -> None:
    """A scan that was on its way when the cluster was removed leaves no trace."""
    assert _commit(ledger, write(None, 0, 2)) == "unregistered"
    assert ledger.results.state(CLUSTER.arn) is None
    assert ledger.results.newest_scan(CLUSTER.arn) is None
    assert list(ledger.outbox.pending()) == []


def test_the_same_scan_twice_is_one_scan(registered: Ledger) -> None:
    """A redelivered message, or a lost answer, tells nothing a second time."""
    first = write(None, 0, 2)
    assert _commit(registered, first) == "written"
    assert _commit(registered, first) in ("already_written", "written")
    assert len(registered.results.scans(CLUSTER.arn, limit=10)) == 1
    assert len(list(registered.outbox.pending())) == 1


def test_a_late_scan_changes_nothing(registered: Ledger) -> None:
    """An older slot that arrives after a newer one is superseded, also when its version would fit."""
    newer = write(None, 2, 2)
    assert _commit(registered, newer) == "written"
    assert _commit(registered, write(None, 1, 0)) == "superseded"
    late = write(newer.state, 1, 0)
    assert _commit(registered, late) == "superseded"
    assert registered.results.state(CLUSTER.arn) == newer.state
    assert len(list(registered.outbox.pending())) == 1


def test_a_decision_on_an_old_state_is_a_lost_race(registered: Ledger) -> None:
    """Nothing of it is written: neither scan nor event."""
    first = write(None, 0, 2)
    _commit(registered, first)
    second = write(first.state, 1, 2)
    _commit(registered, second)
    stale = write(first.state, 3, 0)
    assert stale.event is not None
    assert _commit(registered, stale) == "lost_race"
    assert registered.results.state(CLUSTER.arn) == second.state
    assert _history(registered) == [(0, 1, 2)]
    assert len(list(registered.outbox.pending())) == 1


def test_of_two_scans_at_once_one_wins(registered: Ledger) -> None:
    """Both decided on the same state: the version lets one through."""
    first = write(None, 0, 2)
    _commit(registered, first)
    for number in range(1, 8):
        before = registered.results.state(CLUSTER.arn)
        rivals = [write(before, number, 0), write(before, number + 100, 1)]
        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(lambda scan: _commit(registered, scan), rivals))
        assert outcomes in (["lost_race", "written"], ["superseded", "written"])
        state = registered.results.state(CLUSTER.arn)
        assert state is not None
        assert state.version == number + 1
        if state.slot > slot(50):
            return


def test_many_writers_make_one_chain(registered: Ledger) -> None:
    """Whoever loses decides anew: every version was written once, and what was told follows from what was told."""
    first = write(None, 0, 2)
    _commit(registered, first)

    def scan(number: int) -> WriteOutcome:
        while True:
            before = registered.results.state(CLUSTER.arn)
            assert before is not None
            if before.slot >= slot(number):
                return "superseded"
            outcome = _commit(registered, write(before, number, 0 if number % 2 else 1))
            if outcome != "lost_race":
                return outcome

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(scan, range(1, 13)))
    assert set(outcomes) <= {"written", "superseded", "already_written"}
    state = registered.results.state(CLUSTER.arn)
    assert state is not None
    history = scan_history(CLUSTER, registered, limit=50)
    assert state.version == 1 + outcomes.count("written") == sum(each.scans for each in history)
    assert state.slot == slot(12)
    events = [registered.outbox.claim(each.key, until=START, at=START) for each in registered.outbox.pending()]
    told = sorted((each for each in events if isinstance(each, LevelEvent)), key=lambda event: event.version)
    assert [each.from_level for each in told] == [None, *(each.to_level for each in told[:-1])]


def test_a_large_scan_comes_back_whole(registered: Ledger) -> None:
    """Wherever its details are kept."""
    large = large_write(None, 0, 1)
    assert _commit(registered, large) == "written"
    assert registered.results.newest_scan(CLUSTER.arn) == large.scan
    assert list(registered.results.scans(CLUSTER.arn, limit=2)) == [large.scan]
    (brief,) = registered.results.scans(CLUSTER.arn, limit=2, details=False)
    assert (brief.count("fail"), brief.count("unknown")) == (135, 15)


def test_history_is_newest_first(registered: Ledger) -> None:
    """As many as were asked for."""
    state = None
    for number in range(4):
        scan = write(state, number, 1 if number % 2 else 2)
        _commit(registered, scan)
        state = scan.state
    assert [each.slot for each in registered.results.scans(CLUSTER.arn, limit=3)] == [slot(3), slot(2), slot(1)]


def test_a_scan_that_finds_nothing_new_has_no_record(registered: Ledger) -> None:
    """The state says until when the kept one was confirmed, and its successor keeps that."""
    writes = [write(None, 0, 2)]
    for number in (1, 2, 5):
        writes.append(write(writes[-1].state, number, 2))
    assert [_commit(registered, each) for each in writes] == ["written"] * 4
    assert _history(registered) == [(0, 5, 4)]
    state = registered.results.state(CLUSTER.arn)
    assert state == writes[-1].state
    newest = newest_scan(CLUSTER, state, registered)
    assert newest is not None
    assert newest.scorecard == scorecard(2, number=5)
    fallen = write(state, 6, 1)
    assert _commit(registered, fallen) == "written"
    assert _commit(registered, write(fallen.state, 7, 1)) == "written"
    assert _history(registered) == [(6, 7, 2), (0, 5, 4)]


def test_a_confirmation_twice_is_one(registered: Ledger) -> None:
    """What was delivered twice, comes late, or was decided on an old state is told apart without a record of it."""
    first = write(None, 0, 2)
    _commit(registered, first)
    second = write(first.state, 2, 2)
    assert second.record is None
    assert _commit(registered, second) == "written"
    assert _commit(registered, second) in ("already_written", "written")
    assert _commit(registered, write(second.state, 2, 2)) == "already_written"
    assert _commit(registered, write(second.state, 1, 2)) == "superseded"
    assert _commit(registered, write(first.state, 1, 2)) == "superseded"
    assert _commit(registered, write(first.state, 3, 2)) == "lost_race"
    assert registered.results.state(CLUSTER.arn) == second.state
    assert _history(registered) == [(0, 2, 2)]


def test_of_two_confirmations_at_once_one_wins(registered: Ledger) -> None:
    """The same run, delivered to two scanners that saw the same."""
    first = write(None, 0, 2)
    _commit(registered, first)
    before = first.state
    for number in range(1, 6):
        rivals = [write(before, number, 2), write(before, number, 2)]
        with ThreadPoolExecutor(2) as pool:
            outcomes = set(pool.map(lambda scan: _commit(registered, scan), rivals))
        assert "written" in outcomes
        assert outcomes <= {"written", "already_written"}
        before = rivals[0].state
        assert registered.results.state(CLUSTER.arn) == before
    assert _history(registered) == [(0, 5, 6)]


def test_a_cluster_that_is_gone_is_not_confirmed(registered: Ledger) -> None:
    """Nor does time count as a scan: what was confirmed stays so until the next one."""
    first = write(None, 0, 2)
    _commit(registered, first)
    second = write(first.state, 1, 2)
    _commit(registered, second)
    lost = lose_coverage(second.state, at=START + timedelta(days=1), interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    assert registered.results.commit(lost, at=START) == "written"
    assert _history(registered) == [(0, 1, 2)]
    assert registered.registry.remove(CLUSTER, write=removal(lost.state), at=START) == "removed"
    assert _commit(registered, write(lost.state, 2, 2)) == "unregistered"
    assert _history(registered) == [(0, 1, 2)]


def _history(ledger: Ledger) -> list[tuple[int, int, int]]:
    """What was found, newest first: by the scan of which hour first and last, and by how many."""
    return [
        (round((each.scan.slot - START) / HOUR), round((each.newest_slot - START) / HOUR), each.scans)
        for each in scan_history(CLUSTER, ledger, limit=100)
    ]


def test_an_event_is_claimed_by_one(registered: Ledger) -> None:
    """A lease keeps others off until it is over; a told event is claimed by nobody."""
    first = write(None, 0, 2)
    _commit(registered, first)
    assert first.event is not None
    key, lease = first.event.key, timedelta(minutes=2)
    assert registered.outbox.claim(key, until=START + lease, at=START) == first.event
    assert registered.outbox.claim(key, until=START + lease, at=START + timedelta(minutes=1)) is None
    later = START + timedelta(minutes=3)
    assert registered.outbox.claim(key, until=later + lease, at=later) == first.event
    registered.outbox.sent(key, message_id="m-1", at=later)
    registered.outbox.sent(key, message_id="m-2", at=later)
    assert list(registered.outbox.pending()) == []
    assert registered.outbox.claim(key, until=later + 9 * lease, at=later + 8 * lease) is None


def test_of_many_claims_one_wins(registered: Ledger) -> None:
    """Relay and sweeper at once, and again when the lease is over."""
    first = write(None, 0, 2)
    _commit(registered, first)
    key, lease = _event(first).key, timedelta(minutes=2)
    for round_ in range(3):
        at = START + round_ * 2 * lease

        def claim(_number: int, at: datetime = at) -> bool:
            return registered.outbox.claim(key, until=at + lease, at=at) is not None

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(claim, range(6))) == 1


def test_who_was_late_tells_again_or_not_at_all(registered: Ledger) -> None:
    """A lease ran out while its holder published: the mark and the second claim meet, and the event ends as told."""
    first = write(None, 0, 2)
    _commit(registered, first)
    key, lease = _event(first).key, timedelta(minutes=2)
    assert registered.outbox.claim(key, until=START + lease, at=START) is not None
    later = START + 2 * lease
    with ThreadPoolExecutor(2) as pool:
        marked = pool.submit(registered.outbox.sent, key, message_id="m-1", at=later)
        claimed = pool.submit(registered.outbox.claim, key, until=later + lease, at=later)
        marked.result()
        again = claimed.result()
    assert again in (None, first.event)
    registered.outbox.sent(key, message_id="m-2", at=later)
    assert list(registered.outbox.pending()) == []
    assert registered.outbox.claim(key, until=later + 9 * lease, at=later + 8 * lease) is None


def test_of_two_digests_of_the_same_events_one_is_told(ledger: Ledger) -> None:
    """Two sweeps at once: each event is in one digest, also when only one of them is in both."""
    held = [_held(ledger, number) for number in range(3)]
    digests = [
        (digest_of(tuple(held[:2]), at=START), [each.key for each in held[:2]]),
        (digest_of(tuple(held[1:]), at=START), [each.key for each in held[1:]]),
    ]
    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(lambda each: ledger.outbox.bundle(each[0], each[1], at=START), digests))
    assert sorted(won) == [False, True]
    winner, members = digests[won.index(True)]
    left = {each.key for each in held} - {*members}
    assert {each.key for each in ledger.outbox.pending()} == {winner.key, *left}
    assert {each.key for each in ledger.outbox.held([each.key for each in held])} == left


def test_a_digest_takes_as_many_as_a_transaction_can(ledger: Ledger) -> None:
    """98 events and the digest are 99 of the 100 actions that DynamoDB takes at once."""
    statements = [_attestation(EVERY_CLUSTER, f"item-{number}") for number in range(MAX_DIGEST_MEMBERS)]
    events = expiring(statements, (), at=START, notice=timedelta(days=90))
    assert len(events) == MAX_DIGEST_MEMBERS
    for event in events:
        assert ledger.outbox.announce(event, at=START)
    digest = DigestEvent(
        event_id="9b3f2a52-0e3e-5a53-8a52-54c9a0a6f7aa", kind="FLEET_COVERAGE", name="d", created_at=START, members=()
    )
    assert ledger.outbox.bundle(digest, [each.key for each in events], at=START)
    assert [each.key for each in ledger.outbox.pending()] == [digest.key]
    assert ledger.outbox.claim(digest.key, until=START, at=START) == digest


def _held(ledger: Ledger, number: int) -> LevelEvent:
    cluster = msgspec.structs.replace(CLUSTER, name=f"c{number}")
    ledger.registry.register(Registration(cluster=cluster, registered_at=START))
    first = write(None, 0, 2, cluster=cluster)
    event = msgspec.structs.replace(_event(first), kind="COVERAGE_LOST", held=True)
    assert _commit(ledger, msgspec.structs.replace(first, event=event)) == "written"
    return event


def test_an_event_that_does_not_exist_is_nobodys(ledger: Ledger) -> None:
    """A stream record without its row claims nothing and creates nothing."""
    event = write(None, 0, 2).event
    assert event is not None
    assert ledger.outbox.claim(event.key, until=START, at=START) is None
    ledger.outbox.sent(event.key, message_id="m", at=START)
    assert list(ledger.outbox.pending()) == []


def test_time_moves_a_state_without_a_scan(registered: Ledger) -> None:
    """Once: written down again it is a lost race, or found written; the next scan follows it."""
    first = write(None, 0, 2)
    _commit(registered, first)
    lost = lose_coverage(first.state, at=START + timedelta(days=1), interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    assert lost.event is not None
    assert registered.results.commit(lost, at=START) == "written"
    assert registered.results.commit(lost, at=START) in ("written", "already_written", "lost_race")
    assert registered.results.state(CLUSTER.arn) == lost.state
    assert len(registered.results.scans(CLUSTER.arn, limit=10)) == 1
    assert {each.key for each in registered.outbox.pending()} == {_event(first).key, lost.event.key}
    assert _commit(registered, write(lost.state, 1, 2)) == "written"


def test_of_time_and_a_scan_one_wins(registered: Ledger) -> None:
    """Both decided on the same state."""
    first = write(None, 0, 2)
    _commit(registered, first)
    lost = lose_coverage(first.state, at=START + timedelta(days=1), interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    scan = write(first.state, 1, 0)
    assert _commit(registered, scan) == "written"
    assert registered.results.commit(lost, at=START) == "lost_race"
    assert registered.results.state(CLUSTER.arn) == scan.state


def test_a_held_event_is_told_by_a_digest_alone(registered: Ledger) -> None:
    """Nobody claims it; one digest takes it, and is claimed like any event."""
    first = write(None, 0, 2)
    _commit(registered, first)
    moved = decide(
        first.state, msgspec.structs.replace(scorecard(1, number=1), ruleset="new"), request(1), Policy(), {}
    )
    _commit(registered, moved)
    held = _event(moved)
    outbox, lease = registered.outbox, timedelta(minutes=2)
    assert held.key.held
    assert held.key in {each.key for each in outbox.pending()}
    assert outbox.claim(held.key, until=START + lease, at=START) is None
    assert list(outbox.held([held.key, _event(first).key])) == [held]
    digest = digest_of((held,), at=START)
    assert outbox.bundle(digest, [held.key], at=START)
    later = digest_of((held,), at=START + timedelta(seconds=1))
    assert not outbox.bundle(later, [held.key], at=START)
    assert list(outbox.held([held.key])) == []
    assert {each.key for each in outbox.pending()} == {_event(first).key, digest.key}
    assert outbox.claim(digest.key, until=START + lease, at=START) == digest


def test_an_end_is_announced_once(ledger: Ledger) -> None:
    """Also after it was told; another end of the same statement is another one."""
    events = expiring([_attestation(EVERY_CLUSTER, "runbooks")], (), at=START, notice=timedelta(days=90))
    (event,) = events
    assert ledger.outbox.announce(event, at=START)
    assert not ledger.outbox.announce(event, at=START)
    assert ledger.outbox.claim(event.key, until=START + HOUR, at=START) == event
    ledger.outbox.sent(event.key, message_id="m", at=START)
    assert not ledger.outbox.announce(event, at=START)
    later = msgspec.structs.replace(event, expires_at=event.expires_at + HOUR)
    assert ledger.outbox.announce(later, at=START)


def test_a_removal_is_told_with_it(registered: Ledger) -> None:
    """Both or neither; a cluster that comes back goes on at the next version."""
    first = write(None, 0, 2)
    _commit(registered, first)
    removed = removal(first.state)
    assert registered.registry.remove(CLUSTER, write=removed, at=START) == "removed"
    assert registered.results.state(CLUSTER.arn) == removed.state
    assert _keys(registered) == {_event(first).key, _event(removed).key}
    assert registered.registry.remove(CLUSTER, write=removal(removed.state), at=START) == "unregistered"
    assert registered.results.state(CLUSTER.arn) == removed.state
    assert _keys(registered) == {_event(first).key, _event(removed).key}
    registered.registry.register(REGISTRATION)
    again = write(removed.state, 1, 0)
    assert _commit(registered, again) == "written"
    assert _keys(registered) == {_event(first).key, _event(removed).key, _event(again).key}


@pytest.mark.parametrize("restored", [True, False])
def test_a_state_from_a_backup_or_none_goes_on(restored: bool, on_aws: OnAws) -> None:
    """Versions that were there before come again: their events have other names, and all of them are told."""
    ledger = on_aws.ledger()
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    second = write(first.state, 1, 0)
    assert [_commit(ledger, each) for each in (first, second)] == ["written", "written"]
    (state,) = on_aws.rows(STATE)
    if restored:
        on_aws.dynamodb.put_item(TableName=on_aws.table, Item=state_item(first.state))
    else:
        on_aws.dynamodb.delete_item(TableName=on_aws.table, Key={name: state[name] for name in ("pk", "sk")})
    third = write(first.state if restored else None, 2, 1)
    assert _commit(ledger, third) == "written"
    assert _keys(ledger) == {_event(each).key for each in (first, second, third)}
    assert remove_cluster(CLUSTER, ledger=ledger, clock=SetClock(START + 3 * HOUR))


ONE_A_DAY = Policy(max_level_events_per_day=1, improve_after_scans=1)


def _scan(before: ClusterState | None, number: int, level: Level) -> LedgerWrite:
    return write(before, number, level, policy=ONE_A_DAY)


def _holding(ledger: Ledger) -> LedgerWrite:
    """The scans of a registered cluster whose third move is held back; the last of them."""
    done = write(None, 0, 2)
    assert _commit(ledger, done) == "written"
    moves: tuple[tuple[int, Level], ...] = ((1, 0), (2, 2), (3, 0))
    for number, level in moves:
        done = _scan(done.state, number, level)
        assert _commit(ledger, done) == "written"
    assert (done.event, done.state.held_total) == (None, 1)
    return done


def _told(ledger: Ledger) -> list[LevelEvent]:
    """Every event that is pending, in its order."""
    found = [ledger.outbox.claim(key, until=START + HOUR, at=START) for key in sorted(_keys(ledger))]
    return [event for event in found if isinstance(event, LevelEvent)]


def test_what_was_held_back_is_told_by_the_removal_alone(registered: Ledger) -> None:
    """A cluster that comes back, and goes again, does not tell it a second time."""
    held = _holding(registered).state.held
    clock = SetClock(START + 4 * HOUR)
    assert remove_cluster(CLUSTER, ledger=registered, clock=clock)
    assert not remove_cluster(CLUSTER, ledger=registered, clock=clock)
    registered.registry.register(REGISTRATION)
    assert remove_cluster(CLUSTER, ledger=registered, clock=clock)
    registered.registry.register(REGISTRATION)
    before = registered.results.state(CLUSTER.arn)
    assert _commit(registered, _scan(before, 30, 0)) == "written"
    told = _told(registered)
    assert [each.kind for each in told] == ["BASELINE", "REGRESSED", "UNSTABLE", "CLUSTER_REMOVED", "CLUSTER_REMOVED"]
    assert [(each.moves, each.moves_total) for each in told[-2:]] == [(held, 1), ((), 0)]
    assert len({each.event_id for each in told}) == len(told)


class _Overtaken:
    """A register before each of whose removals a scan is committed, as often as there are scans."""

    def __init__(self, ledger: Ledger, levels: Iterator[Level]) -> None:
        self._ledger, self._levels = ledger, levels
        self.outcomes: list[RemovalOutcome] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger.registry, name)

    def remove(self, cluster: ClusterRef, *, write: LedgerWrite | None, at: datetime) -> RemovalOutcome:
        """Let a scan be first."""
        if (level := next(self._levels, None)) is not None:
            before = self._ledger.results.state(cluster.arn)
            number = before.version if before else 0
            assert _commit(self._ledger, _scan(before, number, level)) == "written"
        self.outcomes.append(self._ledger.registry.remove(cluster, write=write, at=at))
        return self.outcomes[-1]


def test_a_removal_that_a_scan_overtakes_tells_that_move_too(registered: Ledger) -> None:
    """Nothing of the lost race is written; what is decided anew has the move that the scan held back."""
    _holding(registered)
    racing = _Overtaken(registered, iter([1]))
    ledger = dataclasses.replace(registered, registry=racing)
    assert remove_cluster(CLUSTER, ledger=ledger, clock=SetClock(START + 4 * HOUR))
    assert racing.outcomes == ["lost_race", "removed"]
    told = _told(registered)
    assert [each.kind for each in told].count("CLUSTER_REMOVED") == 1
    assert [(move.from_level, move.to_level) for move in told[-1].moves] == [(2, 0), (0, 1)]
    assert told[-1].moves_total == 2
    state = registered.results.state(CLUSTER.arn)
    assert state is not None
    assert (state.held, state.held_total) == ((), 0)


def test_a_removal_that_the_first_scan_overtakes_is_told(registered: Ledger) -> None:
    """It had nothing to tell when it read; now it has."""
    racing = _Overtaken(registered, iter([2]))
    ledger = dataclasses.replace(registered, registry=racing)
    assert remove_cluster(CLUSTER, ledger=ledger, clock=SetClock(START + HOUR))
    assert racing.outcomes == ["lost_race", "removed"]
    assert [each.kind for each in _told(registered)] == ["BASELINE", "CLUSTER_REMOVED"]


def test_a_removal_that_never_gets_its_turn_says_so(registered: Ledger) -> None:
    """It gives up with the cluster still on the register, and nothing told of a removal."""
    racing = _Overtaken(registered, itertools.cycle([2, 0]))
    ledger = dataclasses.replace(registered, registry=racing)
    with pytest.raises(StaleWrite, match="still registered: remove it again"):
        remove_cluster(CLUSTER, ledger=ledger, clock=SetClock(START + HOUR))
    assert set(racing.outcomes) == {"lost_race"}
    assert registered.registry.registration(CLUSTER.arn) == REGISTRATION
    assert "CLUSTER_REMOVED" not in {each.kind for each in _told(registered)}


def test_of_two_removals_at_once_one_tells(registered: Ledger) -> None:
    """The other finds the cluster gone."""
    held = _holding(registered).state.held
    clock = SetClock(START + 4 * HOUR)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: remove_cluster(CLUSTER, ledger=registered, clock=clock), range(2)))
    assert sorted(done) == [False, True]
    told = _told(registered)
    assert [each.kind for each in told].count("CLUSTER_REMOVED") == 1
    assert told[-1].moves == held


def _keys(ledger: Ledger) -> set[OutboxKey]:
    return {each.key for each in ledger.outbox.pending()}


def _event(write: LedgerWrite) -> LevelEvent:
    assert write.event is not None
    return write.event


def test_statements_of_a_cluster_and_of_all(ledger: Ledger) -> None:
    """Each cluster sees its own and those for every cluster; storing one again changes nothing."""
    own = _attestation(CLUSTER.arn, "runbooks")
    every = _attestation(EVERY_CLUSTER, "dr-plan")
    ledger.statements.attest([own, every])
    ledger.statements.attest([own])
    assert set(ledger.statements.attestations(CLUSTER.arn)) == {own, every}
    assert set(ledger.statements.attestations(OTHER.arn)) == {every}
    many = [_attestation(OTHER.arn, "runbooks", minutes=n) for n in range(130)]
    ledger.statements.attest(many)
    assert len(ledger.statements.attestations(OTHER.arn)) == 131


def test_a_waiver_takes_the_place_of_the_one_before(ledger: Ledger) -> None:
    """One waiver per check and scope."""
    waiver = Waiver(
        check="storage.volumes-encrypted",
        cluster=CLUSTER.arn,
        owner="security",
        reason="migration",
        issued_at=START,
        expires_at=START + timedelta(days=30),
    )
    ledger.statements.waive(waiver)
    longer = msgspec.structs.replace(waiver, expires_at=START + timedelta(days=60))
    ledger.statements.waive(longer)
    assert ledger.statements.waivers(CLUSTER.arn) == (longer,)
    assert ledger.statements.waivers(OTHER.arn) == ()


def test_many_statements_are_read_over_all_pages(ledger: Ledger) -> None:
    """More than a transaction takes, and more than the megabyte that one answer holds."""
    made = [
        msgspec.structs.replace(
            _attestation(CLUSTER.arn, f"item-{number:03d}"), note="n" * 2000, evidence_uri="e" * 2000
        )
        for number in range(290)
    ]
    ledger.statements.attest(made)
    found = ledger.statements.attestations(CLUSTER.arn)
    assert sum(len(each.note) + len(each.evidence_uri) for each in found) > 1024 * 1024
    assert sorted(found, key=lambda each: each.subject) == made


def _attestation(cluster: str, subject: str, minutes: int = 0) -> Attestation:
    return Attestation(
        subject=subject,
        cluster=cluster,
        owner="sre",
        issued_at=START + timedelta(minutes=minutes),
        expires_at=START + timedelta(days=90),
    )
