"""The commands of README and runbook exist: every subcommand and option that they show is one of a command line's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

from eks_readiness.cli.main import run

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/operations.md")}
FENCED = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
GLOBAL_OPTIONS = {"--query", "--output", "--region", "--profile"}
"""Of the AWS command line, with every operation."""
HIGH_LEVEL = {("s3", "rm"): {"--recursive", "--dryrun"}}
"""Commands of the AWS command line that are no operation of a service.

Source: https://docs.aws.amazon.com/cli/latest/reference/s3/rm.html
"""


def shown(page: str) -> list[str]:
    """The lines of a page's shell blocks, and the commands of ours that stand in its sentences."""
    lines = [line for kind, block in FENCED.findall(page) if kind == "sh" for line in block.splitlines()]
    return lines + re.findall(r"`(eks-readiness [a-z][^`]*)`", FENCED.sub("", page).replace("\n", " "))


LINES = {page: shown(text) for page, text in PAGES.items()}
OURS = sorted({line for lines in LINES.values() for line in lines if line.startswith("eks-readiness ")})
AWS = [line for lines in LINES.values() for line in lines if line.startswith("aws ")]
TARGETS = {word for page in PAGES.values() for word in re.findall(r"(?:^|`)make ([a-z-]+)", page, re.MULTILINE)}


def test_there_are_commands() -> None:
    """Otherwise the tests below would say nothing."""
    assert len(LINES["README.md"]) >= 12
    assert sum(line.startswith("eks-readiness redrive") for line in LINES["docs/operations.md"]) >= 8
    assert len(AWS) >= 6
    assert {"demo", "test", "setup", "deploy", "destroy"} <= TARGETS


@pytest.mark.parametrize("line", OURS)
def test_a_command_exists_with_its_options(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its help names every option that is shown, and every queue."""
    given = [word for word in shlex.split(line, comments=True)[1:] if word not in ("|", ">")]
    length = 2 if given[0] == "clusters" else 1
    assert run([*given[:length], "--help"]) == 0
    said = capsys.readouterr().out
    words = given[length:] if given[0] == "redrive" else [word for word in given if word.startswith("--")]
    assert all(word in said for word in words)


@pytest.mark.parametrize("line", AWS)
def test_an_operation_of_aws_exists_with_its_options(line: str) -> None:
    """As the SDK knows it: the command line is made from the same model."""
    service, operation, *words = shlex.split(line)[1:]
    given = {word.replace("--no-", "--") for word in words if word.startswith("--")}
    if (service, operation) in HIGH_LEVEL:
        assert given <= HIGH_LEVEL[service, operation] | GLOBAL_OPTIONS
        return
    model = Session().get_service_model(service)
    known = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in known
    shape = model.operation_model(known[operation]).input_shape
    options = {f"--{xform_name(name, '-')}" for name in shape.members} if shape else set()
    assert given <= options | GLOBAL_OPTIONS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_exists(target: str) -> None:
    """Make knows it."""
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """To a file that is there, or to a heading of the same page."""
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"(?m)^#+ (.+)$", FENCED.sub("", PAGES[name]))
    }
    links = re.findall(r"\]\(([^)]+)\)", PAGES[name])
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in headings, link
        elif not link.startswith("https://"):
            assert ((ROOT / name).parent / link.partition("#")[0]).exists(), link


def test_queries_ask_for_functions_that_exist() -> None:
    """By the name under which each logs."""
    asked = set(re.findall(r'service = "(\w+)"', PAGES["docs/operations.md"]))
    asked |= {
        word
        for each in re.findall(r"service in \[(.*?)\]", PAGES["docs/operations.md"])
        for word in re.findall(r"\w+", each)
    }
    assert asked == {"dispatch", "scan", "relay", "sweep"}
    assert all((ROOT / "functions" / verb / "handler.py").is_file() for verb in asked)
