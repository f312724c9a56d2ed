"""Publishes events to an SNS topic."""

from __future__ import annotations

import json
from typing import Any

from eks_readiness.adapters.aws_errors import SDK_ERRORS
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import Event
from eks_readiness.ports import WriteMessage

MAX_MESSAGE_BYTES = 256 * 1024
"""Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


class SnsLevelNotifier:
    """LevelNotifier on one topic."""

    def __init__(self, client: Any, topic_arn: str, write_message: WriteMessage) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._write_message = write_message

    def publish(self, event: Event) -> str:
        """Publish; returns the message id. Raises StoreError when it was not, or perhaps not, taken."""
        message = self._write_message(event)
        text = json.dumps(message.bodies, ensure_ascii=False)
        if len(text.encode()) > MAX_MESSAGE_BYTES:
            raise StoreError(f"{event.event_id}: the message is larger than SNS takes ({MAX_MESSAGE_BYTES} bytes)")
        try:
            answer = self._client.publish(
                TopicArn=self._topic_arn,
                Subject=message.subject,
                Message=text,
                MessageStructure="json",
                MessageAttributes={
                    name: {"DataType": "Number" if isinstance(value, int) else "String", "StringValue": str(value)}
                    for name, value in message.attributes.items()
                },
            )
        except SDK_ERRORS as error:
            raise StoreError(
                f"event {event.event_id} of {event.key.partition} could not be published: {error}",
                remedy="the sweeper tries again; look at the topic's policy and key",
            ) from error
        return str(answer["MessageId"])
