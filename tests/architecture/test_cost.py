"""What a scan costs, by counts that do not depend on the machine: see docs/cost.md."""

from __future__ import annotations

import pytest

from benchmarks.cost import Counts, count, month

MOST = {"aws_calls": 230, "kubernetes_requests": 60, "write_units": 30, "metric_log_bytes": 1_500}
UNCHANGED_UNITS = 8


@pytest.fixture(scope="module")
def counts() -> list[Counts]:
    """A first scan of a cluster, and the next one of the same warm function."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        return count(patch.setenv)


def test_a_scan_stays_within_its_budget(counts: list[Counts]) -> None:
    """A new probe may cost a few calls; more than that is to be argued here."""
    for each in counts:
        assert {name: getattr(each, name) for name, most in MOST.items() if getattr(each, name) > most} == {}


def test_the_next_scan_of_a_warm_function_asks_less(counts: list[Counts]) -> None:
    """CloudTrail's history is the account's, and an unchanged level writes no event."""
    first, steady = counts
    assert first.cloudtrail_look_ups > 0
    assert steady.cloudtrail_look_ups == 0
    assert steady.aws_calls == first.aws_calls - first.cloudtrail_look_ups
    assert steady.write_units <= UNCHANGED_UNITS < first.write_units
    assert {row for row in steady.write_units_of_rows if not row.endswith("REGISTRATION")} == {"Put STATE"}


def test_one_metric_is_the_clusters(counts: list[Counts]) -> None:
    """The others are the fleet's: their number does not grow with it."""
    assert counts[0].metrics.count("ReadinessLevel") == 1
    assert len(counts[0].metrics) == len(set(counts[0].metrics)) <= 5


def test_a_month_grows_no_faster_than_the_fleet(counts: list[Counts]) -> None:
    """Nothing in the formula is counted for each pair of clusters."""
    small, large = (sum(month(counts[1], 14, clusters, 1).values()) for clusters in (100, 10_000))
    assert large < 100 * small
