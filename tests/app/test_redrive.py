"""Taking up dead letters: what a failure on the way leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from eks_readiness.adapters.memory import MemoryDeadLetters, MemoryScanQueue, memory_ledger
from eks_readiness.app.redrive import Redrive, Redriven
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import ScanRequest
from eks_readiness.ports import DeadLetter
from tests.scans import REGISTRATION, START

TICK = DeadLetter(id="t", body='{"scheduled_time": "2026-03-10T12:00:00Z"}', sent_at=START)


class Moving(MemoryDeadLetters):
    """A queue whose service moves its letters by itself."""

    def move_all_back(self) -> bool:
        """Begin to."""
        return True

    def take(self, limit: int) -> tuple[DeadLetter, ...]:
        """Nobody may: the service has them in hand."""
        raise AssertionError(limit)


class Refusing(MemoryScanQueue):
    """A queue of scans that takes nothing."""

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """Refuse."""
        raise StoreError(f"{len(requests)} scans could not be requested")


def test_where_the_service_moves_scans_nothing_else_touches_them() -> None:
    """Else one could be sent twice, and then deleted under the service's hands."""
    redrive = Redrive(letters=Moving([TICK]), ledger=memory_ledger(), queue=MemoryScanQueue())
    assert redrive("scans") == Redriven(moved=1, moving=True)


def test_a_tick_whose_scans_are_refused_stays() -> None:
    """It is removed after its scans are requested, not before."""
    letters, ledger = MemoryDeadLetters([TICK]), memory_ledger()
    ledger.registry.register(REGISTRATION)
    with pytest.raises(StoreError, match="1 scans could not be requested"):
        Redrive(letters=letters, ledger=ledger, queue=Refusing())("ticks")
    assert letters.count() == 1


def test_of_ticks_that_cannot_be_read_no_scan_is_asked() -> None:
    """Whatever they are."""
    bodies = ("", "{", "null", "[]", '{"requestPayload": 7}', '{"scheduled_time": "soon"}', "[" * 100_000)
    letters = MemoryDeadLetters(
        [DeadLetter(id=str(number), body=body, sent_at=START) for number, body in enumerate(bodies)]
    )
    ledger, queue = memory_ledger(), MemoryScanQueue()
    ledger.registry.register(REGISTRATION)
    done = Redrive(letters=letters, ledger=ledger, queue=queue)("ticks")
    assert (done.requested, done.dropped, len(done.kept)) == (0, 0, len(bodies))
    assert (queue.requests, letters.count(), letters.taken) == ([], len(bodies), set())
