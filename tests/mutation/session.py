"""Makes the mutants of a staged copy and runs, in one process, the tests that reach each of them.

mutmut makes the mutants and keeps the results (`mutmut results`, `mutmut show`); its own runner starts pytest anew for
each, which takes hours. Here pytest collects once, notes which functions each test reaches, and then repeats for every
mutant only the tests that reach its function. Started by `tests.mutation.run` as a script in the staged copy, so that
nothing of the product is imported before its mutants are there.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType

import pytest
from _pytest.runner import runtestprotocol
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation import trampoline
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name

SECONDS = 10.0
"""How long one test may take under one mutant: many times what the slowest takes, on a busy machine too."""
MEMORY_BYTES = 6 * 2**30
SURVIVED, KILLED, NO_TESTS, TIMEOUT = 0, 1, 33, 36
"""The exit codes by which mutmut remembers."""


class _TooSlow(BaseException):
    """No Exception: what the engine catches from a crashed check must not catch this."""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _TooSlow

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class MutantLoop:
    """A plugin of pytest: the loop over tests becomes one over mutants."""

    def __init__(self, mutants: Sequence[str]) -> None:
        self.mutants = mutants
        self.codes: dict[str, int] = {}
        self.failed_clean: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Only whether it failed: the words of a failure take longer than the test."""
        if call.when == "collect":
            return None
        excinfo = call.excinfo
        failed = excinfo is not None and not excinfo.errisinstance(pytest.skip.Exception)
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed" if failed else "passed", None, call.when)
        report.sections = [("timeout", "")] if excinfo is not None and excinfo.errisinstance(_TooSlow) else []
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Note what each test reaches, then judge every mutant."""
        items = session.items
        reached = self._reached(items)
        # The evidence of all cases stays: a collector that walks through it again and again takes most of the time.
        gc.collect()
        gc.freeze()
        if self.failed_clean:
            return True
        for number, mutant in enumerate(self.mutants):
            if number % 500 == 0:
                print(f"{number} of {len(self.mutants)} mutants", file=sys.__stderr__, flush=True)
            set_mutant_under_test(mutant)
            self.codes[mutant] = self._code(reached.get(mangled_name_from_mutant_name(mutant), []))
        set_mutant_under_test("")
        return True

    def _reached(self, items: Sequence[pytest.Item]) -> dict[str, list[pytest.Item]]:
        """By function: the tests that call it, the quickest first."""
        found: dict[str, list[tuple[float, int]]] = defaultdict(list)
        calls: set[str] = set()
        vars(trampoline)["record_trampoline_hit"] = lambda name, caller=None: calls.add(name)
        for number, item in enumerate(items):
            calls.clear()
            set_mutant_under_test("stats")
            started = time.perf_counter()
            if any(report.failed for report in runtestprotocol(item, log=False)):
                self.failed_clean.append(item.nodeid)
            took = time.perf_counter() - started
            for name in calls:
                found[name].append((took, number))
        alone = {number for number, item in enumerate(items) if item.path.stem == "alone"}
        for name, tests in found.items():
            # What every check passes through is the engine: its own tests must notice.
            if alone <= {number for _, number in tests}:
                found[name] = [each for each in tests if each[1] not in alone]
        return {name: [items[number] for _, number in sorted(tests)] for name, tests in found.items()}

    @staticmethod
    def _code(items: Sequence[pytest.Item]) -> int:
        for item in items:
            with _at_most(SECONDS):
                reports = runtestprotocol(item, log=False)
            if any(report.failed for report in reports):
                return TIMEOUT if any(report.sections for report in reports) else KILLED
        return SURVIVED if items else NO_TESTS


def main(globs: Sequence[str]) -> int:
    """Make the mutants, judge those that a glob names (by default all), and keep the results."""
    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(2)
    kept = [SourceFileMutationData(path=path) for path in walk_mutatable_files()]
    for each in kept:
        each.load()
    wanted = [
        mutant
        for each in kept
        for mutant in each.exit_code_by_key
        if not globs or any(fnmatch(mutant, glob) for glob in globs)
    ]
    options = [*config().pytest_add_cli_args, *config().pytest_add_cli_args_test_selection]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    stage = Path.cwd()
    os.chdir("mutants")
    loop = MutantLoop(wanted)
    status = pytest.main(["-q", "--assert=plain", "--rootdir=.", *options], plugins=[loop])
    os.chdir(stage)
    if loop.failed_clean or not loop.codes:
        print(f"without any mutant these fail (pytest: {status}): {loop.failed_clean}", file=sys.stderr)
        return 1
    for each in kept:
        each.exit_code_by_key.update({key: loop.codes[key] for key in each.exit_code_by_key if key in loop.codes})
        each.save()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
