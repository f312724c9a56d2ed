"""How hot the ledger's partitions become: `python -m benchmarks.partition_heat` plays one tick of a large fleet.

Real ARNs go through the product's own shards; the dispatcher, the jitter, the queue and its concurrency are played
second by second. Printed is the hottest second of each kind of key, in units of DynamoDB. Every scan of the tick is
taken to be kept and to tell an event (new rules, say): an ordinary tick writes a quarter of that.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
from collections import Counter
from typing import NamedTuple

from eks_readiness import names
from eks_readiness.adapters.dynamo_items import shard
from eks_readiness.domain.attestation import EVERY_CLUSTER
from eks_readiness.domain.cluster import ClusterRef

PARTITION_WRITE_UNITS, PARTITION_READ_UNITS = 1_000, 3_000
"""Of one partition in one second, and so of one key.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""
PARTITIONS = 4
"""Of a new table on demand: 4,000 write units; it splits when it is used more.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
"""
DISPATCHED_A_SECOND = 1_000
"""A batch of ten takes SQS ten milliseconds."""
SCAN_SECONDS, SPREAD = 5.0, 0.3
"""Median of a scan, and how far scans differ (sigma of a log-normal distribution): assumptions."""
UNCHANGED_UNITS, RECORD_UNITS, EVENT_UNITS = 6, 14, 4
"""Of a scan on its cluster's key: see docs/cost.md."""
INDEX_UNITS = 2
"""Of an event in the index of pending ones: it comes, and it goes."""
STATEMENT_READ_UNITS = 7
"""Of a scan on the statements for every cluster: one for each item, of half a KB, and the waivers."""
ENDING_UNITS = 5
"""Of a scan on the fleet's key, on the day when five statements for every cluster come near their end."""
REGISTRATION_BYTES = 400
MAX_PAGE_BYTES = 1_000_000


class Heat(NamedTuple):
    """The hottest second of the hottest key of each kind, and how long the tick's scans took."""

    cluster_write_units: int
    partition_write_units: int
    pending_shard_write_units: int
    fleet_write_units: int
    statement_read_units: int
    registry_shard_read_units: int
    minutes: float


def play(clusters: int, *, jitter_seconds: int, concurrency: float, seed: int = 0) -> Heat:
    """One tick of a fleet; `concurrency` is infinite where every message finds a function at once."""
    chance = random.Random(seed)
    arns = [
        ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name=f"cluster-{number}").arn
        for number in range(clusters)
    ]
    arrivals = sorted(
        (number / DISPATCHED_A_SECOND + chance.randint(0, jitter_seconds), arn) for number, arn in enumerate(arns)
    )
    busy: list[float] = []
    writes: dict[str, Counter[tuple[str, int]]] = {
        kind: Counter() for kind in ("cluster", "partition", "pending", "fleet")
    }
    reads: Counter[tuple[str, int]] = Counter()
    last = 0.0
    for arrival, arn in arrivals:
        start = arrival if len(busy) < concurrency else max(arrival, heapq.heappop(busy))
        end = start + chance.lognormvariate(math.log(SCAN_SECONDS), SPREAD)
        heapq.heappush(busy, end)
        last = max(last, end)
        units = UNCHANGED_UNITS + RECORD_UNITS + EVENT_UNITS
        reads[EVERY_CLUSTER, int(start)] += STATEMENT_READ_UNITS
        writes["cluster"][arn, int(end)] += units
        writes["partition"][_partition(arn), int(end)] += units
        writes["pending"][shard(arn, names.PENDING_SHARD), int(end)] += INDEX_UNITS
        writes["fleet"]["fleet", int(end)] += ENDING_UNITS
    of_shard = max(Counter(shard(arn, names.REGISTRY_SHARD) for arn in arns).values())
    # One reader takes a shard page by page, each in less than a second: ten readers at once is a busy moment.
    page = min(of_shard * REGISTRATION_BYTES, MAX_PAGE_BYTES)
    return Heat(
        cluster_write_units=_hottest(writes["cluster"]),
        partition_write_units=_hottest(writes["partition"]),
        pending_shard_write_units=_hottest(writes["pending"]),
        fleet_write_units=_hottest(writes["fleet"]),
        statement_read_units=_hottest(reads),
        registry_shard_read_units=10 * math.ceil(page / 4096 / 2),
        minutes=last / 60,
    )


def _hottest(units: Counter[tuple[str, int]]) -> int:
    return max(units.values())


def _partition(arn: str) -> str:
    """Where DynamoDB puts a key nobody knows; that it spreads keys evenly is all that counts."""
    return str(int.from_bytes(hashlib.sha256(arn.encode()).digest()[:8]) % PARTITIONS)


TICKS: dict[str, tuple[int, int, float]] = {
    "10,000, jitter 300 s, 20 at once": (10_000, 300, 20),
    "10,000, no jitter, 20 at once": (10_000, 0, 20),
    "10,000, jitter 900 s, 100 at once": (10_000, 900, 100),
    "10,000, no jitter, 100 at once": (10_000, 0, 100),
    "50,000, jitter 900 s, 100 at once": (50_000, 900, 100),
    "50,000, no jitter, 200 at once": (50_000, 0, 200),
    "10,000, jitter 900 s, 1,000 at once": (10_000, 900, 1_000),
    "10,000, no jitter, 1,000 at once": (10_000, 0, 1_000),
    "10,000, jitter 900 s, no limit": (10_000, 900, math.inf),
    "10,000, no jitter, no limit": (10_000, 0, math.inf),
}
"""Clusters, jitter and concurrency."""

if __name__ == "__main__":
    print("| clusters | " + " | ".join(name.replace("_", " ") for name in Heat._fields) + " |")
    print("|---|" + "---:|" * len(Heat._fields))
    for name, (clusters, jitter, concurrency) in TICKS.items():
        heat = play(clusters, jitter_seconds=jitter, concurrency=concurrency)
        print(f"| {name} | " + " | ".join(f"{each:,.0f}" for each in heat) + " |")
