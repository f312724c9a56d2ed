"""The registered clusters in the ledger's table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from eks_readiness import names
from eks_readiness.adapters import newer_values
from eks_readiness.adapters.dynamo_items import (
    REGISTRATION,
    SCHEMA,
    STATE,
    Item,
    body,
    event_item,
    key,
    name_of,
    registration_item,
    shard,
    shards,
)
from eks_readiness.adapters.dynamo_results import state_put
from eks_readiness.adapters.dynamo_table import ABSENT, CONDITION_FAILED, PRESENT, LedgerTable
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import LedgerWrite, Registration, RemovalOutcome
from eks_readiness.domain.policy import THRESHOLDS
from eks_readiness.ports import BrokenRow, OnBrokenRow


class DynamoClusterRegistry:
    """ClusterRegistry on the ledger's table."""

    def __init__(self, table: LedgerTable, *, on_broken_row: OnBrokenRow) -> None:
        self._table = table
        self._on_broken_row = on_broken_row

    def register(self, registration: Registration) -> None:
        """Add a cluster, or replace what is registered about it."""
        self._table.put(registration_item(registration))

    def remove(self, cluster: ClusterRef, *, write: LedgerWrite | None, at: datetime) -> RemovalOutcome:
        """Take a cluster off the register, and write its state and the event that tells it: all of it or nothing."""
        table = {"TableName": self._table.name}
        actions: list[dict[str, Any]] = [{"Delete": {**table, "Key": key(cluster.arn, REGISTRATION), **PRESENT}}]
        if write is None:
            actions.append({"ConditionCheck": {**table, "Key": key(cluster.arn, STATE), **ABSENT}})
        else:
            actions.append(state_put(table, write))
            if write.event is not None:
                actions.append({"Put": {**table, "Item": event_item(write.event, at), **ABSENT}})
        # A token of its own for each call: a cluster that comes back may be removed again by the same actions.
        reasons = self._table.transact(actions, token=str(uuid4()))
        if not reasons:
            return "removed"
        return "unregistered" if reasons[0] == CONDITION_FAILED else "lost_race"

    def registered(self, *, after: ClusterArn | None = None) -> Iterator[Registration]:
        """Every registered cluster, by shard of the index and ARN."""
        of_index, start = shards(names.REGISTRY_SHARD), None
        if after:
            at = shard(after, names.REGISTRY_SHARD)
            of_index = of_index[of_index.index(at) :]
            start = {**key(after, REGISTRATION), names.REGISTRY_SHARD: {"S": at}}
        index = self._table.query_index(names.REGISTRY_INDEX, names.REGISTRY_SHARD, of_index, start=start)
        for item in index:
            try:
                registration = _registration(item)
            except StoreError as error:
                self._on_broken_row(BrokenRow(key=name_of(item), problem=str(error)))
            else:
                yield registration

    def registration(self, cluster: ClusterArn) -> Registration | None:
        """What is registered about a cluster."""
        item = self._table.get(key(cluster, REGISTRATION))
        return None if item is None else _registration(item)


def _registration(item: Item) -> Registration:
    registration = body(item, Registration)
    if int(item.get(SCHEMA, {}).get("N", newer_values.SCHEMA)) <= newer_values.SCHEMA:
        return registration
    # A threshold that only a newer version knows would keep this one from scanning the cluster at all.
    known = {name: value for name, value in registration.policy.items() if name in THRESHOLDS}
    return msgspec.structs.replace(registration, policy=known)
