"""Which policies of Kyverno, Gatekeeper and Kubernetes itself refuse something, and in which namespaces.

Other than for pod security, a policy counts here whatever it is about: what is asked is whether anything is enforced.

Sources: https://kyverno.io/docs/policy-types/, https://open-policy-agent.github.io/gatekeeper/website/docs/violations/,
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from eks_readiness.adapters.kubernetes_namespaces import Space, living_spaces
from eks_readiness.adapters.kubernetes_objects import selects
from eks_readiness.adapters.kubernetes_policy_objects import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CLUSTER_POLICIES,
    GATEKEEPER_CONFIGS,
    GATEKEEPER_GROUP,
    IMAGE_POLICIES,
    POLICIES,
    VALIDATING_POLICIES,
    AdmissionPolicy,
    Binding,
    BindingSpec,
    CelPolicy,
    CelSpec,
    Constraint,
    GatekeeperConfig,
    GatekeeperMatch,
    GatekeeperSpec,
    KyvernoFilter,
    KyvernoMatch,
    KyvernoOverride,
    KyvernoPolicy,
    KyvernoResources,
    KyvernoRule,
    KyvernoSpec,
    MatchResources,
    Webhooks,
    asked_about,
    engine_webhooks,
    names_namespace,
)
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.evidence import AdmissionPolicies, PolicyReports, Unavailable
from eks_readiness.domain.evidence.policies import EnginePolicies, EngineWebhook, PolicyEngineName, PolicyReach
from eks_readiness.domain.instant import Instant

_CEL_KINDS = (*VALIDATING_POLICIES, *IMAGE_POLICIES)
_REPORTS = (
    Kind("wgpolicyk8s.io", "policyreports", ("v1beta1", "v1alpha2"), page=100),
    Kind("wgpolicyk8s.io", "clusterpolicyreports", ("v1beta1", "v1alpha2"), page=100),
    Kind("openreports.io", "reports", ("v1alpha1",), page=100),
    Kind("openreports.io", "clusterreports", ("v1alpha1",), page=100),
)
_MANAGED_BY = "app.kubernetes.io/managed-by"
_LAST_SCAN = "audit.kyverno.io/last-scan-time"
# Kinds, and resources, that are in no namespace: who refuses only those refuses nothing of a workload.
_CLUSTER_KINDS = frozenset(
    {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass", "Namespace", "Node"}
    | {"PersistentVolume", "PriorityClass", "StorageClass"}
)
_CLUSTER_RESOURCES = frozenset(
    {"clusterrolebindings", "clusterroles", "customresourcedefinitions", "ingressclasses", "namespaces", "nodes"}
    | {"persistentvolumes", "priorityclasses", "storageclasses"}
)


class _Fold:
    """What is kept of one engine's policies while they stream by, with the namespaces about which it is asked."""

    def __init__(self, spaces: Sequence[Space]) -> None:
        self._asked = bool(spaces)
        self.enforcing = 0
        self.reach: dict[tuple[str, ...], Names] = {}
        self.lenient = Names()
        self.last_audit_at: datetime | None = None

    def add(self, policy: str, *, enforces: bool, reached: Sequence[str], instead: str) -> None:
        """Fold one policy in."""
        if enforces and not self._asked:
            self.lenient.add(f"{policy} (no webhook asks about it)")
            return
        if not enforces:
            self.lenient.add(f"{policy} ({instead})")
            return
        self.enforcing += 1
        if reached:
            self.reach.setdefault(tuple(reached), Names()).add(policy)

    def folded(self) -> EnginePolicies:
        """The result."""
        return EnginePolicies(
            enforcing=self.enforcing,
            reach=tuple(PolicyReach(namespaces=key, policies=self.reach[key].sample()) for key in sorted(self.reach)),
            lenient=self.lenient.sample(),
            last_audit_at=self.last_audit_at,
        )


