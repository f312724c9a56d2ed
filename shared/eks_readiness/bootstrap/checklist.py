"""The checklist as it is installed: the shipped one, and what other packages add to it.

A package adds items and checks by an entry point of the group `eks_readiness.checklist` that names a module:

    [project.entry-points."eks_readiness.checklist"]
    acme = "acme_readiness.checks"

The module holds `ITEMS`, a tuple of `Item`, and checks for those items, declared as the product's own are. A package
that cannot be used takes nothing with it: it is shown as an item of its own that is unknown, so that no level is
claimed that its checks might deny (docs/adr/0011-checks-of-others.md).
"""

from __future__ import annotations

import logging
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from itertools import chain, count

from eks_readiness.checklist import Checklist, ChecklistError
from eks_readiness.checklist.check import Check
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Unavailable
from eks_readiness.domain.item import Item, ItemId
from eks_readiness.domain.policy import Policy

GROUP = "eks_readiness.checklist"
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LOG = logging.getLogger(__name__)


@cache
def installed_checklist() -> Checklist:
    """The shipped checklist with what installed packages add, in the order of their entry points' names."""
    return with_additions(CHECKLIST, sorted(entry_points(group=GROUP), key=lambda each: each.name))


def with_additions(checklist: Checklist, points: list[EntryPoint]) -> Checklist:
    """A checklist with what entry points add; one that cannot be used becomes an item that is unknown."""
    for point in points:
        try:
            checklist = _extended(checklist, point)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of others must not take ours with it
            _LOG.exception("the checks of %s cannot be used", point.name)
            problem = bounded(f"the checks of {point.name} cannot be used: {type(error).__name__}: {error}")
            checklist = checklist.extended(*_unusable(point.name, problem, taken=checklist.subjects))
    return checklist


def _extended(checklist: Checklist, point: EntryPoint) -> Checklist:
    module = point.load()
    items = tuple(getattr(module, "ITEMS", ()))
    checks = [value for value in vars(module).values() if isinstance(value, Check)]
    for item in items:
        if not isinstance(item, Item):
            raise ChecklistError(f"ITEMS holds {type(item).__name__}, not Item")
        if not _ID.fullmatch(item.id):
            raise ChecklistError(f"item id {item.id!r}: write lower-case letters, digits and single hyphens")
    if not items:
        raise ChecklistError(f"{point.value} has no ITEMS")
    for each in checks:
        if not _ID.fullmatch(each.id.partition(".")[2]):
            raise ChecklistError(f"check id {each.id!r}: write <item>.<check>")
    return checklist.extended(items, checks)


def _unusable(name: str, problem: str, *, taken: frozenset[str]) -> tuple[tuple[Item], tuple[Check]]:
    plain = "-".join(["checks-of", *re.findall(r"[a-z0-9]+", name.lower())])
    candidates = chain([plain], (f"{plain}-{number}" for number in count(2)))
    identifier = ItemId(next(each for each in candidates if each not in taken))
    item = Item(
        id=identifier,
        category="practices",
        title=bounded(f"Checks of {name}", 80),
        purpose="added by an installed package",
        priority="high",
        seed_level=1,
    )
    answer = Unavailable(
        reason="crashed", detail=problem, remedy=f"mend or remove the package behind the entry point {name}"
    )

    def rule(_policy: Policy) -> Unavailable:
        return answer

    check = Check(
        f"{identifier}.usable",
        required=True,
        needs=(),
        doc=f"""The checks of {name} can be used.

        Why: without them nobody knows whether the cluster meets what they demand.
        Fix: {answer.remedy}.
        Source: https://packaging.python.org/en/latest/specifications/entry-points/
        """,
        rule=rule,
        module=__name__,
    )
    return (item,), (check,)
