"""What Amazon Inspector knows about images of Amazon ECR: which it scans, and critical findings with a fix.

Source: https://docs.aws.amazon.com/inspector/latest/user/scanning-ecr.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from eks_readiness.adapters.aws_lists import every_page
from eks_readiness.adapters.probe import AwsReader
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import AccessDenied, ProbeError, bounded
from eks_readiness.domain.evidence import Unavailable
from eks_readiness.domain.evidence.images import ImageScan

_FILTERS = 10
"""Values that one filter of Inspector takes."""
_FINDINGS = 100
"""Findings on one page: enough to prove that there are some, and all that is asked for."""
# Reasons of Inspector that come with a scan that succeeded; with any other, nobody looked into the image.
_SCANNED = frozenset(
    {"SUCCESSFUL", "SCAN_FREQUENCY_SCAN_ON_PUSH", "SCAN_FREQUENCY_MANUAL", "SCAN_ELIGIBILITY_EXPIRED"}
    | {"SCAN_IN_PROGRESS", "PENDING_REVIVAL_SCAN"}
)


class EcrImage(NamedTuple):
    """One image of ECR: what runs, or what an index lists for a platform."""

    account: str
    repository: str
    digest: str


def coverage(
    aws: AwsReader, images: Sequence[EcrImage], cluster: ClusterRef
) -> tuple[dict[EcrImage, ImageScan], Unavailable | None]:
    """Scans by image, without those that Inspector does not know; or why it may not be asked."""
    arns = {
        f"arn:{cluster.partition}:ecr:{cluster.region}:{each.account}:repository/{each.repository}/{each.digest}": each
        for each in images
    }
    calls = [{"filterCriteria": {"resourceId": _equals(batch)}, "maxResults": 200} for batch in _batches(list(arns))]
    answers = every_page(aws, "inspector2", "ListCoverage", "coveredResources", calls)
    found: dict[EcrImage, ImageScan] = {}
    for answer in answers:
        if isinstance(answer, AccessDenied):
            return {}, Unavailable.because(answer)
        if isinstance(answer, ProbeError):
            raise answer
        for each in answer:
            if image := arns.get(each.get("resourceId", "")):
                found[image] = _covered(each)
    return found, None


def _covered(resource: Mapping[str, Any]) -> ImageScan:
    state = resource.get("scanStatus") or {}
    code, reason = state.get("statusCode") or "", state.get("reason") or ""
    return ImageScan(
        scanner="inspector",
        status=bounded(f"{code} {reason}", 100),
        scanned_at=resource.get("lastScannedAt") if reason in _SCANNED else None,
        continuous=code == "ACTIVE" and reason == "SUCCESSFUL",
    )


def fixable_criticals(aws: AwsReader, images: Iterable[EcrImage]) -> tuple[dict[str, int] | None, Unavailable | None]:
    """Critical findings with a fix by digest, at least: one page for each batch proves that there are some."""
    digests = sorted({each.digest for each in images})
    answers = aws.read_each(
        "inspector2",
        "ListFindings",
        [{"filterCriteria": _critical(batch), "maxResults": _FINDINGS} for batch in _batches(digests)],
    )
    found: dict[str, int] = dict.fromkeys(digests, 0)
    for answer in answers:
        if isinstance(answer, AccessDenied):
            return None, Unavailable.because(answer)
        if isinstance(answer, ProbeError):
            raise answer
        for each in answer.get("findings") or ():
            for resource in each.get("resources") or ():
                image = ((resource.get("details") or {}).get("awsEcrContainerImage") or {}).get("imageHash")
                if image in found:
                    found[image] += 1
    return found, None


def _critical(digests: Sequence[str]) -> dict[str, Any]:
    return {
        "ecrImageHash": _equals(digests),
        "resourceType": _equals(["AWS_ECR_CONTAINER_IMAGE"]),
        "severity": _equals(["CRITICAL"]),
        "findingStatus": _equals(["ACTIVE"]),
        "fixAvailable": _equals(["YES", "PARTIAL"]),
    }


def _equals(values: Iterable[str]) -> list[dict[str, str]]:
    return [{"comparison": "EQUALS", "value": each} for each in values]


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _FILTERS] for start in range(0, len(values), _FILTERS))


def with_findings(scan: ImageScan, fixable: Mapping[str, int] | None, digest: str) -> ImageScan:
    """A scan together with its findings, where it succeeded and they are known."""
    if fixable is None or not (scan.continuous or scan.scanned_at):
        return scan
    return msgspec.structs.replace(scan, fixable_criticals=fixable.get(digest, 0))
