"""A queue of dead letters: what lies in it, and how it gets back to where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from eks_readiness.domain.errors import StoreError
from eks_readiness.ports import DeadLetter

BATCH = 10
"""Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
HIDDEN_SECONDS = 300
"""Nobody else receives a letter for that long: longer than the most letters that one call takes need."""
WAIT_SECONDS = 1
"""With any wait at all SQS asks all of its servers: an empty answer then means an empty queue."""
MOVES_PER_SECOND = 50
"""Letters that the service moves; the queue that they go to is worked off no faster."""
_NOT_OFFERED = frozenset({"InvalidAction", "NotImplemented", "UnknownOperationException", "UnsupportedOperation"})


class SqsDeadLetters:
    """DeadLetters on SQS. `source_url` is the queue that a redrive policy moved them from, where there is one."""

    def __init__(self, client: Any, queue_url: str, *, source_url: str | None = None) -> None:
        self._client = client
        self._queue_url = queue_url
        self._source_url = source_url

    def count(self) -> int:
        """About how many there are."""
        answer = self._ask(
            self._client.get_queue_attributes,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(each) for each in answer["Attributes"].values())

    def take(self, limit: int) -> tuple[DeadLetter, ...]:
        """Up to so many letters, which nobody else gets for five minutes."""
        taken: dict[str, DeadLetter] = {}
        while len(taken) < limit:
            answer = self._ask(
                self._client.receive_message,
                MaxNumberOfMessages=min(BATCH, limit - len(taken)),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            messages = answer.get("Messages", [])
            if not messages:
                break
            taken.update({each["MessageId"]: _letter(each) for each in messages})
        return tuple(taken.values())

    def give_back(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see letters again."""
        for batch in _batches(letters):
            self._ask(
                self._client.change_message_visibility_batch,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": each.receipt, "VisibilityTimeout": 0}
                    for number, each in enumerate(batch)
                ],
            )

    def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Remove letters for good."""
        for batch in _batches(letters):
            self._ask(
                self._client.delete_message_batch,
                Entries=[{"Id": str(number), "ReceiptHandle": each.receipt} for number, each in enumerate(batch)],
            )

    def move_all_back(self) -> bool:
        """Let the service move all letters to where they came from; False where it does not offer that."""
        arn = self._ask(self._client.get_queue_attributes, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        try:
            self._client.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=MOVES_PER_SECOND)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code", "").rpartition(".")[2] in _NOT_OFFERED:
                return False
            raise _refused(self._queue_url, error) from error
        except BotoCoreError as error:
            raise _refused(self._queue_url, error) from error
        return True

    def send_back(self, letters: Sequence[DeadLetter]) -> int:
        """Send letters to where they came from, and only then remove them here; returns how many were taken there."""
        sent = 0
        for batch in _batches(letters):
            answer = self._ask(
                self._client.send_message_batch,
                queue_url=self._source_url,
                Entries=[{"Id": str(number), "MessageBody": each.body} for number, each in enumerate(batch)],
            )
            done = [batch[int(each["Id"])] for each in answer.get("Successful", ())]
            self.delete(done)
            self.give_back([each for each in batch if each not in done])
            sent += len(done)
        return sent

    def _ask(self, call: Callable[..., Any], *, queue_url: str | None = None, **parameters: Any) -> Any:
        try:
            return call(QueueUrl=queue_url or self._queue_url, **parameters)
        except (ClientError, BotoCoreError) as error:
            raise _refused(queue_url or self._queue_url, error) from error


def _batches(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    for start in range(0, len(letters), BATCH):
        yield letters[start : start + BATCH]


def _refused(queue_url: str, error: Exception) -> StoreError:
    queue = queue_url.rpartition("/")[2]
    return StoreError(f"queue {queue}: {error}", remedy="nothing is lost: mend it and run the command again")


def _letter(message: dict[str, Any]) -> DeadLetter:
    sent = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    return DeadLetter(
        id=message["MessageId"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(sent / 1000, UTC),
        receipt=message["ReceiptHandle"],
    )
