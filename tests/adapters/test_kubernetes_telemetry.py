"""What is kept of a log router's configuration, and what a selector selects."""

from __future__ import annotations

import pytest

from eks_readiness.adapters.kubernetes_objects import Requirement, Selector, selects
from eks_readiness.adapters.kubernetes_telemetry import fluent_bit_outputs

CONFIGURATION = """
[FILTER]
    Name parser
    log_group_name not-an-output
[OUTPUT]
    Name es
    HTTP_User reader
    HTTP_Passwd hunter2
[output]
    name cloudwatch_logs
    log_group_name   fargate-logs
    auto_create_group true
"""


def test_names_of_outputs_and_their_groups_alone_are_kept() -> None:
    """A configuration may hold a password: nothing but what the checks name leaves it."""
    assert fluent_bit_outputs(CONFIGURATION) == [
        {"name": "es"},
        {"name": "cloudwatch_logs", "log_group_name": "fargate-logs"},
    ]
    assert fluent_bit_outputs("") == []
    assert len(fluent_bit_outputs("[OUTPUT]\n  Name a\n" * 50)) == 10


@pytest.mark.parametrize(
    ("requirement", "chosen"),
    [
        (Requirement("team", "In", ["a", "b"]), True),
        (Requirement("team", "In", ["b"]), False),
        (Requirement("other", "In", ["b"]), False),
        (Requirement("team", "NotIn", ["b"]), True),
        (Requirement("other", "NotIn", ["b"]), True),
        (Requirement("team", "NotIn", ["a"]), False),
        (Requirement("team", "Exists"), True),
        (Requirement("other", "Exists"), False),
        (Requirement("team", "DoesNotExist"), False),
        (Requirement("other", "DoesNotExist"), True),
        (Requirement("team", "Gt", ["1"]), False),
    ],
)
def test_expressions_of_selectors(requirement: Requirement, *, chosen: bool) -> None:
    """As Kubernetes reads them; an operator that nobody knows selects nothing."""
    assert selects(Selector(match_expressions=[requirement]), {"team": "a"}) is chosen


def test_labels_of_selectors() -> None:
    """Every label must be there; an empty selector selects everything."""
    assert selects(Selector(), {})
    assert selects(Selector(match_labels={"team": "a"}), {"team": "a", "more": "b"})
    assert not selects(Selector(match_labels={"team": "a"}), {"team": "b"})
