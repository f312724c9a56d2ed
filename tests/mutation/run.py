"""Runs mutmut over the checks, the engine, the levels and the ledger's decision, and says what survived.

mutmut leaves decorated functions alone, and every check is one: in a copy of the source, `@check(…)` above a rule
becomes a call below it, which means the same. Usage: python -m tests.mutation.run [glob of mutants …]
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import libcst as cst
import msgspec

from eks_readiness.domain.evidence import encode_evidence
from tests.cases.case import case_book
from tests.cases.words import approved
from tests.mutation.alone import Situation

ROOT = Path(__file__).parents[2]
STAGE = ROOT / "build" / "mutation"
MUTATED = ("checklist/*", "domain/ledger.py", "domain/standing.py")
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = [{mutated}]
also_copy = ["functions", "infra", "docs", "situations.json"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", "-p", "no:randomly", "-W", "ignore"]
pytest_add_cli_args_test_selection = ["tests/mutation/alone.py", "tests/checklist", "tests/domain"]
timeout_constant = 10.0
"""
_LINE = re.compile(r"^\s*(?P<mutant>\S+): (?P<state>[a-z ]+)$", re.MULTILINE)
KILLED = ("killed", "timeout", "suspicious", "segfault", "caught by type check")


class _Undecorated(cst.CSTTransformer):
    """`@check(…) def rule` as `def rule` and `rule = check(…)(rule)`."""

    def leave_FunctionDef(  # noqa: N802 - the name is libcst's
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        if len(original_node.decorators) != 1:
            return updated_node
        decorator = original_node.decorators[0].decorator
        if not isinstance(decorator, cst.Call) or not isinstance(decorator.func, cst.Name):
            return updated_node
        if decorator.func.value != "check":
            return updated_node
        name = updated_node.name
        call = cst.Call(func=decorator, args=[cst.Arg(name)])
        declared = cst.Assign(targets=[cst.AssignTarget(name)], value=call)
        return cst.FlattenSentinel([updated_node.with_changes(decorators=[]), cst.SimpleStatementLine(body=[declared])])


def stage() -> None:
    """Make the copy that is mutated, and what its tests know."""
    shutil.rmtree(STAGE, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "shared", STAGE / "src", ignore=ignored)
    for each in ("tests", "functions", "infra", "docs"):
        shutil.copytree(ROOT / each, STAGE / each, ignore=ignored)
    mutated = ", ".join(f'"src/eks_readiness/{each}"' for each in MUTATED)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (STAGE / "pyproject.toml").write_text(settings + SETTINGS.format(mutated=mutated), encoding="utf-8")
    for path in (STAGE / "src" / "eks_readiness" / "checklist").rglob("*.py"):
        module = cst.parse_module(path.read_text(encoding="utf-8"))
        path.write_text(module.visit(_Undecorated()).code, encoding="utf-8")
    (STAGE / "situations.json").write_bytes(msgspec.json.encode(situations()))


def situations() -> list[Situation]:
    """Every case of the book, with its evidence, and the finding that a person approved."""
    found = []
    for case in case_book():
        evidence, _ = case.run()
        finding = approved(case)
        if finding is None:
            raise ValueError(f"{case.name} has no approved words: python -m tests.cases.words")
        found.append(
            Situation(
                name=case.name,
                check=case.check,
                evidence=encode_evidence(evidence).decode(),
                policy=case.policy,
                attestations=tuple(case.attestations),
                finding=finding,
            )
        )
    return found


def main(globs: Sequence[str]) -> int:
    """Mutate, and print how many of the mutants were killed."""
    stage()
    environment = {**os.environ, "PYTHONPATH": "", "CI": "true"}
    environment["PYTHONHASHSEED"] = "0"
    subprocess.run([sys.executable, "-m", "mutmut", "run", *globs], cwd=STAGE, env=environment, check=True)
    listed = subprocess.run(
        [sys.executable, "-m", "mutmut", "results", "--all", "true"],
        cwd=STAGE,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    states = Counter(cast("str", match["state"]) for match in _LINE.finditer(listed.stdout))
    states.pop("not checked", None)
    total = sum(states.values())
    killed = sum(states[state] for state in KILLED)
    for match in _LINE.finditer(listed.stdout):
        if match["state"] not in (*KILLED, "not checked"):
            print(f"{match['state']}: {match['mutant']}")
    share = 100 * killed / total if total else 0.0
    print(f"mutants={total} killed={killed} ({share:.1f} %) {dict(states)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
