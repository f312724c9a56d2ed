"""What is kept of CloudTrail's history, and what is looked up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.event_history import CAP, FRESH, LATE, MAX_AGE, EventHistory
from tests.doubles.aws_server import AwsServer
from tests.doubles.fleet import CREDENTIALS
from tests.doubles.scenario import CASE_NOW, Rule, Scenario, load_scenario

NAME = [{"AttributeKey": "EventName", "AttributeValue": "CreateAddon"}]


class Trail:
    """An account's events; `looked_up` remembers how far back was asked for."""

    def __init__(self, *ages: timedelta) -> None:
        self.events = [{"EventId": f"e{n}", "EventTime": CASE_NOW - age} for n, age in enumerate(ages)]
        self.looked_up: list[timedelta] = []

    def happened(self, name: str, at: datetime) -> None:
        """One more event."""
        self.events.append({"EventId": name, "EventTime": at})

    def __call__(self, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Newest first, as CloudTrail does."""
        self.looked_up.append(asked["EndTime"] - asked["StartTime"])
        newest_first = sorted(self.events, key=lambda each: str(each["EventTime"]), reverse=True)
        return (each for each in newest_first if asked["StartTime"] <= each["EventTime"] <= asked["EndTime"])


def _ids(history: EventHistory, trail: Trail, after: timedelta, window: timedelta = timedelta(days=90)) -> list[str]:
    now = CASE_NOW + after
    asked = {"LookupAttributes": NAME, "StartTime": now - window, "EndTime": now}
    return [each["EventId"] for each in history.events(trail, asked)]


def test_another_cluster_of_the_account_asks_nothing_again() -> None:
    """Within minutes."""
    history, trail = EventHistory(), Trail(timedelta(days=1), timedelta(days=2))
    assert _ids(history, trail, timedelta(0)) == ["e0", "e1"]
    assert _ids(history, trail, FRESH / 2) == ["e0", "e1"]
    assert len(trail.looked_up) == 1


def test_later_only_what_is_new_is_looked_up() -> None:
    """Also what showed up late; nothing is told twice, and what leaves the window is gone."""
    history, trail = EventHistory(), Trail(timedelta(minutes=1), timedelta(days=90) - timedelta(minutes=5))
    assert _ids(history, trail, timedelta(0)) == ["e0", "e1"]
    trail.happened("late", CASE_NOW - LATE / 2)
    trail.happened("new", CASE_NOW + timedelta(minutes=9))
    assert _ids(history, trail, timedelta(minutes=10)) == ["new", "e0", "late"]
    assert trail.looked_up == [timedelta(days=90), timedelta(minutes=10) + LATE]


def test_after_its_age_everything_is_read_anew() -> None:
    """And when time runs backwards."""
    history, trail = EventHistory(), Trail(timedelta(days=1))
    _ids(history, trail, timedelta(0))
    trail.happened("overlooked", CASE_NOW - timedelta(days=3))
    assert _ids(history, trail, MAX_AGE / 2) == ["e0"]
    assert _ids(history, trail, MAX_AGE) == ["e0", "overlooked"]
    _ids(history, trail, timedelta(0))
    assert trail.looked_up.count(timedelta(days=90)) == 3


def test_no_more_than_the_cap_are_kept() -> None:
    """The newest; and old ones are not joined to new ones across a gap."""
    history = EventHistory()
    trail = Trail(*(timedelta(minutes=n) for n in range(1, CAP + 50)))
    assert _ids(history, trail, timedelta(0)) == [f"e{n}" for n in range(CAP)]
    for n in range(CAP + 10):
        trail.happened(f"new{n}", CASE_NOW + timedelta(seconds=n))
    found = _ids(history, trail, timedelta(minutes=10))
    assert found == [f"new{n}" for n in range(CAP + 9, 9, -1)]


def test_a_look_up_that_fails_is_not_kept() -> None:
    """The next scan asks again."""
    history, trail = EventHistory(), Trail(timedelta(days=1))

    def refuse(_asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        history.events(refuse, {"LookupAttributes": NAME, "StartTime": CASE_NOW, "EndTime": CASE_NOW})
    assert _ids(history, trail, timedelta(0)) == ["e0"]


def test_two_scans_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the wire: the second one's calls are none."""
    event = {"EventId": "1", "EventTime": CASE_NOW - timedelta(days=1), "CloudTrailEvent": "{}"}
    base = load_scenario("bare", now=CASE_NOW)
    rule = Rule("cloudtrail", "LookupEvents", {}, {"Events": [event]})
    server = AwsServer({"eu-west-1": Scenario(base.name, base.cluster, base.kubernetes_version, CASE_NOW, (rule,), ())})
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    )
    clients = AwsClients(session, "eu-west-1")
    asked = {"LookupAttributes": NAME, "StartTime": CASE_NOW - timedelta(days=90), "EndTime": CASE_NOW}
    try:
        for _ in range(2):
            found = list(BotoAws(clients, Deadline(20)).pages("cloudtrail", "LookupEvents", "Events", **asked))
            assert [each["EventId"] for each in found] == ["1"]
        assert server.calls == [("cloudtrail", "LookupEvents")]
    finally:
        server.close()
