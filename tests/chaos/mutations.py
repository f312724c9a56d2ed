"""Malformed inputs, made from valid ones: one or a few places of a document are damaged, or its text is.

Everything is drawn from one `random.Random`, so a number gives the same input again.
"""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
Tree = Any
"""What JSON can hold, and the instants and bytes that an SDK puts into it."""


class Mutant(NamedTuple):
    """A damaged value, how it was damaged, and whether each damage was to put a value of another type in a place.

    Text in place of a number, and the other way round, is none: Kubernetes has fields that take both.
    """

    value: Tree
    how: str
    retyped: bool


class MutantText(NamedTuple):
    """A damaged document, how it was damaged, and whether it has other types, or is no JSON at all."""

    content: bytes
    how: str
    retyped: bool


LONE_SURROGATE = "\ud800"
STRANGE_TEXT = (
    "",
    " ",
    "\x00",
    "prod\x00",
    "a\x1b[31mred",
    "\u202eexe.drowssap",
    "\u2066x\u2069",
    "\ufeff",
    "\ufffe",
    LONE_SURROGATE,
    f"name{LONE_SURROGATE}\udfff",
    "é" * 300,
    "e\u0301" * 100,
    "x" * 20_000,
    "💥" * 500,
    "../../../etc/passwd",
    "${now-2h}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "'; drop table ledger; --",
    "%s%n%x",
    "null",
    "true",
    "NaN",
    "-1",
    "1e999",
    "0x10",
    "9" * 400,
    "SOMETHING_NEW",
    "*",
    "**",
    "[",
    "(((((((((((a+)+)+)+)+)+)+)+)+)+)+",
)
STRANGE_INSTANTS = (
    "2026-03-10T12:00:00",
    "2026-03-10",
    "2026-03-10T12:00:00.5Z",
    "2026-03-10T12:00:00+99:99",
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "2026-02-30T00:00:00Z",
    "2026-03-10T12:00:60Z",
    "2026-W11-2",
    "1773144000",
    "tomorrow",
    "\uff12\uff10\uff12\uff16-03-10T12:00:00Z",
)
STRANGE_ARNS = (
    "arn:aws:eks:eu-west-1:111122223333:cluster/",
    "arn:aws:eks:eu-west-1:11112222333:cluster/prod",
    "arn:aws:eks:eu-west-1:\uff11\uff11\uff11\uff11\uff12\uff12\uff12\uff12\uff13\uff13\uff13\uff13:cluster/prod",
    "arn:aws-cn:eks:eu-west-1:111122223333:cluster/prod",
    "arn:aws:eks:cn-north-1:111122223333:cluster/prod",
    "arn:aws:iam::111122223333:role/prod",
    "arn:aws:eks:eu-west-1:111122223333:cluster/prod\n",
    "arn:aws:eks:eu-west-1:111122223333:cluster/prod/../x",
    "arn:aws:eks:eu-west-1:999999999999:cluster/other",
    "arn:::::",
    "arn",
    "arn:aws:eks:eu-west-1:111122223333:cluster/" + "n" * 101,
)
STRANGE_NUMBERS: tuple[float, ...] = (
    *(0, -1, 1, 2**31, 2**53 + 1, -(2**63), 2**63, 2**64, 10**30, -(10**30)),
    *(0.5, -0.0, 1e308, -1e308, 5e-324, 1e-9),
)
NO_NUMBERS = (math.nan, math.inf, -math.inf)
_DEEP = 200
MAX_TRIES = 20


