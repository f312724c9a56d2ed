"""The table that remembers: registrations, states, scans, statements, and the events still to be told."""

from __future__ import annotations

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from eks_readiness import names
from infra.encryption import EncryptionKey
from infra.python_function import PythonFunction

_READS = frozenset({"BatchGetItem", "GetItem", "Query"})


class Ledger(Construct):
    """The ledger's table with its two sparse indexes and the stream that starts the relay."""

    def __init__(self, scope: Construct, id: str, *, name: str, encryption: EncryptionKey, retain: bool) -> None:
        super().__init__(scope, id)
        self._encryption = encryption
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=name,
            partition_key=_text(names.PARTITION_KEY),
            sort_key=_text(names.SORT_KEY),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute=names.EXPIRES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=encryption.key,
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
        if _READS.issuperset(actions):
            self._encryption.allow_reading(function.role, "dynamodb")
        else:
            self._encryption.allow_rows(function.role)

    def allow_query(self, function: PythonFunction, *indexes: str) -> None:
        """Let a function query indexes."""
        function.allow("dynamodb:Query", on=[f"{self.table.table_arn}/index/{index}" for index in indexes])
        self._encryption.allow_reading(function.role, "dynamodb")

    def allow_stream(self, function: PythonFunction) -> None:
        """Let a function read the stream of changes."""
        self._encryption.allow_reading(function.role, "dynamodb")
        function.allow(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            on=[self.table.table_stream_arn or ""],
        )
        # AWS knows no narrower resource for this action: https://docs.aws.amazon.com/service-authorization/latest/reference/
        function.allow("dynamodb:ListStreams", on=["*"])
        Validations.of(function.role).acknowledge(
            Acknowledgment(
                id="AwsSolutions-IAM5[Resource::*]", reason="dynamodb:ListStreams can only be allowed on all streams."
            )
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
