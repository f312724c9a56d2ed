"""Runs a command, and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eks_readiness.cli import deployed, offline, operations, schemas
from eks_readiness.cli.app import ExitCode, app
from eks_readiness.domain.errors import FileProblems, InputError, ProbeError, ReadinessError, bounded

COMMANDS = (offline, deployed, operations, schemas)
"""Modules whose commands are registered on the app."""
MAX_LISTED = 100
"""Problems of one file that are shown; a checklist has half as many rows."""
DEBUG = "EKS_READINESS_DEBUG"


def main() -> None:
    """Run the command of this process's arguments."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns its exit code."""
    try:
        app(args=list(arguments), prog_name="eks-readiness")
    except SystemExit as done:  # how Typer ends, also after a usage error, which it has shown
        return done.code if isinstance(done.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return _said("stopped", ExitCode.INTERNAL)
    except BrokenPipeError:
        # Whoever reads has seen enough; Python must not complain about it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:  # the last line of defence: one line, not a traceback
        if os.environ.get(DEBUG):
            raise
        return _failed(error)
    return ExitCode.OK


def _failed(error: Exception) -> int:
    if isinstance(error, FileProblems) and len(error.problems) > 1:
        return _listed(error)
    if isinstance(error, InputError):
        return _said(str(error), ExitCode.USAGE)
    if isinstance(error, ProbeError):
        return _said(str(error), ExitCode.UNKNOWN)
    if isinstance(error, ReadinessError):
        return _said(str(error), ExitCode.INTERNAL)
    return _said(
        f"{type(error).__name__}: {bounded(str(error))} (a defect: report what it says with {DEBUG}=1)",
        ExitCode.INTERNAL,
    )


def _listed(error: FileProblems) -> int:
    """The one line, and below it what it is about."""
    code = _said(f"{error.headline} ({error.remedy})", ExitCode.USAGE)
    for each in error.problems[:MAX_LISTED]:
        print(f"  {each}", file=sys.stderr)
    if len(error.problems) > MAX_LISTED:
        print(f"  and {len(error.problems) - MAX_LISTED} more", file=sys.stderr)
    return code


def _said(text: str, code: ExitCode) -> int:
    print(f"error: {text}", file=sys.stderr)
    return code
