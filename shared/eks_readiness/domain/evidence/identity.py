"""Who may do what: identities that enter the cluster, rights inside it, and rights in AWS of nodes and workloads."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable

IAM_USER = ":user/"
"""What every ARN of an IAM user holds."""


class MappedUser(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One IAM user (or root) that may enter, with the name and the groups that it has in Kubernetes."""

    arn: str
    username: str = ""
    groups: tuple[str, ...] = ()


class AccessEntries(Slice, frozen=True, kw_only=True):
    """eks:ListAccessEntries and what is associated with them.

    `cluster_admins` are principals with AmazonEKSClusterAdminPolicy on the whole cluster, `users` entries of IAM users.
    `admins_left_out` and `users_left_out` count the entries beyond those that one scan looks at.
    """

    total: int = 0
    cluster_admins: tuple[str, ...] = ()
    admins_left_out: int = 0
    users: tuple[MappedUser, ...] = ()
    users_left_out: int = 0


class AwsAuth(Slice, frozen=True, kw_only=True):
    """ConfigMap kube-system/aws-auth: which identities it lets in.

    `masters` are ARNs in group system:masters (at most 50 of `masters_total`). `users` are IAM users (at most 50 of
    `users_total`), `accounts` those whose every identity may enter.
    """

    exists: bool
    masters: tuple[str, ...] = ()
    masters_total: int = 0
    users: tuple[MappedUser, ...] = ()
    users_total: int = 0
    accounts: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, order=True):
    """One subject of a binding."""

    kind: str
    name: str
    namespace: str = ""

    @property
    def where(self) -> str:
        """How a person finds it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class ClusterRoleBindings(Slice, frozen=True, kw_only=True):
    """ClusterRoleBindings, folded.

    `cluster_admins` are distinct subjects bound to ClusterRole cluster-admin (the first 500 of `cluster_admins_total`),
    without system:masters and EKS's own. `anonymous` are bindings for system:anonymous or system:unauthenticated
    beyond the built-in one.
    """

    total: int = 0
    cluster_admins: tuple[Subject, ...] = ()
    cluster_admins_total: int = 0
    anonymous: Sample = Sample()


class RoleBindings(Slice, frozen=True, kw_only=True):
    """RoleBindings of all namespaces, folded: those for system:anonymous or system:unauthenticated."""

    total: int = 0
    anonymous: Sample = Sample()


class ClusterRoles(Slice, frozen=True, kw_only=True):
    """ClusterRoles, folded: those not of the system with a rule that allows every verb on every resource."""

    total: int = 0
    wildcard: Sample = Sample()


class ServiceAccountRole(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One ServiceAccount whose annotation names an IAM role (IRSA)."""

    namespace: str
    name: str
    role_arn: str


class ServiceAccounts(Slice, frozen=True, kw_only=True):
    """ServiceAccounts: how many, and those with the annotation of IRSA (the first 1,000 of `with_role_total`)."""

    total: int = 0
    with_role: tuple[ServiceAccountRole, ...] = ()
    with_role_total: int = 0


class PodIdentityAssociation(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One association of EKS Pod Identity: which ServiceAccount gets a role."""

    namespace: str
    service_account: str


class PodIdentity(Slice, frozen=True, kw_only=True):
    """eks:ListPodIdentityAssociations."""

    associations: tuple[PodIdentityAssociation, ...] = ()


class OidcTrust(Slice, frozen=True, kw_only=True):
    """iam:ListOpenIDConnectProviders: whether one of them is this cluster's issuer."""

    issuer: str = ""
    provider: bool = False


NodeRoleOrigin = Literal["instance-profile", "role"]


class NodeClassRole(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What one EC2NodeClass (Karpenter) or NodeClass (EKS Auto Mode) gives its nodes: a role or a profile, by name."""

    node_class: str
    origin: NodeRoleOrigin
    name: str


class NodeClassRoles(Slice, frozen=True, kw_only=True):
    """The roles and instance profiles that node classes name."""

    roles: tuple[NodeClassRole, ...] = ()


class NodeRole(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One IAM role of nodes, with what of its policies matters here.

    `used_by` says which node groups, classes or instances use it. `administrative` names policies that allow (nearly)
    everything, `cni` those that let it manage pod addresses. `unread` is why some policy could not be looked at.
    """

    name: str
    used_by: tuple[str, ...] = ()
    administrative: tuple[str, ...] = ()
    cni: tuple[str, ...] = ()
    unread: Unavailable | None = None


class NodeRoles(Slice, frozen=True, kw_only=True):
    """IAM roles of nodes, and their attached and inline policies. `unread` says which nodes' roles are not known."""

    roles: tuple[NodeRole, ...] = ()
    unread: tuple[Unavailable, ...] = ()
