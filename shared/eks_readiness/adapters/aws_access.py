"""Who may enter the cluster by access entries, and how its workloads get rights in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import ProbeError, RefusedRequest, bounded
from eks_readiness.domain.evidence import AccessEntries, ClusterConfiguration, OidcTrust, PodIdentity
from eks_readiness.domain.evidence.identity import IAM_USER, MappedUser, PodIdentityAssociation

_GONE = "ResourceNotFoundException"
_MAX_ENTRIES = 200
"""Entries of one sort that are looked at one by one; any beyond are counted."""
_PROVIDER = ":oidc-provider/"


def read_access_entries(aws: AwsReader, gathered: Gathered) -> AccessEntries:
    """Access entries: how many, which are cluster-admin, and which are those of IAM users."""
    cluster = gathered.cluster
    policy = f"arn:{cluster.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    source = "eks:ListAccessEntries, eks:DescribeAccessEntry, eks:ListAssociatedAccessPolicies"
    try:
        arns = list(aws.pages("eks", "ListAccessEntries", "accessEntries", clusterName=cluster.name))
    except RefusedRequest as error:
        # A cluster in mode CONFIG_MAP has no access entries, and refuses the question.
        if error.code != "InvalidRequestException" or "authentication mode" not in str(error).lower():
            raise
        return AccessEntries(observed_at=gathered.observed_at, source=source)
    holders = list(
        aws.pages("eks", "ListAccessEntries", "accessEntries", clusterName=cluster.name, associatedPolicyArn=policy)
    )
    users = [each for each in arns if IAM_USER in each]
    return AccessEntries(
        observed_at=gathered.observed_at,
        source=source,
        total=len(arns),
        cluster_admins=_on_the_whole_cluster(aws, gathered, holders[:_MAX_ENTRIES], policy),
        admins_left_out=max(0, len(holders) - _MAX_ENTRIES),
        users=_users(aws, gathered, users[:_MAX_ENTRIES]),
        users_left_out=max(0, len(users) - _MAX_ENTRIES),
    )


def _on_the_whole_cluster(aws: AwsReader, gathered: Gathered, arns: list[str], policy: str) -> tuple[str, ...]:
    """Those who have a policy beyond single namespaces; a kind of scope that we do not know counts as more."""
    found = []
    for arn, answer in _each(aws, "ListAssociatedAccessPolicies", gathered, arns):
        associated = answer.get("associatedAccessPolicies") or ()
        if answer.get("nextToken"):
            asked = {"clusterName": gathered.cluster.name, "principalArn": arn}
            associated = tuple(aws.pages("eks", "ListAssociatedAccessPolicies", "associatedAccessPolicies", **asked))
        if any(
            each.get("policyArn") == policy and (each.get("accessScope") or {}).get("type") != "namespace"
            for each in associated
        ):
            found.append(arn)
    return tuple(found)


def _users(aws: AwsReader, gathered: Gathered, arns: list[str]) -> tuple[MappedUser, ...]:
    return tuple(
        MappedUser(
            arn=arn,
            username=bounded(answer["accessEntry"].get("username") or ""),
            groups=tuple(map(str, answer["accessEntry"].get("kubernetesGroups") or ())),
        )
        for arn, answer in _each(aws, "DescribeAccessEntry", gathered, arns)
    )


def _each(aws: AwsReader, operation: str, gathered: Gathered, arns: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What EKS says of each entry; one that was deleted since it was listed is left out."""
    asked = [{"clusterName": gathered.cluster.name, "principalArn": arn} for arn in arns]
    for arn, answer in zip(arns, aws.read_each("eks", operation, asked), strict=True):
        if isinstance(answer, RefusedRequest) and answer.code == _GONE:
            continue
        if isinstance(answer, ProbeError):
            raise answer
        yield arn, answer


def read_pod_identity(aws: AwsReader, gathered: Gathered) -> PodIdentity:
    """Every association of EKS Pod Identity. Their number has a quota in EKS."""
    found = aws.pages("eks", "ListPodIdentityAssociations", "associations", clusterName=gathered.cluster.name)
    associations = {
        PodIdentityAssociation(namespace=each["namespace"], service_account=each["serviceAccount"]) for each in found
    }
    return PodIdentity(
        observed_at=gathered.observed_at,
        source="eks:ListPodIdentityAssociations",
        associations=tuple(sorted(associations)),
    )


def read_oidc_trust(aws: AwsReader, gathered: Gathered) -> OidcTrust:
    """Whether IAM trusts tokens of the cluster: without that provider no role of this account is given by IRSA."""
    issuer = gathered.get(ClusterConfiguration).oidc_issuer.removeprefix("https://")
    listed = aws.read("iam", "ListOpenIDConnectProviders").get("OpenIDConnectProviderList") or ()
    trusted = {each["Arn"].partition(_PROVIDER)[2] for each in listed if each.get("Arn")}
    return OidcTrust(
        observed_at=gathered.observed_at,
        source="iam:ListOpenIDConnectProviders",
        issuer=issuer,
        provider=bool(issuer) and issuer in trusted,
    )


PROBES = (
    AwsProbe(
        provides=AccessEntries,
        actions=("eks:ListAccessEntries", "eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies"),
        read=read_access_entries,
    ),
    AwsProbe(provides=PodIdentity, actions=("eks:ListPodIdentityAssociations",), read=read_pod_identity),
    AwsProbe(
        provides=OidcTrust,
        actions=("iam:ListOpenIDConnectProviders",),
        read=read_oidc_trust,
        after=(ClusterConfiguration,),
    ),
)
"""What this module gathers."""
