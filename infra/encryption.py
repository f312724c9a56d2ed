"""The key under which a deployment keeps everything that it stores: table, bucket, queues and topic."""

from __future__ import annotations

from typing import Literal

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

Through = Literal["dynamodb", "s3", "sns", "sqs"]


class EncryptionKey(Construct):
    """A customer-managed key that rotates. Everybody uses it only through the service that stores with it."""

    def __init__(self, scope: Construct, id: str, *, deployment: str, retain: bool) -> None:
        super().__init__(scope, id)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Encrypts what {deployment} stores",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
        )

    def allow_reading(self, role: iam.Role, through: Through) -> None:
        """Let a role read what a service stores."""
        self._allow(role, through, ("kms:Decrypt",))

    def allow_messages(self, role: iam.Role, through: Literal["sns", "sqs"]) -> None:
        """Let a role send, and receive, encrypted messages.

        Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        """
        self._allow(role, through, ("kms:Decrypt", "kms:GenerateDataKey"))

    def allow_objects(self, role: iam.Role) -> None:
        """Let a role write objects of an encrypted bucket.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        """
        self._allow(role, "s3", ("kms:GenerateDataKey",))

    def allow_rows(self, role: iam.Role) -> None:
        """Let a role write rows of an encrypted table.

        Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        """
        self._allow(
            role,
            "dynamodb",
            (
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ),
        )

    def allow_alarms(self) -> None:
        """Let this account's alarms publish to an encrypted topic: without it they fail, and nobody notices.

        Source: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        """
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy: this key
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )

    def _allow(self, role: iam.Role, through: Through, actions: tuple[str, ...]) -> None:
        stack = Stack.of(self)
        # In China some services name themselves under the partition's own suffix, others under the common one.
        hosts = [f"{through}.{stack.region}.{suffix}" for suffix in ("amazonaws.com", stack.url_suffix)]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[*actions],
                resources=[self.key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": hosts}},
            )
        )
