"""Reads what a newer version wrote, as far as this one understands it.

A version adds fields, kinds and verdicts; it never changes what is there. The version before it (which runs again after
a rollback, and for moments during every deployment) leaves out the fields that it does not know, and takes a value
that it does not know for the one that claims least: a verdict is unknown, a level is the highest that it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args
from uuid import uuid5

import msgspec
from msgspec import inspect

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError, UnavailableReason, bounded
from eks_readiness.domain.event import (
    NAMESPACE,
    DigestEvent,
    DigestKind,
    ForeignEvent,
    LevelEvent,
    LevelEventKind,
    OutboxKey,
)
from eks_readiness.domain.finding import Outcome
from eks_readiness.domain.item import Category, Priority
from eks_readiness.domain.ledger import Trigger
from eks_readiness.domain.scorecard import ItemVerdict

T = TypeVar("T")

SCHEMA: Final = 1
"""What this version writes. Raise it with every value that is added to one of the enumerations below."""


def _values(literal: Any) -> frozenset[object]:
    return frozenset(get_args(literal))


FALLBACKS: Mapping[frozenset[object], str] = {
    _values(ItemVerdict): "unknown",
    _values(Outcome): "unknown",
    _values(UnavailableReason): "unexpected",
    _values(Category): "practices",
    _values(Priority): "high",
    _values(Trigger): "request",
    _values(LevelEventKind): "OTHER",
    _values(DigestKind): "OTHER",
}
"""What a value that is not known stands for, by the values that are."""
_MAX_KIND_CHARACTERS = 60
_MAX_DOCUMENT_CHARACTERS = 4000
UNREADABLE: Final = "UNREADABLE"
"""The kind of an event that does not even say what it is."""


def read_value(text: bytes, kind: type[T]) -> T:
    """Read a stored value.

    Raises:
        msgspec.DecodeError: it is no such value, not even one of a newer version.
    """
    try:
        return _as_ours(msgspec.json.decode(text, type=kind))
    except msgspec.ValidationError:
        known = _known(msgspec.json.decode(text), inspect.type_info(kind))
        return _as_ours(msgspec.json.decode(msgspec.json.encode(known), type=kind))


def _as_ours(value: T) -> T:
    """What was read is written again only as this version writes it."""
    if getattr(value, "schema", SCHEMA) == SCHEMA or not isinstance(value, msgspec.Struct):
        return value
    ours: T = msgspec.structs.replace(value, schema=SCHEMA)
    return ours


def _known(document: Any, kind: inspect.Type) -> Any:
    match kind:
        case inspect.StructType() if isinstance(document, dict):
            return _known_fields(document, kind)
        case inspect.LiteralType():
            return _known_literal(document, frozenset(kind.values))
        case inspect.UnionType():
            return _known_member(document, kind)
        case inspect.VarTupleType() | inspect.ListType() if isinstance(document, list):
            return [_known(each, kind.item_type) for each in document]
        case inspect.DictType() if isinstance(document, dict):
            return {
                name: _known(value, kind.value_type)
                for name, value in document.items()
                if not isinstance(kind.key_type, inspect.LiteralType) or name in {*map(str, kind.key_type.values)}
            }
    return document


def _known_fields(document: dict[str, Any], kind: inspect.StructType) -> dict[str, Any]:
    fields = {each.encode_name: each.type for each in kind.fields}
    found = {name: _known(value, fields[name]) for name, value in document.items() if name in fields}
    if kind.tag_field is not None and kind.tag_field in document:
        found[kind.tag_field] = document[kind.tag_field]
    if kind.cls in (LevelEvent, DigestEvent) and found.get("kind") == "OTHER" != document["kind"]:
        found["other_kind"] = bounded(str(document["kind"]), _MAX_KIND_CHARACTERS)
    return found


def _known_literal(document: Any, values: frozenset[object]) -> Any:
    # JSON's true is no number here, though Python's is.
    if isinstance(document, int) and not isinstance(document, bool):
        numbers = [each for each in values if isinstance(each, int)]
        return max(numbers) if numbers and document > max(numbers) else document
    if isinstance(document, str) and document not in values:
        return FALLBACKS.get(values, document)
    return document


def _known_member(document: Any, kind: inspect.UnionType) -> Any:
    if document is None:
        return None
    members = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    if len(members) == 1:
        return _known(document, members[0])
    if isinstance(document, dict):
        for each in members:
            if isinstance(each, inspect.StructType) and each.tag_field and document.get(each.tag_field) == each.tag:
                return _known(document, each)
    return document


def foreign_event(key: OutboxKey, text: str, *, problem: str) -> ForeignEvent:
    """What is told of an event that cannot be read: its name, its cluster, and its text as far as there is room."""
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        document = None
    found = document if isinstance(document, dict) else {}
    named = found.get("event_id")
    kind = found.get("kind") or found.get("type")
    return ForeignEvent(
        # The same row has the same id, however often it is told.
        event_id=named if isinstance(named, str) and named else str(uuid5(NAMESPACE, f"{key.partition}|{key.name}")),
        kind=bounded(kind, _MAX_KIND_CHARACTERS) if isinstance(kind, str) else UNREADABLE,
        key=key,
        cluster=_cluster(key.partition),
        problem=bounded(problem),
        document=bounded(text, _MAX_DOCUMENT_CHARACTERS),
    )


def _cluster(partition: str) -> ClusterRef | None:
    try:
        return ClusterRef.parse(partition)
    except InputError:
        return None
