"""Schedules by the thousand: random interleavings of a `World`, each from its own number.

python -m tests.chaos.simulate --schedules 1000000 --workers 2
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from eks_readiness.checklist import evaluate as engine
from eks_readiness.domain import decision
from eks_readiness.domain.scorecard import LevelInterval
from tests.chaos.world import INTERVAL_SECONDS, START, Chooser, Outcome, World

MUTANTS = ("no version condition", "no lease", "outbox outside the transaction", "unknown counted as fail")
"""What the protocol stands on, left out one at a time; the last line counts those that were noticed."""
MUTANTS_OF_HELD_MOVES = ("held moves forgotten", "removal that keeps the state")
"""The same of damping; each must be noticed too."""
MUTANTS_OF_HISTORY = ("every scan confirms the one before",)
"""The same of what is kept of scans."""
SLOTS = 4
MAX_STEPS = 100_000
"""More than anything that is under way can take: a guard against a world that never comes to rest."""


class RandomChooser:
    """Chooses at random, and the same for the same number."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, among: int) -> int:
        """A number below `among`."""
        return int(self._random.random() * among)

    def chance(self, share: float) -> bool:
        """Yes, with that probability."""
        return self._random.random() < share


@contextmanager
def planted(mutant: str) -> Iterator[None]:
    """The engine without one of its parts, where the mutant is one of the engine's."""
    whole: Callable[[object], LevelInterval] = vars(engine)["level_interval"]
    if mutant == "unknown counted as fail":

        def blind(states: object) -> LevelInterval:
            interval = whole(states)
            return LevelInterval(lowest=interval.lowest, highest=interval.lowest)

        vars(engine)["level_interval"] = blind
    compare: Callable[[object], str] = vars(decision)["digest"]
    if mutant == "every scan confirms the one before":
        vars(decision)["digest"] = lambda _scorecard: "the same"
    try:
        yield
    finally:
        vars(engine)["level_interval"] = whole
        vars(decision)["digest"] = compare


def play(seed: int, *, mutant: str = "") -> Outcome:
    """One schedule: some slots with faults, then all at rest, then judged."""
    choose = RandomChooser(seed)
    world = World(choose, clusters=2 if choose.chance(0.15) else 1, mutant=mutant)
    slot = START
    for number in range(SLOTS):
        if number:
            # Perhaps a day later: there is room for what was held back.
            slot += timedelta(seconds=INTERVAL_SECONDS) if choose.chance(0.9) else timedelta(days=1)
        world.now = max(world.now, slot)
        world.tick(slot)
        _run(world, choose, 60)
        if choose.chance(0.7):
            world.change()
        for share, happen in (
            (0.3, world.sweep),
            (0.1, world.change_rules),
            (0.05, world.make_anew),
            (0.1, world.remove),
        ):
            if choose.chance(share):
                happen()
        if choose.chance(0.1):
            # Nothing is scanned for hours.
            world.now += timedelta(hours=3)
            world.sweep()
    rest(world, choose)
    return world.judge()


def _run(world: World, choose: Chooser, steps: int) -> None:
    """Let things happen; what is not finished stays under way."""
    for _ in range(steps):
        if not step(world, choose):
            return


def step(world: World, choose: Chooser) -> bool:
    """One thing happens; False when nothing is under way."""
    waiting = len(world.actors), len(world.messages), len(world.records), len(world.handed_on)
    total = sum(waiting)
    if not total:
        return False
    at = choose.pick(total)
    if at < waiting[0]:
        world.resume(world.actors[at])
    elif at < waiting[0] + waiting[1]:
        world.receive(at - waiting[0])
    elif at < sum(waiting[:3]):
        world.relay(at - waiting[0] - waiting[1])
    else:
        world.go_on(at - sum(waiting[:3]))
    if choose.chance(0.3):
        world.now += timedelta(seconds=choose.pick(40))
    return True


