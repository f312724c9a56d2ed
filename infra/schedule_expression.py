"""When scans run: rate(…) and cron(…) as EventBridge Scheduler reads them, refused at synth rather than at deploy.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from eks_readiness.domain.schedule import longest_interval

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RATE = re.compile(r"rate\(([0-9]{1,5}) (minutes?|hours?|days?)\)")
_CRON = re.compile(r"cron\((.*)\)")
_EXAMPLES = "write it like rate(1 hour) or cron(0 6 * * ? *)"


class ScheduleError(Exception):
    """A schedule expression is wrong; the message says what and how to write it."""


class _Field(NamedTuple):
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()
    special: str = ""


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day-of-month", 1, 31, special=r"\?|L|LW|(?:[1-9]|[12]\d|3[01])W"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 1, 7, _WEEKDAYS, special=rf"\?|(?:[1-7]|{'|'.join(_WEEKDAYS)})(?:L|#[1-5])"),
    _Field("year", 1970, 2199),
)
_DAY_OF_MONTH, _DAY_OF_WEEK, _YEAR = 2, 4, 5


def longest_pause_seconds(expression: str) -> int:
    """Check an expression and return the longest time between two scans: 259,200 s for one that rests at weekends.

    Raises:
        ScheduleError: Scheduler would refuse it, or it does not go on for ever.
    """
    if rate := _RATE.fullmatch(expression):
        _check_rate(int(rate[1]), rate[2])
    elif cron := _CRON.fullmatch(expression):
        _check_cron(cron[1].split())
    else:
        message = f"{expression!r} is not a schedule: {_EXAMPLES}"
        raise ScheduleError(message)
    pause = longest_interval(expression)
    if pause is None:
        message = f"{expression} never fires twice: {_EXAMPLES}"
        raise ScheduleError(message)
    return int(pause.total_seconds())


def _check_rate(value: int, unit: str) -> None:
    if value < 1:
        message = f"rate({value} {unit}): the value must be 1 or more: {_EXAMPLES}"
        raise ScheduleError(message)
    singular = unit.removesuffix("s")
    right = singular if value == 1 else f"{singular}s"
    if unit != right:
        message = f"rate({value} {unit}): write rate({value} {right})"
        raise ScheduleError(message)


def _check_cron(fields: list[str]) -> None:
    if len(fields) != len(_FIELDS):
        message = (
            f"cron needs 6 fields (minutes hours day-of-month month day-of-week year), not {len(fields)}: "
            "cron(0 6 * * ? *) is every day at 6:00 UTC"
        )
        raise ScheduleError(message)
    for field, text in zip(_FIELDS, fields, strict=True):
        for part in text.split(","):
            _check_part(field, part, alone=part == text)
    if (fields[_DAY_OF_MONTH] == "?") == (fields[_DAY_OF_WEEK] == "?"):
        message = (
            "cron: exactly one of day-of-month and day-of-week must be `?`: cron(0 6 * * ? *), cron(0 6 ? * MON *)"
        )
        raise ScheduleError(message)
    if fields[_YEAR] != "*":
        message = f"cron: year must be `*`, not {fields[_YEAR]!r}: scans go on until the stack is destroyed"
        raise ScheduleError(message)


def _check_part(field: _Field, part: str, *, alone: bool) -> None:
    text = part.upper()
    if field.special and re.fullmatch(field.special, text) and (alone or text != "?"):
        return
    start, slash, step = text.partition("/")
    first, dash, last = start.partition("-")
    bounds = [_number(field, bound) for bound in ((first, last) if dash else (first,))] if start != "*" else []
    if None in bounds or (slash and not (re.fullmatch(r"[0-9]{1,4}", step) and int(step))):
        allowed = f"{field.lowest}-{field.highest}" + (f" or {field.names[0]}-{field.names[-1]}" if field.names else "")
        message = f"cron: {part!r} is not a value for {field.name} ({allowed}, with , - * /)"
        raise ScheduleError(message)


def _number(field: _Field, text: str) -> int | None:
    if text in field.names:
        return field.names.index(text) + field.lowest
    number = int(text) if re.fullmatch(r"[0-9]{1,4}", text) else -1
    return number if field.lowest <= number <= field.highest else None
