"""Compliance scanners inside the cluster: Kubescape, the Trivy operator, kube-bench."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, ComplianceReports, KubescapeScans, Sample, ScanJobs
from eks_readiness.domain.evidence.compliance import ComplianceReport, Evaluation
from eks_readiness.domain.instant import Instant

_KUBESCAPE = "spdx.softwarecomposition.kubescape.io"
WORKLOAD_SUMMARIES = Kind(_KUBESCAPE, "workloadconfigurationscansummaries", ("v1beta1",))
_WITH_CONTENT = "fullSpec"
"""The resourceVersion with which Kubescape's server does not leave the content out of a list.
https://github.com/kubescape/storage/blob/main/pkg/registry/file/storage.go"""
COMPLIANCE_REPORTS = Kind("aquasecurity.github.io", "clustercompliancereports", ("v1alpha1",))
CRON_JOBS = Kind("batch", "cronjobs")
JOBS = Kind("batch", "jobs")
_NAME_CHARACTERS = 120


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: Instant | None = None


# --- Kubescape: https://github.com/kubescape/storage/tree/main/pkg/apis/softwarecomposition/v1beta1


class _Severities(msgspec.Struct, gc=False):
    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    unknown: int = 0


class _SummarySpec(msgspec.Struct, gc=False):
    severities: _Severities | None = None
    controls: dict[str, msgspec.Raw] | None = None


