"""Roles and bindings, folded while they stream by."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eks_readiness.adapters.kubernetes_objects import Named
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import ClusterRoleBindings, ClusterRoles, RoleBindings
from eks_readiness.domain.evidence.identity import Subject

_GROUP = "rbac.authorization.k8s.io"
CLUSTER_ROLE_BINDINGS = Kind(_GROUP, "clusterrolebindings")
ROLE_BINDINGS = Kind(_GROUP, "rolebindings")
CLUSTER_ROLES = Kind(_GROUP, "clusterroles")

_ADMIN = "cluster-admin"
_MASTERS = "system:masters"
_ANONYMOUS = frozenset({("User", "system:anonymous"), ("Group", "system:unauthenticated")})
# The one binding for anonymous callers that Kubernetes itself makes: version and health.
# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
_BUILT_IN = "system:public-info-viewer"
_SYSTEM_PREFIXES = ("system:", "eks:")
_USER_FACING = frozenset({"cluster-admin", "admin", "edit", "view"})
_MAX_SUBJECTS = 500


class _Reference(msgspec.Struct, gc=False):
    kind: str = ""
    name: str = ""


class _Subject(msgspec.Struct, gc=False):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class _Binding(msgspec.Struct, gc=False):
    metadata: Named
    role: _Reference = msgspec.field(default_factory=_Reference, name="roleRef")
    subjects: list[_Subject] | None = None


class _Rule(msgspec.Struct, gc=False):
    verbs: list[str] | None = None
    resources: list[str] | None = None


class _ClusterRole(msgspec.Struct, gc=False):
    metadata: Named
    rules: list[_Rule] | None = None


def read_cluster_role_bindings(api: KubernetesReader, gathered: Gathered) -> ClusterRoleBindings:
    """Who holds cluster-admin, and what anonymous callers may do."""
    total, admins, anonymous = 0, set[Subject](), Names()
    for each in api.items(CLUSTER_ROLE_BINDINGS, _Binding):
        total += 1
        if each.role.name == _ADMIN:
            admins |= {_subject(one) for one in each.subjects or () if not _of_the_system(one)}
        if _anonymous(each.subjects or ()) and not _is_built_in(each):
            anonymous.add(f"ClusterRoleBinding {each.metadata.name} to {each.role.name}")
    return ClusterRoleBindings(
        observed_at=gathered.observed_at,
        source="rbac.authorization.k8s.io clusterrolebindings",
        total=total,
        cluster_admins=tuple(sorted(admins)[:_MAX_SUBJECTS]),
        cluster_admins_total=len(admins),
        anonymous=anonymous.sample(),
    )


def _subject(found: _Subject) -> Subject:
    return Subject(kind=bounded(found.kind, 50), name=bounded(found.name, 300), namespace=bounded(found.namespace, 70))


def _of_the_system(subject: _Subject) -> bool:
    """The group that is cluster-admin by definition, and the users by which EKS installs add-ons."""
    return (subject.kind, subject.name) == ("Group", _MASTERS) or (
        subject.kind == "User" and subject.name.startswith("eks:")
    )


def _anonymous(subjects: Iterable[_Subject]) -> bool:
    return any((each.kind, each.name) in _ANONYMOUS for each in subjects)


def _is_built_in(binding: _Binding) -> bool:
    return binding.metadata.name == _BUILT_IN == binding.role.name


def read_role_bindings(api: KubernetesReader, gathered: Gathered) -> RoleBindings:
    """What anonymous callers may do in single namespaces."""
    total, anonymous = 0, Names()
    for each in api.items(ROLE_BINDINGS, _Binding):
        total += 1
        if _anonymous(each.subjects or ()):
            anonymous.add(f"RoleBinding {each.metadata.where} to {each.role.kind} {each.role.name}")
    return RoleBindings(
        observed_at=gathered.observed_at,
        source="rbac.authorization.k8s.io rolebindings",
        total=total,
        anonymous=anonymous.sample(),
    )


def read_cluster_roles(api: KubernetesReader, gathered: Gathered) -> ClusterRoles:
    """ClusterRoles that allow everything. Of an aggregated one the rules that it was filled with count."""
    total, wildcard = 0, Names()
    for each in api.items(CLUSTER_ROLES, _ClusterRole):
        total += 1
        if not _is_system(each.metadata) and any(_allows_all(rule) for rule in each.rules or ()):
            wildcard.add(f"ClusterRole {each.metadata.name}")
    return ClusterRoles(
        observed_at=gathered.observed_at,
        source="rbac.authorization.k8s.io clusterroles",
        total=total,
        wildcard=wildcard.sample(),
    )


def _is_system(meta: Named) -> bool:
    return meta.name.startswith(_SYSTEM_PREFIXES) or meta.name in _USER_FACING


def _allows_all(rule: _Rule) -> bool:
    return "*" in (rule.verbs or ()) and "*" in (rule.resources or ())


PROBES = (
    KubernetesProbe(
        provides=ClusterRoleBindings,
        rights=(Right(_GROUP, "clusterrolebindings"),),
        read=read_cluster_role_bindings,
    ),
    KubernetesProbe(provides=RoleBindings, rights=(Right(_GROUP, "rolebindings"),), read=read_role_bindings),
    KubernetesProbe(provides=ClusterRoles, rights=(Right(_GROUP, "clusterroles"),), read=read_cluster_roles),
)
"""What this module gathers."""
