"""Bundles as they are deployed, for this interpreter and for Lambda's, where that one is found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.lambda_code import BundleError, BundleName, Target, build_bundle, interpreter_of

ROOT = Path(__file__).parents[2]
DEPLOYED_PYTHON = "3.13"
_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")


class Built(NamedTuple):
    """Both bundles for one Python, and the runtime client for it."""

    python: str
    interpreter: str
    scan: Path
    light: Path
    client: Path


def _pythons() -> list[str]:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return list(dict.fromkeys([here, DEPLOYED_PYTHON]))


@pytest.fixture(scope="session", params=_pythons())
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The bundles for one Python; skipped where that interpreter is not there."""
    python: str = request.param
    try:
        interpreter = interpreter_of(python)
    except BundleError as error:
        pytest.skip(str(error))
    target = Target(python, Target.here().architecture)
    bundles: dict[BundleName, Path] = {name: build_bundle(name, target) for name in ("scan", "light")}
    client = tmp_path_factory.mktemp(f"client-{python}")
    _install_client(interpreter, client)
    return Built(python, interpreter, bundles["scan"], bundles["light"], client)


def _install_client(interpreter: str, into: Path) -> None:
    """Install Lambda's runtime client alone, at the locked versions."""
    lock = (ROOT / "locks" / "dev.txt").read_text(encoding="utf-8")
    pinned = [re.search(rf"(?m)^{name}==[^ ;]+", lock) for name in _CLIENT]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    wanted = [match[0] for match in pinned if match]
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", interpreter, "--target", str(into), *wanted]
    subprocess.run(command, check=True)
