"""At each tick of the schedule, ask for one scan of every registered cluster."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from eks_readiness import names
from eks_readiness.domain.errors import InputError
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.ledger import ScanRequest
from eks_readiness.ports import ClusterRegistry, MetricSink, ScanQueue


class _Tick(msgspec.Struct, frozen=True, kw_only=True):
    scheduled_time: Instant | None = None
    time: Instant | None = None


def scheduled_time(tick: object) -> datetime:
    """The slot of a tick, in whole seconds: the time for which it was scheduled, never that of its delivery.

    Raises:
        InputError: the tick does not say.
    """
    try:
        read = msgspec.convert(tick, _Tick)
    except (msgspec.ValidationError, ValueError) as error:
        raise InputError(f"not a tick of the schedule: {error}", remedy=_REMEDY) from error
    at = read.scheduled_time or read.time
    if at is None:
        raise InputError(f"not a tick of the schedule: it has neither {names.SCHEDULED_TIME} nor time", remedy=_REMEDY)
    return at.astimezone(UTC).replace(microsecond=0)


_REMEDY = f'the schedule\'s input is {{"{names.SCHEDULED_TIME}": "<aws.scheduler.scheduled-time>"}}'


def dispatch_scans(slot: datetime, *, registry: ClusterRegistry, queue: ScanQueue, metrics: MetricSink) -> int:
    """Request a scan of every registered cluster for a slot; returns how many.

    The same slot twice asks for the same runs: the second one finds them answered.

    Raises:
        StoreError: the register could not be read, or requests were not taken by the queue; they are named.
    """
    requests = scan_requests(slot, registry)
    queue.send(requests)
    metrics.fleet({names.SCANS_DISPATCHED: len(requests)})
    return len(requests)


def scan_requests(slot: datetime, registry: ClusterRegistry) -> list[ScanRequest]:
    """A request for every registered cluster."""
    return [ScanRequest(cluster_arn=each.cluster.arn, slot=slot, trigger="schedule") for each in registry.registered()]
