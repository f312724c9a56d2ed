"""Statements of people: attestations answer what no probe can see, waivers accept what a probe saw."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from eks_readiness.domain.instant import Instant

Text = Annotated[str, Meta(max_length=2000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
EVERY_CLUSTER: Literal["*"] = "*"


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dated statement that an item or a check holds (or does not), made by a person or a pipeline.

    `subject` is an item id or a check id; `cluster` a cluster ARN or `*`; `owner` who stands for it.
    """

    subject: Name
    cluster: Name = EVERY_CLUSTER
    holds: bool = True
    owner: Name
    evidence_uri: Text = ""
    note: Text = ""
    issued_at: Instant
    expires_at: Instant

    def valid_at(self, at: datetime) -> bool:
        """Whether the statement counts at an instant: issued, and not yet expired."""
        return self.issued_at <= at < self.expires_at

    def fresh_at(self, at: datetime, max_age: timedelta) -> bool:
        """Whether the statement counts and is not older than `max_age`."""
        return self.valid_at(at) and at - self.issued_at <= max_age


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accepts a failing or unknown check, for a cluster or for all, until a date. It never replaces the verdict."""

    check: Name
    cluster: Name = EVERY_CLUSTER
    owner: Name
    reason: Name
    issued_at: Instant
    expires_at: Instant

    def valid_at(self, at: datetime) -> bool:
        """Whether the waiver counts at an instant."""
        return self.issued_at <= at < self.expires_at
