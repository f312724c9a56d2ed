"""Identities as the cluster itself knows them: aws-auth, ServiceAccounts with a role, and roles of node classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from eks_readiness.adapters.bounded_yaml import bounded_yaml
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import UnexpectedAnswer, bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, AwsAuth, NodeClassRoles, ServiceAccounts
from eks_readiness.domain.evidence.identity import MappedUser, NodeClassRole, ServiceAccountRole

AWS_AUTH = ("kube-system", "aws-auth")
# Small ones, of which each namespace has one at least.
SERVICE_ACCOUNTS = Kind("", "serviceaccounts", page=2_500)
EC2_NODE_CLASSES = Kind("karpenter.k8s.aws", "ec2nodeclasses", ("v1", "v1beta1"))
AUTO_NODE_CLASSES = Kind("eks.amazonaws.com", "nodeclasses")

T = TypeVar("T")
_MASTERS = "system:masters"
_ROLE_ARN = ":role/"
_ARN_CHARACTERS = 300
_MAX_GROUPS = 50
_MAX_ACCOUNTS = 1_000
"""ServiceAccounts with a role that are kept by name; any beyond are counted."""


class _Mapping(msgspec.Struct, gc=False):
    """One element of mapRoles or mapUsers."""

    role_arn: str = msgspec.field(default="", name="rolearn")
    user_arn: str = msgspec.field(default="", name="userarn")
    username: str = ""
    groups: list[str] | str | None = None

    @property
    def arn(self) -> str:
        return self.role_arn or self.user_arn


def read_aws_auth(api: KubernetesReader, gathered: Gathered) -> AwsAuth:
    """The one ConfigMap that lets IAM identities in, where the cluster still reads it.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html
    """
    data = api.config_map(*AWS_AUTH)
    source = "ConfigMap kube-system/aws-auth"
    if data is None:
        return AwsAuth(observed_at=gathered.observed_at, source=source, exists=False)
    mapped = [*_mapped(data, "mapRoles"), *_mapped(data, "mapUsers")]
    masters = sorted({bounded(each.arn, _ARN_CHARACTERS) for each in mapped if _MASTERS in _groups(each)})
    # Whatever is no role is a user or root: the list in which it stands makes no difference to the authenticator.
    users = [each for each in mapped if _ROLE_ARN not in each.arn]
    return AwsAuth(
        observed_at=gathered.observed_at,
        source=source,
        exists=True,
        masters=tuple(masters[:MAX_SAMPLE]),
        masters_total=len(masters),
        users=tuple(_user(each) for each in users[:MAX_SAMPLE]),
        users_total=len(users),
        accounts=tuple(bounded(each, 50) for each in _list(data, "mapAccounts", list[str])[:MAX_SAMPLE]),
    )


def _mapped(data: Mapping[str, str], key: str) -> Iterator[_Mapping]:
    return (each for each in _list(data, key, list[_Mapping]) if each.arn)


def _list(data: Mapping[str, str], key: str, kind: type[list[T]]) -> list[T]:
    where = f"ConfigMap aws-auth: {key}"
    try:
        return msgspec.convert(bounded_yaml(data.get(key, ""), where) or [], kind)
    except msgspec.ValidationError as error:
        raise UnexpectedAnswer(f"{where}: {error}") from error


def _groups(mapping: _Mapping) -> list[str]:
    return [mapping.groups] if isinstance(mapping.groups, str) else mapping.groups or []


def _user(mapping: _Mapping) -> MappedUser:
    return MappedUser(
        arn=bounded(mapping.arn, _ARN_CHARACTERS),
        username=bounded(mapping.username, _ARN_CHARACTERS),
        groups=tuple(bounded(each, 100) for each in _groups(mapping)[:_MAX_GROUPS]),
    )


class _Annotations(msgspec.Struct, gc=False):
    role_arn: str = msgspec.field(default="", name="eks.amazonaws.com/role-arn")


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""
    annotations: _Annotations | None = None


class _ServiceAccount(msgspec.Struct, gc=False):
    metadata: _Meta


def read_service_accounts(api: KubernetesReader, gathered: Gathered) -> ServiceAccounts:
    """ServiceAccounts that name an IAM role."""
    total = with_role_total = 0
    with_role: list[ServiceAccountRole] = []
    for each in api.items(SERVICE_ACCOUNTS, _ServiceAccount, metadata_only=True):
        total += 1
        role = (each.metadata.annotations or _Annotations()).role_arn
        with_role_total += bool(role)
        if role and len(with_role) < _MAX_ACCOUNTS:
            where = {"namespace": each.metadata.namespace, "name": each.metadata.name}
            with_role.append(ServiceAccountRole(**where, role_arn=bounded(role, _ARN_CHARACTERS)))
    return ServiceAccounts(
        observed_at=gathered.observed_at,
        source="v1 serviceaccounts",
        total=total,
        with_role=tuple(with_role),
        with_role_total=with_role_total,
    )


class _NodeClassSpec(msgspec.Struct, gc=False, rename="camel"):
    role: str | None = None
    instance_profile: str | None = None


class _NodeClass(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _NodeClassSpec | None = None


def read_node_class_roles(api: KubernetesReader, gathered: Gathered) -> NodeClassRoles:
    """What node classes of Karpenter and of EKS Auto Mode give to nodes that they start."""
    found = {
        role
        for kind, listed in (("EC2NodeClass", EC2_NODE_CLASSES), ("NodeClass", AUTO_NODE_CLASSES))
        for each in api.items(listed, _NodeClass)
        for role in _roles(f"{kind} {each.metadata.name}", each.spec or _NodeClassSpec())
    }
    return NodeClassRoles(
        observed_at=gathered.observed_at,
        source="karpenter.k8s.aws ec2nodeclasses, eks.amazonaws.com nodeclasses",
        roles=tuple(sorted(found)),
    )


def _roles(node_class: str, spec: _NodeClassSpec) -> Iterator[NodeClassRole]:
    if spec.role:
        yield NodeClassRole(node_class=node_class, origin="role", name=bounded(spec.role, _ARN_CHARACTERS))
    if spec.instance_profile:
        profile = bounded(spec.instance_profile, _ARN_CHARACTERS)
        yield NodeClassRole(node_class=node_class, origin="instance-profile", name=profile)


PROBES = (
    KubernetesProbe(
        provides=AwsAuth,
        rights=(Right("", "configmaps", ("get",), namespace=AWS_AUTH[0], names=(AWS_AUTH[1],)),),
        read=read_aws_auth,
    ),
    KubernetesProbe(provides=ServiceAccounts, rights=(Right("", "serviceaccounts"),), read=read_service_accounts),
    KubernetesProbe(
        provides=NodeClassRoles,
        rights=(Right("karpenter.k8s.aws", "ec2nodeclasses"), Right("eks.amazonaws.com", "nodeclasses")),
        read=read_node_class_roles,
    ),
)
"""What this module gathers."""
