"""Take up what was left behind, tell what time alone changed, and say how old the oldest of everything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from eks_readiness import names
from eks_readiness.app.effective_policy import stale_after_intervals
from eks_readiness.app.relay_events import Relayed, RelayEvent
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import MAX_DIGEST_MEMBERS, ForeignEvent, LevelEvent, OutboxKey, digest_of
from eks_readiness.domain.ledger import ClusterState, PendingEvent, Registration
from eks_readiness.ports import Clock, Ledger, MetricSink

FLEET_SHARE = 0.5
"""Share of the clusters from which on losing sight of them at once is told as one event, not one for each."""
FLEET_CLUSTERS = 3
"""Fewer clusters than that are told one by one."""


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one sweep did. `failures` says in words what could not be told; `coverage_lost` counts clusters."""

    relayed: tuple[Relayed, ...]
    failures: tuple[str, ...]
    coverage_lost: int
    digests: int
    outbox_age_seconds: float
    oldest_scan_age_seconds: float


class _Fleet(msgspec.Struct):
    """What one pass over the clusters finds: memory grows only with the clusters that are in trouble."""

    clusters: int = 0
    oldest_scan_age_seconds: float = 0.0
    unproven: list[tuple[ClusterState, float]] = []


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Tells about events that the relay left behind, about clusters of which nothing is proven, and in digests.

    An event younger than `pending_after_seconds` is left to the relay; a held one waits `digest_after_seconds` for
    others of its kind. `interval_seconds` is the schedule's, `policy` the fleet's thresholds.
    """

    ledger: Ledger
    relay: RelayEvent
    metrics: MetricSink
    clock: Clock
    pending_after_seconds: float
    digest_after_seconds: float
    interval_seconds: float
    policy: Mapping[str, object]

    def __call__(self) -> SweepResult:
        """Sweep once. What cannot be told does not keep the rest; the gauges are published in any case.

        Raises:
            StoreError: the ledger could not be read.
        """
        pending = list(self.ledger.outbox.pending())
        relayed, failures, waiting_since = self._relay_left_behind(pending)
        digests = self._bundle(pending, relayed, failures)
        at = self.clock.now()
        outbox_age = max(((at - since).total_seconds() for since in waiting_since), default=0.0)
        self.metrics.fleet({names.OUTBOX_AGE_SECONDS: max(0.0, outbox_age)})
        fleet = self._look(at)
        scan_age = max(0.0, fleet.oldest_scan_age_seconds)
        self.metrics.fleet({names.OLDEST_SCAN_AGE_SECONDS: scan_age})
        lost = self._lose_coverage(fleet, failures)
        self.metrics.fleet({names.COVERAGE_LOST: lost})
        return SweepResult(
            relayed=tuple(relayed),
            failures=tuple(failures),
            coverage_lost=lost,
            digests=digests,
            outbox_age_seconds=max(0.0, outbox_age),
            oldest_scan_age_seconds=scan_age,
        )

    def _relay_left_behind(self, pending: list[PendingEvent]) -> tuple[list[Relayed], list[str], list[datetime]]:
        relayed: list[Relayed] = []
        failures: list[str] = []
        waiting_since: list[datetime] = []
        for each in pending:
            if each.key.held:
                if self._age_seconds(each) > self.digest_after_seconds:
                    waiting_since.append(each.created_at + timedelta(seconds=self.digest_after_seconds))
                continue
            old = self._age_seconds(each) > self.pending_after_seconds
            if not (old and self._relay(each.key, relayed, failures)):
                waiting_since.append(each.created_at)
        return relayed, failures, waiting_since

    def _relay(self, key: OutboxKey, relayed: list[Relayed], failures: list[str]) -> bool:
        try:
            done = self.relay(key)
        except StoreError as error:
            failures.append(f"{key.partition} {key.name}: {error}")
            return False
        if done is not None:
            relayed.append(done)
        return done is not None

    def _age_seconds(self, pending: PendingEvent) -> float:
        return (self.clock.now() - pending.created_at).total_seconds()

    def _bundle(self, pending: list[PendingEvent], relayed: list[Relayed], failures: list[str]) -> int:
        """Put digests in the place of held events, once the oldest has waited for others; the stream relays them.

        A held event that cannot be read has no place in a digest, and is told by itself.
        """
        held = [each for each in pending if each.key.held]
        if not any(self._age_seconds(each) > self.digest_after_seconds for each in held):
            return 0
        by_kind: dict[str, list[tuple[OutboxKey, LevelEvent]]] = {}
        for event in self.ledger.outbox.held([each.key for each in held]):
            if isinstance(event, ForeignEvent):
                self._relay(event.key, relayed, failures)
            else:
                by_kind.setdefault(event.other_kind or event.kind, []).append((event.key, event))
        made = 0
        for members in by_kind.values():
            members.sort(key=lambda member: member[0])
            for start in range(0, len(members), MAX_DIGEST_MEMBERS):
                part = members[start : start + MAX_DIGEST_MEMBERS]
                at = self.clock.now()
                digest = digest_of(tuple(event for _, event in part), at=at)
                try:
                    made += self.ledger.outbox.bundle(digest, [key for key, _ in part], at=at)
                except StoreError as error:
                    failures.append(f"digest {digest.event_id}: {error}")
        return made

    def _look(self, at: datetime) -> _Fleet:
        """One pass over register and states; a cluster that was never scanned counts from its registration."""
        registered: dict[ClusterRef, Registration] = {each.cluster: each for each in self.ledger.registry.registered()}
        fleet = _Fleet(clusters=len(registered))
        seen: dict[ClusterRef, datetime] = {}
        for state in self.ledger.results.states():
            seen[state.cluster] = state.observed_at
            registration = registered.get(state.cluster)
            stale_after = stale_after_intervals(self.policy, registration.policy if registration else {})
            if self._unproven(state, registration, at, stale_after):
                fleet.unproven.append((state, stale_after))
        # One that is back on the register was not to be scanned while it was off it.
        ages = [
            (at - max(seen.get(cluster, each.registered_at), each.registered_at)).total_seconds()
            for cluster, each in registered.items()
        ]
        fleet.oldest_scan_age_seconds = max(ages, default=0.0)
        return fleet

    def _unproven(
        self, state: ClusterState, registration: Registration | None, at: datetime, stale_after: float
    ) -> bool:
        interval = timedelta(seconds=self.interval_seconds)
        if registration is not None and at - registration.registered_at <= interval * stale_after:
            return False
        return lose_coverage(state, at=at, interval=interval, stale_after_intervals=stale_after) is not None

    def _lose_coverage(self, fleet: _Fleet, failures: list[str]) -> int:
        """Tell of the clusters of which nothing was proven for too long: one by one, or together if they are many."""
        together = len(fleet.unproven) >= FLEET_CLUSTERS and len(fleet.unproven) > FLEET_SHARE * fleet.clusters
        lost = 0
        for state, stale_after in fleet.unproven:
            at = self.clock.now()
            write = lose_coverage(
                state,
                at=at,
                interval=timedelta(seconds=self.interval_seconds),
                stale_after_intervals=stale_after,
                held=together,
            )
            if write is None:
                continue
            try:
                # A scan that moved the state meanwhile knows better; the next sweep looks again.
                lost += self.ledger.results.commit(write, at=at) == "written"
            except StoreError as error:
                failures.append(f"{state.cluster}: {error}")
        return lost
