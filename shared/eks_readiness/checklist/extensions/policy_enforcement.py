"""Policy enforcement: rules of the organisation that the cluster itself refuses to break."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import exempt
from eks_readiness.domain.evidence import AdmissionPolicies, Components, PolicyReports, Unavailable
from eks_readiness.domain.evidence.nodes import Component, ComponentName
from eks_readiness.domain.evidence.policies import EnginePolicies, EngineWebhook, PolicyEngineName
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_TITLES: dict[PolicyEngineName, str] = {
    "kyverno": "Kyverno",
    "gatekeeper": "Gatekeeper",
    "validating-admission-policy": "ValidatingAdmissionPolicy",
}
_POD_ENGINES: tuple[tuple[PolicyEngineName, ComponentName], ...] = (
    ("kyverno", "kyverno"),
    ("gatekeeper", "gatekeeper"),
)
_BUILT_IN: PolicyEngineName = "validating-admission-policy"
_MIN_REPLICAS = 2


@check(
    "policy-enforcement.engine",
    needs=(if_available(Components), if_available(AdmissionPolicies)),
    required=True,
)
def a_policy_engine_is_available(
    components: Components | Unavailable, policies: AdmissionPolicies | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Kyverno, Gatekeeper or ValidatingAdmissionPolicy is there and available.

    Kyverno and Gatekeeper are available when a pod of their admission controller is ready. A ValidatingAdmissionPolicy
    needs no pods, the API server itself evaluates it, and counts with a binding whose actions include Deny.
    Why: a rule that is only written down is broken by the next deployment.
    Fix: helm install kyverno kyverno/kyverno -n kyverno --create-namespace, or write a ValidatingAdmissionPolicy.
    Source: https://docs.aws.amazon.com/eks/latest/best-practices/pod-security.html
    """
    found = [] if isinstance(components, Unavailable) else _controllers(components)
    if ready := [each for each in found if each.ready]:
        return passed(f"{ready[0].where} has {ready[0].ready} of {ready[0].desired} pods ready")
    built_in = policies if isinstance(policies, Unavailable) else policies.of(_BUILT_IN)
    if isinstance(built_in, EnginePolicies) and built_in.enforcing:
        return passed(f"the API server evaluates {built_in.enforcing} ValidatingAdmissionPolicies that deny")
    if isinstance(components, Unavailable):
        return components
    if isinstance(built_in, Unavailable):
        return built_in
    if found:
        return failed("no pod of the admission controller is ready", [_state(each) for each in found])
    unbound = f"; {built_in.lenient.total} ValidatingAdmissionPolicies deny nothing" if built_in.lenient.total else ""
    return failed(f"neither Kyverno nor Gatekeeper runs, and no ValidatingAdmissionPolicy denies{unbound}")


@check(
    "policy-enforcement.enforcing",
    needs=(if_available(Components), AdmissionPolicies),
    required=True,
)
def policies_enforce_on_workloads(
    components: Components | Unavailable, policies: AdmissionPolicies, policy: Policy
) -> Verdict | Unavailable:
    """At least `min_enforcing_policies` policies refuse what they judge in namespaces that are not exempt.

    Kyverno: a rule's own failureAction counts before the policy's validationFailureAction, and Audit is the default of
    kyverno.io, Deny that of policies.kyverno.io; a policy that is not Ready does not count. Gatekeeper: without an
    enforcementAction a constraint denies. Both must be available, and count in namespaces about which their webhooks
    ask them. ValidatingAdmissionPolicy: a binding must Deny.
    Why: a policy that audits or warns refuses nothing.
    Fix: set failureAction: Enforce, enforcementAction: deny, or validationActions: [Deny], after a time in audit.
    Source: https://kyverno.io/docs/policy-types/cluster-policy/validate/#failure-action
    """
    able = {name for name in _TITLES if _able(name, components)}
    enforcing = {name: _reaching(policies.of(name), policy) for name in _TITLES}
    wanted = max(policy.min_enforcing_policies, 1)
    count = sum(enforcing[name] for name in able)
    if count >= wanted:
        by = " and ".join(_TITLES[name] for name in _TITLES if name in able and enforcing[name])
        return passed(f"{count} policies of {by} enforce on workload namespaces")
    if policies.unread:
        return next(iter(policies.unread.values()))
    if isinstance(components, Unavailable) and sum(enforcing.values()) >= wanted:
        return components
    idle = [_TITLES[name] for name in _TITLES if name not in able and enforcing[name]]
    if idle and not isinstance(components, Unavailable):
        return failed(f"the admission controller of {' and '.join(idle)} is not available: nothing is enforced")
    lenient = [policies.of(name) for name in _TITLES]
    found = [each for each in lenient if isinstance(each, EnginePolicies)]
    names = [name for each in found for name in each.lenient.names]
    total = sum(each.lenient.total for each in found)
    elsewhere = sum(each.enforcing for each in found) - sum(enforcing.values())
    if not total and not elsewhere and not count:
        return failed("there is no policy that enforces anything")
    tail = f"; {elsewhere} enforce elsewhere" if elsewhere else ""
    return failed(f"{count} policies enforce on workload namespaces, {total} do not enforce{tail}", names, total=total)


