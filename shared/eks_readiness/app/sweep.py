"""Take up what was left behind, and say how old the oldest of everything is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from eks_readiness import names
from eks_readiness.app.relay_events import Relayed, RelayEvent
from eks_readiness.domain.errors import StoreError
from eks_readiness.ports import Clock, Ledger, MetricSink


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one sweep did. `failures` says in words which events could not be told."""

    relayed: tuple[Relayed, ...]
    failures: tuple[str, ...]
    outbox_age_seconds: float
    oldest_scan_age_seconds: float


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Tells about events that the relay left behind, and publishes the age gauges.

    An event younger than `pending_after_seconds` is left to the relay.
    """

    ledger: Ledger
    relay: RelayEvent
    metrics: MetricSink
    clock: Clock
    pending_after_seconds: float

    def __call__(self) -> SweepResult:
        """Sweep once. An event that cannot be told does not keep the others; the gauges are published in any case.

        Raises:
            StoreError: the ledger could not be read.
        """
        relayed, failures, waiting_since = self._relay_left_behind()
        at = self.clock.now()
        outbox_age = max(((at - since).total_seconds() for since in waiting_since), default=0.0)
        self.metrics.fleet({names.OUTBOX_AGE_SECONDS: max(0.0, outbox_age)})
        scan_age = max(0.0, self._oldest_scan_age_seconds(at))
        self.metrics.fleet({names.OLDEST_SCAN_AGE_SECONDS: scan_age})
        return SweepResult(
            relayed=tuple(relayed),
            failures=tuple(failures),
            outbox_age_seconds=max(0.0, outbox_age),
            oldest_scan_age_seconds=scan_age,
        )

    def _relay_left_behind(self) -> tuple[list[Relayed], list[str], list[datetime]]:
        relayed: list[Relayed] = []
        failures: list[str] = []
        waiting_since: list[datetime] = []
        for pending in self.ledger.outbox.pending():
            done: Relayed | None = None
            if self.clock.now() - pending.created_at > timedelta(seconds=self.pending_after_seconds):
                try:
                    done = self.relay(pending.key)
                except StoreError as error:
                    failures.append(f"{pending.key.cluster} version {pending.key.version}: {error}")
            if done is None:
                waiting_since.append(pending.created_at)
            else:
                relayed.append(done)
        return relayed, failures, waiting_since

    def _oldest_scan_age_seconds(self, at: datetime) -> float:
        """Age of the oldest newest scan; a cluster that was never scanned counts from its registration."""
        observed_at = {state.cluster: state.observed_at for state in self.ledger.results.states()}
        return max(
            (
                (at - observed_at.get(each.cluster, each.registered_at)).total_seconds()
                for each in self.ledger.registry.registered()
            ),
            default=0.0,
        )
