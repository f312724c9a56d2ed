"""Policies of Kyverno and Gatekeeper that refuse pods, and which controls of the baseline standard each covers.

What cannot be told from outside (a rule of one's own, a selector by labels) is left out: it never counts as covered.
A ValidatingAdmissionPolicy is an expression; where one seems to judge pods' privileges, that is told in `unread`.

Sources: https://kyverno.io/docs/policy-types/cluster-policy/validate/#pod-security,
https://github.com/kyverno/kyverno/tree/main/charts/kyverno-policies,
https://open-policy-agent.github.io/gatekeeper-library/website/pspintro
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from eks_readiness.adapters.kubernetes_objects import Named, Requirement, Selector
from eks_readiness.adapters.kubernetes_policy_objects import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CLUSTER_POLICIES,
    EXCEPTIONS,
    GATEKEEPER_GROUP,
    POLICIES,
    AdmissionPolicy,
    AdmissionSpec,
    Binding,
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
    KyvernoStatus,
    KyvernoValidate,
    MatchResources,
)
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import AccessDenied
from eks_readiness.domain.evidence import Namespaces, PodSecurityPolicies, Unavailable
from eks_readiness.domain.evidence.policies import BASELINE, BaselineControl, EnforcedControls, PolicyEngineName

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
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
    names = [each.name for each in gathered.get(Namespaces).namespaces]
    enforced: list[EnforcedControls] = []
    unread: list[Unavailable] = []
    for read in (_kyverno, _gatekeeper, _expressions):
        try:
            for each in read(api, names):
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


def _kyverno(api: KubernetesReader, names: list[str]) -> _Read:
    exceptions = [each.spec for each in api.items(EXCEPTIONS, KyvernoException) if each.spec]
    for kind in (CLUSTER_POLICIES, POLICIES):
        for policy in api.items(kind, KyvernoPolicy):
            meta, spec = policy.metadata, policy.spec or KyvernoSpec()
            # Overrides name namespaces that are only audited: such a policy's reach cannot be told in full.
            if spec.admission is False or spec.validation_failure_action_overrides or _is_broken(policy):
                continue
            inside = [name for name in names if meta.namespace in ("", name) and not _excused(meta, name, exceptions)]
            yield from _kyverno_policy(meta, spec, inside)


def _is_broken(policy: KyvernoPolicy) -> bool:
    """Whether Kyverno says that it could not take the policy up."""
    conditions = (policy.status or KyvernoStatus()).conditions or ()
    return any(each.type == "Ready" and each.status == "False" for each in conditions)


def _excused(meta: Named, namespace: str, exceptions: Iterable[KyvernoExceptionSpec]) -> bool:
    """Whether an exception to the policy may let a pod of the namespace through.

    Source: https://kyverno.io/docs/exceptions/
    """
    name = f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
    return any(
        any(fnmatchcase(name, rule.policy_name) for rule in each.exceptions or ()) and _may_match(each.match, namespace)
        for each in exceptions
    )


def _kyverno_policy(meta: Named, spec: KyvernoSpec, names: list[str]) -> _Read:
    for rule in spec.rules or ():
        validate = rule.validate
        if validate is None or validate.failure_action_overrides or _conditional(rule):
            continue
        action = validate.failure_action or spec.validation_failure_action or "Audit"
        controls = _kyverno_controls(meta.name, validate)
        if action.lower() == "enforce" and controls:
            reached = tuple(name for name in names if _matches(rule, name))
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
        return BASELINE if security.level in ("baseline", "restricted") and not security.exclude else frozenset()
    return _CHART_POLICIES.get(policy, frozenset())


def _matches(rule: KyvernoRule, namespace: str) -> bool:
    """Whether a rule surely judges every pod of a namespace."""
    match = rule.match or KyvernoMatch()
    if match.all or not (match.any or match.resources):
        return False
    given = [*(match.any or ()), *([KyvernoFilter(resources=match.resources)] if match.resources else [])]
    if not any(_all_pods(each, namespace) for each in given):
        return False
    return not _may_match(rule.exclude, namespace)


def _may_match(match: KyvernoMatch | None, namespace: str) -> bool:
    """Whether an exclusion or exception may be about a pod of the namespace."""
    match = match or KyvernoMatch()
    filters = [*(match.any or ()), *(match.all or ())]
    if match.resources:
        filters.append(KyvernoFilter(resources=match.resources))
    return any(_may_leave_out(each, namespace) for each in filters)


def _all_pods(each: KyvernoFilter, namespace: str) -> bool:
    resources = each.resources
    if resources is None or each.subjects or each.roles or each.cluster_roles:
        return False
    if resources.selector or resources.annotations or resources.names or resources.name:
        return False
    if resources.operations and "CREATE" not in resources.operations:
        return False
    if not _POD_KINDS.intersection(resources.kinds or ()) or not _selected(resources.namespace_selector, namespace):
        return False
    return not resources.namespaces or any(fnmatchcase(namespace, pattern) for pattern in resources.namespaces)


def _may_leave_out(each: KyvernoFilter, namespace: str) -> bool:
    """Whether an exclusion may let a pod of the namespace through: unless it is surely about other ones, it may."""
    resources = each.resources
    if resources is None:
        return True
    if resources.namespaces:
        return any(fnmatchcase(namespace, pattern) for pattern in resources.namespaces)
    if resources.kinds and not _POD_KINDS.intersection(resources.kinds):
        return False
    selector = resources.namespace_selector
    return selector is None or _selected(selector, namespace) or not _by_name(selector)


def _by_name(selector: Selector) -> bool:
    keys = [*(selector.match_labels or ()), *(each.key for each in selector.match_expressions or ())]
    return bool(keys) and set(keys) == {_NAMESPACE_NAME}


def _selected(selector: Selector | None, namespace: str) -> bool:
    """Whether a selector surely takes a namespace in: only its name is known here, no other label."""
    if selector is None or not (selector.match_labels or selector.match_expressions):
        return True
    if not _by_name(selector):
        return False
    by_labels = all(value == namespace for value in (selector.match_labels or {}).values())
    return by_labels and all(_requirement(each, namespace) for each in selector.match_expressions or ())


def _requirement(each: Requirement, namespace: str) -> bool:
    there = namespace in (each.values or ())
    return {"In": there, "NotIn": not there, "Exists": True}.get(each.operator, False)


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


def _gatekeeper(api: KubernetesReader, names: list[str]) -> _Read:
    for resource, template in _LIBRARY.items():
        for each in api.items(Kind(GATEKEEPER_GROUP, resource, ("v1beta1",)), Constraint):
            spec = each.spec or GatekeeperSpec()
            exempted = (spec.parameters or {}).get("exemptImages")
            # Without an action, a constraint denies.
            if (spec.enforcement_action or "deny") != "deny" or exempted or not template.strict(spec.parameters or {}):
                continue
            match = spec.match or GatekeeperMatch()
            reached = tuple(name for name in names if constrains(match, name))
            if reached:
                yield _enforced("gatekeeper", each.metadata.name, template.controls, reached)


def constrains(match: GatekeeperMatch, namespace: str) -> bool:
    """Whether a constraint surely judges every pod of a namespace."""
    kinds = [kind for each in match.kinds or () for kind in each.kinds or ()]
    labels = match.label_selector
    if labels is not None and (labels.match_labels or labels.match_expressions):
        return False
    if match.name or match.source == "Generated":
        return False
    if match.scope == "Cluster" or (kinds and not {"Pod", "*"} & set(kinds)):
        return False
    if any(fnmatchcase(namespace, pattern) for pattern in match.excluded_namespaces or ()):
        return False
    named = not match.namespaces or any(fnmatchcase(namespace, pattern) for pattern in match.namespaces)
    return named and _selected(match.namespace_selector, namespace)


def _expressions(api: KubernetesReader, _names: list[str]) -> _Read:
    denying = {
        each.spec.policy_name
        for each in api.items(ADMISSION_BINDINGS, Binding)
        if each.spec and "Deny" in (each.spec.validation_actions or ())
    }
    judging = [
        each.metadata.name
        for each in api.items(ADMISSION_POLICIES, AdmissionPolicy)
        if each.metadata.name in denying and _judges_privileges(each.spec or AdmissionSpec())
    ]
    if judging:
        yield Unavailable(
            reason="unsupported",
            detail=f"ValidatingAdmissionPolicy {', '.join(sorted(judging)[:5])} judges pods by expressions of its own",
            remedy="label the namespaces with pod-security.kubernetes.io/enforce, or waive the check",
        )


def _judges_privileges(spec: AdmissionSpec) -> bool:
    rules = (spec.match_constraints or MatchResources()).resource_rules or ()
    pods = any({"pods", "*"} & set(each.resources or ()) for each in rules)
    text = " ".join(each.expression for each in [*(spec.validations or ()), *(spec.variables or ())])
    return pods and any(word in text for word in _PRIVILEGE_WORDS)


PROBES = (
    KubernetesProbe(
        provides=PodSecurityPolicies,
        rights=(
            Right("kyverno.io", "clusterpolicies"),
            Right("kyverno.io", "policies"),
            Right("kyverno.io", "policyexceptions"),
            # Gatekeeper makes these kinds at run time: only a wildcard names them all.
            Right(GATEKEEPER_GROUP, "*"),
            Right("admissionregistration.k8s.io", "validatingadmissionpolicies"),
            Right("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ),
        read=read_policies,
        after=(Namespaces,),
    ),
)
"""What this module gathers."""