def read_policies(api: KubernetesReader, gathered: Gathered) -> AdmissionPolicies:
    """What each engine enforces where."""
    spaces = living_spaces(api)
    webhooks = unless_denied(lambda: list(engine_webhooks(api)))
    found = {name: _asked(api, name, spaces, webhooks) for name in _ENGINES}
    found["validating-admission-policy"] = unless_denied(lambda: _built_in(api, spaces))
    return AdmissionPolicies(
        observed_at=gathered.observed_at,
        source="kyverno.io, policies.kyverno.io, constraints.gatekeeper.sh, admissionregistration.k8s.io",
        engines={name: each for name, each in found.items() if isinstance(each, EnginePolicies)},
        unread={name: each for name, each in found.items() if isinstance(each, Unavailable)},
        webhooks=webhooks
        if isinstance(webhooks, Unavailable)
        else tuple(
            # The API server itself fills in Fail where nothing was said.
            EngineWebhook(engine=engine, name=each.name, failure_policy=each.failure_policy or "Fail")
            for engine, each in webhooks
        ),
    )


def _asked(
    api: KubernetesReader, engine: PolicyEngineName, spaces: Sequence[Space], webhooks: Webhooks | Unavailable
) -> EnginePolicies | Unavailable:
    """What an engine enforces where the API server asks it; denied where it cannot be told where that is."""
    asked = spaces if isinstance(webhooks, Unavailable) else asked_about(engine, webhooks, spaces)
    found = unless_denied(partial(_ENGINES[engine], api, asked))
    unsure = isinstance(webhooks, Unavailable) and isinstance(found, EnginePolicies) and found.enforcing
    return webhooks if isinstance(webhooks, Unavailable) and unsure else found


# --- Kyverno


def _kyverno(api: KubernetesReader, spaces: Sequence[Space]) -> EnginePolicies:
    fold = _Fold(spaces)
    for kind in (CLUSTER_POLICIES, POLICIES):
        for policy in api.items(kind, KyvernoPolicy):
            _add_kyverno(fold, policy, _own(policy.metadata.namespace, spaces))
    for kind in _CEL_KINDS:
        for each in api.items(kind, CelPolicy):
            _add_cel(fold, each, _own(each.metadata.namespace, spaces))
    return fold.folded()


def _own(namespace: str, spaces: Sequence[Space]) -> list[Space]:
    """Where a policy counts at all: everywhere, or in its own namespace."""
    return [each for each in spaces if namespace in ("", each.name)]


def _add_kyverno(fold: _Fold, policy: KyvernoPolicy, spaces: Sequence[Space]) -> None:
    spec = policy.spec or KyvernoSpec()
    rules = [each for each in spec.rules or () if each.validate or each.verify_images]
    name = policy.metadata.name
    if not rules:
        return
    if spec.admission is False:
        fold.add(name, enforces=False, reached=(), instead="only audits in the background")
        return
    if policy.broken:
        fold.add(name, enforces=False, reached=(), instead="is not Ready")
        return
    reached = [
        each.name for each in spaces if any(_enforces(spec, rule, each) and _reaches(rule, each) for rule in rules)
    ]
    elsewhere = any(_action(rule, spec) == "enforce" for rule in rules)
    fold.add(name, enforces=bool(reached) or elsewhere, reached=reached, instead="audits")


def _action(rule: KyvernoRule, spec: KyvernoSpec) -> str:
    """What a rule does by itself: its own action counts before the policy's, and without any it audits."""
    own = [rule.validate.failure_action] if rule.validate else []
    own += [each.failure_action for each in rule.verify_images or ()]
    actions = [each or spec.validation_failure_action or "Audit" for each in own]
    return "enforce" if any(each.lower() == "enforce" for each in actions) else "audit"


def _enforces(spec: KyvernoSpec, rule: KyvernoRule, space: Space) -> bool:
    overrides: list[KyvernoOverride] = [
        *((rule.validate.failure_action_overrides if rule.validate else None) or ()),
        *(spec.validation_failure_action_overrides or ()),
    ]
    for each in overrides:
        named = not each.namespaces or names_namespace(each.namespaces, space.name)
        if named and selects(each.namespace_selector, space.labels):
            return each.action.lower() == "enforce"
    return _action(rule, spec) == "enforce"


