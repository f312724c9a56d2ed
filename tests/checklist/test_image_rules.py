"""Rules about the scanning of images."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from eks_readiness.checklist.security.image_scanning import (
    a_scanner_is_active,
    no_running_image_has_a_fixable_critical,
    running_images_are_scanned,
)
from eks_readiness.domain.evidence import ClusterImageScans, EcrImages, EcrScanning, Pods, Unavailable
from eks_readiness.domain.evidence.images import ImageScan, ScannedImage
from eks_readiness.domain.evidence.nodes import RunningImage
from eks_readiness.domain.finding import failed, not_applicable, passed
from tests.checklist.observed import DENIED, LATE, POLICY, component, components, seen
from tests.strategies import NOW

ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/"
ACTIVE = seen(EcrScanning, inspector="ENABLED", scan_type="ENHANCED")
OFF = seen(EcrScanning, inspector="", scan_type="BASIC")
NO_REPORTS = seen(ClusterImageScans)
NO_IMAGES = seen(EcrImages)
EVERY = msgspec.structs.replace(POLICY, min_scanned_images_percent=100)


def running(number: int, registry: str = ECR) -> Pods:
    """Pods of so many images."""
    found = tuple(RunningImage(image=f"{registry}i{each}", digest=f"sha256:{each}") for each in range(number))
    return seen(Pods, images=found)


def scanned(number: int, *, days: float = 1, fixable: int | None = 0) -> tuple[ScannedImage, ...]:
    """So many images, scanned that many days ago."""
    scan = ImageScan(scanner="ecr", status="COMPLETE", scanned_at=NOW - timedelta(days=days), fixable_criticals=fixable)
    return tuple(ScannedImage(digest=f"sha256:{each}", scan=scan) for each in range(number))


def unread(number: int, why: Unavailable) -> tuple[ScannedImage, ...]:
    """So many images whose scan could not be read."""
    return tuple(ScannedImage(digest=f"sha256:{each}", unread=why) for each in range(number))


def covered(pods: Pods, images: Any, *, reports: Any = NO_REPORTS, policy: Any = POLICY) -> Any:
    """What the check of coverage says, with an active scanner."""
    return running_images_are_scanned(pods, ACTIVE, images, reports, components(), policy)


def criticals(pods: Pods, images: Any, *, reports: Any = NO_REPORTS, scanning: Any = ACTIVE) -> Any:
    """What the check of findings says."""
    return no_running_image_has_a_fixable_critical(pods, scanning, images, reports, components(), POLICY)


def test_coverage_is_counted_exactly() -> None:
    """95 of 100 are enough; with 100 % wanted, 100 of 101 are not."""
    assert covered(running(20), seen(EcrImages, images=scanned(19))) == passed(
        "19 of 20 running images were scanned within 30 days"
    )
    assert covered(running(101), seen(EcrImages, images=scanned(100)), policy=EVERY) == failed(
        "100 of 101 running images were scanned within 30 days", [f"{ECR}i100 (never scanned)"]
    )


def test_images_that_could_not_be_asked_about() -> None:
    """Unknown if they could make it up; else it fails by those that were never scanned."""
    assert covered(running(20), seen(EcrImages, images=unread(19, DENIED))) == DENIED
    assert covered(running(101), seen(EcrImages, images=unread(100, DENIED)), policy=EVERY) == failed(
        "0 of 101 running images were scanned within 30 days", [f"{ECR}i100 (never scanned)"]
    )


def test_a_scan_is_fresh_to_the_day() -> None:
    """Exactly 30 days still count."""
    assert covered(running(1), seen(EcrImages, images=scanned(1, days=30))) == passed(
        "1 of 1 running images were scanned within 30 days"
    )
    assert covered(running(1), seen(EcrImages, images=scanned(1, days=30.01))) == failed(
        "0 of 1 running images were scanned within 30 days", [f"{ECR}i0 (COMPLETE, 2026-05-02)"]
    )


def test_images_beyond_the_cap() -> None:
    """An image that was asked about and has no scan has none; one beyond the cap may have."""
    beyond = Unavailable(
        reason="unsupported",
        detail="7 running images are more than one scan asks about",
        remedy="scan in the cluster with Trivy Operator, whose reports are all read",
    )
    assert covered(running(1), seen(EcrImages, beyond=7)) == beyond
    known = (ScannedImage(digest="sha256:0"),)
    never = failed("0 of 1 running images were scanned within 30 days", [f"{ECR}i0 (never scanned)"])
    assert covered(running(1), seen(EcrImages, images=known, beyond=7)) == never
    assert covered(running(1), NO_IMAGES) == never


def test_a_scanner_in_the_cluster_that_could_not_be_asked() -> None:
    """It may have scanned any image, of whatever registry; ECR only its own."""
    elsewhere = running(1, "docker.io/library/")
    assert covered(elsewhere, LATE, reports=DENIED) == DENIED
    assert covered(elsewhere, LATE, reports=seen(ClusterImageScans, trivy=DENIED)) == DENIED
    assert covered(elsewhere, LATE, reports=seen(ClusterImageScans, kubescape=DENIED)) == DENIED
    assert covered(running(1), LATE) == LATE
    assert covered(elsewhere, LATE) == failed(
        "0 of 1 running images were scanned within 30 days", ["docker.io/library/i0 (never scanned)"]
    )


def test_findings_that_could_not_be_read() -> None:
    """Findings of ECR, of one image, of the cluster's scanner, or whether there is a scanner at all."""
    clean = seen(EcrImages, images=scanned(1))
    good = passed("none of 1 scanned running images has a critical finding with a fix")
    assert criticals(running(1), clean) == good
    assert criticals(running(1), seen(EcrImages, images=scanned(1), findings_unread=LATE)) == LATE
    assert criticals(running(1), seen(EcrImages, images=unread(1, DENIED))) == DENIED
    assert criticals(running(1), clean, reports=DENIED) == DENIED
    # What was scanned lately had a scanner.
    assert criticals(running(1), clean, scanning=DENIED) == good
    old = seen(EcrImages, images=scanned(1, days=31))
    assert criticals(running(1), old, scanning=DENIED) == DENIED
    assert criticals(running(1, "docker.io/library/"), DENIED) == failed("no running image has been scanned")


