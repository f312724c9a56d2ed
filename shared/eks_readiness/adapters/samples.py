"""Samples that grow while objects stream by: how many there are, and the names of the first few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import MAX_SAMPLE, Sample
from eks_readiness.domain.evidence.nodes import NamespaceSample


@dataclass
class Names:
    """Counts, and keeps the first few names."""

    total: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one."""
        self.total += 1
        if len(self.names) < MAX_SAMPLE:
            self.names.append(bounded(name))

    def sample(self) -> Sample:
        """What was counted."""
        return Sample(total=self.total, names=tuple(self.names))


def by_namespace(found: Mapping[str, Names]) -> tuple[NamespaceSample, ...]:
    """Pods, or other objects, that were counted in each namespace."""
    return tuple(NamespaceSample(namespace=name, pods=found[name].sample()) for name in sorted(found))
