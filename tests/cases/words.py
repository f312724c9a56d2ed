"""The words of every case's finding, as a person approved them: `<item>/words.json`, by case.

A finding is what people read at night; its words change on purpose or not at all. After a change:
`python -m tests.cases.words [item …]`, and read the diff.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection
from functools import cache

import msgspec

from eks_readiness.domain.finding import Finding
from tests.cases.case import BOOK, Case, case_book

FILE = "words.json"


@cache
def _approved(item: str) -> dict[str, Finding]:
    path = BOOK / item / FILE
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Finding]) if path.exists() else {}


def approved(case: Case) -> Finding | None:
    """The approved finding of a case; None for one that nobody has read yet."""
    return _approved(case.path.parent.name).get(case.path.stem)


def main(items: Collection[str] = ()) -> None:
    """Write the words of every case anew, or of those about some items.

    Raises:
        ValueError: the book has no such item.
    """
    book = case_book()
    if unknown := set(items) - {case.path.parent.name for case in book}:
        raise ValueError(f"no case is about {', '.join(sorted(unknown))}")
    found: dict[str, dict[str, Finding]] = defaultdict(dict)
    for case in book:
        if items and case.path.parent.name not in items:
            continue
        _, card = case.run()
        found[case.path.parent.name][case.path.stem] = case.finding(card)
    for item, words in found.items():
        text = msgspec.json.format(msgspec.json.encode(words), indent=1)
        (BOOK / item / FILE).write_bytes(text + b"\n")
    sys.stdout.write(f"the words of {sum(map(len, found.values()))} cases are written\n")


if __name__ == "__main__":
    main(sys.argv[1:])
