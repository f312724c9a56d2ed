"""What kills mutants of a check: its cases, with the evidence that was gathered before, and the check asked alone.

Not collected by `make test`: `tests/cases` judges the same cases by the whole checklist, with evidence gathered anew.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

import msgspec
import pytest

from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.attestation import Attestation
from eks_readiness.domain.evidence import Evidence, decode_evidence
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.policy import Policy
from tests.cases.withheld import alone, changed_minds, tolerated

SITUATIONS = Path(__file__).parents[2] / "situations.json"


class Situation(msgspec.Struct, frozen=True):
    """One case: its evidence, what judged it, and the finding that a person approved."""

    name: str
    check: str
    evidence: str
    policy: Policy
    attestations: tuple[Attestation, ...]
    finding: Finding


@cache
def situations() -> dict[str, list[tuple[Situation, Evidence]]]:
    """By check; read once in the process from which every mutant's is forked."""
    found: dict[str, list[tuple[Situation, Evidence]]] = defaultdict(list)
    for each in msgspec.json.decode(SITUATIONS.read_bytes(), type=list[Situation]):
        found[each.check].append((each, decode_evidence(each.evidence.encode())))
    return found


@pytest.mark.parametrize("identifier", [check.id for check in CHECKLIST])
def test_a_check_answers_its_cases(identifier: str) -> None:
    """Verdict, words and offenders are those that a person approved."""
    check = CHECKLIST.check(identifier)
    assert check is not None
    for each, evidence in situations()[identifier]:
        card = evaluate(evidence, alone(check), policy=each.policy, attestations=each.attestations)
        assert card.findings == (each.finding,), each.name


@pytest.mark.parametrize("identifier", [check.id for check in CHECKLIST if tolerated(check)])
def test_a_check_can_do_without(identifier: str) -> None:
    """Without a slice that it need not have, it keeps its answer or does not know."""
    check = CHECKLIST.check(identifier)
    assert check is not None
    for each, evidence in situations()[identifier]:
        said = changed_minds(check, evidence, each.finding, policy=each.policy, attestations=each.attestations)
        assert not [*said], each.name
