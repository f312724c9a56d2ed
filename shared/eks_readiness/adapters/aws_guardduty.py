"""GuardDuty's runtime monitoring of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import RuntimeMonitoring

_SOURCE = "guardduty:ListDetectors, guardduty:GetDetector, guardduty:ListCoverage"
_FEATURES = ("RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING")


def read_runtime_monitoring(aws: AwsReader, gathered: Gathered) -> RuntimeMonitoring:
    """Whether GuardDuty watches this cluster's nodes at run time; without a detector nothing is set up."""
    detectors = list(aws.pages("guardduty", "ListDetectors", "DetectorIds"))
    if not detectors:
        return RuntimeMonitoring(observed_at=gathered.observed_at, source=_SOURCE)
    detector_id = detectors[0]  # a region has one
    detector = aws.read("guardduty", "GetDetector", DetectorId=detector_id)
    resources = aws.pages(
        "guardduty",
        "ListCoverage",
        "Resources",
        DetectorId=detector_id,
        FilterCriteria={
            "FilterCriterion": [
                {"CriterionKey": "EKS_CLUSTER_NAME", "FilterCondition": {"Equals": [gathered.cluster.name]}}
            ]
        },
    )
    mine: Mapping[str, Any] = next(
        (each for each in resources if _is(each, gathered.cluster.name, gathered.cluster.account)), {}
    )
    details = (mine.get("ResourceDetails") or {}).get("EksClusterDetails") or {}
    return RuntimeMonitoring(
        observed_at=gathered.observed_at,
        source=_SOURCE,
        enabled=detector.get("Status") == "ENABLED"
        and any(
            each.get("Name") in _FEATURES and each.get("Status") == "ENABLED" for each in detector.get("Features") or ()
        ),
        coverage_status=mine.get("CoverageStatus") or "",
        covered_nodes=details.get("CoveredNodes") or 0,
        compatible_nodes=details.get("CompatibleNodes") or 0,
        issue=bounded(mine.get("Issue") or ""),
    )


def _is(resource: Mapping[str, Any], cluster_name: str, account: str) -> bool:
    # An administrator account lists its members' clusters too, which may have the same name.
    details = resource.get("ResourceDetails") or {}
    named = (details.get("EksClusterDetails") or {}).get("ClusterName") == cluster_name
    return named and resource.get("AccountId", account) == account


PROBES = (
    AwsProbe(
        provides=RuntimeMonitoring,
        actions=("guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:ListCoverage"),
        read=read_runtime_monitoring,
    ),
)
"""What this module gathers."""
