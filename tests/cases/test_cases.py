"""Every case of the book answers as its name says."""

from __future__ import annotations

import pytest

from eks_readiness.adapters.collect import STUMBLED
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.evidence import Unavailable, decode_evidence, encode_evidence
from tests.cases.case import Case, case_book
from tests.cases.withheld import changed_minds
from tests.cases.words import approved


@pytest.mark.parametrize("case", case_book(), ids=lambda case: case.name)
def test_case(case: Case) -> None:
    """A case gathers without a crash, answers as its name says, and its evidence survives being written down.

    Without a slice that the check can do without, it keeps its answer or does not know.
    """
    evidence, scorecard = case.run()
    crashed = {
        kind.__name__: found.detail
        for kind, found in evidence.slices.items()
        if isinstance(found, Unavailable) and (found.reason == "crashed" or STUMBLED in found.detail)
    }
    assert not crashed
    finding = case.finding(scorecard)
    assert finding.outcome == case.outcome, f"{finding.reason} {finding.offenders}"
    expected = case.body.expect
    assert expected.reason in finding.reason
    if expected.offenders is not None:
        assert list(finding.offenders) == expected.offenders
    if expected.unknown_reason is not None:
        assert finding.unknown_reason == expected.unknown_reason
    assert finding == approved(case), "its words changed: python -m tests.cases.words, and read the diff"
    check = CHECKLIST.check(case.check)
    assert check is not None
    assert not [*changed_minds(check, evidence, finding, policy=case.policy, attestations=case.attestations)]
    # The same evidence from a file gives the same answers.
    again = decode_evidence(encode_evidence(evidence))
    assert again.slices == evidence.slices
