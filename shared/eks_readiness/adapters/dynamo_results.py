"""States and scans in the ledger's table: one transaction a scan, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import (
    REGISTRATION,
    SCAN_PREFIX,
    SLOT,
    STATE,
    VERSION,
    Item,
    body,
    event_item,
    instant,
    key,
    name_of,
    scan_key,
    shards,
    state_item,
)
from eks_readiness.adapters.dynamo_scans import ScanRows
from eks_readiness.adapters.dynamo_table import ABSENT, CONDITION_FAILED, PRESENT, LedgerTable, token_of
from eks_readiness.domain.cluster import ClusterArn
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import ClusterState, KeptScan, LedgerWrite, ScanRecord, WriteOutcome
from eks_readiness.ports import BrokenRow, OnBrokenRow

_Value = TypeVar("_Value", ClusterState, ScanRecord)
_AT_ONCE = 8
"""How many details are read from the archive at the same time; the client holds ten connections."""


class DynamoResultStore:
    """ResultStore on the ledger's table."""

    def __init__(self, table: LedgerTable, scan_rows: ScanRows, *, on_broken_row: OnBrokenRow) -> None:
        self._table = table
        self._scan_rows = scan_rows
        self._on_broken_row = on_broken_row

    def state(self, cluster: ClusterArn) -> ClusterState | None:
        """The state, read consistently; None before the first scan."""
        item = self._table.get(key(cluster, STATE))
        return None if item is None else body(item, ClusterState)

    def states(self) -> Iterator[ClusterState]:
        """The state of every cluster that was ever scanned and is still registered, in no order."""
        index = self._table.query_index(names.REGISTRY_INDEX, names.REGISTRY_SHARD, shards(names.REGISTRY_SHARD))
        keys = [key(item[names.PARTITION_KEY]["S"], STATE) for item in index]
        for item in self._table.get_all(keys):
            yield from self._readable(item, ClusterState)

    def commit(self, write: LedgerWrite, *, at: datetime) -> WriteOutcome:
        """Write state, scan (if there is one) and event in one transaction, or nothing."""
        actions = self._actions(write, at)
        reasons = self._table.transact(actions, token=token_of(UUID(write.state.scan_id), actions))
        if not reasons:
            return "written"
        if reasons[0] == CONDITION_FAILED:
            return "unregistered"
        return self._why_not(write)

    def newest_scan(self, cluster: ClusterArn, kept: KeptScan | None = None) -> ScanRecord | None:
        """The scan that the state names as kept, with its scorecard; the newest one where there is no such."""
        newest = self._table.get(scan_key(cluster, kept.slot, kept.scan_id)) if kept else None
        if newest is None:
            newest = next(self._table.query(cluster, SCAN_PREFIX, descending=True, page=1), None)
        return None if newest is None else self._scan_rows.whole(newest, body(newest, ScanRecord))

    def scans(self, cluster: ClusterArn, *, limit: int, details: bool = True) -> Sequence[ScanRecord]:
        """The newest scans, newest first; without `details` those of large scans are not looked up."""
        items = self._table.query(cluster, SCAN_PREFIX, descending=True, page=max(1, min(limit, 100)))
        newest = list(islice(((item, kept) for item in items for kept in self._readable(item, ScanRecord)), limit))
        if not details:
            return [kept for _, kept in newest]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda found: self._scan_rows.whole(*found), newest))

    def _readable(self, item: Item, kind: type[_Value]) -> Iterator[_Value]:
        try:
            value = body(item, kind)
        except StoreError as error:
            self._on_broken_row(BrokenRow(key=name_of(item), problem=str(error)))
        else:
            yield value

    def _actions(self, write: LedgerWrite, at: datetime) -> list[dict[str, Any]]:
        table = {"TableName": self._table.name}
        state, arn = write.state, write.state.cluster.arn
        row = None if write.record is None else self._scan_rows.row(state.cluster, write.record)
        if row is not None and not row.whole:
            # The next scan is kept whatever it finds: it may have room for what is missing here.
            state = msgspec.structs.replace(state, kept=None)
        actions: list[dict[str, Any]] = [
            {"ConditionCheck": {**table, "Key": key(arn, REGISTRATION), **PRESENT}},
            state_put(table, msgspec.structs.replace(write, state=state)),
        ]
        if row is not None:
            actions.append({"Put": {**table, "Item": row.item, **ABSENT}})
        if write.event is not None:
            actions.append({"Put": {**table, "Item": event_item(write.event, at), **ABSENT}})
        return actions

    def _why_not(self, write: LedgerWrite) -> WriteOutcome:
        there = self.state(write.state.cluster.arn)
        if write.scan is None:
            # Time moved the state: a repetition whose first answer was lost finds it moved, and moves it no further.
            return "already_written" if there == write.state else "lost_race"
        if there is not None and there.scan_id == write.state.scan_id:
            return "already_written"  # our own earlier try: its answer was lost
        if there is not None and there.slot >= write.state.slot:
            return "superseded"
        return "lost_race"


def state_put(table: dict[str, str], write: LedgerWrite) -> dict[str, Any]:
    """The action that writes a state where the version that was read is still there; `table` names the table."""
    return {"Put": {**table, "Item": state_item(write.state), **_state_condition(write)}}


def _state_condition(write: LedgerWrite) -> dict[str, Any]:
    if write.expected_version is None:
        return ABSENT
    version: dict[str, Any] = {
        "ConditionExpression": "#version = :expected",
        "ExpressionAttributeNames": {"#version": VERSION},
        "ExpressionAttributeValues": {":expected": {"N": str(write.expected_version)}},
    }
    if write.scan is None:
        return version
    return {
        "ConditionExpression": "#version = :expected AND #slot < :slot",
        "ExpressionAttributeNames": {**version["ExpressionAttributeNames"], "#slot": SLOT},
        "ExpressionAttributeValues": {
            **version["ExpressionAttributeValues"],
            ":slot": {"S": instant(write.state.slot)},
        },
    }
