"""Control plane logs in CloudWatch Logs, and the trails of CloudTrail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_readiness.adapters.aws_log_groups import log_group, newest_event
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, bounded
from eks_readiness.domain.evidence import ControlPlaneLogs, Trails, Unavailable
from eks_readiness.domain.evidence.audit import Trail

# A control plane writes to a handful of streams of each kind; old ones stay behind.
_AUDIT_STREAM = "kube-apiserver-audit-"


def read_logs(aws: AwsReader, gathered: Gathered) -> ControlPlaneLogs:
    """The log group of the control plane, its newest audit event, and what copies it elsewhere."""
    # https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    name = f"/aws/eks/{gathered.cluster.name}/cluster"
    source = "logs:DescribeLogGroups, logs:DescribeLogStreams, logs:DescribeSubscriptionFilters"
    group = log_group(aws, name)
    if group is None:
        return ControlPlaneLogs(observed_at=gathered.observed_at, source=source, exists=False)
    return ControlPlaneLogs(
        observed_at=gathered.observed_at,
        source=source,
        exists=True,
        retention_days=group.get("retentionInDays"),
        kms_key_id=group.get("kmsKeyId") or "",
        newest_audit_event_at=unless_denied(lambda: newest_event(aws, name, _AUDIT_STREAM)),
        subscriptions=unless_denied(
            lambda: sum(
                1 for _ in aws.pages("logs", "DescribeSubscriptionFilters", "subscriptionFilters", logGroupName=name)
            )
        ),
    )


def read_trails(aws: AwsReader, gathered: Gathered) -> Trails:
    """Every trail that records this region, with its state."""
    listed = aws.read("cloudtrail", "DescribeTrails", includeShadowTrails=True).get("trailList") or ()
    states = aws.read_each("cloudtrail", "GetTrailStatus", [{"Name": each["TrailARN"]} for each in listed])
    return Trails(
        observed_at=gathered.observed_at,
        source="cloudtrail:DescribeTrails, cloudtrail:GetTrailStatus",
        trails=tuple(_trail(each, state) for each, state in zip(listed, states, strict=True)),
    )


def _trail(found: Mapping[str, Any], state: Mapping[str, Any] | ProbeError) -> Trail:
    name, multi_region = found.get("Name") or found["TrailARN"], bool(found.get("IsMultiRegionTrail"))
    if isinstance(state, AccessDenied):
        # A trail of the organisation belongs to its management account.
        return Trail(name=name, multi_region=multi_region, logging=Unavailable.because(state))
    if isinstance(state, ProbeError):
        raise state
    return Trail(
        name=name,
        multi_region=multi_region,
        logging=bool(state.get("IsLogging")),
        delivery_error=bounded(state.get("LatestDeliveryError") or ""),
    )


PROBES = (
    AwsProbe(
        provides=ControlPlaneLogs,
        actions=("logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:DescribeSubscriptionFilters"),
        read=read_logs,
    ),
    AwsProbe(provides=Trails, actions=("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"), read=read_trails),
)
"""What this module gathers."""
