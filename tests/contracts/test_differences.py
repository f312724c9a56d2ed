"""Where the local stores differ from DynamoDB: asked of each, and held against the table in README.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import Item, key
from eks_readiness.adapters.dynamo_table import ABSENT, MAX_BATCH_KEYS, MAX_TRANSACTION_ACTIONS
from tests.contracts.conftest import OnAws

README = Path(__file__).with_name("README.md")
KILOBYTE = 1000


def _put(on_aws: OnAws, item: Item, **condition: Any) -> dict[str, Any]:
    return {"Put": {"TableName": on_aws.table, "Item": item, **condition}}


def _transact(on_aws: OnAws, actions: Sequence[dict[str, Any]], token: str = "") -> str:
    on_aws.dynamodb.transact_write_items(TransactItems=list(actions), ClientRequestToken=token or str(uuid4()))
    return "taken"


def _row(number: int, size: int = 1) -> Item:
    return {**key("p", f"s{number:04d}"), "body": {"S": "x" * size}}


def same_token_again(on_aws: OnAws) -> str:
    """A transaction that was applied is sent again with its token."""
    _transact(on_aws, [_put(on_aws, _row(1), **ABSENT)], "a-token")
    return _transact(on_aws, [_put(on_aws, _row(1), **ABSENT)], "a-token")


def same_token_for_another(on_aws: OnAws) -> str:
    """Another transaction is sent with a token that was used."""
    _transact(on_aws, [_put(on_aws, _row(1))], "a-token")
    return _transact(on_aws, [_put(on_aws, _row(2))], "a-token")


def too_large_a_row(on_aws: OnAws) -> str:
    """A row of 410 KB is written."""
    on_aws.dynamodb.put_item(TableName=on_aws.table, Item=_row(1, 410 * 1024))
    return "taken"


def too_large_a_row_in_a_transaction(on_aws: OnAws) -> str:
    """A row of 410 KB is written in a transaction."""
    return _transact(on_aws, [_put(on_aws, _row(1, 410 * 1024))])


def too_large_a_transaction(on_aws: OnAws) -> str:
    """A transaction of 4.5 MB, its rows within their limit."""
    return _transact(on_aws, [_put(on_aws, _row(number, 300 * KILOBYTE)) for number in range(15)])


def too_many_actions(on_aws: OnAws) -> str:
    """A transaction of 101 actions."""
    return _transact(on_aws, [_put(on_aws, _row(number)) for number in range(MAX_TRANSACTION_ACTIONS + 1)])


def one_row_twice(on_aws: OnAws) -> str:
    """A transaction that writes one row twice."""
    return _transact(on_aws, [_put(on_aws, _row(1)), _put(on_aws, _row(1, 2))])


def too_many_keys(on_aws: OnAws) -> str:
    """101 keys are read at once."""
    keys = [key("p", f"s{number}") for number in range(MAX_BATCH_KEYS + 1)]
    on_aws.dynamodb.batch_get_item(RequestItems={on_aws.table: {"Keys": keys}})
    return "taken"


def pages_of_a_query(on_aws: OnAws) -> str:
    """A query finds 2.5 MB, and names no limit."""
    for number in range(10):
        on_aws.dynamodb.put_item(TableName=on_aws.table, Item=_row(number, 250 * KILOBYTE))
    pages = on_aws.dynamodb.get_paginator("query").paginate(
        TableName=on_aws.table,
        KeyConditionExpression="#p = :p",
        ExpressionAttributeNames={"#p": names.PARTITION_KEY},
        ExpressionAttributeValues={":p": {"S": "p"}},
    )
    counts = [page["Count"] for page in pages]
    assert sum(counts) == 10
    return f"{len([count for count in counts if count])} pages"


def consistent_index(on_aws: OnAws) -> str:
    """An index is read consistently."""
    on_aws.dynamodb.query(
        TableName=on_aws.table,
        IndexName=names.REGISTRY_INDEX,
        KeyConditionExpression="#h = :h",
        ExpressionAttributeNames={"#h": names.REGISTRY_SHARD},
        ExpressionAttributeValues={":h": {"S": "x"}},
        ConsistentRead=True,
    )
    return "taken"


def index_after_a_write(on_aws: OnAws) -> str:
    """An index is read at once after a write."""
    item = {**_row(1), names.REGISTRY_SHARD: {"S": "x"}}
    on_aws.dynamodb.put_item(TableName=on_aws.table, Item=item)
    found = on_aws.dynamodb.query(
        TableName=on_aws.table,
        IndexName=names.REGISTRY_INDEX,
        KeyConditionExpression="#h = :h",
        ExpressionAttributeNames={"#h": names.REGISTRY_SHARD},
        ExpressionAttributeValues={":h": {"S": "x"}},
    )
    return "there" if found["Count"] else "not there"


def empty_key(on_aws: OnAws) -> str:
    """A row with an empty key is written."""
    on_aws.dynamodb.put_item(TableName=on_aws.table, Item=key("", "s"))
    return "taken"


def object_that_is_gone(on_aws: OnAws) -> str:
    """An object is read that is not there."""
    on_aws.s3.get_object(Bucket=on_aws.bucket, Key="scans/none")
    return "taken"


AWS: dict[Callable[[OnAws], str], str] = {
    same_token_again: "taken",
    same_token_for_another: "IdempotentParameterMismatchException",
    too_large_a_row: "ValidationException",
    too_large_a_row_in_a_transaction: "ValidationException",
    too_large_a_transaction: "ValidationException",
    too_many_actions: "ValidationException",
    one_row_twice: "ValidationException",
    too_many_keys: "ValidationException",
    pages_of_a_query: "3 pages",
    consistent_index: "ValidationException",
    index_after_a_write: "perhaps",
    empty_key: "ValidationException",
    object_that_is_gone: "NoSuchKey",
}
"""What AWS answers.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
"""


def _ask(probe: Callable[[OnAws], str], on_aws: OnAws) -> str:
    try:
        return probe(on_aws)
    except ClientError as error:
        return str(error.response["Error"]["Code"])


def _table() -> dict[str, dict[str, str]]:
    """The table of README.md: what is asked → store → answer."""
    lines = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    header, *answers = rows
    return {each[0]: dict(zip(header[1:], each[1:], strict=True)) for each in answers}


@pytest.mark.parametrize("probe", AWS, ids=lambda probe: probe.__name__)
def test_the_table_says_what_each_store_answers(
    probe: Callable[[OnAws], str], on_aws: OnAws, request: pytest.FixtureRequest
) -> None:
    """A store that is brought up to date, and then differs otherwise, is noticed here."""
    store = "moto" if "moto" in request.node.callspec.id else "ministack"
    asked = str(probe.__doc__).rstrip(".")
    assert _table()[asked][store] == _ask(probe, on_aws)


def test_the_table_is_whole() -> None:
    """Every question stands in it with the answer of AWS, and nothing else does."""
    assert {asked: answers["DynamoDB, S3"] for asked, answers in _table().items()} == {
        str(probe.__doc__).rstrip("."): answer for probe, answer in AWS.items()
    }
