"""Scans that are too large for a row: no level change waits for their details, and nothing is claimed that is gone."""

from __future__ import annotations

import gzip
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import boto3
import msgspec
import pytest

from eks_readiness.adapters.dynamo_items import MAX_ITEM_BYTES, SCAN_PREFIX, item_bytes
from eks_readiness.adapters.dynamo_scans import ARCHIVE, ARCHIVED_FROM_BYTES, SUMMARY_BYTES
from eks_readiness.adapters.s3_archive import S3ScanArchive
from eks_readiness.bootstrap.ledger import ARCHIVE_SDK
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.ledger import ScanRecord
from eks_readiness.ports import BrokenRow, Ledger
from infra.scanning import RESERVE_SECONDS
from tests.contracts.conftest import OnAws
from tests.doubles.local_aws import REGION
from tests.scans import CLUSTER, REGISTRATION, START, large_write, write


class Counted(S3ScanArchive):
    """An archive that remembers what it was given."""

    def __init__(self, connect: Callable[[], Any], bucket: str) -> None:
        super().__init__(connect, bucket)
        self.keys: list[str] = []

    def put(self, key: str, body: bytes) -> str:
        """Keep a body."""
        self.keys.append(key)
        return super().put(key, body)


def _newest(ledger: Ledger) -> ScanRecord:
    found = ledger.results.newest_scan(CLUSTER.arn)
    assert found is not None
    return found


def test_its_details_are_an_object_and_its_row_is_small(on_aws: OnAws) -> None:
    """The key says which cluster, slot and run it is of, and which evidence; small scans stay where they were."""
    ledger = on_aws.ledger()
    ledger.registry.register(REGISTRATION)
    small, large = write(None, 0, 2), large_write(write(None, 0, 2).state, 1, 1)
    assert ledger.results.commit(small, at=START) == "written"
    assert on_aws.objects() == []
    assert ledger.results.commit(large, at=START) == "written"
    (key,) = on_aws.objects()
    assert large.scan is not None
    run = re.escape(large.scan.scan_id)
    assert re.fullmatch(rf"scans/111122223333/eu-west-1/prod/2026-03-10T13:00:00Z-{run}-[0-9a-f]{{16}}\.json\.gz", key)
    packed = on_aws.s3.get_object(Bucket=on_aws.bucket, Key=key)["Body"].read()
    assert len(packed) > ARCHIVED_FROM_BYTES
    assert msgspec.json.decode(gzip.decompress(packed), type=ScanRecord) == large.scan
    rows = on_aws.rows(SCAN_PREFIX)
    assert max(map(item_bytes, rows)) < SUMMARY_BYTES
    assert [ARCHIVE in row for row in rows].count(True) == 1
    assert _newest(ledger) == large.scan
    assert list(ledger.results.scans(CLUSTER.arn, limit=5)) == [large.scan, small.scan]


def test_the_history_does_not_look_details_up(on_aws: OnAws) -> None:
    """What is counted of the whole scan is in its row."""
    ledger = on_aws.ledger()
    ledger.registry.register(REGISTRATION)
    large = large_write(None, 0, 1)
    ledger.results.commit(large, at=START)
    on_aws.s3.delete_object(Bucket=on_aws.bucket, Key=on_aws.objects()[0])
    (found,) = ledger.results.scans(CLUSTER.arn, limit=5, details=False)
    assert (found.count("fail"), found.count("unknown"), found.count("pass")) == (135, 15, 0)
    assert found.scorecard.level == large.state.interval


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, "NoSuchKey"),
        (b"not packed at all", "cannot be read"),
        (gzip.compress(b"{}", mtime=0), "is not what was written there"),
        (gzip.compress(b"0" * (65 * 1024 * 1024), mtime=0), "more than 67,108,864 bytes"),
        (b"", "cannot be read"),
    ],
)
def test_what_the_row_has_is_shown_when_the_object_is_gone(damage: bytes | None, said: str, on_aws: OnAws) -> None:
    """Level, items and what is in the way, and why the rest is missing; never a failure."""
    ledger = on_aws.ledger()
    ledger.registry.register(REGISTRATION)
    large = large_write(None, 0, 1)
    ledger.results.commit(large, at=START)
    (key,) = on_aws.objects()
    if damage is None:
        on_aws.s3.delete_object(Bucket=on_aws.bucket, Key=key)
    else:
        on_aws.s3.put_object(Bucket=on_aws.bucket, Key=key, Body=damage)
    found = _newest(ledger)
    assert large.scan is not None
    assert said in found.detail_missing
    assert (found.scan_id, found.slot) == (large.scan.scan_id, large.scan.slot)
    assert found.scorecard.level == large.scan.scorecard.level
    assert found.scorecard.blockers == large.scan.scorecard.blockers
    assert {each.item: each.state for each in found.scorecard.items} == large.state.items
    assert [each.detail_missing for each in ledger.results.scans(CLUSTER.arn, limit=5)] == [found.detail_missing]


