"""Statements as a user gives them: in files, and as options. Every mistake is named before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.cli.app import closest, read_json
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import FileProblems, InputError, bounded

StatementT = TypeVar("StatementT", Attestation, Waiver)


def read_attestations(paths: Sequence[Path] | None) -> list[Attestation]:
    """Read files of attestations, as `import` makes them.

    Raises:
        InputError: a file cannot be read, or entries of it are wrong; each is named by its number.
    """
    return [each for path in paths or () for each in _read(path, Attestation)]


def read_waivers(paths: Sequence[Path] | None) -> list[Waiver]:
    """Read files of waivers.

    Raises:
        InputError: as for attestations.
    """
    return [each for path in paths or () for each in _read(path, Waiver)]


def require_known(subjects: Sequence[str]) -> None:
    """Make sure that each is an item or a check.

    Raises:
        InputError: one is not; the message says which was probably meant.
    """
    known = installed_checklist().subjects
    for each in subjects:
        if each not in known:
            raise InputError(f"no item or check is called {bounded(each, 100)!r}", remedy=closest(each, sorted(known)))


def parse_words(text: str, *, option: str, most: int = 200) -> str:
    """Read an option that must say something, in at most so many characters.

    Raises:
        InputError: it is empty, too long, or holds control characters.
    """
    words = text.strip()
    if not words or len(words) > most or not words.isprintable():
        raise InputError(f"{option}: {bounded(text, 60)!r} cannot be used", remedy=f"write 1 to {most} characters")
    return words


def parse_scope(text: str) -> str:
    """Read the ARN of a cluster, or * for every cluster.

    Raises:
        InputError: it is neither.
    """
    return text if text == EVERY_CLUSTER else ClusterRef.parse(text).arn


def _read(path: Path, kind: type[StatementT]) -> list[StatementT]:
    statements: list[StatementT] = []
    problems: list[str] = []
    for number, entry in enumerate(read_json(path, list[Any]), start=1):
        try:
            statement = msgspec.convert(entry, kind)
            _require_sound(statement)
        except (msgspec.ValidationError, InputError) as error:
            problems.append(f"entry {number}: {error}")
        else:
            statements.append(statement)
    if problems:
        raise FileProblems(str(path), problems, remedy="nothing was read; correct what is named")
    return statements


def _require_sound(statement: Attestation | Waiver) -> None:
    require_known([statement.check if isinstance(statement, Waiver) else statement.subject])
    parse_scope(statement.cluster)
    if statement.expires_at <= statement.issued_at:
        raise InputError(f"it expires on {statement.expires_at:%Y-%m-%d}, before it is made")
