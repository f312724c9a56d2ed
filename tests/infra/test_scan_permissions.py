"""What the scanner is allowed in IAM is what its probes ask for: no more, no less."""

from __future__ import annotations

from eks_readiness.adapters.probes import AWS_PROBES
from infra.scan_permissions import READ_ACTIONS, RIGHTS

READING = ("BatchGet", "Describe", "Get", "List", "Lookup", "Search", "View")


def test_the_scanner_may_do_what_its_probes_do() -> None:
    """A probe that needs another right takes it along; one that goes takes its rights with it."""
    asked_for = {action for probe in AWS_PROBES for action in probe.actions}
    assert set(READ_ACTIONS) == asked_for


def test_no_action_is_allowed_twice() -> None:
    """Each action stands in one right: the wider one would win unseen."""
    assert len(READ_ACTIONS) == len(set(READ_ACTIONS))


def test_every_action_only_reads() -> None:
    """Nothing of it can change anything, none is a wildcard, and none reads a secret's value."""
    assert [action for action in READ_ACTIONS if not action.split(":")[1].startswith(READING)] == []
    assert [
        action for action in READ_ACTIONS if "*" in action or action.startswith(("secretsmanager:GetSecret",))
    ] == []


def test_every_right_is_sorted_and_argued() -> None:
    """The list is read by people who must agree to it."""
    for right in RIGHTS:
        assert list(right.actions) == sorted(right.actions)
        assert right.resources
        assert right.reason.endswith(".")
