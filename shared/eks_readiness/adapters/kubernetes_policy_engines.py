"""Policies of Kyverno and Gatekeeper that refuse pods, and which controls of the baseline standard each covers.

What cannot be told from outside (a rule of one's own, a selector of pods) is left out: it never counts as covered.
A ValidatingAdmissionPolicy, and a ValidatingPolicy of Kyverno, is an expression; where one seems to judge pods'
privileges, that is told in `unread`.

Sources: https://kyverno.io/docs/policy-types/cluster-policy/validate/#pod-security,
https://github.com/kyverno/kyverno/tree/main/charts/kyverno-policies,
https://open-policy-agent.github.io/gatekeeper-library/website/pspintro
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from eks_readiness.adapters.kubernetes_namespaces import Space, living_spaces
from eks_readiness.adapters.kubernetes_objects import Named, selects
from eks_readiness.adapters.kubernetes_policy_objects import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CLUSTER_POLICIES,
    EXCEPTIONS,
    GATEKEEPER_GROUP,
    POLICIES,
    VALIDATING_POLICIES,
    AdmissionPolicy,
    AdmissionSpec,
    Binding,
    CelPolicy,
    CelSpec,
    Constraint,
    GatekeeperMatch,
    GatekeeperSpec,
    KyvernoException,
    KyvernoExceptionSpec,
    KyvernoFilter,
    KyvernoMatch,
    KyvernoPolicy,
    KyvernoRule,
    KyvernoSpec,
    KyvernoValidate,
    MatchResources,
    asked_about,
    engine_webhooks,
    names_namespace,
)
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import AccessDenied, bounded
from eks_readiness.domain.evidence import PodSecurityPolicies, Unavailable
from eks_readiness.domain.evidence.policies import (
    BASELINE,
    BaselineControl,
    EnforcedControls,
    PolicyEngineName,
    baseline_controls,
)

_POD_KINDS = frozenset({"Pod", "*", "v1/Pod", "*/Pod", "Pod.v1"})
_PRIVILEGE_WORDS = ("privileged", "hostNetwork", "hostPID", "hostIPC", "hostPath")

# The policies of the kyverno-policies chart, by the names that it gives them.
_CHART_POLICIES: dict[str, frozenset[BaselineControl]] = {
    "disallow-capabilities": frozenset({"capabilities"}),
    "disallow-host-namespaces": frozenset({"host-network", "host-pid-ipc"}),
    "disallow-host-path": frozenset({"host-path"}),
    "disallow-host-ports": frozenset({"host-ports"}),
    "disallow-host-process": frozenset({"host-process"}),
    "disallow-privileged-containers": frozenset({"privileged"}),
    "disallow-proc-mount": frozenset({"proc-mount"}),
    "disallow-selinux": frozenset({"selinux"}),
    "restrict-apparmor-profiles": frozenset({"apparmor"}),
    "restrict-seccomp": frozenset({"seccomp"}),
    "restrict-sysctls": frozenset({"sysctls"}),
}
# Capabilities that baseline lets containers add.
# https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
_BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)


def read_policies(api: KubernetesReader, gathered: Gathered) -> PodSecurityPolicies:
    """Every policy that refuses pods; an engine whose policies are denied is told in `unread`."""
    spaces = living_spaces(api)
    enforced: list[EnforcedControls] = []
    unread: list[Unavailable] = []
    for read in (_kyverno, _gatekeeper, _expressions, _kyverno_expressions):
        try:
            for each in read(api, spaces):
                if isinstance(each, Unavailable):
                    unread.append(each)
                else:
                    enforced.append(each)
        except AccessDenied as error:
            unread.append(Unavailable.because(error))
    return PodSecurityPolicies(
        observed_at=gathered.observed_at,
        source="kyverno.io policies, constraints.gatekeeper.sh, validatingadmissionpolicies",
        enforced=tuple(enforced),
        unread=tuple(unread),
    )


_Read = Iterable[EnforcedControls | Unavailable]


def _kyverno(api: KubernetesReader, spaces: list[Space]) -> _Read:
    exceptions = [each.spec for each in api.items(EXCEPTIONS, KyvernoException) if each.spec]
    asked: list[Space] | None = None
    for policy in (each for kind in (CLUSTER_POLICIES, POLICIES) for each in api.items(kind, KyvernoPolicy)):
        meta, spec = policy.metadata, policy.spec or KyvernoSpec()
        # Overrides name namespaces that are only audited: such a policy's reach cannot be told in full.
        if spec.admission is False or spec.validation_failure_action_overrides or policy.broken:
            continue
        if spec.webhook_configuration and spec.webhook_configuration.match_conditions:
            continue
        if asked is None:
            asked = asked_about("kyverno", list(engine_webhooks(api)), spaces)
        inside = [each for each in asked if meta.namespace in ("", each.name) and not _excused(meta, each, exceptions)]
        yield from _kyverno_policy(meta, spec, inside)


def _excused(meta: Named, space: Space, exceptions: Iterable[KyvernoExceptionSpec]) -> bool:
    """Whether an exception to the policy may let a pod of the namespace through.

    Source: https://kyverno.io/docs/exceptions/
    """
    name = f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
    return any(
        any(fnmatchcase(name, rule.policy_name) for rule in each.exceptions or ()) and _may_match(each.match, space)
        for each in exceptions
    )


def _kyverno_policy(meta: Named, spec: KyvernoSpec, spaces: list[Space]) -> _Read:
    for rule in spec.rules or ():
        validate = rule.validate
        if validate is None or validate.failure_action_overrides or _conditional(rule):
            continue
        action = validate.failure_action or spec.validation_failure_action or "Audit"
        controls = _kyverno_controls(meta.name, validate)
        if action.lower() == "enforce" and controls:
            reached = tuple(each.name for each in spaces if _matches(rule, each))
            if reached:
                yield _enforced("kyverno", meta.name, controls, reached)


def _conditional(rule: KyvernoRule) -> bool:
    """Whether conditions may keep a rule from judging a new pod. That it must not be a deletion does not."""
    given = rule.preconditions or ()
    conditions = [*(given.get("all") or ()), *(given.get("any") or ())] if isinstance(given, Mapping) else given
    return bool(rule.cel_preconditions) or not all(_is_not_a_deletion(each) for each in conditions)


def _is_not_a_deletion(condition: Any) -> bool:
    # As the kyverno-policies chart writes it: {{ request.operation || 'BACKGROUND' }}.
    return (
        isinstance(condition, Mapping)
        and "request.operation" in str(condition.get("key"))
        and condition.get("operator") in ("NotEquals", "NotEqual")
        and condition.get("value") == "DELETE"
    )


def _kyverno_controls(policy: str, validate: KyvernoValidate) -> frozenset[BaselineControl]:
    security = validate.pod_security
    if security is not None:
        known = BASELINE if security.version in ("", "latest") else baseline_controls(security.version)
        return known if security.level in ("baseline", "restricted") and not security.exclude else frozenset()
    return _CHART_POLICIES.get(policy, frozenset())


def _matches(rule: KyvernoRule, space: Space) -> bool:
    """Whether a rule surely judges every pod of a namespace."""
    match = rule.match or KyvernoMatch()
    if match.all or not (match.any or match.resources):
        return False
    given = [*(match.any or ()), *([KyvernoFilter(resources=match.resources)] if match.resources else [])]
    if not any(_all_pods(each, space) for each in given):
        return False
    return not _may_match(rule.exclude, space)


def _may_match(match: KyvernoMatch | None, space: Space) -> bool:
    """Whether an exclusion or exception may be about a pod of the namespace."""
    match = match or KyvernoMatch()
    filters = [*(match.any or ()), *(match.all or ())]
    if match.resources:
        filters.append(KyvernoFilter(resources=match.resources))
    return any(_may_leave_out(each, space) for each in filters)


def _all_pods(each: KyvernoFilter, space: Space) -> bool:
    resources = each.resources
    if resources is None or each.subjects or each.roles or each.cluster_roles:
        return False
    if resources.selector or resources.annotations or resources.names or resources.name:
        return False
    if resources.operations and "CREATE" not in resources.operations:
        return False
    if not _POD_KINDS.intersection(resources.kinds or ()) or not selects(resources.namespace_selector, space.labels):
        return False
    return not resources.namespaces or names_namespace(resources.namespaces, space.name)


def _may_leave_out(each: KyvernoFilter, space: Space) -> bool:
    """Whether an exclusion may let a pod of the namespace through: unless it is surely about other ones, it may."""
    resources = each.resources
    if resources is None:
        return True
    if resources.namespaces and not names_namespace(resources.namespaces, space.name):
        return False
    if resources.kinds and not any(fnmatchcase("Pod", kind.rpartition("/")[2]) for kind in resources.kinds):
        return False
    return selects(resources.namespace_selector, space.labels)


def _enforced(
    engine: PolicyEngineName, policy: str, controls: frozenset[BaselineControl], namespaces: tuple[str, ...]
) -> EnforcedControls:
    return EnforcedControls(engine=engine, policy=policy, controls=tuple(sorted(controls)), namespaces=namespaces)


class _Template(NamedTuple):
    """One template of Gatekeeper's library: its controls, and whether parameters are as strict as baseline."""

    controls: frozenset[BaselineControl]
    strict: Callable[[Mapping[str, Any]], bool] = lambda _parameters: True


