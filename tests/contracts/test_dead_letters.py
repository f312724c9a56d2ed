"""One contract for queues of dead letters: in memory, on moto, and on ministack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from eks_readiness.adapters.memory import MemoryDeadLetters
from eks_readiness.adapters.sqs_dead_letters import SqsDeadLetters
from eks_readiness.ports import DeadLetter, DeadLetters
from tests.doubles.local_aws import LocalAws
from tests.scans import START


class Queue(NamedTuple):
    """A queue of dead letters, how they get there, and what arrived where they came from."""

    letters: DeadLetters
    put: Callable[[str], object]
    sent_back: Callable[[], list[str]]


@pytest.fixture(params=["memory", "moto", "ministack"])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    """An empty one of each kind."""
    if request.param == "memory":
        memory = MemoryDeadLetters()

        def put(body: str) -> None:
            name = f"m{len(memory.letters)}"
            memory.letters[name] = DeadLetter(id=name, body=body, sent_at=START)

        yield Queue(memory, put, lambda: memory.sent_back)
        return
    if request.param == "moto":
        with mock_aws():
            yield _on_sqs(
                boto3.client(
                    "sqs", region_name="eu-west-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret"
                )
            )
        return
    aws: LocalAws = request.getfixturevalue("local_aws")
    yield _on_sqs(aws.client("sqs"))


def _on_sqs(sqs: Any) -> Queue:
    source, dead = (sqs.create_queue(QueueName=f"{kind}-{uuid4().hex[:8]}")["QueueUrl"] for kind in ("scans", "dlq"))

    def sent_back() -> list[str]:
        answer = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)
        return [each["Body"] for each in answer.get("Messages", [])]

    return Queue(
        SqsDeadLetters(sqs, dead, source_url=source),
        lambda body: sqs.send_message(QueueUrl=dead, MessageBody=body),
        sent_back,
    )


def test_who_takes_letters_has_them_alone(queue: Queue) -> None:
    """Until they are given back."""
    for body in ("a", "b", "c"):
        queue.put(body)
    first = queue.letters.take(2)
    assert len(first) == 2
    assert len(queue.letters.take(10)) == 1
    assert queue.letters.take(10) == ()
    assert queue.letters.count() == 3
    queue.letters.give_back(first)
    assert sorted(each.body for each in queue.letters.take(10)) == sorted(each.body for each in first)


def test_what_is_deleted_is_gone(queue: Queue) -> None:
    """The others stay."""
    queue.put("a")
    queue.put("b")
    taken = queue.letters.take(10)
    queue.letters.delete(taken[:1])
    queue.letters.give_back(taken[1:])
    assert [each.body for each in queue.letters.take(10)] == [taken[1].body]


def test_letters_are_sent_back_byte_for_byte(queue: Queue) -> None:
    """And are no longer here."""
    bodies = ['{"cluster_arn": "arn:ü"}', "not JSON"]
    for body in bodies:
        queue.put(body)
    assert queue.letters.send_back(queue.letters.take(10)) == 2
    assert sorted(queue.sent_back()) == sorted(bodies)
    assert queue.letters.count() == 0


def test_of_no_letters_nothing_is_asked(queue: Queue) -> None:
    """An empty batch is an error to SQS."""
    queue.letters.delete(())
    queue.letters.give_back(())
    assert queue.letters.send_back(()) == 0


@pytest.mark.parametrize("queue", ["memory", "ministack"], indirect=True)
def test_where_nobody_else_moves_letters_that_is_said(queue: Queue) -> None:
    """Then they are sent back one by one. Moto does not answer the call at all."""
    queue.put("a")
    assert queue.letters.move_all_back() is False
    assert queue.letters.count() == 1
