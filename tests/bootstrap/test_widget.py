"""The widget's pages, from a ledger in memory."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from eks_readiness.adapters.memory import SetClock, memory_ledger
from eks_readiness.bootstrap.widget import Widget
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.errors import InputError
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.scorecard import Level
from eks_readiness.ports import Ledger
from tests.scans import CLUSTER, REGISTRATION, START, slot, write

ENDPOINT = "arn:aws:lambda:eu-west-1:111122223333:function:widget"
NEW = msgspec.structs.replace(CLUSTER, name="new")


@pytest.fixture
def ledger() -> Ledger:
    """One cluster at level 1 with gaps, one that was never scanned."""
    found = memory_ledger()
    found.registry.register(REGISTRATION)
    found.registry.register(Registration(cluster=NEW, registered_at=START))
    found.results.commit(write(None, 0, 1, 2), at=START)
    return found


def _widget(ledger: Ledger, hours: float = 0.5) -> Widget:
    return Widget(
        ledger=ledger,
        clock=SetClock(START + timedelta(hours=hours)),
        interval=timedelta(hours=1),
        stale_after_intervals=2.5,
    )


def test_the_fleet(ledger: Ledger) -> None:
    """Level with its certainty, what is in the way, freshness; a click leads to the cluster."""
    page = _widget(ledger)({"widgetContext": {}}, endpoint=ENDPOINT)
    assert "1 (partial, as of" in page
    assert "certificate-management unknown" in page
    assert "2026-03-10 12:00 UTC" in page
    assert "not scanned yet" in page
    assert f'endpoint="{ENDPOINT}"' in page
    assert page.index(">new<") < page.index("prod")


def test_a_stale_level_is_not_shown_as_one(ledger: Ledger) -> None:
    """After two and a half intervals without proof it says what was, and that it is not known."""
    assert "unknown (was 1)" in _widget(ledger, hours=3)({}, endpoint=ENDPOINT)


def test_a_level_that_nothing_proves_any_more(ledger: Ledger) -> None:
    """Says since when, and loses its colour; also when the widget was not told of a faster schedule."""
    state = ledger.results.state(CLUSTER.arn)
    assert state is not None
    lost = lose_coverage(state, at=slot(3), interval=timedelta(hours=1), stale_after_intervals=2.5)
    assert lost is not None
    ledger.results.commit(lost, at=slot(3))
    page = _widget(ledger)({"cluster": CLUSTER.arn}, endpoint=ENDPOINT)
    assert '<p class="level dim">Level unknown (was 1)' in page
    assert "Nothing proves this level any more; that was told 2026-03-10 15:00 UTC." in page
    assert "unknown (was 1)" in _widget(ledger)({}, endpoint=ENDPOINT)


def test_a_cluster_with_its_own_patience(ledger: Ledger) -> None:
    """What is registered about it decides from when on its level is unknown, as the sweeper does it."""
    ledger.registry.register(msgspec.structs.replace(REGISTRATION, policy={"stale_after_intervals": 10}))
    for event in ({}, {"cluster": CLUSTER.arn}):
        assert "1 (partial, as of" in _widget(ledger, hours=5)(event, endpoint=ENDPOINT)
        assert "unknown (was 1)" in _widget(ledger, hours=11)(event, endpoint=ENDPOINT)


def test_a_level_that_moves_too_often(ledger: Ledger) -> None:
    """With the moves that nobody was told."""
    levels: tuple[Level, ...] = (0, 1, 1, 0, 1, 1, 0)
    for number, level in enumerate(levels, start=1):
        done = write(ledger.results.state(CLUSTER.arn), number, level)
        assert ledger.results.commit(done, at=slot(number)) == "written"
    page = _widget(ledger, hours=7)({"cluster": CLUSTER.arn}, endpoint=ENDPOINT)
    assert "Level 0 (unstable: 1 move not told yet)" in page
    assert "It moved from 1 to 0 2026-03-10 19:00 UTC; that is not told yet." in page
    assert "0 (unstable: 1 move not told yet)" in _widget(ledger, hours=7)({}, endpoint=ENDPOINT)


def test_one_cluster(ledger: Ledger) -> None:
    """Its open items and why."""
    page = _widget(ledger)({"cluster": CLUSTER.arn}, endpoint=ENDPOINT)
    assert "<h3>prod" in page
    assert "Certificate management" in page


def test_it_describes_itself(ledger: Ledger) -> None:
    """CloudWatch asks for documentation."""
    assert "### Parameters" in _widget(ledger)({"describe": True}, endpoint=ENDPOINT)


@pytest.mark.parametrize("event", [{"cluster": "arn:x"}, {"cluster": NEW.arn}, {"cluster": ["a"]}])
def test_a_wrong_event_is_refused_in_words(ledger: Ledger, event: dict[str, object]) -> None:
    """Events come from dashboards that anybody may have edited."""
    with pytest.raises(InputError):
        _widget(ledger)(event, endpoint=ENDPOINT)


@pytest.mark.parametrize("event", [None, [], "x", {"describe": False, "cluster": ""}])
def test_whatever_else_it_gets_it_shows_the_fleet(ledger: Ledger, event: object) -> None:
    """Nothing in an event but a cluster's ARN is looked at."""
    assert "prod" in _widget(ledger)(event, endpoint=ENDPOINT)


def test_a_scan_without_its_details_says_so(ledger: Ledger) -> None:
    """What is there is shown, and that the rest is gone."""
    state = ledger.results.state(CLUSTER.arn)
    done = write(state, 20, 1, 2)
    assert done.scan is not None
    scan = msgspec.structs.replace(done.scan, detail_missing="s3://b/<k> could not be read: NoSuchKey")
    assert "Details of this scan are missing" not in _widget(ledger)({"cluster": CLUSTER.arn}, endpoint=ENDPOINT)
    assert ledger.results.commit(msgspec.structs.replace(done, scan=scan), at=START) == "written"
    page = _widget(ledger)({"cluster": CLUSTER.arn}, endpoint=ENDPOINT)
    assert "Details of this scan are missing, its level and items are not: s3://b/&lt;k&gt; could not be read" in page
    assert "Certificate management" in page


def test_hostile_text_is_escaped(ledger: Ledger) -> None:
    """Reasons come from clusters: they are shown, and never run."""
    scan = write(None, 5, 1)
    assert scan.scan is not None
    items = tuple(
        msgspec.structs.replace(each, reason="<script>alert(1)</script>") for each in scan.scan.scorecard.items
    )
    card = msgspec.structs.replace(scan.scan.scorecard, items=items)
    state = ledger.results.state(CLUSTER.arn)
    assert state is not None
    evil = msgspec.structs.replace(write(state, 5, 1), scan=msgspec.structs.replace(scan.scan, scorecard=card))
    assert ledger.results.commit(evil, at=START) == "written"
    page = _widget(ledger)({"cluster": CLUSTER.arn}, endpoint=ENDPOINT)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