def _reaches(rule: KyvernoRule, space: Space) -> bool:
    """Whether a rule judges something in a namespace."""
    match, exclude = rule.match or KyvernoMatch(), rule.exclude or KyvernoMatch()
    given = [*(match.any or ()), *([KyvernoFilter(resources=match.resources)] if match.resources else [])]
    if match.all:
        matched = all(_takes_in(each, space) for each in match.all)
    else:
        matched = any(_takes_in(each, space) for each in given)
    left_out = [*(exclude.any or ()), *([KyvernoFilter(resources=exclude.resources)] if exclude.resources else [])]
    if any(_leaves_out(each, space) for each in left_out):
        return False
    return matched and not (exclude.all and all(_leaves_out(each, space) for each in exclude.all))


def _takes_in(each: KyvernoFilter, space: Space) -> bool:
    resources = each.resources or KyvernoResources()
    kinds = {kind.rpartition("/")[2] for kind in resources.kinds or ()}
    if kinds and kinds <= _CLUSTER_KINDS:
        return False
    named = not resources.namespaces or names_namespace(resources.namespaces, space.name)
    return named and selects(resources.namespace_selector, space.labels)


def _leaves_out(each: KyvernoFilter, space: Space) -> bool:
    """Whether an exclusion takes the whole namespace out: by its name or labels, and nothing else."""
    resources = each.resources
    if resources is None or each.subjects or each.roles or each.cluster_roles:
        return False
    if resources.kinds or resources.names or resources.name or resources.selector or resources.annotations:
        return False
    if resources.operations and "CREATE" not in resources.operations:
        return False
    by_name = names_namespace(resources.namespaces, space.name)
    selector = resources.namespace_selector
    return by_name or (not resources.namespaces and selector is not None and selects(selector, space.labels))


def _add_cel(fold: _Fold, policy: CelPolicy, spaces: Sequence[Space]) -> None:
    spec, name = policy.spec or CelSpec(), policy.metadata.name
    if not spec.judges_requests:
        return
    if not spec.admits:
        fold.add(name, enforces=False, reached=(), instead="only audits in the background")
        return
    if policy.broken:
        fold.add(name, enforces=False, reached=(), instead="is not Ready")
        return
    reached = [each.name for each in spaces if _constrains(spec.match_constraints, each)]
    fold.add(name, enforces="Deny" in spec.actions, reached=reached, instead=", ".join(spec.actions))


# --- Gatekeeper


def _gatekeeper(api: KubernetesReader, spaces: Sequence[Space]) -> EnginePolicies:
    fold = _Fold(spaces)
    left_out = _left_out_by_config(api)
    judged = [space for space in spaces if not names_namespace(left_out, space.name)]
    for kind in api.kinds(GATEKEEPER_GROUP):
        for each in api.items(kind, Constraint):
            spec = each.spec or GatekeeperSpec()
            match = spec.match or GatekeeperMatch()
            fold.add(
                each.metadata.name,
                enforces=spec.denies,
                reached=[space.name for space in judged if _matches(match, space)],
                instead=spec.enforcement_action or "deny",
            )
            audited = each.status.audit_timestamp if each.status else None
            if audited and (fold.last_audit_at is None or audited > fold.last_audit_at):
                fold.last_audit_at = audited
    return fold.folded()


def _left_out_by_config(api: KubernetesReader) -> list[str]:
    """Namespaces, as patterns, that Gatekeeper's webhook leaves out by its configuration.

    Source: https://open-policy-agent.github.io/gatekeeper/website/docs/exempt-namespaces/
    """
    return [
        pattern
        for config in api.items(GATEKEEPER_CONFIGS, GatekeeperConfig)
        for each in (config.spec and config.spec.match) or ()
        if not {"webhook", "*"}.isdisjoint(each.processes or ())
        for pattern in each.excluded_namespaces or ()
    ]


def _matches(match: GatekeeperMatch, space: Space) -> bool:
    kinds = {kind for each in match.kinds or () for kind in each.kinds or ()}
    if match.scope == "Cluster" or (kinds and kinds <= _CLUSTER_KINDS):
        return False
    if names_namespace(match.excluded_namespaces, space.name):
        return False
    named = not match.namespaces or names_namespace(match.namespaces, space.name)
    return named and selects(match.namespace_selector, space.labels)


# --- ValidatingAdmissionPolicy


