"""Reads a checklist document: Markdown tables with a tick for each item."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from eks_readiness.checklist.items import ITEMS
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation
from eks_readiness.domain.errors import InputError, bounded
from eks_readiness.domain.item import ItemId

MAX_CHARACTERS = 1_000_000
_STATUS = "status"
_TICKED = re.compile(r"^(?:✅|☑|✔|✓|🟢|\[[xX]\])")
_OPEN = re.compile(r"^(?:⬜|☐|❌|✗|✘|🔲|◻|\[ ?\])")
_INVISIBLE = re.compile("[\ufe0e\ufe0f\u200b\u200d]")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row that names an item: the line on which it stands, and whether it is ticked."""

    line: int
    item: ItemId
    ticked: bool


class ChecklistError(InputError):
    """The document cannot be read; `problems` names every line."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"{file}: {len(problems)} problems: {'; '.join(problems[:10])}",
            remedy="nothing was imported; correct these lines",
        )
        self.problems = tuple(problems)


class _Cells(NamedTuple):
    line: int
    texts: tuple[str, ...]


def read_checklist(text: str, *, file: str) -> tuple[Row, ...]:
    """Read every row of every table that has a column called `status`, in the document's order.

    Raises:
        ChecklistError: there is no such table, a row names no item or one that another row names, or its status is no
            tick. Every problem is named with its line; nothing is returned by halves.
    """
    if len(text) > MAX_CHARACTERS:
        raise ChecklistError(file, [f"{len(text)} characters are more than {MAX_CHARACTERS}"])
    rows: list[Row] = []
    problems: list[str] = []
    tables = list(_tables(text))
    for head, body in tables:
        names = [_plain(cell).casefold() for cell in head.texts]
        status = names.index(_STATUS)
        for cells in body:
            read = _row(cells, status)
            if isinstance(read, str):
                problems.append(f"line {cells.line}: {read}")
            elif (earlier := next((each for each in rows if each.item == read.item), None)) is not None:
                problems.append(f"line {cells.line}: {read.item} stands on line {earlier.line} already")
            else:
                rows.append(read)
    if not tables:
        problems.append("line 1: there is no table with a column called status")
    if problems:
        raise ChecklistError(file, problems)
    return tuple(rows)


def attestations_of(  # noqa: PLR0913 - one for each part of a statement
    rows: Sequence[Row],
    *,
    file: str,
    owner: str,
    issued_at: datetime,
    expires_at: datetime,
    cluster: str = EVERY_CLUSTER,
) -> tuple[Attestation, ...]:
    """What the ticks say, as statements of their owner."""
    return tuple(
        Attestation(
            subject=row.item,
            cluster=cluster,
            holds=row.ticked,
            owner=owner,
            note=f"imported from {bounded(file, 200)}, line {row.line}",
            issued_at=issued_at,
            expires_at=expires_at,
        )
        for row in rows
    )


def _tables(text: str) -> Iterator[tuple[_Cells, list[_Cells]]]:
    """Every table with a status column: its head, and its rows."""
    rows: list[_Cells] = []
    for token, cells in _walk(MarkdownIt("commonmark").enable("table").parse(text)):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_close":
            rows.append(cells)
        elif token.type == "table_close" and rows and _STATUS in (_plain(each).casefold() for each in rows[0].texts):
            yield rows[0], rows[1:]


def _walk(tokens: Sequence[Token]) -> Iterator[tuple[Token, _Cells]]:
    line, texts = 0, list[str]()
    for token in tokens:
        if token.type == "tr_open":
            line, texts = (token.map[0] + 1 if token.map else 0), []
        elif token.type == "inline" and token.level:
            texts.append(token.content)
        yield token, _Cells(line, tuple(texts))


def _row(cells: _Cells, status: int) -> Row | str:
    name = _plain(cells.texts[0])
    item = _BY_NAME.get(_key(name))
    if item is None:
        return f"no item is called {bounded(name, 60)!r}"
    said = _INVISIBLE.sub("", cells.texts[status]).strip(" `*_") if status < len(cells.texts) else ""
    if _TICKED.match(said):
        return Row(line=cells.line, item=item, ticked=True)
    if _OPEN.match(said):
        return Row(line=cells.line, item=item, ticked=False)
    return f"{bounded(said, 30)!r} of {item} is no tick: write ✅ or ⬜, [x] or [ ]"


def _plain(cell: str) -> str:
    return re.sub(r"[*_`]", "", cell).strip()


def _key(name: str) -> str:
    """A name without case, accents, punctuation and the ways to write `and`."""
    text = unicodedata.normalize("NFKC", name).casefold().replace("&amp;", " ").replace("&", " ")
    return " ".join(word for word in re.findall(r"[^\W_]+", text) if word != "and")


_BY_NAME: dict[str, ItemId] = {
    **{_key(item.title): item.id for item in ITEMS},
    **{_key(item.id): item.id for item in ITEMS},
}
