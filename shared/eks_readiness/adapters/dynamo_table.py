"""The ledger's table: the calls that the stores make, with errors translated and transactions retried."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from secrets import SystemRandom
from typing import Any
from uuid import UUID, uuid5

import msgspec
from botocore.exceptions import ClientError

from eks_readiness import names
from eks_readiness.adapters.aws_errors import SDK_ERRORS
from eks_readiness.adapters.dynamo_items import Item
from eks_readiness.domain.errors import StaleWrite, StoreError

MAX_TRANSACTION_ACTIONS = 100
MAX_BATCH_KEYS = 100
ATTEMPTS = 6
"""How often a transaction is tried while others hold its rows, or the table asks to slow down."""

CONDITION_FAILED = "ConditionalCheckFailed"
ABSENT = {"ConditionExpression": "attribute_not_exists(#k)", "ExpressionAttributeNames": {"#k": names.PARTITION_KEY}}
PRESENT = {"ConditionExpression": "attribute_exists(#k)", "ExpressionAttributeNames": {"#k": names.PARTITION_KEY}}
"""Conditions of a write: that the row is not there yet, or that it is."""
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_REMEDIES = {
    "ResourceNotFoundException": "deploy first, or name the right table and region",
    "AccessDeniedException": "allow the caller this action on the ledger's table",
    "UnrecognizedClientException": "sign in again: the credentials are not valid",
    "ExpiredTokenException": "sign in again: the credentials have expired",
}


class LedgerTable:
    """One DynamoDB table behind a low-level client. Every method raises StoreError and nothing else."""

    def __init__(self, client: Any, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self.name = name
        self._sleep = sleep

    def get(self, key: Item) -> Item | None:
        """Read one row consistently."""
        with self._translated("GetItem"):
            answer = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    def get_all(self, keys: Sequence[Item]) -> Iterator[Item]:
        """Read rows consistently, in no order; rows that are not there are left out."""
        for start in range(0, len(keys), MAX_BATCH_KEYS):
            wanted: Sequence[Item] = keys[start : start + MAX_BATCH_KEYS]
            for attempt in range(ATTEMPTS):
                with self._translated("BatchGetItem"):
                    request = {self.name: {"Keys": list(wanted), "ConsistentRead": True}}
                    answer = self._client.batch_get_item(RequestItems=request)
                yield from answer["Responses"].get(self.name, ())
                wanted = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", ())
                if not wanted:
                    break
                self._pause(attempt)
            else:
                raise StoreError(f"{self.name}: {len(wanted)} rows were not read: the table is busy")

    def query(self, partition: str, prefix: str, *, descending: bool = False, page: int = 100) -> Iterator[Item]:
        """The rows of a partition whose sort key begins with a prefix, in its order, read consistently."""
        yield from self._query(
            KeyConditionExpression="#p = :p AND begins_with(#s, :s)",
            ExpressionAttributeNames={"#p": names.PARTITION_KEY, "#s": names.SORT_KEY},
            ExpressionAttributeValues={":p": {"S": partition}, ":s": {"S": prefix}},
            ScanIndexForward=not descending,
            ConsistentRead=True,
            Limit=page,
        )

    def query_index(
        self, index: str, shard_attribute: str, shards: Sequence[str], *, start: Item | None = None
    ) -> Iterator[Item]:
        """Every row of an index; of its first shard those that follow `start`, a row's keys of table and index.

        An index lags behind the table by moments.
        """
        for number, shard in enumerate(shards):
            yield from self._query(
                start=start if number == 0 else None,
                IndexName=index,
                KeyConditionExpression="#h = :h",
                ExpressionAttributeNames={"#h": shard_attribute},
                ExpressionAttributeValues={":h": {"S": shard}},
            )

    def _query(self, *, start: Item | None = None, **parameters: Any) -> Iterator[Item]:
        following: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
        while True:
            with self._translated("Query"):
                answer = self._client.query(TableName=self.name, **parameters, **following)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            following = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def put(self, item: Item) -> None:
        """Write a row, or replace it."""
        with self._translated("PutItem"):
            self._client.put_item(TableName=self.name, Item=item)

    def put_if_absent(self, item: Item) -> bool:
        """Write a row unless it is there; False when it is."""
        try:
            with self._translated("PutItem"):
                self._client.put_item(TableName=self.name, Item=item, **ABSENT)
        except StaleWrite:
            return False
        return True

    def update(
        self,
        key: Item,
        update: str,
        *,
        condition: str,
        attribute_names: dict[str, str],
        values: Item,
    ) -> Item | None:
        """Change a row and return it as it is then; None when the condition does not hold."""
        try:
            with self._translated("UpdateItem"):
                answer = self._client.update_item(
                    TableName=self.name,
                    Key=key,
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=attribute_names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )
        except StaleWrite:
            return None
        changed: Item = answer["Attributes"]
        return changed

    def transact(self, actions: Sequence[dict[str, Any]], *, token: str) -> tuple[str, ...]:
        """Apply every action or none; the reasons, one for each action, when a condition did not hold, else nothing.

        `token` makes a repetition of the same actions harmless for ten minutes. Conflicts with other writers and
        throttling are waited out.

        Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        reasons: tuple[str, ...] = ()
        for attempt in range(ATTEMPTS):
            reasons = self._transact_once(actions, token)
            if not reasons or CONDITION_FAILED in reasons:
                return reasons
            if not _PASSING.intersection(reasons):
                break
            self._pause(attempt)
        raise StoreError(
            f"{self.name}: the transaction was refused: {', '.join(sorted(set(reasons) - {'None'}))}",
            remedy="the request is tried again; if it stays so, look at the table's throttling metrics",
        )

    def _transact_once(self, actions: Sequence[dict[str, Any]], token: str) -> tuple[str, ...]:
        with self._translated("TransactWriteItems"):
            try:
                self._client.transact_write_items(TransactItems=list(actions), ClientRequestToken=token)
            except self._client.exceptions.TransactionCanceledException as error:
                return tuple(str(each.get("Code", "None")) for each in error.response["CancellationReasons"])
        return ()

    def _pause(self, attempt: int) -> None:
        # Full jitter: writers that met once must not meet again.
        self._sleep(SystemRandom().uniform(0, min(1.0, 0.05 * 2**attempt)))

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            message = f"{self.name}: {operation}: {code}: {error.response.get('Error', {}).get('Message', '')}"
            if code == "ConditionalCheckFailedException":
                raise StaleWrite(message) from error
            raise StoreError(message, remedy=_REMEDIES.get(code, "")) from error
        except SDK_ERRORS as error:
            raise StoreError(
                f"{self.name}: {operation}: {error}", remedy="check region, credentials and network"
            ) from error


def token_of(about: UUID, actions: Sequence[dict[str, Any]]) -> str:
    """A transaction's token: the same actions have the same one, other actions about the same thing have another.

    An account remembers tokens for ten minutes, and refuses one that comes with other actions.
    """
    digest = hashlib.sha256(msgspec.json.encode(actions, order="deterministic")).hexdigest()
    return str(uuid5(about, digest))
