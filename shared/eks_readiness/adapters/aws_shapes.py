"""Holds answers of AWS against the SDK's own description of them, since the SDK itself passes on what it is given.

Only types are looked at: a field that is missing, or a word that the description does not list, is what a newer service
or another partition may answer, and the probes judge it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from eks_readiness.adapters.aws_errors import NOT_THE_SERVICE
from eks_readiness.domain.errors import UnexpectedAnswer

MAX_DEPTH = 64
"""Descriptions may contain themselves; no answer of a service does so deeply."""
MAX_HEAD_BYTES = 1_000
_MAX_LONG = 2**63
_WHOLE = frozenset({"integer", "long"})
_OK = range(200, 300)
_NOT_IN_THE_BODY = frozenset({"header", "headers", "statusCode"})


def require_body(operation_model: OperationModel, response_dict: Mapping[str, Any], **_more: object) -> None:
    """Make sure that a successful answer is one: the SDK takes anything else for one without any field.

    It listens to the SDK's `before-parse` event.

    Raises:
        UnexpectedAnswer: it is not; to take it for an empty one would be to say that nothing is there.
    """
    body, shape = response_dict.get("body"), operation_model.output_shape
    if response_dict.get("status_code") not in _OK or not isinstance(body, bytes) or not _has_body(shape):
        return
    service, name = operation_model.service_model, operation_model.name
    protocol = getattr(service, "resolved_protocol", None) or service.metadata.get("protocol", "")
    if protocol in ("ec2", "query") and f"<{name}Response".encode() not in body[:MAX_HEAD_BYTES]:
        raise UnexpectedAnswer(
            f"{service.service_name}:{name}: the answer is not a {name}Response: {body[:60]!r}", remedy=NOT_THE_SERVICE
        )
    if "json" not in protocol:
        return
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict) or (shape is not None and not _nests_as(read, shape, MAX_DEPTH)):
        raise UnexpectedAnswer(
            f"{service.service_name}:{name}: the answer is not what its description says: {body[:60]!r}",
            remedy=NOT_THE_SERVICE,
        )


def _nests_as(value: Any, shape: Shape, depth: int) -> bool:
    """Whether lists are lists and structures are structures: the SDK makes a list of a text's letters."""
    if value is None or not depth or getattr(shape, "is_document_type", False):
        return True
    if isinstance(shape, ListShape):
        return isinstance(value, list) and all(_nests_as(each, shape.member, depth - 1) for each in value)
    if isinstance(shape, MapShape):
        return isinstance(value, dict) and all(_nests_as(each, shape.value, depth - 1) for each in value.values())
    if isinstance(shape, StructureShape):
        return isinstance(value, dict) and all(
            _nests_as(value.get(member.serialization.get("name", name)), member, depth - 1)
            for name, member in shape.members.items()
            if member.serialization.get("location") not in _NOT_IN_THE_BODY
        )
    return True


def _has_body(shape: Shape | None) -> bool:
    if not isinstance(shape, StructureShape) or "payload" in shape.serialization:
        return False
    return any(each.serialization.get("location") not in _NOT_IN_THE_BODY for each in shape.members.values())


def require_shape(value: object, shape: Shape | None, where: str) -> None:
    """Make sure that an answer, or a part of one, has the types that its description says; None is an absent field.

    Raises:
        UnexpectedAnswer: it does not; the message names the place.
    """
    if shape is not None and (wrong := _wrong(value, shape, MAX_DEPTH)) is not None:
        place, what = wrong
        raise UnexpectedAnswer(f"{where}: {'.'.join(('answer', *place))} is {what}", remedy=NOT_THE_SERVICE)


_Wrong = tuple[tuple[str, ...], str] | None

# Text in IAM's model, but botocore hands it over decoded: json_decode_policies,
# https://github.com/boto/botocore/blob/develop/botocore/handlers.py
_POLICY_DOCUMENT = "policyDocumentType"


def _wrong(value: object, shape: Shape, depth: int) -> _Wrong:
    if not depth:
        return (), "nested too deeply"
    if isinstance(shape, StructureShape):
        return _wrong_structure(value, shape, depth - 1)
    if isinstance(shape, ListShape):
        return _wrong_list(value, shape, depth - 1)
    if isinstance(shape, MapShape):
        return _wrong_map(value, shape, depth - 1)
    if shape.name == _POLICY_DOCUMENT and isinstance(value, Mapping):
        return None
    what = _wrong_scalar(value, shape.type_name)
    return ((), what) if what else None


def _wrong_structure(value: object, shape: StructureShape, depth: int) -> _Wrong:
    if getattr(shape, "is_document_type", False):
        return None
    if not isinstance(value, Mapping):
        return (), f"{_said(value)}, not a structure"
    members: Mapping[str, Shape] = shape.members
    for name, each in value.items():
        member = members.get(name)
        if member is None or each is None:
            continue
        if (wrong := _wrong(each, member, depth)) is not None:
            return (name, *wrong[0]), wrong[1]
    return None


def _wrong_list(value: object, shape: ListShape, depth: int) -> _Wrong:
    if not isinstance(value, list):
        return (), f"{_said(value)}, not a list"
    for index, each in enumerate(value):
        if (wrong := _wrong(each, shape.member, depth)) is not None:
            return (str(index), *wrong[0]), wrong[1]
    return None


def _wrong_map(value: object, shape: MapShape, depth: int) -> _Wrong:
    if not isinstance(value, Mapping):
        return (), f"{_said(value)}, not a map"
    for name, each in value.items():
        if (what := _wrong_scalar(name, "string")) is not None:
            return ("a key",), what
        if (wrong := _wrong(each, shape.value, depth)) is not None:
            return (str(name), *wrong[0]), wrong[1]
    return None


def _wrong_scalar(value: Any, kind: str) -> str | None:  # noqa: PLR0911 - one for each type
    if kind in ("string", "character"):
        if not isinstance(value, str):
            return f"{_said(value)}, not text"
        return None if value.isascii() or _is_unicode(value) else "text with halves of characters"
    if kind == "boolean":
        return None if isinstance(value, bool) else f"{_said(value)}, not true or false"
    if kind == "timestamp":
        known = isinstance(value, datetime) and value.utcoffset() is not None
        return None if known else f"{_said(value)}, not an instant"
    if kind in _WHOLE:
        whole = isinstance(value, int) and not isinstance(value, bool) and -_MAX_LONG <= value < _MAX_LONG
        return None if whole else f"{_said(value)}, not a whole number of 64 bits"
    if kind in ("float", "double"):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and abs(value) < math.inf else f"{_said(value)}, not a number"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _said(value: object) -> str:
    return "null" if value is None else type(value).__name__
