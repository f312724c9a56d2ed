"""Argo CD Applications that deliver to this cluster, wherever their controllers run.

Sources: https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/,
https://docs.aws.amazon.com/eks/latest/userguide/argocd-register-clusters.html
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from eks_readiness.adapters.gitops import Delivered, Folding, is_infrastructure
from eks_readiness.adapters.kubernetes_objects import Named
from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import ArgoCd, ClusterConfiguration
from eks_readiness.domain.instant import Instant

APPLICATIONS = Kind("argoproj.io", "applications", ("v1alpha1",))
DEPLOYING = timedelta(hours=1)
"""How long a deployment may be under way before what it leaves different counts as drift."""
_LOCAL_SERVER = "https://kubernetes.default.svc"
_LOCAL_NAME = "in-cluster"
# Progressing and Suspended are states on the way: a rollout, or one that waits for a person.
_IN_ORDER = frozenset({"Healthy", "Progressing", "Suspended"})


class _Destination(msgspec.Struct, gc=False):
    server: str | None = None
    name: str | None = None


class _Automated(msgspec.Struct, gc=False, rename="camel"):
    enabled: bool | None = None
    self_heal: bool | None = None


class _SyncPolicy(msgspec.Struct, gc=False):
    automated: _Automated | None = None


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    destination: _Destination | None = None
    sync_policy: _SyncPolicy | None = None


class _State(msgspec.Struct, gc=False):
    status: str | None = None


class _Operation(msgspec.Struct, gc=False, rename="camel"):
    phase: str | None = None
    started_at: Instant | None = None


class _Resource(msgspec.Struct, gc=False):
    group: str = ""
    kind: str = ""
    namespace: str = ""


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    message: str | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    sync: _State | None = None
    health: _State | None = None
    operation_state: _Operation | None = None
    reconciled_at: Instant | None = None
    conditions: list[_Condition] | None = None
    resources: list[_Resource] | None = None


class _Application(msgspec.Struct, gc=False):
    metadata: Named
    spec: _Spec | None = None
    status: _Status | None = None


def read_argocd(api: KubernetesReader, gathered: Gathered) -> ArgoCd:
    """Every Application; only those that deliver to this cluster are looked at closely."""
    source = "argoproj.io applications"
    if api.serves(APPLICATIONS) is None:
        return ArgoCd(observed_at=gathered.observed_at, source=source, installed=False)
    folding = Folding()
    for each in api.items(APPLICATIONS, _Application):
        where = _destination((each.spec and each.spec.destination) or _Destination(), gathered)
        if where == "here":
            folding.add(delivered(each, gathered.observed_at))
        elif where == "elsewhere":
            folding.elsewhere += 1
        else:
            folding.unresolved.add(f"{each.metadata.namespace}/{each.metadata.name}")
    return folding.slice(ArgoCd, gathered.observed_at, source)


def _destination(named: _Destination, gathered: Gathered) -> Literal["here", "elsewhere", "unresolved"]:
    cluster = gathered.cluster
    if named.server:
        server = named.server.lower().rstrip("/")
        if server.startswith(_LOCAL_SERVER) or named.server == cluster.arn:
            return "here"
        if server.startswith("arn:"):
            return "elsewhere"
        # Asked for only here: where the cluster may not be described, other destinations are still clear.
        return "here" if server == gathered.get(ClusterConfiguration).endpoint.lower() else "elsewhere"
    return "here" if named.name in (_LOCAL_NAME, cluster.name, cluster.arn) else "unresolved"


def delivered(each: _Application, now: datetime) -> Delivered:
    """One Application, reduced to what checks judge."""
    spec, status = each.spec or _Spec(), each.status or _Status()
    automated = spec.sync_policy.automated if spec.sync_policy else None
    automatic = automated is not None and automated.enabled is not False
    sync = (status.sync and status.sync.status) or "never compared"
    drift = "" if sync == "Synced" or _deploying(status.operation_state, now) else sync
    return Delivered(
        name=f"Application {each.metadata.namespace}/{each.metadata.name}",
        infrastructure=any(is_infrastructure(one.group, one.kind, one.namespace) for one in status.resources or ()),
        automatic=automatic,
        heals=bool(automatic and automated and automated.self_heal),
        detects=True,
        checked_at=status.reconciled_at,
        drift=drift,
        problem=drift or _problem(status),
    )


def _deploying(operation: _Operation | None, now: datetime) -> bool:
    return (
        operation is not None
        and operation.phase == "Running"
        and operation.started_at is not None
        and now - operation.started_at < DEPLOYING
    )


def _problem(status: _Status) -> str:
    if bad := next((one for one in status.conditions or () if one.type.endswith("Error")), None):
        return f"{bad.type}: {bad.message or 'no message'}"
    phase = status.operation_state.phase if status.operation_state else None
    if phase not in (None, "", "Succeeded", "Running"):
        return f"the last sync is {phase}"
    health = (status.health and status.health.status) or "of unknown health"
    return "" if health in _IN_ORDER else f"it is {health}"


PROBES = (
    KubernetesProbe(
        provides=ArgoCd,
        rights=(Right("argoproj.io", "applications"),),
        read=read_argocd,
        after=(ClusterConfiguration,),
    ),
)
"""What this module gathers."""
