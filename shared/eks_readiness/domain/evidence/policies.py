"""Namespaces, and what is enforced on the pods in them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, get_args

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant


class Namespace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One namespace, with its Pod Security Admission `enforce` label; empty where not set. No other label is kept."""

    name: str
    phase: str = "Active"
    pod_security_enforce: str = ""


class Namespaces(Slice, frozen=True, kw_only=True):
    """Every namespace."""

    namespaces: tuple[Namespace, ...] = ()

    def judged(self, exempt: tuple[str, ...]) -> tuple[Namespace, ...]:
        """Every namespace that no exemption (shell patterns) names and that is not being deleted."""
        return tuple(
            each
            for each in self.namespaces
            if each.phase != "Terminating" and not any(fnmatchcase(each.name, pattern) for pattern in exempt)
        )


BaselineControl = Literal[
    "host-process",
    "host-network",
    "host-pid-ipc",
    "privileged",
    "capabilities",
    "host-path",
    "host-ports",
    "host-probes",
    "apparmor",
    "selinux",
    "proc-mount",
    "seccomp",
    "sysctls",
]
"""The controls of the baseline Pod Security Standard; its "Host Namespaces" is two here, as Gatekeeper splits it.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

BASELINE: frozenset[BaselineControl] = frozenset(get_args(BaselineControl))
_HOST_PROBES_SINCE = (1, 34)


def baseline_controls(kubernetes_version: str) -> frozenset[BaselineControl]:
    """The baseline controls that a Kubernetes minor version (like 1.34) knows; a version not understood knows all."""
    major, _, minor = kubernetes_version.removeprefix("v").partition(".")
    if major.isdigit() and minor.isdigit() and (int(major), int(minor)) < _HOST_PROBES_SINCE:
        return BASELINE - {"host-probes"}
    return BASELINE


PolicyEngineName = Literal["kyverno", "gatekeeper", "validating-admission-policy"]


class EnforcedControls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One policy that refuses pods, and the baseline controls that it covers.

    `namespaces` are those it is known to apply to, resolved against the cluster's namespaces and their labels at the
    time of reading. Policies in audit, warn or dry-run mode, and those whose reach cannot be told, are not here.
    """

    engine: PolicyEngineName
    policy: str
    controls: tuple[BaselineControl, ...]
    namespaces: tuple[str, ...] = ()


class PodSecurityPolicies(Slice, frozen=True, kw_only=True):
    """Enforcing pod security policies of Kyverno, Gatekeeper and ValidatingAdmissionPolicy.

    Whether the engine behind them is available is told by `Components`; ValidatingAdmissionPolicy needs none. `unread`
    says which engines' policies could not be read.
    """

    enforced: tuple[EnforcedControls, ...] = ()
    unread: tuple[Unavailable, ...] = ()


class PolicyReach(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Enforcing policies that reach the same namespaces."""

    namespaces: tuple[str, ...]
    policies: Sample


class EnginePolicies(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one engine is told to enforce.

    `enforcing` counts policies that refuse something anywhere, `reach` those that refuse something in a namespace, by
    namespaces, resolved at the time of reading. `lenient` holds the others, named `policy (what they do instead)`.
    `last_audit_at` is when Gatekeeper's audit last looked; the other engines do not tell it here.
    """

    enforcing: int = 0
    reach: tuple[PolicyReach, ...] = ()
    lenient: Sample = Sample()
    last_audit_at: Instant | None = None


class EngineWebhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One validating webhook of a policy engine, and what the API server does where it does not answer."""

    engine: PolicyEngineName
    name: str
    failure_policy: str


class AdmissionPolicies(Slice, frozen=True, kw_only=True):
    """Policies of Kyverno, Gatekeeper and ValidatingAdmissionPolicy, and the webhooks of the first two.

    `unread` says which engines' policies may not be read. Whether the engines run is told by `Components`.
    """

    engines: dict[PolicyEngineName, EnginePolicies] = {}
    unread: dict[PolicyEngineName, Unavailable] = {}
    webhooks: tuple[EngineWebhook, ...] | Unavailable = ()

    def of(self, engine: PolicyEngineName) -> EnginePolicies | Unavailable:
        """The policies of one engine; none where it is not installed."""
        return self.unread.get(engine) or self.engines.get(engine) or EnginePolicies()


class PolicyReports(Slice, frozen=True, kw_only=True):
    """Kyverno's policy reports (wgpolicyk8s.io or openreports.io), folded: how many, and when the newest was made."""

    total: int = 0
    newest_at: Instant | None = None


class RuntimeMonitoring(Slice, frozen=True, kw_only=True):
    """GuardDuty runtime monitoring of this cluster: guardduty:ListDetectors, GetDetector, ListCoverage.

    `enabled`: the region's detector is on and has runtime monitoring on for EKS. `coverage_status` is HEALTHY or
    UNHEALTHY; empty when GuardDuty lists no coverage for the cluster. Node counts are GuardDuty's.
    """

    enabled: bool = False
    coverage_status: str = ""
    covered_nodes: int = 0
    compatible_nodes: int = 0
    issue: str = ""
