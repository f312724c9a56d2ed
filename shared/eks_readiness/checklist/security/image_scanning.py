"""Image scanning: known vulnerabilities in what runs are found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import ClusterImageScans, Components, EcrImages, EcrScanning, Pods, Unavailable
from eks_readiness.domain.evidence.images import ImageScan, ScannedImage
from eks_readiness.domain.evidence.nodes import Component, ComponentName
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.image import ecr_registry, maintained_by_aws, parse_image
from eks_readiness.domain.policy import Policy

_IN_CLUSTER: tuple[ComponentName, ...] = ("trivy-operator", "kubevuln")


@check(
    "image-scanning.scanner",
    needs=(if_available(EcrScanning), if_available(EcrImages), if_available(Components)),
    required=True,
)
def a_scanner_is_active(
    scanning: EcrScanning | Unavailable,
    images: EcrImages | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Amazon Inspector, ECR scanning, Trivy Operator or Kubescape is active.

    ECR scanning is active with a rule of the registry that scans on push or continuously, or when it has scanned a
    running image within `max_image_scan_age_days` days (a repository may scan on push by itself). Kubescape is active
    when its vulnerability scanner kubevuln is ready.
    Why: images age; a vulnerability that becomes known tomorrow is in what runs today.
    Fix: aws inspector2 enable --resource-types ECR, or install Trivy Operator.
    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
    """
    return _scanner(scanning, images, components, policy)


