"""Who holds cluster-admin, by every way into a cluster."""

from __future__ import annotations

from typing import NamedTuple

from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import AccessEntries, AwsAuth, ClusterConfiguration, ClusterRoleBindings, Unavailable
from eks_readiness.domain.evidence.identity import IAM_USER, MappedUser

_MASTERS = "system:masters"


class Admins(NamedTuple):
    """Who holds cluster-admin as far as it is known, which of them are IAM users, and why there may be more."""

    names: list[str]
    total: int
    users: list[str]
    unknown: Unavailable | None


def cluster_admins(
    cluster: ClusterConfiguration,
    entries: AccessEntries | Unavailable,
    aws_auth: AwsAuth | Unavailable,
    bindings: ClusterRoleBindings | Unavailable,
) -> Admins:
    """Everybody, by the ways that the cluster's authentication mode opens."""
    # Of a way that is closed nothing counts; a mode that we do not know may open both.
    by_entry = None if cluster.authentication_mode == "CONFIG_MAP" else entries
    by_map = None if cluster.authentication_mode == "API" else aws_auth
    inside = None if isinstance(bindings, Unavailable) else bindings
    principals: set[str] = set()
    mapped: list[MappedUser] = []
    total = inside.cluster_admins_total if inside else 0
    if isinstance(by_entry, AccessEntries):
        principals |= set(by_entry.cluster_admins)
        mapped += by_entry.users
    if isinstance(by_map, AwsAuth):
        principals |= set(by_map.masters)
        mapped += by_map.users
        total += by_map.masters_total - len(by_map.masters)
    subjects = inside.cluster_admins if inside else ()
    groups = {_MASTERS, *(each.name for each in subjects if each.kind == "Group")}
    names = {each.name for each in subjects if each.kind == "User"}
    users = {each for each in (*principals, *names) if IAM_USER in each}
    users |= {each.arn for each in mapped if groups & set(each.groups) or each.username in names}
    return Admins(
        names=[*sorted(principals), *(each.where for each in subjects)],
        total=total + len(principals),
        users=sorted(users),
        unknown=first_unavailable(by_entry, by_map, bindings) or _left_out(by_entry, by_map),
    )


def _left_out(entries: object, aws_auth: object) -> Unavailable | None:
    more = 0
    if isinstance(entries, AccessEntries):
        more += entries.admins_left_out + entries.users_left_out
    if isinstance(aws_auth, AwsAuth):
        more += aws_auth.users_total - len(aws_auth.users)
    if not more:
        return None
    return Unavailable(
        reason="unsupported", detail=f"{more} more identities than one scan looks at may be cluster-admin"
    )
