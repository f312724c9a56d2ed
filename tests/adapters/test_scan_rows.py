"""Whatever a scan finds, every row of its transaction fits, and says what it leaves out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eks_readiness.adapters.dynamo_items import MAX_EVENT_BYTES, MAX_ITEM_BYTES, event_item, item_bytes, state_item
from eks_readiness.adapters.dynamo_scans import ARCHIVE, ARCHIVED_FROM_BYTES, SUMMARY_BYTES, ScanRows
from eks_readiness.adapters.memory import MemoryScanArchive
from eks_readiness.domain.decision import MAX_HELD, decide
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import Move
from eks_readiness.domain.expiry import MAX_ANNOUNCED
from eks_readiness.domain.ledger import LedgerWrite, ScanRecord
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.ports import BrokenRow
from tests.scans import CLUSTER, REGISTRATION, START, request, scorecard, slot, with_findings, write

MEGABYTE = 1024 * 1024
RETENTION = timedelta(days=30)


class Refusing(MemoryScanArchive):
    """A bucket that takes nothing."""

    def put(self, key: str, body: bytes) -> str:
        """Refuse."""
        raise StoreError(f"{key}: AccessDenied: {'explicit deny ' * 20}")


def _written(card: Scorecard, reason: str) -> LedgerWrite:
    """What such a scan writes; `reason` is what is said about each item, and how each is put right."""
    items = tuple(msgspec.structs.replace(each, reason=reason) for each in card.items)
    fixes = {each.item: reason * 3 for each in card.items}
    before = write(None, 0, 2).state
    told = dict.fromkeys(before.told, "not_covered")
    before = msgspec.structs.replace(before, told=told)  # every item is told anew
    return decide(before, msgspec.structs.replace(card, items=items), request(1), Policy(), fixes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    checks=st.integers(0, 200),
    offenders=st.integers(0, 40),
    characters=st.sampled_from((1, 20, 200, 1000)),
    reason=st.text(max_size=500),
    refused=st.booleans(),
)
@example(checks=0, offenders=0, characters=1, reason="", refused=False)
@example(checks=130, offenders=20, characters=200, reason="\U0001f525" * 500, refused=False)
@example(checks=130, offenders=20, characters=200, reason='"\\' * 250, refused=True)
@example(checks=1250, offenders=40, characters=1000, reason="x" * 500, refused=False)  # 50 MB
@example(checks=1250, offenders=40, characters=1000, reason="x" * 500, refused=True)
@example(checks=1750, offenders=40, characters=1000, reason="", refused=False)  # more than is archived
def test_every_row_fits(checks: int, offenders: int, characters: int, reason: str, refused: bool) -> None:
    """From nothing to 50 MB of details, with and without a bucket."""
    done = _written(with_findings(scorecard(1, number=1), checks, offenders, characters), reason)
    assert done.scan is not None
    assert done.event is not None
    told: list[BrokenRow] = []
    archive = Refusing() if refused else MemoryScanArchive()
    rows = ScanRows(archive, retention=RETENTION, on_broken_row=told.append)
    item = rows.row(CLUSTER, done.scan).item
    event = event_item(done.event, START)
    assert item_bytes(item) < MAX_ITEM_BYTES
    assert item_bytes(event) <= MAX_EVENT_BYTES
    assert item_bytes(state_item(done.state)) < MAX_EVENT_BYTES
    read = rows.whole(item, _body(item))
    assert {each.item: each.state for each in read.scorecard.items} == done.state.items
    assert read.scorecard.level == done.state.interval
    if ARCHIVE in item:
        assert item_bytes(item) <= SUMMARY_BYTES
        assert read == done.scan
    elif read == done.scan:
        assert item_bytes(item) <= ARCHIVED_FROM_BYTES or told
    else:
        assert read.detail_missing
        assert told
        assert sum(read.counts.values()) == checks


def _body(item: dict[str, dict[str, Any]]) -> ScanRecord:
    from eks_readiness.adapters.dynamo_items import body  # noqa: PLC0415 - the name is everywhere else a row's

    return body(item, ScanRecord)


@pytest.mark.parametrize("refused", [False, True])
def test_a_row_without_room_for_one_finding(refused: bool) -> None:
    """The last resort is what decides: items and what is in the way; also in a checklist eight times as long."""
    card = scorecard(1, number=1)
    items = tuple(
        msgspec.structs.replace(each, item=f"{each.item}-{copy}", title="t" * 5000, purpose="p" * 5000)
        for copy in range(8)
        for each in card.items
    )
    card = msgspec.structs.replace(with_findings(card, 1000, 20, 200), items=items)
    scan = ScanRecord(scan_id="9b3f2a52-0e3e-5a53-8a52-54c9a0a6f7aa", slot=slot(1), trigger="schedule", scorecard=card)
    archive = Refusing() if refused else MemoryScanArchive()
    item = ScanRows(archive, retention=RETENTION, on_broken_row=lambda _row: None).row(CLUSTER, scan).item
    assert item_bytes(item) < MAX_ITEM_BYTES
    kept = _body(item)
    assert len(kept.scorecard.items) == len(items)
    assert kept.scorecard.blockers == card.blockers


def test_a_state_is_small() -> None:
    """With everything that it remembers at its most; what a scan finds does not make it larger."""
    state = write(None, 0, 1, 2).state
    items = tuple(state.items)
    full = msgspec.structs.replace(
        state,
        recent=tuple(slot(number) for number in range(100)),
        held=tuple(Move(from_level=2, to_level=1, slot=slot(number)) for number in range(MAX_HELD)),
        held_total=10_000,
        coverage_lost_at=START,
        proven_at=START,
        announced=tuple(f"attestation#{'s' * 200}#{number}" for number in range(MAX_ANNOUNCED)),
        missing={str(level): items for level in (1, 2, 3)},
        unknown={str(level): items for level in (1, 2, 3)},
    )
    assert len(items) == 47
    assert item_bytes(state_item(full)) < 8_000
    assert len(msgspec.json.encode(full)) < 64 * 1024
    assert REGISTRATION.cluster == full.cluster
