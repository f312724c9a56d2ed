"""EKS capabilities, and EventBridge rules about the cluster that start an automation of Systems Manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eks_readiness.adapters.aws_lists import every_page
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import ProbeError, RefusedRequest, bounded
from eks_readiness.domain.evidence import Capabilities, EventAutomations
from eks_readiness.domain.evidence.delivery import Capability

CAP = 30
"""Rules about the cluster whose targets are read."""
_GONE = "ResourceNotFoundException"
_ENABLED = frozenset({"ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"})
_EKS = "aws.eks"
_AUTOMATION = ":automation-definition/"


def read_capabilities(aws: AwsReader, gathered: Gathered) -> Capabilities:
    """Every capability of the cluster, with its health."""
    name = gathered.cluster.name
    listed = [each["capabilityName"] for each in aws.pages("eks", "ListCapabilities", "capabilities", clusterName=name)]
    found = []
    asked = [{"clusterName": name, "capabilityName": each} for each in listed]
    for answer in aws.read_each("eks", "DescribeCapability", asked):
        if isinstance(answer, RefusedRequest) and answer.code == _GONE:
            continue
        if isinstance(answer, ProbeError):
            raise answer
        found.append(_capability(answer["capability"]))
    return Capabilities(
        observed_at=gathered.observed_at,
        source="eks:ListCapabilities, eks:DescribeCapability",
        capabilities=tuple(found),
    )


def _capability(found: Mapping[str, Any]) -> Capability:
    issues = (found.get("health") or {}).get("issues") or ()
    return Capability(
        name=found["capabilityName"],
        type=found.get("type") or "",
        status=found.get("status") or "",
        issues=tuple(bounded(f"{each.get('code') or 'unknown'}: {each.get('message') or ''}", 200) for each in issues),
    )


def read_event_automations(aws: AwsReader, gathered: Gathered) -> EventAutomations:
    """Rules of the default bus whose pattern names the cluster or listens to EKS and that start an automation."""
    about = [
        each["Name"]
        for each in aws.pages("events", "ListRules", "Rules")
        if each.get("State") in _ENABLED and _is_about(each.get("EventPattern") or "", gathered.cluster)
    ]
    found = []
    targets = every_page(aws, "events", "ListTargetsByRule", "Targets", [{"Rule": name} for name in about[:CAP]])
    for name, starts in zip(about, targets, strict=False):
        if isinstance(starts, ProbeError):
            raise starts
        if any(_AUTOMATION in (target.get("Arn") or "") for target in starts):
            found.append(name)
    return EventAutomations(
        observed_at=gathered.observed_at,
        source="events:ListRules, events:ListTargetsByRule",
        rules=tuple(found),
        beyond_cap=max(0, len(about) - CAP),
    )


def _is_about(pattern: str, cluster: ClusterRef) -> bool:
    """Whether a rule's pattern takes events of EKS, or has the cluster's name or ARN as a value.

    An alarm's event carries its metric's dimensions: a pattern can name the cluster there.
    """
    try:
        read = msgspec.json.decode(pattern)
    except msgspec.DecodeError:
        return False
    if not isinstance(read, dict):
        return False
    detail = read.get("detail")
    named = detail.get("clusterName") if isinstance(detail, dict) else None
    if isinstance(named, list) and all(isinstance(each, str) for each in named):
        return not {cluster.name, cluster.arn}.isdisjoint(named)  # events of EKS, but of these clusters alone
    return not {_EKS, cluster.name, cluster.arn}.isdisjoint(_texts(read))


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for key, each in value.items() if key != "anything-but" for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


PROBES = (
    AwsProbe(provides=Capabilities, actions=("eks:ListCapabilities", "eks:DescribeCapability"), read=read_capabilities),
    AwsProbe(
        provides=EventAutomations,
        actions=("events:ListRules", "events:ListTargetsByRule"),
        read=read_event_automations,
    ),
)
"""What this module gathers."""
