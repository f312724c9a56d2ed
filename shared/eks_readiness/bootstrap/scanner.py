"""Composition root of the scanner: the only function that carries probes and the Kubernetes connection."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.config import Config

from eks_readiness.adapters.aws_api import AwsClients
from eks_readiness.adapters.aws_session import SdkSession
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.emf_metrics import EmfMetricSink
from eks_readiness.adapters.evidence_source import ClusterEvidenceSource, EksConnection
from eks_readiness.adapters.s3_archive import S3ScanArchive
from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.app.effective_policy import effective_policy
from eks_readiness.app.scan_cluster import ScanCluster, ScanResult, parse_request
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.bootstrap.functions import ledger_of
from eks_readiness.bootstrap.ledger import ARCHIVE_SDK, SDK
from eks_readiness.domain.errors import InputError
from eks_readiness.settings import ScanSettings


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """Answers the messages of the queue; one instance serves many."""

    scan: ScanCluster
    queue: SqsScanQueue
    reserve_seconds: float

    def __call__(self, body: str, *, receipt_handle: str, remaining_seconds: float) -> ScanResult:
        """Answer one message.

        Raises:
            InputError: it is not a scan request, or nothing can be scanned by it; it is given back at once.
            StoreError: the ledger could not be read or written; nothing was, or all of it.
        """
        try:
            return self.scan(parse_request(body), seconds=max(1.0, remaining_seconds - self.reserve_seconds))
        except InputError:
            self.queue.reject(receipt_handle)
            raise


def scanner(settings: ScanSettings) -> Scanner:
    """Put the scanner together.

    Raises:
        InputError: a threshold of the fleet is wrong.
    """
    checklist = installed_checklist()
    effective_policy(settings.policy, {}, items=checklist.subjects, where="thresholds of the deployment")
    metrics = EmfMetricSink(settings.deployment)
    session, clock = SdkSession(), SystemClock()

    @cache
    def clients(region: str) -> AwsClients:
        return AwsClients(session, region)

    return Scanner(
        scan=ScanCluster(
            ledger=ledger_of(
                session,
                settings,
                metrics,
                retention_days=settings.scan_retention_days,
                archive=S3ScanArchive(lambda: _own_s3(session), settings.evidence_bucket),
            ),
            evidence_source=ClusterEvidenceSource(
                clients,
                EksConnection(clients, endpoint_suffixes=settings.kubernetes_endpoint_suffixes),
                clock,
            ),
            metrics=metrics,
            clock=clock,
            checklist=checklist,
            fleet_policy=settings.policy,
        ),
        queue=SqsScanQueue(session.client("sqs", config=SDK), settings.scan_queue_url),
        reserve_seconds=settings.reserve_seconds,
    )


def _own_s3(session: Any) -> Any:
    """A client of the product's own bucket: an address for the S3 that scans read does not count for it."""
    own = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg] # its stubs do not know it
    return session.client("s3", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"), config=ARCHIVE_SDK.merge(own))
