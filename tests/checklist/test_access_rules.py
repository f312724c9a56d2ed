"""Rules about who enters the cluster, and what nodes and workloads may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eks_readiness.checklist.security.audit_logging import audit_events_arrive, audit_logs_are_kept
from eks_readiness.checklist.security.iam_controls import (
    access_is_by_entries,
    few_are_cluster_admin,
    no_role_allows_everything,
    nothing_is_for_anonymous,
    the_cni_has_its_own_role,
    workloads_have_their_own_rights,
)
from eks_readiness.checklist.security.identities import cluster_admins
from eks_readiness.checklist.security.secret_rotation import keys_rotate, referenced_secrets_are_rotated
from eks_readiness.checklist.security.workload_rights import cni_own_role, has_workload_roles
from eks_readiness.domain.evidence import (
    Addons,
    AwsAuth,
    ClusterRoleBindings,
    ClusterRoles,
    ControlPlaneLogs,
    NodeRoles,
    OidcTrust,
    PodIdentity,
    Pods,
    ReferencedSecrets,
    RoleBindings,
    SecretSources,
    ServiceAccounts,
    Unavailable,
    UsedKeys,
)
from eks_readiness.domain.evidence.identity import (
    MappedUser,
    NodeRole,
    PodIdentityAssociation,
    ServiceAccountRole,
    Subject,
)
from eks_readiness.domain.evidence.secrets import ManagedSecret, SecretReference, UsedKey
from eks_readiness.domain.finding import Verdict, failed, passed
from tests.checklist.observed import DENIED, LATE, POLICY, cluster, component, components, entries, sample, seen
from tests.strategies import NOW

USER = "arn:aws:iam::111122223333:user/"
ROLE = "arn:aws:iam::111122223333:role/"
BOTH_WAYS = cluster(authentication_mode="API_AND_CONFIG_MAP")


def user(name: str, *groups: str, username: str = "") -> MappedUser:
    """An IAM user that an access entry or aws-auth maps."""
    return MappedUser(arn=USER + name, username=username, groups=groups)


def aws_auth(**fields: Any) -> AwsAuth:
    """A ConfigMap that is there."""
    return seen(AwsAuth, exists=True, **fields)


def test_silence_is_counted_to_the_hour() -> None:
    """An event of exactly the allowed age still counts."""
    logs = seen(ControlPlaneLogs, exists=True, newest_audit_event_at=NOW - timedelta(hours=2))
    assert audit_events_arrive(logs, POLICY) == passed("the newest audit event is of 2026-06-01 10:00 UTC")
    logs = seen(ControlPlaneLogs, exists=True, newest_audit_event_at=NOW - timedelta(hours=2, seconds=1))
    assert audit_events_arrive(logs, POLICY) == failed("the newest audit event is of 2026-06-01 09:59 UTC")


def test_retention_is_counted_to_the_day() -> None:
    """Exactly the wanted days are enough."""
    assert audit_logs_are_kept(seen(ControlPlaneLogs, exists=True, retention_days=90), POLICY) == passed(
        "logs are kept for 90 days"
    )
    missing = failed("the control plane has no log group")
    assert audit_logs_are_kept(seen(ControlPlaneLogs, exists=False, retention_days=90), POLICY) == missing


def test_users_beyond_the_named_ones_are_counted() -> None:
    """The total holds users that were not kept, and each account once."""
    found = aws_auth(users=(user("ann"),), users_total=30, accounts=("444455556666",))
    assert access_is_by_entries(BOTH_WAYS, found, POLICY) == failed(
        "authentication mode is API_AND_CONFIG_MAP, and aws-auth lets IAM users in",
        ["every user of account 444455556666", f"{USER}ann"],
        total=31,
    )


def test_as_many_administrators_as_allowed() -> None:
    """Five are allowed, six are not; those beyond the named ones count."""
    bindings = seen(ClusterRoleBindings, cluster_admins=(Subject(kind="Group", name="ops"),), cluster_admins_total=2)
    three, four = ([f"{ROLE}{number}" for number in range(count)] for count in (3, 4))
    verdict = few_are_cluster_admin(BOTH_WAYS, entries(cluster_admins=three), aws_auth(), bindings, POLICY)
    assert verdict == passed("5 principals hold cluster-admin, none of them an IAM user")
    verdict = few_are_cluster_admin(BOTH_WAYS, entries(cluster_admins=four), aws_auth(), bindings, POLICY)
    assert verdict == failed("6 principals hold cluster-admin", [*four, "Group ops"], total=6)


def test_anonymous_bindings_of_both_kinds() -> None:
    """Those that were not named count; a kind that could not be read leaves it open."""
    wide = seen(ClusterRoleBindings, anonymous=sample("everybody", total=40))
    near = seen(RoleBindings, anonymous=sample("shop/guest", total=2))
    assert nothing_is_for_anonymous(wide, near, POLICY) == failed(
        "42 bindings are for callers without credentials", ["everybody", "shop/guest"], total=42
    )
    assert nothing_is_for_anonymous(DENIED, seen(RoleBindings), POLICY) == DENIED
    assert nothing_is_for_anonymous(seen(ClusterRoleBindings), DENIED, POLICY) == DENIED


@pytest.mark.parametrize("denied", range(5))
def test_workload_rights_need_every_piece(denied: int) -> None:
    """Without one piece it is not known that all is well."""
    pieces: list[Any] = [
        seen(ServiceAccounts),
        seen(PodIdentity),
        seen(OidcTrust, provider=True),
        seen(Pods),
        components(),
    ]
    pieces[denied] = DENIED
    assert workloads_have_their_own_rights(cluster(), *pieces, POLICY) == DENIED


def test_the_cni_is_judged_without_what_could_not_be_read() -> None:
    """Roles that could not be read leave it open, however sure the rest is."""
    here = components(component("aws-node", 3, kind="DaemonSet"))
    own = seen(ServiceAccounts, with_role=(cni_account("cni"),), with_role_total=1)
    rest = (seen(Addons), own, seen(PodIdentity))
    assert the_cni_has_its_own_role(cluster(), here, DENIED, *rest, POLICY) == DENIED
    roles = seen(NodeRoles, roles=(NodeRole(name="node"),))
    good = passed("the VPC CNI has a role of its own, and no node role has its policy")
    assert the_cni_has_its_own_role(cluster(), here, roles, *rest, POLICY) == good


def cni_account(role: str) -> ServiceAccountRole:
    """The CNI's ServiceAccount with a role, under a path."""
    return ServiceAccountRole(namespace="kube-system", name="aws-node", role_arn=f"{ROLE}eks/{role}")