def rest(world: World, choose: Chooser) -> None:
    """No more faults: everything under way ends, and the sweeper comes by until nothing is left to tell."""
    world.faults = False
    for _ in range(MAX_STEPS):
        if not step(world, choose):
            break
    for _ in range(12):
        world.now += timedelta(minutes=25)
        world.sweep()
        for _ in range(MAX_STEPS):
            if not step(world, choose):
                break
        if not any(not row.message_id for row in world.outbox.rows.values()):
            return


@dataclass
class Sum:
    """What many schedules came to."""

    schedules: int = 0
    level_changes: int = 0
    told: int = 0
    lost: int = 0
    duplicates: int = 0
    explained_duplicates: int = 0
    broken: int = 0
    first: str = ""

    def add(self, seed: int, outcome: Outcome) -> None:
        """Count one schedule; the first that is not clean is kept by its number."""
        self.schedules += 1
        self.level_changes += outcome.level_changes
        self.told += outcome.told
        self.lost += len(outcome.lost)
        self.duplicates += len(outcome.duplicates)
        self.explained_duplicates += outcome.explained_duplicates
        self.broken += len(outcome.broken)
        if not outcome.clean and not self.first:
            self.first = f"schedule {seed}: {[*outcome.lost, *outcome.duplicates, *outcome.broken][:3]}"

    def join(self, other: Sum) -> None:
        """Count what another process counted."""
        for name in ("schedules", "level_changes", "told", "lost", "duplicates", "explained_duplicates", "broken"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first = self.first or other.first

    @property
    def clean(self) -> bool:
        """Whether the promise was kept in all of them."""
        return not (self.lost or self.duplicates or self.broken)


def many(first: int, count: int, mutant: str = "") -> Sum:
    """Play schedules by their numbers."""
    found = Sum()
    with planted(mutant):
        for seed in range(first, first + count):
            found.add(seed, play(seed, mutant=mutant))
    return found


def spread(count: int, workers: int, mutant: str = "") -> Sum:
    """Play schedules in several processes."""
    if workers == 1:
        return many(0, count, mutant)
    part = -(-count // (workers * 8))
    parts = [(start, min(part, count - start)) for start in range(0, count, part)]
    found = Sum()
    with ProcessPoolExecutor(workers) as pool:
        for each in pool.map(many, *zip(*parts, strict=True), [mutant] * len(parts)):
            found.join(each)
    return found


def main() -> int:
    """Play, plant the mutants, and say what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--schedules", type=int, default=10_000)
    options.add_argument("--mutant-schedules", type=int, default=2_000)
    options.add_argument("--workers", type=int, default=2)
    chosen = options.parse_args()
    began = time.monotonic()
    found = spread(chosen.schedules, chosen.workers)
    print(
        f"{found.schedules:,} schedules, {found.level_changes:,} level changes, {found.told:,} events told, "
        f"{found.explained_duplicates:,} told twice where the outcome could not be learned, "
        f"{time.monotonic() - began:.0f} s"
    )
    if found.first:
        print(found.first)
    caught = set()
    for mutant in (*MUTANTS_OF_HELD_MOVES, *MUTANTS_OF_HISTORY, *MUTANTS):
        planted_ = spread(chosen.mutant_schedules, chosen.workers, mutant)
        if not planted_.clean:
            caught.add(mutant)
        print(
            f"without it ({mutant}): lost {planted_.lost}, unexplained duplicates {planted_.duplicates}, "
            f"broken {planted_.broken} of {planted_.schedules:,}"
        )
    print(
        f"lost={found.lost} duplicates={found.duplicates} broken={found.broken} schedules={found.schedules} "
        f"mutants={len(caught.intersection(MUTANTS))}/{len(MUTANTS)}"
    )
    return 0 if found.clean and caught.issuperset(MUTANTS + MUTANTS_OF_HELD_MOVES + MUTANTS_OF_HISTORY) else 1


if __name__ == "__main__":
    sys.exit(main())
