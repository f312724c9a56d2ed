"""The README's commands exist: every subcommand and option that it shows is one of the command line's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from eks_readiness.cli.main import run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
COMMANDS = [shlex.split(line, comments=True) for line in BLOCKS.splitlines() if line.startswith("eks-readiness ")]
TARGETS = re.findall(r"(?m)^make ([a-z-]+)", BLOCKS)


def test_there_are_commands() -> None:
    """Otherwise the tests below would say nothing."""
    assert len(COMMANDS) >= 12
    assert {"demo", "test", "setup", "deploy", "destroy"} <= set(TARGETS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_exists_with_its_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Its help names every option that is shown."""
    given = [word for word in words[1:] if word not in ("|", ">")]
    length = 2 if given[0] == "clusters" else 1
    assert run([*given[:length], "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in given if word.startswith("--"))


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_exists(target: str) -> None:
    """Make knows it."""
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"))
