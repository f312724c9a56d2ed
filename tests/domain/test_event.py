"""Events that are told together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from eks_readiness.domain.event import MAX_DIGEST_MEMBERS, MAX_MEMBER_MOVES, LevelEvent, Move, digest_of
from tests.scans import START, slot, write


def _event(**changes: Any) -> LevelEvent:
    event = write(None, 0, 2).event
    assert event is not None
    return msgspec.structs.replace(event, held=True, **changes)


def test_a_digest_tells_all_that_its_events_tell() -> None:
    """Each cluster's part names its level before and now, what changed, and the newest of its moves."""
    moves = tuple(Move(from_level=2, to_level=1, slot=slot(number)) for number in range(MAX_MEMBER_MOVES + 1))
    first = _event(kind="RULESET_CHANGED", event_id="b", from_level=1, moves=moves, moves_total=9)
    second = _event(kind="RULESET_CHANGED", event_id="a", coverage_lost_at=START)
    digest = digest_of((first, second), at=START + timedelta(hours=1))
    assert (digest.kind, digest.other_kind, digest.created_at) == ("RULESET_CHANGED", "", START + timedelta(hours=1))
    assert digest.name == f"20260310T130000-{digest.event_id}"
    one, other = digest.members
    assert (one.event_id, one.cluster, one.from_level, one.to_level) == ("b", first.cluster, 1, 2)
    assert one.changed == tuple(each.item for each in first.changes)
    assert (one.moves, one.moves_total, one.coverage_lost_at) == (moves[1:], 9, None)
    assert (other.event_id, other.moves, other.coverage_lost_at) == ("a", (), START)


def test_a_digest_is_the_same_whatever_the_order() -> None:
    """Its id is derived from those of its members."""
    events = _event(event_id="a"), _event(event_id="b")
    one, other = digest_of(events, at=START), digest_of(events[::-1], at=START)
    assert one.event_id == other.event_id == str(UUID(one.event_id))
    assert digest_of(events[:1], at=START).event_id != one.event_id


@pytest.mark.parametrize(
    ("changes", "kind", "other_kind"),
    [
        ({"kind": "COVERAGE_LOST"}, "FLEET_COVERAGE", ""),
        ({"kind": "UNSTABLE"}, "OTHER", "UNSTABLE"),
        ({"kind": "OTHER", "other_kind": "MOVED_HOUSE"}, "OTHER", "MOVED_HOUSE"),
    ],
)
def test_any_kind_of_event_can_wait_for_a_digest(changes: dict[str, Any], kind: str, other_kind: str) -> None:
    """Also one that a newer version held back: it is told under the name that it has there."""
    digest = digest_of((_event(**changes),), at=START)
    assert (digest.kind, digest.other_kind) == (kind, other_kind)


def test_a_digest_has_some_events_of_one_kind() -> None:
    """None, too many, and several kinds are refused in words that name them."""
    event = _event(kind="COVERAGE_LOST")
    newer = _event(kind="OTHER", other_kind="MOVED_HOUSE")
    assert len(digest_of((event,) * MAX_DIGEST_MEMBERS, at=START).members) == MAX_DIGEST_MEMBERS
    with pytest.raises(ValueError, match=r"1 to 98 members of one kind, not 0 of no kind\Z"):
        digest_of((), at=START)
    with pytest.raises(ValueError, match=r"not 99 of COVERAGE_LOST\Z"):
        digest_of((event,) * (MAX_DIGEST_MEMBERS + 1), at=START)
    with pytest.raises(ValueError, match=r"not 2 of COVERAGE_LOST, MOVED_HOUSE\Z"):
        digest_of((event, newer), at=START)
