"""An event in words for people, and as JSON for machines, each kind with its own schema (docs/schemas)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import msgspec

from eks_readiness import names
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.event import (
    DigestEvent,
    DigestMember,
    Event,
    ExpiryEvent,
    ForeignEvent,
    ItemChange,
    LevelEvent,
    LevelEventKind,
    Move,
)
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.scorecard import LEVEL_MEANINGS, Level, LevelInterval
from eks_readiness.domain.shortening import shorter_events
from eks_readiness.ports import Message, WriteMessage

Direction = Literal["none", "down", "up"]
_MAX_SUBJECT_CHARACTERS = 99
_MAX_CHANGES = 20
_MAX_OFFENDERS = 5
_MAX_MEMBER_CHANGES = 5
_MAX_FIX_CHARACTERS = 1000
MAX_BYTES = 192 * 1024
"""Of all bodies together; SNS takes a third more. What is larger is told without the details of each change."""


class MessageCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster, by its ARN and by the parts of it."""

    arn: str
    name: str
    region: str
    account: str
    partition: str


class LevelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive. Fields are only ever added under one schema; the same `event_id` is the same event.

    `from_level` is what was told before (null in a first scan), `to_level` what is published now. `changes` are the
    items that moved since the event before, at most 20 of `changes_total`. `moves` are the newest of `moves_total`
    moves of the level that are told together. `coverage_lost_at` is when proof of the level was lost; with any other
    event than COVERAGE_LOST it is back. `missing_for` and `unknown_for` hold, by level, the items that stand in its
    way in addition to those below it.
    """

    schema: Literal["eks-readiness.level-change/1"]
    event_id: str
    event: str
    direction: Direction
    cluster: MessageCluster
    from_level: Level | None
    to_level: Level
    interval: LevelInterval
    observed_at: datetime
    scan_id: str
    ruleset: str
    score_percent: float | None
    changes: tuple[ItemChange, ...]
    changes_total: int
    moves: tuple[Move, ...]
    moves_total: int
    coverage_lost_at: datetime | None
    missing_for: dict[str, tuple[ItemId, ...]]
    unknown_for: dict[str, tuple[ItemId, ...]]
    dashboard_url: str


class ExpiryMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive about a statement that ends; `cluster` is null where it is about every cluster."""

    schema: Literal["eks-readiness.expiry/1"]
    event_id: str
    event: Literal["EXPIRING"]
    cluster: MessageCluster | None
    statement: Literal["attestation", "waiver"]
    subject: str
    owner: str
    expires_at: datetime
    dashboard_url: str


