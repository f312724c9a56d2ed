"""Runs mutmut over the checks, the engine, the levels and the ledger's decision, and says what survived.

mutmut leaves decorated functions alone, and every check is one: in a copy of the source, `@check(…)` above a rule
becomes a call below it, which means the same.

Usage: python -m tests.mutation.run [glob of mutants …]. Each survivor is shown with its diff and with the reason why
nobody could notice it, from `survivors.yaml`. The run fails when a survivor has no reason there; a whole run also when
a reason there fits no survivor any more, or when fewer than 90 % of all mutants are killed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir
from fnmatch import fnmatch
from pathlib import Path

import libcst as cst
import msgspec
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.utils.format_utils import get_module_from_key, orig_function_and_class_names_from_key

from eks_readiness.domain.evidence import encode_evidence
from tests.cases.case import case_book
from tests.cases.words import approved
from tests.mutation.alone import Situation
from tests.mutation.survivors import Key, changed_lines, explained, outlived, unexplained

ROOT = Path(__file__).parents[2]
STAGE = ROOT / "build" / "mutation"
EVIDENCE = ROOT / "build" / "evidence_of_cases.json"
GATHERING = ("shared/eks_readiness/adapters", "shared/eks_readiness/domain", "tests/doubles")
"""What a case's evidence depends on, beside the case."""
MUTATED = (
    "checklist/*",
    *(f"domain/{each}.py" for each in ("coverage", "decision", "event", "expiry", "ledger", "standing")),
)
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = [{mutated}]
also_copy = ["functions", "infra", "docs", "situations.json"]
# Generated examples differ from run to run, and take too long for thousands of runs.
pytest_add_cli_args = [
  "-p", "no:cacheprovider", "-p", "no:xdist",
  "-p", "no:cov", "-p", "no:randomly", "-W", "ignore", "-m", "not hypothesis"
]
pytest_add_cli_args_test_selection = ["tests/mutation/alone.py", "tests/checklist", "tests/domain"]
"""
MIN_KILLED_PERCENT = 90.0
STATES = {0: "survived", 33: "no tests", 36: "timeout"}
"""What mutmut's exit codes mean; any other is a kill."""


class _Results(msgspec.Struct):
    """What is kept of the mutants of one module."""

    exit_code_by_key: dict[str, int | None]


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
    """Make the copy that is mutated, and what its tests know; what did not change stays, and so do its mutants."""
    shutil.rmtree(STAGE / "mutants" / "tests", ignore_errors=True)
    _mirror(ROOT / "shared", STAGE / "src")
    for each in ("tests", "functions", "infra", "docs"):
        _mirror(ROOT / each, STAGE / each)
    mutated = ", ".join(f'"src/eks_readiness/{each}"' for each in MUTATED)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    _write(STAGE / "pyproject.toml", (settings + SETTINGS.format(mutated=mutated)).encode())
    _write(STAGE / "situations.json", msgspec.json.encode(situations()))


