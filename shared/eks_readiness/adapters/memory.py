"""The ports in memory: twins of the deployed ones, for tests and for work without a deployment.

The stores hold to the same contract as those on DynamoDB; the same tests run on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import RLock

import msgspec

from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import DigestEvent, Event, ExpiryEvent, LevelEvent, OutboxKey
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
from eks_readiness.ports import DeadLetter, Ledger


class MemoryClusterRegistry:
    """ClusterRegistry in memory. `states` are there for what is written together; whoever does so holds `lock`."""

    def __init__(self, outbox: MemoryOutbox) -> None:
        self._outbox = outbox
        self._registrations: dict[ClusterArn, Registration] = {}
        self.states: dict[ClusterArn, ClusterState] = {}
        self.lock = RLock()

    def register(self, registration: Registration) -> None:
        """Add a cluster, or replace what is registered about it."""
        self._registrations[registration.cluster.arn] = registration

    def remove(self, cluster: ClusterRef, *, write: LedgerWrite | None, at: datetime) -> RemovalOutcome:
        """Take a cluster off the register, and write its state and the event that tells it: all of it or nothing."""
        with self.lock:
            if cluster.arn not in self._registrations:
                return "unregistered"
            there = self.states.get(cluster.arn)
            if (there.version if there else None) != (write.expected_version if write else None):
                return "lost_race"
            del self._registrations[cluster.arn]
            if write is not None:
                self.states[cluster.arn] = write.state
                if write.event is not None:
                    self._outbox.add(write.event, at)
            return "removed"

    def registered(self, *, after: ClusterArn | None = None) -> Iterator[Registration]:
        """Every registered cluster, by its ARN."""
        yield from [self._registrations[arn] for arn in sorted(self._registrations) if after is None or arn > after]

    def registration(self, cluster: ClusterArn) -> Registration | None:
        """What is registered about a cluster."""
        return self._registrations.get(cluster)


class MemoryOutboxRow(msgspec.Struct, kw_only=True):
    """One event and how far it got."""

    event: Event
    created_at: datetime
    lease_until: datetime | None = None
    message_id: str = ""


class MemoryOutbox:
    """Outbox in memory."""

    def __init__(self) -> None:
        self.rows: dict[OutboxKey, MemoryOutboxRow] = {}
        self._lock = RLock()

    def add(self, event: Event, at: datetime) -> None:
        """Add an event, as the transaction that it belongs to does."""
        self.rows[event.key] = MemoryOutboxRow(event=event, created_at=at)

    def claim(self, key: OutboxKey, *, until: datetime, at: datetime) -> Event | None:
        """Take the lease on a pending event and return it; None when somebody else has the lease or it is told."""
        with self._lock:
            row = None if key.held else self.rows.get(key)
            if row is None or row.message_id or (row.lease_until is not None and row.lease_until > at):
                return None
            row.lease_until = until
            return row.event

    def sent(self, key: OutboxKey, *, message_id: str, at: datetime) -> None:  # noqa: ARG002 - nobody asks when
        """Mark an event as told; nothing happens when it is already."""
        with self._lock:
            row = self.rows.get(key)
            if row is not None and not row.message_id:
                row.message_id = message_id

    def pending(self) -> Iterator[PendingEvent]:
        """The events not told yet, leased and held ones too."""
        for key, row in list(self.rows.items()):
            if not row.message_id:
                yield PendingEvent(key=key, created_at=row.created_at)

    def held(self, keys: Sequence[OutboxKey]) -> Iterator[LevelEvent]:
        """The held events under some keys; those that a digest has taken are left out."""
        for key in keys:
            row = self.rows.get(key)
            if row is not None and not row.message_id and isinstance(row.event, LevelEvent) and row.event.held:
                yield row.event

    def bundle(self, digest: DigestEvent, members: Sequence[OutboxKey], *, at: datetime) -> bool:
        """Put a digest in place of held events, all of it or nothing; False when one of them is taken already."""
        with self._lock:
            rows = [self.rows.get(key) for key in members]
            if digest.key in self.rows or any(row is None or row.message_id for row in rows):
                return False
            for row in rows:
                if row is not None:
                    row.message_id = digest.event_id
            self.add(digest, at)
            return True

    def announce(self, event: ExpiryEvent, *, at: datetime) -> bool:
        """Add an event unless it is there, told or not; False when it is."""
        with self._lock:
            if event.key in self.rows:
                return False
            self.add(event, at)
            return True


class MemoryResultStore:
    """ResultStore in memory. A commit holds one lock: it happens as a whole, between others."""

    def __init__(self, registry: MemoryClusterRegistry, outbox: MemoryOutbox) -> None:
        self._registry = registry
        self._outbox = outbox
        self._scans: dict[ClusterArn, dict[str, ScanRecord]] = {}

    def state(self, cluster: ClusterArn) -> ClusterState | None:
        """The state; None before the first scan."""
        return self._registry.states.get(cluster)

    def states(self) -> Iterator[ClusterState]:
        """The state of every cluster that was ever scanned and is still registered."""
        for registration in self._registry.registered():
            if (state := self._registry.states.get(registration.cluster.arn)) is not None:
                yield state

    def commit(self, write: LedgerWrite, *, at: datetime) -> WriteOutcome:
        """Write state, scan (if there is one) and event as a whole, or nothing."""
        arn = write.state.cluster.arn
        with self._registry.lock:
            if self._registry.registration(arn) is None:
                return "unregistered"
            there = self._registry.states.get(arn)
            if not self._may_write(there, write):
                return _why_not(there, write)
            self._registry.states[arn] = write.state
            if (kept := write.record) is not None:
                self._scans.setdefault(arn, {})[kept.scan_id] = kept
            if write.event is not None:
                self._outbox.add(write.event, at)
            return "written"

    def _may_write(self, there: ClusterState | None, write: LedgerWrite) -> bool:
        if write.scan is not None and write.scan.scan_id in self._scans.get(write.state.cluster.arn, {}):
            return False
        if there is None or write.expected_version is None:
            return there is None and write.expected_version is None
        return there.version == write.expected_version and (write.scan is None or there.slot < write.state.slot)

    def newest_scan(self, cluster: ClusterArn, kept: KeptScan | None = None) -> ScanRecord | None:
        """The scan that the state names as kept, or the newest one."""
        named = self._scans.get(cluster, {}).get(kept.scan_id) if kept else None
        return named or next(iter(self.scans(cluster, limit=1)), None)

    def scans(self, cluster: ClusterArn, *, limit: int, details: bool = True) -> Sequence[ScanRecord]:  # noqa: ARG002 - they are at hand
        """The newest scans, newest first."""
        return sorted(self._scans.get(cluster, {}).values(), key=lambda scan: scan.slot, reverse=True)[:limit]


def _why_not(there: ClusterState | None, write: LedgerWrite) -> WriteOutcome:
    if write.scan is None:
        return "lost_race"
    if there is not None and there.scan_id == write.state.scan_id:
        return "already_written"
    if there is not None and there.slot >= write.state.slot:
        return "superseded"
    return "lost_race"


class MemoryStatementStore:
    """StatementStore in memory."""

    def __init__(self) -> None:
        self._attestations: dict[tuple[str, str, datetime], Attestation] = {}
        self._waivers: dict[tuple[str, str], Waiver] = {}

    def attest(self, attestations: Sequence[Attestation]) -> None:
        """Store attestations; storing one again changes nothing."""
        self._attestations.update({(each.cluster, each.subject, each.issued_at): each for each in attestations})

    def waive(self, waiver: Waiver) -> None:
        """Store a waiver, or replace the one for the same check and scope."""
        self._waivers[waiver.cluster, waiver.check] = waiver

    def attestations(self, cluster: ClusterArn) -> tuple[Attestation, ...]:
        """Every attestation for a cluster or for all, older and expired ones too."""
        return tuple(each for each in self._attestations.values() if each.cluster in (EVERY_CLUSTER, cluster))

    def waivers(self, cluster: ClusterArn) -> tuple[Waiver, ...]:
        """Every waiver for a cluster or for all, expired ones too."""
        return tuple(each for each in self._waivers.values() if each.cluster in (EVERY_CLUSTER, cluster))


def memory_ledger() -> Ledger:
    """An empty ledger in memory."""
    outbox = MemoryOutbox()
    registry = MemoryClusterRegistry(outbox)
    return Ledger(
        registry=registry,
        results=MemoryResultStore(registry, outbox),
        statements=MemoryStatementStore(),
        outbox=outbox,
    )


class MemoryScanQueue:
    """ScanQueue that keeps what it was given."""

    def __init__(self) -> None:
        self.requests: list[ScanRequest] = []

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """Queue every request."""
        self.requests.extend(requests)


class MemoryDeadLetters:
    """DeadLetters in memory; what is sent back is kept in `sent_back`. It offers no move by itself."""

    def __init__(self, letters: Sequence[DeadLetter] = ()) -> None:
        self.letters: dict[str, DeadLetter] = {each.id: each for each in letters}
        self.taken: set[str] = set()
        self.sent_back: list[str] = []

    def count(self) -> int:
        """How many there are."""
        return len(self.letters)

    def take(self, limit: int) -> tuple[DeadLetter, ...]:
        """Up to so many letters, which nobody else gets until they are given back."""
        found = tuple(each for each in self.letters.values() if each.id not in self.taken)[:limit]
        self.taken.update(each.id for each in found)
        return found

    def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see letters again."""
        self.taken.difference_update(each.id for each in letters)

    def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Remove letters for good."""
        for each in letters:
            self.letters.pop(each.id, None)
            self.taken.discard(each.id)

    def move_all_back(self) -> bool:
        """Not offered."""
        return False

    def send_back(self, letters: Sequence[DeadLetter]) -> int:
        """Send letters to where they came from."""
        self.sent_back += [each.body for each in letters]
        self.delete(letters)
        return len(letters)


class MemoryScanArchive:
    """ScanArchive in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> str:
        """Keep a body; returns its address."""
        address = f"memory://{key}"
        self.bodies[address] = body
        return address

    def get(self, address: str, *, most_bytes: int) -> bytes:
        """Read a body back."""
        body = self.bodies.get(address)
        if body is None:
            raise StoreError(f"{address} is not there any more")
        if len(body) > most_bytes:
            raise StoreError(f"{address} has more than {most_bytes:,} bytes")
        return body


class MemoryLevelNotifier:
    """LevelNotifier that keeps what it published."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, event: Event) -> str:
        """Publish; the message id counts up."""
        self.events.append(event)
        return f"message-{len(self.events)}"


class MemoryMetricSink:
    """MetricSink that keeps the newest value of each metric, and the sum of each fleet metric."""

    def __init__(self) -> None:
        self.levels: dict[ClusterRef, int] = {}
        self.values: dict[str, float] = {}
        self.sums: dict[str, float] = {}

    def level(self, cluster: ClusterRef, level: int, *, properties: Mapping[str, str | float]) -> None:  # noqa: ARG002 - they are only logged
        """The published level of one cluster."""
        self.levels[cluster] = level

    def fleet(self, values: Mapping[str, float], *, properties: Mapping[str, str | float] | None = None) -> None:  # noqa: ARG002 - they are only logged
        """Counts and gauges that are about the whole fleet."""
        self.values.update(values)
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value


class SetClock:
    """A clock that stands where it was set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The instant it was set to."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Set it forward."""
        self.at += by
