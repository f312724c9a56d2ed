"""At each tick of the schedule, ask for one scan of every registered cluster, as many at a time as there is time for.

Memory does not grow with the fleet: registrations are read and asked for in small groups. When an invocation's time
runs short it hands the rest on to the next one, by the cluster up to which it came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

import msgspec

from eks_readiness import names
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.errors import InputError, StoreError
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.ledger import ScanRequest
from eks_readiness.ports import ClusterRegistry, MetricSink, ScanQueue

RESERVE_SECONDS = 30.0
"""Left when the rest is handed on: for a group that SQS takes slowly, and for handing on."""
AT_ONCE = 100
"""Requests between two looks at the clock."""


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A slot whose scans are to be requested, of the clusters that follow `after` in the register; of all, if None."""

    slot: datetime
    after: ClusterArn | None = None

    def to_event(self) -> dict[str, str]:
        """The event that `parse_tick` reads back."""
        event = {names.SCHEDULED_TIME: self.slot.isoformat()}
        return event if self.after is None else {**event, names.AFTER_CLUSTER: self.after}


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    scheduled_time: Instant | None = None
    time: Instant | None = None
    after_cluster: str = ""


def parse_tick(event: object) -> Tick:
    """Read a tick; its slot is the time for which it was scheduled, in whole seconds, never that of its delivery.

    Raises:
        InputError: the event does not say, or begins after what is no cluster.
    """
    try:
        read = msgspec.convert(event, _Event)
        at = read.scheduled_time or read.time
        slot = at.astimezone(UTC).replace(microsecond=0) if at else None
    except (msgspec.ValidationError, ValueError, OverflowError) as error:  # overflow: the first or last day of all
        raise InputError(f"not a tick of the schedule: {error}", remedy=_REMEDY) from error
    if slot is None:
        raise InputError(f"not a tick of the schedule: it has neither {names.SCHEDULED_TIME} nor time", remedy=_REMEDY)
    after = ClusterRef.parse(read.after_cluster).arn if read.after_cluster else None
    return Tick(slot=slot, after=after)


_REMEDY = f'the schedule\'s input is {{"{names.SCHEDULED_TIME}": "<aws.scheduler.scheduled-time>"}}'


class Dispatched(msgspec.Struct, frozen=True, kw_only=True):
    """How many scans were requested, and the tick that stands for the rest; None when there is no rest."""

    scans: int
    rest: Tick | None = None


def dispatch_scans(  # noqa: PLR0913 - a tick, the ports, and the limits of an invocation
    tick: Tick,
    *,
    registry: ClusterRegistry,
    queue: ScanQueue,
    metrics: MetricSink,
    hand_on: Callable[[Tick], None],
    seconds_left: Callable[[], float],
    at_once: int = AT_ONCE,
) -> Dispatched:
    """Request the scans of a tick while there is time, and hand the rest on.

    The same tick twice asks for the same runs: the second one finds them answered. Nothing is handed on by an
    invocation that fails before that: it is tried again from where it began, and failures do not multiply the rest.

    Raises:
        StoreError: the register could not be read, requests were not taken by the queue (some are named), or the rest
            could not be handed on.
    """
    done = request_scans(tick, registry=registry, queue=queue, seconds_left=seconds_left, at_once=at_once)
    metrics.fleet({names.SCANS_DISPATCHED: done.scans})
    if done.rest is not None:
        hand_on(done.rest)
    return done


def request_scans(
    tick: Tick,
    *,
    registry: ClusterRegistry,
    queue: ScanQueue,
    seconds_left: Callable[[], float] = lambda: math.inf,
    at_once: int = AT_ONCE,
) -> Dispatched:
    """Request the scans of a tick, `at_once` at a time, until fewer than RESERVE_SECONDS are left.

    Raises:
        StoreError: the register could not be read, or requests were not taken by the queue: the others were sent.
    """
    requests: Iterator[ScanRequest] = (
        ScanRequest(cluster_arn=each.cluster.arn, slot=tick.slot, trigger="schedule")
        for each in registry.registered(after=tick.after)
    )
    sent, refused, first = 0, 0, None
    group = list(islice(requests, at_once))
    while group:
        try:
            queue.send(group)
        except StoreError as error:
            refused, first = refused + 1, first or error
        else:
            sent += len(group)
        last, group = group[-1].cluster.arn, list(islice(requests, at_once))
        if group and seconds_left() < RESERVE_SECONDS:
            break
    if first is not None:
        raise StoreError(f"{refused} groups of scans were not requested whole; {sent} scans were: {first}") from first
    return Dispatched(scans=sent, rest=Tick(slot=tick.slot, after=last) if group else None)
