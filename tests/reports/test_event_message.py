"""What people and machines are told about a level change."""

from __future__ import annotations

import json

import msgspec
import pytest

from eks_readiness.adapters.sns_notifier import MAX_MESSAGE_BYTES as SNS_BYTES
from eks_readiness.checklist.items import ITEMS
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.event import MAX_DIGEST_MEMBERS, LevelEvent, digest_of
from eks_readiness.reports.event_message import MAX_MESSAGE_BYTES, event_message_writer
from tests.scans import write

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
    machine = json.loads(message.bodies["sqs"])
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
    assert "was scanned for the first time: readiness level 1" in message.bodies["default"]
    assert "the level is between 1 and 3" in message.bodies["default"]
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


def _all_at_once(offender: str, reason: str) -> LevelEvent:
    """A fall that every item has a part in, each with as much to say as it may."""
    event = write(write(None, 0, 2).state, 1, 0).event
    assert event is not None
    (change, *_) = event.changes
    changes = tuple(
        msgspec.structs.replace(
            change, item=item.id, title=item.title, reason=reason, offenders=(offender,) * 10, fix=reason * 3
        )
        for item in ITEMS
    )
    return msgspec.structs.replace(event, changes=changes)


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f525", '"', "\\"])
def test_a_message_that_sns_would_not_take_is_shortened(letter: str) -> None:
    """It would be refused for ever: what changed is told with fewer details, under the same id."""
    event = _all_at_once(letter * 200, letter * 500)
    message = event_message_writer(URL)(event)
    assert len(json.dumps(message.bodies).encode()) <= MAX_MESSAGE_BYTES < SNS_BYTES
    machine = json.loads(message.bodies["sqs"])
    assert machine["event_id"] == event.event_id
    assert (machine["from_level"], machine["to_level"]) == (2, 0)
    assert [each["item"] for each in machine["changes"]] == [item.id for item in ITEMS[:20]]
    assert "fell from readiness level 2 to 0" in message.bodies["email"]


def test_a_digest_of_everything_is_shortened() -> None:
    """98 clusters in which every item moved."""
    event = _all_at_once("x", "y")
    members = tuple(
        msgspec.structs.replace(event, kind="RULESET_CHANGED", event_id=f"e-{number:03d}", held=True)
        for number in range(MAX_DIGEST_MEMBERS)
    )
    message = event_message_writer(URL)(digest_of(members, at=event.observed_at))
    assert len(json.dumps(message.bodies).encode()) <= MAX_MESSAGE_BYTES
    assert len(json.loads(message.bodies["sqs"])["members"]) == MAX_DIGEST_MEMBERS


def test_what_fits_is_told_whole() -> None:
    """Nothing is left out without need."""
    event = write(write(None, 0, 2).state, 1, 0).event
    assert event is not None
    change, *_ = event.changes
    whole = msgspec.structs.replace(change, offenders=("a" * 200,) * 10, fix="f" * 1500)
    machine = json.loads(event_message_writer(URL)(msgspec.structs.replace(event, changes=(whole,))).bodies["sqs"])
    assert (len(machine["changes"][0]["offenders"]), len(machine["changes"][0]["fix"])) == (10, 1500)
