"""Documents that statements point to: whether they are there, and still what was attested. Content is never read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.document_address import DocumentAddress, document_address
from eks_readiness.domain.errors import ProbeError, RefusedRequest
from eks_readiness.domain.evidence import StatedDocuments, Unavailable
from eks_readiness.domain.evidence.documents import MAX_DOCUMENTS, DocumentState, StatedDocument

# HEAD answers have no body, so that S3's codes are bare numbers; 405 is a version that was deleted.
_MISSING = frozenset({"404", "405", "NoSuchKey", "NoSuchBucket", "NoSuchVersion", "InvalidDocument"})
_PROPERTY = {"versionId": "VersionId", "etag": "ETag"}


def read_documents(aws: AwsReader, gathered: Gathered) -> StatedDocuments:
    """Every document that can be looked at."""
    addresses = {uri: document_address(uri) for uri in sorted(set(gathered.documents))}
    known = [(uri, address) for uri, address in addresses.items() if address is not None][:MAX_DOCUMENTS]
    return StatedDocuments(
        observed_at=gathered.observed_at,
        source="s3:HeadObject, ssm:DescribeDocument",
        documents=tuple(
            StatedDocument(uri=uri, state=_state(aws, address))
            for uri, address in known
            # A document of another region is read by nobody here: its statement counts, not verified.
            if address.store == "s3" or address.container == gathered.cluster.region
        ),
    )


def _state(aws: AwsReader, address: DocumentAddress) -> DocumentState | Unavailable:
    try:
        found = described(aws, address)
    except RefusedRequest as error:
        return "missing" if error.code in _MISSING else Unavailable.because(error)
    except ProbeError as error:
        return Unavailable.because(error)
    if not address.pin:
        return "found"
    return "unchanged" if _current(address, found) == address.pinned else "changed"


def described(aws: AwsReader, address: DocumentAddress) -> Mapping[str, Any]:
    """What the store says of a document as it is now; raises the ProbeError tree."""
    if address.store == "s3":
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        return aws.read("s3", "HeadObject", Bucket=address.container, Key=address.name)
    # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeDocument.html
    document: Mapping[str, Any] = aws.read("ssm", "DescribeDocument", Name=address.name)["Document"]
    return document


def _current(address: DocumentAddress, found: Mapping[str, Any]) -> str:
    name = "DocumentVersion" if address.store == "ssm" else _PROPERTY[address.pin]
    return str(found.get(name) or "").strip('"')


def pinned(aws: AwsReader, uri: str) -> str:
    """The address with the version that is there now; as it is where it has one, or is only for people.

    Raises:
        ProbeError: the document cannot be looked at.
    """
    address = document_address(uri)
    if address is None or address.pin:
        return uri
    found = described(aws, address)
    if address.store == "ssm":
        return f"{uri}?version={found['DocumentVersion']}"
    if version := found.get("VersionId"):
        return f"{uri}?versionId={version}"
    etag = str(found["ETag"]).strip('"')
    return f"{uri}?etag={etag}"


PROBES = (
    AwsProbe(
        provides=StatedDocuments,
        actions=("ssm:DescribeDocument",),
        opt_in=("s3:GetObject", "s3:ListBucket"),
        read=read_documents,
    ),
)
"""What this module gathers."""
