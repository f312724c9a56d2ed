"""The registered clusters in the ledger's table."""

from __future__ import annotations

from collections.abc import Iterator

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import REGISTRATION, body, key, name_of, registration_item, shards
from eks_readiness.adapters.dynamo_table import LedgerTable
from eks_readiness.domain.cluster import ClusterArn, ClusterRef
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import Registration
from eks_readiness.ports import BrokenRow, OnBrokenRow


class DynamoClusterRegistry:
    """ClusterRegistry on the ledger's table."""

    def __init__(self, table: LedgerTable, *, on_broken_row: OnBrokenRow) -> None:
        self._table = table
        self._on_broken_row = on_broken_row

    def register(self, registration: Registration) -> None:
        """Add a cluster, or replace what is registered about it."""
        self._table.put(registration_item(registration))

    def remove(self, cluster: ClusterRef) -> bool:
        """Take a cluster off the register; False when it was not on it."""
        return self._table.delete(key(cluster.arn, REGISTRATION))

    def registered(self) -> Iterator[Registration]:
        """Every registered cluster."""
        index = self._table.query_index(names.REGISTRY_INDEX, names.REGISTRY_SHARD, shards(names.REGISTRY_SHARD))
        for item in index:
            try:
                registration = body(item, Registration)
            except StoreError as error:
                self._on_broken_row(BrokenRow(key=name_of(item), problem=str(error)))
            else:
                yield registration

    def registration(self, cluster: ClusterArn) -> Registration | None:
        """What is registered about a cluster."""
        item = self._table.get(key(cluster, REGISTRATION))
        return None if item is None else body(item, Registration)
