"""The scan queue on SQS: batches, jitter, and what happens to requests that are not taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws

from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import ScanRequest
from tests.scans import CLUSTER, START


def requests(count: int, trigger: str = "schedule") -> list[ScanRequest]:
    """Requests for as many clusters."""
    clusters = [msgspec.structs.replace(CLUSTER, name=f"prod-{number}") for number in range(count)]
    return [
        msgspec.convert({"cluster_arn": each.arn, "slot": START, "trigger": trigger}, ScanRequest) for each in clusters
    ]


class Recorder:
    """An SQS client that remembers its calls and answers what it is told."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answers = list(answers)

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        """Take a batch."""
        self.calls.append(call)
        return self.answers.pop(0) if self.answers else {}


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """SQS without a network."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with mock_aws():
        yield boto3.client("sqs", region_name="eu-west-1")


def test_every_request_arrives_once(sqs: Any) -> None:
    """Twenty-three requests are three batches, and can be read back."""
    url = sqs.create_queue(QueueName="eks-readiness-scans")["QueueUrl"]
    sent = requests(23)
    SqsScanQueue(sqs, url).send(sent)
    received: list[ScanRequest] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [msgspec.json.decode(each["Body"], type=ScanRequest) for each in messages]
    assert sorted(received, key=lambda each: each.cluster_arn) == sorted(sent, key=lambda each: each.cluster_arn)


def test_batches_are_of_ten_and_only_the_schedule_waits() -> None:
    """Scheduled scans are spread over the jitter; what a person asks for goes at once."""
    client = Recorder()
    queue = SqsScanQueue(client, "url", jitter_seconds=300, random_below=lambda bound: bound - 1)
    queue.send(requests(12))
    queue.send(requests(1, "request"))
    assert [len(call["Entries"]) for call in client.calls] == [10, 2, 1]
    assert [{each["DelaySeconds"] for each in call["Entries"]} for call in client.calls] == [{300}, {300}, {0}]


def test_nothing_to_send_is_no_call() -> None:
    """An empty batch would be refused."""
    client = Recorder()
    SqsScanQueue(client, "url").send([])
    assert client.calls == []


def test_what_was_not_taken_is_named_and_the_rest_is_sent() -> None:
    """One refused entry of the first batch does not keep the second one."""
    client = Recorder({"Failed": [{"Id": "3", "Code": "InternalError", "SenderFault": False}]})
    with pytest.raises(StoreError) as refused:
        SqsScanQueue(client, "url").send(requests(11))
    assert "1 of 11 scans could not be requested" in str(refused.value)
    assert f"{requests(4)[3].cluster_arn} (InternalError)" in str(refused.value)
    assert len(client.calls) == 2


def test_a_queue_that_is_gone_is_a_store_error(sqs: Any) -> None:
    """No SDK error leaves the adapter."""
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/gone"
    with pytest.raises(StoreError, match="1 of 1 scans could not be requested"):
        SqsScanQueue(sqs, url).send(requests(1))
