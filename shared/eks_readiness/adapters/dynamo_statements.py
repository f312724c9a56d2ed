"""Attestations and waivers in the ledger's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import uuid4

from eks_readiness.adapters.dynamo_items import (
    ATTESTATION_PREFIX,
    WAIVER_PREFIX,
    attestation_item,
    body,
    name_of,
    waiver_item,
)
from eks_readiness.adapters.dynamo_table import MAX_TRANSACTION_ACTIONS, LedgerTable
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterArn

Statement = TypeVar("Statement", Attestation, Waiver)


class DynamoStatementStore:
    """StatementStore on the ledger's table.

    A row that cannot be read is an error here: judging without a statement would tell of a regression that is none.
    """

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def attest(self, attestations: Sequence[Attestation]) -> None:
        """Store attestations in groups of 100, each group whole or not at all."""
        # A row may be in a transaction only once: of equal statements the last one counts.
        items = list({name_of(item): item for item in map(attestation_item, attestations)}.values())
        for start in range(0, len(items), MAX_TRANSACTION_ACTIONS):
            group = items[start : start + MAX_TRANSACTION_ACTIONS]
            self._table.transact(
                [{"Put": {"TableName": self._table.name, "Item": item}} for item in group],
                token=str(uuid4()),
            )

    def waive(self, waiver: Waiver) -> None:
        """Store a waiver, or replace the one for the same check and scope."""
        self._table.put(waiver_item(waiver))

    def attestations(self, cluster: ClusterArn) -> tuple[Attestation, ...]:
        """Every attestation for a cluster or for all, older and expired ones too."""
        return self._read(cluster, ATTESTATION_PREFIX, Attestation)

    def waivers(self, cluster: ClusterArn) -> tuple[Waiver, ...]:
        """Every waiver for a cluster or for all, expired ones too."""
        return self._read(cluster, WAIVER_PREFIX, Waiver)

    def _read(self, cluster: ClusterArn, prefix: str, kind: type[Statement]) -> tuple[Statement, ...]:
        return tuple(
            body(item, kind) for partition in (EVERY_CLUSTER, cluster) for item in self._table.query(partition, prefix)
        )
