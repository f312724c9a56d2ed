"""IAM roles of nodes, whoever starts them, and what their policies allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from eks_readiness.adapters.iam_policies import (
    ADMINISTRATIVE,
    CNI,
    allows_cni,
    allows_everything,
    is_aws_managed,
    policy_name,
)
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest, UnexpectedAnswer
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    Instances,
    NodeClassRoles,
    Nodegroups,
    NodeRoles,
    Nodes,
    Slice,
    Unavailable,
)
from eks_readiness.domain.evidence.identity import NodeRole

S = TypeVar("S", bound=Slice)
_GONE = "NoSuchEntity"
_MAX_ROLES = 50
"""Roles and instance profiles that one scan looks at, each: a cluster has a handful."""
_MAX_ENTRIES = 200
"""Access entries among which the role of hybrid nodes is looked for."""
_MAX_USES = 10


def read_node_roles(aws: AwsReader, gathered: Gathered) -> NodeRoles:
    """Every role of nodes, with its policies; what could not be looked at is said beside it."""
    uses = _Uses(aws, gathered)
    names = sorted(uses.roles)
    if len(names) > _MAX_ROLES:
        uses.unread.append(_left_out(len(names) - _MAX_ROLES, "node roles"))
    roles = (_Policies(aws, name).role(tuple(sorted(uses.roles[name])[:_MAX_USES])) for name in names[:_MAX_ROLES])
    return NodeRoles(
        observed_at=gathered.observed_at,
        source="iam:GetInstanceProfile, ListAttachedRolePolicies, ListRolePolicies, GetRolePolicy, GetPolicyVersion",
        roles=tuple(role for role in roles if role is not None),
        unread=tuple(uses.unread),
    )


def _left_out(number: int, what: str, limit: int = _MAX_ROLES) -> Unavailable:
    return Unavailable(
        reason="unsupported",
        detail=f"{number} more {what} than the {limit} that one scan looks at",
        remedy="let node groups and node classes share roles",
    )


class _Uses:
    """Which roles nodes have, and who gives them: node groups, node classes, EKS Auto Mode, running instances."""

    def __init__(self, aws: AwsReader, gathered: Gathered) -> None:
        self.roles: dict[str, set[str]] = {}
        self.unread: list[Unavailable] = []
        self._gathered = gathered
        profiles: dict[str, set[str]] = {}
        if cluster := self._get(ClusterConfiguration):
            self._note(self.roles, cluster.auto_mode_node_role, "EKS Auto Mode")
        if groups := self._get(Nodegroups):
            for group in groups.nodegroups:
                self._note(self.roles, group.node_role, f"node group {group.name}")
        if classes := self._get(NodeClassRoles):
            for each in classes.roles:
                self._note(self.roles if each.origin == "role" else profiles, each.name, each.node_class)
        if instances := self._get(Instances):
            for one in instances.instances:
                self._note(profiles, one.instance_profile, "running instances")
        nodes = self._get(Nodes)
        if nodes and any(node.compute == "hybrid" for node in nodes.nodes):
            self._note_hybrid(aws)
        self._resolve(aws, profiles)

    def _get(self, kind: type[S]) -> S | None:
        found = self._gathered.slices[kind]
        if isinstance(found, Unavailable):
            self.unread.append(found)
            return None
        return self._gathered.get(kind)

    @staticmethod
    def _note(found: dict[str, set[str]], name_or_arn: str, used_by: str) -> None:
        if name := name_or_arn.rpartition("/")[2]:
            found.setdefault(name, set()).add(used_by)

    def _note_hybrid(self, aws: AwsReader) -> None:
        """Nodes outside AWS have no instance profile: their access entry names the role."""
        cluster = self._gathered.cluster.name
        try:
            arns = list(aws.pages("eks", "ListAccessEntries", "accessEntries", clusterName=cluster))
        except AccessDenied as error:
            self.unread.append(Unavailable.because(error))
            return
        arns = [each for each in arns if ":role/" in each]
        if len(arns) > _MAX_ENTRIES:
            self.unread.append(_left_out(len(arns) - _MAX_ENTRIES, "access entries", _MAX_ENTRIES))
        asked = [{"clusterName": cluster, "principalArn": arn} for arn in arns[:_MAX_ENTRIES]]
        for answer in aws.read_each("eks", "DescribeAccessEntry", asked):
            if isinstance(answer, RefusedRequest) and answer.code == "ResourceNotFoundException":
                continue
            if isinstance(answer, AccessDenied):
                self.unread.append(Unavailable.because(answer))
                return
            if isinstance(answer, ProbeError):
                raise answer
            if answer["accessEntry"].get("type") == "HYBRID_LINUX":
                self._note(self.roles, answer["accessEntry"]["principalArn"], "hybrid nodes")

    def _resolve(self, aws: AwsReader, profiles: dict[str, set[str]]) -> None:
        names = sorted(profiles)
        if len(names) > _MAX_ROLES:
            self.unread.append(_left_out(len(names) - _MAX_ROLES, "instance profiles"))
        names = names[:_MAX_ROLES]
        answers = aws.read_each("iam", "GetInstanceProfile", [{"InstanceProfileName": name} for name in names])
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, RefusedRequest) and answer.code == _GONE:
                continue
            if isinstance(answer, AccessDenied):
                self.unread.append(Unavailable.because(answer))
            elif isinstance(answer, ProbeError):
                raise answer
            else:
                for role in answer["InstanceProfile"].get("Roles") or ():
                    self.roles.setdefault(role["RoleName"], set()).update(profiles[name])


class _Policies:
    """The policies of one role. What is denied alone leaves the rest: a finding stands whatever else is there."""

    def __init__(self, aws: AwsReader, role: str) -> None:
        self._aws = aws
        self._role = role
        self._administrative: set[str] = set()
        self._cni: set[str] = set()
        self._unread: Unavailable | None = None

    def role(self, used_by: tuple[str, ...]) -> NodeRole | None:
        """The role as evidence; None where IAM does not know it any more."""
        try:
            self._read(self._attached)
            self._read(self._inline)
        except RefusedRequest as error:
            if error.code == _GONE:
                return None
            raise
        return NodeRole(
            name=self._role,
            used_by=used_by,
            administrative=tuple(sorted(self._administrative)),
            cni=tuple(sorted(self._cni)),
            unread=self._unread,
        )

    def _read(self, part: Callable[[], None]) -> None:
        try:
            part()
        except AccessDenied as error:
            self._unread = Unavailable.because(error)

    def _attached(self) -> None:
        listed = self._aws.pages("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=self._role)
        own = []
        for arn in [each["PolicyArn"] for each in listed]:
            name = policy_name(arn)
            if is_aws_managed(arn):
                self._administrative |= {name} & ADMINISTRATIVE
            else:
                own.append(arn)
            self._cni |= {name} & CNI
        asked = [
            {"PolicyArn": arn, "VersionId": answer["Policy"]["DefaultVersionId"]}
            for arn, answer in zip(own, self._each("GetPolicy", [{"PolicyArn": arn} for arn in own]), strict=True)
            if answer is not None
        ]
        for policy, answer in zip(asked, self._each("GetPolicyVersion", asked), strict=True):
            if answer is not None:
                self._judge(policy_name(policy["PolicyArn"]), answer["PolicyVersion"].get("Document"))

    def _inline(self) -> None:
        names = list(self._aws.pages("iam", "ListRolePolicies", "PolicyNames", RoleName=self._role))
        asked = [{"RoleName": self._role, "PolicyName": name} for name in names]
        for name, answer in zip(names, self._each("GetRolePolicy", asked), strict=True):
            if answer is not None:
                self._judge(f"inline {name}", answer.get("PolicyDocument"))

    def _each(self, operation: str, asked: list[dict[str, str]]) -> Iterator[dict[str, Any] | None]:
        """What IAM says of each policy; None of one that is denied, or that was deleted since it was listed."""
        for answer in self._aws.read_each("iam", operation, asked):
            if isinstance(answer, AccessDenied):
                self._unread = Unavailable.because(answer)
                yield None
            elif isinstance(answer, RefusedRequest) and answer.code == _GONE:
                yield None
            elif isinstance(answer, ProbeError):
                raise answer
            else:
                yield answer

    def _judge(self, name: str, document: object) -> None:
        try:
            if allows_everything(document):
                self._administrative.add(name)
            if allows_cni(document):
                self._cni.add(name)
        except UnexpectedAnswer as error:
            self._unread = Unavailable.because(error)


PROBES = (
    AwsProbe(
        provides=NodeRoles,
        actions=(
            "iam:GetInstanceProfile",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "eks:ListAccessEntries",
            "eks:DescribeAccessEntry",
        ),
        read=read_node_roles,
        after=(ClusterConfiguration, Nodegroups, Instances, NodeClassRoles, Nodes),
    ),
)
"""What this module gathers."""
