"""Where a statement's evidence is, as far as the product can look: an object in S3, or a document of Systems Manager.

    s3://bucket/runbooks.md                       found or not
    s3://bucket/runbooks.md?versionId=3/L4kqt…    and still this version
    s3://bucket/runbooks.md?etag=9b2cf5…          and still this content
    arn:aws:ssm:eu-west-1:111122223333:document/Restore?version=3

Anything else, like the page of a wiki, is an address for people: a statement about it counts, not verified.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

_S3 = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.+?)(?:\?(?P<pin>versionId|etag)=(?P<pinned>.+))?"
)
_SSM = re.compile(
    r"(?P<arn>arn:[a-z-]+:ssm:(?P<region>[a-z0-9-]+):[0-9]{12}:document/(?P<name>[A-Za-z0-9_.:/-]{3,128}))"
    r"(?:\?(?P<pin>version)=(?P<pinned>[0-9]+))?"
)


class DocumentAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One document that can be looked at.

    s3: `container` is the bucket and `name` the key. ssm: `container` is the region and `name` what DescribeDocument
    takes. `pin` says which property of it was attested, `pinned` its value; both are empty where none was.
    """

    store: Literal["s3", "ssm"]
    container: str
    name: str
    pin: str = ""
    pinned: str = ""


def document_address(uri: str) -> DocumentAddress | None:
    """Read the address of a document; None for one that only people can follow."""
    if found := _S3.fullmatch(uri):
        return DocumentAddress(
            store="s3",
            container=found["bucket"],
            name=found["key"],
            pin=found["pin"] or "",
            pinned=(found["pinned"] or "").strip('"'),
        )
    if found := _SSM.fullmatch(uri):
        # DescribeDocument takes a name or an ARN; the ARN also finds a document that another account shares.
        return DocumentAddress(
            store="ssm",
            container=found["region"],
            name=found["arn"],
            pin=found["pin"] or "",
            pinned=found["pinned"] or "",
        )
    return None
