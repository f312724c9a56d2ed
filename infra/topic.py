"""A topic as every topic of the product is: encrypted, TLS only, with the people who hear of it by e-mail."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.encryption import EncryptionKey


class EncryptedTopic(sns.Topic):
    """A topic. Each of `addresses` gets a mail and must confirm before it hears anything."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        display_name: str,
        encryption: EncryptionKey,
        addresses: Sequence[str],
    ) -> None:
        super().__init__(
            scope, id, topic_name=name, display_name=display_name, master_key=encryption.key, enforce_ssl=True
        )
        self._encryption = encryption
        for address in addresses:
            self.add_subscription(subscriptions.EmailSubscription(address))

    def allow_alarms(self, prefix: str) -> None:
        """Let alarms of this account whose names begin with a prefix publish."""
        stack = Stack.of(self)
        alarms = stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name=f"{prefix}*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": alarms},
                },
            )
        )
        self._encryption.allow_alarms()
