"""Which command-line flags of a component are kept."""

from __future__ import annotations

import pytest

from eks_readiness.adapters.kubernetes_workloads import _Container, _flags

WANTED = ("--nodes", "--txt-owner-id")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--nodes=1:5:asg"], {"--nodes": "1:5:asg"}),
        (["--nodes", "1:5:asg"], {"--nodes": "1:5:asg"}),
        (["--nodes", "--v=4"], {"--nodes": ""}),
        (["--nodes"], {"--nodes": ""}),
        (["--nodes=a", "--nodes=b"], {"--nodes": "b"}),
        (["--nodes-extra=1", "--password=hunter2"], {}),
        ([f"--txt-owner-id={'x' * 500}"], {"--txt-owner-id": "x" * 199 + "…"}),
    ],
)
def test_named_flags_alone_are_kept(words: list[str], found: dict[str, str]) -> None:
    """In each of the ways that they are written, bounded, from the command and from the arguments."""
    assert _flags(WANTED, [_Container(command=["./program"], args=words)]) == found
    assert _flags(WANTED, [_Container(), _Container(command=words)]) == found
