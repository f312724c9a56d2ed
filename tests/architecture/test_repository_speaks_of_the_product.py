"""Nothing of the place where the code was written stays in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNWANTED = {
    "a path of somebody's machine": re.compile(r"(?<![\w.*>}\]-])/(?:work|root|home/[\w.-]+|Users/[\w.-]+)/"),
    "a package registry's host": re.compile(r"\b(?:pypi\.org|pythonhosted\.org|registry\.(?:npmjs|yarnpkg))\b"),
    "an address in a lock file": re.compile(r'"resolved"\s*:'),
}


def tracked_texts() -> dict[str, str]:
    """Path → text of every tracked file that is text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    contents = {path: path.read_bytes() for path in paths if path.is_file()}
    return {str(path.relative_to(ROOT)): raw.decode() for path, raw in contents.items() if b"\0" not in raw[:8000]}


@pytest.mark.parametrize("what", UNWANTED)
def test_no_tracked_file_contains(what: str) -> None:
    """A clone reads the same wherever and by whomever it was made."""
    texts = tracked_texts()
    assert "pyproject.toml" in texts
    found = [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}: {match.group()}"
        for name, text in texts.items()
        for match in UNWANTED[what].finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of somebody's machine", "cd " + "/home" + "/alice/eks"),
        ("a path of somebody's machine", '"' + "/root" + '/.kube/config"'),
        ("an address in a lock file", '"resolved"' + ': "https://mirror.example/aws-cdk.tgz"'),
        ("a package registry's host", "https://" + "pypi" + ".org/simple"),
        ("a package registry's host", "https://registry." + "npmjs" + ".org/aws-cdk"),
    ],
)
def test_the_patterns_find_what_they_name(what: str, text: str) -> None:
    """The search above would notice."""
    assert UNWANTED[what].search(text)
