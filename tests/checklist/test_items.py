"""The 47 items and the two rules that say from which level each is required."""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from eks_readiness.checklist.items import BY_ID, ITEMS, required_from
from eks_readiness.domain.item import CATEGORIES, ItemId
from eks_readiness.domain.policy import Policy
from tests.strategies import ITEM_LEVELS

STRICT = Policy(level_rule="strict")


def test_there_are_47_items_of_which_41_are_rows_of_a_checklist_document() -> None:
    """Practices are named by the level criteria only."""
    assert len(ITEMS) == len(BY_ID) == 47
    assert sum(item.category != "practices" for item in ITEMS) == 41


def test_the_rows_have_the_documents_priorities() -> None:
    """27 high, 12 medium and 2 low rows."""
    rows = Counter(item.priority for item in ITEMS if item.category != "practices")
    assert rows == {"high": 27, "medium": 12, "low": 2}


def test_items_stand_in_the_order_of_their_categories() -> None:
    """Lists in checklist order read category by category."""
    assert [item.category for item in ITEMS] == sorted((item.category for item in ITEMS), key=CATEGORIES.index)


def test_the_seed_rule_requires_17_rows_at_level_1_and_two_at_level_3() -> None:
    """Level 1: what the criteria or the lists demand there; level 3: the low ones; level 2: the rest."""
    rows = Counter(required_from(item, Policy()) for item in ITEMS if item.category != "practices")
    assert rows == {1: 17, 2: 22, 3: 2}
    assert required_from(BY_ID[ItemId("external-dns")], Policy()) == 2
    assert required_from(BY_ID[ItemId("secrets-encryption")], Policy()) == 1


def test_the_seed_rule_never_asks_for_a_medium_item_before_level_2_nor_a_low_one_before_level_3() -> None:
    """A priority bounds the level from below."""
    first = {"high": 1, "medium": 2, "low": 3}
    assert all(item.seed_level >= first[item.priority] for item in ITEMS)


def test_the_strict_rule_requires_every_high_item_at_level_1_and_changes_nothing_else() -> None:
    """`strict` is `seed` with every high item at 1."""
    for item in ITEMS:
        assert required_from(item, STRICT) == (1 if item.priority == "high" else item.seed_level)


@given(ITEM_LEVELS)
def test_an_override_moves_its_item_and_no_other(levels: dict[str, int]) -> None:
    """Single items can be required from another level than the rule says, under both rules."""
    for rule in ("seed", "strict"):
        policy = Policy(level_rule=rule, item_levels=levels)  # type: ignore[arg-type] # drawn from 1, 2 and 3
        plain = Policy(level_rule=rule)
        assert {item.id: required_from(item, policy) for item in ITEMS} == {
            item.id: levels.get(item.id, required_from(item, plain)) for item in ITEMS
        }