def paths(value: Tree, at: Path = ()) -> Iterator[Path]:
    """Every place in a value, its root first."""
    yield at
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from paths(each, (*at, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from paths(each, (*at, index))


def at_path(value: Tree, path: Path) -> Tree:
    """What is at a place."""
    for part in path:
        value = value[part]
    return value


def random_json(rng: random.Random, depth: int = 3) -> Tree:
    """Any JSON value."""
    kind = rng.randrange(8 if depth else 6)
    match kind:
        case 0:
            return None
        case 1:
            return rng.random() < 0.5
        case 2:
            return rng.choice(STRANGE_NUMBERS)
        case 3:
            return rng.choice(STRANGE_TEXT)
        case 4:
            return rng.choice((*STRANGE_INSTANTS, *STRANGE_ARNS))
        case 5:
            return "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3000)))) for _ in range(8))
        case 6:
            return [random_json(rng, depth - 1) for _ in range(rng.randrange(4))]
        case _:
            return {rng.choice(STRANGE_TEXT)[:20]: random_json(rng, depth - 1) for _ in range(rng.randrange(4))}


def deep(depth: int, *, mapping: bool = False) -> Tree:
    """A value nested so deeply that a reader may fall over."""
    value: Tree = "bottom"
    for _ in range(depth):
        value = {"a": value} if mapping else [value]
    return value


def kind_of(value: Tree) -> str:
    """The type of a value as JSON has it."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "list"
    return "null" if value is None else type(value).__name__


def _of_another_type(rng: random.Random, value: Tree) -> Tree:
    candidates: tuple[Tree, ...] = (
        *("", "text", "true", rng.choice(STRANGE_TEXT), 0, 1, 3.7, True, False),
        *([], ["a"], [[]], [{}], [None], {}, {"a": 1}, {"": None}, deep(20), deep(20, mapping=True)),
    )
    fitting = [each for each in candidates if kind_of(each) != kind_of(value)]
    return copy.deepcopy(rng.choice(fitting))


def _another_value(rng: random.Random, value: Tree) -> Tree:  # noqa: C901 - one for each type
    match value:
        case bool():
            return not value
        case int():
            return rng.choice([each for each in STRANGE_NUMBERS if isinstance(each, int)])
        case float():
            return rng.choice(STRANGE_NUMBERS)
        case bytes():
            return rng.choice((b"", b"\x00\xff", b"x" * 5000))
        case str():
            if value.startswith("arn:") and rng.random() < 0.5:
                return rng.choice(STRANGE_ARNS)
            if value[:2] == "20" and rng.random() < 0.7:
                return rng.choice(STRANGE_INSTANTS)
            return rng.choice((*STRANGE_TEXT, value.upper(), value + " ", value[: len(value) // 2], value * 2))
        case list():
            if value and rng.random() < 0.5:
                return [*value, *value]
            return [] if rng.random() < 0.5 else [*value, None]
        case Mapping():
            return {} if rng.random() < 0.5 else {**value, rng.choice(STRANGE_TEXT): "unknown"}
        case _:
            return random_json(rng)


def _another_instant(value: datetime, rng: random.Random) -> datetime:
    try:
        return value + rng.choice((timedelta(days=-700_000), timedelta(days=2_000_000), timedelta(days=900)))
    except OverflowError:
        return datetime(1, 1, 1, tzinfo=value.tzinfo)


def mutate(rng: random.Random, valid: Tree) -> Mutant:
    """Damage one to three places of a value."""
    if rng.random() < 0.03:
        made = random_json(rng)
        return Mutant(made, "anything", retyped=kind_of(made) not in (kind_of(valid), "null"))
    value, how, retyped = copy.deepcopy(valid), [], True
    damaged: list[Path] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = rng.choice(list(paths(value)))
        # A second damage in one place may give it back its first type.
        retyped &= not any(path[: len(each)] == each or each[: len(path)] == path for each in damaged)
        damaged.append(path)
        value, said, other = _damage(rng, value, path)
        how.append(said)
        retyped &= other
    return Mutant(value, "; ".join(how), retyped)


def _damage(rng: random.Random, value: Tree, path: Path) -> tuple[Tree, str, bool]:
    here = at_path(value, path)
    where = "/".join(map(str, path)) or "the whole"
    match rng.randrange(6):
        case 0 if path:
            return _without(value, path), f"{where} dropped", False
        case 1 if path:
            return _put(value, path, None), f"{where} null", False
        case 2 if path and isinstance(path[-1], str):
            renamed = _without(value, path)
            parent = at_path(renamed, path[:-1])
            parent[rng.choice((path[-1] + "s", path[-1].swapcase(), rng.choice(STRANGE_TEXT)))] = here
            return renamed, f"{where} renamed", False
        case 3 | 4:
            other = _of_another_type(rng, here)
            retyped = here is not None and {kind_of(here), kind_of(other)} != {"str", "number"}
            return _put(value, path, other), f"{where} made {kind_of(other)}", retyped
        case _:
            other = _another_instant(here, rng) if isinstance(here, datetime) else _another_value(rng, here)
            return _put(value, path, other), f"{where} is {str(other)[:40]!r}", False


def _put(value: Tree, path: Path, new: Tree) -> Tree:
    if not path:
        return new
    at_path(value, path[:-1])[path[-1]] = new
    return value


def _without(value: Tree, path: Path) -> Tree:
    del at_path(value, path[:-1])[path[-1]]
    return value


def written(value: Tree) -> bytes:
    """A value as JSON, as an encoder writes it that minds nothing: lone surrogates become escapes."""
    return json.dumps(value, default=str, separators=(",", ":")).encode("utf-8", "surrogatepass")


def mutate_text(rng: random.Random, valid: Tree) -> MutantText:
    """Damage a JSON document: mostly its values, sometimes its text."""
    if rng.random() < 0.7:
        made = mutate(rng, valid)
        try:
            return MutantText(written(made.value), made.how, made.retyped)
        except (ValueError, RecursionError):
            return MutantText(b"[" * 5000, "nested", retyped=True)
    content = written(valid)
    name, damage = rng.choice(TEXT_DAMAGES)
    damaged = damage(rng, content)
    # Of several bytes, one may break what is not looked at, and another say something else.
    return MutantText(damaged, name, retyped=name != _SEVERAL and not is_json(damaged))


def is_json(content: bytes) -> bool:
    """Whether a reader takes it for JSON that minds all but control characters in text."""
    try:
        json.loads(content.decode(), parse_constant=_refuse, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)


def _truncated(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _inserted(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    extra = rng.choice(
        (
            b"\x00",
            b"\xff",
            b"\xed\xa0\x80",
            b"\xc0\xaf",
            b"\xef\xbb\xbf",
            b"\xe2\x80\xae",
            b'"',
            b"{",
            b"]",
            b",",
            b"\\u12",
        )
    )
    return content[:at] + extra + content[at:]


def _flipped(rng: random.Random, content: bytes, times: int = 1) -> bytes:
    damaged = bytearray(content)
    for _ in range(times):
        if damaged:
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def _shuffled(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    end = rng.randrange(start, len(content) + 1)
    return content[:start] + content[end:]


def _no_number(rng: random.Random, content: bytes) -> bytes:
    wrong = rng.choice((b"NaN", b"Infinity", b"-Infinity", b"1e400", b"01", b"+1", b".5", b"9" * 5000))
    at = content.find(b":", rng.randrange(len(content) + 1))
    if at < 0:
        return wrong
    end = min((each for each in (content.find(b",", at), content.find(b"}", at)) if each > 0), default=len(content))
    return content[: at + 1] + wrong + content[end:]


def _twice(rng: random.Random, content: bytes) -> bytes:
    """Give the first key of the document twice, the second time with another value."""
    first = content.find(b'"')
    end = content.find(b'"', first + 1)
    if not content.startswith(b"{") or first < 0 or end < 0:
        return content + content
    return b"{" + content[first : end + 1] + b":" + rng.choice((b"null", b"[]", b"1", b'"other"')) + b"," + content[1:]


def _nested(rng: random.Random, content: bytes) -> bytes:
    depth = rng.choice((300, 2_000, 100_000))
    shape = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return shape[0] * depth + (b"1" if rng.random() < 0.5 else content) + shape[1] * depth


_SEVERAL = "bytes changed"
TEXT_DAMAGES: tuple[tuple[str, Callable[[random.Random, bytes], bytes]], ...] = (
    ("cut off", _truncated),
    ("a byte put in", _inserted),
    ("a byte changed", _flipped),
    (_SEVERAL, lambda rng, content: _flipped(rng, content, rng.randrange(2, 6))),
    ("a part left out", _shuffled),
    ("no JSON number", _no_number),
    ("a key twice", _twice),
    ("nested deeply", _nested),
    ("UTF-16", lambda _rng, content: content.decode("utf-8", "replace").encode("utf-16")),
    ("Latin-1", lambda _rng, content: content.decode("utf-8", "replace").encode("latin-1", "replace") + b"\xe9"),
    ("with a BOM", lambda _rng, content: b"\xef\xbb\xbf" + content),
    ("empty", lambda _rng, _content: b""),
    ("noise", lambda rng, _content: rng.randbytes(rng.randrange(200))),
    ("something after it", lambda _rng, content: content + b"{}"),
    ("a page of HTML", lambda _rng, _content: b"<html><body>502 Bad Gateway</body></html>"),
    ("in a string", lambda _rng, content: json.dumps(content.decode("utf-8", "replace")).encode()),
)
