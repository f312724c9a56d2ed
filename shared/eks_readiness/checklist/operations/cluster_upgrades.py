"""Cluster upgrades: a supported version, and a way to the next."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.checklist.check import attested, check
from eks_readiness.checklist.shapes import minor_version
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    ClusterVersions,
    DisruptionBudgets,
    Nodes,
    Unavailable,
    UpgradeInsights,
)
from eks_readiness.domain.evidence.cluster import VersionSupport
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_STANDARD, _EXTENDED = "STANDARD_SUPPORT", "EXTENDED_SUPPORT"
_TOLD = frozenset({"PASSING", "WARNING"})
_SKEW, _SKEW_BEFORE_1_28 = 3, 2


@check("cluster-upgrades.supported-version", needs=(ClusterConfiguration, ClusterVersions), required=True)
def version_is_supported(cluster: ClusterConfiguration, versions: ClusterVersions, policy: Policy) -> Verdict:
    """The cluster's Kubernetes version is in standard support.

    Extended support counts where the policy allows it (`allow_extended_support`). A version that EKS does not list is
    not supported.
    Why: after standard support a version costs six times as much; after extended support EKS upgrades by force.
    Fix: upgrade by one minor version at a time: aws eks update-cluster-version
    Source: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
    """
    support = _support(cluster, versions)
    if support is None:
        return failed(f"EKS does not list version {cluster.version}")
    status = support.status.upper().replace("-", "_")
    if status == _STANDARD or (status == _EXTENDED and policy.allow_extended_support):
        return passed(f"version {cluster.version} is in {_words(status)}")
    return failed(f"version {cluster.version} is in {_words(status)}")


@check("cluster-upgrades.time-left", needs=(ClusterConfiguration, ClusterVersions), required=False)
def support_time_is_left(
    cluster: ClusterConfiguration, versions: ClusterVersions, policy: Policy
) -> Verdict | Unavailable:
    """More than `min_support_left_days` days of standard support are left.

    Why: an upgrade takes weeks of tests; it must be planned before the time is up.
    Fix: plan the upgrade to the next minor version now.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
    """
    support = _support(cluster, versions)
    if support is None:
        return failed(f"EKS does not list version {cluster.version}")
    if support.end_of_standard_support_at is None:
        return Unavailable(reason="unexpected", detail=f"EKS gives no end of standard support for {cluster.version}")
    left = support.end_of_standard_support_at - versions.observed_at
    said = f"standard support of {cluster.version} ends on {support.end_of_standard_support_at:%Y-%m-%d}"
    if left > timedelta(days=policy.min_support_left_days):
        return passed(f"{said}, in {left.days} days")
    return failed(f"{said}, {'in' if left.days >= 0 else 'past by'} {abs(left.days)} days")


@check("cluster-upgrades.insights", needs=(UpgradeInsights,), required=True)
def no_insight_is_an_error(insights: UpgradeInsights, policy: Policy) -> Verdict | Unavailable:
    """No upgrade insight of EKS is an ERROR.

    An insight about a deprecated API looks back 30 days, and stays red that long after the last call. Of one
    that is UNKNOWN it is not known.
    Why: what it names breaks with the next version.
    Fix: aws eks describe-insight names the clients and objects; mend them, then wait until it is refreshed.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/cluster-insights.html
    """
    if not insights.insights:
        return Unavailable(
            reason="unexpected",
            detail="EKS has no upgrade insight about this cluster yet",
            remedy="EKS refreshes them daily; ask now with: aws eks start-insights-refresh",
        )
    errors = [f"{each.name}: {each.reason}" for each in insights.insights if each.status == "ERROR"]
    if errors:
        return failed(f"{len(errors)} of {len(insights.insights)} upgrade insights are ERROR", errors)
    if untold := [each for each in insights.insights if each.status not in _TOLD]:
        return Unavailable(
            reason="unexpected",
            detail=f"EKS cannot tell {untold[0].name}: {untold[0].status or 'no status'} {untold[0].reason}".rstrip(),
            remedy=f"see: aws eks describe-insight --id {untold[0].id} --cluster-name <cluster>",
        )
    return passed(f"none of {len(insights.insights)} upgrade insights is ERROR")


@check("cluster-upgrades.kubelet-skew", needs=(ClusterConfiguration, Nodes), required=True)
def kubelets_are_within_skew(cluster: ClusterConfiguration, nodes: Nodes, policy: Policy) -> Verdict | Unavailable:
    """Every kubelet is at most three minor versions older than the API server, and never newer.

    Before Kubernetes 1.28 it is two.
    Why: outside the skew nothing is tested; and the control plane cannot be upgraded any further.
    Fix: update the node groups to the cluster's version; Karpenter and Auto Mode replace drifted nodes themselves.
    Source: https://kubernetes.io/releases/version-skew-policy/#kubelet
    """
    server = minor_version(cluster.version)
    kubelets = {each.name: minor_version(each.kubelet_version) for each in nodes.nodes}
    if server is None or None in kubelets.values():
        unread = sorted(name for name, version in kubelets.items() if version is None)
        return Unavailable(
            reason="unexpected", detail=f"no version can be read of {', '.join(unread[:5]) or 'the cluster'}"
        )
    allowed = _SKEW if server >= (1, 28) else _SKEW_BEFORE_1_28
    bad = [
        f"{each.name} ({each.kubelet_version})"
        for each in nodes.nodes
        if (version := kubelets[each.name]) is not None
        and (version[0] != server[0] or not 0 <= server[1] - version[1] <= allowed)
    ]
    if bad:
        return failed(f"{len(bad)} of {len(kubelets)} kubelets are outside the skew of {cluster.version}", bad)
    return passed(f"{len(kubelets)} kubelets are within the skew of {cluster.version}")


@check("cluster-upgrades.drainable", needs=(DisruptionBudgets,), required=False)
def nodes_can_be_drained(budgets: DisruptionBudgets, policy: Policy) -> Verdict:
    """No PodDisruptionBudget blocks every eviction while all its pods are healthy.

    Why: such a budget never lets a node go; node group updates then fail after 15 minutes, or kill the pods.
    Fix: allow one disruption (maxUnavailable: 1), or run one replica more than minAvailable.
    Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
    """
    blocking = budgets.blocking
    if blocking.total:
        return failed(
            f"{blocking.total} of {budgets.total} budgets block every eviction", blocking.names, total=blocking.total
        )
    return passed(f"none of {budgets.total} budgets blocks every eviction")


procedure = attested(
    "cluster-upgrades.procedure",
    required=True,
    within_days=lambda policy: policy.procedure_max_age_days,
    module=__name__,
    doc="""The upgrade procedure is documented, and was attested within `procedure_max_age_days` days.

    Why: an upgrade under time pressure follows what is written down, or nothing.
    Fix: write it down (order, checks, way back), then: eks-readiness attest cluster-upgrades.procedure
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/cluster-upgrades.html
    """,
)


def _support(cluster: ClusterConfiguration, versions: ClusterVersions) -> VersionSupport | None:
    return next((each for each in versions.versions if each.version == cluster.version), None)


def _words(status: str) -> str:
    return status.lower().replace("_", " ") or "no known support"
