"""The ledger on DynamoDB, put together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from botocore.config import Config

from eks_readiness.adapters.dynamo_outbox import DynamoOutbox
from eks_readiness.adapters.dynamo_registry import DynamoClusterRegistry
from eks_readiness.adapters.dynamo_results import DynamoResultStore
from eks_readiness.adapters.dynamo_statements import DynamoStatementStore
from eks_readiness.adapters.dynamo_table import LedgerTable
from eks_readiness.ports import Ledger, OnBrokenRow

SDK = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=3,
    read_timeout=10,
    user_agent_extra="eks-readiness",
)
"""For the product's own services: retried inside one invocation, since nobody else would."""


def dynamo_ledger(session: Any, table: str, *, retention_days: int, on_broken_row: OnBrokenRow) -> Ledger:
    """The stores of one table, over one client of a boto3 session."""
    rows = LedgerTable(session.client("dynamodb", config=SDK), table)
    return Ledger(
        registry=DynamoClusterRegistry(rows, on_broken_row=on_broken_row),
        results=DynamoResultStore(rows, retention=timedelta(days=retention_days), on_broken_row=on_broken_row),
        statements=DynamoStatementStore(rows),
        outbox=DynamoOutbox(rows, on_broken_row=on_broken_row),
    )
