"""What people and machines are told about a level change."""

from __future__ import annotations

import json

import msgspec

from eks_readiness.adapters.sns_notifier import MAX_MESSAGE_BYTES
from eks_readiness.checklist.items import ITEMS
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.event import MAX_DIGEST_MEMBERS, Event, LevelEvent, digest_of
from eks_readiness.domain.item import ItemId
from eks_readiness.reports.event_message import event_message_writer
from tests.scans import CLUSTER, START, write

URL = "https://example.com/dashboard"


def test_a_regression_in_words_and_as_json() -> None:
    """The prose names what changed; the JSON has the same, and its schema."""
    first = write(None, 0, 2)
    event = write(first.state, 1, 0).event
    assert event is not None
    message = event_message_writer(URL)(event)
    assert message.subject == "EKS readiness: prod (eu-west-1) fell from level 2 to 0"
    prose = message.bodies["email"]
    assert "prod (eu-west-1, 111122223333) fell from readiness level 2 to 0 (not ready for production)" in prose
    assert "Level 2 had stood since 2026-03-10 12:00 UTC." in prose
    assert "- VPC & networking (required from level 1): was satisfied, is missing since 2026-03-10 13:00 UTC" in prose
    assert URL in prose
    machine = json.loads(message.bodies["default"])
    assert machine["schema"] == "eks-readiness.level-change/1"
    assert machine["event_id"] == event.event_id
    assert (machine["event"], machine["direction"]) == ("REGRESSED", "down")
    assert machine["missing_for"]["1"] == ["vpc-networking"]
    assert message.attributes["priority"] == "high"
    assert (message.attributes["from_level"], message.attributes["to_level"]) == (2, 0)


def test_a_baseline_names_what_is_not_known() -> None:
    """A first scan that saw only part of it says so, and has no level before."""
    event = write(None, 0, 1, 3).event
    assert event is not None
    message = event_message_writer("")(event)
    assert "was scanned for the first time: readiness level 1" in message.bodies["email"]
    assert "the level is between 1 and 3" in message.bodies["email"]
    assert "from_level" not in message.attributes


def test_hostile_names_stay_text() -> None:
    """SNS takes printable ASCII on one line as a subject, whatever a name holds."""
    event = write(None, 0, 1).event
    assert event is not None
    name = "x\n\x1b[31m" + "ü" * 300
    odd = msgspec.structs.replace(
        event, cluster=ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name=name)
    )
    subject = event_message_writer("")(odd).subject
    assert len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()


def _wide(offender: str) -> LevelEvent:
    """Every item changed, each with as many offenders as an event names."""
    event = write(None, 0, 2).event
    assert event is not None
    (some, *_) = write(None, 0, 0).event.changes  # type: ignore[union-attr] # a baseline is an event
    changes = tuple(
        msgspec.structs.replace(
            some, item=ItemId(each.id), title=each.title, offenders=(offender,) * 10, reason="r" * 500, fix="f" * 500
        )
        for each in ITEMS
    )
    return msgspec.structs.replace(event, changes=changes)


def _digest() -> Event:
    members = []
    for number in range(MAX_DIGEST_MEMBERS):
        cluster = msgspec.structs.replace(CLUSTER, name=f"{number:0100}")
        members.append(msgspec.structs.replace(_wide("o"), kind="RULESET_CHANGED", held=True, cluster=cluster))
    return digest_of(tuple(members), at=START)


def test_whatever_changed_is_one_message_that_sns_takes() -> None:
    """What does not fit is left out from the end of the lists; an event that SNS refuses would never be told."""
    for event in (_wide("o" * 200), _wide("\N{PILE OF POO}" * 200), _digest()):
        message = event_message_writer(URL)(event)
        assert len(json.dumps(message.bodies, ensure_ascii=False).encode()) < MAX_MESSAGE_BYTES
        machine = json.loads(message.bodies["default"])
        assert machine.get("changes") or machine.get("members")
        assert len(machine.get("members", "x" * MAX_DIGEST_MEMBERS)) == MAX_DIGEST_MEMBERS
        assert machine["event_id"] == event.event_id
