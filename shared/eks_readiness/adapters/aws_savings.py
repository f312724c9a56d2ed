"""Cost Optimization Hub: what could be saved on the cluster's resources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, RefusedRequest, bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, EbsVolumes, Instances, Nodegroups, Sample, Savings

_MAX_RECOMMENDATIONS = 5000
"""Recommendations of the account and region that are looked at: five pages."""
_KINDS = ("Ec2Instance", "Ec2AutoScalingGroup", "EbsVolume")
_NOT_ENROLLED = ("not enrolled", "must enroll", "must be enrolled")
_NAME_TAGS = ("aws:eks:cluster-name", "eks:cluster-name", "alpha.eksctl.io/cluster-name", "KubernetesCluster")


def read_savings(aws: AwsReader, gathered: Gathered) -> Savings:
    """Open recommendations for the cluster's instances, Auto Scaling groups and volumes."""
    source = "cost-optimization-hub:ListEnrollmentStatuses, cost-optimization-hub:ListRecommendations, "
    source += "compute-optimizer:GetEnrollmentStatus"
    ours = _resources(gathered)
    enrolled, since = _enrollment(aws, gathered.cluster.account)
    if not enrolled:
        return Savings(observed_at=gathered.observed_at, source=source, enrolled=False)
    listed = list(islice(_recommendations(aws, gathered), _MAX_RECOMMENDATIONS + 1))
    mine = [each for each in listed[:_MAX_RECOMMENDATIONS] if _is_ours(each, ours, gathered.cluster.name)]
    return Savings(
        observed_at=gathered.observed_at,
        source=source,
        enrolled=True,
        enrolled_at=since,
        rightsizing=unless_denied(lambda: _compute_optimizer(aws)),
        recommendations=Sample(total=len(mine), names=tuple(_said(each) for each in mine[:MAX_SAMPLE])),
        monthly_savings=sum(each.get("estimatedMonthlySavings") or 0.0 for each in mine),
        listed_monthly_cost=sum(each.get("estimatedMonthlyCost") or 0.0 for each in mine),
        currency=next((each["currencyCode"] for each in mine if each.get("currencyCode")), ""),
        complete=len(listed) <= _MAX_RECOMMENDATIONS,
    )


def _resources(gathered: Gathered) -> frozenset[str]:
    """Ids of the cluster's resources. All of them must be known: a missing one would hide what it could save."""
    groups = gathered.get(Nodegroups).nodegroups
    return frozenset(
        [
            *(each.id for each in gathered.get(Instances).instances),
            *(name for each in groups for name in each.auto_scaling_groups),
            *(each.id for each in gathered.get(EbsVolumes).volumes),
        ]
    )


def _enrollment(aws: AwsReader, account: str) -> tuple[bool, datetime | None]:
    try:
        answer = aws.read("cost-optimization-hub", "ListEnrollmentStatuses")
    except (AccessDenied, RefusedRequest) as error:
        if not any(words in str(error.args[0]).lower() for words in _NOT_ENROLLED):
            raise
        return False, None  # not enrolled is not denied
    mine = [each for each in answer.get("items") or () if each.get("accountId", account) == account]
    active = next((each for each in mine if each.get("status") == "Active"), None)
    return active is not None, active.get("createdTimestamp") if active else None


def _recommendations(aws: AwsReader, gathered: Gathered) -> Any:
    return aws.pages(
        "cost-optimization-hub",
        "ListRecommendations",
        "items",
        filter={
            "accountIds": [gathered.cluster.account],
            "regions": [gathered.cluster.region],
            "resourceTypes": list(_KINDS),
        },
        maxResults=1000,
    )


def _is_ours(each: Mapping[str, Any], ours: frozenset[str], cluster: str) -> bool:
    tags = {tag.get("key"): tag.get("value") for tag in each.get("tags") or ()}
    if f"kubernetes.io/cluster/{cluster}" in tags or any(tags.get(name) == cluster for name in _NAME_TAGS):
        return True
    # …:autoScalingGroup:<uuid>:autoScalingGroupName/<name>, …:volume/vol-…
    return each.get("resourceId") in ours or (each.get("resourceArn") or "").rpartition("/")[2] in ours


def _said(each: Mapping[str, Any]) -> str:
    amount = f"{each.get('estimatedMonthlySavings') or 0.0:.2f} {each.get('currencyCode') or ''}".strip()
    return bounded(f"{each.get('resourceId') or '?'}: {each.get('actionType') or '?'} saves {amount}", 200)


def _compute_optimizer(aws: AwsReader) -> bool:
    return bool(aws.read("compute-optimizer", "GetEnrollmentStatus").get("status") == "Active")


PROBES = (
    AwsProbe(
        provides=Savings,
        actions=(
            "compute-optimizer:GetEnrollmentStatus",
            "cost-optimization-hub:ListEnrollmentStatuses",
            "cost-optimization-hub:ListRecommendations",
        ),
        read=read_savings,
        after=(Instances, Nodegroups, EbsVolumes),
    ),
)
"""What this module gathers."""