class MemberChange(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster's part of a digest: the event that the digest tells in its place.

    `changed` are some of `changed_total` items that moved, `moves` the newest of `moves_total` moves of the level that
    had been held back. `coverage_lost_at` is when proof of the level was lost; with any other event than FLEET_COVERAGE
    it is back.
    """

    event_id: str
    cluster: MessageCluster
    from_level: Level | None
    to_level: Level
    changed: tuple[ItemId, ...]
    changed_total: int
    moves: tuple[Move, ...]
    moves_total: int
    coverage_lost_at: datetime | None


class DigestMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive about the fleet as a whole: the clusters, at most 98, and how each moved."""

    schema: Literal["eks-readiness.fleet-digest/1"]
    event_id: str
    event: str
    members: tuple[MemberChange, ...]
    dashboard_url: str


class ForeignMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What machines receive about an event that this version cannot read; `document` is its text, perhaps cut."""

    schema: str
    event_id: str
    event: str
    cluster: MessageCluster | None
    problem: str
    document: str
    dashboard_url: str


def event_message_writer(dashboard_url: str) -> WriteMessage:
    """A writer of messages that send their readers to a dashboard (empty: to none).

    A message that SNS would not take is written with fewer details.
    """

    def write(event: Event) -> Message:
        forms = _forms(event)
        message = _written(next(forms), dashboard_url)
        while len(json.dumps(message.bodies)) > MAX_BYTES:  # as it is sent: with everything but ASCII escaped
            shorter = next(forms, None)
            if shorter is None:
                break
            message = _written(shorter, dashboard_url)
        return message

    return write


def _forms(event: Event) -> Iterator[Event]:
    yield event
    if not isinstance(event, ForeignEvent):
        yield from shorter_events(event)


def _written(event: Event, dashboard_url: str) -> Message:
    match event:
        case LevelEvent():
            machine: msgspec.Struct = _machine(event, dashboard_url)
            return _message(machine, _subject(event), level_prose(event, dashboard_url), _attributes(event))
        case ExpiryEvent():
            return _message(_expiry_machine(event, dashboard_url), *_expiry_words(event, dashboard_url))
        case DigestEvent():
            return _message(_digest_machine(event, dashboard_url), *_digest_words(event, dashboard_url))
        case ForeignEvent():
            return _message(_foreign_machine(event, dashboard_url), *_foreign_words(event, dashboard_url))


def _message(machine: msgspec.Struct, subject: str, prose: str, attributes: dict[str, str | int]) -> Message:
    """One text for programs, one for people: SNS counts every body, also those that nobody is subscribed to."""
    subject = _ascii(subject)
    return Message(
        subject=subject,
        bodies={"default": msgspec.json.encode(machine).decode(), "email": _printable(prose), "sms": subject},
        attributes=attributes,
    )


def level_prose(event: LevelEvent, dashboard_url: str) -> str:
    """The event as plain text."""
    parts = [_headline(event), _standing(event)]
    if event.moves:
        parts.append(_moves(event))
    if event.changes:
        title = "What is missing" if event.kind == "BASELINE" else "What changed"
        lines = [title, *(_change(each) for each in event.changes[:_MAX_CHANGES])]
        if (more := len(event.changes) - _MAX_CHANGES) > 0:
            lines.append(f"and {more} more items")
        parts.append("\n".join(lines))
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
        "UNSTABLE": f" is unstable: its readiness level moves too often to tell each move. It is {to} now; further "
        "moves of the day are told together.",
        "COVERAGE_LOST": f": its readiness level was not proven for too long. It is unknown, and was {to}. "
        "Nobody saw it fall.",
        "COVERAGE_RESTORED": f" can be observed again: readiness level {to}.",
        "CLUSTER_REMOVED": f" is no longer scanned. Its readiness level was {to}; its history stays.",
        "OTHER": f": {event.other_kind}, an event that this version of the scanner does not know: a newer one wrote "
        f"it. The readiness level is {to}.",
    }
    return f"{bounded(str(event.cluster))}{words[event.kind]}"


def _moves(event: LevelEvent) -> str:
    lines = [f"  {_when(each.slot)}: from {each.from_level} to {each.to_level}" for each in event.moves]
    if (more := event.moves_total - len(event.moves)) > 0:
        lines.insert(0, f"  {more} before these")
    count = event.moves_total
    return "\n".join([f"{count} moves are told together" if count > 1 else "1 move is told here", *lines])


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
    title = bounded(change.title)
    lines = [f"- {title} (required from level {change.required_from}): {moved} since {_when(change.since)}"]
    if change.reason:
        lines.append(f"  Why: {bounded(change.reason)}")
    if change.offenders:
        shown = ", ".join(bounded(each) for each in change.offenders[:_MAX_OFFENDERS])
        more = change.offenders_total - min(len(change.offenders), _MAX_OFFENDERS)
        lines.append(f"  Where: {shown}{f' and {more} more' if more > 0 else ''}")
    if change.fix:
        lines.append(f"  Fix: {bounded(change.fix, _MAX_FIX_CHARACTERS)}")
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
    words: dict[LevelEventKind, str] = {
        "BASELINE": f"starts at level {event.to_level}",
        "REGRESSED": f"fell from level {event.from_level} to {event.to_level}",
        "IMPROVED": f"rose from level {event.from_level} to {event.to_level}",
        "RULESET_CHANGED": f"is at level {event.to_level} under new rules",
        "UNSTABLE": f"is unstable, now at level {event.to_level}",
        "COVERAGE_LOST": f"is unknown (was level {event.to_level})",
        "COVERAGE_RESTORED": f"is known again: level {event.to_level}",
        "CLUSTER_REMOVED": "is no longer scanned",
        "OTHER": f"had the event {event.other_kind}, at level {event.to_level}",
    }
    return f"EKS readiness: {event.cluster.name} ({event.cluster.region}) {words[event.kind]}"


def _ascii(subject: str) -> str:
    """SNS takes fewer than 100 printable ASCII characters on one line.

    Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    return bounded(subject.encode("ascii", "replace").decode(), _MAX_SUBJECT_CHARACTERS).replace("…", ".")


def _printable(text: str) -> str:
    """Text without what moves a cursor, turns the way of writing or ends a line that is not ours."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)


def _direction(event: LevelEvent) -> Direction:
    if event.from_level is None or event.from_level == event.to_level or event.kind == "CLUSTER_REMOVED":
        return "none"
    return "down" if event.to_level < event.from_level else "up"


def _attributes(event: LevelEvent) -> dict[str, str | int]:
    direction = _direction(event)
    urgent = direction == "down" or event.kind in ("COVERAGE_LOST", "UNSTABLE")
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.other_kind or event.kind,
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
        event=event.other_kind or event.kind,
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
        changes_total=len(event.changes),
        moves=event.moves,
        moves_total=event.moves_total,
        coverage_lost_at=event.coverage_lost_at,
        missing_for=event.missing,
        unknown_for=event.unknown,
        dashboard_url=dashboard_url,
    )


def _cluster(cluster: ClusterRef) -> MessageCluster:
    return MessageCluster(
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
    where = bounded(str(event.cluster)) if event.cluster else "every cluster"
    owner, subject = bounded(event.owner), bounded(event.subject)
    then = (
        "Then what it answers counts as not in place."
        if event.statement == "attestation"
        else "Then what it accepts counts again."
    )
    renew = "attest" if event.statement == "attestation" else "waive"
    prose = (
        f"The {event.statement} of {owner} about {subject} for {where} ends {_when(event.expires_at)}. "
        f"{then}\n\nRenew it: eks-readiness {renew} {subject} …\n"
    )
    if dashboard_url:
        prose += f"\nDashboard: {dashboard_url}\n"
    prose += f"\nEvent {event.event_id}\n"
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.kind,
        names.ATTRIBUTE_DIRECTION: "none",
        names.ATTRIBUTE_PRIORITY: "normal",
    }
    if event.cluster:
        attributes.update(_place(event.cluster))
    return f"EKS readiness: {event.statement} of {subject} ends soon", prose, attributes


def _foreign_machine(event: ForeignEvent, dashboard_url: str) -> ForeignMessage:
    return ForeignMessage(
        schema=names.FOREIGN_SCHEMA,
        event_id=event.event_id,
        event=event.kind,
        cluster=_cluster(event.cluster) if event.cluster else None,
        problem=event.problem,
        document=event.document,
        dashboard_url=dashboard_url,
    )


def _foreign_words(event: ForeignEvent, dashboard_url: str) -> tuple[str, str, dict[str, str | int]]:
    where = str(event.cluster) if event.cluster else event.key.partition
    headline = (
        f"{where}: {event.kind}, an event that this version of the scanner cannot read: a newer one wrote it, or the "
        "ledger's row is damaged. It is told as it is stored."
    )
    parts = [
        headline,
        event.document or "The row holds no text.",
        f"Why it cannot be read: {event.problem}",
        "See for yourself: eks-readiness results",
    ]
    if dashboard_url:
        parts.append(f"Dashboard: {dashboard_url}")
    parts.append(f"Event {event.event_id}")
    attributes: dict[str, str | int] = {
        names.ATTRIBUTE_EVENT: event.kind,
        names.ATTRIBUTE_DIRECTION: "none",
        names.ATTRIBUTE_PRIORITY: "high",
        **(_place(event.cluster) if event.cluster else {}),
    }
    name = f"{event.cluster.name} ({event.cluster.region})" if event.cluster else "the fleet"
    return f"EKS readiness: {name}: an event that cannot be read: {event.kind}", "\n\n".join(parts) + "\n", attributes


def _digest_machine(event: DigestEvent, dashboard_url: str) -> DigestMessage:
    return DigestMessage(
        schema=names.DIGEST_SCHEMA,
        event_id=event.event_id,
        event=event.other_kind or event.kind,
        members=tuple(
            MemberChange(
                event_id=each.event_id,
                cluster=_cluster(each.cluster),
                from_level=each.from_level,
                to_level=each.to_level,
                changed=each.changed[:_MAX_MEMBER_CHANGES],
                changed_total=len(each.changed),
                moves=each.moves,
                moves_total=each.moves_total,
                coverage_lost_at=each.coverage_lost_at,
            )
            for each in event.members
        ),
        dashboard_url=dashboard_url,
    )


def _digest_words(event: DigestEvent, dashboard_url: str) -> tuple[str, str, dict[str, str | int]]:
    count = f"{len(event.members)} cluster{'s' if len(event.members) != 1 else ''}"
    if event.kind == "RULESET_CHANGED":
        subject = f"EKS readiness: new rules moved the level of {count}"
        headline = f"Rules, thresholds or waivers changed, and moved the readiness level of {count}."
    elif event.kind == "OTHER":
        subject = f"EKS readiness: {event.other_kind} of {count}"
        headline = (
            f"{count}: {event.other_kind}, events that this version of the scanner does not know: a newer one wrote "
            "them."
        )
    else:
        subject = f"EKS readiness: {count} cannot be observed any more"
        headline = (
            f"The readiness levels of {count} were not proven for too long. They are unknown; nobody saw them fall. "
            "So many at once point to the scanner, its rights or its network."
        )
    lines = [_member(each) + _untold(each, back=event.kind != "FLEET_COVERAGE") for each in event.members]
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
    cluster = bounded(str(member.cluster))
    if member.from_level in (None, member.to_level):
        return f"- {cluster}: was {member.to_level}"
    shown = ", ".join(member.changed[:_MAX_MEMBER_CHANGES])
    more = len(member.changed) - _MAX_MEMBER_CHANGES
    changed = f" ({shown}{f' and {more} more' if more > 0 else ''})" if shown else ""
    return f"- {cluster}: {member.from_level} -> {member.to_level}{changed}"


def _untold(member: DigestMember, *, back: bool) -> str:
    """What happened to the cluster itself, and was not told before."""
    lines = []
    if member.moves_total:
        moves = ", ".join(f"{each.from_level} -> {each.to_level}" for each in member.moves)
        more = member.moves_total - len(member.moves)
        lines.append(f"its own moves, held back: {f'{more} earlier, ' if more > 0 else ''}{moves}")
    if back and member.coverage_lost_at is not None:
        lines.append(f"proof was lost {_when(member.coverage_lost_at)}, and is back")
    return "".join(f"\n  {line}" for line in lines)
