"""Tell about an event exactly as often as it must be: claim it, publish it, mark it as told.

The lease outlives the function that took it, so nobody else publishes while its holder still may. Who dies between
publishing and marking leaves an event that is told again, with the same `event_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from eks_readiness import names
from eks_readiness.domain.event import Event, OutboxKey
from eks_readiness.ports import Clock, LevelNotifier, MetricSink, Outbox


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was told, and the id under which the notifier took it."""

    event: Event
    message_id: str


@dataclass(frozen=True, kw_only=True)
class RelayEvent:
    """Tells about events of the outbox."""

    outbox: Outbox
    notifier: LevelNotifier
    metrics: MetricSink
    clock: Clock
    lease_seconds: float

    def __call__(self, key: OutboxKey) -> Relayed | None:
        """Tell about one event; None when somebody else has it in hand or it is told.

        Raises:
            StoreError: it could not be published or marked; it stays pending, and the sweeper takes it up after the
                lease.
        """
        at = self.clock.now()
        event = self.outbox.claim(key, until=at + timedelta(seconds=self.lease_seconds), at=at)
        if event is None:
            return None
        message_id = self.notifier.publish(event)
        self.outbox.sent(key, message_id=message_id, at=self.clock.now())
        self.metrics.fleet({names.EVENTS_PUBLISHED: 1})
        return Relayed(event=event, message_id=message_id)
