"""Malformed inputs by the thousand, each kind given to the product's own entry point; nothing may crash or lie.

python -m tests.chaos.malformed --inputs 100000 --workers 2
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache

from tests.chaos.fates import Defect, Inputs
from tests.chaos.malformed_answers import AwsAnswers, Cluster, KubernetesAnswers
from tests.chaos.malformed_files import Checklists, Configurations, EvidenceDocuments, JsonFiles
from tests.chaos.malformed_messages import LedgerRows, QueueBodies, StreamRecords, Ticks, WidgetEvents

MAX_SECONDS = 10.0
"""Of CPU for one input: more is an input that can hold up whoever reads it."""
MAX_SHOWN = 10


@cache
def _clusters() -> tuple[Cluster, ...]:
    return tuple(Cluster(name) for name in ("prod", "auto", "bare"))


KINDS: Mapping[str, tuple[Callable[[], AbstractContextManager[Inputs]], int]] = {
    "queue bodies": (QueueBodies.ready, 14),
    "stream records": (StreamRecords.ready, 4),
    "schedule events": (Ticks.ready, 10),
    "widget events": (WidgetEvents.ready, 8),
    "ledger rows": (LedgerRows.ready, 2),
    "AWS answers": (lambda: nullcontext(AwsAnswers(*_clusters())), 22),
    "Kubernetes answers": (lambda: nullcontext(KubernetesAnswers(*_clusters())), 22),
    "configuration files": (Configurations.ready, 10),
    "evidence documents": (EvidenceDocuments.ready, 4),
    "statements, thresholds": (JsonFiles.ready, 3),
    "checklist documents": (Checklists.ready, 1),
}
"""Each kind, and its share of the inputs."""


@dataclass
class Tally:
    """What became of the inputs of one kind. A defect is named by the number that makes its input again."""

    kind: str
    fates: Counter[str] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Inputs tried."""
        return sum(self.fates.values()) + len(self.defects)

    def join(self, other: Tally) -> None:
        """Count what another process counted."""
        self.fates += other.fates
        self.defects += other.defects


def attempt(kind: str, first: int, inputs: int) -> Tally:
    """Try inputs of one kind, from a number on."""
    logging.disable(logging.CRITICAL)
    with KINDS[kind][0]() as product:
        return _tried(Tally(kind), product, first, inputs)


def _tried(tally: Tally, product: Inputs, number: int, inputs: int) -> Tally:
    kind = tally.kind
    while tally.tried < inputs:
        began = time.process_time()
        try:
            tally.fates.update(product.attempt(random.Random(f"{kind} {number}")))
        except Defect as defect:
            tally.defects.append(f"{kind} {number}: {defect}")
        except Exception as error:  # noqa: BLE001 - that nothing comes through is what is tried
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            where = " < ".join(f"{each.filename.rpartition('/')[2]}:{each.lineno}" for each in reversed(frames))
            tally.defects.append(f"{kind} {number}: {type(error).__name__}: {str(error)[:200]} at {where}")
        if (took := time.process_time() - began) > MAX_SECONDS:
            tally.defects.append(f"{kind} {number}: took {took:.0f} s")
        number += 1
    return tally


def spread(inputs: int, workers: int, kinds: tuple[str, ...] = tuple(KINDS)) -> list[Tally]:
    """Try inputs of each kind, each its share, in several processes."""
    total = sum(KINDS[kind][1] for kind in kinds)
    tallies = {kind: Tally(kind) for kind in kinds}
    parts: list[tuple[str, int, int]] = []
    for kind in kinds:
        count = -(-inputs * KINDS[kind][1] // total)
        size = -(-count // (workers * 4)) if workers > 1 else count
        parts += [(kind, start, min(size, count - start)) for start in range(0, count, size)]
    if workers == 1:
        for part in parts:
            tallies[part[0]].join(attempt(*part))
    else:
        with ProcessPoolExecutor(workers) as pool:
            for tally in pool.map(attempt, *zip(*parts, strict=True)):
                tallies[tally.kind].join(tally)
    return list(tallies.values())


def table(tallies: list[Tally]) -> str:
    """What became of every kind, as a table."""
    head = ("kind", "tried", "accepted", "rejected", "dead-lettered", "defects")
    rows: list[tuple[str, ...]] = [head]
    for each in tallies:
        fates = (each.fates[name] for name in ("accepted", "rejected", "dead-lettered"))
        rows.append((each.kind, *(f"{number:,}" for number in (each.tried, *fates, len(each.defects)))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def main() -> int:
    """Try, and say what became of what."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--kind", action="append", choices=list(KINDS), help="only this kind; repeatable")
    chosen = options.parse_args()
    began = time.monotonic()
    tallies = spread(chosen.inputs, chosen.workers, tuple(chosen.kind or KINDS))
    print(table(tallies))
    for tally in tallies:
        for each in tally.defects[:MAX_SHOWN]:
            print(each)
    defects = [each for tally in tallies for each in tally.defects]
    tried = sum(each.tried for each in tallies)
    print(f"malformed={tried} defects={len(defects)} seconds={time.monotonic() - began:.0f}")
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