def test_a_role_of_the_node_is_none_of_its_own() -> None:
    """The role's name counts, not its path; associations of others do not."""
    shared = seen(ServiceAccounts, with_role=(cni_account("node"),), with_role_total=1)
    other = seen(PodIdentity, associations=(PodIdentityAssociation(namespace="shop", service_account="cart"),))
    assert cni_own_role(seen(Addons), shared, other, {"node"}) is False
    assert cni_own_role(seen(Addons), shared, other, {"nodes"}) is True
    mine = PodIdentityAssociation(namespace="kube-system", service_account="aws-node")
    assert cni_own_role(seen(Addons), shared, seen(PodIdentity, associations=(mine,)), {"node"}) is True


@pytest.mark.parametrize("denied", range(3))
def test_an_own_role_needs_every_way(denied: int) -> None:
    """One way that could not be looked at may be the one."""
    pieces: list[Any] = [seen(Addons), seen(ServiceAccounts), seen(PodIdentity)]
    pieces[denied] = DENIED
    addons, accounts, associations = pieces
    assert cni_own_role(addons, accounts, associations, set()) == DENIED


def test_roles_beyond_those_that_are_kept_leave_it_open() -> None:
    """Of more ServiceAccounts than a scan looks at, the rest may be the ones that matter; or they do not matter."""
    away = ServiceAccountRole(namespace="shop", name="cart", role_arn="arn:aws:iam::999999999999:role/cart")
    many = seen(ServiceAccounts, with_role=(away,), with_role_total=3)
    rest = Unavailable(reason="unsupported", detail="2 more ServiceAccounts with a role than one scan looks at")
    web = seen(PodIdentity, associations=(PodIdentityAssociation(namespace="shop", service_account="web"),))
    agent, trusted = components(component("pod-identity-agent", 3, kind="DaemonSet")), seen(OidcTrust, provider=True)
    on_fargate = seen(Pods, fargate_accounts=("shop/web",), fargate_accounts_total=1)

    def rights(identity: Any, trust: Any, running: Any, named: Any = many) -> object:
        return workloads_have_their_own_rights(cluster(), named, identity, trust, running, agent, POLICY)

    assert rights(seen(PodIdentity), seen(OidcTrust), seen(Pods)) == rest
    assert rights(seen(PodIdentity), trusted, seen(Pods)) == passed(
        "0 ServiceAccounts have a role by EKS Pod Identity, 3 by IRSA"
    )
    assert rights(web, trusted, on_fargate) == rest
    others = seen(Pods, fargate_accounts=("shop/api",), fargate_accounts_total=1)
    assert isinstance(rights(web, trusted, others), Verdict)
    more = seen(Pods, fargate_accounts=("shop/api",), fargate_accounts_total=5)
    few = seen(ServiceAccounts)
    assert rights(web, trusted, more, few) == Unavailable(
        reason="unsupported", detail="4 more ServiceAccounts of pods on Fargate than one scan looks at"
    )
    assert isinstance(rights(seen(PodIdentity), trusted, more, few), Verdict)
    assert cni_own_role(seen(Addons), many, seen(PodIdentity), {"node"}) == rest


