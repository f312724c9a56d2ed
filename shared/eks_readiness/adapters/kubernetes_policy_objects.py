"""Policies of Kyverno, Gatekeeper and Kubernetes itself as their API servers answer them: only the fields judged here.

Sources: https://kyverno.io/docs/crds/, https://open-policy-agent.github.io/gatekeeper/website/docs/howto/,
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from eks_readiness.adapters.kubernetes_namespaces import Space
from eks_readiness.adapters.kubernetes_objects import Condition, Named, Selector, selects
from eks_readiness.adapters.probe import Kind, KubernetesReader
from eks_readiness.domain.evidence.policies import PolicyEngineName
from eks_readiness.domain.instant import Instant

CLUSTER_POLICIES = Kind("kyverno.io", "clusterpolicies")
POLICIES = Kind("kyverno.io", "policies")
EXCEPTIONS = Kind("kyverno.io", "policyexceptions", ("v2", "v2beta1"))
ADMISSION_POLICIES = Kind("admissionregistration.k8s.io", "validatingadmissionpolicies")
ADMISSION_BINDINGS = Kind("admissionregistration.k8s.io", "validatingadmissionpolicybindings")
GATEKEEPER_GROUP = "constraints.gatekeeper.sh"
GATEKEEPER_CONFIGS = Kind("config.gatekeeper.sh", "configs", ("v1alpha1",))
GATEKEEPER_WEBHOOK = "validation.gatekeeper.sh"
_KYVERNO_WEBHOOKS = "kyverno-resource-validating-webhook-cfg"
_WEBHOOKS = Kind("admissionregistration.k8s.io", "validatingwebhookconfigurations")

_CEL_VERSIONS = ("v1", "v1beta1", "v1alpha1")
VALIDATING_POLICIES = tuple(
    Kind("policies.kyverno.io", resource, _CEL_VERSIONS)
    for resource in ("validatingpolicies", "namespacedvalidatingpolicies")
)
IMAGE_POLICIES = tuple(
    Kind("policies.kyverno.io", resource, _CEL_VERSIONS)
    for resource in ("imagevalidatingpolicies", "namespacedimagevalidatingpolicies")
)

# --- Kyverno, kyverno.io


class KyvernoResources(msgspec.Struct, gc=False, rename="camel"):
    """Which resources a filter is about."""

    kinds: list[str] | None = None
    namespaces: list[str] | None = None
    names: list[str] | None = None
    name: str | None = None
    selector: dict[str, object] | None = None
    annotations: dict[str, object] | None = None
    namespace_selector: Selector | None = None
    operations: list[str] | None = None


class KyvernoFilter(msgspec.Struct, gc=False):
    """Resources, and who asks for them."""

    resources: KyvernoResources | None = None
    subjects: list[object] | None = None
    roles: list[str] | None = None
    cluster_roles: list[str] | None = msgspec.field(default=None, name="clusterRoles")


class KyvernoMatch(msgspec.Struct, gc=False):
    """What a rule matches or excludes."""

    any: list[KyvernoFilter] | None = None
    all: list[KyvernoFilter] | None = None
    resources: KyvernoResources | None = None


class KyvernoPodSecurity(msgspec.Struct, gc=False):
    """A level of the Pod Security Standards as a rule."""

    level: str = ""
    version: str = ""
    exclude: list[object] | None = None


class KyvernoOverride(msgspec.Struct, gc=False, rename="camel"):
    """Another action in some namespaces."""

    action: str = ""
    namespaces: list[str] | None = None
    namespace_selector: Selector | None = None


class KyvernoValidate(msgspec.Struct, gc=False, rename="camel"):
    """What a rule refuses; its own action counts before the policy's."""

    failure_action: str | None = None
    failure_action_overrides: list[KyvernoOverride] | None = None
    pod_security: KyvernoPodSecurity | None = None


class KyvernoVerifyImages(msgspec.Struct, gc=False, rename="camel"):
    """Signatures that a rule wants."""

    failure_action: str | None = None


class KyvernoRule(msgspec.Struct, gc=False, rename="camel"):
    """One rule of a policy; those that mutate, generate or clean up are left out."""

    match: KyvernoMatch | None = None
    exclude: KyvernoMatch | None = None
    preconditions: Any = None
    cel_preconditions: list[object] | None = None
    validate: KyvernoValidate | None = None
    verify_images: list[KyvernoVerifyImages] | None = None


class KyvernoWebhook(msgspec.Struct, gc=False, rename="camel"):
    """How the API server asks about a policy: conditions may keep requests from it."""

    match_conditions: list[object] | None = None


