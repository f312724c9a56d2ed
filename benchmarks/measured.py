"""Runs a program and says what it took: seconds, processor time and the most memory it ever held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).parent.parent


class Measured(NamedTuple):
    """One run of one program; `output` is what it printed."""

    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    output: str = ""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run a program to its end.

    The kernel counts for it (wait4): user and system time of all its threads, and the peak of its resident memory. That
    peak begins with this process's own, since it starts as a copy: whoever measures must be smaller than what it
    measures.

    Raises:
        RuntimeError: the program failed; the message holds the end of what it said.
    """
    with TemporaryFile() as said, TemporaryFile() as complained:
        began = time.perf_counter()
        pid = os.posix_spawn(
            command[0],
            list(command),
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, complained.fileno(), 2),
            ],
        )
        _, status, used = os.wait4(pid, 0)
        wall_s = time.perf_counter() - began
        for each in (said, complained):
            each.seek(0)
        output = said.read().decode(errors="replace")
        if os.waitstatus_to_exitcode(status):
            raise RuntimeError(f"{' '.join(command)[:200]}: {output[-1000:]}{complained.read()[-2000:].decode()}")
    return Measured(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def medians(runs: Sequence[Measured]) -> Measured:
    """The median of each number; the last run's output."""
    return Measured(
        median(each.wall_s for each in runs),
        median(each.cpu_s for each in runs),
        median(each.peak_rss_mib for each in runs),
        runs[-1].output,
    )


class Served:
    """A static cluster in a process of its own; a context manager. `environment` is how its account is reached."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.static_cluster", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        where = self._line()
        self.url: str = where["url"]
        self.ca: str = where["ca"]
        self.arn: str = where["arn"]
        self.environment: dict[str, str] = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **where["environment"]}

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the static cluster did not start")
        found: dict[str, Any] = json.loads(line)
        return found

    def counts(self) -> dict[str, Any]:
        """Count what was asked for since the last time: `kubernetes` (path → requests), `bytes` sent, `aws` calls."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
