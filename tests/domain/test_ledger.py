"""Scan requests, and what a state that is there already means for one."""

from __future__ import annotations

import pytest

from eks_readiness.domain.ledger import ScanRequest, settled
from tests.scans import CLUSTER, START, request, write


def test_the_same_scan_decides_the_same() -> None:
    """Ids are derived: a redelivered request writes what the first one wrote, or nothing."""
    first, again = write(None, 0, 2), write(None, 0, 2)
    assert first == again
    assert settled(first.state, request(0)) == "already_written"
    assert settled(first.state, request(-1)) == "superseded"
    assert settled(first.state, request(1)) is None
    assert settled(None, request(0)) is None


def test_one_slot_has_one_spelling() -> None:
    """The same instant in another zone is the same run; parts of a second are refused."""
    elsewhere = ScanRequest(cluster_arn=CLUSTER.arn, slot=START.astimezone(), trigger="request")
    assert elsewhere.run_id == request(0).run_id
    with pytest.raises(ValueError, match="whole seconds"):
        ScanRequest(cluster_arn=CLUSTER.arn, slot=START.replace(microsecond=1), trigger="request")
