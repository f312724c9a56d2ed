"""Composition roots of the light functions: settings in, use cases out. The scanner's is in `scanner.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from eks_readiness import names
from eks_readiness.adapters.aws_session import SdkSession
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.dynamo_items import parse_outbox_key
from eks_readiness.adapters.emf_metrics import EmfMetricSink
from eks_readiness.adapters.lambda_invoker import LambdaInvoker
from eks_readiness.adapters.sns_notifier import SnsLevelNotifier
from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.app.dispatch_scans import Dispatched, Tick, dispatch_scans
from eks_readiness.app.relay_events import Relayed, RelayEvent
from eks_readiness.app.sweep import Sweep
from eks_readiness.bootstrap.ledger import SDK, dynamo_ledger
from eks_readiness.ports import BrokenRow, Ledger, ScanArchive
from eks_readiness.reports.event_message import event_message_writer
from eks_readiness.settings import DispatchSettings, RelaySettings, Settings, SweepSettings

_READS_ONLY_DAYS = 1
"""These functions write no scans, so the retention of scans is nothing to them."""


def ledger_of(
    session: Any,
    settings: Settings,
    metrics: EmfMetricSink,
    *,
    retention_days: int = _READS_ONLY_DAYS,
    archive: ScanArchive | None = None,
) -> Ledger:
    """The deployment's ledger; rows that cannot be read, or not be written whole, are counted and named in the log.

    A function makes all clients from one `session`: in a second one, the first client costs again what all share.
    """

    def on_broken_row(row: BrokenRow) -> None:
        metrics.fleet({names.BROKEN_ROWS: 1}, properties={"row": row.key, "problem": row.problem})

    return dynamo_ledger(
        session,
        settings.ledger_table,
        retention_days=retention_days,
        on_broken_row=on_broken_row,
        archive=archive,
    )


def dispatcher(settings: DispatchSettings) -> Callable[..., Dispatched]:
    """Requests the scans of a tick; for what it has no time for, it starts its own function once more."""
    session, metrics = SdkSession(), EmfMetricSink(settings.deployment)
    queue = SqsScanQueue(
        session.client("sqs", config=SDK), settings.scan_queue_url, jitter_seconds=settings.jitter_seconds
    )

    def hand_on(rest: Tick) -> None:
        # Lambda sets the name; the client is made only when there is something to hand on.
        own = LambdaInvoker(session.client("lambda", config=SDK), os.environ["AWS_LAMBDA_FUNCTION_NAME"])
        own.start(rest.to_event())

    return partial(
        dispatch_scans,
        registry=ledger_of(session, settings, metrics).registry,
        queue=queue,
        metrics=metrics,
        hand_on=hand_on,
    )


def relay(settings: RelaySettings) -> Callable[[dict[str, Any]], Relayed | None]:
    """Tells about the event that a record's keys name; None when somebody else has it in hand or it is told."""
    session, metrics = SdkSession(), EmfMetricSink(settings.deployment)
    relay_event = _relay_event(session, settings, ledger_of(session, settings, metrics), metrics)
    return lambda keys: relay_event(parse_outbox_key(keys))


def sweeper(settings: SweepSettings) -> Sweep:
    """Takes up what was left behind."""
    session, metrics = SdkSession(), EmfMetricSink(settings.deployment)
    ledger = ledger_of(session, settings, metrics)
    return Sweep(
        ledger=ledger,
        relay=_relay_event(session, settings, ledger, metrics),
        metrics=metrics,
        clock=SystemClock(),
        pending_after_seconds=settings.pending_after_seconds,
        digest_after_seconds=settings.digest_after_seconds,
        interval_seconds=settings.scan_interval_seconds,
        policy=settings.policy,
    )


def _relay_event(
    session: Any, settings: RelaySettings | SweepSettings, ledger: Ledger, metrics: EmfMetricSink
) -> RelayEvent:
    write = event_message_writer(settings.dashboard_url)
    return RelayEvent(
        outbox=ledger.outbox,
        notifier=SnsLevelNotifier(session.client("sns", config=SDK), settings.topic_arn, write),
        metrics=metrics,
        clock=SystemClock(),
        lease_seconds=settings.lease_seconds,
    )
