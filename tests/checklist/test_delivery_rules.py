"""Rules about frameworks, cost, drift, and the machine that deploys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from eks_readiness.checklist.delivery.compliance_checks import (
    a_framework_judges_the_cluster,
    no_critical_control_fails,
    the_evaluation_is_fresh,
)
from eks_readiness.checklist.delivery.cost_estimation import cost_of_workloads_is_visible, somebody_hears_of_cost
from eks_readiness.checklist.delivery.drift_detection import drift_was_looked_for, no_drift_was_found
from eks_readiness.checklist.delivery.security_scanning import inspector_scans_code
from eks_readiness.checklist.practices.infrastructure_pipeline import infrastructure_is_deployed_by_a_machine
from eks_readiness.domain.evidence import (
    ArgoCd,
    AuditAssessments,
    Budgets,
    Capabilities,
    CodeScanning,
    ComplianceReports,
    ConfigEvaluations,
    ConfigRules,
    CostExports,
    Flux,
    InfrastructureStacks,
    KubescapeScans,
    Pipelines,
    ScanJobs,
    SecurityHub,
    Unavailable,
)
from eks_readiness.domain.evidence.compliance import ComplianceReport, Evaluation, Standard
from eks_readiness.domain.evidence.cost import CostExport
from eks_readiness.domain.evidence.delivery import (
    Capability,
    Checked,
    InfrastructureDelivery,
    Pipeline,
    PipelineRun,
    Stack,
    StackCheck,
)
from eks_readiness.domain.finding import failed, passed
from tests.checklist.observed import DENIED, LATE, POLICY, component, components, sample, seen
from tests.strategies import NOW

WEEK = timedelta(days=7)
NONE_AT_ALL: dict[str, Any] = {
    "hub": seen(SecurityHub, enabled=False),
    "config": seen(ConfigEvaluations),
    "kubescape": seen(KubescapeScans, installed=False),
    "trivy": seen(ComplianceReports, installed=False),
    "jobs": seen(ScanJobs),
}
NOTHING = failed("no framework evaluates the cluster")


def judged(**found: Any) -> Any:
    """What the check of frameworks says, where the others are not there."""
    return a_framework_judges_the_cluster(*{**NONE_AT_ALL, **found}.values(), seen(AuditAssessments), POLICY)


def fresh(**found: Any) -> Any:
    """What the check of their age says."""
    return the_evaluation_is_fresh(*{**NONE_AT_ALL, **found}.values(), POLICY)


def critical(**found: Any) -> Any:
    """What the check of critical controls says."""
    return no_critical_control_fails(*{**NONE_AT_ALL, **found}.values(), POLICY)


@pytest.mark.parametrize("name", list(NONE_AT_ALL))
def test_a_framework_that_could_not_be_read(name: str) -> None:
    """It may be the one."""
    assert judged(**{name: DENIED}) == DENIED
    assert fresh(**{name: DENIED}) == DENIED
    assert critical(**{name: DENIED}) == DENIED
    assert fresh(**dict.fromkeys(NONE_AT_ALL, DENIED)) == DENIED


def evaluated(at: Any = NOW, **fields: Any) -> Evaluation:
    """Results of ten controls."""
    return Evaluation(controls=10, newest_at=at, **fields)


def config(**fields: Any) -> ConfigEvaluations:
    """AWS Config, recording."""
    return seen(ConfigEvaluations, **{"recording": True, "cluster": evaluated(), **fields})


def test_results_of_config_that_could_not_be_read() -> None:
    """A recorder that is off disproves them; the time of its rules is one of several."""
    assert judged(config=config(unread=LATE)) == LATE
    assert judged(config=config(unread=LATE, recording=False)) == NOTHING
    assert judged(config=config(recording=DENIED)) == DENIED
    assert judged(config=config(recording=DENIED, cluster=Evaluation())) == NOTHING
    assert judged(config=config(rules_ran_at=DENIED)) == passed("evaluated by AWS Config")
    on_time = passed("AWS Config evaluated last at 2026-06-01 12:00 UTC")
    assert fresh(config=config(rules_ran_at=DENIED)) == on_time
    assert fresh(config=config(cluster=evaluated(NOW - 2 * WEEK), rules_ran_at=DENIED)) == DENIED


def test_a_framework_without_a_time() -> None:
    """It judges, and nobody knows when it did."""
    silent = failed("no framework says when it evaluated the cluster")
    assert fresh(config=config(cluster=evaluated(None))) == silent
    assert fresh(kubescape=seen(KubescapeScans, installed=True, cluster=evaluated(None))) == silent
    assert fresh() == NOTHING
    empty = ComplianceReport(name="nsa", cluster=Evaluation(newest_at=NOW))
    assert fresh(trivy=seen(ComplianceReports, installed=True, reports=(empty,))) == NOTHING


def test_kubescape_without_its_jobs() -> None:
    """Its own time counts; the jobs may tell a newer one."""

    def scans(at: Any) -> KubescapeScans:
        return seen(KubescapeScans, installed=True, cluster=evaluated(at))

    assert judged(kubescape=scans(NOW), jobs=DENIED) == passed("evaluated by Kubescape")
    assert fresh(kubescape=scans(NOW), jobs=DENIED) == passed("Kubescape evaluated last at 2026-06-01 12:00 UTC")
    assert fresh(kubescape=scans(NOW - 2 * WEEK), jobs=DENIED) == DENIED


def test_evaluations_are_fresh_to_the_day() -> None:
    """Exactly a week counts."""
    said = "kube-bench evaluated last at 2026-05-25 {} UTC"
    assert fresh(jobs=seen(ScanJobs, kube_bench=1, kube_bench_succeeded_at=NOW - WEEK)) == passed(said.format("12:00"))
    late = NOW - WEEK - timedelta(minutes=1)
    assert fresh(jobs=seen(ScanJobs, kube_bench=1, kube_bench_succeeded_at=late)) == failed(said.format("11:59"))


def test_standards_that_are_not_ready() -> None:
    """Each is named with its state."""
    standards = (Standard(name="cis"), Standard(name="nist", status="INCOMPLETE", problem="no Config"))
    assert judged(hub=seen(SecurityHub, enabled=True, standards=standards)) == failed(
        NOTHING.reason, ["Security Hub: cis is unknown, nist is INCOMPLETE no Config"]
    )
    assert judged(hub=seen(SecurityHub, enabled=True)) == failed(
        NOTHING.reason, ["Security Hub: no standard is enabled"]
    )
    ready = (Standard(name="cis", status="READY"),)
    assert judged(hub=seen(SecurityHub, enabled=True, standards=ready, unread=LATE)) == LATE
    assert judged(hub=seen(SecurityHub, enabled=True, standards=ready, cluster=evaluated())) == passed(
        "evaluated by Security Hub"
    )


def test_frameworks_that_do_not_rate() -> None:
    """They cannot say whether what fails is critical; Config can where nothing fails."""
    scans = seen(KubescapeScans, installed=True, cluster=evaluated(failing=1))
    jobs = seen(ScanJobs, kube_bench=1, kube_bench_succeeded_at=NOW)
    assert critical(kubescape=scans, jobs=jobs) == Unavailable(
        reason="unsupported",
        detail="Kubescape and kube-bench cannot say how severe it is what fails",
        remedy="enable Security Hub's controls, or install the Trivy operator or Kubescape",
    )
    assert critical(config=config()) == passed("no critical control fails by AWS Config")
    assert critical(config=config(cluster=evaluated(failing=1))).reason == "unsupported"


def cost(costs: Any = None, *tools: Any) -> Any:
    """What the check of visible cost says."""
    return cost_of_workloads_is_visible(costs or seen(CostExports), components(*tools), POLICY)


def test_everything_that_shows_cost_is_named() -> None:
    """Exports, and installations of OpenCost or Kubecost."""
    exports = seen(CostExports, reports=(CostExport(name="a"),), exports=(CostExport(name="b"),))
    assert cost(exports) == passed("split cost allocation data is delivered by a, b")
    two = [component("opencost", 1, name="x"), component("opencost", 1, name="y")]
    assert cost(None, *two) == passed("OpenCost is available: Deployment tools/x, Deployment tools/y")
    two = [component("kubecost", 1, name="x"), component("kubecost", 1, name="y")]
    assert cost(None, *two) == passed("Kubecost is available: Deployment tools/x, Deployment tools/y")


def test_a_tag_alone_does_not_split_a_node() -> None:
    """What is broken beside it is named."""
    tagged = seen(CostExports, cluster_tag_active=True, reports=(CostExport(name="a", problem="failed"),))
    assert cost(tagged, component("opencost", 0, 1)) == failed(
        "only the cost tag aws:eks:cluster-name is active, and it does not split a node's cost",
        ["export a: failed", "Deployment tools/opencost has 0 of 1 pods ready"],
    )


def test_budgets_beyond_those_that_are_looked_at() -> None:
    """One of them may notify; of those that do the first five are named."""
    assert somebody_hears_of_cost(seen(Budgets, complete=False), POLICY) == Unavailable(
        reason="unsupported",
        detail="the account has more budgets than a scan looks at, and none of those seen notifies",
        remedy="waive the check, or subscribe somebody to cost anomalies",
    )
    notifying = seen(Budgets, notifying=sample(*"abcdef"))
    assert somebody_hears_of_cost(notifying, POLICY) == passed("budget a, b, c, d, e notifies")


def stack(name: str = "s", drift: str = "IN_SYNC", days: float | None = 1) -> Stack:
    """A stack that was checked that many days ago."""
    at = None if days is None else NOW - timedelta(days=days)
    return Stack(id=name, name=name, drift=drift if at else "", checked_at=at)


def argocd(**fields: Any) -> ArgoCd:
    """An Application, in the hosted Argo CD."""
    return seen(ArgoCd, **{"installed": True, "total": 1, **fields})


HOSTED = seen(Capabilities, capabilities=(Capability(name="argocd", type="ARGOCD", status="ACTIVE"),))
NO_FLUX = seen(Flux, installed=False)
NO_RULES = seen(ConfigRules)


def drift(rule: Any, *own: Stack, config: Any = NO_RULES, tool: Any = None, **stacks: Any) -> Any:
    """What one of both checks says."""
    found = seen(InfrastructureStacks, own=own, **stacks)
    tool = tool or seen(ArgoCd, installed=False)
    return rule(found, config, tool, NO_FLUX, components(), HOSTED, POLICY)


def test_drift_was_looked_for_to_the_hour() -> None:
    """Within exactly a week."""
    assert drift(drift_was_looked_for, stack(days=7)) == passed("stack s was checked 168 hours ago")
    assert drift(drift_was_looked_for, stack(days=167.5 / 24)) == passed("stack s was checked 168 hours ago")
    assert drift(drift_was_looked_for, stack(days=7.1)) == failed(
        "nothing looked for drift within 7 days", ["stack s: checked 7 days ago"]
    )


@pytest.mark.parametrize("rule", [drift_was_looked_for, no_drift_was_found])
def test_rules_of_config_that_could_not_be_read(rule: Any) -> None:
    """They may know more of a stack; without a stack there is nothing to know."""
    old = stack(days=8)
    assert drift(rule, old, config=DENIED) == DENIED
    assert drift(rule, old, config=seen(ConfigRules, stack_checks=LATE)) == LATE
    assert drift(rule, config=DENIED).outcome == "fail"
    assert drift(rule, old, beyond_cap=3) == Unavailable(
        reason="unsupported",
        detail="3 more stacks are registered for the cluster than are looked at",
        remedy="take the tag eks-readiness:cluster off those that do not make it",
    )
    assert drift(rule, tagged=DENIED) == DENIED


def test_stacks_judged_by_config() -> None:
    """The newest word counts; what Config does not judge is no word."""
    words = [("COMPLIANT", 3), ("NON_COMPLIANT", 2), ("INSUFFICIENT_DATA", 1)]
    checks = tuple(
        StackCheck(rule="r", stack_id="s", compliance=word, at=NOW - timedelta(days=days)) for word, days in words
    )
    rules = seen(ConfigRules, stack_checks=checks)
    assert drift(no_drift_was_found, stack(days=None), config=rules) == failed(
        "1 differ from their source: stack s: drifted", ["stack s: drifted"], final=True
    )
    assert drift(no_drift_was_found, stack(days=1.5), config=rules) == passed("no drift: stack s")
    assert drift(no_drift_was_found, stack(days=None)) == failed(
        "nothing looked for drift in time", ["stack s: never checked"]
    )


def test_drift_is_counted() -> None:
    """Of stacks and of objects, beyond those that are named; and all that agrees is named."""
    tool = argocd(drifted=sample("app", total=30), infrastructure=1, least_checked=Checked(name="base", at=NOW))
    verdict = drift(no_drift_was_found, stack(drift="DRIFTED"), tool=tool)
    assert verdict == failed(
        "31 differ from their source: stack s: drifted", ["app", "stack s: drifted"], total=31, final=True
    )
    clean = argocd(infrastructure=1, least_checked=Checked(name="base", at=NOW))
    assert drift(no_drift_was_found, stack(), tool=clean) == passed("no drift: stack s, Argo CD (base)")


def test_tools_that_deliver_no_infrastructure() -> None:
    """They say nothing about it; one that was never compared has no age."""
    apps = argocd(infrastructure=0, least_checked=Checked(name="shop", at=NOW))
    assert drift(drift_was_looked_for, tool=apps) == failed("nothing looked for drift within 7 days")
    never = argocd(infrastructure=1, least_checked=Checked(name="base"))
    assert drift(drift_was_looked_for, tool=never) == failed(
        "nothing looked for drift within 7 days", ["Argo CD (base): never checked"]
    )


def test_all_code_that_is_scanned_is_named() -> None:
    """Repositories and functions."""
    scanning = seen(CodeScanning, code_repositories=True, function_code=True)
    assert inspector_scans_code(scanning, POLICY) == passed("Inspector scans repositories and function code")


def deployed(*found: Pipeline, tool: Any = None, **fields: Any) -> Any:
    """What the check of pipelines says."""
    pipelines = seen(Pipelines, pipelines=found, **fields)
    tool = tool or seen(ArgoCd, installed=False)
    return infrastructure_is_deployed_by_a_machine(pipelines, tool, NO_FLUX, components(), HOSTED, POLICY)


GREEN = (PipelineRun(status="Succeeded", green=True, finished_at=NOW),)


def test_pipelines_that_could_not_be_read() -> None:
    """One of them may be green, or one of those that were not looked at."""
    unread = Pipeline(kind="CodePipeline", name="p", newest=DENIED)
    assert deployed(unread) == DENIED
    assert deployed(beyond_cap=2) == Unavailable(
        reason="unsupported",
        detail="2 more pipelines are registered for the cluster than are looked at",
        remedy="take the tag eks-readiness:cluster off those that do not deliver it",
    )
    assert deployed(unread, Pipeline(kind="CodeBuild", name="b", newest=GREEN)).outcome == "pass"


def test_reports_of_tests_deploy_nothing() -> None:
    """A report group is no pipeline."""
    report = Pipeline(kind="report group", name="r", newest=GREEN)
    assert deployed(report) == failed(
        "no registered pipeline and no GitOps tool deploys the cluster's infrastructure", ["no GitOps tool delivers"]
    )


def test_infrastructure_that_was_not_compared_lately() -> None:
    """It is said since when."""
    old = InfrastructureDelivery(name="Application base", checked_at=NOW - timedelta(days=31))
    assert deployed(tool=argocd(best_infrastructure=old)) == failed(
        "no registered pipeline and no GitOps tool deploys the cluster's infrastructure",
        ["Application base was not compared with its source within 30 days"],
    )
    on_time = InfrastructureDelivery(name="Application base", checked_at=NOW - timedelta(days=30))
    assert deployed(tool=argocd(best_infrastructure=on_time)) == passed(
        "Argo CD delivers it: Application base is in order"
    )