def _built_in(api: KubernetesReader, spaces: Sequence[Space]) -> EnginePolicies:
    fold = _Fold(spaces)
    bindings: dict[str, list[BindingSpec]] = {}
    for binding in api.items(ADMISSION_BINDINGS, Binding):
        if binding.spec:
            bindings.setdefault(binding.spec.policy_name, []).append(binding.spec)
    for policy in api.items(ADMISSION_POLICIES, AdmissionPolicy):
        bound = bindings.get(policy.metadata.name, [])
        denying = [each for each in bound if "Deny" in (each.validation_actions or ())]
        constraints = policy.spec.match_constraints if policy.spec else None
        reached = [
            space.name
            for space in spaces
            if _constrains(constraints, space) and any(_bound(each.match_resources, space) for each in denying)
        ]
        actions = sorted({action for each in bound for action in each.validation_actions or ()})
        instead = ", ".join(actions) or "has no binding"
        fold.add(policy.metadata.name, enforces=bool(denying), reached=reached, instead=instead)
    return fold.folded()


def _constrains(match: MatchResources | None, space: Space) -> bool:
    rules = match.resource_rules if match else None
    if match is None or not rules:
        return False
    namespaced = any(rule.scope != "Cluster" and not set(rule.resources or ()) <= _CLUSTER_RESOURCES for rule in rules)
    return namespaced and selects(match.namespace_selector, space.labels)


def _bound(match: MatchResources | None, space: Space) -> bool:
    return match is None or (
        (not match.resource_rules or _constrains(match, space)) and selects(match.namespace_selector, space.labels)
    )


_ENGINES: Mapping[PolicyEngineName, Callable[[KubernetesReader, Sequence[Space]], EnginePolicies]] = {
    "kyverno": _kyverno,
    "gatekeeper": _gatekeeper,
}

# --- reports


class _ReportMeta(msgspec.Struct, gc=False, rename="camel"):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: Instant | None = None


class _Timestamp(msgspec.Struct, gc=False):
    seconds: int = 0


class _Result(msgspec.Struct, gc=False):
    timestamp: _Timestamp | None = None


class _Report(msgspec.Struct, gc=False):
    metadata: _ReportMeta
    results: list[_Result] | None = None


def read_reports(api: KubernetesReader, gathered: Gathered) -> PolicyReports:
    """Kyverno's policy reports; those of other tools that write the same kinds are left out."""
    total, newest = 0, None
    for kind in _REPORTS:
        for each in api.items(kind, _Report):
            if (each.metadata.labels or {}).get(_MANAGED_BY) != "kyverno":
                continue
            total += 1
            newest = max((*_instants(each), *([newest] if newest else [])), default=None)
    return PolicyReports(
        observed_at=gathered.observed_at,
        source="wgpolicyk8s.io policyreports, openreports.io reports",
        total=total,
        newest_at=newest,
    )


def _instants(report: _Report) -> Iterable[datetime]:
    """Every instant at which a report tells that somebody looked."""
    if report.metadata.creation_timestamp:
        yield report.metadata.creation_timestamp
    seconds = max((each.timestamp.seconds for each in report.results or () if each.timestamp), default=0)
    if seconds:
        yield datetime.fromtimestamp(seconds, UTC)
    try:
        scanned = datetime.fromisoformat((report.metadata.annotations or {}).get(_LAST_SCAN, ""))
    except ValueError:
        return
    if scanned.tzinfo:
        yield scanned


PROBES = (
    KubernetesProbe(
        provides=AdmissionPolicies,
        rights=(
            Right("", "namespaces"),
            Right("kyverno.io", "clusterpolicies"),
            Right("kyverno.io", "policies"),
            *(Right(kind.group, kind.resource) for kind in _CEL_KINDS),
            # Gatekeeper makes these kinds at run time: only a wildcard names them all.
            Right(GATEKEEPER_GROUP, "*"),
            Right(GATEKEEPER_CONFIGS.group, GATEKEEPER_CONFIGS.resource),
            Right("admissionregistration.k8s.io", "validatingadmissionpolicies"),
            Right("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
            Right("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        ),
        read=read_policies,
    ),
    KubernetesProbe(
        provides=PolicyReports,
        rights=tuple(Right(kind.group, kind.resource) for kind in _REPORTS),
        read=read_reports,
    ),
)
"""What this module gathers."""
