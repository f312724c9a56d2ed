"""What is shown of a cluster now."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.scorecard import Level
from eks_readiness.domain.standing import standing
from tests.scans import START, slot, write

HOUR = timedelta(hours=1)


def test_before_the_first_scan() -> None:
    """Nothing is known, and nothing is made up."""
    assert str(standing(None, at=START, interval=HOUR, stale_after_intervals=2.5)) == "not scanned yet"


def test_a_proven_level_is_exact() -> None:
    """The newest scan proved it."""
    state = write(None, 0, 2).state
    assert str(standing(state, at=START + HOUR, interval=HOUR, stale_after_intervals=2.5)) == "2"


def test_a_level_among_unknowns_is_partial_as_of_its_proof() -> None:
    """What kept the newest scan from proving it does not change it."""
    first = write(None, 0, 2).state
    second = write(first, 1, 0, 2).state
    shown = standing(second, at=START + 1.5 * HOUR, interval=HOUR, stale_after_intervals=2.5)
    assert str(shown) == "2 (partial, as of 2026-03-10 12:00 UTC)"


def test_without_proof_for_too_long_it_is_unknown() -> None:
    """After two and a half intervals nobody knows any more; the level that was is told."""
    state = write(None, 0, 2).state
    shown = standing(state, at=START + 2.6 * HOUR, interval=HOUR, stale_after_intervals=2.5)
    assert (shown.certainty, str(shown)) == ("stale", "unknown (was 2)")


def test_what_was_told_to_be_unknown_stays_so_until_it_is_proven() -> None:
    """Also for whoever believes in a slower schedule; a partial scan does not prove it, an exact one does."""
    lost = lose_coverage(write(None, 0, 2).state, at=slot(3), interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    partial = write(lost.state, 4, 1, 3).state
    proven = write(partial, 5, 2).state
    shown = [
        standing(each, at=slot(5), interval=24 * HOUR, stale_after_intervals=2.5).certainty
        for each in (lost.state, partial, proven)
    ]
    assert shown == ["stale", "stale", "exact"]


def test_a_level_that_moves_too_often_says_so() -> None:
    """And how many moves nobody was told yet."""
    state = write(None, 0, 2).state
    levels: tuple[Level, ...] = (1, 0, 2, 2, 1, 0)
    seen = []
    for number, level in enumerate(levels, start=1):
        state = write(state, number, level).state
        seen.append(str(standing(state, at=slot(number), interval=HOUR, stale_after_intervals=2.5)))
    assert seen == ["1", "0", "0", "2", "1 (unstable)", "0 (unstable: 1 move not told yet)"]
    partial = write(state, 7, 0, 3).state
    shown = standing(partial, at=slot(7), interval=HOUR, stale_after_intervals=2.5)
    assert str(shown) == "0 (partial, as of 2026-03-10 18:00 UTC; unstable: 1 move not told yet)"
