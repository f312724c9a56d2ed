"""When scans run: what EventBridge Scheduler would refuse is refused at synth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.schedule_expression import ScheduleError, longest_pause_seconds

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", MINUTE),
        ("rate(15 minutes)", 15 * MINUTE),
        ("rate(1 hour)", HOUR),
        ("rate(2 days)", 2 * DAY),
        ("cron(0 * * * ? *)", HOUR),
        ("cron(0/15 * * * ? *)", 15 * MINUTE),
        ("cron(0 6 * * ? *)", DAY),
        ("cron(0 8,20 * * ? *)", 12 * HOUR),
        ("cron(0 6 ? * MON-FRI *)", 3 * DAY),
        ("cron(0 6 ? * mon-fri *)", 3 * DAY),
        ("cron(0 6 ? * 2-6 *)", 3 * DAY),
        ("cron(0 6 ? * 1 *)", 7 * DAY),
        ("cron(0 6 1 * ? *)", 31 * DAY),
        ("cron(0 6 L * ? *)", 31 * DAY),
        ("cron(0 6 ? * 6#1 *)", 35 * DAY),
        ("cron(0 6 ? JAN,JUL SUNL *)", 189 * DAY),
    ],
)
def test_the_longest_pause_between_two_scans(expression: str, seconds: int) -> None:
    """From it follows when a cluster counts as not scanned."""
    assert longest_pause_seconds(expression) == seconds


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "'' is not a schedule: write it like rate(1 hour) or cron(0 6 * * ? *)"),
        ("hourly", "'hourly' is not a schedule"),
        ("rate(1hour)", "'rate(1hour)' is not a schedule"),
        ("rate(1 hour) ", "'rate(1 hour) ' is not a schedule"),
        ("rate(1.5 hours)", "is not a schedule"),
        ("rate(30 seconds)", "is not a schedule"),
        ("rate(0 hours)", "the value must be 1 or more"),
        ("rate(1 hours)", "rate(1 hours): write rate(1 hour)"),
        ("rate(2 hour)", "rate(2 hour): write rate(2 hours)"),
        ("at(2026-01-01T00:00:00)", "is not a schedule"),
        ("cron(0 6 * * *)", "cron needs 6 fields (minutes hours day-of-month month day-of-week year), not 5"),
        ("cron()", "not 0"),
        ("cron(60 6 * * ? *)", "'60' is not a value for minutes (0-59, with , - * /)"),
        ("cron(0 24 * * ? *)", "'24' is not a value for hours (0-23"),
        ("cron(0 6 0 * ? *)", "'0' is not a value for day-of-month (1-31"),
        ("cron(0 6 * 13 ? *)", "'13' is not a value for month (1-12 or JAN-DEC"),
        ("cron(0 6 ? * 0 *)", "'0' is not a value for day-of-week (1-7 or SUN-SAT"),
        ("cron(0 6 ? * MO *)", "'MO' is not a value for day-of-week"),
        ("cron(0/0 * * * ? *)", "'0/0' is not a value for minutes"),
        ("cron(0/ * * * ? *)", "'0/' is not a value for minutes"),
        ("cron(0, * * * ? *)", "'' is not a value for minutes"),
        ("cron(- * * * ? *)", "'-' is not a value for minutes"),
        ("cron(0 6 * * * *)", "exactly one of day-of-month and day-of-week must be `?`"),
        ("cron(0 6 ? * ? *)", "exactly one of day-of-month and day-of-week must be `?`"),
        ("cron(0 6 ?,1 * ? *)", "'?' is not a value for day-of-month"),
        ("cron(0 6 * * ? 2027)", "year must be `*`, not '2027'"),
        ("cron(0 6 30 2 ? *)", "never fires twice"),
    ],
)
def test_what_scheduler_would_refuse_is_refused_in_words(expression: str, said: str) -> None:
    """And what would end one day: scans go on for ever."""
    with pytest.raises(ScheduleError) as error:
        longest_pause_seconds(expression)
    assert said in str(error.value)


@given(st.text(max_size=40) | st.from_regex(r"cron\([0-9*?/,LW# -]{0,30}\)", fullmatch=True))
def test_any_text_is_a_schedule_or_an_error(text: str) -> None:
    """Nothing else comes out of it, and a schedule pauses for some time."""
    try:
        assert longest_pause_seconds(text) > 0
    except ScheduleError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
