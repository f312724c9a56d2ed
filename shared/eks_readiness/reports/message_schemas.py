"""What programs may rely on in the messages, as JSON Schema: made from the types that the messages are made from."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from eks_readiness.reports.event_message import DigestMessage, ExpiryMessage, LevelMessage

MESSAGES: dict[str, type[msgspec.Struct]] = {
    "level-change": LevelMessage,
    "expiry": ExpiryMessage,
    "fleet-digest": DigestMessage,
}
"""By the name in their field `schema`, between `eks-readiness.` and the version."""


def message_schema(name: str) -> dict[str, Any]:
    """The schema of one kind of message; further fields may be added to a message under the same version."""
    schema = msgspec.json.schema(MESSAGES[name])
    for part in schema["$defs"].values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:eks-readiness:message:{name}:1",
        **schema,
    }