@check(
    "image-scanning.coverage",
    needs=(
        Pods,
        if_available(EcrScanning),
        if_available(EcrImages),
        if_available(ClusterImageScans),
        if_available(Components),
    ),
    required=True,
)
def running_images_are_scanned(  # noqa: PLR0913 - one for each slice
    pods: Pods,
    scanning: EcrScanning | Unavailable,
    images: EcrImages | Unavailable,
    reports: ClusterImageScans | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """At least `min_scanned_images_percent` % of running images were scanned lately, or are scanned continuously.

    Lately is within `max_image_scan_age_days` days. Images count by the digest that runs, over all namespaces and
    registries; any scanner will do. Images from the registries of Amazon EKS (add-ons, system pods) do not count: AWS
    builds, scans and patches them, and their versions are judged by core-add-ons. For an image index, the images of
    its platforms are what is scanned.
    Not applicable when: there is a scanner, and nothing runs but images that AWS maintains.
    Why: what was never looked at is not free of vulnerabilities.
    Fix: scan the registry with Amazon Inspector; pull public images through ECR, or scan in the cluster with Trivy.
    Source: https://docs.aws.amazon.com/inspector/latest/user/scanning-ecr.html
    """
    running = _running(pods)
    if not running:
        return _nothing_to_scan(_scanner(scanning, images, components, policy))
    known = _known(images, reports)
    oldest = pods.observed_at - timedelta(days=policy.max_image_scan_age_days)
    good = {digest for digest in running if any(_fresh(each, oldest) for each in known.scans.get(digest, ()))}
    unread = {
        digest: why for digest in running if digest not in good and (why := _why_unread(digest, running, known, images))
    }
    total = len(running)
    said = f"{len(good)} of {total} running images were scanned within {policy.max_image_scan_age_days:g} days"
    if len(good) * 100 >= policy.min_scanned_images_percent * total:
        return passed(said)
    if (len(good) + len(unread)) * 100 >= policy.min_scanned_images_percent * total:
        return next(iter(unread.values()))
    missing = [
        f"{running[each]}{_state(known.scans.get(each, ()))}" for each in running if each not in {*good, *unread}
    ]
    return failed(said, missing)


@check(
    "image-scanning.criticals",
    needs=(
        if_available(Pods),
        if_available(EcrScanning),
        if_available(EcrImages),
        if_available(ClusterImageScans),
        if_available(Components),
    ),
    required=False,
)
def no_running_image_has_a_fixable_critical(  # noqa: PLR0913 - one for each slice
    pods: Pods | Unavailable,
    scanning: EcrScanning | Unavailable,
    images: EcrImages | Unavailable,
    reports: ClusterImageScans | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """No running image has a critical finding for which a fix is available.

    Findings count that Inspector calls ACTIVE and CRITICAL, with a fix for some package at least, and those of Trivy
    with a fixed version. ECR's basic scanning and Kubescape's lists do not tell about fixes. It fails without a
    scanner; images that were never scanned are for image-scanning.coverage to tell.
    Not applicable when: nothing runs but images that AWS maintains.
    Why: the fix is there, only the image is old.
    Fix: rebuild the image on a newer base and roll it out.
    Source: https://docs.aws.amazon.com/inspector/latest/user/findings-understanding.html
    """
    scanner = _scanner(scanning, images, components, policy)
    if isinstance(scanner, Verdict) and scanner.outcome == "fail":
        return scanner
    if isinstance(pods, Unavailable):
        return pods
    running, known = _running(pods), _known(images, reports)
    counts = {digest: _most(known.scans.get(digest, ())) for digest in running}
    if bad := {digest: count for digest, count in counts.items() if count}:
        named = [f"{running[digest]} ({count})" for digest, count in bad.items()]
        return failed(f"{len(bad)} of {len(running)} running images have critical findings with a fix", named)
    undecided = first_unavailable(scanner) or _undecided(running, known, images, counts)
    return undecided or _clean(running, known, counts)


class _Known(NamedTuple):
    """What is known about running digests, and what is not."""

    scans: dict[str, list[ImageScan]]
    unread: dict[str, Unavailable]
    everywhere: Unavailable | None
    """Why no scanner in the cluster could be asked about any image."""


def _scanner(
    scanning: EcrScanning | Unavailable,
    images: EcrImages | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    found = [] if isinstance(components, Unavailable) else [c for name in _IN_CLUSTER for c in components.named(name)]
    if active := _of_the_registry(scanning, images, policy) or _in_the_cluster(found):
        return passed(active)
    if isinstance(scanning, Unavailable):
        return scanning
    if unread := first_unavailable(scanning.inspector, scanning.scan_type, components, images):
        return unread
    if found:
        return failed(f"the scanner does not run: {found[0].where} has 0 of {found[0].desired} pods ready")
    state = scanning.inspector or "off"
    return failed(f"nothing scans: Amazon Inspector is {state} for ECR, and no rule of the registry scans")


def _of_the_registry(scanning: EcrScanning | Unavailable, images: EcrImages | Unavailable, policy: Policy) -> str:
    """What scans images where they are stored; empty where nothing is known to."""
    if isinstance(scanning, EcrScanning):
        if scanning.inspector == "ENABLED":
            return "Amazon Inspector scans the registry"
        if scanning.automatic_rules:
            return f"{scanning.automatic_rules} rules of the registry scan by themselves ({scanning.scan_type})"
    if isinstance(images, EcrImages):
        oldest = images.observed_at - timedelta(days=policy.max_image_scan_age_days)
        if count := sum(each.scan is not None and _fresh(each.scan, oldest) for each in images.images):
            return f"ECR scanned {count} running images lately"
    return ""


def _in_the_cluster(found: Iterable[Component]) -> str:
    ready = next((each for each in found if each.ready), None)
    return f"{ready.where} has {ready.ready} of {ready.desired} pods ready" if ready else ""


def _nothing_to_scan(scanner: Verdict | Unavailable) -> Verdict | Unavailable:
    if isinstance(scanner, Unavailable) or scanner.outcome == "fail":
        return scanner
    return not_applicable("no image runs but those that AWS maintains")


def _running(pods: Pods) -> dict[str, str]:
    """A name for each digest that runs and that AWS does not maintain."""
    return {
        each.digest: each.image
        for each in pods.images
        if each.digest.startswith("sha256:") and not maintained_by_aws(each.image)
    }


def _known(images: EcrImages | Unavailable, reports: ClusterImageScans | Unavailable) -> _Known:
    known = _Known({}, {}, reports if isinstance(reports, Unavailable) else None)
    sources: list[Iterable[ScannedImage]] = [] if isinstance(images, Unavailable) else [images.images]
    everywhere = known.everywhere
    if isinstance(reports, ClusterImageScans):
        for each in (reports.trivy, reports.kubescape):
            if isinstance(each, Unavailable):
                everywhere = each
            else:
                sources.append(each)
    for source in sources:
        for image in source:
            if image.scan:
                known.scans.setdefault(image.digest, []).append(image.scan)
            if image.unread:
                known.unread[image.digest] = image.unread
    return known._replace(everywhere=everywhere)


def _why_unread(
    digest: str, running: dict[str, str], known: _Known, images: EcrImages | Unavailable
) -> Unavailable | None:
    """Why it is not known whether an image was scanned; nothing where it is known that it was not."""
    if digest in known.unread:
        return known.unread[digest]
    if ecr_registry(parse_image(running[digest]).registry):
        if isinstance(images, Unavailable):
            return images
        if images.beyond and digest not in {each.digest for each in images.images}:
            return Unavailable(
                reason="unsupported",
                detail=f"{images.beyond} running images are more than one scan asks about",
                remedy="scan in the cluster with Trivy Operator, whose reports are all read",
            )
    return known.everywhere


def _undecided(
    running: dict[str, str], known: _Known, images: EcrImages | Unavailable, counts: dict[str, int | None]
) -> Unavailable | None:
    """What a scanner that could not be asked may know; one that can never be asked counts where no other was."""
    if isinstance(images, EcrImages) and images.findings_unread:
        return images.findings_unread
    for digest in running:
        why = _why_unread(digest, running, known, images)
        if why and (counts[digest] is None or why.reason != "unsupported"):
            return why
    return None


def _clean(running: dict[str, str], known: _Known, counts: dict[str, int | None]) -> Verdict | Unavailable:
    if not running:
        return not_applicable("no image runs but those that AWS maintains")
    untold = [
        running[digest]
        for digest, count in counts.items()
        if count is None and any(map(_succeeded, known.scans.get(digest, ())))
    ]
    if untold:
        return Unavailable(
            reason="unsupported",
            detail=f"the scanner does not tell whether findings of {untold[0]} have a fix ({len(untold)} images)",
            remedy="use enhanced scanning with Amazon Inspector, or Trivy Operator",
        )
    scanned = sum(count == 0 for count in counts.values())
    if not scanned:
        return failed("no running image has been scanned")
    return passed(f"none of {scanned} scanned running images has a critical finding with a fix")


def _succeeded(scan: ImageScan) -> bool:
    return scan.continuous or scan.scanned_at is not None


def _fresh(scan: ImageScan, oldest: datetime) -> bool:
    return scan.continuous or (scan.scanned_at is not None and scan.scanned_at >= oldest)


def _most(scans: Iterable[ImageScan]) -> int | None:
    """The most findings that any scanner counts; None where none of them tells."""
    return max((each.fixable_criticals for each in scans if each.fixable_criticals is not None), default=None)


def _state(scans: Iterable[ImageScan]) -> str:
    found = next(iter(scans), None)
    if found is None:
        return " (never scanned)"
    return f" ({found.status}{f', {found.scanned_at:%Y-%m-%d}' if found.scanned_at else ''})"
