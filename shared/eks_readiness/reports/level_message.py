"""A level event in words for people, and as JSON for machines (`eks-readiness.level-change/1`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from eks_readiness import names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.ledger import EventKind, ItemChange, LevelEvent
from eks_readiness.domain.scorecard import LEVEL_MEANINGS, Level, LevelInterval
from eks_readiness.ports import Message, WriteMessage

Direction = Literal["none", "down", "up"]
_DIRECTIONS: dict[EventKind, Direction] = {"BASELINE": "none", "REGRESSED": "down", "IMPROVED": "up"}
_MAX_SUBJECT_CHARACTERS = 100
_MAX_CHANGES = 20
_MAX_OFFENDERS = 5


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
    event: EventKind
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
    missing_for: dict[str, tuple[ItemId, ...]]
    unknown_for: dict[str, tuple[ItemId, ...]]
    dashboard_url: str


def level_message_writer(dashboard_url: str) -> WriteMessage:
    """A writer of messages that send their readers to a dashboard (empty: to none)."""

    def write(event: LevelEvent) -> Message:
        prose = level_prose(event, dashboard_url)
        machine = msgspec.json.encode(_machine(event, dashboard_url)).decode()
        return Message(
            subject=_subject(event),
            bodies={
                "default": prose,
                "email": prose,
                **dict.fromkeys(("email-json", "sqs", "lambda", "http", "https", "firehose"), machine),
            },
            attributes=_attributes(event),
        )

    return write


def level_prose(event: LevelEvent, dashboard_url: str) -> str:
    """The event as plain text."""
    parts = [_headline(event), _standing(event)]
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
    if event.from_level is None:
        return f"{event.cluster} was scanned for the first time: readiness level {to}."
    verb = "fell" if event.kind == "REGRESSED" else "rose"
    return f"{event.cluster} {verb} from readiness level {event.from_level} to {to}."


def _standing(event: LevelEvent) -> str:
    lines = [f"Observed {_when(event.observed_at)}."]
    if event.from_level is not None and event.from_since is not None:
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
    cluster = f"{event.cluster.name} ({event.cluster.region})"
    if event.from_level is None:
        text = f"EKS readiness: {cluster} starts at level {event.to_level}"
    else:
        verb = "fell" if event.kind == "REGRESSED" else "rose"
        text = f"EKS readiness: {cluster} {verb} from level {event.from_level} to {event.to_level}"
    # SNS takes printable ASCII on one line.
    return bounded(text.encode("ascii", "replace").decode(), _MAX_SUBJECT_CHARACTERS).replace("…", ".")


def _attributes(event: LevelEvent) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.kind,
        names.ATTRIBUTE_DIRECTION: _DIRECTIONS[event.kind],
        names.ATTRIBUTE_CLUSTER: event.cluster.name,
        names.ATTRIBUTE_ACCOUNT: event.cluster.account,
        names.ATTRIBUTE_REGION: event.cluster.region,
        names.ATTRIBUTE_TO_LEVEL: event.to_level,
        names.ATTRIBUTE_PRIORITY: "high" if event.kind == "REGRESSED" else "normal",
    }
    if event.from_level is not None:
        attributes[names.ATTRIBUTE_FROM_LEVEL] = event.from_level
    return attributes


def _machine(event: LevelEvent, dashboard_url: str) -> LevelMessage:
    cluster = event.cluster
    return LevelMessage(
        schema=names.MESSAGE_SCHEMA,
        event_id=event.event_id,
        event=event.kind,
        direction=_DIRECTIONS[event.kind],
        cluster=_Cluster(
            arn=cluster.arn,
            name=cluster.name,
            region=cluster.region,
            account=cluster.account,
            partition=cluster.partition,
        ),
        from_level=event.from_level,
        to_level=event.to_level,
        interval=event.interval,
        observed_at=event.observed_at,
        scan_id=event.scan_id,
        ruleset=event.ruleset,
        score_percent=event.score_percent,
        changes=event.changes[:_MAX_CHANGES],
        missing_for=event.missing,
        unknown_for=event.unknown,
        dashboard_url=dashboard_url,
    )
