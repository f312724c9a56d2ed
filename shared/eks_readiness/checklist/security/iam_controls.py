"""IAM controls: who enters the cluster, who rules it, and what nodes and workloads may do in AWS."""

from __future__ import annotations

from collections.abc import Iterator

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.security.identities import cluster_admins
from eks_readiness.checklist.security.workload_rights import (
    cni_own_role,
    has_workload_roles,
    undecided,
    workload_problems,
)
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    AccessEntries,
    Addons,
    AwsAuth,
    ClusterConfiguration,
    ClusterRoleBindings,
    ClusterRoles,
    Components,
    NodeRoles,
    OidcTrust,
    PodIdentity,
    Pods,
    RoleBindings,
    ServiceAccounts,
    Unavailable,
)
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy


@check("iam-controls.access-mode", needs=(ClusterConfiguration, if_available(AwsAuth)), required=True)
def access_is_by_entries(
    cluster: ClusterConfiguration, aws_auth: AwsAuth | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Access is by access entries (mode API), or by both with no IAM user in ConfigMap aws-auth.

    In mode API the ConfigMap is not read, whatever stands in it. Accounts in mapAccounts let every user of theirs in.
    Why: who may enter is then decided in IAM and recorded by CloudTrail, and one wrong edit locks nobody out.
    Fix: aws eks update-cluster-config --name <cluster> --access-config authenticationMode=API
    Source: https://docs.aws.amazon.com/eks/latest/userguide/grant-k8s-access.html
    """
    mode = cluster.authentication_mode
    if mode == "API":
        return passed("authentication mode is API")
    if not mode:
        return Unavailable(reason="unexpected", detail="EKS does not say the authentication mode")
    if mode != "API_AND_CONFIG_MAP":
        return failed(f"authentication mode is {mode}")
    if isinstance(aws_auth, Unavailable):
        return aws_auth
    inside = [*(each.arn for each in aws_auth.users), *(f"every user of account {each}" for each in aws_auth.accounts)]
    if inside:
        total = aws_auth.users_total + len(aws_auth.accounts)
        return failed(f"authentication mode is {mode}, and aws-auth lets IAM users in", inside, total=total)
    return passed(f"authentication mode is {mode}, and aws-auth lets no IAM user in")


@check(
    "iam-controls.cluster-admins",
    needs=(ClusterConfiguration, if_available(AccessEntries), if_available(AwsAuth), if_available(ClusterRoleBindings)),
    required=True,
)
def few_are_cluster_admin(
    cluster: ClusterConfiguration,
    entries: AccessEntries | Unavailable,
    aws_auth: AwsAuth | Unavailable,
    bindings: ClusterRoleBindings | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """At most `max_cluster_admins` principals hold cluster-admin, and none of them is an IAM user.

    Counted: access entries with AmazonEKSClusterAdminPolicy on the whole cluster, identities that aws-auth puts into
    system:masters, and subjects bound to ClusterRole cluster-admin (a group is one), without system:masters and EKS's
    own. In mode CONFIG_MAP who created the cluster is an administrator as well, and cannot be seen.
    Why: each can read every secret and delete everything; an IAM user's keys do not expire.
    Fix: aws eks disassociate-access-policy …; bind narrower roles, and let people assume an IAM role.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
    """
    admins = cluster_admins(cluster, entries, aws_auth, bindings)
    if admins.users:
        return failed(f"{len(admins.users)} IAM users hold cluster-admin", admins.users)
    if admins.total > policy.max_cluster_admins:
        return failed(f"{admins.total} principals hold cluster-admin", admins.names, total=admins.total)
    return admins.unknown or passed(f"{admins.total} principals hold cluster-admin, none of them an IAM user")


@check(
    "iam-controls.no-anonymous", needs=(if_available(ClusterRoleBindings), if_available(RoleBindings)), required=True
)
def nothing_is_for_anonymous(
    cluster_wide: ClusterRoleBindings | Unavailable, namespaced: RoleBindings | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """No binding is for system:anonymous or system:unauthenticated, beyond the one that Kubernetes makes itself.

    The built-in one (system:public-info-viewer) shows version and health.
    Why: whoever reaches the endpoint would have those rights, without any credentials.
    Fix: kubectl delete clusterrolebinding <name>
    Source: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
    """
    samples = [each.anonymous for each in (cluster_wide, namespaced) if not isinstance(each, Unavailable)]
    if total := sum(each.total for each in samples):
        names = [name for each in samples for name in each.names]
        return failed(f"{total} bindings are for callers without credentials", names, total=total)
    return first_unavailable(cluster_wide, namespaced) or passed("no binding is for callers without credentials")


@check(
    "iam-controls.workload-identity",
    needs=(
        ClusterConfiguration,
        if_available(ServiceAccounts),
        if_available(PodIdentity),
        if_available(OidcTrust),
        if_available(Pods),
        if_available(Components),
    ),
    required=True,
)
def workloads_have_their_own_rights(  # noqa: PLR0913 - one for each piece of evidence
    cluster: ClusterConfiguration,
    accounts: ServiceAccounts | Unavailable,
    pod_identity: PodIdentity | Unavailable,
    trust: OidcTrust | Unavailable,
    pods: Pods | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Workloads get rights in AWS by EKS Pod Identity or IRSA, and what they use of it works.

    Broken: a role of this account by IRSA while IAM does not trust the cluster's issuer; Pod Identity without its
    agent, or for pods on Fargate, where it does not run. Another way: a static key, or kube2iam.
    Not applicable when: no workload has a role in AWS, and neither Pod Identity nor OIDC is used.
    Why: rights of the node are those of every pod on it, and a static key never expires.
    Fix: aws eks create-pod-identity-association --namespace <ns> --service-account <name> --role-arn <role>
    Source: https://docs.aws.amazon.com/eks/latest/userguide/service-accounts.html
    """
    if problems := sorted(workload_problems(cluster, accounts, pod_identity, trust, pods, components)):
        return failed(f"{len(problems)} workloads get no rights in AWS, or get them another way", problems)
    if missing := undecided(accounts, pod_identity, trust, pods) or first_unavailable(components):
        return missing
    return has_workload_roles(accounts, pod_identity, trust)


@check("iam-controls.node-role", needs=(NodeRoles,), required=True)
def no_node_role_is_administrative(roles: NodeRoles, policy: Policy) -> Verdict | Unavailable:
    """No IAM role of nodes has an administrative policy.

    That is AdministratorAccess, PowerUserAccess or IAMFullAccess, or a policy (the customer's own or inline) that
    allows every action, all of IAM, or all but a few actions, on every resource. Looked at are roles of node groups,
    node classes, EKS Auto Mode, running instances and hybrid nodes.
    Not applicable when: the cluster has no such role, as with Fargate alone.
    Why: every pod that reaches the node's credentials may then do anything in the account.
    Fix: aws iam detach-role-policy --role-name <role> --policy-arn <policy>
    Source: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
    """
    bad = [f"{each.name}: {policy_name}" for each in roles.roles for policy_name in each.administrative]
    if bad:
        return failed("node roles have administrative policies", bad)
    if unread := next(_unread(roles), None):
        return unread
    if not roles.roles:
        return not_applicable("the cluster has no node role")
    return passed(f"{len(roles.roles)} node roles have no administrative policy")


def _unread(roles: NodeRoles) -> Iterator[Unavailable]:
    yield from roles.unread
    yield from (each.unread for each in roles.roles if each.unread)


@check(
    "iam-controls.cni-role",
    needs=(
        ClusterConfiguration,
        Components,
        if_available(NodeRoles),
        if_available(Addons),
        if_available(ServiceAccounts),
        if_available(PodIdentity),
    ),
    required=False,
)
def the_cni_has_its_own_role(  # noqa: PLR0913 - one for each piece of evidence
    cluster: ClusterConfiguration,
    components: Components,
    roles: NodeRoles | Unavailable,
    addons: Addons | Unavailable,
    accounts: ServiceAccounts | Unavailable,
    pod_identity: PodIdentity | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """The VPC CNI has an IAM role of its own, and no node role has its policy.

    Its own is the add-on's, or that of ServiceAccount kube-system/aws-node, by IRSA or Pod Identity.
    EKS Auto Mode runs the network outside the cluster.
    Not applicable when: the VPC CNI is not in the cluster.
    Why: with that policy on the node every pod may attach, change and release network interfaces.
    Fix: aws eks update-addon --addon-name vpc-cni --pod-identity-associations serviceAccount=aws-node,roleArn=<role>
    Source: https://docs.aws.amazon.com/eks/latest/userguide/cni-iam-role.html
    """
    if not any(each.desired for each in components.named("aws-node")):
        if cluster.auto_mode:
            return passed("EKS Auto Mode runs the network")
        return not_applicable("the VPC CNI is not in the cluster")
    known = () if isinstance(roles, Unavailable) else roles.roles
    if on_nodes := [f"{each.name}: {name}" for each in known for name in each.cni]:
        return failed("node roles have the policy of the VPC CNI", on_nodes)
    own = cni_own_role(addons, accounts, pod_identity, {each.name for each in known})
    if own is not True:
        return own or failed("the VPC CNI has no role of its own")
    if isinstance(roles, Unavailable):
        return roles
    return next(_unread(roles), None) or passed("the VPC CNI has a role of its own, and no node role has its policy")


@check("iam-controls.wildcard-roles", needs=(ClusterRoles,), required=False)
def no_role_allows_everything(roles: ClusterRoles, policy: Policy) -> Verdict:
    """No ClusterRole beyond those of the system has a rule with `*` for verbs and for resources.

    Of the system are names that begin with system: or eks:, and the roles that Kubernetes makes itself.
    Why: such a role is cluster-admin under another name, and includes whatever is installed later.
    Fix: name the verbs and resources that are needed, for example with: kubectl create clusterrole --verb --resource
    Source: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
    """
    wildcard = roles.wildcard
    if wildcard.total:
        return failed(
            f"{wildcard.total} of {roles.total} ClusterRoles allow everything", wildcard.names, total=wildcard.total
        )
    return passed(f"none of {roles.total} ClusterRoles beyond those of the system allows everything")
