"""What the ledger's table holds: keys, and values as rows and back. Pure.

One partition per cluster (its ARN; `*` for statements about every cluster):

    REGISTRATION · STATE · SCAN#<slot>#<scan id> · OUTBOX#<version>-<event id> · HELD#<version>-<event id> ·
    ATTESTATION#<subject>#<issued> · WAIVER#<check>

What is told of the fleet as a whole is in the partition `fleet`. Only rows under OUTBOX# start the relay.

Each row has its value as JSON in `body` (text; compressed bytes when it is large), a `schema`, and next to them only
what conditions, indexes and expiry need. The version before the deployed one can read what a newer one wrote
(`newer_values.py`). No row is larger than `MAX_ITEM_BYTES`: of a large scan the details lie elsewhere
(`dynamo_scans.py`), a large event is told with fewer details.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from eks_readiness import names
from eks_readiness.adapters.newer_values import read_value
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.errors import StoreError, bounded
from eks_readiness.domain.event import OutboxKey, StoredEvent
from eks_readiness.domain.ledger import ClusterState, Registration, ScanRecord
from eks_readiness.domain.shortening import shorter_events

Item = dict[str, dict[str, Any]]
"""A row, or a key, as the low-level DynamoDB API spells it: attribute name → {type: value}."""

T = TypeVar("T")

SCHEMA = "schema"
BODY = "body"
VERSION = "version"
SLOT = "slot"
SCAN_ID = "scan_id"
STATUS = "status"
LEASE_UNTIL = "lease_until"
HOLDER = "holder"
MESSAGE_ID = "message_id"
SENT_AT = "sent_at"
PENDING = "PENDING"
SENT = "SENT"

REGISTRATION = "REGISTRATION"
STATE = "STATE"
SCAN_PREFIX = "SCAN#"
HELD_PREFIX = "HELD#"
ATTESTATION_PREFIX = "ATTESTATION#"
WAIVER_PREFIX = "WAIVER#"

SHARDS = 8
"""Over how many partitions each index is spread."""
COMPRESSED_FROM_BYTES = 1_000
"""DynamoDB bills writes by the started KB: what is smaller gains nothing, and stays readable in its console."""
MAX_ITEM_BYTES = 350_000
"""A row may have 400 KB; the rest is headroom for what is counted differently."""
MAX_EVENT_BYTES = 128_000
"""What an event may take: more would not fit into a message, either."""
MAX_BODY_BYTES = 8_000_000
"""A body that unpacks to more than this was not written by us."""


def instant(at: datetime) -> str:
    """An instant as text of fixed width that sorts like time itself."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def key(partition: str, sort: str) -> Item:
    """The primary key of a row."""
    return {names.PARTITION_KEY: {"S": partition}, names.SORT_KEY: {"S": sort}}


def outbox_key(where: OutboxKey) -> Item:
    """The key of an event."""
    return key(where.partition, f"{HELD_PREFIX if where.held else names.OUTBOX_PREFIX}{where.name}")


def parse_outbox_key(item: Mapping[str, Mapping[str, Any]]) -> OutboxKey:
    """Read the key of an event.

    Raises:
        StoreError: it is the key of something else.
    """
    try:
        partition, sort = str(item[names.PARTITION_KEY]["S"]), str(item[names.SORT_KEY]["S"])
    except (KeyError, TypeError) as error:
        raise StoreError(f"not the key of an event: {bounded(str(item))}", remedy=_STREAM) from error
    for prefix, held in ((names.OUTBOX_PREFIX, False), (HELD_PREFIX, True)):
        if (name := sort.removeprefix(prefix)) not in ("", sort):
            return OutboxKey(partition=partition, name=name, held=held)
    raise StoreError(f"{bounded(f'{partition} {sort}')} is not an event", remedy=_STREAM)


_STREAM = "the stream's filter must let only events through"


