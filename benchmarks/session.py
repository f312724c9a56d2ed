"""Measures everything that is promised, in one session: `make bench`, or python -m benchmarks.session [--runs 3].

Who is compared is run in turn, so that a slow minute of the machine falls on all of them. Times are whole processes
unless the table says otherwise; processor time is user and system time of all threads. The scanner is the deployed one:
it runs from its bundle. What is printed goes to results.md, the ratios to results.json.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.measured import ROOT, Measured, Served, medians, run

HARDENEKS = ROOT / ".venv-bench" / "bin" / "hardeneks"
SUBJECTS = ROOT / "benchmarks" / "subjects"
RESULTS = ROOT / "benchmarks"
GROWTH = ((1_000, 25), (10_000, 250), (50_000, 1_250), (150_000, 5_000))
"""Pods and nodes."""
NAMESPACES = (1, 100, 1_000)
PAGE = 500


class Goal(NamedTuple):
    """One promise: the ratio's key, what it compares, and what it must reach."""

    key: str
    what: str
    goal: float
    at_least: bool
    unit: str = "x"

    def met(self, measured: float) -> bool:
        """Whether it is kept."""
        return measured >= self.goal if self.at_least else measured <= self.goal


GOALS = (
    Goal("full_scan_10k_vs_hardeneks_wall", "Full scan of 10,000 pods: hardeneks 1.1.1 / ours, wall", 60, True),
    Goal("full_scan_10k_vs_hardeneks_peak_rss", "The same: ours / hardeneks, peak RSS", 0.2, False),
    Goal("list_10k_pods_vs_limit_cpu", "Listing 10,000 pods: ours / limit, CPU", 2.5, False),
    Goal("list_10k_pods_vs_typed_client_cpu", "Listing 10,000 pods: typed client / ours, CPU", 25, True),
    Goal("peak_rss_150k_vs_1k_pods", "Peak RSS of a scan: 150,000 pods / 1,000 pods", 1.5, False),
    Goal("peak_rss_150k_pods_mib", "Peak RSS of a scan of 150,000 pods", 256, False, " MiB"),
    Goal("kubernetes_requests_1000_vs_1_namespaces", "Kubernetes requests: 1,000 namespaces / 1", 1, False),
    Goal("aws_40_calls_vs_sequential_wall", "40 AWS calls at +30 ms: sequential / ours, wall", 9, True),
    Goal("init_scan_vs_boto3_eks_cpu", "Start of scan / of boto3 with an EKS client, CPU", 2.4, False),
    Goal("init_light_vs_boto3_eks_cpu", "Start of the slowest light function / the same, CPU", 1.3, False),
    Goal("bundle_scan_mb", "Scanner's bundle, unzipped, with bytecode", 100, False, " MB"),
    Goal("bundle_light_mb", "Light bundle, unzipped, with bytecode", 35, False, " MB"),
    Goal("fleet_500_one_hung_delay", "500 clusters, one hung: delay of the other 499", 0.05, False, " of 1"),
)


