"""What gets installed is decided by the lock files: hashed, without addresses, the same versions everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PIN = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)(?: ; [^\\]+?)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)


def pins(lock: Path) -> dict[str, str]:
    """Name → version of every package that is pinned with at least one hash."""
    return {name: version for name, version, _ in PIN.findall(lock.read_text())}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_with_hashes(lock: Path) -> None:
    """Nothing gets installed whose bytes were not seen when the lock was made."""
    requirements = [line for line in lock.read_text().splitlines() if line and line[0] not in "# "]
    assert requirements
    assert len(PIN.findall(lock.read_text())) == len(requirements)


@pytest.mark.parametrize("lock", [*LOCKS, ROOT / "package-lock.json"], ids=lambda lock: lock.name)
def test_no_lock_names_an_address(lock: Path) -> None:
    """Everybody installs from the index or mirror of their own configuration."""
    text = lock.read_text()
    assert "://" not in text
    assert '"resolved"' not in text
    assert "--index" not in text


@pytest.mark.parametrize("bundle", ["bundle-scan", "bundle-light"])
def test_bundles_carry_the_versions_that_the_tests_ran_with(bundle: str) -> None:
    """Lambda runs what `make test` ran."""
    tested = pins(ROOT / "locks/dev.txt")
    carried = pins(ROOT / f"locks/{bundle}.txt")
    assert carried
    assert carried == {name: tested.get(name) for name in carried}


def test_only_the_scan_bundle_carries_kubernetes() -> None:
    """The other functions start without its 60 MB."""
    assert "kubernetes" in pins(ROOT / "locks/bundle-scan.txt")
    assert "kubernetes" not in pins(ROOT / "locks/bundle-light.txt")


def test_node_packages_are_pinned_exactly_and_with_integrity() -> None:
    """The CDK command line is the one that reads the library's assemblies, byte for byte."""
    manifest = json.loads((ROOT / "package.json").read_text())
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in manifest["devDependencies"].items():
        locked = packages[f"node_modules/{name}"]
        assert locked["version"] == version
    assert all("integrity" in locked for path, locked in packages.items() if path)
