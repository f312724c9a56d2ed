"""Take up again what ended as a dead letter, by what its kind needs.

Scans go back to their queue: one that is older than what is published by then changes nothing. Of ticks the newest is
dispatched, since it asks for all that the older ones asked for. Events lie in the ledger, not in the letters: these go
once all that they may be about is told. A sweep holds nothing that the next one does not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from eks_readiness.app.dispatch_scans import Tick, parse_tick, request_scans
from eks_readiness.domain.errors import InputError
from eks_readiness.domain.ledger import PendingEvent
from eks_readiness.ports import DeadLetter, DeadLetterKind, DeadLetters, Ledger, ScanQueue

MAX_LETTERS = 1000
"""Letters that one call takes up: they are hidden for five minutes, and must be done by then."""


class Redriven(msgspec.Struct, frozen=True, kw_only=True):
    """What became of dead letters.

    moved: back to their queue (all of them on the way, if `moving`) · requested: scans that ticks asked for ·
    dropped: letters that nothing depends on any more · kept: letters that stay, and why · untold: events of the
    ledger for which letters stay.
    """

    moved: int = 0
    moving: bool = False
    requested: int = 0
    dropped: int = 0
    kept: tuple[str, ...] = ()
    untold: tuple[PendingEvent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Redrive:
    """Takes up the dead letters of one kind."""

    letters: DeadLetters
    ledger: Ledger
    queue: ScanQueue

    def __call__(self, what: DeadLetterKind, *, limit: int = MAX_LETTERS) -> Redriven:
        """Take up as many as `limit`.

        Raises:
            StoreError: a queue or the ledger could not be used; what was not done lies where it lay, or is seen there
                again within five minutes.
        """
        if what == "scans":
            if self.letters.move_all_back():
                return Redriven(moved=self.letters.count(), moving=True)
            return Redriven(moved=self.letters.send_back(self.letters.take(limit)))
        taken = self.letters.take(limit)
        if not taken:
            return Redriven()
        if what == "ticks":
            return self._ticks(taken)
        return self._events(taken) if what == "events" else self._drop(taken)

    def _ticks(self, taken: Sequence[DeadLetter]) -> Redriven:
        ticks: list[Tick] = []
        read: list[DeadLetter] = []
        kept: list[DeadLetter] = []
        for each in taken:
            try:
                ticks.append(_tick(each))
                read.append(each)
            except InputError:
                kept.append(each)
        requested = 0
        if ticks:
            # Of every cluster, whatever part of the fleet the newest one stood for: others may have failed on the rest.
            newest = Tick(slot=max(each.slot for each in ticks))
            requested = request_scans(newest, registry=self.ledger.registry, queue=self.queue).scans
        self.letters.delete(read)
        self.letters.give_back(kept)
        return Redriven(
            requested=requested,
            dropped=len(read),
            kept=tuple(f"{each.id} is not a tick of the schedule" for each in kept),
        )

    def _events(self, taken: Sequence[DeadLetter]) -> Redriven:
        # A letter names records of the stream, not events: one that is younger than the letter is not its.
        untold = [each for each in self.ledger.outbox.pending() if not each.key.held]
        oldest = min((each.created_at for each in untold), default=None)
        done = [each for each in taken if oldest is None or each.sent_at < oldest]
        kept = [each for each in taken if each not in done]
        self.letters.delete(done)
        self.letters.give_back(kept)
        why = "is about events of which some are not told yet"
        return Redriven(
            dropped=len(done), kept=tuple(f"{each.id} {why}" for each in kept), untold=tuple(untold) if kept else ()
        )

    def _drop(self, taken: Sequence[DeadLetter]) -> Redriven:
        self.letters.delete(taken)
        return Redriven(dropped=len(taken))


def _tick(letter: DeadLetter) -> Tick:
    """A tick that the schedule could not deliver, or that the function could not work off."""
    try:
        tick = msgspec.json.decode(letter.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"not a tick of the schedule: {error}") from error
    # Lambda wraps what a function failed on into a record of its own.
    return parse_tick(tick["requestPayload"] if isinstance(tick, dict) and "requestPayload" in tick else tick)


def look(letters: DeadLetters, *, limit: int) -> tuple[int, tuple[DeadLetter, ...]]:
    """About how many letters there are, and some of them; they stay where they are."""
    taken = letters.take(limit)
    letters.give_back(taken)
    return max(letters.count(), len(taken)), taken
