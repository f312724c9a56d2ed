"""An event in words for people, and as JSON for machines, each kind with its own schema (`names.MESSAGE_SCHEMA` …)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

import msgspec

from eks_readiness import names
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.event import (
    DigestEvent,
    DigestKind,
    DigestMember,
    Event,
    ExpiryEvent,
    ItemChange,
    LevelEvent,
    LevelEventKind,
    Move,
)
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.scorecard import LEVEL_MEANINGS, Level, LevelInterval
from eks_readiness.ports import Message, WriteMessage

Direction = Literal["none", "down", "up"]
_MAX_SUBJECT_CHARACTERS = 100
_MAX_CHANGES = 20
_MAX_OFFENDERS = 5
_MAX_BYTES = 250 * 1024
"""Of all bodies together; SNS takes 256 KiB. Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
_FEWER = (2, 1, 0)
"""How many offenders of each item, or items of each cluster, are named when all of them do not fit."""


class _Cluster(msgspec.Struct, frozen=True, kw_only=True):
    arn: str
    name: str
    region: str
    account: str
    partition: str


class LevelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive. Fields are only ever added under one schema; the same `event_id` is the same event.

    `missing_for` and `unknown_for` hold, by level, the items that stand in its way in addition to those below it.
    """

    schema: str
    event_id: str
    event: LevelEventKind
    direction: Direction
    cluster: _Cluster
    from_level: Level | None
    to_level: Level
    interval: LevelInterval
    observed_at: datetime
    scan_id: str
    ruleset: str
    score_percent: float | None
    changes: tuple[ItemChange, ...]
    moves: tuple[Move, ...]
    moves_total: int
    coverage_lost_at: datetime | None
    missing_for: dict[str, tuple[ItemId, ...]]
    unknown_for: dict[str, tuple[ItemId, ...]]
    dashboard_url: str


class ExpiryMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive about a statement that ends; `cluster` is null where it is about every cluster."""

    schema: str
    event_id: str
    event: Literal["EXPIRING"]
    cluster: _Cluster | None
    statement: Literal["attestation", "waiver"]
    subject: str
    owner: str
    expires_at: datetime
    dashboard_url: str


class DigestMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive about the fleet as a whole: the clusters, and how each moved."""

    schema: str
    event_id: str
    event: DigestKind
    members: tuple[DigestMember, ...]
    dashboard_url: str


def event_message_writer(dashboard_url: str) -> WriteMessage:
    """A writer of messages that send their readers to a dashboard (empty: to none)."""

    def write(event: Event) -> Message:
        message = compose(event)
        for most in _FEWER:
            if _size(message) <= _MAX_BYTES:
                break
            message = compose(_shorter(event, most))
        return message

    def compose(event: Event) -> Message:
        match event:
            case LevelEvent():
                machine: msgspec.Struct = _machine(event, dashboard_url)
                subject, prose, attributes = _subject(event), level_prose(event, dashboard_url), _attributes(event)
            case ExpiryEvent():
                machine = _expiry_machine(event, dashboard_url)
                subject, prose, attributes = _expiry_words(event, dashboard_url)
            case DigestEvent():
                machine = _digest_machine(event, dashboard_url)
                subject, prose, attributes = _digest_words(event, dashboard_url)
        return Message(
            subject=_ascii(subject),
            # Machines have no key of their own: each would be one more copy in what SNS takes as one message.
            bodies={"default": msgspec.json.encode(machine).decode(), "email": prose, "sms": _ascii(subject)},
            attributes=attributes,
        )

    return write


def _size(message: Message) -> int:
    return len(json.dumps(message.bodies, ensure_ascii=False).encode())


def _shorter(event: Event, most: int) -> Event:
    """The event with fewer offenders, or fewer changed items of each cluster; their numbers stay."""
    match event:
        case LevelEvent():
            changes = tuple(msgspec.structs.replace(each, offenders=each.offenders[:most]) for each in event.changes)
            return msgspec.structs.replace(event, changes=changes)
        case DigestEvent():
            members = tuple(msgspec.structs.replace(each, changed=each.changed[:most]) for each in event.members)
            return msgspec.structs.replace(event, members=members)
        case ExpiryEvent():
            return event


def level_prose(event: LevelEvent, dashboard_url: str) -> str:
    """The event as plain text."""
    parts = [_headline(event), _standing(event)]
    if event.moves:
        parts.append(_moves(event))
    if event.changes:
        title = "What is missing" if event.kind == "BASELINE" else "What changed"
        parts.append("\n".join([title, *(_change(each) for each in event.changes[:_MAX_CHANGES])]))
        if (more := len(event.changes) - _MAX_CHANGES) > 0:
            parts.append(f"and {more} more items")
    parts.extend(_ways(event))
    if dashboard_url:
        parts.append(f"Dashboard: {dashboard_url}")
    parts.append(f"Event {event.event_id}, scan {event.scan_id}")
    return "\n\n".join(parts) + "\n"


def _headline(event: LevelEvent) -> str:
    to = f"{event.to_level} ({LEVEL_MEANINGS[event.to_level]})"
    words: dict[LevelEventKind, str] = {
        "BASELINE": f" was scanned for the first time: readiness level {to}.",
        "REGRESSED": f" fell from readiness level {event.from_level} to {to}.",
        "IMPROVED": f" rose from readiness level {event.from_level} to {to}.",
        "RULESET_CHANGED": f" is at readiness level {to} under new rules, after {event.from_level}.",
        "UNSTABLE": " is unstable: its readiness level moves too often to tell each move. It is "
        f"{to} now; further moves of the day are told together.",
        "COVERAGE_LOST": f": its readiness level was not proven for too long. It is unknown, and was {to}. "
        "Nobody saw it fall.",
        "COVERAGE_RESTORED": f" can be observed again: readiness level {to}.",
        "CLUSTER_REMOVED": f" is no longer scanned. Its readiness level was {to}; its history stays.",
    }
    return f"{event.cluster}{words[event.kind]}"


def _moves(event: LevelEvent) -> str:
    lines = [f"  {_when(each.slot)}: from {each.from_level} to {each.to_level}" for each in event.moves]
    if (more := event.moves_total - len(event.moves)) > 0:
        lines.insert(0, f"  {more} before these")
    return "\n".join([f"{event.moves_total} moves are told together", *lines])


def _standing(event: LevelEvent) -> str:
    lines = [f"Observed {_when(event.observed_at)}."]
    if event.kind != "COVERAGE_LOST" and event.coverage_lost_at is not None:
        lines.append(f"Proof was lost {_when(event.coverage_lost_at)}, and is back.")
    if event.from_level is not None and event.from_since is not None and event.from_level != event.to_level:
        lines.append(f"Level {event.from_level} had stood since {_when(event.from_since)}.")
    if not event.interval.exact:
        lines.append(
            f"Not everything could be observed: the level is between {event.interval.lowest} and "
            f"{event.interval.highest}."
        )
    return " ".join(lines)


def _change(change: ItemChange) -> str:
    moved = f"was {change.before}, is {change.after}" if change.before else f"is {change.after}"
    lines = [f"- {change.title} (required from level {change.required_from}): {moved} since {_when(change.since)}"]
    if change.reason:
        lines.append(f"  Why: {change.reason}")
    if change.offenders:
        shown = ", ".join(change.offenders[:_MAX_OFFENDERS])
        more = change.offenders_total - min(len(change.offenders), _MAX_OFFENDERS)
        lines.append(f"  Where: {shown}{f' and {more} more' if more > 0 else ''}")
    if change.fix:
        lines.append(f"  Fix: {change.fix}")
    return "\n".join(lines)


def _ways(event: LevelEvent) -> list[str]:
    ways = []
    for title, found in (("Missing", event.missing), ("Could not be observed", event.unknown)):
        lines = [f"  level {level}: {', '.join(items)}" for level, items in sorted(found.items()) if items]
        if lines:
            ways.append("\n".join([f"{title}, by the level that it stands in the way of", *lines]))
    return ways


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _subject(event: LevelEvent) -> str:
    words = {
        "BASELINE": f"starts at level {event.to_level}",
        "REGRESSED": f"fell from level {event.from_level} to {event.to_level}",
        "IMPROVED": f"rose from level {event.from_level} to {event.to_level}",
        "RULESET_CHANGED": f"is at level {event.to_level} under new rules",
        "UNSTABLE": f"is unstable, now at level {event.to_level}",
        "COVERAGE_LOST": f"is unknown (was level {event.to_level})",
        "COVERAGE_RESTORED": f"is known again: level {event.to_level}",
        "CLUSTER_REMOVED": "is no longer scanned",
    }
    return f"EKS readiness: {event.cluster.name} ({event.cluster.region}) {words[event.kind]}"


def _ascii(subject: str) -> str:
    """SNS takes printable ASCII on one line."""
    return bounded(subject.encode("ascii", "replace").decode(), _MAX_SUBJECT_CHARACTERS).replace("…", ".")


def _direction(event: LevelEvent) -> Direction:
    if event.from_level is None or event.from_level == event.to_level or event.kind == "CLUSTER_REMOVED":
        return "none"
    return "down" if event.to_level < event.from_level else "up"


def _attributes(event: LevelEvent) -> dict[str, str | int]:
    direction = _direction(event)
    urgent = direction == "down" or event.kind in ("COVERAGE_LOST", "UNSTABLE")
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.kind,
        names.ATTRIBUTE_DIRECTION: direction,
        **_place(event.cluster),
        names.ATTRIBUTE_TO_LEVEL: event.to_level,
        names.ATTRIBUTE_PRIORITY: "high" if urgent else "normal",
    }
    if event.from_level is not None:
        attributes[names.ATTRIBUTE_FROM_LEVEL] = event.from_level
    return attributes


def _place(cluster: ClusterRef) -> dict[str, str]:
    return {
        names.ATTRIBUTE_CLUSTER: cluster.name,
        names.ATTRIBUTE_ACCOUNT: cluster.account,
        names.ATTRIBUTE_REGION: cluster.region,
    }


def _machine(event: LevelEvent, dashboard_url: str) -> LevelMessage:
    return LevelMessage(
        schema=names.MESSAGE_SCHEMA,
        event_id=event.event_id,
        event=event.kind,
        direction=_direction(event),
        cluster=_cluster(event.cluster),
        from_level=event.from_level,
        to_level=event.to_level,
        interval=event.interval,
        observed_at=event.observed_at,
        scan_id=event.scan_id,
        ruleset=event.ruleset,
        score_percent=event.score_percent,
        changes=event.changes[:_MAX_CHANGES],
        moves=event.moves,
        moves_total=event.moves_total,
        coverage_lost_at=event.coverage_lost_at,
        missing_for=event.missing,
        unknown_for=event.unknown,
        dashboard_url=dashboard_url,
    )


def _cluster(cluster: ClusterRef) -> _Cluster:
    return _Cluster(
        arn=cluster.arn,
        name=cluster.name,
        region=cluster.region,
        account=cluster.account,
        partition=cluster.partition,
    )


def _expiry_machine(event: ExpiryEvent, dashboard_url: str) -> ExpiryMessage:
    return ExpiryMessage(
        schema=names.EXPIRY_SCHEMA,
        event_id=event.event_id,
        event=event.kind,
        cluster=_cluster(event.cluster) if event.cluster else None,
        statement=event.statement,
        subject=event.subject,
        owner=event.owner,
        expires_at=event.expires_at,
        dashboard_url=dashboard_url,
    )


def _expiry_words(event: ExpiryEvent, dashboard_url: str) -> tuple[str, str, dict[str, str | int]]:
    where = str(event.cluster) if event.cluster else "every cluster"
    then = (
        "Then what it answers counts as not in place."
        if event.statement == "attestation"
        else "Then what it accepts counts again."
    )
    renew = "attest" if event.statement == "attestation" else "waive"
    prose = (
        f"The {event.statement} of {event.owner} about {event.subject} for {where} ends {_when(event.expires_at)}. "
        f"{then}\n\nRenew it: eks-readiness {renew} {event.subject} …\n"
    )
    if dashboard_url:
        prose += f"\nDashboard: {dashboard_url}\n"
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.kind,
        names.ATTRIBUTE_DIRECTION: "none",
        names.ATTRIBUTE_PRIORITY: "normal",
    }
    if event.cluster:
        attributes.update(_place(event.cluster))
    return f"EKS readiness: {event.statement} of {event.subject} ends soon", prose, attributes


def _digest_machine(event: DigestEvent, dashboard_url: str) -> DigestMessage:
    return DigestMessage(
        schema=names.DIGEST_SCHEMA,
        event_id=event.event_id,
        event=event.kind,
        members=event.members,
        dashboard_url=dashboard_url,
    )


def _digest_words(event: DigestEvent, dashboard_url: str) -> tuple[str, str, dict[str, str | int]]:
    count = f"{len(event.members)} cluster{'s' if len(event.members) != 1 else ''}"
    if event.kind == "RULESET_CHANGED":
        subject = f"EKS readiness: new rules moved the level of {count}"
        headline = f"Rules, thresholds or waivers changed, and moved the readiness level of {count}."
    else:
        subject = f"EKS readiness: {count} cannot be observed any more"
        headline = (
            f"The readiness levels of {count} were not proven for too long. They are unknown; nobody saw them fall. "
            "So many at once point to the scanner, its rights or its network."
        )
    lines = [_member(each) for each in event.members]
    parts = [headline, "\n".join(lines)]
    if dashboard_url:
        parts.append(f"Dashboard: {dashboard_url}")
    parts.append(f"Event {event.event_id}")
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.kind,
        names.ATTRIBUTE_DIRECTION: "none",
        names.ATTRIBUTE_PRIORITY: "high",
    }
    return subject, "\n\n".join(parts) + "\n", attributes


def _member(member: DigestMember) -> str:
    if member.from_level in (None, member.to_level):
        return f"- {member.cluster}: was {member.to_level}"
    changed = f" ({', '.join(member.changed[:_MAX_CHANGES])})" if member.changed else ""
    return f"- {member.cluster}: {member.from_level} -> {member.to_level}{changed}"
