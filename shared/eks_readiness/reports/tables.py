"""Tables for a terminal. Every text of unknown origin is shown literally."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from eks_readiness.domain.attestation import Attestation
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.finding import Finding, Outcome
from eks_readiness.domain.ledger import Registration, ScanSpan
from eks_readiness.domain.scorecard import LEVEL_MEANINGS, ItemState, Scorecard
from eks_readiness.domain.standing import Standing
from eks_readiness.reports.check_catalogue import CheckEntry

_STYLES: dict[Outcome, str] = {"pass": "green", "fail": "red", "not_applicable": "dim", "unknown": "yellow"}
_MAX_OFFENDERS = 3


def scorecard_table(scorecard: Scorecard, *, every_check: bool) -> Group:
    """A scorecard: its level, what stands in the way, and the checks behind it (all, or those that do not pass)."""
    shown = [each for each in scorecard.findings if every_check or each.outcome in ("fail", "unknown")]
    parts: list[Text | Table] = [_headline(scorecard), _blockers(scorecard)]
    if shown:
        parts.append(_findings(shown))
    else:
        parts.append(_items(each for each in scorecard.items if each.state in ("missing", "unknown")))
    uncovered = sum(each.state == "not_covered" for each in scorecard.items)
    if uncovered:
        parts.append(Text(f"{uncovered} items are not covered by the document"))
    return Group(*parts)


def _headline(scorecard: Scorecard) -> Text:
    level = scorecard.level
    # Evidence may come from a file that anybody wrote.
    name = bounded(str(scorecard.cluster)) if scorecard.cluster else "the document"
    text = Text(f"{name}: level {level.lowest}", style="bold")
    text.append(f", {LEVEL_MEANINGS[level.lowest]}", style="not bold")
    if not level.exact:
        text.append(f"; up to {level.highest}, as far as it could be observed", style="yellow not bold")
    if scorecard.score_percent is not None:
        text.append(f" (score {scorecard.score_percent:g} %)", style="not bold")
    return text


def _blockers(scorecard: Scorecard) -> Table:
    table = Table("Level", "Missing", "Unknown", title="In the way of each level", title_justify="left")
    for level, missing in scorecard.blockers.missing.items():
        table.add_row(str(level), Text(", ".join(missing)), Text(", ".join(scorecard.blockers.unknown[level])))
    return table


def _findings(findings: Iterable[Finding]) -> Table:
    table = Table("Check", "", "Verdict", "Why", title="Checks", title_justify="left")
    for each in findings:
        why = Text(each.reason)
        if each.offenders:
            more = each.offenders_total - min(len(each.offenders), _MAX_OFFENDERS)
            named = ", ".join(each.offenders[:_MAX_OFFENDERS])
            why.append(f"\n{named}{f' and {more} more' if more > 0 else ''}", style="dim")
        if each.remedy:
            why.append(f"\n{each.remedy}", style="dim")
        verdict = Text(each.outcome.replace("_", " "), style=_STYLES[each.outcome])
        if each.waiver:
            verdict.append(f"\nwaived until {each.waiver.expires_at:%Y-%m-%d}", style="dim")
        table.add_row(Text(each.check), "R" if each.required else "A", verdict, why)
    return table


def _items(states: Iterable[ItemState]) -> Table:
    table = Table("Item", "Required from", "State", "Why", title="Items", title_justify="left")
    for each in states:
        table.add_row(Text(each.item), str(each.required_from), each.state, Text(each.reason))
    return table


def checks_table(entries: Iterable[CheckEntry]) -> Table:
    """Every check."""
    table = Table("Check", "", "Level", "Holds when")
    for each in entries:
        table.add_row(Text(each.id), "R" if each.required else "A", str(each.level), Text(each.statement))
    return table


def attestations_table(attestations: Iterable[Attestation]) -> Table:
    """What was stated, by whom, and until when."""
    table = Table("Item or check", "Holds", "Owner", "Cluster", "Expires")
    for each in attestations:
        expires = f"{each.expires_at.astimezone(UTC):%Y-%m-%d}"
        table.add_row(Text(each.subject), "yes" if each.holds else "no", Text(each.owner), Text(each.cluster), expires)
    return table


class ClusterLine:
    """One cluster of a fleet, as a line shows it."""

    def __init__(
        self, registration: Registration, standing: Standing, missing: Sequence[str], observed_at: datetime | None
    ) -> None:
        self.registration = registration
        self.standing = standing
        self.missing = missing
        self.observed_at = observed_at


def fleet_table(lines: Iterable[ClusterLine]) -> Table:
    """Every registered cluster with its level, what stands in the way of the next, and its newest scan."""
    table = Table("Cluster", "Region", "Account", "Level", "In the way of the next level", "Scanned")
    for each in lines:
        cluster = each.registration.cluster
        scanned = when(each.observed_at) if each.observed_at else ""
        table.add_row(
            Text(cluster.name),
            cluster.region,
            cluster.account,
            str(each.standing),
            Text(", ".join(each.missing)),
            scanned,
        )
    return table


def when(at: datetime) -> str:
    """An instant as people read it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def history_table(spans: Sequence[ScanSpan]) -> Table:
    """What a cluster's scans found; where it was made anew under its name in between, which of the two it is about."""
    made = [each.scorecard.cluster_created_at for each in spans]
    several = len({each for each in made if each is not None}) > 1
    table = Table(
        *("Slot", "Until", "Scans", "Level", "Score", "Missing", "Unknown checks", "Ruleset"),
        *(["Cluster made"] if several else []),
    )
    for each, at in zip(spans, made, strict=True):
        card = each.scorecard
        missing = sum(len(items) for items in card.blockers.missing.values())
        score = "" if card.score_percent is None else f"{card.score_percent:g} %"
        table.add_row(
            when(each.scan.slot),
            when(each.newest_slot) if each.confirmed else "",
            str(each.scans),
            str(card.level),
            score,
            str(missing),
            str(each.scan.count("unknown")),
            card.ruleset,
            *([when(at) if at else ""] if several else []),
        )
    return table
