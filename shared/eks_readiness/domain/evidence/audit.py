"""What records who did what: control plane logs in CloudWatch, and CloudTrail."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable
from eks_readiness.domain.instant import Instant


class ControlPlaneLogs(Slice, frozen=True, kw_only=True):
    """The log group of the cluster's control plane.

    `exists` is False before a log was ever switched on. `retention_days` is None where logs never expire.
    `newest_audit_event_at` is the time of the newest audit event; None without one. `subscriptions` counts what copies
    the logs elsewhere. `kms_key_id` is empty where AWS encrypts with a key of its own.
    """

    exists: bool
    retention_days: int | None = None
    newest_audit_event_at: Instant | Unavailable | None = None
    subscriptions: int | Unavailable = 0
    kms_key_id: str = ""


class Trail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One CloudTrail trail that records this region. `delivery_error` is empty when deliveries succeed."""

    name: str
    multi_region: bool = False
    logging: bool | Unavailable = False
    delivery_error: str = ""


class Trails(Slice, frozen=True, kw_only=True):
    """cloudtrail:DescribeTrails and GetTrailStatus, trails of the organisation included."""

    trails: tuple[Trail, ...] = ()