@check(
    "policy-enforcement.resilient",
    needs=(if_available(Components), if_available(AdmissionPolicies)),
    required=False,
)
def policies_survive_a_lost_pod(
    components: Components | Unavailable, policies: AdmissionPolicies | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Each policy engine has two ready replicas, or its webhooks fail closed.

    A ValidatingAdmissionPolicy is evaluated by the API server, which Amazon EKS runs in several zones.
    Why: with one replica and failurePolicy Ignore, whoever creates something while that pod restarts is not judged.
    Fix: helm upgrade kyverno kyverno/kyverno --set admissionController.replicas=3 (Gatekeeper: --set replicas=3).
    Source: https://kyverno.io/docs/installation/methods/#high-availability
    """
    if isinstance(components, Unavailable):
        return components
    engines = [(name, each) for name, component in _POD_ENGINES if (each := _weakest(components, component))]
    if not engines:
        return _without_pods(policies)
    weak = [(name, each) for name, each in engines if each.ready < _MIN_REPLICAS]
    if down := [_state(each) for _, each in weak if not each.ready]:
        return failed("no pod of the admission controller is ready", down)
    webhooks = policies if isinstance(policies, Unavailable) else policies.webhooks
    if weak and isinstance(webhooks, Unavailable):
        return webhooks
    closed = set() if isinstance(webhooks, Unavailable) else _fail_closed(webhooks)
    if open_ := [f"{_state(each)}, and does not fail closed" for name, each in weak if name not in closed]:
        return failed("a policy engine has one replica, and its webhooks are missing or fail open", open_)
    where = ", ".join(each.where for _, each in engines)
    return passed(f"{where}: one replica, which fails closed" if weak else f"{where}: two or more ready replicas")


@check(
    "policy-enforcement.audit-fresh",
    needs=(if_available(AdmissionPolicies), if_available(PolicyReports)),
    required=False,
)
def what_was_there_before_is_audited(
    policies: AdmissionPolicies | Unavailable, reports: PolicyReports | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """The last audit of what is in the cluster is younger than `max_policy_audit_age_hours` hours.

    Gatekeeper tells by its constraints' auditTimestamp, Kyverno by its newest policy report. ValidatingAdmissionPolicy
    judges only what comes in: alone, it audits nothing.
    Why: a policy refuses what comes in; what was there before, or came while the engine was down, only an audit finds.
    Fix: look at Deployment gatekeeper-audit, or at Kyverno's reports controller and background scan.
    Source: https://open-policy-agent.github.io/gatekeeper/website/docs/audit/
    """
    gatekeeper = policies if isinstance(policies, Unavailable) else policies.of("gatekeeper")
    instants = [
        gatekeeper.last_audit_at if isinstance(gatekeeper, EnginePolicies) else None,
        reports.newest_at if isinstance(reports, PolicyReports) else None,
    ]
    known = [each for each in instants if each]
    observed = next((each.observed_at for each in (policies, reports) if not isinstance(each, Unavailable)), None)
    newest = max(known, default=None)
    if newest and observed and observed - newest <= timedelta(hours=policy.max_policy_audit_age_hours):
        return passed(f"the last audit was at {newest:%Y-%m-%d %H:%M} UTC")
    if isinstance(gatekeeper, Unavailable):
        return gatekeeper
    if isinstance(reports, Unavailable):
        return reports
    if newest:
        return failed(f"the last audit was at {newest:%Y-%m-%d %H:%M} UTC")
    return failed("nothing audits what is in the cluster: neither Gatekeeper's audit nor a report of Kyverno is there")


def _without_pods(policies: AdmissionPolicies | Unavailable) -> Verdict | Unavailable:
    built_in = policies if isinstance(policies, Unavailable) else policies.of(_BUILT_IN)
    if isinstance(built_in, Unavailable):
        return built_in
    return passed("the API server itself evaluates the policies") if built_in.enforcing else failed("no policy engine")


def _fail_closed(webhooks: Iterable[EngineWebhook]) -> set[PolicyEngineName]:
    """The engines that have webhooks, all of which refuse what nobody judges."""
    found = list(webhooks)
    return {each.engine for each in found} - {each.engine for each in found if each.failure_policy != "Fail"}


def _controllers(components: Components) -> list[Component]:
    return [each for _, name in _POD_ENGINES for each in components.named(name)]


def _weakest(components: Components, name: ComponentName) -> Component | None:
    return min(components.named(name), key=lambda each: each.ready, default=None)


def _able(name: PolicyEngineName, components: Components | Unavailable) -> bool:
    """Whether an engine is there to enforce its policies."""
    component = dict(_POD_ENGINES).get(name)
    if component is None:
        return True
    return not isinstance(components, Unavailable) and any(each.ready for each in components.named(component))


def _reaching(found: EnginePolicies | Unavailable, policy: Policy) -> int:
    """How many policies enforce in a namespace that is not exempt."""
    if isinstance(found, Unavailable):
        return 0
    return sum(each.policies.total for each in found.reach if _workload(each.namespaces, policy))


def _workload(namespaces: Iterable[str], policy: Policy) -> bool:
    return any(not exempt(name, policy) for name in namespaces)


def _state(each: Component) -> str:
    return f"{each.where}: {each.ready} of {each.desired} ready"
