"""The stores under test: in memory, on moto, and on ministack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from eks_readiness import names
from eks_readiness.adapters.memory import memory_ledger
from eks_readiness.adapters.s3_archive import S3ScanArchive
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.ports import BrokenRow, Ledger, ScanArchive
from tests.doubles.local_aws import REGION, LocalAws


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


def _one_write_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What DynamoDB promises and moto does not keep between threads: a write holds its conditions while it is made."""
    lock = RLock()  # a transaction is made of writes

    def locked(write: Callable[..., Any]) -> Callable[..., Any]:
        def one(*arguments: Any, **named: Any) -> Any:
            with lock:
                return write(*arguments, **named)

        return one

    for name in ("put_item", "update_item", "transact_write_items"):
        monkeypatch.setattr(DynamoDBBackend, name, locked(getattr(DynamoDBBackend, name)))


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """One local AWS for all tests."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def broken_rows() -> list[BrokenRow]:
    """What the stores said about rows that they could not read."""
    return []


@dataclass(frozen=True)
class OnAws:
    """A store under test that has a table and a bucket, and ways to look behind it."""

    session: Any
    table: str
    bucket: str
    on_broken_row: Callable[[BrokenRow], None]

    def ledger(self, archive: ScanArchive | None = None) -> Ledger:
        """The ledger, with its own archive or another one."""
        archive = archive or S3ScanArchive(lambda: self.s3, self.bucket)
        return dynamo_ledger(
            self.session, self.table, retention_days=30, on_broken_row=self.on_broken_row, archive=archive
        )

    @property
    def dynamodb(self) -> Any:
        """A client of the table."""
        return self.session.client("dynamodb")

    @property
    def s3(self) -> Any:
        """A client of the bucket."""
        return self.session.client("s3")

    def rows(self, prefix: str = "") -> list[dict[str, Any]]:
        """The table's rows whose sort key begins with a prefix."""
        found: list[dict[str, Any]] = self.dynamodb.scan(TableName=self.table)["Items"]
        return [each for each in found if each[names.SORT_KEY]["S"].startswith(prefix)]

    def objects(self) -> list[str]:
        """The keys of the bucket's objects."""
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", ())]


@contextmanager
def _on_aws(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, broken_rows: list[BrokenRow]
) -> Iterator[OnAws]:
    if kind == "moto":
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        session: Any = boto3.Session(
            aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret", region_name=REGION
        )
        with mock_aws():
            _one_write_at_a_time(monkeypatch)
            yield _made(session, broken_rows)
        return
    aws: LocalAws = request.getfixturevalue("local_aws")
    for name, value in aws.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    yield _made(boto3.Session(), broken_rows)


def _made(session: Any, broken_rows: list[BrokenRow]) -> OnAws:
    bucket = f"evidence-{uuid4().hex[:8]}"
    session.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return OnAws(session, create_table(session.client("dynamodb")), bucket, broken_rows.append)


@pytest.fixture(params=["moto", "ministack"])
def on_aws(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, broken_rows: list[BrokenRow]
) -> Iterator[OnAws]:
    """An empty table and an empty bucket of each kind."""
    with _on_aws(request.param, request, monkeypatch, broken_rows) as made:
        yield made


@pytest.fixture(params=["memory", "moto", "ministack"])
def ledger(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, broken_rows: list[BrokenRow]
) -> Iterator[Ledger]:
    """An empty ledger of each kind."""
    if request.param == "memory":
        yield memory_ledger()
        return
    with _on_aws(request.param, request, monkeypatch, broken_rows) as made:
        yield made.ledger()