def test_roles_are_counted_by_what_is_known() -> None:
    """What could not be read counts as none."""
    one = seen(PodIdentity, associations=(PodIdentityAssociation(namespace="shop", service_account="cart"),))
    two = seen(ServiceAccounts, with_role_total=2)
    assert has_workload_roles(DENIED, one, DENIED) == passed(
        "1 ServiceAccounts have a role by EKS Pod Identity, 0 by IRSA"
    )
    assert has_workload_roles(two, DENIED, DENIED) == passed(
        "0 ServiceAccounts have a role by EKS Pod Identity, 2 by IRSA"
    )


def test_roles_that_allow_everything_are_counted() -> None:
    """The total is that of all, not of the named ones."""
    assert no_role_allows_everything(seen(ClusterRoles, total=90, wildcard=sample("all", total=40)), POLICY) == failed(
        "40 of 90 ClusterRoles allow everything", ["all"], total=40
    )


def test_administrators_come_by_every_way() -> None:
    """Entries, aws-auth and bindings are taken together; nobody counts twice."""
    by_entry = entries(cluster_admins=(f"{ROLE}a", f"{USER}eve"), users=(user("bob", "ops"), user("dan", "dev")))
    by_map = aws_auth(
        masters=(f"{ROLE}a", f"{ROLE}b"),
        masters_total=12,
        users=(user("carl", "system:masters"), user("fay", username="fay"), user("gus", username="gus")),
        users_total=3,
    )
    subjects = (Subject(kind="Group", name="ops"), Subject(kind="User", name="fay"))
    bindings = seen(ClusterRoleBindings, cluster_admins=subjects, cluster_admins_total=20)
    admins = cluster_admins(BOTH_WAYS, by_entry, by_map, bindings)
    assert admins.users == [f"{USER}bob", f"{USER}carl", f"{USER}eve", f"{USER}fay"]
    assert admins.names == [f"{ROLE}a", f"{ROLE}b", f"{USER}eve", "Group ops", "User fay"]
    assert (admins.total, admins.unknown) == (20 + 10 + 3, None)


def test_administrators_of_a_closed_way_do_not_count() -> None:
    """Access entries do nothing in mode CONFIG_MAP, aws-auth nothing in mode API."""
    by_entry, by_map = entries(cluster_admins=(f"{ROLE}a",)), aws_auth(masters=(f"{ROLE}b",), masters_total=1)
    bindings = seen(ClusterRoleBindings)
    old = cluster_admins(cluster(authentication_mode="CONFIG_MAP"), by_entry, by_map, bindings)
    assert (old.names, old.total) == ([f"{ROLE}b"], 1)
    assert cluster_admins(cluster(authentication_mode="CONFIG_MAP"), DENIED, by_map, bindings).unknown is None
    new = cluster_admins(cluster(authentication_mode="API"), by_entry, by_map, bindings)
    assert (new.names, new.total) == ([f"{ROLE}a"], 1)


def test_bindings_that_could_not_be_read_count_as_none() -> None:
    """What is known by the other ways stands."""
    admins = cluster_admins(BOTH_WAYS, entries(cluster_admins=(f"{ROLE}a",)), aws_auth(), DENIED)
    assert (admins.names, admins.total, admins.unknown) == ([f"{ROLE}a"], 1, DENIED)


