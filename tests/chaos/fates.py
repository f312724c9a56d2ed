"""What may become of a malformed input, and what must not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Literal, Protocol

from eks_readiness.domain.finding import Finding

Fate = Literal["accepted", "rejected", "dead-lettered"]
"""accepted: what it says is possible, and was taken as it says · rejected: refused with a reason, or evidence that is
unknown with one · dead-lettered: given back to its queue or stream, which puts it aside."""


class Defect(Exception):
    """The product did with an input what it must never do."""


class Inputs(Protocol):
    """One kind of input."""

    name: str

    def attempt(self, rng: random.Random) -> Iterable[Fate]:
        """Make some inputs, give them to the product, and say what became of each.

        Raises:
            Defect: something that must not be.
        """


def require_sound(before: dict[str, Finding], after: Iterable[Finding], *, retyped: bool, how: str) -> bool:
    """Hold findings after a damage against those before it; whether any is unknown now that was not.

    A damage that no service may make (another type in a place) decides nothing: each finding stays, or is unknown. One
    that says something else may lead to another finding. A crash is never an answer.

    Raises:
        Defect: it is not so.
    """
    lost = False
    for each in after:
        was = before[each.check].outcome
        if each.unknown_reason == "crashed":
            raise Defect(f"{how}: {each.check}: {each.reason}")
        if retyped and each.outcome not in (was, "unknown"):
            raise Defect(f"{how}: {each.check} was {was}, is {each.outcome}: {each.reason}")
        lost |= each.outcome == "unknown" != was
    return lost
