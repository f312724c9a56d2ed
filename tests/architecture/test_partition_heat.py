"""No key of the ledger becomes too hot, however large the fleet: see docs/adr/0055-partition-heat.md."""

from __future__ import annotations

import math

import pytest

from benchmarks.partition_heat import PARTITION_READ_UNITS, PARTITION_WRITE_UNITS, TICKS, Heat, play
from eks_readiness import names
from eks_readiness.adapters.dynamo_items import SHARDS, shard
from infra.config import Config

MARGIN = 0.7
"""Of a partition's units; adaptive capacity needs minutes to help."""


def _within(heat: Heat, share: float) -> bool:
    writes = (heat.cluster_write_units, heat.partition_write_units, heat.pending_shard_write_units)
    reads = heat.statement_read_units, heat.registry_shard_read_units
    return (
        max(*writes, heat.fleet_write_units) <= share * PARTITION_WRITE_UNITS
        and max(reads) <= share * PARTITION_READ_UNITS
    )


@pytest.mark.parametrize("tick", [name for name, (_, jitter, at_once) in TICKS.items() if jitter or at_once <= 200])
def test_the_hottest_second_of_every_key(tick: str) -> None:
    """With jitter or a bounded concurrency, when every cluster changes at once."""
    clusters, jitter, concurrency = TICKS[tick]
    for seed in range(2):
        assert _within(play(clusters, jitter_seconds=jitter, concurrency=concurrency, seed=seed), MARGIN)


@pytest.mark.parametrize("at_once", [1_000, math.inf])
def test_without_jitter_and_limit_it_would_be_too_hot(at_once: float) -> None:
    """So the simulation can tell."""
    assert not _within(play(10_000, jitter_seconds=0, concurrency=at_once), 1.0)


def test_the_default_does_an_hourly_fleet_of_thousands() -> None:
    """Within the interval, and with what the deployment is told by default."""
    config = Config()
    heat = play(5_000, jitter_seconds=config.jitter_seconds, concurrency=config.scan_concurrency)
    assert heat.minutes < config.scan_interval_seconds / 60
    assert _within(heat, 0.2)


@pytest.mark.parametrize("clusters", [10_000, 50_000])
def test_shards_are_even(clusters: int) -> None:
    """No shard of an index has a third more than its part."""
    arn = "arn:aws:eks:eu-west-1:111122223333:cluster/prod-{}"
    sizes = [0] * SHARDS
    for number in range(clusters):
        sizes[int(shard(arn.format(number), names.REGISTRY_SHARD).rpartition("#")[2])] += 1
    assert max(sizes) < 4 / 3 * clusters / SHARDS
