"""Pipelines and GitOps tools, as values: how old a run or a comparison may be, and what is said of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec

from eks_readiness.checklist.gitops import Tool, Tools, tools
from eks_readiness.checklist.pipelines import Judged, judge
from eks_readiness.domain.evidence import ArgoCd, Capabilities, Components, Flux, Pipelines, Unavailable
from eks_readiness.domain.evidence.delivery import InfrastructureDelivery, Pipeline, PipelineKind, PipelineRun

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
DENIED = Unavailable(reason="denied", detail="no right", remedy="grant it")
NO_CAPABILITIES = Capabilities(observed_at=NOW, source="test")


def _components(**ready: tuple[int, int]) -> Components:
    found = [
        {
            "component": name.replace("_", "-"),
            "kind": "Deployment",
            "namespace": "flux-system",
            "name": name,
            "ready": up,
            "desired": wanted,
        }
        for name, (up, wanted) in ready.items()
    ]
    return msgspec.convert({"observed_at": NOW, "source": "test", "components": found}, Components)


def _flux(**parts: object) -> Flux:
    return msgspec.convert({"observed_at": NOW, "source": "test", "installed": True, "total": 1, **parts}, Flux)


def _pipelines(*newest: PipelineRun) -> Pipelines:
    pipeline = msgspec.convert({"kind": get_args(PipelineKind)[0], "name": "infra", "newest": newest}, Pipeline)
    return Pipelines(observed_at=NOW, source="test", pipelines=(pipeline,))


def test_the_newest_run_of_a_pipeline() -> None:
    """Green and not older than the limit, to the second; what cannot be read says why."""
    (never,) = _pipelines().pipelines
    for finished_at, status, green in (
        (NOW - DAY, "Succeeded", True),
        (NOW - DAY - SECOND, "Succeeded", False),
        (NOW, "Failed", False),
    ):
        found = _pipelines(PipelineRun(status=status, green=status == "Succeeded", finished_at=finished_at))
        said = f"{never.where} was {status} on {finished_at:%Y-%m-%d}"
        assert judge(found, DAY) == [Judged(found.pipelines[0], green=green, said=said)]
    assert judge(_pipelines(), DAY) == [Judged(never, green=False, said=f"{never.where} never finished a run")]
    unread = msgspec.structs.replace(never, newest=DENIED)
    assert judge(msgspec.structs.replace(_pipelines(), pipelines=(unread,)), DAY) == [
        Judged(unread, green=False, said=f"{never.where}: no right", unread=DENIED)
    ]


def test_infrastructure_that_a_tool_delivers() -> None:
    """In good order and compared within the time, to the second; otherwise it is said why not."""
    best = InfrastructureDelivery(name="base", checked_at=NOW - 2 * DAY)
    tool = Tool("Flux", _flux(best_infrastructure=msgspec.to_builtins(best, builtin_types=(datetime,))))
    assert tool.infrastructure(2 * DAY) == best
    assert tool.infrastructure(2 * DAY - SECOND) is None
    alone = Tools((tool,), ("broken",), None)
    assert alone.said(DAY) == ["broken", "base was not compared with its source within 1 days"]
    assert Tools((), (), None).said(DAY) == ["no GitOps tool delivers"]


def test_a_tool_of_which_nothing_could_be_read_hides_no_other() -> None:
    """Argo CD denied, Flux works; controllers that are scaled to nothing do not."""
    running = _components(flux_kustomize_controller=(1, 2), flux_source_controller=(1, 1))
    found = tools(DENIED, _flux(), running, NO_CAPABILITIES)
    assert found == Tools((Tool("Flux", _flux()),), (), DENIED)
    none = ArgoCd(observed_at=NOW, source="test", installed=False)
    nothing = tools(none, _flux(), _components(), NO_CAPABILITIES)
    assert nothing.broken == ("Flux has objects here, but no flux-kustomize-controller runs",)
    odd = _components(flux_kustomize_controller=(1, 0), flux_source_controller=(1, 1))
    (said,) = tools(none, _flux(), odd, NO_CAPABILITIES).broken
    assert said.endswith("has 1 of 0 pods ready")
