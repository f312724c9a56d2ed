"""What the start of each function costs, beside the least that any function which asks EKS pays.

python -m benchmarks.start_up prints one JSON object. Each program runs in a fresh process that sees one bundle and
nothing else, in turn with the others. The yardstick is `import boto3; boto3.client("eks")` by the wheels that the
scanner's bundle is made from: the same versions, with bytecode, and the whole SDK.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measured import ROOT, Measured, medians, run
from eks_readiness.settings import (
    PROCESS_ENVIRONMENT,
    DispatchSettings,
    RelaySettings,
    ScanSettings,
    Settings,
    SweepSettings,
    WidgetSettings,
)

YARDSTICK = 'import boto3; boto3.client("eks")'
_LEDGER: dict[str, Any] = {"ledger_table": "ledger", "deployment": "bench"}
_TELLING: dict[str, Any] = {
    **_LEDGER,
    "topic_arn": "arn:aws:sns:eu-west-1:111122223333:topic",
    "lease_seconds": 60,
    "dashboard_url": "",
}
_QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/scans"
SETTINGS: dict[str, Settings] = {
    "scan": ScanSettings(
        **_LEDGER,
        scan_queue_url=_QUEUE,
        policy={},
        kubernetes_endpoint_suffixes=(),
        reserve_seconds=5,
        scan_retention_days=30,
        evidence_bucket="evidence",
    ),
    "dispatch": DispatchSettings(**_LEDGER, scan_queue_url=_QUEUE, jitter_seconds=0),
    "relay": RelaySettings(**_TELLING),
    "sweep": SweepSettings(
        **_TELLING, pending_after_seconds=60, digest_after_seconds=600, scan_interval_seconds=3600, policy={}
    ),
    "widget": WidgetSettings(**_LEDGER, scan_interval_seconds=3600, policy={}),
}
_BUILD = """
from infra.lambda_code import Target, build_bundle, install_wheels
here = Target.here()
print(install_wheels("scan", here), build_bundle("scan", here), build_bundle("light", here), sep="\\n")
"""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLESTART0001",
    "AWS_SECRET_ACCESS_KEY": "start-secret-key",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
}


def start(says: str, path: Path, environment: dict[str, str]) -> Measured:
    """Run code in a process that sees one directory of packages, and ends as Lambda freezes it: without a farewell."""
    code = f"import sys; sys.path.insert(0, {str(path)!r}); {says}; import os; os._exit(0)"
    return run([sys.executable, "-I", "-S", "-B", "-c", code], {**_ENVIRONMENT, **environment})


def megabytes(bundle: Path) -> float:
    """What a bundle takes unzipped, bytecode included."""
    return sum(each.stat().st_size for each in bundle.rglob("*") if each.is_file()) / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=11)
    runs = options.parse_args(arguments).runs
    built = subprocess.run([sys.executable, "-c", _BUILD], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    wheels, scan, light = map(Path, built.stdout.split())
    programs = {YARDSTICK: (YARDSTICK, wheels, dict(_ENVIRONMENT))}
    for verb, settings in SETTINGS.items():
        environment = {"POWERTOOLS_SERVICE_NAME": verb, **PROCESS_ENVIRONMENT, **settings.to_env()}
        programs[verb] = f"import functions.{verb}.handler", scan if verb == "scan" else light, environment
    found: dict[str, list[Measured]] = {name: [] for name in programs}
    for number in range(runs + 1):
        for name, (says, path, environment) in programs.items():
            done = start(says, path, environment)
            if number:  # the first one reads the files from the disk
                found[name].append(done)
        print(f"start_up: {number} of {runs}", file=sys.stderr)
    middle = {name: medians(each) for name, each in found.items()}
    cpu = {name: each.cpu_s / middle[YARDSTICK].cpu_s for name, each in middle.items()}
    answer = {
        "title": "Start of each function, whole process",
        "ratios": {
            "init_scan_vs_boto3_eks_cpu": cpu["scan"],
            "init_light_vs_boto3_eks_cpu": max(cpu[verb] for verb in SETTINGS if verb != "scan"),
            "bundle_scan_mb": megabytes(scan),
            "bundle_light_mb": megabytes(light),
        },
        "measured": [
            {
                "what": name,
                "runs": runs,
                "wall_s": each.wall_s,
                "cpu_s": each.cpu_s,
                "peak_rss_mib": each.peak_rss_mib,
                "cpu_to_the_first": cpu[name],
            }
            for name, each in middle.items()
        ],
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
