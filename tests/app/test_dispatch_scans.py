"""Asking for the scans of a large fleet: in parts, each once, whatever fails."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness import names
from eks_readiness.adapters.memory import MemoryMetricSink, MemoryScanQueue, memory_ledger
from eks_readiness.app.dispatch_scans import AT_ONCE, RESERVE_SECONDS, Dispatched, Tick, dispatch_scans, parse_tick
from eks_readiness.domain.cluster import ClusterArn
from eks_readiness.domain.errors import InputError, StoreError
from eks_readiness.domain.ledger import Registration, ScanRequest
from eks_readiness.ports import ClusterRegistry
from tests.scans import CLUSTER, START

MEGABYTE = 1024 * 1024


def _registry(clusters: int) -> ClusterRegistry:
    registry = memory_ledger().registry
    for number in range(clusters):
        cluster = msgspec.structs.replace(CLUSTER, name=f"c{number:06}")
        registry.register(Registration(cluster=cluster, registered_at=START))
    return registry


class Slow(MemoryScanQueue):
    """A queue that takes a second for each group, and refuses some of them."""

    def __init__(self, refused: Sequence[int] = ()) -> None:
        super().__init__()
        self.groups: list[int] = []
        self.refused = set(refused)

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """Take a group, or not."""
        self.groups.append(len(requests))
        if len(self.groups) in self.refused:
            raise StoreError(f"{requests[0].cluster_arn} was refused")
        super().send(requests)


def _dispatch(
    tick: Tick, registry: ClusterRegistry, queue: Slow, rest: list[Tick], *, seconds: float = math.inf
) -> Dispatched:
    before = len(queue.groups)
    return dispatch_scans(
        tick,
        registry=registry,
        queue=queue,
        metrics=MemoryMetricSink(),
        hand_on=rest.append,
        seconds_left=lambda: RESERVE_SECONDS + seconds - (len(queue.groups) - before),
    )


def test_a_fleet_is_asked_for_in_one_go_while_there_is_time() -> None:
    """In groups, and nothing is handed on."""
    queue, rest = Slow(), list[Tick]()
    assert _dispatch(Tick(slot=START), _registry(250), queue, rest) == Dispatched(scans=250)
    assert (queue.groups, rest) == ([AT_ONCE, AT_ONCE, 50], [])
    assert _dispatch(Tick(slot=START), _registry(0), queue, rest) == Dispatched(scans=0)


@given(clusters=st.integers(0, 1200), seconds=st.integers(-1, 5))
def test_every_cluster_is_asked_for_once(clusters: int, seconds: int) -> None:
    """However little time each part has: each makes one step at least."""
    registry, queue, parts = _registry(clusters), Slow(), [Tick(slot=START)]
    total = 0
    for tick in parts:
        total += _dispatch(parse_tick(tick.to_event()), registry, queue, parts, seconds=seconds).scans
    assert total == clusters
    assert sorted(each.cluster_arn for each in queue.requests) == [each.cluster.arn for each in registry.registered()]
    assert {(each.slot, each.trigger) for each in queue.requests} <= {(START, "schedule")}


def test_a_part_that_fails_hands_nothing_on() -> None:
    """Lambda starts it again: two that go on would become four. The other groups are asked for all the same."""
    queue, rest = Slow(refused=[2]), list[Tick]()
    with pytest.raises(StoreError, match=r"1 groups .* 200 scans were: .*c000100 was refused"):
        _dispatch(Tick(slot=START), _registry(1000), queue, rest, seconds=2.5)
    assert (len(queue.groups), rest) == (3, [])
    again = _dispatch(Tick(slot=START), _registry(1000), queue, rest, seconds=2.5)
    assert again == Dispatched(scans=300, rest=rest[0])
    ids = {each.run_id for each in queue.requests}
    assert len(ids) == 300  # those that were asked for twice are the same runs


def test_a_long_refusal_ends_in_time() -> None:
    """Not after the whole fleet, and with one error for all of it."""
    queue, rest = Slow(refused=range(1, 1000)), list[Tick]()
    with pytest.raises(StoreError, match=r"4 groups .* 0 scans were") as error:
        _dispatch(Tick(slot=START), _registry(5000), queue, rest, seconds=3.5)
    assert len(str(error.value)) < 500


def test_the_memory_of_a_part_does_not_grow_with_the_fleet() -> None:
    """Neither the register nor the requests are held: a hundred thousand clusters take what a thousand take."""

    class Endless:
        def registered(self, *, after: ClusterArn | None = None) -> Iterator[Registration]:
            assert after is None
            for number in range(100_000):
                cluster = msgspec.structs.replace(CLUSTER, name=f"c{number:06}")
                yield Registration(cluster=cluster, registered_at=START)

    class Counting:
        sent = 0

        def send(self, requests: Sequence[ScanRequest]) -> None:
            self.sent += len(requests)

    queue = Counting()
    tracemalloc.start()
    dispatch_scans(
        Tick(slot=START),
        registry=Endless(),  # type: ignore[arg-type] # what a dispatcher asks of it
        queue=queue,
        metrics=MemoryMetricSink(),
        hand_on=lambda _rest: None,
        seconds_left=lambda: math.inf,
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert queue.sent == 100_000
    assert most < MEGABYTE


def test_a_tick_is_what_it_says() -> None:
    """Its own event comes back; another zone is the same slot; what is no cluster is refused."""
    for tick in (Tick(slot=START), Tick(slot=START, after=CLUSTER.arn)):
        assert parse_tick(tick.to_event()) == tick
    assert parse_tick({"time": START.astimezone().isoformat(), "detail": {}}) == Tick(slot=START)
    assert parse_tick({names.SCHEDULED_TIME: (START + timedelta(milliseconds=3)).isoformat()}) == Tick(slot=START)
    nowhere = {names.SCHEDULED_TIME: START.isoformat(), names.AFTER_CLUSTER: "prod"}
    refused: tuple[object, ...] = (nowhere, {}, [], {"time": "soon"})
    for wrong in refused:
        with pytest.raises(InputError):
            parse_tick(wrong)