def _mirror(source: Path, target: Path) -> None:
    """Copy what changed, checks undecorated, and take away what is gone."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file() and not _ignored(path)}
    for path in [path for path in target.rglob("*") if path.is_file() and path.relative_to(target) not in wanted]:
        path.unlink()
    for relative in sorted(wanted):
        content = (source / relative).read_bytes()
        if relative.parts[:2] == ("eks_readiness", "checklist") and b"@check(" in content:
            content = cst.parse_module(content).visit(_Undecorated()).bytes
        _write(target / relative, content)


def _ignored(path: Path) -> bool:
    return any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def situations() -> list[Situation]:
    """Every case of the book, with its evidence, and the finding that a person approved.

    Gathering takes minutes, so evidence is kept for as long as neither the case nor what gathers it changes.
    """
    gathered_by = _digest(path for each in GATHERING for path in sorted((ROOT / each).rglob("*")) if path.is_file())
    kept = _kept_evidence()
    evidence: dict[str, str] = {}
    found = []
    for case in case_book():
        key = _digest([case.path], gathered_by)
        evidence[key] = kept.get(key) or encode_evidence(case.run()[0]).decode()
        finding = approved(case)
        if finding is None:
            raise ValueError(f"{case.name} has no approved words: python -m tests.cases.words")
        found.append(
            Situation(
                name=case.name,
                check=case.check,
                evidence=evidence[key],
                policy=case.policy,
                attestations=tuple(case.attestations),
                finding=finding,
            )
        )
    _write(EVIDENCE, msgspec.json.encode(evidence))
    return found


def _kept_evidence() -> dict[str, str]:
    return msgspec.json.decode(EVIDENCE.read_bytes(), type=dict[str, str]) if EVIDENCE.exists() else {}


def _digest(paths: Iterable[Path], start: str = "") -> str:
    digest = hashlib.sha256(start.encode())
    for path in paths:
        if not _ignored(path):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def main(globs: Sequence[str]) -> int:
    """Mutate, and print how many of the mutants were killed, and which were not; 1 when that is not in order."""
    stage()
    environment = {**os.environ, "PYTHONPATH": "", "PYTHONHASHSEED": "0"}
    session = [sys.executable, "tests/mutation/session.py", *globs]
    if code := subprocess.run(session, cwd=STAGE, env=environment, check=False).returncode:
        return code
    by_module: dict[str, Counter[str]] = defaultdict(Counter)
    survivors: list[Key] = []
    reasons = explained()
    for module, mutant, state in _results(globs):
        by_module[module.as_posix()][state] += 1
        if state in ("survived", "no tests"):
            key, diff = _survivor(mutant, module)
            survivors.append(key)
            print(f"{state}: {mutant}\n{diff}\n  {reasons.get(key, 'NOT EXPLAINED')}\n")
    for name, states in by_module.items():
        print(_line(name, states))
    total = sum(by_module.values(), Counter())
    print(_line("all", total))
    wrong = [f"not explained: a change of {function}" for function, _ in unexplained(survivors, reasons)]
    if not globs:
        wrong += [f"explained, but killed: {function}\n{change}" for function, change in outlived(survivors, reasons)]
        if _killed_percent(total) < MIN_KILLED_PERCENT:
            wrong.append(f"fewer than {MIN_KILLED_PERCENT:g} % are killed")
    print(
        f"survivors={len(survivors)} explained={len(survivors) - len(unexplained(survivors, reasons))}",
        *wrong,
        sep="\n",
    )
    return 1 if wrong else 0


def _results(globs: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
    """Every mutant that was judged: its module's path in the package, its name, and what became of it."""
    for meta in sorted((STAGE / "mutants").rglob("*.meta")):
        module = meta.relative_to(STAGE / "mutants/src/eks_readiness").with_suffix("")
        for mutant, code in msgspec.json.decode(meta.read_bytes(), type=_Results).exit_code_by_key.items():
            if code is not None and (not globs or any(fnmatch(mutant, glob) for glob in globs)):
                yield module, mutant, STATES.get(code, "killed")


def _survivor(mutant: str, module: Path) -> tuple[Key, str]:
    """What a mutant is known by in `survivors.yaml`, and its changed lines as they stand there."""
    with chdir(STAGE):
        diff = changed_lines(get_diff_for_mutant(mutant, path=Path("src/eks_readiness") / module))
    function, class_name = orig_function_and_class_names_from_key(mutant)
    names = [get_module_from_key(mutant).removeprefix("eks_readiness."), class_name, function]
    return (".".join(name for name in names if name), diff), diff


def _killed_percent(states: Counter[str]) -> float:
    return 100 * (states["killed"] + states["timeout"]) / max(states.total(), 1)


def _line(name: str, states: Counter[str]) -> str:
    killed = states["killed"] + states["timeout"]
    return f"{name}: mutants={states.total()} killed={killed} ({_killed_percent(states):.1f} %)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
