"""Scans as rows: the whole scan, or a short form of it with the address at which the archive keeps the whole.

The archive comes first, then the transaction: who dies between them leaves an object that nothing points to, and that
the bucket forgets after its retention. When the archive refuses, the row keeps as many details as it has room for: what
a scan means for a cluster's level never waits for its details.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import msgspec

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import (
    MAX_ITEM_BYTES,
    Item,
    item_bytes,
    name_of,
    scan_item,
    scan_key,
    unpacked,
)
from eks_readiness.adapters.newer_values import read_value
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import ScanRecord
from eks_readiness.domain.shortening import shorter_scans
from eks_readiness.ports import BrokenRow, OnBrokenRow, ScanArchive

ARCHIVE = "archive"
"""Where the whole scan is."""
DIGEST = "digest"
"""Of the scan that is archived: SHA-256 of its JSON, in hexadecimal."""
ARCHIVED_FROM_BYTES = 64 * 1024
"""A row that is larger costs more than an object, and more with every look at the history."""
SUMMARY_BYTES = 16 * 1024
"""What the row of an archived scan may take."""
REFUSED_BYTES = MAX_ITEM_BYTES - 50_000
"""What the row of a scan may take that the archive did not."""
MAX_ARCHIVED_BYTES = 64 * 1024 * 1024
"""A scan that unpacks to more was not written by us: a thousand checks with all their offenders have a tenth of it."""
_KEY_DIGEST_CHARACTERS = 16


def archive_key(cluster: ClusterRef, scan: ScanRecord, digest: str) -> str:
    """Where a scan is archived. Another try of the same run, with other evidence, has another key."""
    name = f"{scan.slot:%Y-%m-%dT%H:%M:%SZ}-{scan.scan_id}-{digest[:_KEY_DIGEST_CHARACTERS]}"
    return f"{names.ARCHIVE_PREFIX}{cluster.account}/{cluster.region}/{cluster.name}/{name}.json.gz"


class ScanRow(NamedTuple):
    """A scan's row; `whole` unless the archive refused the details that it has no room for."""

    item: Item
    whole: bool


class ScanRows:
    """Makes rows of scans, and reads them back."""

    def __init__(self, archive: ScanArchive, *, retention: timedelta, on_broken_row: OnBrokenRow) -> None:
        self._archive = archive
        self._retention = retention
        self._on_broken_row = on_broken_row
        self._newest: tuple[str, str | StoreError] | None = None

    def row(self, cluster: ClusterRef, scan: ScanRecord) -> ScanRow:
        """The row of a scan; a large scan is archived first.

        Raises:
            StoreError: not even a scan without its findings fits into a row.
        """
        whole = self._fitting(cluster, scan, ARCHIVED_FROM_BYTES, {})
        if whole is not None:
            return ScanRow(whole, whole=True)
        # What confirmed the scan before is in the row alone: a scan that must decide anew finds another state there.
        text = msgspec.json.encode(msgspec.structs.replace(scan, confirmed_before=None))
        digest = hashlib.sha256(text).hexdigest()
        key = archive_key(cluster, scan, digest)
        # Its details are the same, and there already, or were refused.
        newest = self._newest
        if newest is None or newest[0] != key:
            newest = self._newest = (key, self._archived(cluster, scan, text, key))
        address = newest[1]
        if isinstance(address, StoreError):
            forms = [scan, *shorter_scans(scan, f"there was no room for them: {address}")]
            return ScanRow(self._first_fitting(cluster, forms, REFUSED_BYTES, {}), whole=False)
        pointer = {ARCHIVE: {"S": address}, DIGEST: {"S": digest}}
        brief = shorter_scans(scan, f"they are kept at {address}")
        return ScanRow(self._first_fitting(cluster, brief, SUMMARY_BYTES, pointer), whole=True)

    def _archived(self, cluster: ClusterRef, scan: ScanRecord, text: bytes, key: str) -> str | StoreError:
        try:
            return self._put(key, text)
        except StoreError as error:
            self._on_broken_row(
                BrokenRow(key=name_of(scan_key(cluster.arn, scan.slot, scan.scan_id)), problem=f"not archived: {error}")
            )
            return error

    def _put(self, key: str, text: bytes) -> str:
        if len(text) > MAX_ARCHIVED_BYTES:
            raise StoreError(f"the scan has {len(text):,} bytes, more than {MAX_ARCHIVED_BYTES:,}")
        return self._archive.put(key, gzip.compress(text, mtime=0))

    def _first_fitting(self, cluster: ClusterRef, forms: Iterable[ScanRecord], most_bytes: int, pointer: Item) -> Item:
        form: ScanRecord | None = None
        for form in forms:
            if (item := self._fitting(cluster, form, most_bytes, pointer)) is not None:
                return item
        assert form is not None  # noqa: S101 - there is always a shortest form
        return scan_item(cluster.arn, form, self._retention, pointer)

    def _fitting(self, cluster: ClusterRef, scan: ScanRecord, most_bytes: int, pointer: Item) -> Item | None:
        try:
            item = scan_item(cluster.arn, scan, self._retention, pointer)
        except StoreError:
            return None
        return item if item_bytes(item) <= most_bytes else None

    def whole(self, item: Item, kept: ScanRecord) -> ScanRecord:
        """The whole of what a row keeps; where that cannot be had, what is kept, and why in `detail_missing`."""
        if ARCHIVE not in item:
            return kept
        address, digest = item[ARCHIVE]["S"], item.get(DIGEST, {}).get("S", "")
        try:
            whole = _whole(self._archive.get(address, most_bytes=MAX_ARCHIVED_BYTES), address, digest)
        except StoreError as error:
            return msgspec.structs.replace(kept, detail_missing=str(error))
        return msgspec.structs.replace(whole, confirmed_before=kept.confirmed_before)


_NEXT = "a scan of the next half day is whole again"


def _whole(packed: bytes, address: str, digest: str) -> ScanRecord:
    try:
        text = unpacked(packed, MAX_ARCHIVED_BYTES)
        if hashlib.sha256(text).hexdigest() != digest:
            raise StoreError(f"{address} is not what was written there", remedy=_NEXT)
        return read_value(text, ScanRecord)
    except (ValueError, zlib.error) as error:  # what msgspec raises is a ValueError, too
        raise StoreError(f"{address} cannot be read: {error}", remedy=_NEXT) from error
