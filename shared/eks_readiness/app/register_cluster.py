"""Which clusters are scanned."""

from __future__ import annotations

from collections.abc import Container, Mapping

from eks_readiness.app.effective_policy import effective_policy
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.decision import removal
from eks_readiness.domain.errors import StaleWrite
from eks_readiness.domain.ledger import Registration
from eks_readiness.ports import Clock, ClusterRegistry, Ledger

MAX_ROUNDS = 5
"""How often a removal is decided anew after somebody else moved the cluster's state."""


def register_cluster(
    cluster: ClusterRef,
    *,
    policy: Mapping[str, object],
    items: Container[str],
    registry: ClusterRegistry,
    clock: Clock,
) -> Registration:
    """Register a cluster, or replace the thresholds of a registered one; it is scanned from the next tick on.

    Raises:
        InputError: a threshold does not exist or is out of range.
        StoreError: the register could not be read or written.
    """
    effective_policy({}, policy, items=items, where=f"policy of {cluster}")
    known = registry.registration(cluster.arn)
    registration = Registration(
        cluster=cluster, registered_at=known.registered_at if known else clock.now(), policy=dict(policy)
    )
    registry.register(registration)
    return registration


def list_clusters(registry: ClusterRegistry) -> tuple[Registration, ...]:
    """Every registered cluster, by account, region and name."""
    return tuple(
        sorted(registry.registered(), key=lambda each: (each.cluster.account, each.cluster.region, each.cluster.name))
    )


def remove_cluster(cluster: ClusterRef, *, ledger: Ledger, clock: Clock) -> bool:
    """Take a cluster off the register, and tell so if it was ever scanned; its history stays.

    False when it was not registered: then nothing is told.

    Raises:
        StoreError: the ledger could not be read or written; nothing was, or all of it.
    """
    for _ in range(MAX_ROUNDS):
        state = ledger.results.state(cluster.arn)
        outcome = ledger.registry.remove(cluster, write=removal(state) if state else None, at=clock.now())
        if outcome != "lost_race":
            return outcome == "removed"
    raise StaleWrite(
        f"{cluster}: others moved its state {MAX_ROUNDS} times while it was taken off the register",
        remedy="it is still registered: remove it again",
    )
