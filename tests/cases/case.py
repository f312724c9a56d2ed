"""The case book: one situation a file, `<item>/<check>.<verdict>.<situation>.yaml`.

A case takes a scenario, changes it, gathers evidence with every probe of the product, and judges it by the shipped
checklist. Its name says which check is meant and what it must answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.attestation import Attestation
from eks_readiness.domain.errors import UnavailableReason
from eks_readiness.domain.evidence import Evidence
from eks_readiness.domain.finding import Finding, Outcome
from eks_readiness.domain.policy import Policy, parse_policy
from eks_readiness.domain.scorecard import Scorecard
from tests.doubles.memory import gather
from tests.doubles.scenario import CASE_NOW, Scenario, dated, load_scenario, read_yaml

BOOK = Path(__file__).parent


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be seen beside the verdict: a part of the reason, all offenders, why it is unknown."""

    reason: str = ""
    offenders: list[str] | None = None
    unknown_reason: UnavailableReason | None = None


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    because: str
    base: str
    change: dict[str, Any] = {}
    policy: dict[str, object] = {}
    attestations: list[dict[str, Any]] = []
    expect: Expected = Expected()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case, read from its file."""

    path: Path
    check: str
    outcome: Outcome
    situation: str
    body: _Body

    @property
    def name(self) -> str:
        """How it is called in a list of tests."""
        return f"{self.path.parent.name}/{self.path.stem}"

    def scenario(self) -> Scenario:
        """The scenario with the case's changes."""
        return load_scenario(self.body.base).changed(self.body.change)

    @property
    def policy(self) -> Policy:
        """The thresholds that judge it."""
        return parse_policy(self.body.policy, where=self.name)

    @property
    def attestations(self) -> list[Attestation]:
        """What people state about its cluster."""
        return msgspec.convert(dated(self.body.attestations, CASE_NOW), list[Attestation])

    def run(self) -> tuple[Evidence, Scorecard]:
        """Gather and judge."""
        stated = self.attestations
        evidence = gather(self.scenario(), [each.evidence_uri for each in stated if each.evidence_uri])
        return evidence, evaluate(evidence, CHECKLIST, policy=self.policy, attestations=stated)

    def finding(self, scorecard: Scorecard) -> Finding:
        """The answer of the check that the case is about."""
        return next(each for each in scorecard.findings if each.check == self.check)


def read_case(path: Path) -> Case:
    """Read one case.

    Raises:
        ValueError: its name or its content is not that of a case.
    """
    name, _, rest = path.name.removesuffix(".yaml").partition(".")
    outcome, _, situation = rest.partition(".")
    if not situation:
        raise ValueError(f"{path}: name it <check>.<verdict>.<situation>.yaml")
    try:
        (document,) = read_yaml(path)
        return Case(
            path=path,
            check=f"{path.parent.name}.{name}",
            outcome=msgspec.convert(outcome, Outcome),
            situation=situation,
            body=msgspec.convert(document, _Body),
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def case_book() -> Sequence[Case]:
    """Every case, in the order of the files."""
    return [read_case(path) for path in sorted(BOOK.glob("*/*.yaml"))]


def counts(cases: Sequence[Case]) -> Mapping[str, Mapping[str, int]]:
    """How many cases each check has of each outcome."""
    table: dict[str, dict[str, int]] = {}
    for case in cases:
        row = table.setdefault(case.check, {})
        row[case.outcome] = row.get(case.outcome, 0) + 1
    return table
