"""What counts among many restores, whoever made them."""

from __future__ import annotations

from collections.abc import Iterable

from eks_readiness.domain.evidence.backup import RestoreRun


def newest_restores(runs: Iterable[RestoreRun | None]) -> tuple[RestoreRun, ...]:
    """The newest restore that succeeded, and the newest that did not."""
    newest: dict[bool, RestoreRun] = {}
    for run in runs:
        if run is None:
            continue
        known = newest.get(bool(run.problem))
        if known is None or run.ended_at > known.ended_at:
            newest[bool(run.problem)] = run
    return tuple(newest[bad] for bad in sorted(newest))
