"""What all commands share: the app, output, files, exit codes."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.console import Console, RenderableType

from eks_readiness.domain.errors import InputError, bounded
from eks_readiness.domain.scorecard import LevelInterval

T = TypeVar("T")

app = typer.Typer(
    help="Is an EKS cluster ready for production? Scans it against a checklist of 47 items and gives a level, 0 to 3.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
MAX_INPUT_BYTES = 64 * 1024 * 1024


class ExitCode(IntEnum):
    """What a command's end means."""

    OK = 0
    BELOW_LEVEL = 1
    USAGE = 2
    UNKNOWN = 3
    INTERNAL = 4


class Output(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"


DEPLOYMENT = "eks-readiness"
DeploymentOption = Annotated[
    str, typer.Option("--deployment", envvar="EKS_READINESS_DEPLOYMENT", help="Name of the deployment.")
]
RegionOption = Annotated[str | None, typer.Option("--region", help="AWS region.")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="Profile of your AWS configuration.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to write the result.")]
RequireLevelOption = Annotated[
    int | None,
    typer.Option(
        "--require-level", min=1, max=3, help="Exit with 1 below this level, with 3 when unknowns keep it open."
    ),
]


def show(renderable: RenderableType) -> None:
    """Write to standard output; off a terminal, lines are as long as they must be."""
    console = Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False, emoji=False)
    console.print(renderable)


def show_json(value: Any) -> None:
    """Write one JSON document to standard output, and nothing else."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2).decode() + "\n")


def note(text: str) -> None:
    """Say something beside the result."""
    print(text, file=sys.stderr)


def read_bytes(path: Path) -> bytes:
    """Read a file that the user named; `-` is standard input.

    Raises:
        InputError: it cannot be read, or is larger than any input of ours.
    """
    try:
        content = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1) if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", remedy="name a file that can be read") from error
    if len(content) > MAX_INPUT_BYTES:
        raise InputError(f"{path}: larger than {MAX_INPUT_BYTES // 1024**2} MiB", remedy="is this the right file?")
    return content


def read_text(path: Path) -> str:
    """Read a text file that the user named.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})", remedy="save it as UTF-8") from error


def read_json(path: Path, kind: type[T]) -> T:
    """Read a JSON file into a type.

    Raises:
        InputError: it cannot be read, or has another shape; the message says where.
    """
    try:
        return msgspec.json.decode(read_bytes(path), type=kind)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})", remedy="save it as UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"{path}: {error}", remedy="correct the JSON there") from error


def parse_instant(text: str, *, option: str, now: datetime) -> datetime:
    """Read a date (2027-01-31), an instant (2027-01-31T12:00:00Z) or a distance from now (90d, 12h).

    Raises:
        InputError: it is none of them.
    """
    try:
        if distance := re.fullmatch(r"([0-9]+)([dh])", text):
            hours = int(distance[1]) * (24 if distance[2] == "d" else 1)
            return now + timedelta(hours=hours)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        remedy = "write 2027-01-31, 2027-01-31T12:00:00Z, or 90d from now"
        raise InputError(f"{option}: {bounded(text, 60)!r} is no date", remedy=remedy) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def level_exit_code(interval: LevelInterval, level: int) -> ExitCode:
    """The exit code that a required level asks for."""
    if interval.lowest >= level:
        return ExitCode.OK
    return ExitCode.BELOW_LEVEL if interval.highest < level else ExitCode.UNKNOWN


def require_level(interval: LevelInterval, level: int | None) -> None:
    """End the command unless the level that it requires, if any, is proven."""
    if level is not None and (code := level_exit_code(interval, level)):
        raise typer.Exit(code)


def closest(word: str, known: Sequence[str]) -> str:
    """A hint at the name that was probably meant."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    found = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {found[0]}?" if found else "see: eks-readiness checks"
