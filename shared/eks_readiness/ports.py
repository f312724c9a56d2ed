"""What the use cases need from the outside world, as protocols. Adapters fulfil them; tests use the memory ones.

Every store raises StoreError, and nothing else, when it cannot read or write. Where many rows are read, a row that
cannot be understood is reported (`on_broken_row`) and left out; where one row is read, or a verdict depends on it,
it is a StoreError that names the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.event import DigestEvent, Event, ExpiryEvent, ForeignEvent, LevelEvent, OutboxKey
from eks_readiness.domain.ledger import (
    ClusterState,
    KeptScan,
    LedgerWrite,
    PendingEvent,
    Registration,
    RemovalOutcome,
    ScanRecord,
    ScanRequest,
    WriteOutcome,
)

if TYPE_CHECKING:
    # A hundred kinds of evidence: whoever gathers none starts without them.
    from eks_readiness.domain.evidence import Evidence


class Clock(Protocol):
    """Tells the time; the only source of it."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""


class EvidenceSource(Protocol):
    """Observes clusters. What cannot be observed is in the evidence as `Unavailable`; it does not raise for that."""

    def collect(self, registration: Registration, *, seconds: float, documents: Sequence[str] = ()) -> Evidence:
        """Gather all evidence of a cluster within a number of seconds.

        `documents` are addresses of evidence that statements about it name: those that can be are looked at.
        """


class ClusterRegistry(Protocol):
    """The registered clusters."""

    def register(self, registration: Registration) -> None:
        """Add a cluster, or replace what is registered about it."""

    def remove(self, cluster: ClusterRef, *, write: LedgerWrite | None, at: datetime) -> RemovalOutcome:
        """Take a cluster off the register, and write its state and the event that tells it: all of it or nothing.

        `write` is None when there was no state: then there must still be none. Its history stays.
        """

    def registered(self, *, after: ClusterArn | None = None) -> Iterator[Registration]:
        """Every registered cluster, in the register's own order; only those that follow `after`, which may be gone."""

    def registration(self, cluster: ClusterArn) -> Registration | None:
        """What is registered about a cluster."""


class ScanQueue(Protocol):
    """Hands scan requests to the scanners."""

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """Queue every request; raises StoreError naming those that were not taken."""


DeadLetterKind = Literal["scans", "ticks", "events", "sweeps"]
"""As in names.DEAD_LETTERS."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be done after all retries, as text of unknown origin. `receipt` is good while it is taken."""

    id: str
    body: str
    sent_at: datetime
    receipt: str = ""


class DeadLetters(Protocol):
    """A queue of dead letters."""

    def count(self) -> int:
        """About how many there are."""

    def take(self, limit: int) -> tuple[DeadLetter, ...]:
        """Up to so many letters, which nobody else gets for five minutes."""

    def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see letters again."""

    def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Remove letters for good."""

    def move_all_back(self) -> bool:
        """Let the service move all letters to where they came from; False where it does not offer that."""

    def send_back(self, letters: Sequence[DeadLetter]) -> int:
        """Send letters to where they came from, and only then remove them here; returns how many were taken there."""


class ResultStore(Protocol):
    """The ledger: the published state of each cluster, its scans, and the events not yet told."""

    def state(self, cluster: ClusterArn) -> ClusterState | None:
        """The state, read consistently; None before the first scan."""

    def states(self) -> Iterator[ClusterState]:
        """The state of every cluster that was ever scanned and is still registered."""

    def commit(self, write: LedgerWrite, *, at: datetime) -> WriteOutcome:
        """Write state, scan (if there is one) and event in one transaction, or nothing."""

    def newest_scan(self, cluster: ClusterArn, kept: KeptScan | None = None) -> ScanRecord | None:
        """The scan that the state names as kept, with its scorecard; it says itself when details of it are missing.

        The newest kept one, if the state names none, or its record is gone.
        """

    def scans(self, cluster: ClusterArn, *, limit: int, details: bool = True) -> Sequence[ScanRecord]:
        """The newest scans that were kept, newest first; without `details` those of large scans are not looked up."""


class ScanArchive(Protocol):
    """Keeps the scans that are too large for the ledger. What was put under a key is never changed."""

    def put(self, key: str, body: bytes) -> str:
        """Keep a body; returns its address. Raises StoreError when it was not, or perhaps not, taken."""

    def get(self, address: str, *, most_bytes: int) -> bytes:
        """Read a body back. Raises StoreError when it is gone, larger, or cannot be read."""


class Outbox(Protocol):
    """The events of the ledger that are still to be told."""

    def claim(self, key: OutboxKey, *, until: datetime, at: datetime) -> Event | None:
        """Take the lease on a pending event and return it; None when somebody else has the lease or it is told.

        What cannot be read is a ForeignEvent: it is told all the same. Nobody claims any other held event: a digest
        tells it.
        """

    def sent(self, key: OutboxKey, *, message_id: str, at: datetime) -> None:
        """Mark an event as told; nothing happens when it is already."""

    def pending(self) -> Iterator[PendingEvent]:
        """The events not told yet, leased and held ones too. It may lag behind by a moment: `claim` decides."""

    def held(self, keys: Sequence[OutboxKey]) -> Iterator[LevelEvent | ForeignEvent]:
        """The held events under some keys, read consistently; told ones, or taken by a digest, are left out.

        No digest can take a ForeignEvent: it is told by itself.
        """

    def bundle(self, digest: DigestEvent, members: Sequence[OutboxKey], *, at: datetime) -> bool:
        """Put a digest in place of held events, all of it or nothing; False when one of them is taken or in hand."""

    def announce(self, event: ExpiryEvent, *, at: datetime) -> bool:
        """Add an event unless it is there, told or not; False when it is."""


class StatementStore(Protocol):
    """Attestations and waivers."""

    def attest(self, attestations: Sequence[Attestation]) -> None:
        """Store attestations in groups of 100, each group whole or not at all; storing one again changes nothing."""

    def waive(self, waiver: Waiver) -> None:
        """Store a waiver, or replace the one for the same check and scope."""

    def attestations(self, cluster: ClusterArn) -> tuple[Attestation, ...]:
        """Every attestation for a cluster or for all, older and expired ones too."""

    def waivers(self, cluster: ClusterArn) -> tuple[Waiver, ...]:
        """Every waiver for a cluster or for all, expired ones too."""


class LevelNotifier(Protocol):
    """Tells people and machines about an event."""

    def publish(self, event: Event) -> str:
        """Publish; returns the message id. Raises StoreError when it was not, or perhaps not, taken."""


class MetricSink(Protocol):
    """Takes metrics. `properties` are kept beside them in the log and are not billed."""

    def level(self, cluster: ClusterRef, level: int, *, properties: Mapping[str, str | float]) -> None:
        """The published level of one cluster: the one metric that is billed per cluster."""

    def fleet(self, values: Mapping[str, float], *, properties: Mapping[str, str | float] | None = None) -> None:
        """Counts and gauges that are about the whole fleet, by name."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The stores of one ledger."""

    registry: ClusterRegistry
    results: ResultStore
    statements: StatementStore
    outbox: Outbox


class BrokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored row that cannot be understood, or not be written with all its details: its key, and why not."""

    key: str
    problem: str


OnBrokenRow = Callable[[BrokenRow], None]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is published: `bodies` by SNS protocol, `attributes` for filters (text or whole numbers)."""

    subject: str
    bodies: dict[str, str]
    attributes: dict[str, str | int]


WriteMessage = Callable[[Event], Message]
