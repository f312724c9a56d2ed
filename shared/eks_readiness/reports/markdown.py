"""A scorecard as a checklist document: tables with ticks, levels with what is missing, an action plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from eks_readiness.domain.errors import bounded
from eks_readiness.domain.item import CATEGORIES, Category, ItemId, RequiredLevel
from eks_readiness.domain.scorecard import LEVEL_MEANINGS, LEVELS, ItemState, Scorecard

_HEADINGS: dict[Category, tuple[str, str, str]] = {
    "infrastructure": ("Infrastructure components", "Component", "Requirements"),
    "extensions": ("Essential production extensions", "Component", "Purpose"),
    "observability": ("Observability requirements", "Component", "Purpose"),
    "security": ("Security framework", "Security control", "Purpose"),
    "operations": ("Operational processes", "Process", "Purpose"),
    "delivery": ("CI/CD & infrastructure as code", "Aspect", "Requirements"),
    "documentation": ("Documentation requirements", "Documentation", "Purpose"),
    "practices": ("Practices named by the level criteria", "Practice", "Purpose"),
}
"""Heading of each category's table, and its first two columns."""
_TICKS = {"satisfied": "✅", "missing": "⬜", "unknown": "⬜ unknown", "not_covered": "⬜ not covered"}
_PLAN = {1: "Focus on level 1 gaps first", 2: "Then address level 2 items", 3: "Finally complete level 3 requirements"}
_LEVELS: tuple[RequiredLevel, ...] = (1, 2, 3)


def markdown_report(scorecard: Scorecard, fixes: Mapping[ItemId, str]) -> str:
    """The whole document. `fixes` says in words how an item is put right, where that is known."""
    return "\n".join(_lines(scorecard, fixes)) + "\n"


def _lines(scorecard: Scorecard, fixes: Mapping[ItemId, str]) -> Iterator[str]:
    yield "# EKS production readiness assessment"
    yield ""
    yield f"{_subject(scorecard)}, observed {scorecard.observed_at:%Y-%m-%d %H:%M} UTC, ruleset {scorecard.ruleset}."
    for category in CATEGORIES:
        states = [each for each in scorecard.items if each.category == category]
        # What a document has no row for is told at the end, and is no gap.
        if any(each.state != "not_covered" for each in states):
            yield from _table(category, states)
    yield from _levels(scorecard)
    yield from _plan(scorecard, fixes)
    yield from _certification(scorecard)


def _subject(scorecard: Scorecard) -> str:
    return _text(str(scorecard.cluster)) if scorecard.cluster else "A checklist document"


def _table(category: Category, states: Iterable[ItemState]) -> Iterator[str]:
    heading, first, second = _HEADINGS[category]
    yield from ("", f"## {heading}", "", f"| {first} | {second} | Priority | Status |", "|---|---|---|---|")
    for each in states:
        purpose = _text(each.purpose)
        yield f"| **{_text(each.title)}** | {purpose} | {each.priority} | {_TICKS[each.state]} |"


def _levels(scorecard: Scorecard) -> Iterator[str]:
    yield from ("", "## Production readiness evaluation", "", "### Readiness levels", "")
    for level in LEVELS:
        yield f"- **Level {level}**: {LEVEL_MEANINGS[level]}"
    yield from ("", "### Evaluation criteria by level")
    for required in _LEVELS:
        yield from ("", f"#### Level {required} requirements", "")
        yield from _criteria(scorecard, required)
    yield from ("", "## Current readiness assessment", "", "Based on the items above:", "")
    for level in _LEVELS:
        reached = scorecard.level.lowest >= level
        yield f"- [{'x' if reached else ' '}] Level {level} readiness{'' if reached else ':'}"
        if not reached:
            above = f"all level {level - 1} gaps plus: " if scorecard.level.lowest < level - 1 else ""
            yield f"    - Missing: {above}{_titles(scorecard, scorecard.blockers.missing[level])}"
            if unknown := scorecard.blockers.unknown[level]:
                yield f"    - Could not be observed: {_titles(scorecard, unknown)}"
    uncovered = [each.item for each in scorecard.items if each.state == "not_covered"]
    if uncovered:
        yield from ("", f"Not covered by the document: {_titles(scorecard, uncovered)}.")


def _criteria(scorecard: Scorecard, level: RequiredLevel) -> Iterator[str]:
    if level > 1:
        yield f"- All level {level - 1} requirements"
    for category in CATEGORIES:
        items = [each.item for each in scorecard.items if (each.category, each.required_from) == (category, level)]
        if items:
            yield f"- {_HEADINGS[category][0]}: {_titles(scorecard, items)}"


def _titles(scorecard: Scorecard, items: Iterable[ItemId]) -> str:
    titles = {each.item: each.title for each in scorecard.items}
    return ", ".join(_text(titles[item]) for item in items) or "nothing"


def _plan(scorecard: Scorecard, fixes: Mapping[ItemId, str]) -> Iterator[str]:
    yield from ("", "## Action plan summary", "")
    by_id = {each.item: each for each in scorecard.items}
    number = 0
    for level in _LEVELS:
        missing, unknown = scorecard.blockers.missing[level], scorecard.blockers.unknown[level]
        if not missing and not unknown:
            continue
        number += 1
        yield f"{number}. **{_PLAN[level]}:**"
        for item in missing:
            fix = fixes.get(item, "")
            yield f"    - {_text(by_id[item].title)}{': ' if fix else ''}{_text(fix)}"
        for item in unknown:
            yield f"    - {_text(by_id[item].title)}, not known: {_text(fixes.get(item) or by_id[item].reason)}"
    if not number:
        yield "Nothing is missing."


def _certification(scorecard: Scorecard) -> Iterator[str]:
    yield from ("", "## Certification process", "")
    for level in _LEVELS:
        yield f"- [{'x' if scorecard.level.lowest >= level else ' '}] Level {level} certification complete"
    yield from ("", f"**Current status**: {_status(scorecard)}")


def _status(scorecard: Scorecard) -> str:
    level = scorecard.level
    if level.lowest == LEVELS[-1]:
        return f"level {level.lowest}, {LEVEL_MEANINGS[level.lowest]}"
    unsure = "" if level.exact else f" (up to {level.highest}, as far as it could be observed)"
    return (
        f"level {level.lowest}{unsure}, {LEVEL_MEANINGS[level.lowest]}; "
        f"progressing toward level {level.lowest + 1} production readiness"
    )


def _text(text: str) -> str:
    """Text of unknown origin as Markdown shows it literally, also inside a table's cell."""
    line = bounded(text, 600).replace("\\", "\\\\").replace("|", "\\|")
    for mark in "<>`*_[]":
        line = line.replace(mark, f"\\{mark}")
    return line
