"""Runs a command, and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eks_readiness.cli import deployed, offline
from eks_readiness.cli.app import ExitCode, app
from eks_readiness.domain.errors import InputError, ProbeError, ReadinessError, bounded

COMMANDS = (offline, deployed)
"""Modules whose commands are registered on the app."""
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


def _said(text: str, code: ExitCode) -> int:
    print(f"error: {text}", file=sys.stderr)
    return code
