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
from eks_readiness.domain.ledger import (
    ClusterState,
    LevelEvent,
    OutboxKey,
    PendingEvent,
    Registration,
    ScanRecord,
    ScanRequest,
    ScanWrite,
    WriteOutcome,
)
from eks_readiness.ports import Ledger


class MemoryClusterRegistry:
    """ClusterRegistry in memory."""

    def __init__(self) -> None:
        self._registrations: dict[ClusterArn, Registration] = {}

    def register(self, registration: Registration) -> None:
        """Add a cluster, or replace what is registered about it."""
        self._registrations[registration.cluster.arn] = registration

    def remove(self, cluster: ClusterRef) -> bool:
        """Take a cluster off the register; False when it was not on it."""
        return self._registrations.pop(cluster.arn, None) is not None

    def registered(self) -> Iterator[Registration]:
        """Every registered cluster."""
        yield from list(self._registrations.values())

    def registration(self, cluster: ClusterArn) -> Registration | None:
        """What is registered about a cluster."""
        return self._registrations.get(cluster)


class MemoryOutboxRow(msgspec.Struct, kw_only=True):
    """One event and how far it got."""

    event: LevelEvent
    created_at: datetime
    lease_until: datetime | None = None
    message_id: str = ""


class MemoryOutbox:
    """Outbox in memory."""

    def __init__(self) -> None:
        self.rows: dict[OutboxKey, MemoryOutboxRow] = {}
        self._lock = RLock()

    def claim(self, key: OutboxKey, *, until: datetime, at: datetime) -> LevelEvent | None:
        """Take the lease on a pending event and return it; None when somebody else has the lease or it is told."""
        with self._lock:
            row = self.rows.get(key)
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
        """The events not told yet, leased ones too."""
        for key, row in list(self.rows.items()):
            if not row.message_id:
                yield PendingEvent(key=key, created_at=row.created_at)


class MemoryResultStore:
    """ResultStore in memory. A commit holds one lock: it happens as a whole, between others."""

    def __init__(self, registry: MemoryClusterRegistry, outbox: MemoryOutbox) -> None:
        self._registry = registry
        self._outbox = outbox
        self._states: dict[ClusterArn, ClusterState] = {}
        self._scans: dict[ClusterArn, dict[str, ScanRecord]] = {}
        self._lock = RLock()

    def state(self, cluster: ClusterArn) -> ClusterState | None:
        """The state; None before the first scan."""
        return self._states.get(cluster)

    def states(self) -> Iterator[ClusterState]:
        """The state of every cluster that was ever scanned and is still registered."""
        for registration in self._registry.registered():
            if (state := self._states.get(registration.cluster.arn)) is not None:
                yield state

    def commit(self, write: ScanWrite, *, at: datetime) -> WriteOutcome:
        """Write state, scan and event as a whole, or nothing."""
        arn = write.state.cluster.arn
        with self._lock:
            if self._registry.registration(arn) is None:
                return "unregistered"
            there = self._states.get(arn)
            if not self._may_write(there, write):
                return _why_not(there, write)
            self._states[arn] = write.state
            self._scans.setdefault(arn, {})[write.scan.scan_id] = write.scan
            if write.event is not None:
                self._outbox.rows[write.event.key] = MemoryOutboxRow(event=write.event, created_at=at)
            return "written"

    def _may_write(self, there: ClusterState | None, write: ScanWrite) -> bool:
        if write.scan.scan_id in self._scans.get(write.state.cluster.arn, {}):
            return False
        if there is None or write.expected_version is None:
            return there is None and write.expected_version is None
        return there.version == write.expected_version and there.slot < write.state.slot

    def newest_scan(self, cluster: ClusterArn) -> ScanRecord | None:
        """The newest scan, with its scorecard."""
        return next(iter(self.scans(cluster, limit=1)), None)

    def scans(self, cluster: ClusterArn, *, limit: int) -> Sequence[ScanRecord]:
        """The newest scans, newest first."""
        return sorted(self._scans.get(cluster, {}).values(), key=lambda scan: scan.slot, reverse=True)[:limit]


def _why_not(there: ClusterState | None, write: ScanWrite) -> WriteOutcome:
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
    registry, outbox = MemoryClusterRegistry(), MemoryOutbox()
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


class MemoryLevelNotifier:
    """LevelNotifier that keeps what it published."""

    def __init__(self) -> None:
        self.events: list[LevelEvent] = []

    def publish(self, event: LevelEvent) -> str:
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