class KyvernoSpec(msgspec.Struct, gc=False, rename="camel"):
    """A policy: its rules, and the action of those that name none."""

    validation_failure_action: str | None = None
    validation_failure_action_overrides: list[KyvernoOverride] | None = None
    admission: bool | None = None
    webhook_configuration: KyvernoWebhook | None = None
    rules: list[KyvernoRule] | None = None


class KyvernoStatus(msgspec.Struct, gc=False):
    """Whether Kyverno took the policy up."""

    conditions: list[Condition] | None = None


class KyvernoPolicy(msgspec.Struct, gc=False):
    """A ClusterPolicy, or a Policy of one namespace."""

    metadata: Named
    spec: KyvernoSpec | None = None
    status: KyvernoStatus | None = None

    @property
    def broken(self) -> bool:
        """Whether Kyverno says that it could not take the policy up."""
        conditions = (self.status and self.status.conditions) or ()
        return any(each.type == "Ready" and each.status == "False" for each in conditions)


class KyvernoExcused(msgspec.Struct, gc=False, rename="camel"):
    """Rules that an exception is about: the policy as `name`, or `namespace/name`, perhaps with `*` and `?`."""

    policy_name: str = ""


class KyvernoExceptionSpec(msgspec.Struct, gc=False):
    """What is let through, and by which policies."""

    exceptions: list[KyvernoExcused] | None = None
    match: KyvernoMatch | None = None


class KyvernoException(msgspec.Struct, gc=False):
    """A PolicyException: it counts in every namespace that it matches, unless Kyverno keeps exceptions to one."""

    spec: KyvernoExceptionSpec | None = None


# --- Gatekeeper


class KindFilter(msgspec.Struct, gc=False, rename="camel"):
    """Kinds that a constraint is about."""

    api_groups: list[str] | None = None
    kinds: list[str] | None = None


class GatekeeperMatch(msgspec.Struct, gc=False, rename="camel"):
    """What a constraint is about; without anything, everything."""

    kinds: list[KindFilter] | None = None
    namespaces: list[str] | None = None
    excluded_namespaces: list[str] | None = None
    label_selector: Selector | None = None
    namespace_selector: Selector | None = None
    scope: str | None = None
    name: str | None = None
    source: str | None = None


class EnforcementPoint(msgspec.Struct, gc=False):
    """Where a scoped action counts: the webhook, the audit, or Kubernetes itself."""

    name: str = ""


class ScopedAction(msgspec.Struct, gc=False, rename="camel"):
    """One action of a constraint whose enforcementAction is `scoped`."""

    action: str = ""
    enforcement_points: list[EnforcementPoint] | None = None


class GatekeeperSpec(msgspec.Struct, gc=False, rename="camel"):
    """A constraint; one without an action denies."""

    enforcement_action: str | None = None
    scoped_enforcement_actions: list[ScopedAction] | None = None
    match: GatekeeperMatch | None = None
    parameters: dict[str, Any] | None = None

    @property
    def denies(self) -> bool:
        """Whether Gatekeeper's webhook refuses what violates it.

        What it has Kubernetes refuse (vap.k8s.io) is a ValidatingAdmissionPolicy, and counts as one.
        """
        if self.enforcement_action != "scoped":
            return (self.enforcement_action or "deny") == "deny"
        denying = [each for each in self.scoped_enforcement_actions or () if each.action == "deny"]
        points = {point.name for each in denying for point in each.enforcement_points or ()}
        return not points.isdisjoint({GATEKEEPER_WEBHOOK, "*"})


class GatekeeperStatus(msgspec.Struct, gc=False, rename="camel"):
    """When the audit last looked; its violations are not kept."""

    audit_timestamp: Instant | None = None


class Constraint(msgspec.Struct, gc=False):
    """One constraint, of whatever kind its template made."""

    metadata: Named
    spec: GatekeeperSpec | None = None
    status: GatekeeperStatus | None = None


class Exclusion(msgspec.Struct, gc=False, rename="camel"):
    """Namespaces that processes of Gatekeeper leave out: the webhook, the audit, or `*` for all."""

    excluded_namespaces: list[str] | None = None
    processes: list[str] | None = None


class GatekeeperConfigSpec(msgspec.Struct, gc=False):
    """What holds for every constraint."""

    match: list[Exclusion] | None = None


class GatekeeperConfig(msgspec.Struct, gc=False):
    """Gatekeeper's own configuration: there is one, called `config`."""

    spec: GatekeeperConfigSpec | None = None


# --- ValidatingAdmissionPolicy, and Kyverno's policies.kyverno.io that extend it


class ResourceRule(msgspec.Struct, gc=False, rename="camel"):
    """Resources and operations on them."""

    api_groups: list[str] | None = None
    resources: list[str] | None = None
    operations: list[str] | None = None
    scope: str | None = None


