"""Cluster configuration: private endpoint, control plane logs, health."""

from __future__ import annotations

from eks_readiness.checklist.check import check
from eks_readiness.checklist.shapes import IN_ORDER, every_address
from eks_readiness.domain.evidence import ClusterConfiguration, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_SECURITY_LOGS = ("api", "audit", "authenticator")
_ALL_LOGS = (*_SECURITY_LOGS, "controllerManager", "scheduler")


@check("cluster-configuration.private-endpoint", needs=(ClusterConfiguration,), required=True)
def endpoint_is_private(cluster: ClusterConfiguration, policy: Policy) -> Verdict | Unavailable:
    """The API endpoint is private, and public access is off or limited to some addresses.

    The allowed ranges are taken together: two halves of the address space are all of it.
    Why: an endpoint open to the internet is one stolen credential, or one flaw, away from a taken cluster.
    Fix: aws eks update-cluster-config --resources-vpc-config endpointPrivateAccess=true,endpointPublicAccess=false
    Source: https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
    """
    if not cluster.endpoint_private_access:
        return failed("private access is off")
    if not cluster.endpoint_public_access:
        return passed("private access is on, public access is off")
    try:
        open_to_all = every_address(cluster.public_access_cidrs)
    except ValueError as error:
        return Unavailable(reason="unexpected", detail=f"publicAccessCidrs cannot be read: {error}")
    if open_to_all or not cluster.public_access_cidrs:
        return failed("public access is open to every address", cluster.public_access_cidrs)
    return passed(f"private access is on, public access is limited to {len(cluster.public_access_cidrs)} ranges")


@check("cluster-configuration.public-endpoint-off", needs=(ClusterConfiguration,), required=False)
def public_endpoint_is_off(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """Public access to the API endpoint is off.

    Why: what is not there cannot be attacked from outside the network.
    Fix: aws eks update-cluster-config --resources-vpc-config endpointPublicAccess=false
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
    """
    if cluster.endpoint_public_access:
        return failed("public access is on", cluster.public_access_cidrs)
    return passed("public access is off")


@check("cluster-configuration.logging", needs=(ClusterConfiguration,), required=True)
def security_logs_are_on(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """The control plane logs api, audit and authenticator are on.

    Why: they tell who did what; after an incident nothing else does.
    Fix: aws eks update-cluster-config --logging
    '{"clusterLogging": [{"types": ["api", "audit", "authenticator"], "enabled": true}]}'
    Source: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    return _logs(cluster, _SECURITY_LOGS)


@check("cluster-configuration.all-log-types", needs=(ClusterConfiguration,), required=False)
def all_logs_are_on(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """All five control plane log types are on.

    Why: scheduler and controller manager explain why a pod was placed, or was not.
    Fix: add controllerManager and scheduler to the enabled log types.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    return _logs(cluster, _ALL_LOGS)


def _logs(cluster: ClusterConfiguration, wanted: tuple[str, ...]) -> Verdict:
    off = [kind for kind in wanted if kind not in cluster.log_types]
    if off:
        return failed(f"{len(off)} of {len(wanted)} control plane logs are off", off)
    return passed(f"{', '.join(wanted)} are on")


@check("cluster-configuration.health", needs=(ClusterConfiguration,), required=True)
def cluster_is_healthy(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """The cluster is ACTIVE (or being updated), and EKS reports no health issue.

    Why: an issue like a deleted subnet or role blocks upgrades, and EKS may be unable to repair the control plane.
    Fix: aws eks describe-cluster --query cluster.health names the issue; its page says how to mend it.
    Source: https://docs.aws.amazon.com/eks/latest/APIReference/API_ClusterIssue.html
    """
    issues = [f"{each.code}: {each.message}" for each in cluster.health_issues]
    if cluster.status not in IN_ORDER or issues:
        return failed(f"status {cluster.status or 'unknown'}, {len(issues)} health issues", issues)
    return passed(f"status {cluster.status}, no health issue")


@check("cluster-configuration.deletion-protection", needs=(ClusterConfiguration,), required=False)
def deletion_protection_is_on(cluster: ClusterConfiguration, policy: Policy) -> Verdict | Unavailable:
    """Deletion protection is on.

    Why: one wrong command must not delete a production cluster.
    Fix: aws eks update-cluster-config --deletion-protection
    Source: https://docs.aws.amazon.com/eks/latest/userguide/deletion-protection.html
    """
    if cluster.deletion_protection is None:
        return Unavailable(reason="unsupported", detail="EKS does not say whether deletion protection is on here")
    return passed("deletion protection is on") if cluster.deletion_protection else failed("deletion protection is off")


@check("cluster-configuration.zonal-shift", needs=(ClusterConfiguration,), required=False)
def zonal_shift_is_on(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """Zonal shift is on.

    Why: traffic can then be moved out of a zone that fails, by hand or by AWS, within minutes.
    Fix: aws eks update-cluster-config --zonal-shift-config enabled=true
    Source: https://docs.aws.amazon.com/eks/latest/userguide/zone-shift.html
    """
    return passed("zonal shift is on") if cluster.zonal_shift else failed("zonal shift is off")
