"""The Prometheus operator's resources: who scrapes, which alert rules are evaluated, whom Alertmanager tells.

A server only evaluates rules that its selectors choose, an Alertmanager only knows configurations that its selectors
choose: an object that nobody chooses does nothing, and does not count.
Source: https://prometheus-operator.dev/docs/api-reference/api/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from eks_readiness.adapters.kubernetes_namespaces import living_spaces
from eks_readiness.adapters.kubernetes_objects import Named, Selector, selects
from eks_readiness.adapters.partial import part_unless_denied, unless_denied
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import PrometheusOperator, Unavailable
from eks_readiness.domain.evidence.observability import AlertRules, PrometheusServer, Receivers

_GROUP = "monitoring.coreos.com"
_PROMETHEUSES = Kind(_GROUP, "prometheuses")
_AGENTS = Kind(_GROUP, "prometheusagents", ("v1alpha1",))
_RULES = Kind(_GROUP, "prometheusrules")
_RULERS = Kind(_GROUP, "thanosrulers")
_ALERTMANAGERS = Kind(_GROUP, "alertmanagers")
_RECEIVERS = Kind(_GROUP, "alertmanagerconfigs", ("v1beta1", "v1alpha1"))
_WORKSPACE = re.compile(r"https://aps-workspaces(?:-fips)?\.(?P<region>[\w-]+)\.[.\w-]+/workspaces/(?P<id>ws-[\w-]+)/")


class _Meta(Named, gc=False):
    labels: dict[str, str] | None = None


class _RemoteWrite(msgspec.Struct, gc=False):
    """Of where metrics are sent to only the id of a managed workspace is kept."""

    url: str = ""


class _Configuration(msgspec.Struct, gc=False):
    name: str = ""


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    shards: int | None = None
    remote_write: list[_RemoteWrite] | None = None
    rule_selector: Selector | None = None
    rule_namespace_selector: Selector | None = None
    alertmanager_config_selector: Selector | None = None
    alertmanager_config_namespace_selector: Selector | None = None
    alertmanager_configuration: _Configuration | None = None


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    available_replicas: int | None = None
    conditions: list[_Condition] | None = None


class _Server(msgspec.Struct, gc=False):
    """A Prometheus, a PrometheusAgent, a ThanosRuler or an Alertmanager."""

    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


class _Rule(msgspec.Struct, gc=False):
    alert: str | None = None


class _RuleGroup(msgspec.Struct, gc=False):
    rules: list[_Rule] | None = None


class _RulesSpec(msgspec.Struct, gc=False):
    groups: list[_RuleGroup] | None = None


class _Rules(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _RulesSpec | None = None


class _ReceiversSpec(msgspec.Struct, gc=False):
    receivers: list[dict[str, Any]] | None = None


class _ReceiversOf(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _ReceiversSpec | None = None


_Chosen = Callable[[_Meta], bool]
_Labels = Mapping[str, Mapping[str, str]]
"""Labels of namespaces, by name."""


def read_prometheus(api: KubernetesReader, gathered: Gathered) -> PrometheusOperator:
    """Servers, agents, the alert rules that are evaluated, and the receivers that are told."""
    kinds = (_PROMETHEUSES, _AGENTS, _RULERS, _RULES, _ALERTMANAGERS, _RECEIVERS)
    installed = any(api.serves(kind) is not None for kind in (_PROMETHEUSES, _AGENTS, _RULERS, _ALERTMANAGERS))
    servers = unless_denied(lambda: list(api.items(_PROMETHEUSES, _Server)))
    spaces = unless_denied(lambda: {each.name: each.labels for each in living_spaces(api)} if installed else {})
    return PrometheusOperator(
        observed_at=gathered.observed_at,
        source=f"{_GROUP} {', '.join(kind.resource for kind in kinds)}",
        installed=installed,
        servers=servers if isinstance(servers, Unavailable) else tuple(_server("Prometheus", each) for each in servers),
        agents=unless_denied(lambda: tuple(_server("PrometheusAgent", each) for each in api.items(_AGENTS, _Server))),
        alert_rules=_alert_rules(api, servers, spaces),
        receivers=_receivers(api, spaces),
    )


def _server(kind: Literal["Prometheus", "PrometheusAgent"], each: _Server) -> PrometheusServer:
    condition, spec = _available(each), each.spec or _Spec()
    return PrometheusServer(
        kind=kind,
        namespace=each.metadata.namespace,
        name=each.metadata.name,
        available=_runs(each),
        not_available_reason=bounded(condition.message or condition.reason or "" if condition else "no status yet"),
        workspaces=tuple(
            f"{found['region']}/{found['id']}"
            for one in spec.remote_write or ()
            if (found := _WORKSPACE.match(one.url)) is not None
        ),
    )


def _available(each: _Server) -> _Condition | None:
    conditions = (each.status and each.status.conditions) or ()
    return next((one for one in conditions if one.type == "Available"), None)


def _runs(each: _Server) -> bool:
    # With no replica wanted the operator calls it Available too. Degraded means that some pods are ready: of replicas
    # each does the whole work, of shards each a part.
    condition, replicas = _available(each), (each.status and each.status.available_replicas) or 0
    whole = ("True",) if each.spec and (each.spec.shards or 1) > 1 else ("True", "Degraded")
    return condition is not None and condition.status in whole and replicas > 0


def _alert_rules(
    api: KubernetesReader, servers: Sequence[_Server] | Unavailable, spaces: _Labels | Unavailable
) -> AlertRules:
    if isinstance(servers, Unavailable):
        return AlertRules(unread=servers)
    if isinstance(spaces, Unavailable):
        return AlertRules(unread=spaces)
    return part_unless_denied(AlertRules, lambda: _counted(api, servers, spaces))


def _counted(api: KubernetesReader, servers: Sequence[_Server], spaces: _Labels) -> AlertRules:
    evaluating = [each for each in (*servers, *api.items(_RULERS, _Server)) if _runs(each)]
    chosen = [_chosen_by(each.metadata.namespace, _rule_selectors(each), spaces) for each in evaluating]
    selected = total = 0
    unselected = Names()
    for rules in api.items(_RULES, _Rules):
        alerts = _alerts(rules)
        total += alerts
        if any(by(rules.metadata) for by in chosen):
            selected += alerts
        elif alerts:
            unselected.add(rules.metadata.where)
    return AlertRules(selected=selected, total=total, unselected=unselected.sample())


def _rule_selectors(each: _Server) -> tuple[Selector | None, Selector | None]:
    spec = each.spec or _Spec()
    return spec.rule_selector, spec.rule_namespace_selector


def _alerts(rules: _Rules) -> int:
    groups = (rules.spec and rules.spec.groups) or ()
    return sum(1 for group in groups for rule in group.rules or () if rule.alert)


def _receivers(api: KubernetesReader, spaces: _Labels | Unavailable) -> Receivers:
    if isinstance(spaces, Unavailable):
        return Receivers(unread=spaces)
    return part_unless_denied(Receivers, lambda: _told(api, spaces))


def _told(api: KubernetesReader, spaces: _Labels) -> Receivers:
    chosen = [_knows(each, spaces) for each in api.items(_ALERTMANAGERS, _Server) if _runs(each)]
    total, selected = 0, Names()
    for each in api.items(_RECEIVERS, _ReceiversOf):
        for receiver in _integrated(each):
            total += 1
            if any(by(each.metadata) for by in chosen):
                selected.add(f"{each.metadata.where} {receiver}")
    return Receivers(selected=selected.sample(), total=total)


def _integrated(each: _ReceiversOf) -> Iterator[str]:
    """Names of receivers that tell somebody: a receiver without an integration drops its alerts."""
    for receiver in (each.spec and each.spec.receivers) or ():
        if any(key.endswith("Configs") and value for key, value in receiver.items()):
            yield str(receiver.get("name", ""))


def _knows(each: _Server, spaces: _Labels) -> _Chosen:
    spec = each.spec or _Spec()
    namespace = each.metadata.namespace
    selectors = (spec.alertmanager_config_selector, spec.alertmanager_config_namespace_selector)
    chosen = _chosen_by(namespace, selectors, spaces)
    whole = spec.alertmanager_configuration.name if spec.alertmanager_configuration else None
    return lambda meta: chosen(meta) or (bool(whole) and (meta.namespace, meta.name) == (namespace, whole))


def _chosen_by(own_namespace: str, selectors: tuple[Selector | None, Selector | None], spaces: _Labels) -> _Chosen:
    """Whether an object is chosen: no selector chooses nothing, no namespace selector the server's own namespace."""
    objects, namespaces = selectors
    return lambda meta: (
        objects is not None
        and selects(objects, meta.labels or {})
        and (
            meta.namespace == own_namespace
            if namespaces is None
            else selects(namespaces, spaces.get(meta.namespace, {}))
        )
    )


PROBES = (
    KubernetesProbe(
        provides=PrometheusOperator,
        rights=(
            Right("", "namespaces"),
            Right(_GROUP, "prometheuses"),
            Right(_GROUP, "prometheusagents"),
            Right(_GROUP, "prometheusrules"),
            Right(_GROUP, "thanosrulers"),
            Right(_GROUP, "alertmanagers"),
            Right(_GROUP, "alertmanagerconfigs"),
        ),
        read=read_prometheus,
    ),
)
"""What this module gathers."""
