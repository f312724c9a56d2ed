"""Compliance checks: a framework judges the cluster."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import first_unavailable
from eks_readiness.domain.evidence import (
    AuditAssessments,
    ComplianceReports,
    ConfigEvaluations,
    KubescapeScans,
    ScanJobs,
    SecurityHub,
    Unavailable,
)
from eks_readiness.domain.evidence.compliance import Evaluation
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_NOTHING = "no framework evaluates the cluster"
_CONFIG = "AWS Config"


class _Framework(NamedTuple):
    """One framework: what it said, when it ran last, or why it says nothing although it is there.

    `unread` is what could not be read of it, and might say more. One that says nothing needs no name.
    """

    name: str = ""
    said: Evaluation = Evaluation()
    ran_at: datetime | None = None
    problem: str = ""
    unread: Unavailable | None = None

    @property
    def judges(self) -> bool:
        return not self.problem and self.said.controls > 0


@check(
    "compliance-checks.framework",
    needs=(
        if_available(SecurityHub),
        if_available(ConfigEvaluations),
        if_available(KubescapeScans),
        if_available(ComplianceReports),
        if_available(ScanJobs),
        if_available(AuditAssessments),
    ),
    required=True,
)
def a_framework_judges_the_cluster(  # noqa: PLR0913 - one for each slice
    hub: SecurityHub | Unavailable,
    config: ConfigEvaluations | Unavailable,
    kubescape: KubescapeScans | Unavailable,
    trivy: ComplianceReports | Unavailable,
    jobs: ScanJobs | Unavailable,
    audit: AuditAssessments | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """A compliance framework evaluates the cluster: Security Hub, AWS Config, Kubescape, Trivy or kube-bench.

    Security Hub counts with a standard that is READY and a result for this cluster; AWS Config while it records, with a
    conformance pack or rules that judged this cluster; the Trivy operator with a ClusterComplianceReport that has
    results; kube-bench with a CronJob or Job that succeeded. Audit Manager gathers evidence and judges nothing itself.
    Why: a rule that nothing evaluates is kept until somebody is in a hurry.
    Fix: aws securityhub enable-security-hub --enable-default-standards, with AWS Config recording AWS::EKS::Cluster; or
    install the Trivy operator or Kubescape.
    Source: https://docs.aws.amazon.com/securityhub/latest/userguide/eks-controls.html
    """
    found = _frameworks(hub, config, kubescape, trivy, jobs)
    if judging := [each.name for each in found if each.judges]:
        return passed(f"evaluated by {', '.join(judging)}")
    if unread := _unread(found):
        return unread
    problems = [f"{each.name}: {each.problem}" for each in found if each.problem]
    if isinstance(audit, AuditAssessments) and audit.active:
        problems.append(f"Audit Manager: {audit.active} assessments gather evidence of the account, not of the cluster")
    return failed(_NOTHING, problems)


@check(
    "compliance-checks.fresh",
    needs=(
        if_available(SecurityHub),
        if_available(ConfigEvaluations),
        if_available(KubescapeScans),
        if_available(ComplianceReports),
        if_available(ScanJobs),
    ),
    required=True,
)
def the_evaluation_is_fresh(  # noqa: PLR0913 - one for each slice
    hub: SecurityHub | Unavailable,
    config: ConfigEvaluations | Unavailable,
    kubescape: KubescapeScans | Unavailable,
    trivy: ComplianceReports | Unavailable,
    jobs: ScanJobs | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """A framework evaluated the cluster within `max_compliance_scan_age_days` days.

    One fresh framework is enough. AWS Config judges a cluster anew when it changes: an older result stands while its
    rules run. Kubescape leaves no time beside a repeated scan: the job that starts its scans tells, or a new workload.
    Why: an evaluation of last month says nothing about what was deployed since.
    Fix: see that the scanner runs: its CronJob, its operator, or Config's recorder.
    Source: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-standards-schedule.html
    """
    found = _frameworks(hub, config, kubescape, trivy, jobs)
    slices = (each for each in (hub, config, kubescape, trivy, jobs) if not isinstance(each, Unavailable))
    scanned_at = next((each.observed_at for each in slices), None)
    runs = [(each.ran_at, each.name) for each in found if each.judges and each.ran_at]
    if not runs or scanned_at is None:
        said = "no framework says when it evaluated the cluster" if any(each.judges for each in found) else _NOTHING
        return _unread(found) or failed(said)
    ran_at, name = max(runs)
    said = f"{name} evaluated last at {ran_at:%Y-%m-%d %H:%M} UTC"
    if scanned_at - ran_at <= timedelta(days=policy.max_compliance_scan_age_days):
        return passed(said)
    return _unread(found) or failed(said)


@check(
    "compliance-checks.critical",
    needs=(
        if_available(SecurityHub),
        if_available(ConfigEvaluations),
        if_available(KubescapeScans),
        if_available(ComplianceReports),
        if_available(ScanJobs),
    ),
    required=False,
)
def no_critical_control_fails(  # noqa: PLR0913 - one for each slice
    hub: SecurityHub | Unavailable,
    config: ConfigEvaluations | Unavailable,
    kubescape: KubescapeScans | Unavailable,
    trivy: ComplianceReports | Unavailable,
    jobs: ScanJobs | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """No control that a framework calls critical fails.

    Suppressed findings of Security Hub do not count. AWS Config and kube-bench do not say how severe a control is:
    where nothing else evaluates the cluster, Config passes with no failing rule at all.
    Why: what a framework calls critical is how clusters are taken over.
    Fix: aws securityhub get-findings; kubectl get clustercompliancereports -o yaml; then mend it, or suppress it with a
    reason.
    Source: https://docs.aws.amazon.com/securityhub/latest/userguide/controls-findings-create-update.html
    """
    rating = [_hub(hub), _kubescape(kubescape, jobs), *_trivy(trivy)]
    found = [*rating, _config(config), _kube_bench(jobs)]
    judging = [each for each in found if each.judges]
    if total := sum(each.said.critical.total for each in judging):
        failing = [f"{each.name}: {name}" for each in judging for name in each.said.critical.names]
        return failed(f"{total} critical controls fail", failing, total=total)
    # What could not be read of one that judges is when it did, and the others say nothing of severity.
    if unread := _unread([each for each in rating if not each.judges]):
        return unread
    clean = [each for each in judging if each.said.rated or (each.name == _CONFIG and not each.said.failing)]
    if clean:
        return passed(f"no critical control fails by {', '.join(each.name for each in clean)}")
    if unread := _unread([each for each in found if not each.judges]):
        return unread
    if not judging:
        return failed(_NOTHING)
    return Unavailable(
        reason="unsupported",
        detail=f"{' and '.join(each.name for each in judging)} cannot say how severe it is what fails",
        remedy="enable Security Hub's controls, or install the Trivy operator or Kubescape",
    )


def _unread(found: list[_Framework]) -> Unavailable | None:
    return first_unavailable(*(each.unread for each in found))


def _frameworks(
    hub: SecurityHub | Unavailable,
    config: ConfigEvaluations | Unavailable,
    kubescape: KubescapeScans | Unavailable,
    trivy: ComplianceReports | Unavailable,
    jobs: ScanJobs | Unavailable,
) -> list[_Framework]:
    return [_hub(hub), _config(config), _kubescape(kubescape, jobs), *_trivy(trivy), _kube_bench(jobs)]


def _hub(hub: SecurityHub | Unavailable) -> _Framework:
    name = "Security Hub"
    if isinstance(hub, Unavailable):
        return _Framework(unread=hub)
    if not hub.enabled:
        return _Framework()
    if not any(each.status == "READY" for each in hub.standards):
        states = [f"{each.name} is {each.status or 'unknown'} {each.problem}".strip() for each in hub.standards]
        return _Framework(name, problem=", ".join(states) or "no standard is enabled")
    if hub.unread:
        return _Framework(unread=hub.unread)
    if not hub.cluster.controls:
        return _Framework(name, problem="no control has a result for this cluster; does AWS Config record it?")
    return _Framework(name, hub.cluster, hub.cluster.newest_at)


def _config(config: ConfigEvaluations | Unavailable) -> _Framework:
    if isinstance(config, Unavailable):
        return _Framework(unread=config)
    if config.unread:
        # A recorder that is off disproves it, whatever the results are.
        return _Framework(unread=None if config.recording is False else config.unread)
    if isinstance(config.recording, Unavailable) and config.cluster.controls:
        return _Framework(unread=config.recording)
    if not config.recording or not config.cluster.controls:
        off = "rules judged the cluster, but the recorder is off"
        return _Framework(_CONFIG, problem=off if config.cluster.controls else "")
    if isinstance(config.rules_ran_at, Unavailable):
        return _Framework(_CONFIG, config.cluster, config.cluster.newest_at, unread=config.rules_ran_at)
    times = [each for each in (config.cluster.newest_at, config.rules_ran_at) if each]
    return _Framework(_CONFIG, config.cluster, max(times, default=None))


def _kubescape(kubescape: KubescapeScans | Unavailable, jobs: ScanJobs | Unavailable) -> _Framework:
    if isinstance(kubescape, Unavailable):
        return _Framework(unread=kubescape)
    if not kubescape.cluster.controls:
        return _Framework("Kubescape", problem="it scanned nothing yet" if kubescape.installed else "")
    if isinstance(jobs, Unavailable):
        return _Framework("Kubescape", kubescape.cluster, kubescape.cluster.newest_at, unread=jobs)
    times = [each for each in (kubescape.cluster.newest_at, jobs.kubescape_succeeded_at) if each]
    return _Framework("Kubescape", kubescape.cluster, max(times, default=None))


def _trivy(trivy: ComplianceReports | Unavailable) -> list[_Framework]:
    if isinstance(trivy, Unavailable):
        return [_Framework(unread=trivy)]
    return [
        _Framework(
            f"Trivy {each.name}",
            each.cluster,
            each.cluster.newest_at,
            problem="" if each.cluster.controls else "it has no results yet",
        )
        for each in trivy.reports
    ]


def _kube_bench(jobs: ScanJobs | Unavailable) -> _Framework:
    if isinstance(jobs, Unavailable):
        return _Framework(unread=jobs)
    at = jobs.kube_bench_succeeded_at
    if at is None:
        return _Framework("kube-bench", problem="it never succeeded" if jobs.kube_bench else "")
    return _Framework("kube-bench", Evaluation(controls=1), at)
