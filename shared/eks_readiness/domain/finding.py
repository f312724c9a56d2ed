"""What one check says about one cluster."""

from __future__ import annotations

from typing import Literal, NewType

import msgspec

from eks_readiness.domain.attestation import Waiver
from eks_readiness.domain.errors import UnavailableReason, bounded
from eks_readiness.domain.item import ItemId

CheckId = NewType("CheckId", str)
Outcome = Literal["pass", "fail", "not_applicable", "unknown"]

MAX_OFFENDERS = 20
"""How many offenders a finding names; the rest are counted."""
MAX_OFFENDER_CHARACTERS = 200


class Verdict(msgspec.Struct, frozen=True):
    """What a check decided, why, and which objects are to blame. A check never says `unknown`: the engine does.

    `final`: the contrary was observed, so that no statement of a person answers instead.
    """

    outcome: Literal["pass", "fail", "not_applicable"]
    reason: str
    offenders: tuple[str, ...] = ()
    offenders_total: int = 0
    final: bool = False


def passed(reason: str) -> Verdict:
    """The statement holds."""
    return Verdict("pass", bounded(reason))


def failed(
    reason: str, offenders: tuple[str, ...] | list[str] = (), *, total: int | None = None, final: bool = False
) -> Verdict:
    """The statement does not hold; `total` is the number of offenders where the evidence names only some of them."""
    named = tuple(bounded(offender, MAX_OFFENDER_CHARACTERS) for offender in sorted(offenders)[:MAX_OFFENDERS])
    return Verdict("fail", bounded(reason), named, max(len(offenders), total or 0), final)


def not_applicable(reason: str) -> Verdict:
    """The statement is about something that the cluster does not have, or that AWS runs for it."""
    return Verdict("not_applicable", bounded(reason))


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check's answer for one cluster.

    `unknown_reason` is set exactly when the outcome is `unknown`; `remedy` then says how to make it known.
    A waiver stands beside the outcome and never changes it. `attested_by` names who answered, where a person did.
    """

    check: CheckId
    item: ItemId
    required: bool
    outcome: Outcome
    reason: str
    offenders: tuple[str, ...] = ()
    offenders_total: int = 0
    unknown_reason: UnavailableReason | None = None
    remedy: str = ""
    waiver: Waiver | None = None
    attested_by: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this is a required check that failed for sure and is not waived."""
        return self.required and self.outcome == "fail" and self.waiver is None

    @property
    def undecided(self) -> bool:
        """Whether this is a required check that is unknown and not waived."""
        return self.required and self.outcome == "unknown" and self.waiver is None
