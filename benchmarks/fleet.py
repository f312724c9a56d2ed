"""A fleet through dispatch → queue → scan, with and without one cluster that never answers.

python -m benchmarks.fleet --clusters 500 prints one JSON object. The real dispatcher asks for the scans, spread over a
tick as it is deployed (the same for both rounds); the real queue and table are those of a local AWS; ten execution
environments of the real scanner, as many as are deployed by default, are handed one message each, as Lambda does it.
The hung cluster's endpoint takes requests and never answers them: its scan ends with the time of its function.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

import boto3
import msgspec

from benchmarks.measured import ROOT, Served, run
from benchmarks.session import built_bundle
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.memory import MemoryMetricSink
from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.app.dispatch_scans import Tick, dispatch_scans
from eks_readiness.app.register_cluster import register_cluster
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.ports import Ledger
from eks_readiness.settings import PROCESS_ENVIRONMENT, ScanSettings
from tests.contracts.conftest import create_table
from tests.doubles.local_aws import LocalAws

CONCURRENCY, TIMEOUT_SECONDS, RESERVE_SECONDS = 10, 120, 15
"""As they are deployed by default: infra/config.py, infra/scanning.py."""
JITTER_SECONDS, FLEET = 300, 500
"""As deployed, for 500 clusters; a smaller fleet comes in the same density."""
HUNG = "member-0000"
AWS_DELAY_MS = 20


@dataclass
class Fleet:
    """What one deployment has on a local AWS, and its workers."""

    aws: LocalAws
    bundle: Path
    timeout_seconds: float = TIMEOUT_SECONDS
    stored_at_s: dict[str, float] = field(default_factory=dict)
    failed: int = 0

    def __post_init__(self) -> None:
        self.table = create_table(self.aws.client("dynamodb"))
        sqs = self.aws.client("sqs")
        self.dead_letters = sqs.create_queue(QueueName=f"{self.table}-dead")["QueueUrl"]
        dead = sqs.get_queue_attributes(QueueUrl=self.dead_letters, AttributeNames=["QueueArn"])["Attributes"]
        redrive = {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": "5"}
        visibility = str(int(6 * self.timeout_seconds))
        self.queue_url: str = sqs.create_queue(
            QueueName=f"{self.table}-scans",
            Attributes={"VisibilityTimeout": visibility, "RedrivePolicy": json.dumps(redrive)},
        )["QueueUrl"]
        self.session = boto3.Session(
            aws_access_key_id=self.aws.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.aws.credentials["AWS_SECRET_ACCESS_KEY"],
            region_name="eu-west-1",
        )

    def client(self, service: str, **options: Any) -> Any:
        """A client of the local AWS."""
        make: Any = self.session.client
        return make(service, endpoint_url=self.aws.url, **options)

    def ledger(self) -> Ledger:
        """The ledger, as the command line has it."""
        return dynamo_ledger(self, self.table, retention_days=1, on_broken_row=lambda row: print(row, file=sys.stderr))

    def _environment(self, served: Served) -> dict[str, str]:
        settings = ScanSettings(
            ledger_table=self.table,
            deployment="bench",
            scan_queue_url=self.queue_url,
            policy={},
            kubernetes_endpoint_suffixes=("127.0.0.1",),
            reserve_seconds=RESERVE_SECONDS,
            scan_retention_days=30,
            evidence_bucket="evidence",
        )
        return {
            **served.environment,
            **self.aws.credentials,
            **PROCESS_ENVIRONMENT,
            "AWS_ENDPOINT_URL": self.aws.url,
            "POWERTOOLS_SERVICE_NAME": "scan",
            "POWERTOOLS_LOG_LEVEL": "WARNING",
            **settings.to_env(),
        }

    def warm(self, served: Served) -> None:
        """Let the account and the cluster make their answers: they do that when they are first asked."""
        subject = str(ROOT / "benchmarks" / "subjects" / "scan.py")
        run([sys.executable, "-I", "-B", subject, str(self.bundle), served.arn], self._environment(served))

    def start(self, served: Served, count: int) -> list[tuple[subprocess.Popen[str], threading.Thread]]:
        """Start execution environments, and hand them messages until they are killed."""
        subject = str(ROOT / "benchmarks" / "subjects" / "worker.py")
        command = [sys.executable, "-I", "-B", subject, str(self.bundle), str(self.timeout_seconds)]
        started = []
        for _ in range(count):
            process = subprocess.Popen(
                command, env=self._environment(served), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            feeding = threading.Thread(target=self._feed, args=(process, self.client("sqs")), daemon=True)
            feeding.start()
            started.append((process, feeding))
        return started

    def _feed(self, process: subprocess.Popen[str], sqs: Any) -> None:
        """What Lambda's event source does for one environment: one message at a time, deleted once it is answered."""
        assert process.stdin is not None
        assert process.stdout is not None
        while process.poll() is None:
            for message in sqs.receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=1).get("Messages", ()):
                process.stdin.write(json.dumps(_delivery(message)) + "\n")
                process.stdin.flush()
                said = next((line for line in process.stdout if line.startswith("ANSWER ")), None)
                if said is None:  # killed, at the end of a round
                    return
                self.stored_at_s[json.loads(message["Body"])["cluster_arn"]] = time.time()
                if json.loads(said.removeprefix("ANSWER "))["batchItemFailures"]:
                    self.failed += 1
                else:
                    sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])


