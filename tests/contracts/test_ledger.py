"""One contract for the ledger, on every store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest

from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.decision import decide, removal
from eks_readiness.domain.event import LevelEvent, digest_of
from eks_readiness.domain.expiry import expiring
from eks_readiness.domain.ledger import LedgerWrite, WriteOutcome
from eks_readiness.domain.policy import Policy
from eks_readiness.ports import Ledger
from tests.scans import CLUSTER, REGISTRATION, START, request, scorecard, slot, write

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
    assert ledger.registry.remove(CLUSTER, event=None, at=START)
    assert not ledger.registry.remove(CLUSTER, event=None, at=START)
    assert list(ledger.registry.registered()) == []


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
    assert [scan.slot for scan in registered.results.scans(CLUSTER.arn, limit=10)] == [slot(1), slot(0)]
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


def test_history_is_newest_first(registered: Ledger) -> None:
    """As many as were asked for."""
    state = None
    for number in range(4):
        scan = write(state, number, 2)
        _commit(registered, scan)
        state = scan.state
    assert [each.slot for each in registered.results.scans(CLUSTER.arn, limit=3)] == [slot(3), slot(2), slot(1)]


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
    event = removal(first.state, at=START)
    assert registered.registry.remove(CLUSTER, event=event, at=START)
    assert event.key in {each.key for each in registered.outbox.pending()}
    assert not registered.registry.remove(CLUSTER, event=removal(first.state, at=START + HOUR), at=START)
    assert len(list(registered.outbox.pending())) == 2
    registered.registry.register(REGISTRATION)
    again = write(first.state, 1, 0)
    assert _commit(registered, again) == "written"
    assert _event(again).key in {each.key for each in registered.outbox.pending()}


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


def _attestation(cluster: str, subject: str, minutes: int = 0) -> Attestation:
    return Attestation(
        subject=subject,
        cluster=cluster,
        owner="sre",
        issued_at=START + timedelta(minutes=minutes),
        expires_at=START + timedelta(days=90),
    )
