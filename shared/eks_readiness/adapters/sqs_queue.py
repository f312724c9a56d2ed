"""The queue between the dispatcher and the scanners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from secrets import randbelow
from typing import Any

import msgspec

from eks_readiness.adapters.aws_errors import SDK_ERRORS
from eks_readiness.domain.errors import StoreError, bounded
from eks_readiness.domain.ledger import ScanRequest

BATCH = 10
"""Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""


class SqsScanQueue:
    """ScanQueue on SQS. `jitter_seconds` spreads scheduled requests over that time; others go at once."""

    def __init__(
        self, client: Any, queue_url: str, *, jitter_seconds: int = 0, random_below: Callable[[int], int] = randbelow
    ) -> None:
        self._client = client
        self._queue_url = queue_url
        self._jitter_seconds = jitter_seconds
        self._random_below = random_below

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """Queue every request; raises StoreError naming those that were not taken."""
        left = iter(requests)
        refused: list[str] = []
        while batch := list(islice(left, BATCH)):
            refused += self._send(batch)
        if refused:
            raise StoreError(
                f"{len(refused)} of {len(requests)} scans could not be requested: {', '.join(refused)}",
                remedy="the next tick asks again",
            )

    def _send(self, batch: Sequence[ScanRequest]) -> list[str]:
        entries = [
            {
                "Id": str(number),
                "MessageBody": msgspec.json.encode(request).decode(),
                "DelaySeconds": self._random_below(self._jitter_seconds + 1) if request.trigger == "schedule" else 0,
            }
            for number, request in enumerate(batch)
        ]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except SDK_ERRORS as error:
            return [f"{each.cluster_arn} ({bounded(str(error), 200)})" for each in batch]
        return [
            f"{batch[int(each['Id'])].cluster_arn} ({each.get('Code', 'refused')})" for each in answer.get("Failed", ())
        ]

    def reject(self, receipt_handle: str) -> None:
        """Give a message back at once: what can never be read reaches the dead-letter queue in seconds, not hours.

        A failure to do so changes nothing but the time that this takes.
        """
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=0
            )
        except SDK_ERRORS:
            return
