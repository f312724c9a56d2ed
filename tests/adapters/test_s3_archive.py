"""A bucket that does not answer leaves time to write what the scan means."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import boto3
import pytest

from eks_readiness.adapters.s3_archive import S3ScanArchive
from eks_readiness.bootstrap.ledger import ARCHIVE_SDK
from eks_readiness.domain.errors import StoreError
from infra.scanning import RESERVE_SECONDS


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _archive(url: str) -> S3ScanArchive:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=ARCHIVE_SDK,
    )
    return S3ScanArchive(lambda: client, "bucket")


def test_a_silent_bucket_is_given_up_in_time(silent: str) -> None:
    """Both to write and to read; of what is reserved, half is left."""
    archive = _archive(silent)
    began = time.monotonic()
    with pytest.raises(StoreError, match="could not be written"):
        archive.put("scans/x", b"x" * 100_000)
    assert time.monotonic() - began < RESERVE_SECONDS / 2
    with pytest.raises(StoreError, match="could not be read"):
        archive.get("s3://bucket/scans/x", most_bytes=10)


def test_nobody_there_is_an_error_of_the_store() -> None:
    """Whatever the SDK raises is translated."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(StoreError, match="check region, credentials and network"):
        _archive(url).put("scans/x", b"")
