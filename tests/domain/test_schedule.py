"""How long a schedule may pause, over the dialects that backup software writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.domain.schedule import longest_interval

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expression", "longest"),
    [
        ("0 2 * * *", DAY),
        ("30 */6 * * *", 6 * HOUR),
        ("0 8,20 * * *", 12 * HOUR),
        ("0 9-17 * * *", 16 * HOUR),
        ("*/15 * * * *", timedelta(minutes=15)),
        ("0 2 * * 1-5", 3 * DAY),
        ("0 2 * * MON-FRI", 3 * DAY),
        ("0 3 * * 0", 7 * DAY),
        ("0 3 * * 7", 7 * DAY),
        ("0 3 1 * *", 31 * DAY),
        ("0 3 1 */3 *", 92 * DAY),
        ("0 0 29 2 *", 1461 * DAY),
        ("CRON_TZ=Europe/Dublin 0 1 * * *", DAY),
    ],
)
def test_unix_cron_pauses_as_long_as_its_widest_gap(expression: str, longest: timedelta) -> None:
    """Five-field expressions of Velero schedules."""
    assert longest_interval(expression) == longest


def test_unix_cron_runs_on_either_day_where_both_are_given() -> None:
    """The first of a month or a Monday: never more than a week apart."""
    assert longest_interval("0 2 1 * 1") == 7 * DAY


@pytest.mark.parametrize(
    ("expression", "longest"),
    [
        ("cron(0 5 ? * * *)", DAY),
        ("cron(0 0/4 * * ? *)", 4 * HOUR),
        ("cron(0 5 ? * 2-6 *)", 3 * DAY),
        ("cron(0 5 1 * ? *)", 31 * DAY),
        ("cron(0 5 L * ? *)", 31 * DAY),
        ("cron(0 5 15W * ? *)", 31 * DAY),
        ("cron(0 5 ? * 6L *)", 35 * DAY),
        ("cron(0 5 ? * MON#1 *)", 35 * DAY),
        ("rate(12 hours)", 12 * HOUR),
        ("rate(1 day)", DAY),
    ],
)
def test_aws_expressions_count_sunday_as_one_and_know_last_and_nth(expression: str, longest: timedelta) -> None:
    """Six-field expressions and rates of AWS Backup rules."""
    assert longest_interval(expression) == longest


@pytest.mark.parametrize(
    ("expression", "longest"),
    [("@daily", DAY), ("@Hourly", HOUR), ("@weekly", 7 * DAY), ("@every 1h30m", 1.5 * HOUR), ("@every 24h", DAY)],
)
def test_named_frequencies_mean_what_they_say(expression: str, longest: timedelta) -> None:
    """What Kasten writes, and Velero accepts."""
    assert longest_interval(expression) == longest


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "nonsense",
        "@reboot",
        "@onDemand",
        "@every",
        "@every 5 parsecs",
        "61 * * * *",
        "0 2 * * 5-1",
        "*/0 * * * *",
        "0-99999999999 * * * *",
        "0 0 31 2 *",
        "rate(0 hours)",
        "rate(99999999999 days)",
        "cron(0 5 1 1 ? 2020)",
        "0 2 * * * *",
        "1," * 500 + "1 * * * *",
    ],
)
def test_what_cannot_be_read_or_never_repeats_has_no_interval(expression: str) -> None:
    """A made-up expression is no reason to crash, nor to allow an old backup."""
    assert longest_interval(expression) is None


@given(
    st.text(max_size=60) | st.from_regex(r"(cron\()?[0-9*/,?LW#-]{1,8}( [0-9*/,?A-Z#-]{1,8}){4,5}\)?", fullmatch=True)
)
def test_no_expression_is_a_crash(expression: str) -> None:
    """Whatever a custom resource holds, the answer is a positive pause or none."""
    longest = longest_interval(expression)
    assert longest is None or longest > timedelta()


@given(st.integers(0, 59), st.integers(0, 23))
def test_a_daily_time_pauses_a_day_whatever_the_time(minute: int, hour: int) -> None:
    """The time of day does not matter."""
    assert longest_interval(f"{minute} {hour} * * *") == DAY
