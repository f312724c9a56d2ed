"""How workloads get rights in AWS: EKS Pod Identity, IRSA, or ways that are worse."""

from __future__ import annotations

from collections.abc import Iterator

from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    Addons,
    ClusterConfiguration,
    Components,
    OidcTrust,
    PodIdentity,
    Pods,
    ServiceAccounts,
    Unavailable,
)
from eks_readiness.domain.finding import Verdict, not_applicable, passed

_CNI = ("kube-system", "aws-node")


def workload_problems(  # noqa: PLR0913 - one for each piece of evidence
    cluster: ClusterConfiguration,
    accounts: ServiceAccounts | Unavailable,
    pod_identity: PodIdentity | Unavailable,
    trust: OidcTrust | Unavailable,
    pods: Pods | Unavailable,
    components: Components | Unavailable,
) -> Iterator[str]:
    """Every workload of which it is certain that it has no rights, or has them another way."""
    if not isinstance(pods, Unavailable):
        yield from (f"{each.namespace}/{name}" for each in pods.other_aws_rights for name in each.pods.names)
    if not isinstance(accounts, Unavailable) and not isinstance(trust, Unavailable) and not trust.provider:
        account = cluster.arn.split(":")[4]
        # A role of another account is given there, by a provider that only that account sees.
        for each in accounts.with_role:
            if each.role_arn.split(":")[4:5] == [account]:
                yield f"{each.namespace}/{each.name}: IAM does not trust the cluster's issuer"
    if not isinstance(pod_identity, Unavailable) and pod_identity.associations:
        yield from _pod_identity_problems(cluster, accounts, pod_identity, pods, components)


def _pod_identity_problems(
    cluster: ClusterConfiguration,
    accounts: ServiceAccounts | Unavailable,
    pod_identity: PodIdentity,
    pods: Pods | Unavailable,
    components: Components | Unavailable,
) -> Iterator[str]:
    if not isinstance(components, Unavailable) and not cluster.auto_mode:
        agents = components.named("pod-identity-agent")
        if not any(each.ready for each in agents):
            count = len(pod_identity.associations)
            yield f"EKS Pod Identity: {count} associations, and no agent {'is ready' if agents else 'is installed'}"
    if isinstance(accounts, Unavailable) or isinstance(pods, Unavailable):
        return
    if accounts.with_role_total > len(accounts.with_role):
        return
    by_irsa = {f"{each.namespace}/{each.name}" for each in accounts.with_role}
    associated = {f"{each.namespace}/{each.service_account}" for each in pod_identity.associations}
    for where in sorted((associated & set(pods.fargate_accounts)) - by_irsa):
        yield f"{where}: its pods run on Fargate, where EKS Pod Identity does not"


def undecided(
    accounts: ServiceAccounts | Unavailable,
    pod_identity: PodIdentity | Unavailable,
    trust: OidcTrust | Unavailable,
    pods: Pods | Unavailable,
) -> Unavailable | None:
    """Why a cluster without such problems may still have one: something was not read, or is beyond what is kept."""
    if (
        isinstance(accounts, Unavailable)
        or isinstance(pod_identity, Unavailable)
        or isinstance(trust, Unavailable)
        or isinstance(pods, Unavailable)
    ):
        return first_unavailable(accounts, pod_identity, trust, pods)
    by_irsa = {f"{each.namespace}/{each.name}" for each in accounts.with_role}
    associated = {f"{each.namespace}/{each.service_account}" for each in pod_identity.associations} - by_irsa
    on_fargate = set(pods.fargate_accounts)
    if _roles_beyond(accounts) and (not trust.provider or associated & on_fargate):
        return _roles_beyond(accounts)
    if (more := pods.fargate_accounts_total - len(on_fargate)) and associated - on_fargate:
        return Unavailable(
            reason="unsupported", detail=f"{more} more ServiceAccounts of pods on Fargate than one scan looks at"
        )
    return None


def _roles_beyond(accounts: ServiceAccounts) -> Unavailable | None:
    more = accounts.with_role_total - len(accounts.with_role)
    if not more:
        return None
    return Unavailable(reason="unsupported", detail=f"{more} more ServiceAccounts with a role than one scan looks at")


def has_workload_roles(
    accounts: ServiceAccounts | Unavailable, pod_identity: PodIdentity | Unavailable, trust: OidcTrust | Unavailable
) -> Verdict:
    """What to say of a cluster without such problems, of which everything is known."""
    irsa = 0 if isinstance(accounts, Unavailable) else accounts.with_role_total
    associations = 0 if isinstance(pod_identity, Unavailable) else len(pod_identity.associations)
    if irsa or associations:
        return passed(f"{associations} ServiceAccounts have a role by EKS Pod Identity, {irsa} by IRSA")
    if not isinstance(trust, Unavailable) and trust.provider:
        return passed("IAM trusts the cluster's issuer, and no workload gets rights another way")
    return not_applicable("no workload has a role in AWS")


def cni_own_role(
    addons: Addons | Unavailable,
    accounts: ServiceAccounts | Unavailable,
    pod_identity: PodIdentity | Unavailable,
    node_roles: set[str],
) -> bool | Unavailable:
    """Whether the VPC CNI has a role of its own: one that is none of a node's."""
    if not isinstance(addons, Unavailable) and (addon := addons.named("vpc-cni")) is not None and addon.own_role:
        return True
    if not isinstance(accounts, Unavailable) and any(
        (each.namespace, each.name) == _CNI and each.role_arn.rpartition("/")[2] not in node_roles
        for each in accounts.with_role
    ):
        return True
    if not isinstance(pod_identity, Unavailable) and any(
        (each.namespace, each.service_account) == _CNI for each in pod_identity.associations
    ):
        return True
    if missing := first_unavailable(addons, accounts, pod_identity):
        return missing
    return False if isinstance(accounts, Unavailable) else _roles_beyond(accounts) or False
