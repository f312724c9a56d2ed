"""An item: one row of the checklist."""

from __future__ import annotations

from typing import Literal, NewType, get_args

import msgspec

ItemId = NewType("ItemId", str)
Priority = Literal["high", "medium", "low"]
RequiredLevel = Literal[1, 2, 3]
Category = Literal[
    "infrastructure",
    "extensions",
    "observability",
    "security",
    "operations",
    "delivery",
    "documentation",
    "practices",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the checklist.

    `seed_level` is the level from which the `seed` rule requires the item. Practices are named by the level criteria
    only: a checklist document has no row for them.
    """

    id: ItemId
    category: Category
    title: str
    purpose: str
    priority: Priority
    seed_level: RequiredLevel
