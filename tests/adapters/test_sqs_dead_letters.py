"""Dead letters on SQS: nothing is lost on the way back, whether or not the service moves them by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from eks_readiness.adapters.sqs_dead_letters import SqsDeadLetters
from eks_readiness.domain.errors import StoreError

REGION = "eu-west-1"


class Queues(NamedTuple):
    """A queue, and the one that its dead letters lie in."""

    client: Any
    source: str
    dead: str

    @property
    def letters(self) -> SqsDeadLetters:
        """What is tested."""
        return SqsDeadLetters(self.client, self.dead, source_url=self.source)

    def put(self, *bodies: str) -> None:
        """Let messages die."""
        for body in bodies:
            self.client.send_message(QueueUrl=self.dead, MessageBody=body)

    def bodies(self, url: str) -> list[str]:
        """What can be received from a queue."""
        found: list[str] = []
        while messages := self.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [each["Body"] for each in messages]
        return sorted(found)


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    """Two queues on a fake account."""
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client: Any = boto3.client("sqs", region_name=REGION)
        yield Queues(
            client,
            client.create_queue(QueueName="scans")["QueueUrl"],
            client.create_queue(QueueName="scans-dlq")["QueueUrl"],
        )


def test_letters_are_hidden_while_they_are_taken(queues: Queues) -> None:
    """As many as asked for, over several requests; given back, they are there again."""
    queues.put(*(f"{number:02}" for number in range(25)))
    taken = queues.letters.take(12)
    assert len({each.id for each in taken}) == 12
    assert len(queues.letters.take(100)) == 13
    assert queues.letters.take(1) == ()
    assert queues.letters.count() == 25
    queues.letters.give_back(taken)
    assert queues.bodies(queues.dead) == sorted(each.body for each in taken)


def test_letters_go_back_to_where_they_came_from(queues: Queues) -> None:
    """Byte for byte, and they are gone here."""
    bodies = [f'{{"number": {number}}} ü' for number in range(23)]
    queues.put(*bodies)
    letters = queues.letters
    assert letters.send_back(letters.take(100)) == 23
    assert letters.count() == 0
    assert queues.bodies(queues.source) == sorted(bodies)


def test_what_is_not_taken_there_stays_here(queues: Queues) -> None:
    """A queue refuses some of a batch: those are seen here again."""
    queues.put("a", "b")
    letters = queues.letters
    taken = letters.take(10)

    def refuse_the_second(parsed: dict[str, Any], **_: object) -> None:
        gone = parsed["Successful"].pop()
        queues.client.purge_queue(QueueUrl=queues.source)
        parsed["Failed"] = [{"Id": gone["Id"], "Code": "InternalError", "SenderFault": False}]

    queues.client.meta.events.register("after-call.sqs.SendMessageBatch", refuse_the_second)
    assert letters.send_back(taken) == 1
    assert queues.bodies(queues.dead) == [taken[1].body]


def test_a_queue_that_cannot_be_reached_loses_nothing(queues: Queues) -> None:
    """The letters are sent before they are removed."""
    queues.put("a")
    letters = SqsDeadLetters(queues.client, queues.dead, source_url=queues.source + "-gone")
    taken = letters.take(10)
    with pytest.raises(StoreError, match="queue scans-gone"):
        letters.send_back(taken)
    letters.give_back(taken)
    assert queues.bodies(queues.dead) == ["a"]


@pytest.mark.parametrize(
    "code", ["InvalidAction", "AWS.SimpleQueueService.UnsupportedOperation", "UnknownOperationException"]
)
def test_where_the_service_does_not_move_letters_that_is_said(code: str, queues: Queues) -> None:
    """Not every partition and no emulator does."""
    arn = queues.client.get_queue_attributes(QueueUrl=queues.dead, AttributeNames=["QueueArn"])["Attributes"]
    with Stubber(queues.client) as stub:
        stub.add_response("get_queue_attributes", {"Attributes": arn})
        stub.add_client_error("start_message_move_task", code)
        assert queues.letters.move_all_back() is False


def test_the_service_moves_letters_at_a_bounded_rate(queues: Queues) -> None:
    """From the queue of dead letters to where each came from; another refusal is told."""
    arn = f"arn:aws:sqs:{REGION}:123456789012:scans-dlq"
    with Stubber(queues.client) as stub:
        stub.add_response("get_queue_attributes", {"Attributes": {"QueueArn": arn}})
        stub.add_response(
            "start_message_move_task", {"TaskHandle": "t"}, {"SourceArn": arn, "MaxNumberOfMessagesPerSecond": 50}
        )
        assert queues.letters.move_all_back() is True
        stub.add_response("get_queue_attributes", {"Attributes": {"QueueArn": arn}})
        stub.add_client_error("start_message_move_task", "AccessDenied")
        with pytest.raises(StoreError, match=r"queue scans-dlq.*AccessDenied"):
            queues.letters.move_all_back()
