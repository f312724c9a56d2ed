"""Who changed the cluster through the EKS API, from CloudTrail's event history.

CloudTrail looks up by one attribute alone. By event source it would list every read, and controllers and nodes read the
cluster all day: two calls a second would not get far. So each call that changes a cluster is looked up by its name, the
newest `CAP` of each: older ones are unknown, and the evidence says since when. What was found is kept for the account's
other clusters (event_history.py).
Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

import msgspec

from eks_readiness.adapters.event_history import CAP
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import ClusterChanges
from eks_readiness.domain.evidence.delivery import Writer

CHANGES = (
    "ActivateCertificateAuthority",
    "AssociateAccessPolicy",
    "AssociateEncryptionConfig",
    "AssociateIdentityProviderConfig",
    "CancelUpdate",
    "CreateAccessEntry",
    "CreateAddon",
    "CreateCapability",
    "CreateCertificateAuthority",
    "CreateCluster",
    "CreateFargateProfile",
    "CreateNodegroup",
    "CreatePodIdentityAssociation",
    "DeleteAccessEntry",
    "DeleteAddon",
    "DeleteCapability",
    "DeleteCertificateAuthority",
    "DeleteFargateProfile",
    "DeleteNodegroup",
    "DeletePodIdentityAssociation",
    "DisassociateAccessPolicy",
    "DisassociateIdentityProviderConfig",
    "UpdateAccessEntry",
    "UpdateAddon",
    "UpdateCapability",
    "UpdateClusterConfig",
    "UpdateClusterVersion",
    "UpdateNodegroupConfig",
    "UpdateNodegroupVersion",
    "UpdatePodIdentityAssociation",
)
"""Calls of EKS that change a cluster that is there."""
NO_CHANGES = frozenset(
    {
        "CreateEksAnywhereSubscription",
        "DeleteCluster",
        "DeleteEksAnywhereSubscription",
        "DeregisterCluster",
        "RegisterCluster",
        "StartInsightsRefresh",
        "TagResource",
        "UntagResource",
        "UpdateEksAnywhereSubscription",
    }
)
"""Calls that write, but change no running cluster: tags, subscriptions, the cluster's end."""
WINDOW = timedelta(days=90)
"""How far back CloudTrail's event history goes."""
_EKS = "eks.amazonaws.com"
_SERVICE = ".amazonaws.com"
Kind = Literal["role", "user", "service", "other"]


class _Issuer(msgspec.Struct, gc=False, rename="camel"):
    user_name: str | None = None


class _Session(msgspec.Struct, gc=False, rename="camel"):
    session_issuer: _Issuer | None = None


class _Identity(msgspec.Struct, gc=False, rename="camel"):
    type: str = ""
    user_name: str | None = None
    invoked_by: str | None = None
    session_context: _Session | None = None


class _Parameters(msgspec.Struct, gc=False, rename="camel"):
    name: str | None = None
    cluster_name: str | None = None


class _Event(msgspec.Struct, gc=False, rename="camel"):
    """Of the record only who called, about which cluster, and whether it worked."""

    event_source: str = ""
    user_identity: _Identity | None = None
    request_parameters: _Parameters | None = None
    error_code: str | None = None


_RECORD = msgspec.json.Decoder(_Event)


def read_changes(aws: AwsReader, gathered: Gathered) -> ClusterChanges:
    """Every change of the cluster that the event history holds, by who made it."""
    now = gathered.observed_at
    complete_since = now - WINDOW
    writers: dict[tuple[str, Kind], dict[int, int]] = {}
    for name in CHANGES:
        read = 0
        for event in islice(_events(aws, name, now), CAP):
            read += 1
            at = event["EventTime"]
            if (who := _writer(event, gathered.cluster)) is not None:
                days = writers.setdefault(who, {})
                age = max(0, (now - at) // timedelta(days=1))
                days[age] = days.get(age, 0) + 1
        if read == CAP:
            complete_since = max(complete_since, at)
    return ClusterChanges(
        observed_at=now,
        source="cloudtrail:LookupEvents",
        complete_since=complete_since,
        writers=tuple(Writer(name=name, kind=kind, calls=calls) for (name, kind), calls in sorted(writers.items())),
    )


def _events(aws: AwsReader, name: str, now: datetime) -> Iterator[Mapping[str, Any]]:
    return aws.pages(
        "cloudtrail",
        "LookupEvents",
        "Events",
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
        StartTime=now - WINDOW,
        EndTime=now,
    )


def _writer(event: Mapping[str, Any], cluster: ClusterRef) -> tuple[str, Kind] | None:
    """Who made a change of this cluster; None for what is none of its changes."""
    try:
        record = _RECORD.decode(event.get("CloudTrailEvent") or "{}")
    except msgspec.DecodeError:
        # A record that cannot be read is a change by somebody: it must not vanish.
        return "of an unreadable record", "other"
    parameters = record.request_parameters or _Parameters()
    if record.event_source != _EKS or record.error_code:
        return None
    if (parameters.cluster_name or parameters.name) not in (cluster.name, cluster.arn):
        return None
    return _identity(record.user_identity or _Identity())


def _identity(who: _Identity) -> tuple[str, Kind]:
    # A service that acts for a person, like CloudFormation, is the one that made the change.
    if who.invoked_by and who.invoked_by.endswith(_SERVICE):
        return bounded(who.invoked_by, 100), "service"
    issuer = who.session_context.session_issuer if who.session_context else None
    if issuer is not None and issuer.user_name:
        return bounded(issuer.user_name, 100), "role"
    if who.type == "IAMUser" and who.user_name:
        return bounded(who.user_name, 100), "user"
    return bounded(who.user_name or who.type or "nobody known", 100), "other"


PROBES = (AwsProbe(provides=ClusterChanges, actions=("cloudtrail:LookupEvents",), read=read_changes),)
"""What this module gathers."""
