"""The stores under test: in memory, on moto, and on ministack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from eks_readiness import names
from eks_readiness.adapters.memory import memory_ledger
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.ports import BrokenRow, Ledger
from tests.doubles.local_aws import LocalAws


def create_table(client: Any, name: str = "") -> str:
    """A table with the keys, indexes and stream that the deployment gives it; by default under a name of its own."""
    name = name or f"ledger-{uuid4().hex[:8]}"
    attributes = (
        names.PARTITION_KEY,
        names.SORT_KEY,
        names.PENDING_SHARD,
        names.CREATED_AT,
        names.REGISTRY_SHARD,
    )
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
        KeySchema=_keys(names.PARTITION_KEY, names.SORT_KEY),
        GlobalSecondaryIndexes=[
            {
                "IndexName": names.PENDING_INDEX,
                "KeySchema": _keys(names.PENDING_SHARD, names.CREATED_AT),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": names.REGISTRY_INDEX,
                "KeySchema": _keys(names.REGISTRY_SHARD, names.PARTITION_KEY),
                "Projection": {"ProjectionType": "ALL"},
            },
        ],
    )
    return name


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _one_transaction_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What DynamoDB promises and moto does not keep between threads: transactions are serializable."""
    lock, transact = Lock(), DynamoDBBackend.transact_write_items

    def locked(self: DynamoDBBackend, *arguments: Any, **named: Any) -> Any:
        with lock:
            return transact(self, *arguments, **named)

    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", locked)


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """One local AWS for all tests."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def broken_rows() -> list[BrokenRow]:
    """What the stores said about rows that they could not read."""
    return []


@pytest.fixture(params=["memory", "moto", "ministack"])
def ledger(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, broken_rows: list[BrokenRow]
) -> Iterator[Ledger]:
    """An empty ledger of each kind."""
    if request.param == "memory":
        yield memory_ledger()
        return
    on_broken_row: Callable[[BrokenRow], None] = broken_rows.append
    if request.param == "moto":
        session: Any = boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        with mock_aws():
            _one_transaction_at_a_time(monkeypatch)
            session = boto3.Session(
                aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret", region_name="eu-west-1"
            )
            table = create_table(session.client("dynamodb"))
            yield dynamo_ledger(session, table, retention_days=30, on_broken_row=on_broken_row)
        return
    aws: LocalAws = request.getfixturevalue("local_aws")
    table = create_table(aws.client("dynamodb"))
    for name, value in aws.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    yield dynamo_ledger(boto3.Session(), table, retention_days=30, on_broken_row=on_broken_row)
