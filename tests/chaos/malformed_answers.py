"""Malformed answers of AWS and Kubernetes, read by the product's own probes and judged by its own checks."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import msgspec
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

from eks_readiness.adapters.aws_errors import refused, unreadable
from eks_readiness.adapters.collect import Probe, outcome
from eks_readiness.adapters.kubernetes_api import KubernetesApi, refusal
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered, KubernetesReader
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.checklist import Checklist
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.domain.errors import RefusedRequest
from eks_readiness.domain.evidence import Evidence, Slice, Unavailable
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.policy import Policy
from tests.chaos.fates import Defect, Fate, require_sound
from tests.chaos.mutations import mutate, mutate_text
from tests.doubles.kubernetes_cluster import KubernetesCluster, encoded
from tests.doubles.memory import MemoryAws
from tests.doubles.scenario import Rule, Scenario, ScenarioError, load_scenario, operation_model

POLICY = Policy()
KUBERNETES_PAGE = 20

Slices = dict[type[Slice], Slice | Unavailable]
Asked = tuple[str, str, str]
"""One request to Kubernetes: path, query, accepted types."""


class LenientAws(MemoryAws):
    """Refuses, as AWS does, what is asked about that is not there. `asked` holds the rules that answered."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.asked: list[Rule] = []

    def read(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call one operation; the SDK refuses parameters of a wrong shape, the service those of what is not there."""
        shape: Any = operation_model(service, operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            raise RefusedRequest(f"{service}:{operation}: {report.generate_report()}", code="ParamValidationError")
        try:
            rule = self.scenario.answer(service, operation, parameters)
        except ScenarioError as error:
            raise refused(service, operation, "ResourceNotFoundException", str(error)[:200], status=404) from error
        self.asked.append(rule)
        if isinstance(rule.answer, _NotAMapping):
            raise unreadable(service, operation, TypeError("not a JSON object"))
        return super().read(service, operation, **parameters)


class Cluster:
    """One scenario with what its probes read, and what the checks said of it."""

    def __init__(self, name: str) -> None:
        self.scenario = load_scenario(name)
        self.server = KubernetesCluster(self.scenario)
        self.bodies: dict[Asked, bytes] = {}
        self.readers: dict[Asked, list[Probe]] = {}
        self.rules: dict[int, list[Probe]] = {}
        self.slices: Slices = {}
        self.order = list(_in_order([*AWS_PROBES, *KUBERNETES_PROBES]))
        for probe in self.order:
            aws, asked = LenientAws(self.scenario), set[Asked]()
            self.slices[probe.provides] = self._read(probe, aws, self.kubernetes(asked.add), self.slices)
            for rule in aws.asked:
                self.rules.setdefault(self.scenario.rules.index(rule), []).append(probe)
            for each in asked:
                self.readers.setdefault(each, []).append(probe)
        self.checklist = installed_checklist()
        card = evaluate(self.evidence(self.slices), self.checklist, policy=POLICY)
        self.before: dict[str, Finding] = {each.check: each for each in card.findings}

    def evidence(self, slices: Slices) -> Evidence:
        """Slices as evidence."""
        return Evidence(
            cluster=self.scenario.cluster, observed_at=self.scenario.now, slices=MappingProxyType(dict(slices))
        )

    def kubernetes(
        self, tell: Callable[[Asked], object] = lambda _asked: None, *, instead: Mapping[Asked, bytes] | None = None
    ) -> KubernetesApi:
        """The product's reader over the scenario's answers; `instead` holds other ones."""

        def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes:
            asked = (path, "&".join(f"{key}={query[key]}" for key in sorted(query)), accept)
            tell(asked)
            if instead and asked in instead:
                return instead[asked]
            if asked not in self.bodies:
                paged = {**query, "limit": str(KUBERNETES_PAGE)} if "limit" in query else query
                answer = self.server.get(path, paged, accept)
                if answer.status != 200:
                    raise refusal(answer.status, encoded(answer), path)
                self.bodies[asked] = encoded(answer)
            return self.bodies[asked]

        return KubernetesApi(fetch)

    def judge(
        self, touched: Sequence[Probe], aws: AwsReader, kubernetes: KubernetesReader
    ) -> tuple[Slices, list[Finding]]:
        """Run the probes that a changed answer touches, those that build on them, and the checks that look at any."""
        slices, anew = dict(self.slices), set[type[Slice]]()
        for probe in self.order:
            if probe in touched or anew.intersection(probe.after):
                slices[probe.provides] = self._read(probe, aws, kubernetes, slices)
                anew.add(probe.provides)
        items = {each.item for each in self.checklist if anew.intersection(each.kinds)}
        part = Checklist(
            tuple(each for each in self.checklist.items if each.id in items),
            tuple(each for each in self.checklist if each.item in items),
        )
        card = evaluate(self.evidence(slices), part, policy=POLICY)
        return {kind: slices[kind] for kind in anew}, list(card.findings)

    def _read(self, probe: Probe, aws: AwsReader, kubernetes: KubernetesReader, slices: Slices) -> Slice | Unavailable:
        gathered = Gathered(self.scenario.cluster, self.scenario.now, MappingProxyType(slices))
        if isinstance(probe, AwsProbe):
            return outcome(probe, partial(probe.read, aws, gathered))
        return outcome(probe, partial(probe.read, kubernetes, gathered))


def _in_order(probes: list[Probe]) -> Iterator[Probe]:
    """Each probe after those that it builds on."""
    there: set[type[Slice]] = set()
    while probes:
        ready = [each for each in probes if there.issuperset(each.after)]
        yield from ready
        there.update(each.provides for each in ready)
        probes = [each for each in probes if each not in ready]


def require_kept(slices: Slices, how: str) -> None:
    """Make sure that slices can be written down and read back.

    Raises:
        Defect: one cannot, or its probe crashed.
    """
    for kind, found in slices.items():
        if isinstance(found, Unavailable):
            if found.reason == "crashed":
                raise Defect(f"{how}: {found.detail}")
            continue
        try:
            again = msgspec.json.decode(msgspec.json.encode(found), type=kind)
        except (ValueError, RecursionError) as error:
            raise Defect(f"{how}: {kind.__name__} cannot be written down: {error}") from error
        if again != found:
            raise Defect(f"{how}: {kind.__name__} is another one when it was written down")


class AwsAnswers:
    """One answer of AWS is damaged, as the SDK would pass it on."""

    name = "AWS answers"

    def __init__(self, *clusters: Cluster) -> None:
        self.clusters = clusters

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One answer."""
        cluster = rng.choice(self.clusters)
        number = rng.choice(list(cluster.rules))
        rule = cluster.scenario.rules[number]
        if rule.answer is None:
            changed, how, retyped = self._refusal(rng, rule)
        else:
            changed, how, retyped = self._answer(rng, rule)
        rules = (*cluster.scenario.rules[:number], changed, *cluster.scenario.rules[number + 1 :])
        scenario = dataclasses.replace(cluster.scenario, rules=rules)
        aws = LenientAws(scenario)
        slices, findings = cluster.judge(cluster.rules[number], aws, cluster.kubernetes())
        how = f"{cluster.scenario.name} {rule.service}:{rule.operation} {how}"
        require_kept(slices, how)
        lost = require_sound(cluster.before, findings, retyped=retyped, how=how)
        unread = any(isinstance(each, Unavailable) for each in slices.values())
        yield "rejected" if lost or unread else "accepted"

    def _refusal(self, rng: random.Random, rule: Rule) -> tuple[Rule, str, bool]:
        code = rng.choice(("", "NewKindOfException", "AccessDenied", "\x00", "x" * 3000, "500"))
        message = rng.choice(("", "\u202eno\x00", "x" * 9000))
        return dataclasses.replace(rule, error={"code": code, "message": message}), f"refused with {code[:20]!r}", False

    def _answer(self, rng: random.Random, rule: Rule) -> tuple[Rule, str, bool]:
        made = mutate(rng, dict(rule.answer or {}))
        shape = operation_model(rule.service, rule.operation).output_shape
        passed_on = parsed(made.value, shape)
        return (
            dataclasses.replace(rule, answer=passed_on if isinstance(passed_on, dict) else _NotAMapping()),
            made.how,
            # Of several damages, one may say something else that can be, beside another of a wrong type.
            wrong_types(passed_on, shape) and (made.retyped or "; " not in made.how),
        )


class _NotAMapping(dict[str, Any]):
    """Stands for an answer that is no structure: over it the SDK itself stumbles (`AwsBodies` shows it)."""


def parsed(value: Any, shape: Shape | None) -> Any:
    """What the SDK passes on of an answer: fields that it knows and that are not null; of what it cannot read, all."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        known = {key: each for key, each in value.items() if key in shape.members and each is not None}
        return {key: parsed(each, shape.members[key]) for key, each in known.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [parsed(each, shape.member) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: parsed(each, shape.value) for key, each in value.items()}
    return value


def wrong_types(value: Any, shape: Any) -> bool:
    """Whether the SDK's own validation of requests would refuse the types of an answer."""
    if not isinstance(value, Mapping):
        return True
    try:
        report: Any = ParamValidator().validate(value, shape)
    except (RuntimeError, ValueError, ArithmeticError):
        return True  # a number that is no instant
    return any(error[0] == "invalid type" for error in report._errors)


class KubernetesAnswers:
    """One answer of an API server is damaged: a page of a list, discovery, a ConfigMap."""

    name = "Kubernetes answers"

    def __init__(self, *clusters: Cluster) -> None:
        self.clusters = clusters

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One answer."""
        cluster = rng.choice(self.clusters)
        asked = rng.choice([each for each in cluster.readers if each in cluster.bodies])
        made = mutate_text(rng, msgspec.json.decode(cluster.bodies[asked]))
        kubernetes = cluster.kubernetes(instead={asked: made.content})
        slices, findings = cluster.judge(cluster.readers[asked], LenientAws(cluster.scenario), kubernetes)
        how = f"{cluster.scenario.name} {asked[0]} {made.how}"
        require_kept(slices, how)
        lost = require_sound(cluster.before, findings, retyped=made.retyped, how=how)
        unread = any(isinstance(each, Unavailable) for each in slices.values())
        yield "rejected" if lost or unread else "accepted"
