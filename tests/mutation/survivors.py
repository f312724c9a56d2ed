"""Which mutants may survive, and why: `survivors.yaml`, by function and by the lines that the mutant changes.

mutmut numbers the mutants of a function, and every change of the function moves the numbers; the changed lines stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

FILE = Path(__file__).parent / "survivors.yaml"
Key = tuple[str, str]
"""A function (`checklist.shapes.every_address`), and what a mutant changes in it."""


class _Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a function's mutants with these changes are as good as the function itself."""

    function: str
    reason: str
    changes: tuple[str, ...]


def explained(text: bytes | None = None) -> dict[Key, str]:
    """The reason of each explained change.

    Raises:
        ValueError: two explanations are about the same change.
    """
    entries = msgspec.yaml.decode(FILE.read_bytes() if text is None else text, type=tuple[_Explanation, ...])
    pairs = [((each.function, changed_lines(change)), each.reason) for each in entries for change in each.changes]
    if len(reasons := dict(pairs)) < len(pairs):
        twice = sorted({key[0] for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number])})
        raise ValueError(f"explained twice: a change of {', '.join(twice)}")
    return reasons


def changed_lines(diff: str) -> str:
    """The lines that a diff takes away and adds, without its head, its context and their indentation."""
    lines = (line for line in diff.splitlines() if line.startswith(("-", "+")) and not line.startswith(("---", "+++")))
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def unexplained(survivors: Iterable[Key], reasons: Mapping[Key, str]) -> list[Key]:
    """Survivors that nobody has explained."""
    return [key for key in survivors if key not in reasons]


def outlived(survivors: Iterable[Key], reasons: Mapping[Key, str]) -> list[Key]:
    """Explanations of what does not survive, or is not there, any more."""
    return sorted(reasons.keys() - set(survivors))
