"""Log groups of CloudWatch: one by its name, and when something was last written to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from eks_readiness.adapters.probe import AwsReader

_NEWEST = 50


def log_group(aws: AwsReader, name: str) -> dict[str, Any] | None:
    """The group of exactly that name, if there is one."""
    groups = aws.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name)
    return next((each for each in groups if each.get("logGroupName") == name), None)


def newest_event(aws: AwsReader, group: str, streams: str = "") -> datetime | None:
    """When the newest event was, of streams whose name begins so; it may be an hour behind.

    One page of the newest streams is looked at: asking for a name and for the newest at once is not allowed.
    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
    """
    answer = aws.read(
        "logs", "DescribeLogStreams", logGroupName=group, orderBy="LastEventTime", descending=True, limit=_NEWEST
    )
    times = [
        each["lastEventTimestamp"]
        for each in answer.get("logStreams") or ()
        if each.get("logStreamName", "").startswith(streams) and each.get("lastEventTimestamp")
    ]
    return datetime.fromtimestamp(max(times) / 1000, UTC) if times else None
