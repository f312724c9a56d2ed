"""What reaches a subscriber of the topic: on moto, and on ministack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from eks_readiness.adapters.sns_notifier import MAX_MESSAGE_BYTES, SnsLevelNotifier
from eks_readiness.domain.errors import StoreError
from eks_readiness.ports import Message, WriteMessage
from eks_readiness.reports.event_message import event_message_writer
from tests.doubles.local_aws import LocalAws
from tests.scans import write

EVENT = write(None, 0, 2).event
WRITE = event_message_writer("https://example.com/ü")


class Topic(NamedTuple):
    """A topic with two queues: one hears all, one what a filter lets through."""

    notifier: Callable[[WriteMessage], SnsLevelNotifier]
    heard: Callable[[], list[Any]]
    heard_of_regressions: Callable[[], list[Any]]


@pytest.fixture(params=["moto", "ministack"])
def topic(request: pytest.FixtureRequest) -> Iterator[Topic]:
    """One of each kind."""
    if request.param == "moto":
        with mock_aws():
            session = boto3.Session("AKIAEXAMPLE", "secret", region_name="eu-west-1")
            yield _topic(session.client("sns"), session.client("sqs"))
        return
    aws: LocalAws = request.getfixturevalue("local_aws")
    yield _topic(aws.client("sns"), aws.client("sqs"))


def _topic(sns: Any, sqs: Any) -> Topic:
    arn = sns.create_topic(Name=f"topic-{uuid4().hex[:8]}")["TopicArn"]

    def subscribed(**attributes: str) -> Callable[[], list[Any]]:
        url = sqs.create_queue(QueueName=f"queue-{uuid4().hex[:8]}")["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(
            TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true", **attributes}
        )

        def heard() -> list[Any]:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            return [json.loads(each["Body"]) for each in answer.get("Messages", [])]

        return heard

    return Topic(
        lambda write_message: SnsLevelNotifier(sns, arn, write_message),
        subscribed(),
        subscribed(FilterPolicy=json.dumps({"event": ["REGRESSED"], "to_level": [0]})),
    )


def test_a_program_gets_the_json_and_what_it_filters_for(topic: Topic) -> None:
    """One text for all programs, whatever protocol they are subscribed by."""
    assert EVENT is not None
    regression = write(write(None, 0, 2).state, 1, 0).event
    assert regression is not None
    notifier = topic.notifier(WRITE)
    assert notifier.publish(EVENT)
    assert notifier.publish(regression)
    heard = topic.heard()
    assert sorted(each["event"] for each in heard) == ["BASELINE", "REGRESSED"]
    assert {each["dashboard_url"] for each in heard} == {"https://example.com/ü"}
    assert [each["event_id"] for each in topic.heard_of_regressions()] == [regression.event_id]


def test_a_topic_that_refuses_is_told(topic: Topic) -> None:
    """The event stays in the ledger, and the sweeper tries again."""
    assert EVENT is not None
    gone = topic.notifier(WRITE)
    gone._topic_arn += "-gone"
    with pytest.raises(StoreError, match="could not be published"):
        gone.publish(EVENT)
    assert topic.heard() == []


def test_what_sns_would_refuse_is_not_sent(topic: Topic) -> None:
    """Emulators take it."""
    assert EVENT is not None
    large = Message(subject="s", bodies={"default": "ü" * (MAX_MESSAGE_BYTES // 2)}, attributes={})
    with pytest.raises(StoreError, match="larger than SNS takes"):
        topic.notifier(lambda _: large).publish(EVENT)
    assert topic.heard() == []
