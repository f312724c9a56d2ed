"""A queue as every queue of the product is: encrypted, TLS only, nothing lost for fourteen days."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.encryption import EncryptionKey

MAX_RECEIVES = 5
"""How often a message is tried before it is a dead letter."""


class EncryptedQueue(Construct):
    """A queue, with its dead letters elsewhere; without `dead_letters` it holds dead letters itself."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        encryption: EncryptionKey,
        name: str | None = None,
        visibility_seconds: int = 30,
        dead_letters: EncryptedQueue | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._encryption = encryption
        self.queue: sqs.Queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=encryption.key,
            # A day with one data key: otherwise each message costs a request to KMS.
            data_key_reuse=Duration.days(1),
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(visibility_seconds),
            retention_period=Duration.days(14),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters.queue, max_receive_count=MAX_RECEIVES)
            if dead_letters
            else None,
        )
        if dead_letters is None:
            Validations.of(self.queue).acknowledge(
                Acknowledgment(
                    id="AwsSolutions-SQS3", reason="It holds dead letters itself; an alarm tells when it is not empty."
                )
            )

    def allow_send(self, role: iam.Role) -> None:
        """Let a role send messages."""
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue.queue_arn]))
        self._encryption.allow_messages(role, "sqs")

    def allow_receive(self, role: iam.Role) -> None:
        """Let a role receive messages, delete them and give them back."""
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                ],
                resources=[self.queue.queue_arn],
            )
        )
        self._encryption.allow_reading(role, "sqs")
