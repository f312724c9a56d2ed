"""Audit logging: who did what is recorded and kept."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import check
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import ClusterConfiguration, ControlPlaneLogs, Trails, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_LOGS = ("audit", "authenticator")


@check("audit-logging.enabled", needs=(ClusterConfiguration,), required=True)
def audit_logs_are_on(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """The control plane logs audit and authenticator are on.

    Why: the audit log tells which identity changed what, the authenticator log who that identity was in AWS.
    Fix: aws eks update-cluster-config --logging
    '{"clusterLogging": [{"types": ["audit", "authenticator"], "enabled": true}]}'
    Source: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    off = [kind for kind in _LOGS if kind not in cluster.log_types]
    return failed(f"{' and '.join(off)} logs are off", off) if off else passed("audit and authenticator logs are on")


@check("audit-logging.fresh", needs=(ControlPlaneLogs,), required=True)
def audit_events_arrive(logs: ControlPlaneLogs, policy: Policy) -> Verdict | Unavailable:
    """The audit log has an event of the last `max_audit_silence_hours` hours.

    CloudWatch may be an hour behind in telling when the newest event was.
    Why: a log that is on and silent records nothing.
    Fix: look at the log group's resource policy and its key: EKS must be able to write and encrypt.
    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogStream.html
    """
    newest = logs.newest_audit_event_at
    if not logs.exists:
        return failed("the control plane has no log group")
    if isinstance(newest, Unavailable):
        return newest
    if newest is None:
        return failed("the log group has no audit event")
    age = logs.observed_at - newest
    said = f"the newest audit event is of {newest:%Y-%m-%d %H:%M} UTC"
    return passed(said) if age <= timedelta(hours=policy.max_audit_silence_hours) else failed(said)


@check("audit-logging.retention", needs=(ControlPlaneLogs,), required=True)
def audit_logs_are_kept(logs: ControlPlaneLogs, policy: Policy) -> Verdict | Unavailable:
    """Control plane logs are kept for `min_audit_retention_days` days, or a subscription keeps them elsewhere.

    Logs that never expire count.
    Why: most intrusions are noticed weeks later.
    Fix: aws logs put-retention-policy --log-group-name /aws/eks/<cluster>/cluster --retention-in-days 90
    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html
    """
    if not logs.exists:
        return failed("the control plane has no log group")
    if logs.retention_days is None:
        return passed("logs never expire")
    if logs.retention_days >= policy.min_audit_retention_days:
        return passed(f"logs are kept for {logs.retention_days} days")
    if isinstance(logs.subscriptions, Unavailable):
        return logs.subscriptions
    if logs.subscriptions:
        return passed(f"{logs.subscriptions} subscriptions keep the logs elsewhere")
    return failed(f"logs are kept for {logs.retention_days} days, and nowhere else")


@check("audit-logging.cloudtrail", needs=(Trails,), required=True)
def a_trail_records_every_region(trails: Trails, policy: Policy) -> Verdict | Unavailable:
    """A multi-region trail of CloudTrail is logging, and delivers without an error.

    Why: who may enter the cluster is decided by calls to EKS, IAM and STS, which only CloudTrail records.
    Fix: aws cloudtrail create-trail --is-multi-region-trail …, then aws cloudtrail start-logging
    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/receive-cloudtrail-log-files-from-multiple-regions.html
    """
    wide = [each for each in trails.trails if each.multi_region]
    if good := next((each for each in wide if each.logging is True and not each.delivery_error), None):
        return passed(f"trail {good.name} records every region")
    if unread := first_unavailable(*(each.logging for each in wide)):
        return unread
    bad = [f"{each.name}: {each.delivery_error or 'not logging'}" for each in wide]
    return failed(f"none of {len(trails.trails)} trails records every region and delivers", bad)
