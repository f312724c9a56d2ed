"""What is shown of a cluster now."""

from __future__ import annotations

from datetime import timedelta

from eks_readiness.domain.standing import standing
from tests.scans import START, write

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
