"""How often a schedule runs: Unix cron, AWS cron(…) and rate(…), @daily and its kin, @every.

Only the longest pause between two runs matters here, so time zones and the date on which a schedule began do not.
Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html,
https://pkg.go.dev/github.com/robfig/cron/v3 (what Velero parses with).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

_NAMED = {
    "@hourly": timedelta(hours=1),
    "@daily": timedelta(days=1),
    "@midnight": timedelta(days=1),
    "@weekly": timedelta(days=7),
    "@monthly": timedelta(days=31),
    "@yearly": timedelta(days=366),
    "@annually": timedelta(days=366),
}
_UNITS = {"h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds"}
_RATE = re.compile(r"rate\(([0-9]+) (minute|hour|day)s?\)")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_MINUTES_A_DAY = 24 * 60
MAX_CHARACTERS = 200
"""Longer expressions are nobody's schedule."""
_UNIX_FIELDS = 5
_AWS_FIELDS = 6
_FIRST_DAY = date(2024, 1, 1).toordinal()
# Two leap years apart twice: long enough for a schedule of 29 February to run more than once.
_DAYS_LOOKED_AT = 9 * 366

_OnDay = Callable[[date], bool]


@lru_cache(maxsize=256)
def longest_interval(expression: str) -> timedelta | None:
    """The longest pause between two runs of a schedule; None for an expression that cannot be read or never repeats.

    A schedule of working days pauses over the weekend: `0 2 * * 1-5` gives 72 hours.
    """
    text = re.sub(r"^(CRON_)?TZ=\S+\s+", "", expression.strip())
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        if text.startswith("@every "):
            return _go_duration(text.removeprefix("@every ").strip())
        if match := _RATE.fullmatch(text):
            return timedelta(**{f"{match[2]}s": int(match[1])}) or None
        return _NAMED.get(text.lower()) or _cron(text)
    except (ValueError, OverflowError):
        return None


def _go_duration(text: str) -> timedelta | None:
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(h|ms|us|m|s)", text)
    if "".join(number + unit for number, unit in parts) != text:
        return None
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta()) or None


def _cron(text: str) -> timedelta | None:
    aws = text.startswith("cron(") and text.endswith(")")
    fields = (text[5:-1] if aws else text).upper().split()
    if len(fields) != (_AWS_FIELDS if aws else _UNIX_FIELDS) or (aws and fields[5] != "*"):
        return None
    minutes, hours = _numbers(fields[0], 0, 59), _numbers(fields[1], 0, 23)
    times = sorted(60 * hour + minute for hour in hours for minute in minutes)
    runs_on = _runs_on(fields, aws=aws)
    days = [offset for offset, day in _calendar() if runs_on(day)]
    pauses = [_MINUTES_A_DAY * (later - earlier) - times[-1] + times[0] for earlier, later in pairwise(days)]
    return timedelta(minutes=max([*pauses, *(b - a for a, b in pairwise(times))])) if pauses else None


@lru_cache(maxsize=1)
def _calendar() -> tuple[tuple[int, date], ...]:
    return tuple((offset, date.fromordinal(_FIRST_DAY + offset)) for offset in range(_DAYS_LOOKED_AT))


def _runs_on(fields: list[str], *, aws: bool) -> _OnDay:
    months = _numbers(fields[3], 1, 12, _MONTHS)
    day_of_month = _any_of([_month_day(part) for part in fields[2].split(",")])
    day_of_week = _any_of([_weekday(part, 1 if aws else 0) for part in fields[4].split(",")])
    # Where both are given, Unix cron runs on either; a star or question mark leaves the other to decide.
    either = fields[2][0] not in "*?" and fields[4][0] not in "*?"
    decide = any if either else all
    return lambda day: day.month in months and decide((day_of_month(day), day_of_week(day)))


def _any_of(parts: list[_OnDay]) -> _OnDay:
    return lambda day: any(part(day) for part in parts)


def _month_day(part: str) -> _OnDay:
    if part in ("L", "LW"):
        return lambda day: day.day == monthrange(day.year, day.month)[1]
    # The weekday nearest to a day of the month is at most two days from it: near enough for a pause.
    days = _numbers(part.removesuffix("W"), 1, 31)
    return lambda day: day.day in days


def _weekday(part: str, sunday: int) -> _OnDay:
    named = re.fullmatch(r"(\w+?)(?:#([1-5])|(L))?", part)
    if named and (named[2] or named[3]):
        wanted = _numbers(named[1], sunday, sunday + 7, _WEEKDAYS, sunday)
        week = int(named[2] or 0)
        return lambda day: _number_of(day, sunday) in wanted and (_last_week(day) if not week else _week(day) == week)
    days = {sunday + (number - sunday) % 7 for number in _numbers(part, sunday, sunday + 7, _WEEKDAYS, sunday)}
    return lambda day: _number_of(day, sunday) in days


def _number_of(day: date, sunday: int) -> int:
    return day.isoweekday() % 7 + sunday


def _week(day: date) -> int:
    return (day.day - 1) // 7 + 1


def _last_week(day: date) -> bool:
    return day.day + 7 > monthrange(day.year, day.month)[1]


def _numbers(field: str, low: int, high: int, names: list[str] | None = None, first: int = 1) -> set[int]:
    """Expand lists, ranges, steps and names into numbers.

    Raises:
        ValueError: the field does not say that.
    """
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, _, end = span.partition("-")
        if span in ("*", "?"):
            begin, last = low, high
        else:
            begin = _number(start, names, first)
            last = _number(end, names, first) if end else (high if step else begin)
        if not low <= begin <= last <= high:
            message = f"{part} is not within {low}-{high}"
            raise ValueError(message)
        found.update(range(begin, last + 1, int(step or 1)))
    return found


def _number(text: str, names: list[str] | None, first: int) -> int:
    if names and text in names:
        return names.index(text) + first
    return int(text)
