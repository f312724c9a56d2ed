"""Checklist documents: what is read, and how a wrong one is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from eks_readiness.checklist.evaluate import evaluate_document
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.reports.checklist_document import ChecklistError, Row, attestations_of, read_checklist
from eks_readiness.reports.markdown import markdown_report
from tests.scans import START

DOCUMENT = Path(__file__).with_name("checklist.md").read_text(encoding="utf-8")
LEVEL_1 = [
    *("backup-restore", "pod-security", "network-policies", "cluster-upgrades", "node-rotation", "incident-response"),
    *("change-management", "security-scanning"),
]
LEVEL_2 = [
    *("policy-enforcement", "external-dns", "slo-tracking", "image-scanning", "secret-rotation", "dr-testing"),
    *("capacity-planning", "infrastructure-testing", "drift-detection", "compliance-checks", "architecture-diagrams"),
    *("runbooks", "slas-slos", "security-controls", "dr-plan"),
]
LEVEL_3 = ["service-mesh", "cost-estimation"]


def judged(rows: tuple[Row, ...]) -> Scorecard:
    """What a document's own ticks give."""
    ticks = attestations_of(rows, file="a.md", owner="sre", issued_at=START, expires_at=START + timedelta(days=30))
    return evaluate_document({row.item for row in rows}, ticks, policy=Policy(), at=START)


def test_a_document_is_judged_by_its_ticks() -> None:
    """Level 0, and exactly these items in the way; practices are not covered, and never missing."""
    card = judged(read_checklist(DOCUMENT, file="a.md"))
    assert (card.level.lowest, card.level.highest) == (0, 0)
    assert {level: list(items) for level, items in card.blockers.missing.items()} == {
        1: LEVEL_1,
        2: LEVEL_2,
        3: LEVEL_3,
    }
    assert sum(each.state == "not_covered" for each in card.items) == 6


@pytest.mark.parametrize(
    "variant",
    [
        DOCUMENT.replace("✅", "[x]").replace("⬜", "[ ]"),
        DOCUMENT.replace("✅", "[X]").replace("⬜", "☐"),
        DOCUMENT.replace("\n", "\r\n"),
        DOCUMENT.title().replace("✅", "✅️"),
        DOCUMENT.replace("      |\n", "\n"),
        DOCUMENT.replace("**", ""),
        DOCUMENT.replace(" & ", " and "),
    ],
    ids=["brackets", "boxes", "crlf", "title-case", "no-trailing-pipe", "plain-names", "and"],
)
def test_other_ways_to_write_it_read_the_same(variant: str) -> None:
    """People write tables in many ways."""
    expected = [(row.item, row.ticked) for row in read_checklist(DOCUMENT, file="a.md")]
    assert [(row.item, row.ticked) for row in read_checklist(variant, file="b.md")] == expected


def _with_columns(first: str, last: str) -> str:
    """The document with a column more at each end of every table."""
    lines = [
        f"{'| # ' if first else ''}{line}{f' {last} |' if last else ''}" if line.startswith("|") else line
        for line in DOCUMENT.splitlines()
    ]
    dashes = [
        line.replace("| # |--", "|--|--").replace(f" {last} |", "--|") if "|--" in line else line for line in lines
    ]
    return "\n".join(dashes)


@pytest.mark.parametrize(
    "variant",
    [
        _with_columns("#", ""),
        _with_columns("", "who"),
        _with_columns("#", "who"),
        DOCUMENT.replace("✅", ":white_check_mark:").replace("⬜", ":white_large_square: since may"),
        DOCUMENT.replace("**storage**", "[storage](storage.md)").replace("**runbooks**", "`runbooks`"),
        DOCUMENT + "\n```\n| **storage** | as code | high | ✅ |\n```\n\nlegend: ✅ done | ⬜ open\n",
    ],
    ids=["column-before", "column-after", "columns-around", "shortcodes", "links", "examples-and-prose"],
)
def test_more_than_the_tables_of_the_document(variant: str) -> None:
    """Columns that nobody asked for, other marks, and text beside the tables change nothing."""
    expected = [(row.item, row.ticked) for row in read_checklist(DOCUMENT, file="a.md")]
    assert [(row.item, row.ticked) for row in read_checklist(variant, file="b.md")] == expected


def test_the_order_of_rows_does_not_matter() -> None:
    """What is missing is told in the checklist's order."""
    head, dashes = "| item | status |", "|---|---|"
    rows = [f"| {row.item} | {'[x]' if row.ticked else '[ ]'} |" for row in read_checklist(DOCUMENT, file="a.md")]
    turned = judged(read_checklist("\n".join([head, dashes, *reversed(rows)]), file="b.md"))
    assert turned.blockers == judged(read_checklist(DOCUMENT, file="a.md")).blockers


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (DOCUMENT.replace("| **core add-ons**", "\n| **core add-ons**"), ["line 11", "line 12"]),
        (DOCUMENT.replace("|----------------------|------------|----------|--------|", "|---|---|---|"), 7),
        (DOCUMENT.replace("| priority | status |", "| priority | done   |", 1), ["line 5"]),
        (DOCUMENT.replace("| **storage**               | encrypted", "| **storage** | a|b"), ["line 11"]),
    ],
    ids=["empty-line", "wrong-dashes", "no-status-column", "bar-in-a-cell"],
)
def test_rows_that_would_be_lost_are_named(text: str, lines: list[str] | int) -> None:
    """A row that Markdown does not show as one is a mistake, and never left out in silence."""
    with pytest.raises(ChecklistError) as refused:
        read_checklist(text, file="a.md")
    named = [problem.partition(":")[0] for problem in refused.value.problems]
    assert (named if isinstance(lines, list) else len(named)) == lines


