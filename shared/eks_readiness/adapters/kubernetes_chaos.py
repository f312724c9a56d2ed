"""Experiments of Chaos Mesh and Litmus, as their custom resources tell about them.

Chaos Mesh's condition AllInjected is also true where an injection failed on the way: what counts is a pod on which the
fault was applied for sure. Sources: https://chaos-mesh.org/docs/inspect-chaos-experiments/,
https://litmuschaos.github.io/litmus/experiments/concepts/chaos-resources/contents/
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

from eks_readiness.adapters.kubernetes_objects import Condition
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.evidence import ChaosMesh, Litmus
from eks_readiness.domain.evidence.experiments import ChaosRun
from eks_readiness.domain.instant import Instant

S = TypeVar("S", ChaosMesh, Litmus)
_MESH = "chaos-mesh.org"
_FAULTS = (
    "awschaos",
    "blockchaos",
    "dnschaos",
    "httpchaos",
    "iochaos",
    "jvmchaos",
    "kernelchaos",
    "networkchaos",
    "podchaos",
    "stresschaos",
    "timechaos",
)
MESH_FAULTS = tuple(Kind(_MESH, resource, ("v1alpha1",)) for resource in _FAULTS)
MESH_WORKFLOWS = Kind(_MESH, "workflows", ("v1alpha1",))
LITMUS_ENGINES = Kind("litmuschaos.io", "chaosengines", ("v1alpha1",))
LITMUS_RESULTS = Kind("litmuschaos.io", "chaosresults", ("v1alpha1",))
# Faults that are over at once: nothing is to be recovered.
_ONE_SHOT = frozenset({"pod-kill", "container-kill", "ec2-restart"})
# Completed_With_Error, Error and Stopped leave open whether the fault was there to the end.
_LITMUS_ENDED = frozenset({"Completed", "Completed_With_Probe_Failure"})
_LITMUS_VERDICTS = frozenset({"Pass", "Fail"})


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    creation_timestamp: Instant | None = None


class _FaultSpec(msgspec.Struct, gc=False):
    action: str | None = None


class _RecordEvent(msgspec.Struct, gc=False):
    type: str = ""
    operation: str = ""
    timestamp: Instant | None = None


class _Record(msgspec.Struct, gc=False, rename="camel"):
    injected_count: int | None = None
    events: list[_RecordEvent] | None = None


class _Experiment(msgspec.Struct, gc=False, rename="camel"):
    container_records: list[_Record] | None = None


class _FaultStatus(msgspec.Struct, gc=False):
    conditions: list[Condition] | None = None
    experiment: _Experiment | None = None


class _Fault(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _FaultSpec | None = None
    status: _FaultStatus | None = None


class _WorkflowStatus(msgspec.Struct, gc=False, rename="camel"):
    conditions: list[Condition] | None = None
    end_time: Instant | None = None


class _Workflow(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _WorkflowStatus | None = None


class _EngineExperiment(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    status: str | None = None
    verdict: str | None = None
    last_update_time: Instant | None = None


class _EngineStatus(msgspec.Struct, gc=False):
    experiments: list[_EngineExperiment] | None = None


class _Engine(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _EngineStatus | None = None


class _ExperimentStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    verdict: str | None = None


class _ResultStatus(msgspec.Struct, gc=False, rename="camel"):
    experiment_status: _ExperimentStatus | None = None


class _Result(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _ResultStatus | None = None


class _Newest:
    """The newest completed experiment, and the names of those that are not."""

    def __init__(self) -> None:
        self._newest: ChaosRun | None = None
        self._unfinished = Names()

    def completed(self, name: str, at: datetime, verdict: str = "") -> None:
        """One was completed, at this instant or later."""
        if self._newest is None or at > self._newest.completed_at:
            self._newest = ChaosRun(name=name, completed_at=at, verdict=verdict)

    def unfinished(self, name: str) -> None:
        """One was not."""
        self._unfinished.add(name)

    def slice(self, kind: type[S], gathered: Gathered, source: str) -> S:
        """Everything that was told."""
        return kind(
            observed_at=gathered.observed_at, source=source, newest=self._newest, unfinished=self._unfinished.sample()
        )


def read_chaos_mesh(api: KubernetesReader, gathered: Gathered) -> ChaosMesh:
    """Every fault and workflow of Chaos Mesh."""
    newest = _Newest()
    for kind in MESH_FAULTS:
        for each in api.items(kind, _Fault):
            _fault(each, kind.resource, newest)
    for workflow in api.items(MESH_WORKFLOWS, _Workflow):
        status, name = workflow.status or _WorkflowStatus(), _name("workflow", workflow.metadata)
        if status.end_time and _is_true(status.conditions, "Accomplished"):
            newest.completed(name, status.end_time)
        else:
            newest.unfinished(name)
    return newest.slice(ChaosMesh, gathered, "chaos-mesh.org experiments, workflows")


def _fault(each: _Fault, resource: str, newest: _Newest) -> None:
    status, name = each.status or _FaultStatus(), _name(resource, each.metadata)
    records = (status.experiment and status.experiment.container_records) or []
    applied = _succeeded(records, "Apply")
    over = (each.spec and each.spec.action) in _ONE_SHOT or _is_true(status.conditions, "AllRecovered")
    if not any(record.injected_count for record in records) or not over:
        newest.unfinished(name)
    elif ended := max([*applied, *_succeeded(records, "Recover")], default=each.metadata.creation_timestamp):
        newest.completed(name, ended)


def _succeeded(records: Iterable[_Record], operation: str) -> list[datetime]:
    return [
        event.timestamp
        for record in records
        for event in record.events or ()
        if event.operation == operation and event.type == "Succeeded" and event.timestamp
    ]


def read_litmus(api: KubernetesReader, gathered: Gathered) -> Litmus:
    """Every engine and result of Litmus."""
    newest = _Newest()
    for engine in api.items(LITMUS_ENGINES, _Engine):
        for each in (engine.status and engine.status.experiments) or ():
            name = f"{_name('ChaosEngine', engine.metadata)} {each.name}"
            if each.status in _LITMUS_ENDED and each.verdict in _LITMUS_VERDICTS and each.last_update_time:
                newest.completed(name, each.last_update_time, each.verdict)
            else:
                newest.unfinished(name)
    for result in api.items(LITMUS_RESULTS, _Result):
        # An engine is often deleted after its run, its result stays; it was completed after it was created.
        found = (result.status and result.status.experiment_status) or _ExperimentStatus()
        created = result.metadata.creation_timestamp
        if found.phase in _LITMUS_ENDED and found.verdict in _LITMUS_VERDICTS and created:
            newest.completed(_name("ChaosResult", result.metadata), created, found.verdict)
    return newest.slice(Litmus, gathered, "litmuschaos.io chaosengines, chaosresults")


def _name(kind: str, meta: _Meta) -> str:
    return f"{kind} {meta.namespace}/{meta.name}"


def _is_true(conditions: Iterable[Condition] | None, kind: str) -> bool:
    return any(each.type == kind and each.status == "True" for each in conditions or ())


PROBES = (
    KubernetesProbe(
        provides=ChaosMesh,
        rights=tuple(Right(_MESH, resource) for resource in (*_FAULTS, "workflows")),
        read=read_chaos_mesh,
    ),
    KubernetesProbe(
        provides=Litmus,
        rights=(Right("litmuschaos.io", "chaosengines"), Right("litmuschaos.io", "chaosresults")),
        read=read_litmus,
    ),
)
"""What this module gathers."""
