"""What a scan costs, from counted calls: `python -m benchmarks.cost` scans the doubles' cluster `prod` twice.

The first scan is a cold one of a new cluster, the second one of the same warm function with nothing changed. It prints
the counts as JSON; `python -m benchmarks.cost --document` prints docs/cost.md with them. Prices are inputs: list prices
change and differ by region, so check them before you quote a sum.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import boto3

from eks_readiness.adapters.aws_api import AwsClients
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.dynamo_results import DynamoResultStore
from eks_readiness.adapters.dynamo_scans import ScanRows
from eks_readiness.adapters.dynamo_table import LedgerTable
from eks_readiness.adapters.emf_metrics import EmfMetricSink
from eks_readiness.adapters.evidence_source import ClusterEvidenceSource, EksConnection
from eks_readiness.adapters.memory import MemoryScanArchive, memory_ledger
from eks_readiness.app.register_cluster import register_cluster
from eks_readiness.app.scan_cluster import ScanCluster
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.domain.ledger import LedgerWrite, ScanRequest, WriteOutcome
from eks_readiness.ports import Ledger
from tests.doubles.fleet import Fleet
from tests.doubles.memory import MemoryAws, gather
from tests.doubles.scenario import load_scenario

HOURS_A_MONTH = 730
CLUSTERS = (1, 100, 1_000, 10_000)

# --- Inputs: check them -----------------------------------------------------------------------------------------------
PRICES = {
    "Lambda, GB-second (arm64)": 0.0000133334,
    "Lambda, request": 0.20 / 1e6,
    "DynamoDB on demand, write unit": 0.625 / 1e6,
    "DynamoDB on demand, read unit": 0.125 / 1e6,
    "SQS, request": 0.40 / 1e6,
    "CloudWatch Logs, GB taken in": 0.50,
    "CloudWatch, GetMetricData, metric asked for": 0.01 / 1e3,
    "Cost Explorer API, request": 0.01,
    "NAT gateway, GB": 0.045,
}
"""USD, us-east-1, from memory of the public lists."""
METRIC_TIERS = ((10_000, 0.30), (240_000, 0.10), (750_000, 0.05), (math.inf, 0.02))
"""CloudWatch custom metrics: how many, USD each a month."""
FLEET_METRICS = 12
"""Names without a cluster: see names.py."""
BILLED_SECONDS, MEMORY_GB = 5.0, 1.0
"""Of a warm scan, an assumption: take the median of your REPORT lines."""
PLATFORM_LOG_BYTES = 900
"""Lambda's own START, END and REPORT lines, and the handler's one."""
RECORDS_A_DAY = 4
"""Of a cluster: two are made anew (domain/decision.KEPT_FOR), and so often something changed, an assumption."""
SWEEPS_AN_HOUR, SWEEP_READ_UNITS = 12, 1.1
"""Each reads every state consistently, and the register twice."""
COST_EXPLORER = 2
"""Requests of a scan, in an account whose exports and budgets do not suffice."""
NAT_BYTES = 1_000_000
"""Of lists, as gzip, of a thousand pods; nothing without a NAT gateway in the way."""
IDLE_POLLS_A_MONTH = 5 * 3 * 60 * HOURS_A_MONTH
"""Lambda's five pollers, each asking every 20 s."""


class Counts(NamedTuple):
    """Of one scan."""

    aws_calls: int
    cost_explorer_requests: int
    metrics_asked_for: int
    cloudtrail_look_ups: int
    kubernetes_requests: int
    write_units: int
    write_units_of_rows: dict[str, int]
    read_units: int
    sqs_requests: float
    metrics: list[str]
    metric_log_bytes: int


