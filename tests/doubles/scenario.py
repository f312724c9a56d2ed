"""Scenarios: one cluster and its account as data, and the changes that a case makes to them.

`scenarios/<name>/scenario.yaml` says which cluster it is; `aws/*.yaml` hold answers of AWS operations, validated
against the SDK's own service models; `kubernetes/*.yaml` hold objects, whole. Text like `${now-2h}` becomes an instant,
`${now-2h:ms}` one in milliseconds.

`shapes/<name>.yaml` is another shape of such a cluster: a base, and the changes that make it that shape.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import yaml
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

from eks_readiness.domain.cluster import ClusterRef

SCENARIOS = Path(__file__).parent / "scenarios"
SHAPES = Path(__file__).parent / "shapes"
NAMES = ("prod", "auto", "bare", "locked")
CASE_NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
"""The instant of every case: a Tuesday."""
REGION = "eu-west-1"
"""The region in which every scenario is written down, in partition aws."""
DNS_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
"""Under which the hosts of a region lie; labels like eks.amazonaws.com/nodegroup are the same in every partition."""

ANY = "*"
_INSTANT = re.compile(r"\$\{now(?:(?P<sign>[+-])(?P<amount>\d+)(?P<unit>[smhd]))?(?P<milliseconds>:ms)?\}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ScenarioError(Exception):
    """A scenario or a change is wrong; the message says which and where."""


class _Loader(yaml.CSafeLoader):
    """YAML without its own idea of what a timestamp is: answers and objects carry them as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> list[Any]:
    """Every document of a file; timestamps stay text."""
    try:
        return [each for each in yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader) if each is not None]
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}: {error}") from error


@dataclass(frozen=True)
class Rule:
    """One answer of AWS, to calls whose parameters contain `when`. `service` and `operation` may be `*`."""

    service: str
    operation: str
    when: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    def fits(self, service: str, operation: str, parameters: Mapping[str, Any]) -> bool:
        """Whether it answers a call."""
        named = self.service in (service, ANY) and self.operation in (operation, ANY)
        return named and _contains(parameters, self.when)


