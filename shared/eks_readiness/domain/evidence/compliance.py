"""What compliance frameworks found when they evaluated the cluster."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one framework said of the cluster. `controls` counts those that it judged, 0: it judged none.

    `rated` says whether it tells how severe a control is; only then `critical` holds the failing critical ones.
    `newest_at` is when it judged last.
    """

    controls: int = 0
    failing: int = 0
    rated: bool = False
    critical: Sample = Sample()
    newest_at: Instant | None = None


class Standard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One standard that Security Hub is subscribed to. `status` is READY when it evaluates."""

    name: str
    status: str = ""
    problem: str = ""


class SecurityHub(Slice, frozen=True, kw_only=True):
    """AWS Security Hub in the cluster's region: its standards, and its findings about this cluster by control.

    `unread` says why findings could not be read.
    """

    enabled: bool
    standards: tuple[Standard, ...] = ()
    cluster: Evaluation = Evaluation()
    unread: Unavailable | None = None


class ConfigEvaluations(Slice, frozen=True, kw_only=True):
    """AWS Config: whether it records, and how its rules and conformance packs judged this cluster.

    Rules that Security Hub made for itself are left out; those of conformance packs are among the rest.
    `rules_ran_at` is when one of the rules last ran without an error, on whatever resource. `unread` says why their
    results could not be read.
    """

    recording: bool | Unavailable = False
    cluster: Evaluation = Evaluation()
    unread: Unavailable | None = None
    rules_ran_at: Instant | Unavailable | None = None


class AuditAssessments(Slice, frozen=True, kw_only=True):
    """AWS Audit Manager: how many assessments are active. They gather evidence and judge nothing themselves."""

    active: int = 0


class KubescapeScans(Slice, frozen=True, kw_only=True):
    """Kubescape's summaries of scanned workloads. `cluster.controls` counts the namespaces that they are in.

    `cluster.newest_at` is when the newest workload was scanned first: repeated scans leave no time behind.
    """

    installed: bool
    cluster: Evaluation = Evaluation()


class ComplianceReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One ClusterComplianceReport of the Trivy operator."""

    name: str
    cluster: Evaluation = Evaluation()


class ComplianceReports(Slice, frozen=True, kw_only=True):
    """aquasecurity.github.io ClusterComplianceReports."""

    installed: bool
    reports: tuple[ComplianceReport, ...] = ()


class ScanJobs(Slice, frozen=True, kw_only=True):
    """CronJobs and Jobs that run kube-bench, and the CronJob that starts Kubescape's scans: when they succeeded last.

    `kube_bench` counts the former.
    """

    kube_bench: int = 0
    kube_bench_succeeded_at: Instant | None = None
    kubescape_succeeded_at: Instant | None = None