class _Rows:
    """The memory ledger's results; `written` are the rows that DynamoDB would be sent."""

    def __init__(self, ledger: Ledger) -> None:
        self._results = ledger.results
        self.written: list[dict[str, Any]] = []
        scan_rows = ScanRows(MemoryScanArchive(), retention=timedelta(days=400), on_broken_row=lambda _row: None)
        self._store = DynamoResultStore(LedgerTable(None, "ledger"), scan_rows, on_broken_row=lambda _row: None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._results, name)

    def commit(self, write: LedgerWrite, *, at: datetime) -> WriteOutcome:
        """Note what the real store would send, and keep it in memory."""
        self.written = self._store._actions(write, at)  # noqa: SLF001 - what it sends is what is billed
        return self._results.commit(write, at=at)


def _bytes(value: Any) -> int:
    """The size of an item as DynamoDB counts it, near enough."""
    if isinstance(value, dict):
        return sum(len(name) + _bytes(each) for name, each in value.items())
    if isinstance(value, list):
        return sum(map(_bytes, value))
    return len(value) if isinstance(value, bytes) else len(str(value).encode())


def _write_units(actions: list[dict[str, Any]]) -> dict[str, int]:
    """A transaction writes each row at twice its size in kB, rounded up; a row that is only checked counts as one."""
    units: Counter[str] = Counter()
    for action in actions:
        ((kind, sent),) = action.items()
        row = sent.get("Item") or sent["Key"]
        name = str(row["sk"]["S"] if "sk" in row else list(row.values())[1]["S"]).partition("#")[0]
        units[f"{kind} {name}"] += 2 * max(1, math.ceil(_bytes(row) / 1024))
    return dict(units)


def _metrics_asked_for(now: datetime) -> int:
    scenario = load_scenario("prod", now=now)
    aws = MemoryAws(scenario)
    gather(scenario, aws=aws)
    return sum(len(parameters.get("MetricDataQueries", ())) for _, _, parameters in aws.calls)


def count(setenv: Callable[[str, str], None]) -> list[Counts]:
    """Scan twice, and count; the SDK is pointed at the doubles by the environment."""
    now = datetime.now(UTC).replace(microsecond=0)
    found: list[Counts] = []
    asked = _metrics_asked_for(now)
    with Fleet(("prod",), now=now) as fleet:
        for name, value in fleet.environment("eu-west-1").items():
            if name.startswith("AWS_"):
                setenv(name, value)
        clients = AwsClients(boto3.Session(), "eu-west-1")
        ledger, clock = memory_ledger(), SystemClock()
        rows = _Rows(ledger)
        cluster = fleet.cluster("prod")
        register_cluster(cluster, policy={}, items=(), registry=ledger.registry, clock=clock)
        scan = ScanCluster(
            ledger=Ledger(registry=ledger.registry, results=rows, statements=ledger.statements, outbox=ledger.outbox),
            evidence_source=ClusterEvidenceSource(
                lambda _region: clients,
                EksConnection(lambda _region: clients, endpoint_suffixes=("127.0.0.1",)),
                clock,
            ),
            metrics=EmfMetricSink("d"),
            clock=clock,
            checklist=installed_checklist(),
            fleet_policy={},
        )
        for hour in range(2):
            fleet.aws.calls.clear()
            fleet.kubernetes["prod"].requests.clear()
            request = ScanRequest(cluster_arn=cluster.arn, slot=now + timedelta(hours=hour), trigger="schedule")
            with redirect_stdout(io.StringIO()) as said:
                result = scan(request, seconds=300)
            assert result.outcome == "written", result
            lines = [json.loads(line) for line in said.getvalue().splitlines() if line.startswith("{")]
            names = [
                metric["Name"]
                for line in lines
                for directive in line["_aws"]["CloudWatchMetrics"]
                for metric in directive["Metrics"]
            ]
            services = Counter(service for service, _ in fleet.aws.calls)
            units = _write_units(rows.written)
            found.append(
                Counts(
                    aws_calls=len(fleet.aws.calls),
                    cost_explorer_requests=services["ce"],
                    metrics_asked_for=asked,
                    cloudtrail_look_ups=fleet.aws.calls.count(("cloudtrail", "LookupEvents")),
                    kubernetes_requests=len(fleet.kubernetes["prod"].requests),
                    write_units=sum(units.values()),
                    write_units_of_rows=units,
                    # Registration, state (before gathering, and before writing), two queries for statements.
                    read_units=5,
                    # Received, deleted, and a tenth of a batch that was sent.
                    sqs_requests=2.1,
                    metrics=sorted(names),
                    metric_log_bytes=len(said.getvalue().encode()),
                )
            )
    return found


