"""BottlerocketShadows: what the Bottlerocket update operator knows of the nodes that it updates in place.

Source: https://github.com/bottlerocket-os/bottlerocket-update-operator
"""

from __future__ import annotations

import msgspec

from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import BottlerocketUpdates

SHADOWS = Kind("brupop.bottlerocket.aws", "bottlerocketshadows", ("v2", "v1"))
_PREFIX = "brs-"
_GOOD = (
    "Idle",
    "StagedAndPerformedUpdate",
    "RebootedIntoUpdate",
    "MonitoringUpdate",
    "StagedUpdate",
    "PerformedUpdate",
)


class _Owner(msgspec.Struct, gc=False):
    kind: str = ""
    name: str = ""


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    owner_references: list[_Owner] | None = None


class _Status(msgspec.Struct, gc=False):
    current_state: str = ""
    crash_count: int = 0


class _Shadow(msgspec.Struct, gc=False):
    metadata: _Meta
    status: _Status | None = None


def read_updates(api: KubernetesReader, gathered: Gathered) -> BottlerocketUpdates:
    """Every shadow, by the node that it is of."""
    good, failing = [], []
    for each in api.items(SHADOWS, _Shadow):
        node, problem = _node(each.metadata), _problem(each.status)
        if problem:
            failing.append(f"{node} ({bounded(problem, 60)})")
        else:
            good.append(node)
    return BottlerocketUpdates(
        observed_at=gathered.observed_at,
        source="brupop.bottlerocket.aws bottlerocketshadows",
        installed=api.serves(SHADOWS) is not None,
        nodes=tuple(sorted(good)),
        failing=tuple(sorted(failing)),
    )


def _node(meta: _Meta) -> str:
    owners = [each.name for each in meta.owner_references or () if each.kind == "Node"]
    return owners[0] if owners else meta.name.removeprefix(_PREFIX)


def _problem(status: _Status | None) -> str:
    if status is None:
        return "its agent has not reported"
    if status.crash_count:
        return f"updates failed {status.crash_count} times"
    return "" if status.current_state in _GOOD else f"state {status.current_state or 'unknown'}"


PROBES = (
    KubernetesProbe(
        provides=BottlerocketUpdates,
        rights=(Right("brupop.bottlerocket.aws", "bottlerocketshadows"),),
        read=read_updates,
    ),
)
"""What this module gathers."""
