"""The 47-item checklist: its items, its checks, and the engine that judges evidence by them. Pure."""

from __future__ import annotations

from types import ModuleType

from eks_readiness.checklist.check import Check
from eks_readiness.checklist.items import BY_ID, ITEMS
from eks_readiness.domain.item import ItemId


class ChecklistError(Exception):
    """The declarations contradict each other: a defect of the program, found when it starts."""


def collect(*modules: ModuleType, attested_items: frozenset[ItemId] = frozenset()) -> tuple[Check, ...]:
    """Gather the checks that the modules define, in checklist order, and make sure that they fit the items.

    Raises:
        ChecklistError: an id twice, an id whose item does not exist, an item without a required check that is not in
            `attested_items`, or one that is in it and has one.
    """
    checks = [value for module in modules for value in vars(module).values() if _defined_in(module, value)]
    order = {item.id: position for position, item in enumerate(ITEMS)}
    seen: set[str] = set()
    for each in checks:
        if each.id in seen:
            message = f"two checks have the id {each.id}"
            raise ChecklistError(message)
        if each.item not in BY_ID:
            message = f"check {each.id} belongs to no item"
            raise ChecklistError(message)
        seen.add(each.id)
    probed = {each.item for each in checks if each.required}
    for item in ITEMS:
        if (item.id in probed) == (item.id in attested_items):
            message = f"item {item.id} must have a required check or be attested as a whole, and not both"
            raise ChecklistError(message)
    return tuple(sorted(checks, key=lambda each: order[each.item]))


def _defined_in(module: ModuleType, value: object) -> bool:
    return isinstance(value, Check) and value.module == module.__name__
