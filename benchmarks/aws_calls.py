"""How long it takes to ask AWS for what one scan needs, when each answer comes 30 ms later.

python -m benchmarks.aws_calls prints one JSON object. The product's own probes of EKS, EC2, IAM and Auto Scaling ask an
account over HTTP: side by side, as in a scan, and the same one after another.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from statistics import median

from benchmarks.measured import ROOT, Served, run
from benchmarks.session import built_bundle
from eks_readiness.settings import PROCESS_ENVIRONMENT

DELAY_MS = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    runs = options.parse_args(arguments).runs
    subject = [sys.executable, "-I", "-B", str(ROOT / "benchmarks" / "subjects" / "aws_calls.py"), str(built_bundle())]
    wall: dict[str, list[float]] = {"sequential": [], "together": []}
    calls = {}
    with Served("--pods", "10", "--nodes", "3", "--delay-ms", str(DELAY_MS)) as served:
        for number in range(runs + 1):
            for how, found in wall.items():
                said = run([*subject, served.arn, how], {**served.environment, **PROCESS_ENVIRONMENT}).output
                calls[how] = served.counts()["aws"] // 2
                if number:  # the account makes its answers when they are first asked for
                    found.append(json.loads(said)["wall_s"])
            print(f"aws_calls: {number} of {runs}", file=sys.stderr)
    middle = {how: median(found) for how, found in wall.items()}
    answer = {
        "title": f"AWS calls of a scan to EKS, EC2, IAM and Auto Scaling, each answered {DELAY_MS} ms later",
        "ratios": {"aws_40_calls_vs_sequential_wall": middle["sequential"] / middle["together"]},
        "measured": [
            {"what": how, "runs": runs, "wall_s": middle[how], "aws_calls": calls[how]}
            for how in ("sequential", "together")
        ],
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
