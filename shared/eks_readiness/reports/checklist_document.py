"""Reads a checklist document: Markdown tables with a tick for each item."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import NamedTuple

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from eks_readiness.checklist.items import BY_ID, ITEMS
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation
from eks_readiness.domain.errors import FileProblems, bounded
from eks_readiness.domain.item import ItemId

MAX_CHARACTERS = 1_000_000
MAX_ROWS = 1000
_STATUS = "status"
_TICKED = re.compile(r"\[?(?:✅|☑|✔|✓|🟢)|\[[xX]\]|:(?:white_check_mark|heavy_check_mark|ballot_box_with_check):")
_OPEN = re.compile(r"\[?(?:⬜|☐|❌|✗|✘|🔲|◻)|\[\s?\]|:(?:white_large_square|black_square_button|x):")
_INVISIBLE = re.compile("[\ufe0e\ufe0f\u200b\u200d]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_VERBATIM = frozenset({"fence", "code_block", "html_block"})


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row that names an item: the line on which it stands, and whether it is ticked."""

    line: int
    item: ItemId
    ticked: bool


class ChecklistError(FileProblems):
    """The document cannot be read; nothing of it was."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        super().__init__(file, problems, remedy="nothing was imported; correct what is named")


class _Cells(NamedTuple):
    line: int
    texts: tuple[str, ...]


class _Table(NamedTuple):
    head: _Cells
    body: tuple[_Cells, ...]


class _Problem(NamedTuple):
    line: int
    text: str


def read_checklist(text: str, *, file: str) -> tuple[Row, ...]:
    """Read every row of every table that has a column called `status`, in the document's order.

    Raises:
        ChecklistError: there is no such table, a row names no item or one that another row names, its status is no
            tick, or a row stands where it would not be read: outside a table, or in one without a status column.
            Every problem is named with its line; nothing is returned by halves.
    """
    if len(text) > MAX_CHARACTERS:
        raise ChecklistError(file, [f"{len(text)} characters are more than {MAX_CHARACTERS}"])
    tokens = _blocks(text)
    tables = list(_tables(tokens))
    with_status = [table for table in tables if _status_column(table) is not None]
    if sum(len(table.body) for table in with_status) > MAX_ROWS:
        raise ChecklistError(file, [f"more than {MAX_ROWS} rows"])
    rows: dict[ItemId, Row] = {}
    problems = [*_stray_rows(text, tokens), *_ticks_without_status(tables)]
    for table in with_status:
        for read in _rows(table):
            if isinstance(read, _Problem):
                problems.append(read)
            elif (earlier := rows.get(read.item)) is not None:
                problems.append(_Problem(read.line, f"{read.item} stands on line {earlier.line} already"))
            else:
                rows[read.item] = read
    if not any(table.body for table in with_status):
        problems.append(_Problem(1, "there is no table with a column called status, and rows"))
    if problems:
        raise ChecklistError(file, [f"line {line}: {said}" for line, said in sorted(problems)])
    return tuple(rows.values())


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


def _blocks(text: str) -> Sequence[Token]:
    parser = MarkdownIt("commonmark").enable("table")
    # Only tables matter, and looking for links and emphasis inside a line takes long where somebody wants it to.
    parser.core.ruler.disable("inline")
    return parser.parse(text)


def _tables(tokens: Sequence[Token]) -> Iterator[_Table]:
    rows: list[_Cells] = []
    for token, cells in _walk(tokens):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_close":
            rows.append(cells)
        elif token.type == "table_close" and rows:
            yield _Table(rows[0], tuple(rows[1:]))


def _walk(tokens: Sequence[Token]) -> Iterator[tuple[Token, _Cells]]:
    line, texts = 0, list[str]()
    for token in tokens:
        if token.type == "tr_open":
            line, texts = (token.map[0] + 1 if token.map else 0), []
        elif token.type == "inline" and token.level:
            texts.append(token.content)
        yield token, _Cells(line, tuple(texts))


def _stray_rows(text: str, tokens: Sequence[Token]) -> Iterator[_Problem]:
    """Rows that Markdown does not take for one: an empty line or a wrong line of dashes cut them off their table."""
    read = {
        line
        for token in tokens
        if token.map and (token.type == "table_open" or token.type in _VERBATIM)
        for line in range(*token.map)
    }
    for number, line in enumerate(_LINE_END.split(text)):
        if number in read or "|" not in line:
            continue
        bare = line.strip(" \t>")
        cells = bare.strip("|").split("|")
        # Two of three make a row; prose with a bar in it has at most one.
        if bare.startswith("|") + (_item(cells[0]) is not None) + any(map(_is_tick, cells)) > 1:
            yield _Problem(number + 1, "this row belongs to no table: see the lines above it")


def _ticks_without_status(tables: Iterable[_Table]) -> Iterator[_Problem]:
    for table in tables:
        ticked = any(_is_tick(cell) for cells in table.body for cell in cells.texts)
        if ticked and _status_column(table) is None:
            yield _Problem(table.head.line, "this table has ticks, and no column called status")


def _status_column(table: _Table) -> int | None:
    names = [_plain(cell).casefold() for cell in table.head.texts]
    return names.index(_STATUS) if _STATUS in names else None


def _name_column(table: _Table) -> int:
    """The first column in which an item is named; the first of all where none is."""
    columns = range(len(table.head.texts))
    return next((each for each in columns if any(_item(cells.texts[each]) for cells in table.body)), 0)


def _rows(table: _Table) -> Iterator[Row | _Problem]:
    status, name = _status_column(table) or 0, _name_column(table)
    for cells in table.body:
        yield _row(cells.line, cells.texts[name], cells.texts[status])


def _row(line: int, name: str, status: str) -> Row | _Problem:
    item = _item(name)
    if item is None:
        return _Problem(line, f"no item is called {bounded(_plain(name), 60)!r}{_meant(name)}")
    if _is_tick(status):
        return Row(line=line, item=item, ticked=_TICKED.match(_said(status)) is not None)
    return _Problem(line, f"{bounded(status, 30)!r} of {item} is no tick: write ✅ or ⬜, [x] or [ ]")


def _is_tick(cell: str) -> bool:
    said = _said(cell)
    return bool(_TICKED.match(said) or _OPEN.match(said))


def _said(cell: str) -> str:
    return _INVISIBLE.sub("", cell).strip(" `*_")


def _item(cell: str) -> ItemId | None:
    return _BY_NAME.get(_key(_plain(cell)))


def _meant(name: str) -> str:
    # Long names are no slips of the pen, and comparing them takes time.
    found = get_close_matches(_key(_plain(name))[:60], _BY_NAME, n=1, cutoff=0.75)
    return f"; did you mean {BY_ID[_BY_NAME[found[0]]].title}?" if found else ""


def _plain(cell: str) -> str:
    return re.sub(r"[*_`]", "", _LINK.sub(r"\1", cell)).strip()


def _key(name: str) -> str:
    """A name without case, accents, punctuation and the ways to write `and`."""
    text = unicodedata.normalize("NFKC", name).casefold().replace("&amp;", " ").replace("&", " ")
    return " ".join(word for word in re.findall(r"[^\W_]+", text) if word != "and")


_BY_NAME: dict[str, ItemId] = {
    **{_key(item.title): item.id for item in ITEMS},
    **{_key(item.id): item.id for item in ITEMS},
}
