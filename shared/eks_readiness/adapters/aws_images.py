"""Image scanning by Amazon ECR and Amazon Inspector, for the images that run.

A running digest may name an index: scanned are the images of the platforms that it lists, never the index itself, so
its manifest is read first. Only digests are kept of it.
Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html,
https://docs.aws.amazon.com/inspector/latest/user/scanning-ecr.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from eks_readiness.adapters.aws_inspector import EcrImage, coverage, fixable_criticals, with_findings
from eks_readiness.adapters.aws_lists import every_page
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import (
    AccessDenied,
    ProbeError,
    RefusedRequest,
    UnexpectedAnswer,
    Unreachable,
    Unsupported,
    bounded,
)
from eks_readiness.domain.evidence import EcrImages, EcrScanning, Pods, Unavailable
from eks_readiness.domain.evidence.images import ImageScan, ScannedImage
from eks_readiness.domain.evidence.nodes import RunningImage
from eks_readiness.domain.image import EKS_REGISTRY_ACCOUNTS, ecr_registry, parse_image

MAX_IMAGES = 1_000
"""Running images that one scan asks about: a call for each repository, two for each ten images. More are unknown."""
_BATCH = 100
"""Image ids that one call to ECR takes."""
_INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
_MANIFESTS = (
    *sorted(_INDEXES),
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_AUTOMATIC = ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")


class _Platform(msgspec.Struct, gc=False):
    architecture: str = ""


class _Listed(msgspec.Struct, gc=False):
    digest: str = ""
    platform: _Platform | None = None


class _Index(msgspec.Struct, gc=False):
    manifests: list[_Listed] | None = None


def read_scanning(aws: AwsReader, gathered: Gathered) -> EcrScanning:
    """How the account's registry is scanned."""
    scan_type: str | Unavailable
    rules: list[dict[str, Any]] = []
    try:
        answer = aws.read("ecr", "GetRegistryScanningConfiguration").get("scanningConfiguration") or {}
        scan_type, rules = answer.get("scanType") or "", answer.get("rules") or []
    except AccessDenied as error:
        scan_type = Unavailable.because(error)
    return EcrScanning(
        observed_at=gathered.observed_at,
        source="ecr:GetRegistryScanningConfiguration, inspector2:BatchGetAccountStatus",
        inspector=_inspector(aws, gathered.cluster.account),
        scan_type=scan_type,
        automatic_rules=sum(each.get("scanFrequency") in _AUTOMATIC for each in rules),
    )


def _inspector(aws: AwsReader, account: str) -> str | Unavailable:
    try:
        answer = aws.read("inspector2", "BatchGetAccountStatus", accountIds=[account])
    except (AccessDenied, Unreachable, Unsupported) as error:
        # Inspector is not in every region, and ECR's own scanning needs none.
        return Unavailable.because(error)
    mine = next((each for each in answer.get("accounts") or () if each.get("accountId") == account), None)
    if mine is None:
        raise UnexpectedAnswer(f"inspector2:BatchGetAccountStatus says nothing about account {account}")
    return ((mine.get("resourceState") or {}).get("ecr") or {}).get("status") or ""


def read_images(aws: AwsReader, gathered: Gathered) -> EcrImages:
    """What ECR and Inspector know about each running image."""
    scanning = gathered.slices[EcrScanning]
    inspector = scanning.inspector if isinstance(scanning, EcrScanning) else scanning
    enabled = inspector == "ENABLED"
    near, far = _running(gathered.get(Pods).images, gathered.cluster)
    asked = near[:MAX_IMAGES]
    platforms = _platforms(aws, asked)
    images = [image for each in asked for image in _images(each, platforms)]
    mine = [each for each in images if enabled and each.account == gathered.cluster.account]
    covered, uncovered = coverage(aws, mine, gathered.cluster)
    if isinstance(inspector, Unavailable):
        uncovered = inspector
    fixable, findings_unread = fixable_criticals(aws, covered)
    inspected = {each: with_findings(scan, fixable, each.digest) for each, scan in covered.items()}
    # What Inspector does not know may have been scanned before it was turned on, or lie in another account.
    described = _described(aws, [each for each in images if each not in covered])
    scans = {**described, **inspected}
    return EcrImages(
        observed_at=gathered.observed_at,
        source="ecr:BatchGetImage, ecr:DescribeImages, inspector2:ListCoverage, inspector2:ListFindings",
        images=(
            *(
                _scanned(each, platforms, scans, uncovered if each.account == gathered.cluster.account else None)
                for each in asked
            ),
            *far,
        ),
        beyond=len(near) - len(asked),
        findings_unread=findings_unread,
    )


