"""Scans that are too large for the ledger, as objects of a bucket. An address is `s3://<bucket>/<key>`.

The address is kept with the scan, so that scans are found after a deployment has got another bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from eks_readiness.domain.errors import StoreError

_SCHEME = "s3://"
_REMEDIES = {
    "AccessDenied": "allow the caller s3:GetObject on the object, and kms:Decrypt on the key of its bucket",
    "NoSuchKey": "it was deleted; a scan of the next half day is whole again",
    "NoSuchBucket": "the bucket was deleted; deploy again",
}


class S3ScanArchive:
    """ScanArchive over an S3 client; without `bucket` it only reads.

    `connect` makes the client when it is first needed: most functions, and most scans, never need it.
    """

    def __init__(self, connect: Callable[[], Any], bucket: str = "") -> None:
        self._connect = connect
        self._bucket = bucket
        self._made: Any = None
        self._making = Lock()

    @property
    def _client(self) -> Any:
        with self._making:  # many threads read at once, and sessions are not made for that
            if self._made is None:
                self._made = self._connect()
            return self._made

    def put(self, key: str, body: bytes) -> str:
        """Keep a body; returns its address. Raises StoreError when it was not, or perhaps not, taken."""
        address = f"{_SCHEME}{self._bucket}/{key}"
        if not self._bucket:
            raise StoreError("there is no bucket for the details of large scans", remedy="deploy again")
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", ContentEncoding="gzip"
            )
        except (ClientError, BotoCoreError) as error:
            raise _refused(f"{address} could not be written", error) from error
        return address

    def get(self, address: str, *, most_bytes: int) -> bytes:
        """Read a body back. Raises StoreError when it is gone, larger, or cannot be read."""
        bucket, slash, key = address.removeprefix(_SCHEME).partition("/")
        if not address.startswith(_SCHEME) or not slash or not bucket or not key:
            raise StoreError(f"{address!r} is not the address of an object")
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key)
            if answer["ContentLength"] > most_bytes:
                answer["Body"].close()
                raise StoreError(f"{address} has {answer['ContentLength']:,} bytes, more than {most_bytes:,}")
            body: bytes = answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _refused(f"{address} could not be read", error) from error
        return body


def _refused(what: str, error: ClientError | BotoCoreError) -> StoreError:
    if not isinstance(error, ClientError):
        return StoreError(f"{what}: {error}", remedy="check region, credentials and network")
    answer = error.response.get("Error", {})
    code = str(answer.get("Code", ""))
    return StoreError(f"{what}: {code}: {answer.get('Message', '')}", remedy=_REMEDIES.get(code, ""))
