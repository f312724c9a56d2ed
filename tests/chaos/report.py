"""Plants every fault and prints what came of each: fault, where, outcome.

python -m tests.chaos.report [--short]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FILES = ("test_fault_table.py", "test_fault_proxy.py", "test_aws_faults.py", "test_killed_workers.py")
Row = tuple[str, str, str]


class Collector:
    """What the tests noted, and which of them failed."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.failed: list[str] = []
        self.passed = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take what a test noted; a test that failed is a row of its own."""
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed += 1
            self.rows += [value for name, value in report.user_properties if name == "wire-fault"]


def table(rows: Sequence[Row]) -> str:
    """Rows in columns, each once, in the order in which they came."""
    whole = [("FAULT", "WHERE", "OUTCOME"), *dict.fromkeys(rows)]
    widths = [max(len(row[column]) for row in whole) for column in range(2)]
    return "\n".join(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in whole)


def main() -> int:
    """Run, print, and fail where a promise was not kept."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--short", action="store_true", help="only what runs with the other tests")
    chosen = options.parse_args()
    collector = Collector()
    files = [str(HERE / each) for each in FILES]
    wanted = ["-m", "not chaos"] if chosen.short else []
    code = pytest.main(["-q", "--no-header", "--timeout=1800", *wanted, *files], plugins=[collector])
    print(table(collector.rows))
    rows = len(dict.fromkeys(collector.rows))
    print(f"{rows} faults planted in {collector.passed} tests, {len(collector.failed)} failed")
    for each in collector.failed:
        print(f"failed: {each}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
