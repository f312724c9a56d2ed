"""Scan requests, and what a state that is there already means for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from eks_readiness.domain.ledger import ScanRequest, outcomes, settled
from tests.scans import CLUSTER, START, request, scorecard, with_findings, write


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


def test_a_slot_is_an_instant_in_utc() -> None:
    """What only other zones can write down has no run."""
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValueError, match=r"slot 0001-01-01T00:00:00\+01:00 is no instant of the years 1 to 9999"):
        ScanRequest(cluster_arn=CLUSTER.arn, slot=first, trigger="request")
    assert ScanRequest(cluster_arn=CLUSTER.arn, slot=first.replace(tzinfo=UTC), trigger="request").slot.year == 1


def test_findings_are_counted_by_outcome() -> None:
    """From the scorecard, or from what was counted before details were left out of it."""
    card = with_findings(scorecard(1), 20)
    assert outcomes(card) == {"fail": 18, "unknown": 2}
    scan = write(None, 0, 1).scan
    assert scan is not None
    whole = msgspec.structs.replace(scan, scorecard=card)
    assert (whole.count("fail"), whole.count("unknown"), whole.count("pass")) == (18, 2, 0)
    cut = msgspec.structs.replace(scan, detail_missing="too large", counts={"fail": 30})
    assert (cut.count("fail"), cut.count("unknown")) == (30, 0)
