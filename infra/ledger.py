"""The table that remembers: registrations, states, scans, statements, and the events still to be told."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from eks_readiness import names
from infra.python_function import PythonFunction

_KEY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


class Ledger(Construct):
    """The ledger's table with its two sparse indexes and the stream that starts the relay."""

    def __init__(self, scope: Construct, id: str, *, key: kms.IKey, retain: bool) -> None:
        super().__init__(scope, id)
        self._key = key
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(names.PARTITION_KEY),
            sort_key=_text(names.SORT_KEY),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute=names.EXPIRES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
            deletion_protection=retain,
        )
        self.table.add_global_secondary_index(
            index_name=names.PENDING_INDEX,
            partition_key=_text(names.PENDING_SHARD),
            sort_key=_text(names.CREATED_AT),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        self.table.add_global_secondary_index(
            index_name=names.REGISTRY_INDEX,
            partition_key=_text(names.REGISTRY_SHARD),
            sort_key=_text(names.PARTITION_KEY),
            projection_type=dynamodb.ProjectionType.ALL,
        )

    def allow(self, function: PythonFunction, *actions: str) -> None:
        """Give a function rights on the table's rows, and the use of the key that this takes."""
        function.allow(*(f"dynamodb:{action}" for action in actions), on=[self.table.table_arn])
        function.allow(
            *(_KEY_USE if {*actions} - {"GetItem", "Query", "BatchGetItem"} else ("kms:Decrypt", "kms:DescribeKey")),
            on=[self._key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"dynamodb.{Stack.of(self).region}.amazonaws.com"}},
        )

    def allow_query(self, function: PythonFunction, *indexes: str) -> None:
        """Let a function query indexes; rights on the table's rows come through `allow`."""
        function.allow("dynamodb:Query", on=[f"{self.table.table_arn}/index/{index}" for index in indexes])

    def allow_stream(self, function: PythonFunction) -> None:
        """Let a function read the stream of changes."""
        function.allow(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            on=[self.table.table_stream_arn or ""],
        )
        # AWS knows no narrower resource for this action: https://docs.aws.amazon.com/service-authorization/latest/reference/
        function.allow("dynamodb:ListStreams", on=["*"])


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
