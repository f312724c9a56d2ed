"""What a piece of evidence is: a slice that was observed, or the reason why it was not."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.errors import ProbeError, UnavailableReason, bounded
from eks_readiness.domain.instant import Instant


class Slice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One frozen piece of evidence. An empty tuple in a slice means: looked, none there.

    `observed_at` is when it was read (aware UTC): ages are judged at that instant. `source` names the API calls.
    """

    observed_at: Instant
    source: str


class Unavailable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Evidence that could not be had: why, in which words, and how to make it readable."""

    reason: UnavailableReason
    detail: str
    remedy: str = ""

    @classmethod
    def because(cls, error: ProbeError) -> Unavailable:
        """Say what a failed probe means for the checks that needed it."""
        return cls(reason=error.reason, detail=bounded(str(error.args[0])), remedy=error.remedy)


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A part of a slice that may be refused while the rest can be read: `unread` says why, and then it is empty."""

    unread: Unavailable | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Objects counted while they streamed by: how many there were, and the names of the first few."""

    total: int = 0
    names: tuple[str, ...] = ()


MAX_SAMPLE = 50
"""Names kept in a `Sample`: more than a finding shows, few enough that memory does not grow with the cluster."""