def month(counts: Counts, record_units: int, clusters: int, every_hours: int) -> dict[str, float]:
    """USD a month for a fleet, of scans of which some are kept: `record_units` are written for the record alone."""
    scans = clusters * HOURS_A_MONTH / every_hours
    write_units = counts.write_units + record_units * min(1.0, RECORDS_A_DAY * every_hours / 24)
    log_bytes = counts.metric_log_bytes + PLATFORM_LOG_BYTES
    return {
        "Lambda": scans
        * (BILLED_SECONDS * MEMORY_GB * PRICES["Lambda, GB-second (arm64)"] + PRICES["Lambda, request"]),
        "DynamoDB": scans
        * (
            write_units * PRICES["DynamoDB on demand, write unit"]
            + counts.read_units * PRICES["DynamoDB on demand, read unit"]
        ),
        "DynamoDB, read by sweeps": clusters
        * HOURS_A_MONTH
        * SWEEPS_AN_HOUR
        * SWEEP_READ_UNITS
        * PRICES["DynamoDB on demand, read unit"],
        "SQS": (scans * counts.sqs_requests + IDLE_POLLS_A_MONTH) * PRICES["SQS, request"],
        "Metrics": _metrics(clusters + FLEET_METRICS),
        "Logs": scans * log_bytes / 1e9 * PRICES["CloudWatch Logs, GB taken in"],
        "Metrics read": scans * counts.metrics_asked_for * PRICES["CloudWatch, GetMetricData, metric asked for"],
    }


def month_if(clusters: int, every_hours: int) -> dict[str, float]:
    """USD a month that only some fleets pay."""
    scans = clusters * HOURS_A_MONTH / every_hours
    return {
        "NAT gateway, if in the way": scans * NAT_BYTES / 1e9 * PRICES["NAT gateway, GB"],
        "Cost Explorer, if asked and billed": scans * COST_EXPLORER * PRICES["Cost Explorer API, request"],
    }


def _metrics(names: int) -> float:
    total, left = 0.0, float(names)
    for most, price in METRIC_TIERS:
        total += min(left, most) * price
        left -= min(left, most)
    return total


