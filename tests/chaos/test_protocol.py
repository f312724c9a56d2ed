"""No level change is lost, whatever interleaves and whatever fails: a short form of `make chaos`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.chaos.simulate import MUTANTS, RandomChooser, many, rest, step
from tests.chaos.world import INTERVAL_SECONDS, START, World

PART = 2_500


@pytest.mark.parametrize("first", range(0, 4 * PART, PART))
def test_no_level_change_is_lost(first: int) -> None:
    """Ten thousand schedules: nothing lost, nothing told twice without a reason, no chain broken."""
    found = many(first, PART)
    assert found.clean, found.first
    assert found.schedules == PART
    assert found.level_changes > PART / 4
    assert found.explained_duplicates > 0


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_the_protocol_stands_on_would_be_missed(mutant: str) -> None:
    """Without its version condition, its lease, its one transaction, or unknown apart from failed, promises break."""
    assert not many(0, 200, mutant).clean


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

    @precondition(lambda self: bool(self.world.actors or self.world.messages or self.world.records))
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
