"""Scans with a chosen result: scorecards whose level interval is what a test wants."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec

from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.level import blockers, level_interval
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.decision import decide
from eks_readiness.domain.finding import CheckId, Finding
from eks_readiness.domain.ledger import ClusterState, LedgerWrite, Registration, ScanRequest
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemState, ItemVerdict, Level, Scorecard

CLUSTER = ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name="prod")
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
REGISTRATION = Registration(cluster=CLUSTER, registered_at=START - timedelta(days=1))


def slot(number: int) -> datetime:
    """The scheduled time of the n-th scan."""
    return START + timedelta(hours=number)


def request(number: int, cluster: ClusterRef = CLUSTER) -> ScanRequest:
    """The request of the n-th scan."""
    return ScanRequest(cluster_arn=cluster.arn, slot=slot(number), trigger="schedule")


def scorecard(
    lowest: Level, highest: Level | None = None, *, number: int = 0, cluster: ClusterRef = CLUSTER
) -> Scorecard:
    """A scorecard whose interval is from `lowest` to `highest`: one item of the next level missing, one unknown."""
    highest = lowest if highest is None else highest
    states: list[ItemState] = []
    taken: set[int] = set()
    for item in ITEMS:
        verdict: ItemVerdict = "satisfied"
        if item.seed_level not in taken:
            if item.seed_level == lowest + 1 and highest > lowest:
                verdict = "unknown"
            elif item.seed_level == highest + 1:
                verdict = "missing"
            taken.add(item.seed_level)
        states.append(
            ItemState(
                item=item.id,
                title=item.title,
                category=item.category,
                priority=item.priority,
                required_from=item.seed_level,
                state=verdict,
            )
        )
    card = Scorecard(
        cluster=cluster,
        observed_at=slot(number) + timedelta(seconds=30),
        ruleset="0123456789ab",
        level=level_interval(states),
        items=tuple(states),
        findings=(),
        blockers=blockers(states),
        score_percent=50.0,
    )
    assert (card.level.lowest, card.level.highest) == (lowest, highest)
    return card


def write(
    before: ClusterState | None,
    number: int,
    lowest: Level,
    highest: Level | None = None,
    *,
    cluster: ClusterRef = CLUSTER,
    policy: Policy | None = None,
) -> LedgerWrite:
    """What the n-th scan writes after a state."""
    card = scorecard(lowest, highest, number=number, cluster=cluster)
    return decide(before, card, request(number, cluster), policy or Policy(), {})


def with_findings(card: Scorecard, checks: int, offenders: int = 20, characters: int = 200) -> Scorecard:
    """The scorecard with failed and unknown findings whose offenders hardly compress."""
    chance = random.Random(checks)
    bits = 4 * characters
    findings = tuple(
        Finding(
            check=CheckId(f"{card.items[number % len(card.items)].item}.check-{number}"),
            item=card.items[number % len(card.items)].item,
            required=True,
            outcome="unknown" if number % 10 == 9 else "fail",
            reason=f"{offenders} offenders",
            offenders=tuple(f"{chance.getrandbits(bits):0{characters}x}" for _ in range(offenders)) if bits else (),
            offenders_total=offenders,
            unknown_reason="denied" if number % 10 == 9 else None,
        )
        for number in range(checks)
    )
    return msgspec.structs.replace(card, findings=findings)


def large_write(
    before: ClusterState | None, number: int, lowest: Level, *, checks: int = 150, cluster: ClusterRef = CLUSTER
) -> LedgerWrite:
    """What the n-th scan writes when very much is wrong: some 300 KB, though they are packed."""
    card = with_findings(scorecard(lowest, number=number, cluster=cluster), checks)
    return decide(before, card, request(number, cluster), Policy(), {})
