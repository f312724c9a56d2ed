"""Running images, and what scanners know about them."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable
from eks_readiness.domain.instant import Instant

ImageScanner = Literal["inspector", "ecr", "trivy", "kubescape"]


class ImageScan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one scanner knows about one running image.

    `status` is the scanner's own word. `scanned_at` is empty where no scan succeeded; `continuous`: it is judged again
    whenever a vulnerability becomes known. `fixable_criticals` counts critical findings with a fix, at least; None
    where the scanner does not tell.
    """

    scanner: ImageScanner
    status: str
    scanned_at: Instant | None = None
    continuous: bool = False
    fixable_criticals: int | None = None


class ScannedImage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One running image, by the digest that runs: its scan, or why that is not known, or neither: not scanned."""

    digest: str
    scan: ImageScan | None = None
    unread: Unavailable | None = None


class EcrScanning(Slice, frozen=True, kw_only=True):
    """How registry and account scan: ecr:GetRegistryScanningConfiguration, inspector2:BatchGetAccountStatus.

    `inspector` is Amazon Inspector's status for ECR, like ENABLED. `automatic_rules` counts the registry's rules that
    scan on push or continuously; `scan_type` is BASIC or ENHANCED.
    """

    inspector: str | Unavailable
    scan_type: str | Unavailable
    automatic_rules: int = 0


class EcrImages(Slice, frozen=True, kw_only=True):
    """Running images of Amazon ECR, without those of Amazon EKS itself.

    `beyond` counts images that were not looked at, because there are more than one scan asks about.
    `findings_unread` says why findings of Amazon Inspector are not known.
    """

    images: tuple[ScannedImage, ...] = ()
    beyond: int = 0
    findings_unread: Unavailable | None = None


class ClusterImageScans(Slice, frozen=True, kw_only=True):
    """What scanners in the cluster report about running images: Trivy Operator and Kubescape."""

    trivy: tuple[ScannedImage, ...] | Unavailable = ()
    kubescape: tuple[ScannedImage, ...] | Unavailable = ()
