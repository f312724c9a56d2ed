"""The events of the ledger that are still to be told: a lease keeps two relays from telling one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import (
    HOLDER,
    LEASE_UNTIL,
    MESSAGE_ID,
    PENDING,
    SENT,
    SENT_AT,
    STATUS,
    Item,
    body,
    event_item,
    instant,
    name_of,
    outbox_key,
    parse_outbox_key,
    shards,
    text_of,
)
from eks_readiness.adapters.dynamo_table import ABSENT, LedgerTable, token_of
from eks_readiness.adapters.newer_values import foreign_event
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import DigestEvent, Event, ExpiryEvent, ForeignEvent, LevelEvent, OutboxKey, StoredEvent
from eks_readiness.domain.ledger import PendingEvent
from eks_readiness.ports import BrokenRow, OnBrokenRow

_Kind = TypeVar("_Kind")


class DynamoOutbox:
    """Outbox on the ledger's table."""

    def __init__(self, table: LedgerTable, *, on_broken_row: OnBrokenRow) -> None:
        self._table = table
        self._on_broken_row = on_broken_row

    def claim(self, key: OutboxKey, *, until: datetime, at: datetime) -> Event | None:
        """Take the lease on a pending event and return it; None when somebody else has the lease or it is told."""
        if key.held and not any(isinstance(each, ForeignEvent) for each in self.held([key])):
            return None
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
        if item is None:
            return None
        event: Event = _event(item, StoredEvent)  # type: ignore[arg-type] # a union is a type to msgspec
        if isinstance(event, ForeignEvent):
            self._on_broken_row(BrokenRow(key=name_of(item), problem=event.problem))
        return event

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
        """The events not told yet, leased and held ones too."""
        index = self._table.query_index(names.PENDING_INDEX, names.PENDING_SHARD, shards(names.PENDING_SHARD))
        for item in index:
            try:
                created_at = datetime.fromisoformat(item[names.CREATED_AT]["S"])
                event = PendingEvent(key=parse_outbox_key(item), created_at=created_at)
            except (StoreError, ValueError) as error:
                self._on_broken_row(BrokenRow(key=name_of(item), problem=str(error)))
            else:
                yield event

    def held(self, keys: Sequence[OutboxKey]) -> Iterator[LevelEvent | ForeignEvent]:
        """The held events under some keys, read consistently; told ones, or taken by a digest, are left out."""
        for item in self._table.get_all([outbox_key(each) for each in keys if each.held]):
            if item.get(STATUS, {}).get("S") == PENDING:
                yield _event(item, LevelEvent)

    def bundle(self, digest: DigestEvent, members: Sequence[OutboxKey], *, at: datetime) -> bool:
        """Put a digest in place of held events, all of it or nothing; False when one of them is taken already."""
        table = {"TableName": self._table.name}
        taken: list[dict[str, Any]] = [
            {
                "Update": {
                    **table,
                    "Key": outbox_key(each),
                    "UpdateExpression": "SET #status = :sent, #message = :digest, #sent_at = :now REMOVE #pending",
                    "ConditionExpression": "#status = :pending AND (attribute_not_exists(#lease) OR #lease <= :now)",
                    "ExpressionAttributeNames": {
                        "#status": STATUS,
                        "#lease": LEASE_UNTIL,
                        "#message": MESSAGE_ID,
                        "#sent_at": SENT_AT,
                        "#pending": names.PENDING_SHARD,
                    },
                    "ExpressionAttributeValues": {
                        ":pending": {"S": PENDING},
                        ":sent": {"S": SENT},
                        ":digest": {"S": digest.event_id},
                        ":now": {"S": instant(at)},
                    },
                }
            }
            for each in members
        ]
        put = {"Put": {**table, "Item": event_item(digest, at), **ABSENT}}
        actions = [put, *taken]
        return not self._table.transact(actions, token=token_of(UUID(digest.event_id), actions))

    def announce(self, event: ExpiryEvent, *, at: datetime) -> bool:
        """Add an event unless it is there, told or not; False when it is."""
        return self._table.put_if_absent(event_item(event, at))


def _event(item: Item, kind: type[_Kind]) -> _Kind | ForeignEvent:
    try:
        return body(item, kind)
    except StoreError as error:
        # Nobody would be told if this were an error: the event would be tried again until it is forgotten.
        return foreign_event(parse_outbox_key(item), text_of(item), problem=str(error))
