"""From item states to a level: the highest L at which every item required at or below L is satisfied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eks_readiness.domain.item import ItemId, RequiredLevel
from eks_readiness.domain.scorecard import Blockers, ItemState, ItemVerdict, Level, LevelInterval

REQUIRED_LEVELS: tuple[RequiredLevel, ...] = (1, 2, 3)


def _highest_level(states: Sequence[ItemState], blocking: frozenset[ItemVerdict]) -> Level:
    reached: Level = 0
    for level in REQUIRED_LEVELS:
        if any(state.required_from == level and state.state in blocking for state in states):
            break
        reached = level
    return reached


def level_interval(states: Sequence[ItemState]) -> LevelInterval:
    """The lowest and highest level that the states allow; an item that is not covered blocks neither."""
    return LevelInterval(
        lowest=_highest_level(states, frozenset({"missing", "unknown"})),
        highest=_highest_level(states, frozenset({"missing"})),
    )


def _by_level(states: Iterable[ItemState], state: ItemVerdict) -> dict[RequiredLevel, tuple[ItemId, ...]]:
    standing = [each for each in states if each.state == state]
    return {level: tuple(each.item for each in standing if each.required_from == level) for level in REQUIRED_LEVELS}


def blockers(states: Sequence[ItemState]) -> Blockers:
    """What stands between the cluster and each level; a level's list names what comes in addition to those below."""
    return Blockers(missing=_by_level(states, "missing"), unknown=_by_level(states, "unknown"))