def _running(images: Iterable[RunningImage], cluster: ClusterRef) -> tuple[list[EcrImage], list[ScannedImage]]:
    """Running images of registries in this region, and those of registries that cannot be asked from here."""
    near: set[EcrImage] = set()
    far: dict[str, ScannedImage] = {}
    for each in images:
        name = parse_image(each.image)
        registry = ecr_registry(name.registry)
        if registry is None or not each.digest.startswith("sha256:") or registry.account in EKS_REGISTRY_ACCOUNTS:
            continue
        if registry.region == cluster.region:
            near.add(EcrImage(registry.account, name.repository, each.digest))
        else:
            far[each.digest] = ScannedImage(digest=each.digest, unread=_elsewhere(registry.region))
    return sorted(near), [far[digest] for digest in sorted(far)]


def _elsewhere(region: str) -> Unavailable:
    return Unavailable(
        reason="unsupported",
        detail=f"images come from a registry in {region}, which is not asked",
        remedy="replicate the repository into the cluster's region, or scan in the cluster with Trivy Operator",
    )


# --- indexes


def _platforms(aws: AwsReader, images: Sequence[EcrImage]) -> dict[EcrImage, tuple[str, ...] | Unavailable]:
    """The digests that are scanned for each running image; nothing for one that is not in its repository any more."""
    calls = list(_calls(images))
    answers = aws.read_each(
        "ecr", "BatchGetImage", [{**each, "acceptedMediaTypes": list(_MANIFESTS)} for each, _ in calls]
    )
    found: dict[EcrImage, tuple[str, ...] | Unavailable] = {}
    for (_, asked), answer in zip(calls, answers, strict=True):
        if isinstance(answer, RefusedRequest) and answer.code == "RepositoryNotFoundException":
            found |= dict.fromkeys(asked, ())
        elif isinstance(answer, AccessDenied | RefusedRequest):
            found |= dict.fromkeys(asked, Unavailable.because(answer))
        elif isinstance(answer, ProbeError):
            raise answer
        else:
            listed = {each["imageId"]["imageDigest"]: _listed(each) for each in answer.get("images") or ()}
            found |= {each: listed.get(each.digest, ()) for each in asked}
    return found


def _calls(images: Iterable[EcrImage]) -> Iterator[tuple[dict[str, Any], list[EcrImage]]]:
    """Parameters for as many images of one repository as a call takes, and those images."""
    repositories: dict[tuple[str, str], list[EcrImage]] = {}
    for each in images:
        repositories.setdefault((each.account, each.repository), []).append(each)
    for (account, repository), members in repositories.items():
        for start in range(0, len(members), _BATCH):
            batch = members[start : start + _BATCH]
            ids = [{"imageDigest": each.digest} for each in batch]
            yield {"registryId": account, "repositoryName": repository, "imageIds": ids}, batch


_INDEX = msgspec.json.Decoder(_Index)


def _listed(image: Mapping[str, Any]) -> tuple[str, ...]:
    own = (image["imageId"]["imageDigest"],)
    if image.get("imageManifestMediaType") not in _INDEXES:
        return own
    try:
        index = _INDEX.decode(image.get("imageManifest") or "{}")
    except msgspec.DecodeError:
        return own
    # An attestation stands in the index as an image of an unknown platform.
    listed = [each for each in index.manifests or () if not each.platform or each.platform.architecture != "unknown"]
    return tuple(each.digest for each in listed) or own