def _delivery(message: Mapping[str, str]) -> dict[str, Any]:
    arn = "arn:aws:sqs:eu-west-1:111122223333:scans"
    record = {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"]}
    more = {"attributes": {}, "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": arn}
    return {"Records": [{**record, **more, "awsRegion": "eu-west-1"}]}


@dataclass
class Round:
    """One tick: when each cluster's result was there, in seconds after the tick, and after its message was due."""

    since_tick_s: dict[str, float]
    since_due_s: dict[str, float]
    failed: int
    left: int
    dead: int


class _DueQueue(SqsScanQueue):
    """The queue, with the delays that it gave: the random numbers are the same in every round."""

    def __init__(self, client: Any, queue_url: str, jitter_seconds: int) -> None:
        self.due_s: list[int] = []
        dice = random.Random(500)

        def below(limit: int) -> int:
            self.due_s.append(dice.randrange(limit))
            return self.due_s[-1]

        super().__init__(client, queue_url, jitter_seconds=jitter_seconds, random_below=below)
        self.asked: list[str] = []

    def send(self, requests: Sequence[Any]) -> None:
        """Queue every request, and remember in which order."""
        self.asked += [each.cluster_arn for each in requests]
        super().send(requests)


def play(fleet: Fleet, arns: Sequence[str], jitter_seconds: int, served: Served, concurrency: int) -> Round:
    """One tick over the whole fleet, until every result is there."""
    fleet.stored_at_s.clear()
    fleet.failed = 0
    fleet.warm(served)
    workers = fleet.start(served, concurrency)
    try:
        queue = _DueQueue(fleet.client("sqs"), fleet.queue_url, jitter_seconds)
        slot = datetime.now(UTC).replace(microsecond=0)
        began_at_s = time.time()
        done = dispatch_scans(
            Tick(slot=slot),
            registry=fleet.ledger().registry,
            queue=queue,
            metrics=MemoryMetricSink(),
            hand_on=lambda rest: sys.exit(f"the tick was not done in time: {rest}"),
            seconds_left=lambda: 120.0 - (time.time() - began_at_s),
        )
        assert done.scans == len(arns), done
        until = began_at_s + jitter_seconds + 4 * fleet.timeout_seconds
        while len(fleet.stored_at_s) < len(arns) and time.time() < until:
            time.sleep(0.2)
    finally:
        for worker, feeding in workers:
            worker.kill()
            feeding.join()
            worker.communicate()
    due = dict(zip(queue.asked, queue.due_s, strict=True))
    since_tick = {arn: stored - began_at_s for arn, stored in fleet.stored_at_s.items()}
    return Round(
        since_tick_s=since_tick,
        since_due_s={arn: waited - due[arn] for arn, waited in since_tick.items()},
        failed=fleet.failed,
        left=_waiting(fleet, fleet.queue_url),
        dead=_waiting(fleet, fleet.dead_letters),
    )


def _waiting(fleet: Fleet, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = fleet.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(each) for each in found.values())


def members_of(clusters: int) -> list[ClusterRef]:
    """The clusters of a fleet, as the account of the static cluster knows them."""
    cluster = ClusterRef.parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod")
    return [msgspec.structs.replace(cluster, name=f"member-{number:04}") for number in range(clusters)]


def compared(
    aws: LocalAws, clusters: int, *, timeout_seconds: float = TIMEOUT_SECONDS, concurrency: int = CONCURRENCY
) -> tuple[Mapping[str, Round], ClusterRef, Ledger]:
    """Both rounds: `all answer` and `one hung`; which one that is, and the ledger."""
    fleet = Fleet(aws, built_bundle(), timeout_seconds)
    members = members_of(clusters)
    ledger = fleet.ledger()
    for each in members:
        register_cluster(each, policy={}, items=(), registry=ledger.registry, clock=SystemClock())
    jitter_seconds = min(JITTER_SECONDS, math.ceil(JITTER_SECONDS * clusters / FLEET))
    rounds = {}
    for what, options in (("all answer", ()), ("one hung", ("--hung", HUNG))):
        with Served("--pods", "50", "--nodes", "3", "--delay-ms", str(AWS_DELAY_MS), *options) as served:
            rounds[what] = play(fleet, [each.arn for each in members], jitter_seconds, served, concurrency)
        print(f"fleet: {what}: {len(rounds[what].since_tick_s)} of {clusters}", file=sys.stderr)
    return rounds, members[0], ledger


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clusters", type=int, default=FLEET)
    clusters = options.parse_args(arguments).clusters
    with LocalAws() as aws:
        rounds, hung, _ = compared(aws, clusters)
    measured, means = [], {}
    for what, one in rounds.items():
        others = [waited for arn, waited in one.since_tick_s.items() if arn != hung.arn]
        after = [waited for arn, waited in one.since_due_s.items() if arn != hung.arn]
        means[what] = fmean(others)
        measured.append(
            {
                "what": what,
                "results": len(one.since_tick_s),
                "mean_after_tick_s": means[what],
                "median_after_due_s": median(after),
                "p99_after_due_s": quantiles(after, n=100)[98],
                "failed": one.failed,
                "left_in_queue": one.left,
                "dead_letters": one.dead,
            }
        )
        if one.failed or one.dead or len(one.since_tick_s) < clusters:
            raise SystemExit(f"{what}: {measured[-1]}")
    answer = {
        "title": f"A fleet of {clusters} clusters, {CONCURRENCY} scans at once, the results of all but the hung one",
        "ratios": {"fleet_500_one_hung_delay": means["one hung"] / means["all answer"] - 1},
        "measured": measured,
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
