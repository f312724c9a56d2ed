"""Thresholds as a user gives them in a JSON file: every mistake is named with the file and its line."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Container, Iterator
from json.decoder import JSONDecodeError
from pathlib import Path
from typing import Any

import msgspec

from eks_readiness.cli.app import read_text
from eks_readiness.domain.errors import FileProblems, InputError, bounded
from eks_readiness.domain.policy import THRESHOLDS, Policy

_SPACE = re.compile(r"\s*")
_AT = re.compile(r" - at `[^`]*`\Z")
_REMEDY = "the thresholds, their units and their defaults are in docs/checks.md"


def read_thresholds(path: Path | None, *, items: Container[str]) -> dict[str, object]:
    """Read a file of thresholds; `items` are those whose level may be set. No file holds none.

    Raises:
        InputError: it cannot be read, is not a JSON object, or something in it is wrong: all of it is named.
    """
    if path is None:
        return {}
    text = read_text(path)
    try:
        json.loads(text)
        entries = list(_entries(text))
    except JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}", remedy="correct the JSON there") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply", remedy="no threshold needs that") from error
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{path}: {error}", remedy="no threshold needs that") from error
    problems: list[str] = []
    seen: dict[str, int] = {}
    for name, value, line in entries:
        said = f"given twice, first on line {seen[name]}" if name in seen else _problem(name, value, items)
        seen.setdefault(name, line)
        if said:
            problems.append(f"line {line}: {bounded(name, 60)}: {said}")
    if problems:
        raise FileProblems(str(path), problems, remedy=_REMEDY)
    return {name: value for name, value, _ in entries}


def _problem(name: str, value: object, items: Container[str]) -> str:
    if name not in THRESHOLDS:
        close = difflib.get_close_matches(name, sorted(THRESHOLDS), n=1)
        return f"unknown threshold{f'; did you mean {close[0]}?' if close else ''}"
    try:
        policy = msgspec.convert({name: value}, Policy)
    except msgspec.ValidationError as error:
        return _AT.sub("", str(error))
    lost = [item for item in policy.item_levels if item not in items]
    return f"no item {bounded(lost[0], 60)!r}; see: eks-readiness checks" if lost else ""


def _entries(text: str) -> Iterator[tuple[str, Any, int]]:
    """The entries of a JSON object, with the line on which each begins; twice where a name is given twice."""
    decoder = json.JSONDecoder()
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        raise JSONDecodeError('not an object: write {"<threshold>": <value>}', text, at)
    at = _after_space(text, at + 1)
    while text[at] != "}":
        if text[at] == ",":
            at = _after_space(text, at + 1)
        line = text.count("\n", 0, at) + 1
        name, at = decoder.raw_decode(text, at)
        at = _after_space(text, _after_space(text, at) + 1)
        value, at = decoder.raw_decode(text, at)
        at = _after_space(text, at)
        yield name, value, line


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
