"""Every error that the product raises on purpose, as one tree.

    ReadinessError                     what, where, and how to fix it
    ├── InputError                     the user's input is wrong (exit code 2)
    │   └── FileProblems               several places of one file are; each is named
    ├── ProbeError                     evidence could not be had: becomes `Unavailable`
    │   ├── AccessDenied               denied: authenticated, but not allowed
    │   ├── Unauthenticated            unauthenticated: no, bad or expired credentials
    │   ├── Unreachable                unreachable: DNS, route, refused connection, TLS
    │   ├── Throttled                  throttled: the service asked to slow down, also after retries
    │   ├── TimedOut                   timeout: the scan's time ran out first
    │   ├── Unsupported                unsupported: the region or the server does not offer the API
    │   └── UnexpectedAnswer           unexpected: an answer that cannot be read
    └── StoreError                     the ledger could not be read or written
        └── StaleWrite                 somebody else wrote first; re-read and decide again

Adapters translate SDK errors into this tree at their boundary (`raise … from`): nothing above one sees an SDK error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

UnavailableReason = Literal[
    "denied", "unauthenticated", "unreachable", "throttled", "timeout", "unsupported", "unexpected", "crashed"
]

MAX_DETAIL_CHARACTERS = 500
"""Messages from outside are cut here before they are kept: they are text of unknown origin."""
MAX_PROBLEM_CHARACTERS = 200
"""As above, for each of the places of a file that are wrong."""


def bounded(text: str, limit: int = MAX_DETAIL_CHARACTERS) -> str:
    """Return text on one line, without control characters, cut to a number of characters."""
    if len(text) <= limit and text.isprintable() and "  " not in text and text == text.strip():
        return text  # as nearly all of it is
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class ReadinessError(Exception):
    """Something went wrong; the message says what and where, `remedy` how to fix it."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(bounded(message))
        self.remedy = bounded(remedy)

    def __str__(self) -> str:
        message: str = self.args[0]
        return f"{message} ({self.remedy})" if self.remedy else message


class InputError(ReadinessError):
    """The user's input is wrong."""


class FileProblems(InputError):
    """Places of one file are wrong: `problems` names every one of them, the message as many as it has room for."""

    def __init__(self, file: str, problems: Sequence[str], *, remedy: str) -> None:
        self.problems = tuple(bounded(each, MAX_PROBLEM_CHARACTERS) for each in problems)
        self.headline = f"{bounded(file, MAX_PROBLEM_CHARACTERS)}: {len(self.problems)} problems"
        one = bounded(file, MAX_PROBLEM_CHARACTERS) if len(self.problems) == 1 else self.headline
        super().__init__(f"{one}: {'; '.join(self.problems)}", remedy=remedy)


class ProbeError(ReadinessError):
    """Evidence could not be had."""

    reason: ClassVar[UnavailableReason] = "unexpected"


class AccessDenied(ProbeError):
    """The caller is known but not allowed to read this."""

    reason = "denied"


class Unauthenticated(ProbeError):
    """There are no credentials, or they are wrong or expired."""

    reason = "unauthenticated"


class Unreachable(ProbeError):
    """No connection: name resolution, route, refusal or TLS."""

    reason = "unreachable"


class Throttled(ProbeError):
    """The service asked to slow down, also after the retries."""

    reason = "throttled"


class TimedOut(ProbeError):
    """The time given to the scan, or to this read, ran out."""

    reason = "timeout"


class Unsupported(ProbeError):
    """The region, partition or server does not offer this API."""

    reason = "unsupported"


class UnexpectedAnswer(ProbeError):
    """The answer cannot be read: wrong shape, too large, or contradicting itself."""

    reason = "unexpected"


class RefusedRequest(ProbeError):
    """AWS refused the request for a reason of its own: `code` is the service's error code."""

    reason = "unexpected"

    def __init__(self, message: str, *, code: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


class StoreError(ReadinessError):
    """The ledger could not be read or written."""


class StaleWrite(StoreError):
    """Somebody else wrote first: read again and decide again."""