def test_a_scanner_that_can_never_be_asked() -> None:
    """It counts only where no other scanner told of the image."""
    never = Unavailable(reason="unsupported", detail="AWS does not offer it here")
    clean = seen(EcrImages, images=scanned(1))
    good = passed("none of 1 scanned running images has a critical finding with a fix")
    assert criticals(running(1), clean, reports=never) == good
    assert criticals(running(1), NO_IMAGES, reports=never) == never


@pytest.mark.parametrize("denied", range(4))
def test_without_a_scanner_everything_must_be_known(denied: int) -> None:
    """One that could not be read may be the scanner."""
    pieces: list[Any] = [OFF, NO_IMAGES, components()]
    if denied == 3:
        pieces[0] = seen(EcrScanning, inspector=DENIED, scan_type="BASIC")
    else:
        pieces[denied] = DENIED
    assert a_scanner_is_active(*pieces, POLICY) == DENIED


def test_without_a_scanner() -> None:
    """It says in which state the others are."""
    nothing = "nothing scans: Amazon Inspector is {} for ECR, and no rule of the registry scans"
    assert a_scanner_is_active(OFF, NO_IMAGES, components(), POLICY) == failed(nothing.format("off"))
    disabled = seen(EcrScanning, inspector="DISABLED", scan_type="BASIC")
    assert a_scanner_is_active(disabled, NO_IMAGES, components(), POLICY) == failed(nothing.format("DISABLED"))
    broken = components(component("trivy-operator", 0, 1))
    assert a_scanner_is_active(OFF, NO_IMAGES, broken, POLICY) == failed(
        "the scanner does not run: Deployment tools/trivy-operator has 0 of 1 pods ready"
    )


def test_a_scan_of_something_that_no_longer_runs_shows_a_scanner() -> None:
    """ECR's scans of this cluster's images count where nothing else needs a scan."""
    lately = seen(EcrImages, images=scanned(1))
    assert a_scanner_is_active(OFF, lately, components(), POLICY) == passed("ECR scanned 1 running images lately")
    nothing = not_applicable("no image runs but those that AWS maintains")
    said = running_images_are_scanned(running(0), OFF, lately, NO_REPORTS, components(), POLICY)
    assert said == nothing
    assert criticals(running(0), lately, scanning=OFF) == nothing