class Session:
    """What was measured so far: tables by title, ratios by key."""

    def __init__(self, bundle: Path, scratch: Path, runs: int) -> None:
        self.bundle = bundle
        self.scratch = scratch
        self.runs = runs
        self.tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.ratios: dict[str, float] = {}

    def note(self, table: str, **row: Any) -> None:
        """Keep one row of a table, and say it."""
        self.tables[table].append(row)
        print(f"{table}: " + ", ".join(f"{key} {_shown(value)}" for key, value in row.items()), flush=True)

    def scan(self, served: Served) -> Measured:
        """Scan once, by the bundle."""
        command = [sys.executable, "-I", "-B", str(SUBJECTS / "scan.py"), str(self.bundle), served.arn]
        done = run(command, {**served.environment, **_scan_settings()})
        found = json.loads(done.output.splitlines()[-1])
        if found["unavailable"]:
            raise RuntimeError(f"the scan could not see everything: {found['unavailable']}")
        return done

    def against_hardeneks(self, served: Served, hardeneks_runs: int) -> None:
        """Scan 10,000 pods and the account: ours before and after each run of the other."""
        config = self.scratch / "kubeconfig"
        config.write_text(json.dumps(_kubeconfig(served)), encoding="utf-8")
        environment = {
            **served.environment,
            "KUBECONFIG": str(config),
            "COLUMNS": "200",
            "HOME": str(self.scratch),
        }
        command = [str(HARDENEKS), "--context", "prod", "--cluster", "prod", "--region", "eu-west-1", "--export-json"]
        self.scan(served)  # the server makes its answers when they are first asked for
        served.counts()
        ours, theirs = [], []
        for number in range(hardeneks_runs):
            ours += [self.scan(served) for _ in range(self.runs)]
            our_counts = served.counts()
            theirs.append(run([*command, str(self.scratch / f"report-{number}.json")], environment))
            their_counts = served.counts()
        ours += [self.scan(served) for _ in range(self.runs)]
        title = "Full scan: 10,000 pods, 3,333 deployments, 250 nodes, 40 namespaces, and the account"
        found = []
        rows = ("ours", ours, our_counts, self.runs), ("hardeneks", theirs, their_counts, 1)
        for who, runs, counts, times in rows:
            middle = medians(runs)
            found.append(middle)
            requests = sum(counts["kubernetes"].values()) // times
            self.note(
                title,
                who=who,
                runs=len(runs),
                **_numbers(middle),
                kubernetes_requests=requests,
                kubernetes_mb=counts["bytes"] / times / 1e6,
                aws_calls=counts["aws"] // times,
            )
        self.ratios["full_scan_10k_vs_hardeneks_wall"] = found[1].wall_s / found[0].wall_s
        self.ratios["full_scan_10k_vs_hardeneks_peak_rss"] = found[0].peak_rss_mib / found[1].peak_rss_mib

    def listing(self, served: Served) -> None:
        """List 10,000 pods: the limit (curl's transport, and decoding from memory), ours, the typed client."""
        authority = self.scratch / "ca.pem"
        authority.write_text(served.ca, encoding="utf-8")
        curl = shutil.which("curl")
        if curl is None:
            raise SystemExit("curl is not installed: the limit is measured with it (apt-get install curl)")
        urls = [f"{served.url}/api/v1/pods?limit={PAGE}{_continue(at)}" for at in range(0, 10_000, PAGE)]
        pages = [self.scratch / f"page-{number}" for number in range(len(urls))]
        for url, page in zip(urls, pages, strict=True):
            subprocess.run([curl, "-sf", "--cacert", str(authority), "-o", str(page), url], check=True)
        asked = self.scratch / "curl.conf"
        asked.write_text("".join(f'url="{url}"\noutput="/dev/null"\n' for url in urls), encoding="utf-8")
        python = [sys.executable, "-I", "-B"]
        subjects: dict[str, Callable[[], tuple[Measured, float]]] = {
            "transport (curl, TLS, to nowhere)": lambda: _whole(
                [curl, "-sf", "--cacert", str(authority), "-K", str(asked)], served.environment
            ),
            "decoding from memory (msgspec)": lambda: _inside(
                [*python, str(SUBJECTS / "decode.py"), str(self.bundle), *map(str, pages)], served.environment
            ),
            "ours": lambda: _inside(
                [*python, str(SUBJECTS / "list_pods.py"), str(self.bundle), served.url, str(authority)],
                served.environment,
            ),
            f"kubernetes {version('kubernetes')}, typed, paged": lambda: _inside(
                [sys.executable, str(SUBJECTS / "typed_client.py"), served.url, str(authority)], served.environment
            ),
        }
        found: dict[str, list[tuple[Measured, float]]] = defaultdict(list)
        for _ in range(max(self.runs, 5)):
            for who, measure in subjects.items():
                found[who].append(measure())
        cpu = {}
        for who, runs in found.items():
            cpu[who] = median(used for _, used in runs)
            peak = medians([each for each, _ in runs]).peak_rss_mib
            self.note(
                "Listing 10,000 pods (77 MB of JSON, 20 pages), without start and imports",
                who=who,
                runs=len(runs),
                cpu_s=cpu[who],
                peak_rss_mib=peak,
            )
        transport, decoding, ours, typed = cpu.values()
        self.ratios["list_10k_pods_vs_limit_cpu"] = ours / (transport + decoding)
        self.ratios["list_10k_pods_vs_typed_client_cpu"] = typed / ours

    def growth(self) -> None:
        """Ours alone, from a thousand pods to a hundred and fifty thousand."""
        peaks = {}
        for pods, nodes in GROWTH:
            with Served("--pods", str(pods), "--nodes", str(nodes)) as served:
                self.scan(served)
                served.counts()
                middle = medians([self.scan(served) for _ in range(self.runs)])
                counts = served.counts()
            peaks[pods] = middle.peak_rss_mib
            self.note(
                "Growth with the cluster, ours",
                pods=pods,
                nodes=nodes,
                **_numbers(middle),
                kubernetes_requests=sum(counts["kubernetes"].values()) // self.runs,
                kubernetes_mb=counts["bytes"] / self.runs / 1e6,
            )
        self.ratios["peak_rss_150k_vs_1k_pods"] = peaks[150_000] / peaks[1_000]
        self.ratios["peak_rss_150k_pods_mib"] = peaks[150_000]

    def namespaces(self) -> None:
        """Ours alone: the same objects in more and more namespaces."""
        requests = {}
        for count in NAMESPACES:
            with Served("--pods", "1000", "--nodes", "25", "--namespaces", str(count)) as served:
                self.scan(served)
                requests[count] = sum(served.counts()["kubernetes"].values())
            self.note("Kubernetes requests of a scan, 1,000 pods", namespaces=count, requests=requests[count])
        self.ratios["kubernetes_requests_1000_vs_1_namespaces"] = requests[1_000] / requests[1]

    def part(self, module: str, *options: str) -> None:
        """Run a benchmark that is a program of its own, and take over what it measured."""
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *options], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        found = json.loads(done.stdout)
        self.ratios |= found["ratios"]
        for row in found["measured"]:
            self.note(found["title"], **row)


