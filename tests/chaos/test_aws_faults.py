"""Faults of DynamoDB and SNS below the SDK's retries: every call of the ledger, on moto and on ministack.

moto does not know a transaction's token, so the repetition of one whose answer was lost fails its conditions there;
ministack answers it like AWS, as done. Both must lead to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import pytest

from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation
from eks_readiness.domain.decision import decide, removal
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import DigestEvent, LevelEvent, digest_of
from eks_readiness.domain.expiry import expiring
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.ledger import LedgerWrite
from eks_readiness.domain.policy import Policy
from eks_readiness.ports import Ledger
from tests.chaos.aws_faults import FAULTS, AwsFaults, FaultName, aws_faults
from tests.chaos.conftest import Observed
from tests.scans import CLUSTER, REGISTRATION, START, request, scorecard, write

pytestmark = pytest.mark.parametrize("ledger", ["moto", "ministack"], indirect=True)
LEASE = START + timedelta(minutes=3)
FIRST = write(None, 0, 2)
SECOND = write(FIRST.state, 1, 0)
REMOVAL = removal(FIRST.state)
NEW_RULES = decide(
    FIRST.state, msgspec.structs.replace(scorecard(1, number=1), ruleset="new"), request(1), Policy(), {}
)


def _event(of: LedgerWrite) -> LevelEvent:
    assert of.event is not None
    return of.event


HELD = _event(NEW_RULES)
(EXPIRY,) = expiring(
    [
        Attestation(
            subject=ItemId("runbooks"),
            cluster=EVERY_CLUSTER,
            owner="sre",
            issued_at=START,
            expires_at=START + timedelta(days=7),
        )
    ],
    (),
    at=START,
    notice=timedelta(days=14),
)


@dataclass(frozen=True)
class Call:
    """One call of the ledger: what must be there before, what it is, and how to see whether it was done.

    `prepare` gives the digest that it is about, if it is about one.

    `answers` are those that it may give when it was done; after a lost answer also those that say that it was done
    before, `repeated`.
    """

    operation: str
    prepare: Callable[[Ledger], DigestEvent | None]
    make: Callable[[Ledger, DigestEvent | None], object]
    done: Callable[[Ledger, DigestEvent | None], bool]
    answers: tuple[object, ...]
    repeated: tuple[object, ...]


def _scanned(ledger: Ledger) -> None:
    ledger.registry.register(REGISTRATION)
    assert ledger.results.commit(FIRST, at=START) == "written"


def _held(ledger: Ledger) -> DigestEvent:
    _scanned(ledger)
    assert ledger.results.commit(NEW_RULES, at=START) == "written"
    return digest_of((HELD,), at=START)


def _digest(given: DigestEvent | None) -> DigestEvent:
    assert given is not None
    return given


def _claimed(ledger: Ledger) -> None:
    _scanned(ledger)
    assert ledger.outbox.claim(_event(FIRST).key, until=LEASE, at=START) is not None


def _pending(ledger: Ledger) -> list[object]:
    return [each.key for each in ledger.outbox.pending()]


CALLS = {
    "transact": Call(
        "TransactWriteItems",
        _scanned,
        lambda ledger, digest: ledger.results.commit(SECOND, at=START),
        lambda ledger, digest: (
            ledger.results.state(CLUSTER.arn) == SECOND.state
            and _event(SECOND).key in _pending(ledger)
            and len(ledger.results.scans(CLUSTER.arn, limit=5)) == 2
        ),
        ("written",),
        ("written", "already_written"),
    ),
    "claim": Call(
        "UpdateItem",
        _scanned,
        lambda ledger, digest: ledger.outbox.claim(_event(FIRST).key, until=LEASE, at=START),
        lambda ledger, digest: ledger.outbox.claim(_event(FIRST).key, until=LEASE, at=START) is None,
        (FIRST.event,),
        (FIRST.event,),
    ),
    "sent": Call(
        "UpdateItem",
        _claimed,
        lambda ledger, digest: ledger.outbox.sent(_event(FIRST).key, message_id="m", at=START),
        lambda ledger, digest: _event(FIRST).key not in _pending(ledger),
        (None,),
        (None,),
    ),
    "bundle": Call(
        "TransactWriteItems",
        _held,
        lambda ledger, digest: ledger.outbox.bundle(_digest(digest), [HELD.key], at=START),
        lambda ledger, digest: _digest(digest).key in _pending(ledger) and HELD.key not in _pending(ledger),
        (True,),
        (True, False),
    ),
    "announce": Call(
        "PutItem",
        lambda _ledger: None,
        lambda ledger, digest: ledger.outbox.announce(EXPIRY, at=START),
        lambda ledger, digest: EXPIRY.key in _pending(ledger),
        (True,),
        (True, False),
    ),
    "remove": Call(
        "TransactWriteItems",
        _scanned,
        lambda ledger, digest: ledger.registry.remove(CLUSTER, write=REMOVAL, at=START),
        lambda ledger, digest: (
            ledger.registry.registration(CLUSTER.arn) is None
            and ledger.results.state(CLUSTER.arn) == REMOVAL.state
            and _event(REMOVAL).key in _pending(ledger)
        ),
        ("removed",),
        ("removed", "unregistered"),
    ),
}


@pytest.fixture
def faults(ledger: Ledger) -> Iterator[AwsFaults]:
    """Between the SDK and the store; made after the store, so that it stands around it."""
    with aws_faults() as planted:
        yield planted


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_fault_that_passes(
    name: str, fault: FaultName, ledger: Ledger, faults: AwsFaults, observed: Observed, request: pytest.FixtureRequest
) -> None:
    """Met once, the SDK's own repetition does it: once, whole, and the caller hears that it is done."""
    call = CALLS[name]
    digest = call.prepare(ledger)
    before = faults.sent[call.operation]
    faults.plant(call.operation, fault, times=1)
    assert call.make(ledger, digest) in (call.repeated if fault == "lost" else call.answers)
    assert faults.sent[call.operation] == before + 2
    assert len(faults.pauses) == 1
    assert call.done(ledger, digest)
    observed(f"{fault}, once", f"{name} on {request.node.callspec.params['ledger']}", "done once, by the SDK's retry")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_fault_that_stays(
    name: str, fault: FaultName, ledger: Ledger, faults: AwsFaults, observed: Observed, request: pytest.FixtureRequest
) -> None:
    """Met for good, it is a StoreError after five tries: nothing is done, or all of it; a repetition mends the rest."""
    call = CALLS[name]
    digest = call.prepare(ledger)
    before = faults.sent[call.operation]
    faults.plant(call.operation, fault)
    with pytest.raises(StoreError):
        call.make(ledger, digest)
    assert faults.sent[call.operation] == before + 5
    faults.clear()
    assert (name == "claim" or call.done(ledger, digest)) is (fault == "lost" or name == "claim")
    again = call.make(ledger, digest)
    if name == "claim" and fault == "lost":
        # Its own lease keeps everybody off, itself too: the sweeper takes the event up when the lease is over.
        assert again is None
        assert ledger.outbox.claim(_event(FIRST).key, until=LEASE + timedelta(hours=1), at=LEASE) == FIRST.event
        outcome = "StoreError; told by the sweeper after the lease"
    else:
        assert again in (call.repeated if fault == "lost" else call.answers)
        assert call.done(ledger, digest)
        outcome = "StoreError, done all the same" if fault == "lost" else "StoreError, nothing done; done when repeated"
    observed(f"{fault}, five times", f"{name} on {request.node.callspec.params['ledger']}", outcome)


def test_faults_can_be_seen(ledger: Ledger, faults: AwsFaults) -> None:
    """The injector does what it says: refused and throttled leave no trace, lost leaves all of it."""
    for fault, registered in (("refused", False), ("throttled", False), ("lost", True)):
        faults.plant("PutItem", fault)  # type: ignore[arg-type] # one of them
        with pytest.raises(StoreError):
            ledger.registry.register(REGISTRATION)
        faults.clear()
        assert (ledger.registry.registration(CLUSTER.arn) == REGISTRATION) is registered
