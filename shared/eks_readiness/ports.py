"""What the use cases need from the outside world, as protocols. Adapters fulfil them; tests use the memory ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.evidence import Evidence
from eks_readiness.domain.ledger import (
    ClusterState,
    LevelEvent,
    Registration,
    ScanRecord,
    ScanRequest,
    ScanWrite,
    WriteOutcome,
)


class Clock(Protocol):
    """Tells the time; the only source of it."""

    def now(self) -> datetime:
        """The present instant, aware UTC."""


class EvidenceSource(Protocol):
    """Observes clusters. What cannot be observed is in the evidence as `Unavailable`; it does not raise for that."""

    def collect(self, registration: Registration, *, seconds: float) -> Evidence:
        """Gather all evidence of a cluster within a number of seconds."""


class ClusterRegistry(Protocol):
    """The registered clusters."""

    def register(self, registration: Registration) -> None:
        """Add a cluster, or replace what is registered about it."""

    def remove(self, cluster: ClusterRef, *, at: datetime) -> bool:
        """Take a cluster off the register; False when it was not on it. Its history stays."""

    def registered(self) -> Iterator[Registration]:
        """Every registered cluster."""

    def registration(self, cluster: ClusterArn) -> Registration | None:
        """What is registered about a cluster."""


class ScanQueue(Protocol):
    """Hands scan requests to the scanners."""

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """Queue every request; raises StoreError naming those that were not taken."""


class ResultStore(Protocol):
    """The ledger: the published state of each cluster, its scans, and the events not yet told."""

    def state(self, cluster: ClusterArn) -> ClusterState | None:
        """The state, read consistently; None before the first scan."""

    def states(self) -> Iterator[ClusterState]:
        """The state of every cluster that was ever scanned and is still registered."""

    def commit(self, write: ScanWrite) -> WriteOutcome:
        """Write state, scan and event in one transaction, or nothing."""

    def newest_scan(self, cluster: ClusterArn) -> ScanRecord | None:
        """The newest scan, with its scorecard."""

    def scans(self, cluster: ClusterArn, *, limit: int) -> Sequence[ScanRecord]:
        """The newest scans, newest first."""


class Outbox(Protocol):
    """The events of the ledger that are still to be told."""

    def claim(self, event: LevelEvent, *, until: datetime, at: datetime) -> bool:
        """Take the lease on a pending event whose lease is free or over; False when somebody else has it or it is sent."""

    def sent(self, event: LevelEvent, *, message_id: str, at: datetime) -> None:
        """Mark the event as told."""

    def pending(self, *, older_than: datetime) -> Iterator[LevelEvent]:
        """Events written before an instant and not told yet."""


class StatementStore(Protocol):
    """Attestations and waivers."""

    def attest(self, attestations: Sequence[Attestation]) -> None:
        """Store attestations: all of them, or none."""

    def waive(self, waiver: Waiver) -> None:
        """Store a waiver, or replace the one for the same check and scope."""

    def attestations(self, cluster: ClusterArn) -> tuple[Attestation, ...]:
        """Every attestation for a cluster or for all, expired ones too."""

    def waivers(self, cluster: ClusterArn) -> tuple[Waiver, ...]:
        """Every waiver for a cluster or for all, expired ones too."""


class LevelNotifier(Protocol):
    """Tells people and machines about a level event."""

    def publish(self, event: LevelEvent) -> str:
        """Publish; returns the message id. Raises StoreError when it was not, or perhaps not, taken."""


class MetricSink(Protocol):
    """Takes metrics."""

    def level(self, cluster: ClusterRef, level: int, *, properties: dict[str, str | float]) -> None:
        """The published level of one cluster: the one metric that is billed per cluster."""

    def count(self, name: str, value: float = 1, *, properties: dict[str, str | float] | None = None) -> None:
        """A fleet-wide count or gauge."""
