"""Which command-line flags and feature gates of a component are kept."""

from __future__ import annotations

import pytest

from eks_readiness.adapters.kubernetes_workloads import _Container, _flags, _gates, _Variable

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


@pytest.mark.parametrize(
    ("variable", "words", "found"),
    [
        ("Other=true,NodeRepair=true", [], {"NodeRepair": "true"}),
        ("NodeRepair=true", ["--feature-gates", "NodeRepair=false"], {"NodeRepair": "false"}),
        ("NodeRepair=hunter2", [], {"NodeRepair": "false"}),
        ("Other=true", [], {}),
        (None, [], {}),
    ],
)
def test_of_feature_gates_only_whether_one_is_on(variable: str | None, words: list[str], found: dict[str, str]) -> None:
    """Nothing else of the environment, whatever stands in it; the flag wins, as it does in the program."""
    env = [_Variable("FEATURE_GATES", variable), _Variable("AWS_SECRET_ACCESS_KEY", "NodeRepair=true")]
    assert _gates(("NodeRepair",), [_Container(args=words, env=env)]) == found
    assert _gates((), [_Container(args=words, env=env)]) == {}
