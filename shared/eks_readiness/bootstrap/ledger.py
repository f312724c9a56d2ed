"""The ledger on DynamoDB, put together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from botocore.config import Config

from eks_readiness.adapters.dynamo_outbox import DynamoOutbox
from eks_readiness.adapters.dynamo_registry import DynamoClusterRegistry
from eks_readiness.adapters.dynamo_results import DynamoResultStore
from eks_readiness.adapters.dynamo_scans import ScanRows
from eks_readiness.adapters.dynamo_statements import DynamoStatementStore
from eks_readiness.adapters.dynamo_table import LedgerTable
from eks_readiness.adapters.s3_archive import S3ScanArchive
from eks_readiness.ports import Ledger, OnBrokenRow, ScanArchive

SDK = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=3,
    read_timeout=10,
    user_agent_extra="eks-readiness",
)
"""For the product's own services: retried inside one invocation, since nobody else would."""
ARCHIVE_SDK = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=1,
    read_timeout=2,
    user_agent_extra="eks-readiness",
)
"""For the details of scans: a bucket that does not answer must leave time to write what the scan means."""

ARCHIVE_READER_SDK = ARCHIVE_SDK.merge(Config(connect_timeout=3, read_timeout=5))
"""For whoever shows them: within the time of a dashboard's widget, and from far away."""


def dynamo_ledger(
    session: Any, table: str, *, retention_days: int, on_broken_row: OnBrokenRow, archive: ScanArchive | None = None
) -> Ledger:
    """The stores of one table, over one client of a boto3 session; by default large scans can only be read."""
    rows = LedgerTable(session.client("dynamodb", config=SDK), table)
    if archive is None:
        archive = S3ScanArchive(lambda: session.client("s3", config=ARCHIVE_READER_SDK))
    scan_rows = ScanRows(archive, retention=timedelta(days=retention_days), on_broken_row=on_broken_row)
    return Ledger(
        registry=DynamoClusterRegistry(rows, on_broken_row=on_broken_row),
        results=DynamoResultStore(rows, scan_rows, on_broken_row=on_broken_row),
        statements=DynamoStatementStore(rows),
        outbox=DynamoOutbox(rows, on_broken_row=on_broken_row),
    )
