"""Read what the scans found."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eks_readiness.app.register_cluster import list_clusters
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.ledger import ClusterState, Registration, ScanSpan, spans
from eks_readiness.ports import Ledger


class ClusterResult(msgspec.Struct, frozen=True, kw_only=True):
    """A registered cluster and its state; None before its first scan."""

    registration: Registration
    state: ClusterState | None


def current_results(ledger: Ledger) -> tuple[ClusterResult, ...]:
    """Every registered cluster with its state, by account, region and name."""
    states = {state.cluster: state for state in ledger.results.states()}
    return tuple(
        ClusterResult(registration=each, state=states.get(each.cluster)) for each in list_clusters(ledger.registry)
    )


def cluster_state(cluster: ClusterRef, ledger: Ledger) -> ClusterState | None:
    """The state of one cluster; None before its first scan."""
    return ledger.results.state(cluster.arn)


def newest_scan(cluster: ClusterRef, state: ClusterState | None, ledger: Ledger) -> ScanSpan | None:
    """What a cluster's newest scan found, with every finding; `detail_missing` says why, where it is not.

    `state` is the cluster's: it knows which scans found the same as the one that is kept.
    """
    kept = ledger.results.newest_scan(cluster.arn, state.kept if state else None)
    return spans(state, [kept])[0] if kept is not None else None


def scan_history(cluster: ClusterRef, ledger: Ledger, *, limit: int) -> Sequence[ScanSpan]:
    """A cluster's newest kept scans, newest first; of large ones, what the ledger itself has of them."""
    state = ledger.results.state(cluster.arn)
    return spans(state, ledger.results.scans(cluster.arn, limit=limit, details=False))
