"""The readers of probes over a scenario, without wires: for cases, where only the answers matter."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_readiness.adapters.aws_errors import refused
from eks_readiness.adapters.aws_shapes import require_shape
from eks_readiness.adapters.collect import collect_evidence
from eks_readiness.adapters.kubernetes_api import KubernetesApi, refusal
from eks_readiness.adapters.probe import KubernetesReader
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.domain.errors import ProbeError, Unreachable, bounded
from eks_readiness.domain.evidence import Evidence
from tests.doubles.kubernetes_cluster import KubernetesCluster, encoded
from tests.doubles.scenario import Scenario, operation_model

PAGE = 2
"""Every list comes in pages of two here, so that nobody reads only the first one."""


class MemoryAws:
    """An AwsReader that answers from a scenario. `calls` remembers what was asked."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def read(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call one operation; a field that it does not have is a mistake of the caller."""
        shape = operation_model(service, operation).input_shape
        if unknown := set(parameters) - set(shape.members if shape else ()):
            raise TypeError(f"{service}:{operation} has no parameter {', '.join(sorted(unknown))}")
        self.calls.append((service, operation, parameters))
        rule = self.scenario.answer(service, operation, parameters)
        if rule.error is not None:
            said = bounded(rule.error["message"])
            raise refused(service, operation, rule.error["code"], said, status=rule.error.get("status", 400))
        answer = copy.deepcopy(dict(rule.answer or {}))
        require_shape(answer, operation_model(service, operation).output_shape, f"{service}:{operation}")
        return answer

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Every element under the answer's `key`."""
        yield from self.read(service, operation, **parameters).get(key) or ()

    def read_each(
        self, service: str, operation: str, each: Sequence[Mapping[str, Any]], /
    ) -> list[dict[str, Any] | ProbeError]:
        """Call one operation once for each set of parameters."""
        answers: list[dict[str, Any] | ProbeError] = []
        for parameters in each:
            try:
                answers.append(self.read(service, operation, **parameters))
            except ProbeError as error:
                answers.append(error)
        return answers


def memory_kubernetes(scenario: Scenario) -> KubernetesApi:
    """The real reader over a scenario's answers.

    Raises:
        Unreachable: as the scenario says.
    """
    if not scenario.reachable:
        raise Unreachable("connect: timed out", remedy="give the scanner a route to the private endpoint")
    cluster = KubernetesCluster(scenario)

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes:
        asked = {**query, "limit": str(PAGE)} if "limit" in query else query
        answer = cluster.get(path, asked, accept)
        if answer.status != 200:
            raise refusal(answer.status, encoded(answer), path)
        return encoded(answer)

    return KubernetesApi(fetch)


def gather(scenario: Scenario, documents: Sequence[str] = (), *, aws: MemoryAws | None = None) -> Evidence:
    """All evidence of a scenario, by every probe of the product; `aws` remembers what they asked."""

    def connect() -> KubernetesReader:
        return memory_kubernetes(scenario)

    return collect_evidence(
        scenario.cluster,
        aws=aws or MemoryAws(scenario),
        connect=connect,
        aws_probes=AWS_PROBES,
        kubernetes_probes=KUBERNETES_PROBES,
        observed_at=scenario.now,
        seconds=60,
        documents=documents,
    )
