"""The checklist that the product ships: every declared check, and the items that only statements answer yet."""

from __future__ import annotations

from eks_readiness.checklist import collect
from eks_readiness.checklist.items import ITEMS

ATTESTED_ITEMS = frozenset(item.id for item in ITEMS)
"""Items that no probe looks at yet: a statement about the item itself answers them, otherwise they are unknown."""

CHECKLIST = collect(attested_items=ATTESTED_ITEMS)
"""Every check, in checklist order."""