class _Summary(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _SummarySpec | None = None


def read_kubescape(api: KubernetesReader, gathered: Gathered) -> KubescapeScans:
    """How many namespaces Kubescape scanned, the failing controls by severity, and when it met its newest workload.

    Its summaries of namespaces are made up on demand from those of workloads, of the first page alone, and may be
    switched off: those of workloads are read.
    """
    namespaces, critical = set[str](), Counter[str]()
    failing, rated = 0, True
    newest: datetime | None = None
    for each in api.items(WORKLOAD_SUMMARIES, _Summary, resource_version=_WITH_CONTENT):
        spec, namespace = each.spec or _SummarySpec(), each.metadata.namespace
        found = spec.severities or _Severities()
        namespaces.add(namespace)
        failing += found.critical + found.high + found.medium + found.low + found.unknown
        critical[namespace] += found.critical
        # A server that leaves the content out writes zeros in its place.
        rated = rated and bool(spec.controls)
        newest = _later(newest, each.metadata.creation_timestamp)
    names = [f"{name} ({total})" for name, total in sorted(critical.items()) if total]
    return KubescapeScans(
        observed_at=gathered.observed_at,
        source=f"{_KUBESCAPE} workloadconfigurationscansummaries",
        installed=api.serves(WORKLOAD_SUMMARIES) is not None,
        cluster=Evaluation(
            controls=len(namespaces),
            failing=failing,
            rated=rated and bool(namespaces),
            critical=Sample(total=critical.total(), names=tuple(names[:MAX_SAMPLE])),
            newest_at=newest,
        ),
    )


def _later(known: datetime | None, at: datetime | None) -> datetime | None:
    return max(known, at) if known and at else known or at


# --- Trivy operator: https://aquasecurity.github.io/trivy-operator/latest/docs/crds/clustercompliance-report/


class _Counts(msgspec.Struct, gc=False, rename="camel"):
    fail_count: int = 0
    pass_count: int = 0


class _ControlSummary(msgspec.Struct, gc=False, rename="camel"):
    id: str = ""
    severity: str = ""
    total_fail: int | None = None


class _SummaryReport(msgspec.Struct, gc=False, rename="camel"):
    control_check: list[_ControlSummary] | None = None


class _CheckResult(msgspec.Struct, gc=False):
    success: bool = False


class _ControlResult(msgspec.Struct, gc=False):
    id: str = ""
    severity: str = ""
    checks: list[_CheckResult] | None = None


class _DetailReport(msgspec.Struct, gc=False):
    results: list[_ControlResult] | None = None


class _ReportStatus(msgspec.Struct, gc=False, rename="camel"):
    summary: _Counts | None = None
    update_timestamp: Instant | None = None
    summary_report: _SummaryReport | None = None
    detail_report: _DetailReport | None = None


class _Report(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _ReportStatus | None = None


def read_compliance_reports(api: KubernetesReader, gathered: Gathered) -> ComplianceReports:
    """Every ClusterComplianceReport."""
    return ComplianceReports(
        observed_at=gathered.observed_at,
        source="aquasecurity.github.io clustercompliancereports",
        installed=api.serves(COMPLIANCE_REPORTS) is not None,
        reports=tuple(_report(each) for each in api.items(COMPLIANCE_REPORTS, _Report)),
    )


def _report(each: _Report) -> ComplianceReport:
    status = each.status or _ReportStatus()
    counts = status.summary or _Counts()
    critical = sorted(_failing_critical(status))
    return ComplianceReport(
        name=each.metadata.name,
        cluster=Evaluation(
            controls=counts.fail_count + counts.pass_count,
            failing=counts.fail_count,
            rated=status.summary_report is not None or status.detail_report is not None,
            critical=Sample(total=len(critical), names=tuple(critical[:MAX_SAMPLE])),
            newest_at=status.update_timestamp,
        ),
    )


def _failing_critical(status: _ReportStatus) -> set[str]:
    """Ids of critical controls that fail; a report is either a summary or in full."""
    summaries = (status.summary_report and status.summary_report.control_check) or ()
    results = (status.detail_report and status.detail_report.results) or ()
    found = {each.id for each in summaries if each.severity == "CRITICAL" and each.total_fail}
    found |= {
        each.id for each in results if each.severity == "CRITICAL" and any(not one.success for one in each.checks or ())
    }
    return {bounded(each, _NAME_CHARACTERS) for each in found}


# --- kube-bench: https://github.com/aquasecurity/kube-bench/blob/main/job-eks.yaml


class _Container(msgspec.Struct, gc=False):
    image: str = ""


class _PodSpec(msgspec.Struct, gc=False):
    containers: list[_Container] | None = None


class _Template(msgspec.Struct, gc=False):
    spec: _PodSpec | None = None


class _JobSpec(msgspec.Struct, gc=False):
    template: _Template | None = None


class _JobCondition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""


class _JobStatus(msgspec.Struct, gc=False, rename="camel"):
    completion_time: Instant | None = None
    conditions: list[_JobCondition] | None = None


class _Job(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _JobSpec | None = None
    status: _JobStatus | None = None


class _JobTemplate(msgspec.Struct, gc=False):
    spec: _JobSpec | None = None


class _CronSpec(msgspec.Struct, gc=False, rename="camel"):
    job_template: _JobTemplate | None = None


class _CronStatus(msgspec.Struct, gc=False, rename="camel"):
    last_successful_time: Instant | None = None


class _CronJob(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _CronSpec | None = None
    status: _CronStatus | None = None


def read_scan_jobs(api: KubernetesReader, gathered: Gathered) -> ScanJobs:
    """When kube-bench, and the job that starts Kubescape's scans, succeeded last."""
    benches = 0
    bench_at: datetime | None = None
    kubescape_at: datetime | None = None
    for cron in api.items(CRON_JOBS, _CronJob):
        at = cron.status.last_successful_time if cron.status else None
        template = (cron.spec and cron.spec.job_template) or _JobTemplate()
        if _runs_kube_bench(template.spec):
            benches, bench_at = benches + 1, _later(bench_at, at)
        elif _starts_kubescape(cron.metadata):
            kubescape_at = _later(kubescape_at, at)
    for one in api.items(JOBS, _Job):
        if _runs_kube_bench(one.spec):
            benches, bench_at = benches + 1, _later(bench_at, _completed_at(one.status))
    return ScanJobs(
        observed_at=gathered.observed_at,
        source="batch cronjobs, jobs",
        kube_bench=benches,
        kube_bench_succeeded_at=bench_at,
        kubescape_succeeded_at=kubescape_at,
    )


def _runs_kube_bench(job: _JobSpec | None) -> bool:
    pod = (job and job.template and job.template.spec) or _PodSpec()
    return any(_image_name(each.image) == "kube-bench" for each in pod.containers or ())


def _image_name(image: str) -> str:
    """The last part of an image's repository: kube-bench of docker.io/aquasec/kube-bench:v0.10.1."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _starts_kubescape(meta: _Meta) -> bool:
    # The chart calls it kubescape-scheduler; further schedules have a suffix.
    names: Iterable[str] = (meta.name, (meta.labels or {}).get("app", ""))
    return any(each.startswith("kubescape-scheduler") for each in names)


def _completed_at(status: _JobStatus | None) -> datetime | None:
    complete = any(each.type == "Complete" and each.status == "True" for each in (status and status.conditions) or ())
    return status.completion_time if status and complete else None


PROBES = (
    KubernetesProbe(
        provides=KubescapeScans,
        rights=(Right(_KUBESCAPE, "workloadconfigurationscansummaries"),),
        read=read_kubescape,
    ),
    KubernetesProbe(
        provides=ComplianceReports,
        rights=(Right("aquasecurity.github.io", "clustercompliancereports"),),
        read=read_compliance_reports,
    ),
    KubernetesProbe(
        provides=ScanJobs, rights=(Right("batch", "cronjobs"), Right("batch", "jobs")), read=read_scan_jobs
    ),
)
"""What this module gathers."""
