"""Threads that meet a kind of object for the first time do not meet it half made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_new_kinds_are_decoded_in_many_threads_at_once() -> None:
    """In a process of its own: what went wrong here ended the process."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.adapters.decode_at_once"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
