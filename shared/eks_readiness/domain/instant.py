"""A point in time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Instant = Annotated[datetime, Meta(tz=True)]
"""An instant with its offset: text without one is refused when it is read, since nobody knows what it means."""
