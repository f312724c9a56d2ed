"""The events of the ledger that are still to be told: a lease keeps two relays from telling one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import (
    HOLDER,
    LEASE_UNTIL,
    MESSAGE_ID,
    PENDING,
    SENT,
    SENT_AT,
    STATUS,
    body,
    instant,
    name_of,
    outbox_key,
    parse_outbox_key,
    shards,
)
from eks_readiness.adapters.dynamo_table import LedgerTable
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import LevelEvent, OutboxKey, PendingEvent
from eks_readiness.ports import BrokenRow, OnBrokenRow


class DynamoOutbox:
    """Outbox on the ledger's table."""

    def __init__(self, table: LedgerTable, *, on_broken_row: OnBrokenRow) -> None:
        self._table = table
        self._on_broken_row = on_broken_row

    def claim(self, key: OutboxKey, *, until: datetime, at: datetime) -> LevelEvent | None:
        """Take the lease on a pending event and return it; None when somebody else has the lease or it is told."""
        # The holder lets a repetition of this very call, whose first answer was lost, find its own lease.
        item = self._table.update(
            outbox_key(key),
            "SET #lease = :until, #holder = :me",
            condition="#status = :pending AND (attribute_not_exists(#lease) OR #lease <= :now OR #holder = :me)",
            attribute_names={"#status": STATUS, "#lease": LEASE_UNTIL, "#holder": HOLDER},
            values={
                ":pending": {"S": PENDING},
                ":until": {"S": instant(until)},
                ":now": {"S": instant(at)},
                ":me": {"S": str(uuid4())},
            },
        )
        return None if item is None else body(item, LevelEvent)

    def sent(self, key: OutboxKey, *, message_id: str, at: datetime) -> None:
        """Mark an event as told; nothing happens when it is already."""
        self._table.update(
            outbox_key(key),
            "SET #status = :sent, #message = :message, #sent_at = :now REMOVE #pending, #lease, #holder",
            condition="#status = :pending",
            attribute_names={
                "#status": STATUS,
                "#message": MESSAGE_ID,
                "#sent_at": SENT_AT,
                "#pending": names.PENDING_SHARD,
                "#lease": LEASE_UNTIL,
                "#holder": HOLDER,
            },
            values={
                ":pending": {"S": PENDING},
                ":sent": {"S": SENT},
                ":message": {"S": message_id},
                ":now": {"S": instant(at)},
            },
        )

    def pending(self) -> Iterator[PendingEvent]:
        """The events not told yet, leased ones too."""
        index = self._table.query_index(names.PENDING_INDEX, names.PENDING_SHARD, shards(names.PENDING_SHARD))
        for item in index:
            try:
                created_at = datetime.fromisoformat(item[names.CREATED_AT]["S"])
                event = PendingEvent(key=parse_outbox_key(item), created_at=created_at)
            except (StoreError, ValueError) as error:
                self._on_broken_row(BrokenRow(key=name_of(item), problem=str(error)))
            else:
                yield event
