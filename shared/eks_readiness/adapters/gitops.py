"""Folds the objects of a GitOps tool into one slice while they stream by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from eks_readiness.adapters.samples import Names
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence.delivery import Checked, GitOps, InfrastructureDelivery

G = TypeVar("G", bound=GitOps)
_NEVER = datetime.min.replace(tzinfo=UTC)
# Controllers that turn objects of these groups into AWS or other infrastructure: ACK, Crossplane, Cluster API, tofu.
_INFRASTRUCTURE = (
    ".services.k8s.aws",
    ".crossplane.io",
    ".upbound.io",
    ".cluster.x-k8s.io",
    "infra.contrib.fluxcd.io",
)


def is_infrastructure(group: str, kind: str, namespace: str) -> bool:
    """Whether an object is the cluster's own rather than an application's; a Namespace alone says neither."""
    if not namespace:
        return kind != "Namespace"
    return group.endswith(_INFRASTRUCTURE)


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """One object that delivers to this cluster. `drift` says how it differs, `problem` why it is not in order."""

    name: str
    infrastructure: bool
    automatic: bool
    heals: bool
    detects: bool
    checked_at: datetime | None
    drift: str = ""
    problem: str = ""


@dataclass
class Folding:
    """What is known of a tool's objects so far."""

    total: int = 0
    elsewhere: int = 0
    unresolved: Names = field(default_factory=Names)
    suspended: Names = field(default_factory=Names)
    drifted: Names = field(default_factory=Names)
    detecting: int = 0
    least_checked: Checked | None = None
    self_healing: int = 0
    infrastructure: int = 0
    best: InfrastructureDelivery | None = None

    def add(self, each: Delivered) -> None:
        """Take in one object."""
        self.total += 1
        self.self_healing += each.heals
        if each.drift:
            self.drifted.add(bounded(f"{each.name}: {each.drift}", 200))
        if each.detects:
            self.detecting += 1
            if self.least_checked is None or (each.checked_at or _NEVER) < (self.least_checked.at or _NEVER):
                self.least_checked = Checked(name=each.name, at=each.checked_at)
        if each.infrastructure:
            self.infrastructure += 1
            self._keep_best(
                InfrastructureDelivery(
                    name=each.name,
                    problem=bounded(each.problem, 200),
                    automatic=each.automatic,
                    checked_at=each.checked_at,
                )
            )

    def _keep_best(self, each: InfrastructureDelivery) -> None:
        if self.best is None or _order(each) > _order(self.best):
            self.best = each

    def slice(self, kind: type[G], observed_at: datetime, source: str) -> G:
        """Everything as a slice."""
        return kind(
            observed_at=observed_at,
            source=source,
            installed=True,
            total=self.total,
            elsewhere=self.elsewhere,
            unresolved=self.unresolved.sample(),
            suspended=self.suspended.sample(),
            drifted=self.drifted.sample(),
            detecting=self.detecting,
            least_checked=self.least_checked,
            self_healing=self.self_healing,
            infrastructure=self.infrastructure,
            best_infrastructure=self.best,
        )


def _order(each: InfrastructureDelivery) -> tuple[bool, bool, datetime]:
    return not each.problem, each.automatic, each.checked_at or _NEVER