def document(first: Counts, steady: Counts) -> str:
    """The page docs/cost.md."""
    record_units = first.write_units_of_rows["Put SCAN"]
    lines = [_HEAD, "| | first scan | the next ones |", "|---|---:|---:|"]
    lines += [
        f"| {_LABELS.get(name, name.replace('_', ' '))} | {getattr(first, name):,} | {getattr(steady, name):,} |"
        for name in Counts._fields
        if name not in ("metrics", "write_units_of_rows")
    ]
    lines += [f"| metrics in the log | {len(first.metrics)} | {len(steady.metrics)} |", ""]
    rows = ", ".join(f"`{name}` {units}" for name, units in steady.write_units_of_rows.items())
    lines += [
        f"Write units of the next ones by row: {rows}.",
        f"One that is kept: {record_units} more.",
        "",
        "## Inputs",
        "",
        "| price, USD | |",
        "|---|---:|",
    ]
    lines += [f"| {name} | {price:.10f}".rstrip("0").rstrip(".") + " |" for name, price in PRICES.items()]
    lines += [
        "| CloudWatch custom metric, a month | 0.30, from 10,000 on 0.10, then 0.05, 0.02 |",
        "",
        f"Assumed: {BILLED_SECONDS:g} s billed at {MEMORY_GB:g} GB, {PLATFORM_LOG_BYTES} bytes of log beside the",
        f"metrics, {RECORDS_A_DAY} records a day, {NAT_BYTES / 1e6:g} MB through a NAT gateway,",
        f"{SWEEPS_AN_HOUR} sweeps an hour of {SWEEP_READ_UNITS} read units a cluster,",
        f"{COST_EXPLORER} Cost Explorer requests where any.",
        "",
        "## USD a month",
    ]
    for every in (1, 6):
        months = [month(steady, record_units, clusters, every) for clusters in CLUSTERS]
        lines += ["", f"Every {every} hours:" if every > 1 else "Every hour:", ""]
        lines += ["| | " + " | ".join(f"{each:,}" for each in CLUSTERS) + " |", "|---|" + "---:|" * len(CLUSTERS)]
        lines += [f"| {part} | " + " | ".join(f"{each[part]:,.2f}" for each in months) + " |" for part in months[0]]
        lines += ["| **together** | " + " | ".join(f"**{sum(each.values()):,.2f}**" for each in months) + " |"]
        extra = [month_if(clusters, every) for clusters in CLUSTERS]
        lines += [f"| {part} | " + " | ".join(f"{each[part]:,.2f}" for each in extra) + " |" for part in extra[0]]
    return "\n".join([*lines, _TAIL])


_LABELS = {
    "aws_calls": "AWS calls",
    "cloudtrail_look_ups": "of them look-ups in CloudTrail",
    "cost_explorer_requests": "of them requests of Cost Explorer",
    "kubernetes_requests": "Kubernetes requests",
    "sqs_requests": "SQS requests",
}
_HEAD = """# What it costs

Made by `python -m benchmarks.cost --document`. The counts are measured on the doubles' cluster `prod`; **the prices
and the assumptions below are inputs: check them before you quote a sum.** Dashboards, alarms and the key are a few
dollars a month beside it, whatever the fleet's size.

    USD a month = clusters x 730 h / interval x (
                      billed seconds x GB x price + write units x price + read units x price
                    + SQS requests x price + log bytes x price + metrics asked for x price
                    + Cost Explorer requests x price + NAT bytes x price)
                + clusters x 730 h x sweeps an hour x read units x price
                + (clusters + metrics of the fleet) x price of a metric

## Counted, of one scan
"""
_TAIL = """
## What keeps it low

- **One billed metric a cluster** (`ReadinessLevel`). Everything else is a metric of the whole fleet or a plain property
  of the log line: a metric for each check and cluster would be billed once for each of them.
- **Written on change.** A scan that finds what was found before writes the state alone, and that packed; its record
  is the one before ([ADR 53](adr/0053-write-on-change.md)).
- **Gathered once, in a warm function.** CloudTrail's history is looked up once for all clusters of an account and
  region; the first scan's look-ups are in the table above.
- **Gzip** on every list: a page through a NAT gateway costs an eighth.
- **Jitter and a bounded concurrency.** The messages of one tick are spread (`jitter_seconds`), and `scan_concurrency`
  of them are worked off at once: a large fleet needs few functions, and no partition of the table becomes hot
  ([ADR 55](adr/0055-partition-heat.md)).

## What could be lower

- Cost Explorer's API is billed by the request. `prod` needs none; an account whose exports and budgets do not suffice
  is asked for its cost allocation tags and its anomaly subscriptions, by every scan. Whether AWS bills these two
  operations is not stated for each: look at `APIRequest` on your bill. If it does, scan less often, or deny the scanner
  `ce:*`: the two findings are then unknown, and nothing else changes. What it answers is the account's, so that it
  could be kept for its other clusters as CloudTrail's history is.
"""

if __name__ == "__main__":
    counted = count(os.environ.__setitem__)
    if "--document" in sys.argv:
        print(document(*counted))
    else:
        print(json.dumps([each._asdict() for each in counted], indent=2))
