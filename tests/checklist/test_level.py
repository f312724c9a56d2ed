"""From item states to levels: the laws that hold for every combination of states."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.level import blockers, level_interval
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.scorecard import ItemState, ItemVerdict, LevelInterval
from tests.strategies import item_states

WORST_FIRST: tuple[ItemVerdict, ...] = ("missing", "unknown", "satisfied")


def with_state(states: tuple[ItemState, ...], position: int, state: ItemVerdict) -> tuple[ItemState, ...]:
    """The same states with another one at a position."""
    changed = msgspec.structs.replace(states[position], state=state)
    return (*states[:position], changed, *states[position + 1 :])


def all_states(state: ItemVerdict) -> tuple[ItemState, ...]:
    """Every item in one state."""
    return tuple(
        ItemState(
            item=item.id,
            title=item.title,
            category=item.category,
            priority=item.priority,
            required_from=item.seed_level,
            state=state,
        )
        for item in ITEMS
    )


@pytest.mark.parametrize(
    ("item", "level"), [("storage", 0), ("secrets-encryption", 0), ("runbooks", 1), ("service-mesh", 2)]
)
def test_one_missing_item_keeps_the_level_below_the_one_that_requires_it(item: str, level: int) -> None:
    """Everything else satisfied, the level is the last one that does not need the item."""
    states = tuple(
        msgspec.structs.replace(each, state="missing") if each.item == item else each
        for each in all_states("satisfied")
    )
    assert level_interval(states) == LevelInterval(lowest=level, highest=level)  # type: ignore[arg-type]


def test_everything_satisfied_is_level_3_and_everything_unknown_anything() -> None:
    """The two ends of what can be known."""
    assert level_interval(all_states("satisfied")) == LevelInterval(lowest=3, highest=3)
    assert level_interval(all_states("unknown")) == LevelInterval(lowest=0, highest=3)
    assert level_interval(all_states("missing")) == LevelInterval(lowest=0, highest=0)


@given(item_states(), st.data())
def test_a_better_state_never_lowers_a_level(states: tuple[ItemState, ...], data: st.DataObject) -> None:
    """Monotone: raising any one item raises or keeps both ends of the interval."""
    position = data.draw(st.integers(0, len(states) - 1))
    intervals = [level_interval(with_state(states, position, state)) for state in WORST_FIRST]
    assert [each.lowest for each in intervals] == sorted(each.lowest for each in intervals)
    assert [each.highest for each in intervals] == sorted(each.highest for each in intervals)


@given(item_states(), st.data())
def test_the_interval_brackets_every_resolution_of_the_unknowns(
    states: tuple[ItemState, ...], data: st.DataObject
) -> None:
    """However the unknowns turn out, the level lies within the interval, and both ends can happen."""
    interval = level_interval(states)

    def resolved(state: ItemVerdict) -> tuple[ItemState, ...]:
        return tuple(msgspec.structs.replace(each, state=state) if each.state == "unknown" else each for each in states)

    turned_out = tuple(
        msgspec.structs.replace(each, state=data.draw(st.sampled_from(["satisfied", "missing"])))
        if each.state == "unknown"
        else each
        for each in states
    )
    known = level_interval(turned_out)
    assert known.exact
    assert interval.lowest <= known.lowest <= interval.highest
    assert level_interval(resolved("missing")).lowest == interval.lowest
    assert level_interval(resolved("satisfied")).highest == interval.highest


@given(item_states())
def test_blockers_name_exactly_what_is_missing_or_unknown_once_and_in_order(states: tuple[ItemState, ...]) -> None:
    """Each level's list holds what it requires in addition to the levels below."""
    found = blockers(states)
    order = [item.id for item in ITEMS]
    for listed, state in ((found.missing, "missing"), (found.unknown, "unknown")):
        assert sorted(listed) == [1, 2, 3]
        named: list[ItemId] = [item for level in (1, 2, 3) for item in listed[level]]
        assert sorted(named, key=order.index) == [each.item for each in states if each.state == state]
        for level, items in listed.items():
            assert list(items) == sorted(items, key=order.index)
            assert {each.required_from for each in states if each.item in items} <= {level}


@given(item_states())
def test_a_level_is_reached_exactly_when_nothing_up_to_it_blocks(states: tuple[ItemState, ...]) -> None:
    """The lists and the interval tell the same story."""
    interval, found = level_interval(states), blockers(states)
    for level in (1, 2, 3):
        missing = any(found.missing[at] for at in (1, 2, 3) if at <= level)
        unknown = any(found.unknown[at] for at in (1, 2, 3) if at <= level)
        assert (interval.highest >= level) == (not missing)
        assert (interval.lowest >= level) == (not missing and not unknown)


def test_the_states_tried_here_are_all_there_are() -> None:
    """A new state of an item must be added to these laws."""
    assert {*WORST_FIRST, "not_covered"} == set(get_args(ItemVerdict))
