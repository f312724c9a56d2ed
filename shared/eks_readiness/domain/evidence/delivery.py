"""What delivers changes to the cluster, and what notices when somebody goes around it."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant


class Checked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When one object was last compared with its source; None where it never was."""

    name: str
    at: Instant | None = None


class InfrastructureDelivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GitOps object that delivers cluster-scoped infrastructure. `problem` is empty while it is in order.

    `automatic`: a change in its source is applied without a person.
    """

    name: str
    problem: str = ""
    automatic: bool = False
    checked_at: Instant | None = None


class GitOps(Slice, frozen=True, kw_only=True):
    """Objects of one GitOps tool that deliver to this cluster, folded while they streamed by.

    `total` counts them, without those in `suspended`; `elsewhere` counts those for other clusters, `unresolved` names
    those whose destination is a name that only a Secret explains. `drifted` differ from their source, `detecting`
    counts those that the tool compares at all, `least_checked` is the one of those not compared for the longest time.
    `self_healing` counts those that undo what others changed. `infrastructure` counts those that deliver cluster-scoped
    objects, or objects of AWS, and `best_infrastructure` is the one in the best order.
    """

    installed: bool
    total: int = 0
    elsewhere: int = 0
    unresolved: Sample = Sample()
    suspended: Sample = Sample()
    drifted: Sample = Sample()
    detecting: int = 0
    least_checked: Checked | None = None
    self_healing: int = 0
    infrastructure: int = 0
    best_infrastructure: InfrastructureDelivery | None = None


class ArgoCd(GitOps, frozen=True, kw_only=True):
    """argoproj.io Applications."""


class Flux(GitOps, frozen=True, kw_only=True):
    """Flux Kustomizations and HelmReleases. Before Flux 2.7 they do not tell when they were last compared.

    There `least_checked` is when the interval says that it must have been at the latest, while the controller runs.
    """


class Capability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One EKS capability: software that AWS runs for the cluster outside of it. `type` is ARGOCD, ACK or KRO."""

    name: str
    type: str
    status: str = ""
    issues: tuple[str, ...] = ()


class Capabilities(Slice, frozen=True, kw_only=True):
    """eks:ListCapabilities and DescribeCapability."""

    capabilities: tuple[Capability, ...] = ()


class Stack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One CloudFormation stack: `drift` is IN_SYNC, DRIFTED, NOT_CHECKED or UNKNOWN, as of `checked_at`."""

    id: str
    name: str
    drift: str = ""
    checked_at: Instant | None = None


class InfrastructureStacks(Slice, frozen=True, kw_only=True):
    """The CloudFormation stack that made the cluster, and those registered for it by tag (`tagged`).

    `own` is empty where the cluster names no stack, or one that is gone. `beyond_cap` counts registered
    stacks that were not read.
    """

    own: tuple[Stack, ...] | Unavailable = ()
    tagged: tuple[Stack, ...] | Unavailable = ()
    beyond_cap: int = 0


class StackCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule of AWS Config that detects drift said about one of those stacks, and when."""

    rule: str
    stack_id: str
    compliance: str
    at: Instant


class ConfigRules(Slice, frozen=True, kw_only=True):
    """AWS Config: drift rules on the cluster's stacks, and rules about EKS that mend by themselves.

    `recording`: a recorder is on and its last delivery did not fail. `remediations` are rules about EKS with an
    automatic remediation.
    """

    recording: bool | Unavailable = False
    stack_checks: tuple[StackCheck, ...] | Unavailable = ()
    remediations: tuple[str, ...] | Unavailable = ()


class EventAutomations(Slice, frozen=True, kw_only=True):
    """EventBridge rules of the default bus, enabled and about this cluster, that start an SSM automation.

    `beyond_cap` counts rules about it whose targets were not read.
    """

    rules: tuple[str, ...] = ()
    beyond_cap: int = 0


PipelineKind = Literal["CodePipeline", "CodeBuild", "report group"]


class PipelineRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest run that came to an end. `status` is the service's own word."""

    status: str
    green: bool
    finished_at: Instant


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pipeline, build project or group of test reports; `newest` is empty where it never finished a run."""

    kind: PipelineKind
    name: str
    newest: tuple[PipelineRun, ...] | Unavailable = ()

    @property
    def where(self) -> str:
        """How a person finds it."""
        return f"{self.kind} {self.name}"


class Pipelines(Slice, frozen=True, kw_only=True):
    """Pipelines registered for the cluster by tag, in its account and region. `beyond_cap` counts those not read."""

    pipelines: tuple[Pipeline, ...] = ()
    beyond_cap: int = 0


class Writer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who changed the cluster through the EKS API: a role (its name), a user, an AWS service, or something else.

    `calls` counts the successful calls by their age in whole days.
    """

    name: str
    kind: Literal["role", "user", "service", "other"]
    calls: dict[int, int] = {}


class ClusterChanges(Slice, frozen=True, kw_only=True):
    """Successful calls of the EKS API that changed this cluster, from CloudTrail's event history.

    `complete_since`: everything after this instant was read; before it, calls may be missing.
    """

    complete_since: Instant
    writers: tuple[Writer, ...] = ()
