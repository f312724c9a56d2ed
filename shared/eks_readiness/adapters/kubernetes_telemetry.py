"""The metrics API, OpenTelemetry collectors, logging on Fargate, Grafana's dashboards, and objectives as resources."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from eks_readiness.adapters.kubernetes_objects import Named
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import AccessDenied, bounded
from eks_readiness.domain.evidence import (
    FargateLogging,
    GrafanaDashboards,
    MetricsApi,
    OpenTelemetryCollectors,
    RuleObjectives,
    Unavailable,
)
from eks_readiness.domain.evidence.observability import Collector

_API_SERVICES = Kind("apiregistration.k8s.io", "apiservices")
_COLLECTORS = Kind("opentelemetry.io", "opentelemetrycollectors", ("v1beta1", "v1alpha1"))
_DASHBOARDS = Kind("grafana.integreatly.org", "grafanadashboards", ("v1beta1",))
_SLOTH = Kind("sloth.slok.dev", "prometheusservicelevels")
_PYRRA = Kind("pyrra.dev", "servicelevelobjectives", ("v1alpha1",))
_AWS_LOGGING = ("aws-observability", "aws-logging")
_METRICS = "metrics.k8s.io"
_SIGNALS = ("metrics", "logs", "traces")
# Fluent Bit's own format: a plug-in begins with [OUTPUT], its options are lines of a key and a value.
_SECTION = re.compile(r"^\s*\[(?P<name>\w+)\]\s*$")
_OPTION = re.compile(r"^\s*(?P<key>[\w.]+)\s+(?P<value>\S+)\s*$")
_MAX_OUTPUTS = 10
_MAX_RECEIVERS = 20


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class _ApiServiceSpec(msgspec.Struct, gc=False):
    group: str = ""


class _Conditions(msgspec.Struct, gc=False):
    conditions: list[_Condition] | None = None


class _ApiService(msgspec.Struct, gc=False):
    metadata: Named
    spec: _ApiServiceSpec | None = None
    status: _Conditions | None = None


class _Pipeline(msgspec.Struct, gc=False):
    receivers: list[str] | None = None


class _Service(msgspec.Struct, gc=False):
    pipelines: dict[str, _Pipeline | None] | None = None


class _Config(msgspec.Struct, gc=False):
    """Of the configuration only which receivers feed which pipeline; never their settings."""

    service: _Service | None = None


class _CollectorSpec(msgspec.Struct, gc=False):
    config: msgspec.Raw = msgspec.Raw()


class _Collector(msgspec.Struct, gc=False):
    metadata: Named
    spec: _CollectorSpec | None = None


class _DashboardStatus(msgspec.Struct, gc=False):
    hash: str | None = None
    no_instance: bool | None = msgspec.field(default=None, name="NoMatchingInstances")
    conditions: list[_Condition] | None = None


class _Dashboard(msgspec.Struct, gc=False):
    metadata: Named
    status: _DashboardStatus | None = None


class _ObjectiveStatus(msgspec.Struct, gc=False, rename="camel"):
    """Sloth says whether it made rules, Pyrra as what it made them."""

    prom_op_rules_generated: bool | None = None
    type: str | None = None


class _Objective(msgspec.Struct, gc=False):
    metadata: Named
    status: _ObjectiveStatus | None = None


def read_metrics_api(api: KubernetesReader, gathered: Gathered) -> MetricsApi:
    """Whether somebody serves metrics.k8s.io, and does so now."""
    found = [
        each for each in api.items(_API_SERVICES, _ApiService) if each.spec is not None and each.spec.group == _METRICS
    ]
    conditions = [one for each in found for one in (each.status and each.status.conditions) or ()]
    available = next((one for one in conditions if one.type == "Available"), None)
    return MetricsApi(
        observed_at=gathered.observed_at,
        source="apiregistration.k8s.io apiservices",
        registered=bool(found),
        available=available is not None and available.status == "True",
        not_available_reason=bounded(
            ": ".join(part for part in (available.reason, available.message) if part) if available else ""
        ),
    )


def read_collectors(api: KubernetesReader, gathered: Gathered) -> OpenTelemetryCollectors:
    """Every collector of the OpenTelemetry operator, with the receivers of its pipelines."""
    return OpenTelemetryCollectors(
        observed_at=gathered.observed_at,
        source="opentelemetry.io opentelemetrycollectors",
        collectors=tuple(
            collector for each in api.items(_COLLECTORS, _Collector) if (collector := _collector(each)) is not None
        ),
    )


_CONFIG = msgspec.json.Decoder(_Config)


def _collector(each: _Collector) -> Collector | None:
    """None where the configuration is text, as in v1alpha1: then nothing is known of its pipelines."""
    try:
        config = _CONFIG.decode(each.spec.config) if each.spec else _Config()
    except msgspec.DecodeError:
        return None
    receivers: dict[str, tuple[str, ...]] = {}
    for name, pipeline in ((config.service and config.service.pipelines) or {}).items():
        # A pipeline is called `traces`, or `traces/second`; so are receivers.
        signal = name.partition("/")[0]
        if signal in _SIGNALS:
            kinds = {bounded(one.partition("/")[0], 60) for one in (pipeline and pipeline.receivers) or ()}
            receivers[signal] = tuple(sorted({*receivers.get(signal, ()), *kinds})[:_MAX_RECEIVERS])
    return Collector(namespace=each.metadata.namespace, name=each.metadata.name, receivers=receivers)


def read_fargate_logging(api: KubernetesReader, gathered: Gathered) -> FargateLogging:
    """What the log router of Fargate is told to do with logs."""
    source = f"configmap {'/'.join(_AWS_LOGGING)}"
    data = api.config_map(*_AWS_LOGGING)
    if data is None:
        return FargateLogging(observed_at=gathered.observed_at, source=source, exists=False)
    outputs = fluent_bit_outputs(data.get("output.conf", ""))
    return FargateLogging(
        observed_at=gathered.observed_at,
        source=source,
        exists=True,
        outputs=tuple(each.get("name", "") for each in outputs),
        log_groups=tuple(dict.fromkeys(each["log_group_name"] for each in outputs if each.get("log_group_name"))),
    )


def fluent_bit_outputs(text: str) -> list[Mapping[str, str]]:
    """The outputs of a Fluent Bit configuration: name and log group alone, whatever else stands there."""
    outputs: list[dict[str, str]] = []
    inside = False
    for line in text.splitlines():
        if (section := _SECTION.match(line)) is not None:
            inside = section["name"].upper() == "OUTPUT" and len(outputs) < _MAX_OUTPUTS
            if inside:
                outputs.append({})
        elif inside and (option := _OPTION.match(line)) is not None:
            key = option["key"].lower()
            if key in ("name", "log_group_name"):
                outputs[-1][key] = bounded(option["value"])
    return [each for each in outputs if each]


def read_grafana_dashboards(api: KubernetesReader, gathered: Gathered) -> GrafanaDashboards:
    """Dashboards of the Grafana operator, by whether a Grafana shows them."""
    shown, hidden = Names(), Names()
    for each in api.items(_DASHBOARDS, _Dashboard):
        (shown if _shown(each.status) else hidden).add(each.metadata.where)
    return GrafanaDashboards(
        observed_at=gathered.observed_at,
        source="grafana.integreatly.org grafanadashboards",
        synchronized=shown.sample(),
        unsynchronized=hidden.sample(),
    )


def _shown(status: _DashboardStatus | None) -> bool:
    if status is None or status.no_instance:
        return False
    said = [one.status for one in status.conditions or () if one.type == "DashboardSynchronized"]
    # Operators before 5.10 wrote no condition: a hash says that the dashboard went out.
    return said == ["True"] or (not said and bool(status.hash))


def read_objectives(api: KubernetesReader, gathered: Gathered) -> RuleObjectives:
    """Objectives of Sloth and Pyrra, by whether rules were made of them."""
    made, pending, unread = Names(), Names(), None
    for kind in (_SLOTH, _PYRRA):
        try:
            for each in api.items(kind, _Objective):
                (made if _made_rules(each.status) else pending).add(each.metadata.where)
        except AccessDenied as error:
            unread = Unavailable.because(error)
    return RuleObjectives(
        observed_at=gathered.observed_at,
        source="sloth.slok.dev prometheusservicelevels, pyrra.dev servicelevelobjectives",
        made=made.sample(),
        pending=pending.sample(),
        unread=unread,
    )


def _made_rules(status: _ObjectiveStatus | None) -> bool:
    return status is not None and bool(status.prom_op_rules_generated or status.type)


PROBES = (
    KubernetesProbe(
        provides=MetricsApi, rights=(Right("apiregistration.k8s.io", "apiservices"),), read=read_metrics_api
    ),
    KubernetesProbe(
        provides=OpenTelemetryCollectors,
        rights=(Right("opentelemetry.io", "opentelemetrycollectors"),),
        read=read_collectors,
    ),
    KubernetesProbe(
        provides=FargateLogging,
        # By name in every namespace: a Role would need aws-observability, which most clusters do not have.
        rights=(Right("", "configmaps", ("get",), names=(_AWS_LOGGING[1],)),),
        read=read_fargate_logging,
    ),
    KubernetesProbe(
        provides=GrafanaDashboards,
        rights=(Right("grafana.integreatly.org", "grafanadashboards"),),
        read=read_grafana_dashboards,
    ),
    KubernetesProbe(
        provides=RuleObjectives,
        rights=(
            Right("sloth.slok.dev", "prometheusservicelevels"),
            Right("pyrra.dev", "servicelevelobjectives"),
        ),
        read=read_objectives,
    ),
)
"""What this module gathers."""
