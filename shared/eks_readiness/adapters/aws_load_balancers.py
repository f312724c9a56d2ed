"""The cluster's Application and Network Load Balancers: their TLS listeners, and whether their targets are healthy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from eks_readiness.adapters.aws_lists import every_page
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    LoadBalancers,
    TargetGroupBindings,
    TargetGroups,
    Unavailable,
)
from eks_readiness.domain.evidence.ingress import Listener, LoadBalancer, TargetGroup

T = TypeVar("T")

MAX_LOAD_BALANCERS = 200
"""Load balancers of one cluster that are looked at: four times AWS's default quota of each type."""
MAX_TARGET_GROUPS = 500
"""Target groups of one cluster that are looked at: each takes a call."""
_TAGGED = 20
"""Resources that one DescribeTags takes.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
"""
_TLS = frozenset({"HTTPS", "TLS"})
_HEALTHY = "healthy"


def read_load_balancers(aws: AwsReader, gathered: Gathered) -> LoadBalancers:
    """The load balancers of the cluster's VPC that are tagged for the cluster, with their TLS listeners."""
    vpc = gathered.get(ClusterConfiguration).vpc_id
    every = aws.pages("elbv2", "DescribeLoadBalancers", "LoadBalancers")
    there = [each for each in every if each.get("VpcId") in (vpc, None)]
    ours = _tagged(aws, gathered.cluster.name, sorted(each["LoadBalancerArn"] for each in there))
    found = sorted(
        (each for each in there if each["LoadBalancerArn"] in ours), key=lambda each: str(each["LoadBalancerArn"])
    )
    looked_at = found[:MAX_LOAD_BALANCERS]
    listeners = _tls_listeners(aws, [each["LoadBalancerArn"] for each in looked_at])
    return LoadBalancers(
        observed_at=gathered.observed_at,
        source="elasticloadbalancing:DescribeLoadBalancers, DescribeTags, DescribeListeners, "
        "DescribeListenerCertificates",
        load_balancers=tuple(_load_balancer(each, listeners[each["LoadBalancerArn"]]) for each in looked_at),
        beyond=len(found) - len(looked_at),
    )


def _load_balancer(found: Mapping[str, Any], listeners: tuple[Listener, ...] | Unavailable) -> LoadBalancer:
    return LoadBalancer(
        arn=found["LoadBalancerArn"],
        name=found.get("LoadBalancerName") or "",
        type=found.get("Type") or "",
        scheme=found.get("Scheme") or "",
        dns_name=(found.get("DNSName") or "").lower(),
        tls_listeners=listeners,
    )


def _tagged(aws: AwsReader, cluster: str, arns: Sequence[str]) -> frozenset[str]:
    """Those that belong to the cluster, by the tags of whoever may have made them."""
    batches = [{"ResourceArns": arns[start : start + _TAGGED]} for start in range(0, len(arns), _TAGGED)]
    answers = aws.read_each("elbv2", "DescribeTags", batches)
    return frozenset(
        each["ResourceArn"]
        for answer in answers
        for each in _or_raise(answer).get("TagDescriptions") or ()
        if _is_ours(cluster, each.get("Tags") or ())
    )


def _is_ours(cluster: str, tags: Iterable[Mapping[str, str]]) -> bool:
    values = {tag["Key"]: tag.get("Value") or "" for tag in tags}
    return (
        # AWS Load Balancer Controller
        values.get("elbv2.k8s.aws/cluster") == cluster
        # EKS Auto Mode
        or values.get("eks:eks-cluster-name") == cluster
        # the controller in the control plane of EKS
        or f"kubernetes.io/cluster/{cluster}" in values
    )


def _tls_listeners(aws: AwsReader, arns: Sequence[str]) -> dict[str, tuple[Listener, ...] | Unavailable]:
    lists = _lists(aws, "DescribeListeners", "Listeners", [{"LoadBalancerArn": arn} for arn in arns])
    found = [
        each if isinstance(each, Unavailable) else [one for one in each if one.get("Protocol") in _TLS]
        for each in lists
    ]
    every = [one["ListenerArn"] for each in found if not isinstance(each, Unavailable) for one in each]
    answers = _lists(aws, "DescribeListenerCertificates", "Certificates", [{"ListenerArn": arn} for arn in every])
    certificates = dict(zip(every, answers, strict=True))
    return {
        arn: each
        if isinstance(each, Unavailable)
        else tuple(_listener(one, certificates[one["ListenerArn"]]) for one in each)
        for arn, each in zip(arns, found, strict=True)
    }