def name_of(item: Mapping[str, Mapping[str, Any]]) -> str:
    """A row's key, for people."""
    return f"{item[names.PARTITION_KEY]['S']} {item[names.SORT_KEY]['S']}"


def shard(partition: str, prefix: str) -> str:
    """The index partition of a row: one of `shards(prefix)`."""
    return f"{prefix}#{zlib.crc32(partition.encode()) % SHARDS}"


def shards(prefix: str) -> tuple[str, ...]:
    """Every index partition."""
    return tuple(f"{prefix}#{number}" for number in range(SHARDS))


def registration_item(registration: Registration) -> Item:
    """A registration, visible in the registry's index."""
    arn = registration.cluster.arn
    return row(key(arn, REGISTRATION), registration, {names.REGISTRY_SHARD: {"S": shard(arn, names.REGISTRY_SHARD)}})


def state_item(state: ClusterState) -> Item:
    """A cluster's state, with what the next write's condition compares."""
    attributes = {
        VERSION: {"N": str(state.version)},
        SLOT: {"S": instant(state.slot)},
        SCAN_ID: {"S": state.scan_id},
    }
    return row(key(state.cluster.arn, STATE), state, attributes)


def scan_key(cluster: ClusterArn, slot: datetime, scan_id: str) -> Item:
    """The key of a scan: scans sort by slot."""
    return key(cluster, f"{SCAN_PREFIX}{instant(slot)}#{scan_id}")


def scan_item(cluster: ClusterArn, scan: ScanRecord, retention: timedelta, attributes: Item | None = None) -> Item:
    """A scan, until its retention is over."""
    expires = int((scan.slot + retention).timestamp())
    return row(
        scan_key(cluster, scan.slot, scan.scan_id), scan, {names.EXPIRES: {"N": str(expires)}, **(attributes or {})}
    )


def event_item(event: StoredEvent, created_at: datetime) -> Item:
    """An event that nobody was told about yet, visible in the index of such events; told with what there is room for.

    Raises:
        StoreError: not even an event without its changes fits.
    """
    attributes = {
        STATUS: {"S": PENDING},
        names.CREATED_AT: {"S": instant(created_at)},
        names.PENDING_SHARD: {"S": shard(event.key.partition, names.PENDING_SHARD)},
    }
    where = outbox_key(event.key)
    if item_bytes(item := _row(where, event, attributes)) <= MAX_EVENT_BYTES:
        return item
    for shorter in shorter_events(event):
        if item_bytes(item := _row(where, shorter, attributes)) <= MAX_EVENT_BYTES:
            return item
    return _required_to_fit(item)


def attestation_item(attestation: Attestation) -> Item:
    """A statement; those before it about the same subject stay."""
    sort = f"{ATTESTATION_PREFIX}{attestation.subject}#{instant(attestation.issued_at)}"
    return row(key(attestation.cluster, sort), attestation, {})


def waiver_item(waiver: Waiver) -> Item:
    """A waiver; it takes the place of the one before for the same check."""
    return row(key(waiver.cluster, f"{WAIVER_PREFIX}{waiver.check}"), waiver, {})


def row(where: Item, value: object, attributes: Mapping[str, dict[str, Any]]) -> Item:
    """Make a row.

    Raises:
        StoreError: it is larger than a row may be, or than a reader unpacks.
    """
    return _required_to_fit(_row(where, value, attributes))


def _row(where: Item, value: object, attributes: Mapping[str, dict[str, Any]]) -> Item:
    text = msgspec.json.encode(value)
    if len(text) > MAX_BODY_BYTES:
        raise StoreError(f"{name_of(where)} would hold {len(text):,} bytes, more than {MAX_BODY_BYTES:,}")
    large = len(text) > COMPRESSED_FROM_BYTES
    body: dict[str, Any] = {"B": zlib.compress(text)} if large else {"S": text.decode()}
    return {**where, SCHEMA: {"N": str(getattr(value, "schema", 1))}, BODY: body, **attributes}


