"""Reports of scanners that run in the cluster: Trivy Operator and Kubescape.

Sources: https://aquasecurity.github.io/trivy-operator/latest/docs/crds/vulnerability-report/,
https://kubescape.io/docs/operator/vulnerabilities/
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import ClusterImageScans, Pods
from eks_readiness.domain.evidence.images import ImageScan, ScannedImage
from eks_readiness.domain.evidence.nodes import RunningImage
from eks_readiness.domain.image import parse_image
from eks_readiness.domain.instant import Instant

# Few at a time: each may be as large as an object can be, 1.5 MiB, and a page must stay below the reader's limit.
_TRIVY = Kind("aquasecurity.github.io", "vulnerabilityreports", ("v1alpha1",), page=25)
_KUBESCAPE = Kind("spdx.softwarecomposition.kubescape.io", "vulnerabilitymanifestsummaries", ("v1beta1",))
_IMAGE_ID, _TIMESTAMP, _STATUS = "kubescape.io/image-id", "kubescape.io/timestamp", "kubescape.io/status"
_COMPLETE = frozenset({"", "ready", "complete", "completed"})


class _Registry(msgspec.Struct, gc=False):
    server: str = ""


class _Artifact(msgspec.Struct, gc=False):
    repository: str = ""
    tag: str = ""
    digest: str = ""


class _Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    severity: str = ""
    fixed_version: str = ""


class _ReportData(msgspec.Struct, gc=False, rename="camel"):
    update_timestamp: Instant | None = None
    registry: _Registry | None = None
    artifact: _Artifact | None = None
    vulnerabilities: list[_Vulnerability] | None = None


class _Report(msgspec.Struct, gc=False):
    report: _ReportData | None = None


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    annotations: dict[str, str] | None = None
    creation_timestamp: Instant | None = None


class _Summary(msgspec.Struct, gc=False):
    metadata: _Meta


class _Newest:
    """The newest scan of each running image; reports about anything else are dropped as they stream by."""

    def __init__(self, images: Iterable[RunningImage]) -> None:
        self.digests: set[str] = set()
        self.named: dict[tuple[str, str, str], set[str]] = {}
        self.scans: dict[str, ImageScan] = {}
        for each in images:
            if each.digest:
                name = parse_image(each.image)
                self.digests.add(each.digest)
                self.named.setdefault((name.registry, name.repository, name.tag), set()).add(each.digest)

    def add(self, digest: str, scan: ImageScan) -> None:
        """Fold one scan in."""
        known = self.scans.get(digest)
        if digest not in self.digests or scan.scanned_at is None:
            return
        if known is None or known.scanned_at is None or scan.scanned_at > known.scanned_at:
            self.scans[digest] = scan

    def running(self, data: _ReportData) -> str:
        """The running digest that a report of Trivy is about; empty where none, or where it cannot be told."""
        artifact = data.artifact or _Artifact()
        if artifact.digest in self.digests:
            return artifact.digest
        # For an image that runs by its tag, Trivy writes the digest of its configuration: then its name decides, if
        # only one digest runs under that name.
        server = data.registry.server if data.registry else ""
        name = parse_image(f"{server or 'docker.io'}/{artifact.repository}:{artifact.tag}")
        digests = self.named.get((name.registry, name.repository, name.tag), set())
        return next(iter(digests)) if len(digests) == 1 and artifact.tag else ""

    def images(self) -> tuple[ScannedImage, ...]:
        """The result."""
        return tuple(ScannedImage(digest=digest, scan=self.scans[digest]) for digest in sorted(self.scans))


def read_scans(api: KubernetesReader, gathered: Gathered) -> ClusterImageScans:
    """What each scanner reports about the images that run."""
    images = gathered.get(Pods).images
    return ClusterImageScans(
        observed_at=gathered.observed_at,
        source="aquasecurity.github.io vulnerabilityreports, kubescape vulnerabilitymanifestsummaries",
        trivy=unless_denied(lambda: _trivy(api, images)),
        kubescape=unless_denied(lambda: _kubescape(api, images)),
    )


def _trivy(api: KubernetesReader, images: Iterable[RunningImage]) -> tuple[ScannedImage, ...]:
    newest = _Newest(images)
    for each in api.items(_TRIVY, _Report):
        data = each.report or _ReportData()
        if digest := newest.running(data):
            newest.add(digest, _report(data))
    return newest.images()


def _report(data: _ReportData) -> ImageScan:
    criticals = sum(each.severity == "CRITICAL" and bool(each.fixed_version) for each in data.vulnerabilities or ())
    return ImageScan(scanner="trivy", status="reported", scanned_at=data.update_timestamp, fixable_criticals=criticals)


def _kubescape(api: KubernetesReader, images: Iterable[RunningImage]) -> tuple[ScannedImage, ...]:
    newest = _Newest(images)
    # Kubescape's server leaves the content out of lists anyway: metadata is all that one list gives.
    for each in api.items(_KUBESCAPE, _Summary, metadata_only=True):
        annotations = each.metadata.annotations or {}
        status = annotations.get(_STATUS, "")
        if status in _COMPLETE:
            scan = ImageScan(
                scanner="kubescape", status=status or "reported", scanned_at=_scanned_at(each.metadata, annotations)
            )
            newest.add(annotations.get(_IMAGE_ID, "").rpartition("@")[2], scan)
    return newest.images()


def _scanned_at(meta: _Meta, annotations: dict[str, str]) -> datetime | None:
    seconds = annotations.get(_TIMESTAMP, "")
    if seconds.isascii() and seconds.isdigit() and len(seconds) <= len("9999999999"):
        return datetime.fromtimestamp(int(seconds), UTC)
    return meta.creation_timestamp


PROBES = (
    KubernetesProbe(
        provides=ClusterImageScans,
        rights=(Right(_TRIVY.group, _TRIVY.resource), Right(_KUBESCAPE.group, _KUBESCAPE.resource)),
        read=read_scans,
        after=(Pods,),
    ),
)
"""What this module gathers."""
