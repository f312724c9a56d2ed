"""The time that one scan may take."""

from __future__ import annotations

import time
from collections.abc import Callable

from eks_readiness.domain.errors import TimedOut


class Deadline:
    """Counts down from a number of seconds on a clock that never jumps."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._until = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left; 0 when none are."""
        return max(0.0, self._until - self._monotonic())

    def require(self, what: str, *, seconds: float = 0.0) -> None:
        """Make sure that there is time left for something.

        Raises:
            TimedOut: more than `seconds` are not left.
        """
        if self.remaining() <= seconds:
            raise TimedOut(
                f"{what}: the scan's {self.seconds:g} s are used up",
                remedy="give the scan more time (scan_timeout_seconds), or look at what answers slowly",
            )