def _required_to_fit(item: Item) -> Item:
    if (size := item_bytes(item)) > MAX_ITEM_BYTES:
        raise StoreError(
            f"{name_of(item)} would take {size:,} bytes, more than {MAX_ITEM_BYTES:,}",
            remedy="report it with the output of: eks-readiness collect",
        )
    return item


def item_bytes(item: Item) -> int:
    """The size of a row as DynamoDB counts it, or a little more.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + sum(_sizes(value)) for name, value in item.items())


def _sizes(value: Mapping[str, Any]) -> Iterator[int]:
    for kept in value.values():
        yield len(kept if isinstance(kept, bytes) else str(kept).encode())


def body(item: Mapping[str, Mapping[str, Any]], kind: type[T]) -> T:
    """Read the value of a row.

    Raises:
        StoreError: it holds no such value; the message names the row.
    """
    try:
        stored = item[BODY]
        text = unpacked(stored["B"], MAX_BODY_BYTES) if "B" in stored else stored["S"].encode()
        found = read_value(text, kind)
        _require_own(item, found)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError, zlib.error) as error:
        problem = f"no {BODY}" if isinstance(error, KeyError) else str(error)
        raise StoreError(
            f"the ledger's row {name_of(item)} cannot be read: {problem}",
            remedy=_remedy(item),
        ) from error
    return found


def _remedy(item: Mapping[str, Mapping[str, Any]]) -> str:
    sort = item[names.SORT_KEY]["S"]
    return next((remedy for prefix, remedy in _REMEDIES.items() if sort.startswith(prefix)), _RESTORE)


_RESTORE = "restore the row from a backup"
_TOLD_AS_STORED = "leave it there: it is told as it is stored"
_REMEDIES = {
    names.OUTBOX_PREFIX: _TOLD_AS_STORED,
    HELD_PREFIX: _TOLD_AS_STORED,
    SCAN_PREFIX: f"{_RESTORE}, or delete it: a scan of the next half day writes another",
    REGISTRATION: "register the cluster again",
    ATTESTATION_PREFIX: f"{_RESTORE}, or delete it and state it again",
    WAIVER_PREFIX: f"{_RESTORE}, or state it again",
}
"""What to do about a row that cannot be read: no event may be deleted, and a state has what is held back."""


def _require_own(item: Mapping[str, Mapping[str, Any]], found: object) -> None:
    """Make sure that a row is about the cluster in whose partition it lies.

    Raises:
        ValueError: it is about another one, and whoever believed it would move that one's level.
    """
    cluster = getattr(found, "cluster", None) or getattr(getattr(found, "scorecard", None), "cluster", None)
    named = cluster.arn if isinstance(cluster, ClusterRef) else cluster
    partition = item[names.PARTITION_KEY]["S"]
    if named is not None and named != partition:
        raise ValueError(f"it is about {named}")


def unpacked(compressed: bytes, most_bytes: int) -> bytes:
    """Unpack what zlib or gzip packed, up to a size.

    Raises:
        ValueError: it is cut off, or larger.
        zlib.error: it is something else.
    """
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | _ZLIB_OR_GZIP)
    text = unpacking.decompress(compressed, most_bytes)
    if not unpacking.eof:
        raise ValueError(f"incomplete, or more than {most_bytes:,} bytes")
    return text


_ZLIB_OR_GZIP = 32
"""Source: https://docs.python.org/3/library/zlib.html#zlib.decompress"""


def text_of(item: Mapping[str, Mapping[str, Any]]) -> str:
    """The value of a row as it is stored, for people; nothing where it cannot be unpacked."""
    stored = item.get(BODY, {})
    try:
        return unpacked(stored["B"], MAX_BODY_BYTES).decode() if "B" in stored else str(stored.get("S", ""))
    except (ValueError, zlib.error):
        return ""
