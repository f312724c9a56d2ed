"""The result of one scan: every finding, every item's state, and the level that they prove."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Literal

import msgspec

from eks_readiness.domain.attestation import Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.item import Category, ItemId, Priority, RequiredLevel

Level = Literal[0, 1, 2, 3]
LEVELS: tuple[Level, ...] = (0, 1, 2, 3)
LEVEL_MEANINGS: dict[Level, str] = {
    0: "not ready for production",
    1: "minimally viable for production, high risk",
    2: "production ready with acceptable risk",
    3: "production ready with comprehensive controls",
}

ItemVerdict = Literal["satisfied", "missing", "unknown", "not_covered"]


class ItemState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one item stands.

    satisfied: every required check is pass, not_applicable or waived · missing: at least one is not ·
    unknown: only unknowns stand in the way · not_covered: the judged document has no row for it (never in a scan).
    `waivers` are those without which a satisfied item would not be.
    """

    item: ItemId
    title: str
    purpose: str = ""
    category: Category
    priority: Priority
    required_from: RequiredLevel
    state: ItemVerdict
    reason: str = ""
    waivers: tuple[Waiver, ...] = ()


class LevelInterval(msgspec.Struct, frozen=True, kw_only=True):
    """The levels that the evidence allows: `lowest` counts each unknown as not satisfied, `highest` as satisfied."""

    lowest: Level
    highest: Level

    @property
    def exact(self) -> bool:
        """Whether no unknown matters: lowest and highest agree."""
        return self.lowest == self.highest

    def __str__(self) -> str:
        return str(self.lowest) if self.exact else f"{self.lowest}-{self.highest}"


class Blockers(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between the cluster and each level, in checklist order: item ids required from that level."""

    missing: dict[RequiredLevel, tuple[ItemId, ...]]
    unknown: dict[RequiredLevel, tuple[ItemId, ...]]


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one evaluation says about a cluster.

    `cluster` is None where a checklist document was judged instead of a cluster. `observed_at` is when the evidence
    was gathered: ages are judged at that instant. `ruleset` identifies the checks, rule and thresholds that judged.
    `cluster_created_at` is when EKS made the cluster, where that could be read.
    `score_percent` is the share of passed among the applicable, known checks, waived ones left out; None with none.
    """

    schema: int = 1
    cluster: ClusterRef | None
    observed_at: datetime
    ruleset: str
    level: LevelInterval
    items: tuple[ItemState, ...]
    findings: tuple[Finding, ...]
    blockers: Blockers
    score_percent: float | None
    cluster_created_at: Instant | None = None


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]+")


def digest(scorecard: Scorecard) -> str:
    """The same for two scorecards of which a reader learns the same, whenever their evidence was gathered.

    Where a check passes or does not apply, the numbers in its reason do not count: they are ages and counts that move
    with every scan. Of what fails or is unknown every word counts.
    """
    findings = tuple(
        msgspec.structs.replace(each, reason=_NUMBER.sub("0", each.reason))
        if each.outcome in ("pass", "not_applicable")
        else each
        for each in scorecard.findings
    )
    found = msgspec.structs.replace(scorecard, observed_at=_NEVER, findings=findings)
    return hashlib.sha256(msgspec.json.encode(found)).hexdigest()[:_DIGEST_CHARACTERS]


_DIGEST_CHARACTERS = 32
