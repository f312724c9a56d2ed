"""Pod security: what a pod may ask of its node is limited by admission, and nothing asks for more."""

from __future__ import annotations

from collections.abc import Iterable

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import exempt, first_unavailable, starting
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    Components,
    Namespaces,
    Nodes,
    Pods,
    PodSecurityPolicies,
    RuntimeMonitoring,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import ComponentName
from eks_readiness.domain.evidence.policies import (
    BaselineControl,
    EnforcedControls,
    PolicyEngineName,
    baseline_controls,
)
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

ENFORCING_LABELS = ("baseline", "restricted")
_ENGINES: tuple[PolicyEngineName, ...] = ("kyverno", "gatekeeper", "validating-admission-policy")
_POD_ENGINES: dict[PolicyEngineName, ComponentName] = {"kyverno": "kyverno", "gatekeeper": "gatekeeper"}
_SENSORS: tuple[ComponentName, ...] = ("falco", "tetragon")


@check(
    "pod-security.enforced",
    needs=(Namespaces, ClusterConfiguration, if_available(PodSecurityPolicies), if_available(Components)),
    required=True,
)
def every_namespace_enforces_pod_security(
    namespaces: Namespaces,
    cluster: ClusterConfiguration,
    policies: PodSecurityPolicies | Unavailable,
    components: Components | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """Every namespace that is not exempt enforces the baseline or restricted Pod Security Standard.

    A namespace does so by its label pod-security.kubernetes.io/enforce (warn and audit refuse nothing), or when one
    available engine (Kyverno, Gatekeeper, ValidatingAdmissionPolicy) refuses there what every control of baseline
    names, at the cluster's version. Policies whose reach cannot be told from outside (images, users, expressions)
    are left out, and so are namespaces that a policy exception names. The default of Pod Security Admission is not
    visible on Amazon EKS, where it is privileged.
    Why: a privileged pod owns its node, and with it every pod there.
    Fix: kubectl label namespace NAME pod-security.kubernetes.io/enforce=baseline, after the same with warn.
    Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
    """
    judged = namespaces.judged(policy.exempt_namespaces)
    unlabelled = [each.name for each in judged if each.pod_security_enforce not in ENFORCING_LABELS]
    if not unlabelled:
        return passed(f"{len(judged)} namespaces enforce baseline or restricted by label")
    if isinstance(policies, Unavailable):
        return policies
    controls = baseline_controls(cluster.version)
    able = _able(policies.enforced, components)
    missing = {name: gap for name in unlabelled if (gap := _gap(able, name, controls))}
    if not missing:
        return passed(
            f"{len(judged)} namespaces enforce baseline or restricted, {len(unlabelled)} of them by an engine"
        )
    if policies.unread:
        return policies.unread[0]
    if isinstance(components, Unavailable):
        # Any engine may run: only what no engine's policies cover is sure.
        missing = {name: gap for name in missing if (gap := _gap(policies.enforced, name, controls))}
        if not missing:
            return components
    reason = f"{len(missing)} of {len(judged)} namespaces enforce neither baseline nor restricted"
    return failed(reason, [f"{name}{_nearly(gap, controls)}" for name, gap in missing.items()])


@check("pod-security.no-privileged", needs=(Pods,), required=True)
def no_pod_has_host_privileges(pods: Pods, policy: Policy) -> Verdict:
    """No pod outside exempt namespaces is privileged, shares a host namespace or mounts a path of its node.

    Judged are live pods, over their init, regular and ephemeral containers. Agents of your own that need the host
    (log shippers, sensors) live in a namespace of theirs that is exempted by the policy or waived.
    Why: such a pod can read and change everything on its node.
    Fix: drop privileged, hostNetwork, hostPID, hostIPC and hostPath from the workload, or move it to such a namespace.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/pod-security.html
    """
    found = [each for each in pods.privileged if not exempt(each.namespace, policy)]
    live = sum(count for namespace, count in pods.live.items() if not exempt(namespace, policy))
    total = sum(each.pods.total for each in found)
    if not total:
        return passed(f"none of {live} pods has host privileges")
    names = [f"{each.namespace}/{pod}" for each in found for pod in each.pods.names]
    spaces = ", ".join(sorted(each.namespace for each in found))
    return failed(f"{total} of {live} pods have host privileges, in {spaces}", names, total=total)


@check(
    "pod-security.runtime-monitoring",
    needs=(
        if_available(RuntimeMonitoring),
        if_available(Components),
        if_available(Nodes),
        if_available(ClusterConfiguration),
    ),
    required=False,
)
def runtime_monitoring_covers_the_nodes(
    monitoring: RuntimeMonitoring | Unavailable,
    components: Components | Unavailable,
    nodes: Nodes | Unavailable,
    cluster: ClusterConfiguration | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """GuardDuty runtime monitoring, Falco or Tetragon watches what runs on the nodes.

    GuardDuty must call its coverage of the cluster HEALTHY, and does not watch hybrid nodes; a sensor's DaemonSet must
    be ready on every Linux node. Nodes younger than ten minutes may still be starting theirs.
    Not applicable when: every node is Fargate, where none of these runs.
    Why: admission decides what may start; only the node sees what it does then.
    Fix: turn on GuardDuty Runtime Monitoring with automated agent management for EKS, or install Falco or Tetragon.
    Source: https://docs.aws.amazon.com/guardduty/latest/ug/runtime-monitoring.html
    """
    linux = None if isinstance(nodes, Unavailable) else [n for n in nodes.nodes if n.os_family != "windows"]
    if linux and all(node.compute == "fargate" for node in linux):
        return not_applicable("every node is Fargate")
    sides = [_guardduty(monitoring, _hybrid(nodes, cluster)), _sensors(components, nodes)]
    verdicts = [each for each in sides if isinstance(each, Verdict)]
    if good := next((each for each in verdicts if each.outcome == "pass"), None):
        return good
    return first_unavailable(*sides, nodes) or failed("; ".join(each.reason for each in verdicts))


def _able(enforced: Iterable[EnforcedControls], components: Components | Unavailable) -> list[EnforcedControls]:
    """The policies whose engine is there to enforce them; Kubernetes itself enforces its own."""
    return [
        each
        for each in enforced
        if (component := _POD_ENGINES.get(each.engine)) is None
        or (not isinstance(components, Unavailable) and any(it.ready for it in components.named(component)))
    ]


def _gap(
    enforced: Iterable[EnforcedControls], namespace: str, controls: frozenset[BaselineControl]
) -> frozenset[BaselineControl]:
    """What the engine that covers most of baseline in a namespace leaves open there."""
    here = [each for each in enforced if namespace in each.namespaces]
    return min(
        (controls.difference(*(each.controls for each in here if each.engine == engine)) for engine in _ENGINES),
        key=len,
    )


def _nearly(gap: frozenset[BaselineControl], controls: frozenset[BaselineControl]) -> str:
    return f" (engine lacks {', '.join(sorted(gap))})" if len(gap) < len(controls) else ""


def _hybrid(nodes: Nodes | Unavailable, cluster: ClusterConfiguration | Unavailable) -> int | Unavailable:
    """How many hybrid nodes there are: none where the cluster is told of no network outside AWS."""
    if isinstance(nodes, Nodes):
        return sum(node.compute == "hybrid" for node in nodes.nodes)
    return 0 if isinstance(cluster, ClusterConfiguration) and not cluster.remote_networks else nodes


def _guardduty(monitoring: RuntimeMonitoring | Unavailable, hybrid: int | Unavailable) -> Verdict | Unavailable:
    if isinstance(monitoring, Unavailable):
        return monitoring
    if not monitoring.enabled:
        return failed("GuardDuty runtime monitoring is off for EKS")
    covered = f"{monitoring.covered_nodes} of {monitoring.compatible_nodes} nodes"
    if monitoring.coverage_status == "HEALTHY" and isinstance(hybrid, Unavailable):
        return hybrid
    if monitoring.coverage_status == "HEALTHY" and hybrid:
        # https://docs.aws.amazon.com/guardduty/latest/ug/prereq-runtime-monitoring-eks-support.html
        return failed(f"GuardDuty runtime monitoring is HEALTHY on {covered}, but watches none of {hybrid} hybrid ones")
    if monitoring.coverage_status == "HEALTHY":
        return passed(f"GuardDuty runtime monitoring is HEALTHY on {covered}")
    state = monitoring.coverage_status or "not listed"
    return failed(f"GuardDuty coverage of this cluster is {state} ({covered}) {monitoring.issue}")


def _sensors(components: Components | Unavailable, nodes: Nodes | Unavailable) -> Verdict | Unavailable:
    if isinstance(components, Unavailable):
        return components
    found = [each for name in _SENSORS for each in components.named(name) if each.kind == "DaemonSet"]
    if not found:
        return failed("neither Falco nor Tetragon runs")
    if isinstance(nodes, Unavailable):
        return nodes
    judged = [each for each in nodes.nodes if each.os_family != "windows" and each.compute != "fargate"]
    new = sum(starting(each, nodes) for each in judged)
    for each in found:
        if each.ready and each.ready + new >= max(each.desired, len(judged)):
            return passed(f"{each.where} is ready on {each.ready} nodes")
    return failed(f"{found[0].where} is ready on {found[0].ready} of {len(judged)} nodes")
