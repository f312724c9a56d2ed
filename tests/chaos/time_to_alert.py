"""How long it takes from a regression that a scan has seen until SNS has taken the alert, on a local AWS.

The use cases are the deployed ones, in this process. The stream is read as Lambda reads it, four times a second.

python -m tests.chaos.time_to_alert --rounds 100
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from eks_readiness import names
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.dynamo_items import parse_outbox_key
from eks_readiness.adapters.memory import MemoryMetricSink
from eks_readiness.adapters.sns_notifier import SnsLevelNotifier
from eks_readiness.app.relay_events import RelayEvent
from eks_readiness.bootstrap.ledger import SDK
from eks_readiness.domain.ledger import Registration
from eks_readiness.ports import Ledger
from eks_readiness.reports.event_message import event_message_writer
from tests.chaos.functions import Account
from tests.doubles.local_aws import LocalAws
from tests.scans import CLUSTER, START, write

POLLS_PER_SECOND = 4
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""


def measure(aws: LocalAws, rounds: int) -> list[float]:
    """Seconds from each regression to SNS's answer."""
    account = Account(aws)
    ledger = account.ledger()
    stream = account.session.client("dynamodb").update_table(
        TableName=account.table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    )["TableDescription"]["LatestStreamArn"]
    accepted: dict[str, float] = {}
    over = threading.Event()
    relaying = threading.Thread(target=_relay, args=(account, ledger, stream, accepted, over), daemon=True)
    relaying.start()
    took: list[float] = []
    for number in range(rounds):
        cluster = msgspec.structs.replace(CLUSTER, name=f"c{number}")
        ledger.registry.register(Registration(cluster=cluster, registered_at=START - timedelta(days=1)))
        first = write(None, 0, 2, cluster=cluster)
        ledger.results.commit(first, at=START)
        regression = write(first.state, 1, 0, cluster=cluster)
        assert regression.event is not None
        detected = time.monotonic()
        assert ledger.results.commit(regression, at=START) == "written"
        while regression.event.event_id not in accepted:
            if time.monotonic() - detected > 60:
                raise TimeoutError(f"event {regression.event.event_id} was not told within a minute")
            time.sleep(0.005)
        took.append(accepted[regression.event.event_id] - detected)
    over.set()
    relaying.join()
    return took


def _relay(account: Account, ledger: Ledger, stream: str, accepted: dict[str, float], over: threading.Event) -> None:
    notifier = SnsLevelNotifier(
        account.session.client("sns", config=SDK), account.topic_arn, event_message_writer("https://example.com")
    )
    tell = RelayEvent(
        outbox=ledger.outbox, notifier=notifier, metrics=MemoryMetricSink(), clock=SystemClock(), lease_seconds=180
    )
    for record in _records(account, stream, over):
        keys = record["dynamodb"]["Keys"]
        if record["eventName"] == "INSERT" and keys[names.SORT_KEY]["S"].startswith(names.OUTBOX_PREFIX):
            relayed = tell(parse_outbox_key(keys))
            if relayed is not None:
                accepted[relayed.event.event_id] = time.monotonic()


def _records(account: Account, stream: str, over: threading.Event) -> Iterator[dict[str, Any]]:
    streams = account.session.client("dynamodbstreams")
    (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    at = streams.get_shard_iterator(StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    iterator = at["ShardIterator"]
    while not over.wait(1 / POLLS_PER_SECOND):
        answer = streams.get_records(ShardIterator=iterator)
        iterator = answer["NextShardIterator"]
        yield from answer["Records"]


def said(took: list[float]) -> str:
    """The figures in one line."""
    cut = statistics.quantiles(took, n=100, method="inclusive")
    return (
        f"time from detected regression to SNS accept: p50 {cut[49]:.2f} s, p99 {cut[98]:.2f} s, "
        f"most {max(took):.2f} s of {len(took)} on ministack"
    )


def main() -> int:
    """Measure and say."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=200)
    with LocalAws() as aws:
        print(said(measure(aws, options.parse_args().rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