@dataclass(frozen=True)
class Scenario:
    """One cluster and its account. `denied` holds resources (`nodes`, `nodepools.karpenter.sh`) or `*`."""

    name: str
    cluster: ClusterRef
    kubernetes_version: str
    now: datetime
    rules: tuple[Rule, ...]
    objects: tuple[Mapping[str, Any], ...]
    serves: tuple[tuple[str, str], ...] = ()
    denied: frozenset[str] = frozenset()
    reachable: bool = True

    def answer(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Rule:
        """The rule that answers a call: the first that fits.

        Raises:
            ScenarioError: nobody said what to answer.
        """
        for rule in self.rules:
            if rule.fits(service, operation, parameters):
                return rule
        raise ScenarioError(f"scenario {self.name} has no answer for {service}:{operation} {dict(parameters)}")

    def changed(self, change: Mapping[str, Any]) -> Scenario:
        """The scenario after the changes of a case."""
        if unknown := set(change) - {"aws", "kubernetes"}:
            raise ScenarioError(f"unknown kind of change: {', '.join(sorted(unknown))}")
        scenario = self
        for each in change.get("aws") or ():
            scenario = _aws_change(scenario, each)
        for each in change.get("kubernetes") or ():
            scenario = _kubernetes_change(scenario, each)
        return scenario


@functools.cache
def _documents(name: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    root = SCENARIOS / name
    head = read_yaml(root / "scenario.yaml")[0]
    rules = [rule for path in sorted(root.glob("aws/*.yaml")) for document in read_yaml(path) for rule in document]
    objects = [each for path in sorted(root.glob("kubernetes/*.yaml")) for each in read_yaml(path)]
    for each in objects:
        if not isinstance(each, dict) or not {"apiVersion", "kind", "metadata"} <= set(each):
            raise ScenarioError(f"scenario {name}: not a Kubernetes object: {str(each)[:200]}")
    return head, rules, objects


def services_of(names: Sequence[str]) -> frozenset[str]:
    """The boto3 names of the services that scenarios answer for."""
    return frozenset(rule["service"] for name in names for rule in _documents(name)[1]) - {ANY}


@functools.cache
def shape(name: str) -> Mapping[str, Any] | None:
    """The file of a shape; None where a scenario has no such name."""
    file = SHAPES / f"{name}.yaml"
    return read_yaml(file)[0] if file.exists() else None


@functools.lru_cache(maxsize=64)  # scenarios are values: a change makes another one
def load_scenario(name: str, *, now: datetime = CASE_NOW, region: str = REGION, partition: str = "aws") -> Scenario:
    """Read a scenario, or a shape of one, as it is at an instant; in another region and partition if named."""
    if (shaped := shape(name)) is not None:
        base = load_scenario(shaped["base"], now=now, region=region, partition=partition)
        return base.changed(moved(shaped["change"], region=region, partition=partition))
    head, rules, objects = (moved(each, region=region, partition=partition) for each in _documents(name))
    return Scenario(
        name=name,
        cluster=ClusterRef.parse(head["cluster_arn"]),
        kubernetes_version=head["kubernetes_version"],
        now=now,
        # Rules for every service speak last, whatever file they stand in.
        rules=tuple(sorted((_rule(each, now) for each in rules), key=lambda rule: rule.service == ANY)),
        objects=tuple(dated(each, now) for each in objects),
        serves=tuple(_served(each) for each in head.get("serves") or ()),
        denied=frozenset(head.get("deny") or ()),
        reachable=head.get("reachable", True),
    )


def moved(value: Any, *, region: str, partition: str) -> Any:
    """A copy in which everything lies in another region, and in another partition."""
    if (region, partition) == (REGION, "aws"):
        return value
    if isinstance(value, Mapping):
        return {key: moved(each, region=region, partition=partition) for key, each in value.items()}
    if isinstance(value, list):
        return [moved(each, region=region, partition=partition) for each in value]
    if not isinstance(value, str):
        return value
    text = _HOST.sub(rf"\g<1>{DNS_SUFFIXES[partition]}", value.replace("arn:aws:", f"arn:{partition}:"))
    return text.replace(REGION, region)


_HOST = re.compile(rf"({REGION}(?:\.eks)?\.)amazonaws\.com\b")


def dated(value: Any, now: datetime) -> Any:
    """A copy in which every `${now-2h}` is an instant as Kubernetes writes it, or a number of milliseconds (`:ms`)."""
    if isinstance(value, Mapping):
        return {key: dated(each, now) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [dated(each, now) for each in value]
    if isinstance(value, str) and "${" in value:
        whole = _INSTANT.fullmatch(value)
        if whole is not None and whole["milliseconds"]:
            return int(_moment(whole, now).timestamp() * 1000)
        return _INSTANT.sub(lambda match: _moment(match, now).strftime("%Y-%m-%dT%H:%M:%SZ"), value)
    return value


def merged(value: Any, patch: Any) -> Any:
    """A JSON merge patch, applied.

    Source: https://www.rfc-editor.org/rfc/rfc7386
    """
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, each in patch.items():
        if each is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), each)
    return result


def operation_model(service: str, operation: str) -> OperationModel:
    """The SDK's own description of an operation, by API name."""
    model: OperationModel = service_model(service).operation_model(operation)
    return model


@functools.cache
def service_model(service: str) -> Any:
    """The SDK's own description of a service, by boto3 name."""
    return botocore.session.get_session().get_service_model(service)


def _moment(match: re.Match[str], now: datetime) -> datetime:
    if not match["sign"]:
        return now
    distance = timedelta(**{_UNITS[match["unit"]]: int(match["amount"])})
    return now + distance if match["sign"] == "+" else now - distance


def _rule(entry: Mapping[str, Any], now: datetime) -> Rule:
    if unknown := set(entry) - {"service", "operation", "when", "answer", "error"}:
        raise ScenarioError(f"{entry.get('service')}:{entry.get('operation')}: unknown keys {sorted(unknown)}")
    answer = entry.get("answer")
    if (answer is None) == ("error" not in entry):
        raise ScenarioError(f"{entry['service']}:{entry['operation']}: needs an answer or an error, and not both")
    if answer is not None:
        answer = _shaped(entry["service"], entry["operation"], dated(answer, now))
    return Rule(entry["service"], entry["operation"], entry.get("when") or {}, answer, entry.get("error"))


def _shaped(service: str, operation: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer as boto3 gives it: instants where the model has timestamps; wrong fields and types are refused."""
    shape = operation_model(service, operation).output_shape
    if shape is None:
        raise ScenarioError(f"{service}:{operation} answers nothing")
    shaped = _typed(answer, shape, f"{service}:{operation}")
    report = ParamValidator().validate(shaped, shape)
    if report.has_errors():
        raise ScenarioError(f"{service}:{operation}: {report.generate_report()}")
    result: Mapping[str, Any] = shaped
    return result


def _typed(value: Any, shape: Shape, where: str) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        if unknown := set(value) - set(shape.members):
            raise ScenarioError(f"{where}: no such fields: {', '.join(sorted(unknown))}")
        return {key: _typed(each, shape.members[key], f"{where}.{key}") for key, each in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_typed(each, shape.member, f"{where}[]") for each in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _typed(each, shape.value, f"{where}.{key}") for key, each in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if shape.type_name == "blob" and isinstance(value, str):
        return value.encode()
    return value


def _contains(parameters: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        key in parameters
        and (_contains(parameters[key], each) if isinstance(each, Mapping) else parameters[key] == each)
        for key, each in wanted.items()
    )


def _served(entry: str) -> tuple[str, str]:
    """Split `velero.io/v1 Backup` into apiVersion and kind."""
    api_version, _, kind = entry.partition(" ")
    if not kind:
        raise ScenarioError(f"serves: write {entry!r} as `group/version Kind`")
    return api_version, kind


def _aws_change(scenario: Scenario, change: Mapping[str, Any]) -> Scenario:
    if "merge" not in change:
        return replace(scenario, rules=(_rule(change, scenario.now), *scenario.rules))
    service, operation, when = change["service"], change["operation"], change.get("when") or {}
    patch, touched, rules = dated(change["merge"], scenario.now), 0, []
    for rule in scenario.rules:
        if rule.answer is not None and rule.fits(service, operation, {**rule.when}) and _contains(rule.when, when):
            touched += 1
            rules.append(replace(rule, answer=_shaped(service, operation, merged(rule.answer, patch))))
        else:
            rules.append(rule)
    if not touched:
        raise ScenarioError(f"merge: scenario {scenario.name} has no answer of {service}:{operation} {when}")
    return replace(scenario, rules=tuple(rules))


def _kubernetes_change(scenario: Scenario, change: Mapping[str, Any]) -> Scenario:
    ((verb, what),) = change.items()
    objects = scenario.objects
    match verb:
        case "add":
            return replace(scenario, objects=(*objects, *dated(what, scenario.now)))
        case "remove":
            return replace(scenario, objects=tuple(_removed(scenario, what)))
        case "patch":
            return replace(scenario, objects=tuple(_patched(scenario, what)))
        case "deny":
            return replace(scenario, denied=scenario.denied | {what})
        case "serve":
            return replace(scenario, serves=(*scenario.serves, _served(what)))
        case "absent":
            return replace(
                scenario,
                objects=tuple(each for each in objects if _group(each["apiVersion"]) != what),
                serves=tuple(each for each in scenario.serves if _group(each[0]) != what),
            )
        case "server":
            return replace(scenario, kubernetes_version=what)
        case "unreachable":
            return replace(scenario, reachable=not what)
        case _:
            raise ScenarioError(f"unknown Kubernetes change: {verb}")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _is(each: Mapping[str, Any], what: Mapping[str, Any]) -> bool:
    meta = each["metadata"]
    return bool(
        each["kind"] == what["kind"]
        and what.get("name", meta.get("name")) == meta.get("name")
        and what.get("namespace", meta.get("namespace")) == meta.get("namespace")
    )


def _removed(scenario: Scenario, what: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if not any(_is(each, what) for each in scenario.objects):
        raise ScenarioError(f"remove: scenario {scenario.name} has no {dict(what)}")
    return (each for each in scenario.objects if not _is(each, what))


def _patched(scenario: Scenario, what: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if not any(_is(each, what) for each in scenario.objects):
        raise ScenarioError(f"patch: scenario {scenario.name} has no such object: {what['kind']} {what.get('name')}")
    patch = dated(what["merge"], scenario.now)
    return (merged(each, patch) if _is(each, what) else each for each in scenario.objects)
