"""Which statements end soon, and what is told about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid5

from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.event import NAMESPACE, ExpiryEvent

MAX_ANNOUNCED = 100
"""Ends that one scan announces: more at once are a habit, and the next scans go on."""


def expiring(
    attestations: Iterable[Attestation], waivers: Iterable[Waiver], *, at: datetime, notice: timedelta
) -> tuple[ExpiryEvent, ...]:
    """The statements that count now and end within `notice`, soonest first; a renewed one is not announced."""
    statements: tuple[tuple[Literal["attestation", "waiver"], str, Attestation | Waiver], ...] = (
        *(("attestation", each.subject, each) for each in attestations if each.holds),
        *(("waiver", each.check, each) for each in waivers),
    )
    events = [
        _event(kind, subject, each)
        for kind, subject, each in statements
        if each.valid_at(at) and each.expires_at - at <= notice and not _outlasted(kind, subject, each, statements)
    ]
    return tuple(sorted(events, key=lambda event: (event.expires_at, event.key)))[:MAX_ANNOUNCED]


def _outlasted(
    kind: str,
    subject: str,
    statement: Attestation | Waiver,
    statements: Iterable[tuple[str, str, Attestation | Waiver]],
) -> bool:
    """Whether another statement of the same kind takes its place: one about this cluster, or about every one."""
    return any(
        other.expires_at > statement.expires_at and other.issued_at >= statement.issued_at
        for other_kind, other_subject, other in statements
        if (other_kind, other_subject) == (kind, subject)
    )


def _event(kind: Literal["attestation", "waiver"], subject: str, statement: Attestation | Waiver) -> ExpiryEvent:
    identity = f"{kind}|{statement.cluster}|{subject}|{statement.expires_at.isoformat()}"
    return ExpiryEvent(
        event_id=str(uuid5(NAMESPACE, identity)),
        statement=kind,
        subject=subject,
        cluster=None if statement.cluster == EVERY_CLUSTER else ClusterRef.parse(statement.cluster),
        owner=statement.owner,
        expires_at=statement.expires_at,
    )


def names_of(events: Iterable[ExpiryEvent]) -> Iterator[str]:
    """What a state remembers of announced ends."""
    return (f"{event.key.partition}#{event.key.name}" for event in events)
