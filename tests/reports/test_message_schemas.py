"""The published schemas are those of the messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_readiness import names
from eks_readiness.cli.main import run
from eks_readiness.reports.message_schemas import MESSAGES

DIRECTORY = Path(__file__).parents[2] / "docs" / "schemas"


def published(name: str) -> Any:
    """A schema as it is in the documentation."""
    return json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))


def test_there_is_one_file_for_each_message() -> None:
    """And none of a message that is gone."""
    assert {path.stem for path in DIRECTORY.iterdir()} == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_published_schema_is_what_the_command_prints(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Make it anew with: eks-readiness schema NAME > docs/schemas/NAME.json."""
    assert run(["schema", name]) == 0
    assert capsys.readouterr().out == (DIRECTORY / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("level-change", names.MESSAGE_SCHEMA),
        ("expiry", names.EXPIRY_SCHEMA),
        ("fleet-digest", names.DIGEST_SCHEMA),
    ],
)
def test_a_message_names_its_schema(name: str, schema: str) -> None:
    """By a constant that a program can look at first; fields may be added, none goes away."""
    found = published(name)
    top = found["$defs"][found["$ref"].rpartition("/")[2]]
    assert top["properties"]["schema"] == {"enum": [schema]}
    assert found["$id"] == f"urn:eks-readiness:message:{name}:{schema.rpartition('/')[2]}"
    assert set(top["required"]) == set(top["properties"])
    assert "additionalProperties" not in json.dumps(found).replace('"additionalProperties": {', "")


def test_a_message_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """Is a mistake that names those that do."""
    assert run(["schema", "level"]) == 2
    assert "there are level-change, expiry, fleet-digest" in capsys.readouterr().err
