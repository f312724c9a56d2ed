"""Namespaces, and what is enforced on the pods in them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, get_args

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable


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
