"""The log groups in CloudWatch that agents write the logs of containers to."""

from __future__ import annotations

from functools import partial

from eks_readiness.adapters.aws_log_groups import log_group, newest_event
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.evidence import FargateLogging, LogSink, Unavailable
from eks_readiness.domain.evidence.observability import LogGroup

_MAX_GROUPS = 10


def read_log_sink(aws: AwsReader, gathered: Gathered) -> LogSink:
    """The groups of Container Insights, of the chart aws-for-fluent-bit, and of Fargate, as far as they exist."""
    found = [group for name in _names(gathered) if (group := log_group(aws, name)) is not None]
    return LogSink(
        observed_at=gathered.observed_at,
        source="logs:DescribeLogGroups, logs:DescribeLogStreams",
        groups=tuple(
            LogGroup(
                name=each["logGroupName"],
                retention_days=each.get("retentionInDays"),
                newest_event_at=unless_denied(partial(newest_event, aws, each["logGroupName"])),
            )
            for each in found
        ),
    )


def _names(gathered: Gathered) -> list[str]:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-EKS-logs.html
    # The second is the default of the chart aws-for-fluent-bit; it tells no clusters apart.
    names = [f"/aws/containerinsights/{gathered.cluster.name}/application", "/aws/eks/fluentbit-cloudwatch/logs"]
    if not isinstance(gathered.slices[FargateLogging], Unavailable):
        names += gathered.get(FargateLogging).log_groups
    return list(dict.fromkeys(names))[:_MAX_GROUPS]


PROBES = (
    AwsProbe(
        provides=LogSink,
        actions=("logs:DescribeLogGroups", "logs:DescribeLogStreams"),
        read=read_log_sink,
        after=(FargateLogging,),
    ),
)
"""What this module gathers."""
