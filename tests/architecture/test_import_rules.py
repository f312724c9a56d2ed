"""The layers of the package, as the contracts in pyproject.toml state them, and that each contract can break."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = (sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()")

PACKAGE = "shared/eks_readiness"
PLANTED = {
    "layers": {f"{PACKAGE}/app/planted.py": "from eks_readiness import adapters"},
    "deployables": {f"{PACKAGE}/adapters/planted.py": "import functions"},
    "pure": {f"{PACKAGE}/domain/planted.py": "import os"},
    "functions-through-bootstrap": {"functions/planted.py": "import eks_readiness.adapters"},
    "infra-narrow": {"infra/planted.py": "import eks_readiness.domain.scorecard"},
    "synth-offline": {"infra/planted.py": "import boto3"},
    "categories": {
        f"{PACKAGE}/checklist/infrastructure/planted.py": "import eks_readiness.checklist.extensions.planted",
        f"{PACKAGE}/checklist/extensions/planted.py": "",
    },
}


def lint_imports(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `lint-imports` on the tree below a directory, as a developer would."""
    return subprocess.run(
        [*LINT_IMPORTS, "--no-cache", "--no-logo", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory / "shared"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source that a test may spoil."""
    for part in ("shared", "functions", "infra"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(tree: Path, files: dict[str, str]) -> None:
    """Write modules, with the packages that they need."""
    for name, text in files.items():
        module = tree / name
        module.parent.mkdir(exist_ok=True)
        (module.parent / "__init__.py").touch()
        module.write_text(f"{text}\n")


def test_every_contract_is_kept() -> None:
    """No module imports from a layer that it may not know."""
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(PLANTED)} kept, 0 broken" in result.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_forbidden_import_breaks_its_contract(contract: str, tree: Path) -> None:
    """Each contract notices the import that it is there for."""
    plant(tree, PLANTED[contract])
    result = lint_imports(tree, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "0 kept, 1 broken" in result.stdout


def test_a_module_outside_the_layers_breaks_the_build(tree: Path) -> None:
    """Nothing may hide from the layers in a module of its own."""
    plant(tree, {f"{PACKAGE}/utils.py": ""})
    result = lint_imports(tree, "--contract", "layers")
    assert result.returncode == 1
    assert "utils" in result.stdout


def test_infrastructure_may_read_the_thresholds(tree: Path) -> None:
    """One of the two exceptions of `infra-narrow`: every module may read domain.policy."""
    plant(tree, {"infra/planted.py": "import eks_readiness.domain.policy"})
    assert lint_imports(tree, "--contract", "infra-narrow").returncode == 0


def test_only_the_schedules_grammar_may_read_the_arithmetic_of_schedules(tree: Path) -> None:
    """The other exception, for infra.schedule_expression alone."""
    plant(tree, {"infra/planted.py": "import eks_readiness.domain.schedule"})
    result = lint_imports(tree, "--contract", "infra-narrow")
    assert result.returncode == 1
    assert "infra.planted -> eks_readiness.domain.schedule" in result.stdout


def contracts() -> dict[str, dict[str, Any]]:
    """The contracts of pyproject.toml by their ids."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def test_every_contract_is_planted_against() -> None:
    """A new contract comes with the import that breaks it."""
    assert set(contracts()) == set(PLANTED)


def test_the_pure_contract_covers_the_whole_core() -> None:
    """Use cases and the two lowest layers are pure: each module of them, as soon as it exists, is in `pure`."""
    lowest = " | ".join(contracts()["layers"]["layers"][-2:])
    core = {"app", *(name.strip("() ") for name in lowest.split("|"))}
    present = {path.stem for path in (ROOT / PACKAGE).iterdir() if path.stem in core}
    assert set(contracts()["pure"]["source_modules"]) == {f"eks_readiness.{name}" for name in present}
