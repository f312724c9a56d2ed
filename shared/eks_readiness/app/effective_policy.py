"""Which thresholds judge a cluster: the defaults, the fleet's over them, the cluster's own over those."""

from __future__ import annotations

from collections.abc import Container, Mapping

from eks_readiness.domain.errors import InputError
from eks_readiness.domain.policy import Policy, parse_policy


def effective_policy(
    fleet: Mapping[str, object], cluster: Mapping[str, object], *, items: Container[str], where: str
) -> Policy:
    """Lay the cluster's thresholds over the fleet's; `items` are those whose level may be set.

    Raises:
        InputError: a threshold or an item that does not exist, or a value out of range; the message names `where`.
    """
    policy = parse_policy({**fleet, **cluster}, where=where)
    for item in policy.item_levels:
        if item not in items:
            raise InputError(f"{where}: item_levels: no item {item!r}", remedy="see: eks-readiness checks")
    return policy


def stale_after_intervals(fleet: Mapping[str, object], cluster: Mapping[str, object]) -> float:
    """After how many intervals without proof a cluster's level is unknown.

    Whoever sweeps all clusters does not stop at thresholds of one that cannot be read: its own scans say so.
    """
    try:
        return parse_policy({**fleet, **cluster}, where="thresholds").stale_after_intervals
    except InputError:
        return Policy().stale_after_intervals