def _no_host_ports(parameters: Mapping[str, Any]) -> bool:
    return not parameters.get("hostNetwork") and not parameters.get("min") and not parameters.get("max")


def _baseline_capabilities(parameters: Mapping[str, Any]) -> bool:
    return _BASELINE_CAPABILITIES.issuperset(map(str, parameters.get("allowedCapabilities") or ()))


def _confined(parameters: Mapping[str, Any]) -> bool:
    profiles = {str(each).lower() for each in parameters.get("allowedProfiles") or ()}
    return bool(profiles) and not profiles & {"*", "unconfined"}


_LIBRARY = {
    "k8spspprivilegedcontainer": _Template(frozenset({"privileged"})),
    "k8spsphostnamespace": _Template(frozenset({"host-pid-ipc"})),
    "k8spsphostnetworkingports": _Template(frozenset({"host-network", "host-ports"}), _no_host_ports),
    "k8spsphostfilesystem": _Template(frozenset({"host-path"}), lambda given: not given.get("allowedHostPaths")),
    "k8spspcapabilities": _Template(frozenset({"capabilities"}), _baseline_capabilities),
    "k8spspprocmount": _Template(frozenset({"proc-mount"}), lambda given: given.get("procMount") == "Default"),
    "k8spspseccomp": _Template(frozenset({"seccomp"}), _confined),
    "k8spspseccompv2": _Template(frozenset({"seccomp"}), _confined),
    "k8spspapparmor": _Template(frozenset({"apparmor"}), _confined),
    "k8spspforbiddensysctls": _Template(
        frozenset({"sysctls"}), lambda given: "*" in (given.get("forbiddenSysctls") or ())
    ),
}


