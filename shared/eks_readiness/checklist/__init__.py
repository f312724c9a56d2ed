"""The 47-item checklist: its items, its checks, and the engine that judges evidence by them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

import msgspec

from eks_readiness.checklist.check import Check
from eks_readiness.checklist.items import ITEMS
from eks_readiness.domain.item import Item, ItemId


class ChecklistError(Exception):
    """The declarations contradict each other: a defect of the program, found when it starts."""


class Checklist(msgspec.Struct, frozen=True):
    """Items and the checks that answer them, both in the order in which they are shown.

    Every check belongs to an item. An item without a required check is answered by a statement about the item itself.
    Iterating gives the checks.
    """

    items: tuple[Item, ...]
    checks: tuple[Check, ...]

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def item(self, identifier: ItemId) -> Item:
        """The item with an id; raises KeyError without one."""
        for item in self.items:
            if item.id == identifier:
                return item
        raise KeyError(identifier)

    def check(self, identifier: str) -> Check | None:
        """The check with an id, if there is one."""
        return next((each for each in self.checks if each.id == identifier), None)

    @property
    def subjects(self) -> frozenset[str]:
        """What a statement may be about: every item and every check."""
        return frozenset(item.id for item in self.items) | frozenset(each.id for each in self.checks)

    def extended(self, items: Sequence[Item], checks: Sequence[Check]) -> Checklist:
        """This checklist with further items, and checks for those.

        Raises:
            ChecklistError: an id that is there already, a check for an item that is not among the further ones, or a
                further item without a required check.
        """
        for item in items:
            if item.id in self.subjects or not item.id:
                raise ChecklistError(f"there is an item {item.id!r} already")
        own = _arranged(items, checks)
        for item in items:
            if not any(each.required for each in own if each.item == item.id):
                raise ChecklistError(f"item {item.id} has no required check")
        return Checklist((*self.items, *items), (*self.checks, *own))


def collect(*modules: ModuleType, attested_items: frozenset[ItemId] = frozenset()) -> Checklist:
    """Gather the checks that the modules define, in checklist order, and make sure that they fit the items.

    Raises:
        ChecklistError: an id twice, an id whose item does not exist, an item without a required check that is not in
            `attested_items`, or one that is in it and has one.
    """
    checks = _arranged(
        ITEMS, [value for module in modules for value in _checks_of(module) if _defined_in(module, value)]
    )
    probed = {each.item for each in checks if each.required}
    for item in ITEMS:
        if (item.id in probed) == (item.id in attested_items):
            message = f"item {item.id} must have a required check or be attested as a whole, and not both"
            raise ChecklistError(message)
    return Checklist(ITEMS, checks)


def _checks_of(module: ModuleType) -> Iterator[Check]:
    return (value for value in vars(module).values() if isinstance(value, Check))


def _defined_in(module: ModuleType, value: Check) -> bool:
    return value.module == module.__name__


def _arranged(items: Sequence[Item], checks: Iterable[Check]) -> tuple[Check, ...]:
    """Checks in the order of their items, otherwise as they were given."""
    order = {item.id: position for position, item in enumerate(items)}
    seen: dict[str, Check] = {}
    for each in checks:
        if each.id in seen:
            message = f"two checks have the id {each.id}"
            raise ChecklistError(message)
        if each.item not in order:
            message = f"check {each.id} belongs to no item"
            raise ChecklistError(message)
        seen[each.id] = each
    return tuple(sorted(seen.values(), key=lambda each: order[each.item]))