def _whole(command: Sequence[str], environment: Mapping[str, str]) -> tuple[Measured, float]:
    done = run(command, environment)
    return done, done.cpu_s


def _inside(command: Sequence[str], environment: Mapping[str, str]) -> tuple[Measured, float]:
    """Run a subject that measures itself: what it says is without its start and its imports."""
    done = run(command, environment)
    return done, json.loads(done.output.splitlines()[-1])["cpu_s"]


def _continue(at: int) -> str:
    return f"&continue={base64.urlsafe_b64encode(f'{at}@104729'.encode()).decode()}" if at else ""


def _kubeconfig(served: Served) -> dict[str, Any]:
    authority = base64.b64encode(served.ca.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "clusters": [{"name": "prod", "cluster": {"server": served.url, "certificate-authority-data": authority}}],
        "users": [{"name": "prod", "user": {"token": "nobody-asks"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "prod"}}],
    }


def _scan_settings() -> dict[str, str]:
    """Settings of the deployed function; it needs no table to scan."""
    from eks_readiness.settings import PROCESS_ENVIRONMENT, ScanSettings  # noqa: PLC0415 - whoever measures stays small

    return {
        **PROCESS_ENVIRONMENT,
        "POWERTOOLS_SERVICE_NAME": "scan",
        **ScanSettings(
            ledger_table="ledger",
            deployment="bench",
            scan_queue_url="https://sqs.eu-west-1.amazonaws.com/111122223333/scans",
            policy={},
            kubernetes_endpoint_suffixes=("127.0.0.1",),
            reserve_seconds=5,
            scan_retention_days=30,
            evidence_bucket="evidence",
        ).to_env(),
    }


def _numbers(measured: Measured) -> dict[str, float]:
    return {"wall_s": measured.wall_s, "cpu_s": measured.cpu_s, "peak_rss_mib": measured.peak_rss_mib}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three figures are enough
    return f"{value:,}" if isinstance(value, int) else str(value)


def built_bundle() -> Path:
    """Build the scanner's bundle for this interpreter, in a process of its own: this one stays small."""
    says = "from infra.lambda_code import Target, build_bundle; print(build_bundle('scan', Target.here()))"
    done = subprocess.run([sys.executable, "-c", says], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


def document(session: Session) -> Iterator[str]:
    """Lines of results.md."""
    yield "# What was measured"
    yield ""
    versions = ", ".join(f"{name} {version(name)}" for name in ("botocore", "kubernetes", "msgspec", "urllib3"))
    yield f"`make bench` on {datetime.now(UTC):%Y-%m-%d}: CPython {platform.python_version()}, {os.cpu_count()} cores,"
    yield f"{versions}. Only ratios of one session compare; how it is measured: [performance](../docs/performance.md)."
    yield ""
    yield "| Goal | At least / at most | Measured | Met |"
    yield "|---|---|---|---|"
    for goal in GOALS:
        found = session.ratios.get(goal.key)
        bound = f"{'≥' if goal.at_least else '≤'} {goal.goal:g}{goal.unit}"
        if found is None:
            yield f"| {goal.what} | {bound} | not measured | |"
        else:
            yield f"| {goal.what} | {bound} | {_figure(found, goal)} | {'yes' if goal.met(found) else 'no'} |"
    for title, rows in session.tables.items():
        yield ""
        yield f"## {title}"
        yield ""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        yield f"| {' | '.join(each.replace('_', ' ') for each in columns)} |"
        yield f"|{'---|' * len(columns)}"
        for row in rows:
            yield f"| {' | '.join(_shown(row[each]) if each in row else '' for each in columns)} |"


def _figure(found: float, goal: Goal) -> str:
    return f"{found:.3g}{goal.unit}" if found < 100 else f"{found:.0f}{goal.unit}"  # noqa: PLR2004 - as above


def main() -> int:
    """Measure, print, and write both files."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3, help="runs of each of ours; the median counts")
    options.add_argument("--hardeneks-runs", type=int, default=1, help="a run takes minutes")
    options.add_argument("--clusters", type=int, default=500, help="of the fleet")
    chosen = options.parse_args()
    with TemporaryDirectory() as scratch:
        session = Session(built_bundle(), Path(scratch), chosen.runs)
        with Served("--pods", "10000", "--nodes", "250") as served:
            session.listing(served)
            session.against_hardeneks(served, chosen.hardeneks_runs)
        session.growth()
        session.namespaces()
        session.part("aws_calls")
        session.part("start_up")
        session.part("fleet", "--clusters", str(chosen.clusters))
    ratios = {goal.key: round(session.ratios[goal.key], 4) for goal in GOALS}
    (RESULTS / "results.json").write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")
    text = "\n".join(document(session)) + "\n"
    (RESULTS / "results.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