def _gatekeeper(api: KubernetesReader, spaces: list[Space]) -> _Read:
    kinds = [(Kind(GATEKEEPER_GROUP, resource, ("v1beta1",)), template) for resource, template in _LIBRARY.items()]
    asked: list[Space] | None = None
    for each, template in ((each, template) for kind, template in kinds for each in api.items(kind, Constraint)):
        spec = each.spec or GatekeeperSpec()
        exempted = (spec.parameters or {}).get("exemptImages")
        if not spec.denies or exempted or not template.strict(spec.parameters or {}):
            continue
        if asked is None:
            asked = asked_about("gatekeeper", list(engine_webhooks(api)), spaces)
        match = spec.match or GatekeeperMatch()
        reached = tuple(space.name for space in asked if constrains(match, space))
        if reached:
            yield _enforced("gatekeeper", each.metadata.name, template.controls, reached)


def constrains(match: GatekeeperMatch, space: Space) -> bool:
    """Whether a constraint surely judges every pod of a namespace."""
    kinds = [kind for each in match.kinds or () for kind in each.kinds or ()]
    if match.label_selector is not None and not match.label_selector.everything:
        return False
    if match.name or match.source == "Generated":
        return False
    if match.scope == "Cluster" or (kinds and not {"Pod", "*"} & set(kinds)):
        return False
    if names_namespace(match.excluded_namespaces, space.name):
        return False
    named = not match.namespaces or names_namespace(match.namespaces, space.name)
    return named and selects(match.namespace_selector, space.labels)


def _expressions(api: KubernetesReader, _spaces: list[Space]) -> _Read:
    denying = {
        each.spec.policy_name
        for each in api.items(ADMISSION_BINDINGS, Binding)
        if each.spec and "Deny" in (each.spec.validation_actions or ())
    }
    judging = [
        f"ValidatingAdmissionPolicy {each.metadata.name}"
        for each in api.items(ADMISSION_POLICIES, AdmissionPolicy)
        if each.metadata.name in denying and _judges_privileges(each.spec or AdmissionSpec())
    ]
    if judging:
        yield _own_words(judging)


def _kyverno_expressions(api: KubernetesReader, spaces: list[Space]) -> _Read:
    names = {each.name for each in spaces}
    judging = []
    for kind in VALIDATING_POLICIES:
        for each in api.items(kind, CelPolicy):
            spec, meta = each.spec or CelSpec(), each.metadata
            denies = spec.judges_requests and spec.admits and "Deny" in spec.actions and not each.broken
            if denies and meta.namespace in ("", *names) and _judges_privileges(spec):
                where = f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
                judging.append(f"ValidatingPolicy {where}")
    if judging:
        yield _own_words(judging)


def _own_words(policies: list[str]) -> Unavailable:
    return Unavailable(
        reason="unsupported",
        detail=bounded(f"{', '.join(sorted(policies)[:5])} judges pods by expressions of its own"),
        remedy="label the namespaces with pod-security.kubernetes.io/enforce, or waive the check",
    )


def _judges_privileges(spec: AdmissionSpec) -> bool:
    rules = (spec.match_constraints or MatchResources()).resource_rules or ()
    pods = any({"pods", "*", "*/*"} & set(each.resources or ()) for each in rules)
    text = " ".join(each.expression for each in [*(spec.validations or ()), *(spec.variables or ())])
    return pods and any(word in text for word in _PRIVILEGE_WORDS)


PROBES = (
    KubernetesProbe(
        provides=PodSecurityPolicies,
        rights=(
            Right("", "namespaces"),
            Right("kyverno.io", "clusterpolicies"),
            Right("kyverno.io", "policies"),
            Right("kyverno.io", "policyexceptions"),
            *(Right(kind.group, kind.resource) for kind in VALIDATING_POLICIES),
            # Gatekeeper makes these kinds at run time: only a wildcard names them all.
            Right(GATEKEEPER_GROUP, "*"),
            Right("admissionregistration.k8s.io", "validatingadmissionpolicies"),
            Right("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
            Right("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        ),
        read=read_policies,
    ),
)
"""What this module gathers."""