def test_identities_beyond_the_cap_leave_it_open() -> None:
    """Administrators, users of entries and users of aws-auth that were not looked at."""
    by_entry = entries(admins_left_out=3, users_left_out=4)
    by_map = aws_auth(users=(user("dan", "dev"),), users_total=6)
    said = "{} more identities than one scan looks at may be cluster-admin"

    def left_out(by_entry: Any, by_map: Any) -> Unavailable | None:
        return cluster_admins(BOTH_WAYS, by_entry, by_map, seen(ClusterRoleBindings)).unknown

    assert left_out(by_entry, by_map) == Unavailable(reason="unsupported", detail=said.format(12))
    assert left_out(entries(), by_map) == Unavailable(reason="unsupported", detail=said.format(5))
    assert left_out(by_entry, aws_auth()) == Unavailable(reason="unsupported", detail=said.format(7))


def test_secrets_are_rotated_to_the_day() -> None:
    """A secret is old once it is older than allowed, and every other vault is named."""
    on_time = ManagedSecret(name="db", arn="arn", rotated_at=NOW - timedelta(days=90))
    late = ManagedSecret(name="key", arn="arn", rotated_at=NOW - timedelta(days=90, seconds=1))
    sources = seen(SecretSources, references=(SecretReference(key="db"),))
    good = seen(ReferencedSecrets, secrets=(on_time,))
    assert referenced_secrets_are_rotated(sources, good, seen(Pods), POLICY) == passed(
        "1 secrets were rotated within 90 days"
    )
    bad = seen(ReferencedSecrets, secrets=(on_time, late))
    assert referenced_secrets_are_rotated(sources, bad, seen(Pods), POLICY) == failed(
        "1 of 2 secrets were not rotated in time", ["key: last rotated 2026-03-03, rotation is off"], final=True
    )
    others = seen(SecretSources, other_vaults=("parameter store", "azure"))
    assert referenced_secrets_are_rotated(others, DENIED, seen(Pods, vault_injected=1), POLICY) == failed(
        "secrets also come from azure, parameter store, vault: their rotation has to be attested",
        ["azure", "parameter store", "vault"],
    )
    assert referenced_secrets_are_rotated(sources, good, DENIED, POLICY) == DENIED


def test_secrets_that_were_not_looked_at_are_named() -> None:
    """The first few, and how many."""
    five = [f"object-{number}" for number in range(5)]
    sources = seen(SecretSources, unresolved=sample(*five))
    assert referenced_secrets_are_rotated(sources, seen(ReferencedSecrets), seen(Pods), POLICY) == Unavailable(
        reason="unsupported",
        detail="5 objects do not say which secrets they take",
        remedy="object-0, object-1, object-2",
    )
    sources = seen(SecretSources, references_left_out=7)
    assert referenced_secrets_are_rotated(sources, seen(ReferencedSecrets), seen(Pods), POLICY) == Unavailable(
        reason="unsupported", detail="7 references are more than one scan looks at"
    )
    missing = seen(ReferencedSecrets, missing=tuple("abcd"), elsewhere=tuple("efg"))
    sources = seen(SecretSources, references=(SecretReference(key="a"),))
    assert referenced_secrets_are_rotated(sources, missing, seen(Pods), POLICY) == Unavailable(
        reason="unsupported",
        detail="7 secrets are not in this account and region: a, b, c, d, e",
        remedy="look whether they exist: aws secretsmanager describe-secret --secret-id <name>",
    )


def test_keys_of_aws_are_not_judged() -> None:
    """Whatever their state; one of the customer without a state is not known to be enabled."""
    theirs = UsedKey(id="k1", used_by=("logs",), manager="AWS", state="PendingDeletion", rotates=False)
    ours = UsedKey(id="k2", used_by=("secrets", "volumes"), manager="CUSTOMER")
    assert keys_rotate(seen(UsedKeys, keys=(theirs,)), POLICY) == passed("only keys of AWS are used: they rotate")
    assert keys_rotate(seen(UsedKeys, keys=(theirs, ours)), POLICY) == failed(
        "1 of 2 keys do not rotate or are not enabled", ["k2 (secrets, volumes): state not told"]
    )
    assert keys_rotate(seen(UsedKeys, unread=(LATE,)), POLICY) == LATE
