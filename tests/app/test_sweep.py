"""What a sweep does about time: levels that nobody proves, events that wait for others, and the gauges."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from eks_readiness import names
from eks_readiness.adapters.memory import MemoryLevelNotifier, MemoryMetricSink, SetClock, memory_ledger
from eks_readiness.app.relay_events import RelayEvent
from eks_readiness.app.sweep import Sweep
from eks_readiness.domain.decision import decide
from eks_readiness.domain.event import DigestEvent
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.policy import Policy
from eks_readiness.ports import Ledger
from tests.scans import CLUSTER, REGISTRATION, START, request, scorecard, write

HOUR = timedelta(hours=1)


class Deployed:
    """A ledger with its sweeper, at a time that a test sets."""

    def __init__(self, clusters: int) -> None:
        self.ledger: Ledger = memory_ledger()
        self.clock = SetClock(START)
        self.notifier, self.metrics = MemoryLevelNotifier(), MemoryMetricSink()
        self.clusters = [msgspec.structs.replace(CLUSTER, name=f"c{number}") for number in range(clusters)]
        for cluster in self.clusters:
            self.ledger.registry.register(msgspec.structs.replace(REGISTRATION, cluster=cluster))
            self.ledger.results.commit(write(None, 0, 2, cluster=cluster), at=START)
        relay = RelayEvent(
            outbox=self.ledger.outbox,
            notifier=self.notifier,
            metrics=self.metrics,
            clock=self.clock,
            lease_seconds=180,
        )
        self.sweep = Sweep(
            ledger=self.ledger,
            relay=relay,
            metrics=self.metrics,
            clock=self.clock,
            pending_after_seconds=120,
            digest_after_seconds=1200,
            interval_seconds=3600,
            policy={},
        )

    def at(self, at: datetime) -> list[str]:
        """Sweep at an instant; the kinds of what was told by it."""
        self.clock.at = at
        before = len(self.notifier.events)
        self.sweep()
        return [event.kind for event in self.notifier.events[before:]]


def test_a_cluster_that_nobody_proves_is_told_once() -> None:
    """One of many: by itself, by the sweep after the one that found it."""
    deployed = Deployed(5)
    deployed.at(START + 10 * timedelta(minutes=1))
    for number in (1, 2):
        for cluster in deployed.clusters[1:]:
            state = deployed.ledger.results.state(cluster.arn)
            assert state is not None
            deployed.ledger.results.commit(write(state, number, 2, cluster=cluster), at=START)
    assert deployed.at(START + 2.6 * HOUR) == []
    assert deployed.at(START + 2.7 * HOUR) == ["COVERAGE_LOST"]
    assert deployed.at(START + 2.8 * HOUR) == []
    assert deployed.metrics.sums[names.COVERAGE_LOST] == 1


def test_a_fleet_that_nobody_proves_is_one_event() -> None:
    """The scanner, not the clusters: held back, then told together."""
    deployed = Deployed(5)
    deployed.at(START + 10 * timedelta(minutes=1))
    assert deployed.at(START + 3 * HOUR) == []
    assert deployed.at(START + 3.1 * HOUR) == []
    deployed.at(START + 3.4 * HOUR)
    assert deployed.at(START + 3.5 * HOUR) == ["FLEET_COVERAGE"]
    digest = deployed.notifier.events[-1]
    assert isinstance(digest, DigestEvent)
    assert {each.cluster for each in digest.members} == set(deployed.clusters)
    assert list(deployed.ledger.outbox.pending()) == []


def test_a_cluster_that_is_back_on_the_register_is_given_time_for_its_first_scan() -> None:
    """While it was off the register it was not to be scanned: nothing is lost yet; later it is."""
    deployed = Deployed(5)
    deployed.at(START + 10 * timedelta(minutes=1))
    back = START + 48 * HOUR
    for cluster in deployed.clusters:
        deployed.ledger.registry.register(Registration(cluster=cluster, registered_at=back))
    assert deployed.at(back + 0.1 * HOUR) == []
    assert deployed.metrics.values[names.OLDEST_SCAN_AGE_SECONDS] == 360
    assert deployed.metrics.sums[names.COVERAGE_LOST] == 0
    deployed.at(back + 2.6 * HOUR)
    assert deployed.metrics.sums[names.COVERAGE_LOST] == 5


def test_new_rules_are_one_event() -> None:
    """All that they moved, however many digests' worth of clusters."""
    deployed = Deployed(100)
    deployed.at(START + 10 * timedelta(minutes=1))
    for cluster in deployed.clusters:
        state = deployed.ledger.results.state(cluster.arn)
        card = msgspec.structs.replace(scorecard(1, number=1, cluster=cluster), ruleset="new")
        deployed.ledger.results.commit(decide(state, card, request(1, cluster), Policy(), {}), at=START + HOUR)
    assert deployed.at(START + HOUR + timedelta(minutes=5)) == []
    assert deployed.metrics.values[names.OUTBOX_AGE_SECONDS] == 0
    assert deployed.at(START + HOUR + timedelta(minutes=21)) == []
    assert deployed.at(START + HOUR + timedelta(minutes=26)) == ["RULESET_CHANGED", "RULESET_CHANGED"]
    told = [event for event in deployed.notifier.events[-2:] if isinstance(event, DigestEvent)]
    assert sum(len(event.members) for event in told) == 100
    assert len({each.event_id for event in told for each in event.members}) == 100
