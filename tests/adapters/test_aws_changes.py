"""Who changed a cluster, from CloudTrail's event history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from eks_readiness.adapters.aws_changes import CHANGES, NO_CHANGES, WINDOW, read_changes
from eks_readiness.adapters.event_history import CAP
from eks_readiness.adapters.probe import Gathered
from tests.doubles.memory import MemoryAws
from tests.doubles.scenario import CASE_NOW, Scenario, load_scenario, service_model

READS = ("Describe", "List")


class Endless(MemoryAws):
    """An account in which everything is changed every minute; `read` counts the events that were asked for."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.events = 0

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Events of another cluster, newest first, without an end."""
        at = CASE_NOW
        while True:
            self.events += 1
            at -= timedelta(minutes=1)
            yield {"EventTime": at, "CloudTrailEvent": '{"eventSource": "eks.amazonaws.com"}'}


def _gathered(scenario: Scenario) -> Gathered:
    return Gathered(scenario.cluster, CASE_NOW, MappingProxyType({}))


def test_every_call_of_eks_that_writes_is_known() -> None:
    """A new call must be sorted: it changes a cluster, or it does not."""
    writing = {name for name in service_model("eks").operation_names if not name.startswith(READS)}
    assert writing == {*CHANGES, *NO_CHANGES}
    assert not set(CHANGES) & NO_CHANGES


def test_it_stops_and_says_since_when_it_knows_everything() -> None:
    """In a busy account the newest events of each name are read, and no more."""
    scenario = load_scenario("prod")
    aws = Endless(scenario)
    changes = read_changes(aws, _gathered(scenario))
    assert aws.events == CAP * len(CHANGES)
    assert changes.complete_since == CASE_NOW - timedelta(minutes=CAP)
    assert changes.writers == ()


def test_a_quiet_account_is_known_for_the_whole_window() -> None:
    """Nothing was cut off: everything that CloudTrail keeps was seen."""
    scenario = load_scenario("prod")
    assert read_changes(MemoryAws(scenario), _gathered(scenario)).complete_since == CASE_NOW - WINDOW


def test_a_record_that_cannot_be_read_is_somebody() -> None:
    """A change must not vanish because its record has an unknown shape."""
    event = {"EventTime": "${now-1d}", "CloudTrailEvent": '{"userIdentity": 7}'}
    answer = {"service": "cloudtrail", "operation": "LookupEvents", "answer": {"Events": [event]}}
    scenario = load_scenario("prod").changed({"aws": [answer]})
    (writer,) = read_changes(MemoryAws(scenario), _gathered(scenario)).writers
    assert (writer.kind, writer.calls) == ("other", {1: len(CHANGES)})
