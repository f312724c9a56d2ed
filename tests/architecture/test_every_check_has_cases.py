"""The case book is complete: every check that evidence answers has a pass, a fail, an unknown, and what it claims."""

from __future__ import annotations

import pytest

from eks_readiness.checklist.check import Check
from eks_readiness.checklist.shipped import CHECKLIST
from tests.cases.case import case_book, counts

BOOK = counts(case_book())
DOCUMENTS = frozenset(item.id for item in CHECKLIST.items if item.category == "documentation")


@pytest.mark.parametrize("check", CHECKLIST.checks, ids=lambda check: check.id)
def test_a_check_has_cases_of_every_outcome(check: Check) -> None:
    """`Not applicable when:` claims that outcome. What people attest is unknown where its document cannot be seen."""
    expected = {"pass", "fail"} | ({"unknown"} if check.rule or check.item in DOCUMENTS else set())
    if "Not applicable when:" in check.doc:
        expected.add("not_applicable")
    assert set(BOOK.get(check.id, ())) == expected


def test_every_case_is_about_a_check() -> None:
    """A case whose check was renamed would otherwise be about nothing."""
    assert set(BOOK) == {check.id for check in CHECKLIST}