@pytest.mark.parametrize("checks", [120, 900])
def test_a_level_change_is_written_although_the_bucket_refuses(
    checks: int, on_aws: OnAws, broken_rows: list[BrokenRow]
) -> None:
    """With all details where the row has room for them, else with as many as it has."""
    ledger = on_aws.ledger(S3ScanArchive(lambda: on_aws.s3, "no-such-bucket-anywhere"))
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    ledger.results.commit(first, at=START)
    fell = large_write(first.state, 1, 0, checks=checks)
    assert fell.event is not None
    assert fell.event.kind == "REGRESSED"
    assert ledger.results.commit(fell, at=START) == "written"
    # The next scan is kept, though it finds the same: the bucket may take its details.
    assert ledger.results.state(CLUSTER.arn) == msgspec.structs.replace(fell.state, kept=None)
    assert fell.event.key in {each.key for each in ledger.outbox.pending()}
    assert ["NoSuchBucket" in each.problem for each in broken_rows] == [True]
    assert max(map(item_bytes, on_aws.rows())) < MAX_ITEM_BYTES
    found = _newest(ledger)
    assert fell.scan is not None
    if checks == 120:
        assert found == fell.scan
    else:
        assert "NoSuchBucket" in found.detail_missing
        assert len(found.scorecard.findings) == checks
        assert sum(len(each.offenders) for each in found.scorecard.findings) < 20 * checks
        assert {each.item: each.state for each in found.scorecard.items} == fell.state.items


def test_a_level_change_is_written_in_time_although_the_bucket_does_not_answer(on_aws: OnAws) -> None:
    """Within what a scan reserves for it, however often it must decide anew: the bucket is asked once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        # A client of its own: the local store would answer for any address of S3.
        silent = S3ScanArchive(lambda: _client_of(url), on_aws.bucket)
        ledger = on_aws.ledger(silent)
        ledger.registry.register(REGISTRATION)
        first = write(None, 0, 2)
        ledger.results.commit(first, at=START)
        moved = write(first.state, 1, 2)
        ledger.results.commit(moved, at=START)
        began = time.monotonic()
        assert ledger.results.commit(large_write(first.state, 2, 0), at=START) == "lost_race"
        fell = large_write(moved.state, 2, 0)
        assert ledger.results.commit(fell, at=START) == "written"
        assert time.monotonic() - began < RESERVE_SECONDS
    assert fell.event is not None
    assert fell.event.key in {each.key for each in ledger.outbox.pending()}
    assert "could not be written" in _newest(ledger).detail_missing


def _client_of(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=ARCHIVE_SDK,
    )


def test_a_crash_between_object_and_transaction_leaves_an_orphan_alone(
    on_aws: OnAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing points to it; the run that is delivered again with the same evidence finds it there."""
    archive = Counted(lambda: on_aws.s3, on_aws.bucket)
    ledger = on_aws.ledger(archive)
    ledger.registry.register(REGISTRATION)
    large = large_write(None, 0, 1)

    def die(*_arguments: object, **_named: object) -> None:
        raise StoreError("the function was killed")

    with monkeypatch.context() as patch:
        patch.setattr("eks_readiness.adapters.dynamo_table.LedgerTable.transact", die)
        with pytest.raises(StoreError):
            ledger.results.commit(large, at=START)
    assert len(on_aws.objects()) == 1
    assert ledger.results.state(CLUSTER.arn) is None
    assert ledger.results.newest_scan(CLUSTER.arn) is None
    again = on_aws.ledger(archive)
    assert again.results.commit(large, at=START) == "written"
    assert len(on_aws.objects()) == 1
    assert _newest(again) == large.scan


def test_a_run_with_other_evidence_replaces_no_object(on_aws: OnAws) -> None:
    """Two deliveries of one run saw different things: the row that was written points to what was seen with it."""
    ledger = on_aws.ledger()
    ledger.registry.register(REGISTRATION)
    first, second = large_write(None, 0, 1), large_write(None, 0, 1, checks=160)
    assert ledger.results.commit(first, at=START) == "written"
    assert ledger.results.commit(second, at=START) == "already_written"
    assert len(on_aws.objects()) == 2
    assert _newest(ledger) == first.scan


def test_a_scan_that_decides_anew_is_archived_once(on_aws: OnAws) -> None:
    """A lost race writes another state about the same scan."""
    archive = Counted(lambda: on_aws.s3, on_aws.bucket)
    ledger = on_aws.ledger(archive)
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    ledger.results.commit(first, at=START)
    moved = write(first.state, 1, 2)
    ledger.results.commit(moved, at=START)
    assert ledger.results.commit(large_write(first.state, 2, 1), at=START) == "lost_race"
    last = large_write(moved.state, 2, 1)
    assert ledger.results.commit(last, at=START) == "written"
    assert len(archive.keys) == 1
    assert last.scan is not None
    assert last.scan.confirmed_before is not None
    assert _newest(ledger) == last.scan


def test_nobody_reads_what_is_no_address_of_an_object(on_aws: OnAws) -> None:
    """Nor more than was asked for."""
    archive = S3ScanArchive(lambda: on_aws.s3, on_aws.bucket)
    address = archive.put("scans/x", b"0123456789")
    assert archive.get(address, most_bytes=10) == b"0123456789"
    with pytest.raises(StoreError, match="more than 9"):
        archive.get(address, most_bytes=9)
    for wrong in ("", "file:///etc/passwd", "s3://", f"s3://{on_aws.bucket}", f"s3://{on_aws.bucket}/", "s3:///x"):
        with pytest.raises(StoreError, match="not the address"):
            archive.get(wrong, most_bytes=9)
    with pytest.raises(StoreError, match="no bucket"):
        S3ScanArchive(lambda: on_aws.s3).put("scans/x", b"")