def _images(image: EcrImage, platforms: Mapping[EcrImage, tuple[str, ...] | Unavailable]) -> list[EcrImage]:
    listed = platforms[image]
    return [image._replace(digest=each) for each in ((image.digest,) if isinstance(listed, Unavailable) else listed)]


# --- ECR


def _described(aws: AwsReader, images: Sequence[EcrImage]) -> dict[EcrImage, ImageScan | Unavailable]:
    calls = list(_calls(images))
    answers = every_page(aws, "ecr", "DescribeImages", "imageDetails", [parameters for parameters, _ in calls])
    found: dict[EcrImage, ImageScan | Unavailable] = {}
    for (_, asked), answer in zip(calls, answers, strict=True):
        if isinstance(answer, AccessDenied | RefusedRequest):
            # One image that is gone refuses the whole call, where manifests may not be read to tell before.
            found |= dict.fromkeys(asked, Unavailable.because(answer))
        elif isinstance(answer, ProbeError):
            raise answer
        else:
            scans = {each["imageDigest"]: _basic(each) for each in answer}
            found |= {each: scan for each in asked if (scan := scans.get(each.digest))}
    return found


def _basic(image: Mapping[str, Any]) -> ImageScan | None:
    status = (image.get("imageScanStatus") or {}).get("status")
    if not status:
        return None
    summary = image.get("imageScanFindingsSummary") or {}
    criticals = (summary.get("findingSeverityCounts") or {}).get("CRITICAL", 0)
    scanned_at = summary.get("imageScanCompletedAt") if status in ("COMPLETE", "ACTIVE") else None
    return ImageScan(
        scanner="ecr",
        status=bounded(status, 60),
        scanned_at=scanned_at,
        # ACTIVE stands for enhanced scanning that goes on.
        continuous=status == "ACTIVE",
        # The summary does not tell which findings have a fix: none of them has only where there is none.
        fixable_criticals=0 if scanned_at and not criticals else None,
    )


# --- one running image


def _scanned(
    image: EcrImage,
    platforms: Mapping[EcrImage, tuple[str, ...] | Unavailable],
    scans: Mapping[EcrImage, ImageScan | Unavailable],
    uncovered: Unavailable | None,
) -> ScannedImage:
    """The scan of the platform that was looked at last; findings of all of them count."""
    answers = [scans[each] for each in _images(image, platforms) if each in scans]
    found = [each for each in answers if isinstance(each, ImageScan)]
    good = [each for each in found if each.continuous or each.scanned_at]
    if good:
        best = max(good, key=lambda each: (each.continuous, each.scanned_at is not None, each.scanned_at or 0))
        return ScannedImage(digest=image.digest, scan=msgspec.structs.replace(best, fixable_criticals=_sum(good)))
    listed = platforms[image]
    unread = (
        next((each for each in answers if isinstance(each, Unavailable)), None)
        or (listed if isinstance(listed, Unavailable) else None)
        or (uncovered if listed else None)
    )
    gone = ImageScan(scanner="ecr", status="not in its repository")
    scan = None if unread else (found[0] if found else (None if listed else gone))
    return ScannedImage(digest=image.digest, scan=scan, unread=unread)


def _sum(scans: Iterable[ImageScan]) -> int | None:
    counts = [each.fixable_criticals for each in scans]
    total = sum(each or 0 for each in counts)
    return total if total or None not in counts else None


PROBES = (
    AwsProbe(
        provides=EcrScanning,
        actions=("ecr:GetRegistryScanningConfiguration", "inspector2:BatchGetAccountStatus"),
        read=read_scanning,
    ),
    AwsProbe(
        provides=EcrImages,
        actions=("ecr:BatchGetImage", "ecr:DescribeImages", "inspector2:ListCoverage", "inspector2:ListFindings"),
        read=read_images,
        after=(Pods, EcrScanning),
    ),
)
"""What this module gathers."""
