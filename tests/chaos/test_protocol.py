"""No level change is lost, whatever interleaves and whatever fails: a short form of `make chaos`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from eks_readiness.domain.decision import removal
from eks_readiness.domain.ledger import LedgerWrite
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Level
from tests.chaos.simulate import MUTANTS, MUTANTS_OF_HELD_MOVES, MUTANTS_OF_HISTORY, RandomChooser, many, rest, step
from tests.chaos.world import INTERVAL_SECONDS, START, Actor, World
from tests.scans import CLUSTER, write

PART = 2_500


@pytest.mark.parametrize("first", range(0, 4 * PART, PART))
def test_no_level_change_is_lost(first: int) -> None:
    """Ten thousand schedules: nothing lost, nothing told twice without a reason, no chain broken."""
    found = many(first, PART)
    assert found.clean, found.first
    assert found.schedules == PART
    assert found.level_changes > PART / 4
    assert found.explained_duplicates > 0


@pytest.mark.parametrize("mutant", [*MUTANTS, *MUTANTS_OF_HELD_MOVES, *MUTANTS_OF_HISTORY])
def test_what_the_protocol_stands_on_would_be_missed(mutant: str) -> None:
    """Without its version condition, its lease, its one transaction, unknown apart from failed, what was held back."""
    assert not many(0, 200, mutant).clean


ONE_A_DAY = Policy(max_level_events_per_day=1, improve_after_scans=1)


def _chain() -> list[LedgerWrite]:
    """A cluster that moves three times in a day, of which the last is held back, and is then removed."""
    writes = [write(None, 0, 2)]
    moves: tuple[Level, ...] = (0, 2, 1)
    for number, level in enumerate(moves, start=1):
        writes.append(write(writes[-1].state, number, level, policy=ONE_A_DAY))
    assert (writes[2].state.held_total, writes[3].state.held_total) == (0, 1)
    return [*writes, removal(writes[-1].state)]


def _as_it_is(last: LedgerWrite) -> LedgerWrite:
    return last


def _held_on(last: LedgerWrite) -> LedgerWrite:
    return replace(last, state=replace(last.state, held_total=1))


def _tells_none(last: LedgerWrite) -> LedgerWrite:
    assert last.event is not None
    return replace(last, event=replace(last.event, moves=(), moves_total=0))


def _tells_twice(last: LedgerWrite) -> LedgerWrite:
    assert last.event is not None
    return replace(last, event=replace(last.event, moves_total=2))


def _tells_nothing(last: LedgerWrite) -> LedgerWrite:
    return replace(last, event=None)


@pytest.mark.parametrize(
    ("damage", "problems"),
    [
        (_as_it_is, []),
        (_held_on, ["of 0 moves that were held back 1 are left in version 5"]),
        (_tells_none, ["of 1 moves that were held back 0 are left in version 5"]),
        (_tells_twice, ["of -1 moves that were held back 0 are left in version 5"]),
        (
            _tells_nothing,
            ["of 1 moves that were held back 0 are left in version 5", "level 1 is published, 2 was told"],
        ),
    ],
)
def test_every_held_move_is_counted_once(damage: Callable[[LedgerWrite], LedgerWrite], problems: list[str]) -> None:
    """In an event that was told, or still in the state: what a removal drops, or keeps as well, is found."""
    *before, last = _chain()
    world = World(RandomChooser(0))
    world.current = Actor("relay", lambda: None, 60, START)
    for each in (*before, damage(last)):
        world.applied[CLUSTER.arn].append(each)
        if each.event is not None:
            world.publish(each.event)
    assert world.judge().lost == [f"{CLUSTER.arn}: {problem}" for problem in problems]


SEEDS = st.integers(0, 2**32)


class Numbered:
    """Chooses by the number that the running rule drew: a failure shrinks to few rules with small numbers."""

    def __init__(self) -> None:
        self.random = RandomChooser(0)

    def pick(self, among: int) -> int:
        """A number below `among`."""
        return self.random.pick(among)

    def chance(self, share: float) -> bool:
        """Yes, with about that probability."""
        return self.random.chance(share)


class Protocol(RuleBasedStateMachine):
    """The same world, driven rule by rule."""

    @initialize(seed=SEEDS)
    def begin(self, seed: int) -> None:
        """One cluster, and the first tick."""
        self.choose = Numbered()
        self.choose.random = RandomChooser(seed)
        self.world = World(self.choose)
        self.slot = 0
        self.world.tick(START)

    @precondition(
        lambda self: bool(self.world.actors or self.world.messages or self.world.records or self.world.handed_on)
    )
    @rule(seed=SEEDS, steps=st.integers(1, 20))
    def go_on(self, seed: int, steps: int) -> None:
        """Whoever is chosen makes a step."""
        self.choose.random = RandomChooser(seed)
        for _ in range(steps):
            step(self.world, self.choose)

    @rule(seed=SEEDS)
    def next_slot(self, seed: int) -> None:
        """The schedule fires again."""
        self.choose.random = RandomChooser(seed)
        self.slot += 1
        slot = START + timedelta(seconds=INTERVAL_SECONDS * self.slot)
        self.world.now = max(self.world.now, slot)
        self.world.tick(slot)

    @rule(seed=SEEDS, what=st.sampled_from(["change", "change_rules", "make_anew", "remove", "sweep"]))
    def something_happens(self, seed: int, what: str) -> None:
        """In the cluster, in the configuration, or the sweeper comes by."""
        self.choose.random = RandomChooser(seed)
        getattr(self.world, what)()

    def teardown(self) -> None:
        """All at rest, and judged."""
        if hasattr(self, "world"):
            self.choose.random = RandomChooser(0)
            rest(self.world, self.choose)
            outcome = self.world.judge()
            assert outcome.clean, (outcome.lost, outcome.duplicates, outcome.broken)


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