class MatchResources(msgspec.Struct, gc=False, rename="camel"):
    """What a policy, or its binding, is about."""

    resource_rules: list[ResourceRule] | None = None
    namespace_selector: Selector | None = None


class Expression(msgspec.Struct, gc=False):
    """One expression in CEL."""

    expression: str = ""


class AdmissionSpec(msgspec.Struct, gc=False, rename="camel"):
    """A ValidatingAdmissionPolicy."""

    match_constraints: MatchResources | None = None
    validations: list[Expression] | None = None
    variables: list[Expression] | None = None


class AdmissionPolicy(msgspec.Struct, gc=False):
    """A ValidatingAdmissionPolicy; without a binding it does nothing."""

    metadata: Named
    spec: AdmissionSpec | None = None


class BindingSpec(msgspec.Struct, gc=False, rename="camel"):
    """Where a policy counts, and what a violation leads to."""

    policy_name: str = ""
    validation_actions: list[str] | None = None
    match_resources: MatchResources | None = None


class Binding(msgspec.Struct, gc=False):
    """A ValidatingAdmissionPolicyBinding."""

    metadata: Named
    spec: BindingSpec | None = None


class Switch(msgspec.Struct, gc=False):
    """Something that can be turned off."""

    enabled: bool | None = None


class Evaluation(msgspec.Struct, gc=False):
    """When a policy of policies.kyverno.io is evaluated: for admission unless that is off, and not in JSON mode."""

    mode: str | None = None
    admission: Switch | None = None


class CelSpec(AdmissionSpec, gc=False, rename="camel"):
    """A policy of policies.kyverno.io."""

    validation_actions: list[str] | None = None
    evaluation: Evaluation | None = None

    @property
    def actions(self) -> list[str]:
        """What a violation leads to; without any, it is denied."""
        return self.validation_actions or ["Deny"]

    @property
    def judges_requests(self) -> bool:
        """Whether it is about requests to this cluster, and not about JSON from elsewhere."""
        return self.evaluation is None or self.evaluation.mode != "JSON"

    @property
    def admits(self) -> bool:
        """Whether it is asked before something is admitted, and not only in the background."""
        admission = self.evaluation.admission if self.evaluation else None
        return admission is None or admission.enabled is not False


class CelStatus(msgspec.Struct, gc=False, rename="camel"):
    """Whether Kyverno took the policy up."""

    condition_status: KyvernoStatus | None = None


class CelPolicy(msgspec.Struct, gc=False):
    """A ValidatingPolicy or ImageValidatingPolicy, or the kind of either that lives in a namespace."""

    metadata: Named
    spec: CelSpec | None = None
    status: CelStatus | None = None

    @property
    def broken(self) -> bool:
        """Whether Kyverno could not compile it or put it behind its webhook; that it may not report is no matter."""
        conditions = (self.status and self.status.condition_status and self.status.condition_status.conditions) or ()
        return any(each.type in ("PolicyCached", "WebhookConfigured") and each.status == "False" for each in conditions)


# --- webhooks


class Webhook(msgspec.Struct, gc=False, rename="camel"):
    """One webhook: in which namespaces the API server asks it, and what happens when it does not answer."""

    name: str = ""
    failure_policy: str | None = None
    namespace_selector: Selector | None = None


class _WebhookConfiguration(msgspec.Struct, gc=False):
    metadata: Named
    webhooks: list[Webhook] | None = None


Webhooks = Sequence[tuple[PolicyEngineName, Webhook]]


def engine_webhooks(api: KubernetesReader) -> Iterator[tuple[PolicyEngineName, Webhook]]:
    """The webhooks by which the API server asks Kyverno and Gatekeeper about what comes in."""
    for each in api.items(_WEBHOOKS, _WebhookConfiguration):
        for webhook in each.webhooks or ():
            if each.metadata.name == _KYVERNO_WEBHOOKS:
                yield "kyverno", webhook
            elif webhook.name == GATEKEEPER_WEBHOOK:
                yield "gatekeeper", webhook


def asked_about(engine: PolicyEngineName, webhooks: Webhooks, spaces: Iterable[Space]) -> list[Space]:
    """The namespaces about which an engine is asked; none where it has no webhook."""
    selectors = [webhook.namespace_selector for name, webhook in webhooks if name == engine]
    return [each for each in spaces if any(selects(selector, each.labels) for selector in selectors)]


# --- what selects a namespace


def names_namespace(patterns: list[str] | None, namespace: str) -> bool:
    """Whether one of the patterns (`*` and `?`) names a namespace."""
    return any(fnmatchcase(namespace, pattern) for pattern in patterns or ())
