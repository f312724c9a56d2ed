"""A deployment's functions as processes of their own, on a local AWS: they die alone, and start anew like Lambda's."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from eks_readiness.adapters.dynamo_items import outbox_key
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.domain.event import OutboxKey
from eks_readiness.ports import Ledger
from eks_readiness.settings import RelaySettings, ScanSettings, Settings, SweepSettings
from tests.chaos.conftest import pointed, refuse
from tests.chaos.worker import ANSWER
from tests.contracts.conftest import create_table
from tests.doubles.local_aws import ROOT, LocalAws

LEASE_SECONDS = 3


class FunctionProcess:
    """One function; a context manager. A process that died is started anew by the next invocation."""

    def __init__(self, verb: str, settings: Settings, aws: LocalAws) -> None:
        self._verb = verb
        self._environment = {**aws.environment, **settings.to_env(), "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.Queue[str | None] = queue.Queue()
        self.log: list[str] = []
        self.starts = 0
        self.deaths = 0

    def invoke(
        self, event: object, *, plan: Mapping[str, object] | None = None, seconds: float = 60
    ) -> dict[str, Any] | None:
        """What it says, or None: it died, or took longer than it may and was killed."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(json.dumps({"event": event, "plan": plan or {}}) + "\n")
        process.stdin.flush()
        try:
            line = self._said.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            self.deaths += 1
            self.close()
            return None
        said: dict[str, Any] = json.loads(line)
        return said

    def _start(self) -> None:
        self.starts += 1
        said: queue.Queue[str | None] = queue.Queue()
        self._said = said
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker", self._verb],
            env=self._environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        output = process.stdout

        def listen() -> None:
            for line in output:
                if line.startswith(ANSWER):
                    said.put(line.removeprefix(ANSWER))
                else:
                    self.log.append(line)
            said.put(None)

        threading.Thread(target=listen, daemon=True).start()
        self._process = process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Account:
    """A ledger's table, a queue with dead letters, and a topic with a listener, on a local AWS."""

    def __init__(self, aws: LocalAws, *, visibility_seconds: int = 1, max_receives: int = 5) -> None:
        self.aws = aws
        self.session = pointed(aws)
        self.sqs, sns = self.session.client("sqs"), self.session.client("sns")
        self.table = create_table(self.session.client("dynamodb"))
        self.dead_letters_url = self._queue("dlq")
        redrive = {"deadLetterTargetArn": self._arn(self.dead_letters_url), "maxReceiveCount": max_receives}
        attributes = {"VisibilityTimeout": str(visibility_seconds), "RedrivePolicy": json.dumps(redrive)}
        self.queue_url = self._queue("scans", attributes)
        self.listener_url = self._queue("told")
        self.topic_arn: str = sns.create_topic(Name=f"{self.table}-topic")["TopicArn"]
        sns.subscribe(
            TopicArn=self.topic_arn,
            Protocol="sqs",
            Endpoint=self._arn(self.listener_url),
            Attributes={"RawMessageDelivery": "true"},
        )

    def _queue(self, name: str, attributes: Mapping[str, str] | None = None) -> str:
        created = self.sqs.create_queue(QueueName=f"{self.table}-{name}", Attributes=attributes or {})
        return str(created["QueueUrl"])

    def _arn(self, url: str) -> str:
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def ledger(self) -> Ledger:
        """The ledger as this process reads it."""
        return dynamo_ledger(self.session, self.table, retention_days=1, on_broken_row=refuse)

    def scan(self) -> FunctionProcess:
        """The scanner."""
        settings = ScanSettings(
            ledger_table=self.table,
            deployment="d",
            scan_queue_url=self.queue_url,
            policy={},
            kubernetes_endpoint_suffixes=(),
            reserve_seconds=5,
            evidence_bucket="evidence",
            scan_retention_days=30,
        )
        return FunctionProcess("scan", settings, self.aws)

    def relay(self) -> FunctionProcess:
        """The relay, with a short lease."""
        settings = RelaySettings(
            ledger_table=self.table,
            deployment="d",
            topic_arn=self.topic_arn,
            lease_seconds=LEASE_SECONDS,
            dashboard_url="",
        )
        return FunctionProcess("relay", settings, self.aws)

    def sweep(self) -> FunctionProcess:
        """The sweeper, which takes up what is older than a second."""
        settings = SweepSettings(
            ledger_table=self.table,
            deployment="d",
            topic_arn=self.topic_arn,
            lease_seconds=LEASE_SECONDS,
            dashboard_url="",
            pending_after_seconds=1,
            digest_after_seconds=600,
            scan_interval_seconds=3600,
            policy={},
        )
        return FunctionProcess("sweep", settings, self.aws)

    def receive(self, url: str, *, seconds: int = 1, at_most: int = 10) -> list[dict[str, Any]]:
        """What lies in a queue."""
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=at_most, WaitTimeSeconds=seconds)
        messages: list[dict[str, Any]] = found.get("Messages", [])
        return messages

    def expire(self, message: Mapping[str, Any]) -> None:
        """Let the time be over for which a received message is hidden."""
        self.sqs.change_message_visibility(
            QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )

    def told(self) -> list[dict[str, Any]]:
        """What the topic's listener has heard."""
        heard: list[dict[str, Any]] = []
        while messages := self.receive(self.listener_url):
            for each in messages:
                self.sqs.delete_message(QueueUrl=self.listener_url, ReceiptHandle=each["ReceiptHandle"])
                heard.append(json.loads(each["Body"]))
        return heard


def delivery(message: Mapping[str, Any]) -> dict[str, object]:
    """A message as the queue's event source hands it to a function."""
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:scans",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}


def stream_record(key: OutboxKey) -> dict[str, object]:
    """An event's row as the table's stream hands it to a function."""
    change = {"Keys": outbox_key(key), "SequenceNumber": "1"}
    return {"Records": [{"eventName": "INSERT", "eventID": "1", "dynamodb": change}]}
