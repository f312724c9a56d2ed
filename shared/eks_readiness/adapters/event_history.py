"""CloudTrail's event history of one account and region, kept while a function stays warm.

The history is the account's, not a cluster's, and CloudTrail answers two look-ups a second: without this, every scan
of every cluster would spend a quarter of a minute on the same questions. An event shows up minutes after its call, so a
look that is a few minutes old is as good as a new one; after that, only what is new is looked up.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any, Final

LOOK_UP: Final = ("cloudtrail", "LookupEvents")
CAP: Final = 250
"""Events of one question that are read, newest first: five calls.

The history is the account's; at two calls a second all questions together must not take longer than a scan.
"""
FRESH = timedelta(minutes=5)
LATE = timedelta(minutes=20)
"""How late an event may show up, with a margin: that much is looked up again, and told apart by the events' ids."""
MAX_AGE = timedelta(minutes=55)
"""After this, everything is read anew: nothing that went wrong in between stays."""

Fetch = Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True)
class _Kept:
    events: tuple[Mapping[str, Any], ...]
    read_at: datetime
    whole_at: datetime


class EventHistory:
    """Answers look-ups from memory where it can; time is what the look-ups say in their `EndTime`."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def events(self, fetch: Fetch, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """At most `CAP` events, newest first. `asked` has StartTime, EndTime and LookupAttributes; `fetch` looks up."""
        key = json.dumps(asked["LookupAttributes"])
        start, now = asked["StartTime"], asked["EndTime"]
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or not timedelta(0) <= now - kept.whole_at < MAX_AGE:
                kept = _Kept(tuple(islice(fetch(asked), CAP)), now, now)
            elif now - kept.read_at >= FRESH:
                new = tuple(islice(fetch({**asked, "StartTime": max(start, kept.read_at - LATE)}), CAP))
                kept = _Kept(_joined(new, kept.events), now, kept.whole_at)
            self._kept[key] = kept
        return (each for each in kept.events if each["EventTime"] >= start)


def _joined(new: tuple[Mapping[str, Any], ...], old: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
    if len(new) == CAP:
        return new  # there may be more between these and the old ones
    seen = {each["EventId"] for each in new}
    joined = [*new, *(each for each in old if each["EventId"] not in seen)]
    return tuple(sorted(joined, key=lambda each: each["EventTime"], reverse=True)[:CAP])