def test_a_slip_of_the_pen_is_answered_with_what_was_meant() -> None:
    """A title that is nearly right."""
    with pytest.raises(ChecklistError, match=r"line 3: no item is called 'storrage'; did you mean Storage\?"):
        read_checklist("| item | status |\n|---|---|\n| storrage | ✅ |\n", file="a.md")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "| item | status |\n|---|---|\n" + "| zz | ✅ |\n" * 50_000,
        ("| " + "[" * 5000 + " | ✅ |\n") * 100,
        "*a " * 300_000,
        "|a" * 300_000 + "|\n" + "|-" * 300_000 + "|\n",
    ],
    ids=["rows", "brackets", "emphasis", "columns"],
)
def test_a_document_made_to_cost_time_does_not(text: str) -> None:
    """It is refused in seconds."""
    with pytest.raises(ChecklistError):
        read_checklist(text, file="a.md")


def test_every_wrong_row_is_named_and_nothing_is_returned() -> None:
    """An unknown item, a status that is no tick, and an item that stands twice: each with its line."""
    text = DOCUMENT.replace(
        "| **storage**               | encrypted volumes       | high     | ✅", "| **warp drive** | | high | ✅"
    )
    text = text.replace("| **runbooks**              | procedures | high     | ⬜", "| **runbooks** | | high | maybe")
    text += "\n| item | status |\n|---|---|\n| dr plan | ✅ |\n"
    with pytest.raises(ChecklistError) as refused:
        read_checklist(text, file="wrong.md")
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["line 11", "line 74", "line 85"]
    assert "wrong.md: 3 problems: line 11: no item is called 'warp drive'" in str(refused.value)
    assert "'maybe' of runbooks is no tick" in str(refused.value)
    assert "dr-plan stands on line" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "# no table\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "| a | status |\n|---|---|\n"]
)
def test_a_document_without_a_checklist_is_refused(text: str) -> None:
    """Nothing to read is a mistake, and not an empty checklist."""
    with pytest.raises(ChecklistError, match="no table with a column called status"):
        read_checklist(text, file="a.md")


def test_hostile_text_is_bounded() -> None:
    """Whatever a document holds, the message stays one line."""
    with pytest.raises(ChecklistError) as refused:
        read_checklist("| item | status |\n|---|---|\n| \x1b[31mx" + "y" * 5000 + " | ✅ |\n", file="a.md")
    assert len(str(refused.value)) < 700
    assert str(refused.value).isprintable()


def test_the_report_is_a_document_of_the_same_shape() -> None:
    """Read back, it has the same ticks; its boxes and lists say what the scorecard says."""
    rows = read_checklist(DOCUMENT, file="a.md")
    report = markdown_report(judged(rows), {})
    again = read_checklist(report, file="report.md")
    assert [(row.item, row.ticked) for row in again] == [(row.item, row.ticked) for row in rows]
    assert "- [ ] Level 1 readiness:\n    - Missing: Backup & restore, Pod security, Network policies" in report
    assert "    - Missing: all level 1 gaps plus: Policy enforcement, External DNS, SLO tracking" in report
    assert "    - Missing: all level 2 gaps plus: Service mesh, Cost estimation" in report
    assert "1. **Focus on level 1 gaps first:**\n    - Backup & restore" in report
    assert "- [ ] Level 1 certification complete" in report
    assert "**Current status**: level 0, not ready for production; progressing toward level 1" in report
    assert "Not covered by the document: Secrets encryption" in report


def test_what_is_not_known_stands_in_the_plan() -> None:
    """An item without a statement is neither missing nor done; the plan says how to know it."""
    rows = read_checklist(DOCUMENT.replace("⬜", "✅"), file="a.md")
    ticks = attestations_of(rows[1:], file="a.md", owner="sre", issued_at=START, expires_at=START + timedelta(days=30))
    report = markdown_report(evaluate_document({row.item for row in rows}, ticks, policy=Policy(), at=START), {})
    assert "    - Missing: nothing\n    - Could not be observed: VPC & networking" in report
    assert "1. **Focus on level 1 gaps first:**\n    - VPC & networking, not known: nobody has attested it" in report
    assert "level 0 (up to 3, as far as it could be observed)" in report


def test_a_reached_level_has_no_gaps_to_add_to() -> None:
    """With level 1 reached, level 2 lacks only its own items."""
    done = DOCUMENT.replace("⬜", "✅").replace("| procedures | high     | ✅", "| procedures | high     | ⬜")
    report = markdown_report(judged(read_checklist(done, file="a.md")), {})
    assert "- [x] Level 1 readiness\n- [ ] Level 2 readiness:\n    - Missing: Runbooks\n" in report


def test_hostile_text_in_a_report_is_shown_as_it_is() -> None:
    """No cell ends early, and no link, tag or emphasis is made."""
    fixes = {ItemId("storage"): "a | b\n| c <script> [x](http://y) **z** `q`"}
    card = judged(
        read_checklist(DOCUMENT.replace("encrypted volumes       | high     | ✅", "x | high | ⬜"), file="a.md")
    )
    report = markdown_report(card, fixes)
    assert "Storage: a \\| b \\| c \\<script\\> \\[x\\](http://y) \\*\\*z\\*\\* \\`q\\`\n" in report


def test_reached_levels_are_ticked() -> None:
    """A document with every tick reaches level 3."""
    card = judged(read_checklist(DOCUMENT.replace("⬜", "✅"), file="a.md"))
    assert card.level.lowest == 3
    report = markdown_report(card, {})
    assert "- [x] Level 3 readiness\n" in report
    assert "Nothing is missing." in report