def _listener(found: Mapping[str, Any], certificates: list[dict[str, Any]] | Unavailable) -> Listener:
    # DescribeListeners names the default certificate alone; the others, chosen by SNI, take a call of their own.
    named = [*(found.get("Certificates") or ()), *(() if isinstance(certificates, Unavailable) else certificates)]
    return Listener(
        arn=found["ListenerArn"],
        port=found.get("Port") or 0,
        protocol=found.get("Protocol") or "",
        certificate_arns=tuple(sorted({each["CertificateArn"] for each in named if each.get("CertificateArn")})),
        unread=certificates if isinstance(certificates, Unavailable) else None,
    )


def _lists(
    aws: AwsReader, operation: str, key: str, calls: Sequence[Mapping[str, Any]]
) -> list[list[dict[str, Any]] | Unavailable]:
    """The whole list for each set of parameters; empty for one that is gone, and why it may not be read."""
    return [
        Unavailable.because(each) if isinstance(each, AccessDenied) else [] if _is_gone(each) else _or_raise(each)
        for each in every_page(aws, "elbv2", operation, key, calls)
    ]


def _is_gone(answer: object) -> bool:
    """Whether it was deleted after it was listed."""
    return isinstance(answer, RefusedRequest) and answer.code.endswith("NotFound")


def _or_raise(answer: T | ProbeError) -> T:
    if isinstance(answer, ProbeError):
        raise answer
    return answer


def read_target_groups(aws: AwsReader, gathered: Gathered) -> TargetGroups:
    """The target groups behind the cluster's load balancers, and those that TargetGroupBindings name."""
    balancers = gathered.get(LoadBalancers)
    ours = {each.arn for each in balancers.load_balancers}
    bindings = gathered.slices[TargetGroupBindings]
    bound = frozenset(bindings.target_group_arns) if isinstance(bindings, TargetGroupBindings) else frozenset()
    found = sorted(
        (
            each
            for each in aws.pages("elbv2", "DescribeTargetGroups", "TargetGroups")
            # What no load balancer uses has no health.
            if (used_by := each.get("LoadBalancerArns"))
            and (each["TargetGroupArn"] in bound or not ours.isdisjoint(used_by))
        ),
        key=lambda each: str(each["TargetGroupArn"]),
    )
    looked_at = found[:MAX_TARGET_GROUPS]
    answers = aws.read_each(
        "elbv2", "DescribeTargetHealth", [{"TargetGroupArn": each["TargetGroupArn"]} for each in looked_at]
    )
    return TargetGroups(
        observed_at=gathered.observed_at,
        source="elasticloadbalancing:DescribeTargetGroups, DescribeTargetHealth",
        groups=tuple(
            _target_group(each, answer) for each, answer in zip(looked_at, answers, strict=True) if not _is_gone(answer)
        ),
        # Those of load balancers that were not looked at cannot be told from other clusters' ones.
        beyond=len(found) - len(looked_at) + balancers.beyond,
    )


def _target_group(found: Mapping[str, Any], answer: dict[str, Any] | ProbeError) -> TargetGroup:
    name = found.get("TargetGroupName") or found["TargetGroupArn"]
    if isinstance(answer, AccessDenied):
        return TargetGroup(name=name, unread=Unavailable.because(answer))
    targets = _or_raise(answer).get("TargetHealthDescriptions") or ()
    healthy = sum((each.get("TargetHealth") or {}).get("State") == _HEALTHY for each in targets)
    return TargetGroup(name=name, healthy=healthy, targets=len(targets))


PROBES = (
    AwsProbe(
        provides=LoadBalancers,
        actions=(
            "elasticloadbalancing:DescribeListenerCertificates",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
        ),
        read=read_load_balancers,
        after=(ClusterConfiguration,),
    ),
    AwsProbe(
        provides=TargetGroups,
        actions=("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
        read=read_target_groups,
        after=(LoadBalancers, TargetGroupBindings),
    ),
)
"""What this module gathers."""
