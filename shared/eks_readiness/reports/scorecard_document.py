"""A scorecard as JSON, with what scripts ask for first at its top."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.scorecard import ItemState, Level, LevelInterval, Scorecard

SCHEMA = "eks-readiness.scorecard/1"


class ScorecardDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed. `level` is the one that is proven: the interval's lowest.

    `missing_for` and `unknown_for` hold, by level, the items that stand in its way in addition to those below it.
    """

    schema: str
    level: Level
    interval: LevelInterval
    missing_for: dict[str, tuple[ItemId, ...]]
    unknown_for: dict[str, tuple[ItemId, ...]]
    not_covered: tuple[ItemId, ...]
    score_percent: float | None
    cluster: ClusterRef | None
    observed_at: Instant
    ruleset: str
    items: tuple[ItemState, ...]
    findings: tuple[Finding, ...]


def scorecard_document(scorecard: Scorecard) -> ScorecardDocument:
    """The document of a scorecard."""
    return ScorecardDocument(
        schema=SCHEMA,
        level=scorecard.level.lowest,
        interval=scorecard.level,
        missing_for={str(level): items for level, items in scorecard.blockers.missing.items()},
        unknown_for={str(level): items for level, items in scorecard.blockers.unknown.items()},
        not_covered=tuple(each.item for each in scorecard.items if each.state == "not_covered"),
        score_percent=scorecard.score_percent,
        cluster=scorecard.cluster,
        observed_at=scorecard.observed_at,
        ruleset=scorecard.ruleset,
        items=scorecard.items,
        findings=scorecard.findings,
    )
