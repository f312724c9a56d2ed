"""What people and machines are told: every kind of event, word for word."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.checklist.items import ITEMS
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.decision import decide, removal
from eks_readiness.domain.event import (
    MAX_DIGEST_MEMBERS,
    DigestEvent,
    DigestKind,
    Event,
    ExpiryEvent,
    ItemChange,
    LevelEvent,
    LevelEventKind,
    Move,
    digest_of,
)
from eks_readiness.domain.ledger import ClusterState
from eks_readiness.domain.policy import Policy
from eks_readiness.ports import Message
from eks_readiness.reports.event_message import (
    MAX_BYTES,
    DigestMessage,
    ExpiryMessage,
    LevelMessage,
    event_message_writer,
)
from tests.scans import CLUSTER, START, request, scorecard, slot, write

URL = "https://example.com/dashboard"
STAGE = msgspec.structs.replace(CLUSTER, name="stage")
SNS_BYTES = 256 * 1024
HOUR = timedelta(hours=1)
HOSTILE = "x\n\x1b[31m\u202e<b>`|" + "ü" * 300


def message(event: Event | None, url: str = URL) -> Message:
    """What is published about an event."""
    assert event is not None
    return event_message_writer(url)(event)


def machine(event: Event | None) -> dict[str, Any]:
    """What programs get."""
    found: dict[str, Any] = json.loads(message(event).bodies["default"])
    return found


def lost(state: ClusterState, *, held: bool = False) -> LevelEvent:
    """What is told when nothing was proven for three hours."""
    done = lose_coverage(state, at=state.slot + 3 * HOUR, interval=HOUR, stale_after_intervals=2.5, held=held)
    assert done is not None
    assert done.event is not None
    return done.event


def restored() -> LevelEvent:
    """What is told when the level is proven again."""
    done = lose_coverage(write(None, 0, 2).state, at=slot(3), interval=HOUR, stale_after_intervals=2.5)
    assert done is not None
    event = write(done.state, 4, 2).event
    assert event is not None
    return event


def unstable() -> LevelEvent:
    """The fourth move of a day."""
    state = write(None, 0, 2).state
    for number, level in enumerate((1, 0), start=1):
        state = write(state, number, level).state  # type: ignore[arg-type] # levels
    for number in (3, 4):
        state = write(state, number, 2).state
    event = write(state, 5, 1).event
    assert event is not None
    return event


def new_rules(cluster: ClusterRef = CLUSTER) -> LevelEvent:
    """A level that other rules moved."""
    card = msgspec.structs.replace(scorecard(1, number=1, cluster=cluster), ruleset="ba9876543210")
    event = decide(write(None, 0, 2, cluster=cluster).state, card, request(1, cluster), Policy(), {}).event
    assert event is not None
    return event


def expiry(cluster: ClusterRef | None = CLUSTER) -> ExpiryEvent:
    """A statement that ends."""
    return ExpiryEvent(
        event_id="0b0e4ef2-6a55-5d1c-9d2e-1f0a53b1c001",
        statement="attestation" if cluster else "waiver",
        subject="runbooks" if cluster else "storage.customer-managed-key",
        cluster=cluster,
        owner="platform team",
        expires_at=START + timedelta(days=14),
    )


def fixed() -> LevelEvent:
    """A regression with everything that explains it."""
    event = write(write(None, 0, 2).state, 1, 0).event
    assert event is not None
    (change, *others) = event.changes
    explained = msgspec.structs.replace(
        change,
        reason="2 of 3 subnets are public",
        offenders=tuple(f"subnet-{number}" for number in range(7)),
        offenders_total=12,
        fix="Move the nodes to private subnets",
    )
    return msgspec.structs.replace(
        event,
        event_id="0b0e4ef2-6a55-5d1c-9d2e-1f0a53b1c000",
        scan_id="0b0e4ef2-6a55-5d1c-9d2e-1f0a53b1c002",
        changes=(explained, *others),
    )


def plain(event: Event | None) -> str:
    """The e-mail, with the ids that are worked out left out."""
    assert event is not None
    text = message(event).bodies["email"].replace(event.event_id, "ID")
    return text.replace(event.scan_id, "SCAN") if isinstance(event, LevelEvent) else text


EVENTS: dict[str, Event | None] = {
    "BASELINE": write(None, 0, 1, 3).event,
    "REGRESSED": fixed(),
    "IMPROVED": write(write(write(None, 0, 1).state, 1, 2).state, 2, 2).event,
    "RULESET_CHANGED": new_rules(),
    "UNSTABLE": unstable(),
    "COVERAGE_LOST": lost(write(None, 0, 2).state),
    "COVERAGE_RESTORED": restored(),
    "CLUSTER_REMOVED": removal(write(None, 0, 2).state).event,
    "EXPIRING": expiry(),
    "digest RULESET_CHANGED": digest_of((new_rules(), new_rules(STAGE)), at=START),
    "digest FLEET_COVERAGE": digest_of(
        (lost(write(None, 0, 2).state), lost(write(None, 0, 1, cluster=STAGE).state)), at=START
    ),
}
SUBJECTS = {
    "BASELINE": "EKS readiness: prod (eu-west-1) starts at level 1",
    "REGRESSED": "EKS readiness: prod (eu-west-1) fell from level 2 to 0",
    "IMPROVED": "EKS readiness: prod (eu-west-1) rose from level 1 to 2",
    "RULESET_CHANGED": "EKS readiness: prod (eu-west-1) is at level 1 under new rules",
    "UNSTABLE": "EKS readiness: prod (eu-west-1) is unstable, now at level 1",
    "COVERAGE_LOST": "EKS readiness: prod (eu-west-1) is unknown (was level 2)",
    "COVERAGE_RESTORED": "EKS readiness: prod (eu-west-1) is known again: level 2",
    "CLUSTER_REMOVED": "EKS readiness: prod (eu-west-1) is no longer scanned",
    "EXPIRING": "EKS readiness: attestation of runbooks ends soon",
    "digest RULESET_CHANGED": "EKS readiness: new rules moved the level of 2 clusters",
    "digest FLEET_COVERAGE": "EKS readiness: 2 clusters cannot be observed any more",
}
# event, direction, priority, from_level, to_level
ATTRIBUTES: dict[str, tuple[str, str, str, int | None, int | None]] = {
    "BASELINE": ("BASELINE", "none", "normal", None, 1),
    "REGRESSED": ("REGRESSED", "down", "high", 2, 0),
    "IMPROVED": ("IMPROVED", "up", "normal", 1, 2),
    "RULESET_CHANGED": ("RULESET_CHANGED", "down", "high", 2, 1),
    "UNSTABLE": ("UNSTABLE", "down", "high", 2, 1),
    "COVERAGE_LOST": ("COVERAGE_LOST", "none", "high", 2, 2),
    "COVERAGE_RESTORED": ("COVERAGE_RESTORED", "none", "normal", 2, 2),
    "CLUSTER_REMOVED": ("CLUSTER_REMOVED", "none", "normal", 2, 2),
    "EXPIRING": ("EXPIRING", "none", "normal", None, None),
    "digest RULESET_CHANGED": ("RULESET_CHANGED", "none", "high", None, None),
    "digest FLEET_COVERAGE": ("FLEET_COVERAGE", "none", "high", None, None),
}


def test_every_kind_of_event_is_here() -> None:
    """A new kind comes with its words."""
    kinds = {*get_args(LevelEventKind), *(f"digest {kind}" for kind in get_args(DigestKind)), "EXPIRING"}
    kinds -= {"OTHER", "digest OTHER"}  # what a newer version wrote: tests/contracts/test_newer_rows.py
    assert set(EVENTS) == set(SUBJECTS) == set(ATTRIBUTES) == kinds
    for name, event in EVENTS.items():
        assert event is not None
        assert event.kind == name.removeprefix("digest ")


@pytest.mark.parametrize("kind", EVENTS)
def test_subject_and_attributes(kind: str) -> None:
    """What filters and phones see; SNS drops attributes beyond ten for raw SQS."""
    found = message(EVENTS[kind])
    assert found.subject == found.bodies["sms"] == SUBJECTS[kind]
    said = [found.attributes.get(name) for name in ("event", "direction", "priority", "from_level", "to_level")]
    assert said == [*ATTRIBUTES[kind]]
    assert len(found.attributes) <= 10
    about_one = not kind.startswith("digest")
    assert [found.attributes.get(name) for name in ("cluster", "account", "region")] == (
        ["prod", "111122223333", "eu-west-1"] if about_one else [None] * 3
    )


@pytest.mark.parametrize("kind", EVENTS)
def test_the_json_has_its_schema_and_nothing_else(kind: str) -> None:
    """It reads back into the type whose schema is published, and is what that type would write."""
    text = message(EVENTS[kind]).bodies["default"]
    shape = {
        "eks-readiness.level-change/1": LevelMessage,
        "eks-readiness.expiry/1": ExpiryMessage,
        "eks-readiness.fleet-digest/1": DigestMessage,
    }[json.loads(text)["schema"]]
    assert msgspec.json.encode(msgspec.json.decode(text, type=shape)).decode() == text
    assert json.loads(text)["event"] == ATTRIBUTES[kind][0]


def test_a_baseline_in_words() -> None:
    """What is missing and what is not known, by level."""
    assert plain(EVENTS["BASELINE"]) == (
        "prod (eu-west-1, 111122223333) was scanned for the first time: readiness level 1 (minimally viable for "
        "production, high risk).\n\n"
        "Observed 2026-03-10 12:00 UTC. Not everything could be observed: the level is between 1 and 3.\n\n"
        "Could not be observed, by the level that it stands in the way of\n  level 2: certificate-management\n\n"
        f"Dashboard: {URL}\n\nEvent ID, scan SCAN\n"
    )


def test_a_regression_in_words() -> None:
    """What changed since when, why, where, how to mend it; offenders have an end."""
    text = plain(EVENTS["REGRESSED"])
    assert text.startswith(
        "prod (eu-west-1, 111122223333) fell from readiness level 2 to 0 (not ready for production).\n\n"
        "Observed 2026-03-10 13:00 UTC. Level 2 had stood since 2026-03-10 12:00 UTC.\n\n"
        "What changed\n"
        "- VPC & networking (required from level 1): was satisfied, is missing since 2026-03-10 13:00 UTC\n"
        "  Why: 2 of 3 subnets are public\n"
        "  Where: subnet-0, subnet-1, subnet-2, subnet-3, subnet-4 and 7 more\n"
        "  Fix: Move the nodes to private subnets\n"
        "- "
    )
    assert text.endswith(
        "Missing, by the level that it stands in the way of\n  level 1: vpc-networking\n\n"
        f"Dashboard: {URL}\n\nEvent ID, scan SCAN\n"
    )


def test_an_improvement_in_words() -> None:
    """What was mended needs no fix."""
    assert plain(EVENTS["IMPROVED"]).startswith(
        "prod (eu-west-1, 111122223333) rose from readiness level 1 to 2 (production ready with acceptable risk).\n\n"
        "Observed 2026-03-10 14:00 UTC. Level 1 had stood since 2026-03-10 12:00 UTC.\n\n"
        "What changed\n"
        "- Certificate management (required from level 2): was missing, is satisfied since 2026-03-10 13:00 UTC\n"
    )


def test_an_unstable_cluster_in_words() -> None:
    """Each move that was held back, the newest last."""
    text = plain(EVENTS["UNSTABLE"])
    assert text.startswith(
        "prod (eu-west-1, 111122223333) is unstable: its readiness level moves too often to tell each move. It is 1 "
        "(minimally viable for production, high risk) now; further moves of the day are told together.\n\n"
    )
    assert "\n\n1 move is told here\n  2026-03-10 17:00 UTC: from 2 to 1\n\n" in text


def test_more_moves_than_are_kept_are_counted() -> None:
    """Twenty of them are named."""
    event = msgspec.structs.replace(
        unstable(),
        moves=(Move(from_level=1, to_level=2, slot=START), Move(from_level=2, to_level=1, slot=slot(1))),
        moves_total=9,
    )
    assert (
        "\n\n9 moves are told together\n  7 before these\n  2026-03-10 12:00 UTC: from 1 to 2\n"
        "  2026-03-10 13:00 UTC: from 2 to 1\n\n"
    ) in plain(event)
    assert (machine(event)["moves_total"], len(machine(event)["moves"])) == (9, 2)


def test_lost_and_restored_coverage_in_words() -> None:
    """A level that nobody proves is unknown, and nobody saw it fall."""
    assert plain(EVENTS["COVERAGE_LOST"]).startswith(
        "prod (eu-west-1, 111122223333): its readiness level was not proven for too long. It is unknown, and was 2 "
        "(production ready with acceptable risk). Nobody saw it fall.\n\nObserved 2026-03-10 12:00 UTC.\n\n"
    )
    assert plain(EVENTS["COVERAGE_RESTORED"]).startswith(
        "prod (eu-west-1, 111122223333) can be observed again: readiness level 2 (production ready with acceptable "
        "risk).\n\nObserved 2026-03-10 16:00 UTC. Proof was lost 2026-03-10 15:00 UTC, and is back.\n\n"
    )
    assert machine(EVENTS["COVERAGE_LOST"])["coverage_lost_at"] == "2026-03-10T15:00:00Z"


def test_a_removed_cluster_and_new_rules_in_words() -> None:
    """Neither is a verdict about the cluster."""
    assert plain(EVENTS["CLUSTER_REMOVED"]).startswith(
        "prod (eu-west-1, 111122223333) is no longer scanned. Its readiness level was 2 (production ready with "
        "acceptable risk); its history stays.\n\n"
    )
    assert plain(EVENTS["RULESET_CHANGED"]).startswith(
        "prod (eu-west-1, 111122223333) is at readiness level 1 (minimally viable for production, high risk) under "
        "new rules, after 2.\n\n"
    )


def test_the_end_of_a_statement_in_words() -> None:
    """Whose it is, what happens then, how to renew it; of one cluster, and of all."""
    assert plain(expiry()) == (
        "The attestation of platform team about runbooks for prod (eu-west-1, 111122223333) ends 2026-03-24 12:00 "
        "UTC. Then what it answers counts as not in place.\n\nRenew it: eks-readiness attest runbooks …\n\n"
        f"Dashboard: {URL}\n\nEvent ID\n"
    )
    assert plain(expiry(None)).startswith(
        "The waiver of platform team about storage.customer-managed-key for every cluster ends 2026-03-24 12:00 UTC. "
        "Then what it accepts counts again.\n\nRenew it: eks-readiness waive storage.customer-managed-key …\n\n"
    )
    assert machine(expiry(None))["cluster"] is None
    assert "cluster" not in message(expiry(None)).attributes


def test_digests_in_words() -> None:
    """Every cluster with what it was and is."""
    assert plain(EVENTS["digest RULESET_CHANGED"]) == (
        "Rules, thresholds or waivers changed, and moved the readiness level of 2 clusters.\n\n"
        "- prod (eu-west-1, 111122223333): 2 -> 1 (certificate-management, service-mesh)\n"
        "- stage (eu-west-1, 111122223333): 2 -> 1 (certificate-management, service-mesh)\n\n"
        f"Dashboard: {URL}\n\nEvent ID\n"
    )
    assert plain(EVENTS["digest FLEET_COVERAGE"]) == (
        "The readiness levels of 2 clusters were not proven for too long. They are unknown; nobody saw them fall. So "
        "many at once point to the scanner, its rights or its network.\n\n"
        "- prod (eu-west-1, 111122223333): was 2\n- stage (eu-west-1, 111122223333): was 1\n\n"
        f"Dashboard: {URL}\n\nEvent ID\n"
    )


def test_a_digest_tells_what_was_held_back_of_each_cluster() -> None:
    """Its own moves, which are not the rules' doing, and that it is observed again."""
    moves = (Move(from_level=3, to_level=2, slot=START), Move(from_level=2, to_level=1, slot=START))
    own = msgspec.structs.replace(new_rules(), moves=moves, moves_total=4, coverage_lost_at=START)
    told = digest_of((own, new_rules(STAGE)), at=START)
    assert plain(told).startswith(
        "Rules, thresholds or waivers changed, and moved the readiness level of 2 clusters.\n\n"
        "- prod (eu-west-1, 111122223333): 2 -> 1 (certificate-management, service-mesh)\n"
        "  its own moves, held back: 2 earlier, 3 -> 2, 2 -> 1\n"
        "  proof was lost 2026-03-10 12:00 UTC, and is back\n"
        "- stage (eu-west-1, 111122223333): 2 -> 1 (certificate-management, service-mesh)\n\n"
    )
    first, second = machine(told)["members"]
    assert [(each["from_level"], each["to_level"]) for each in first["moves"]] == [(3, 2), (2, 1)]
    assert (first["moves_total"], first["coverage_lost_at"]) == (4, "2026-03-10T12:00:00Z")
    assert (second["moves"], second["moves_total"], second["coverage_lost_at"]) == ([], 0, None)
    lost = digest_of((msgspec.structs.replace(own, kind="COVERAGE_LOST"),), at=START)
    assert "its own moves, held back: 2 earlier, 3 -> 2, 2 -> 1" in plain(lost)
    assert "is back" not in plain(lost)


def test_a_digest_for_machines_names_the_events_in_whose_place_it_is() -> None:
    """And each cluster by its ARN."""
    members = machine(EVENTS["digest RULESET_CHANGED"])["members"]
    assert [(each["cluster"]["arn"], each["from_level"], each["to_level"]) for each in members] == [
        (CLUSTER.arn, 2, 1),
        (STAGE.arn, 2, 1),
    ]
    assert [each["event_id"] for each in members] == [new_rules().event_id, new_rules(STAGE).event_id]
    assert {each["changed_total"] for each in members} == {2}


def test_without_a_dashboard_nobody_is_sent_there() -> None:
    """An address is left out, not empty."""
    for event in EVENTS.values():
        assert "Dashboard" not in message(event, "").bodies["email"]


# --- Hostile and large -----------------------------------------------------------------------------------------------


def hostile(event: Event, text: str) -> Event:
    """The event, with a text wherever names of others stand."""
    odd = ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name=text)
    if isinstance(event, ExpiryEvent):
        return msgspec.structs.replace(event, cluster=odd, owner=text, subject=text)
    if isinstance(event, DigestEvent):
        return msgspec.structs.replace(
            event, members=tuple(msgspec.structs.replace(each, cluster=odd) for each in event.members)
        )
    assert isinstance(event, LevelEvent)
    changes = tuple(
        msgspec.structs.replace(each, title=text, reason=text, fix=text, offenders=(text, text), offenders_total=2)
        for each in event.changes
    )
    return msgspec.structs.replace(event, cluster=odd, changes=changes)


@pytest.mark.parametrize("kind", EVENTS)
def test_hostile_names_stay_text(kind: str) -> None:
    """They break no line and move no cursor; SNS takes fewer than 100 printable ASCII characters as a subject."""
    event = EVENTS[kind]
    assert event is not None
    harmless, odd = message(hostile(event, "x")), message(hostile(event, HOSTILE))
    assert len(odd.subject) < 100
    assert odd.subject.isascii()
    assert odd.subject.isprintable()
    prose = odd.bodies["email"]
    assert prose.replace("\n", "").isprintable()
    assert prose.count("\n") == harmless.bodies["email"].count("\n")
    assert json.loads(odd.bodies["default"]).keys() == json.loads(harmless.bodies["default"]).keys()


@given(text=st.text(st.characters(codec="utf-8"), max_size=400), kind=st.sampled_from(sorted(EVENTS)))
def test_no_text_breaks_a_message(text: str, kind: str) -> None:
    """Whatever a name holds."""
    event = EVENTS[kind]
    assert event is not None
    found = message(hostile(event, text))
    assert len(found.subject) < 100
    assert found.subject.isascii()
    assert found.subject.isprintable()
    assert found.bodies["email"].replace("\n", "").isprintable()
    json.loads(found.bodies["default"])


def published_bytes(found: Message) -> int:
    """What SNS counts, written in the longest way."""
    return len(json.dumps(found.bodies).encode()) + len(json.dumps(found.attributes)) + len(found.subject)


def longest_name(number: int) -> ClusterRef:
    """A cluster whose name is as long as EKS lets it be, in the region with the longest name."""
    return ClusterRef(partition="aws", region="ap-southeast-99", account="999999999999", name=f"{number:03}{'n' * 97}")


@pytest.mark.parametrize("kind", ["RULESET_CHANGED", "COVERAGE_LOST"])
def test_the_largest_digest_is_far_below_what_sns_takes(kind: LevelEventKind) -> None:
    """As many clusters as fit, with the longest names, every item of each moved."""
    changes = tuple(
        ItemChange(
            item=each.id,
            title=each.title,
            required_from=each.seed_level,
            priority=each.priority,
            before="satisfied",
            after="missing",
            since=START,
        )
        for each in ITEMS
    )
    members = tuple(
        msgspec.structs.replace(
            new_rules(longest_name(number)),
            kind=kind,
            from_level=3,
            to_level=0,
            changes=changes,
            event_id=f"{number:036}",
        )
        for number in range(MAX_DIGEST_MEMBERS)
    )
    found = message(digest_of(members, at=START))
    assert len(json.loads(found.bodies["default"])["members"]) == MAX_DIGEST_MEMBERS
    assert f"- {longest_name(97)}: 3 -> 0 (" in found.bodies["email"]
    assert "and 42 more)" in found.bodies["email"]
    assert published_bytes(found) < SNS_BYTES / 2


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f600"])
def test_the_largest_event_is_told_even_if_its_details_are_not(letter: str) -> None:
    """Every item moved, each with all the words that it may have: SNS would refuse it for ever."""
    event = fixed()
    changes = tuple(
        ItemChange(
            item=each.id,
            title=each.title,
            required_from=each.seed_level,
            priority=each.priority,
            before="satisfied",
            after="missing",
            since=START,
            reason=letter * 500,
            offenders=(letter * 200,) * 10,
            offenders_total=1000,
            fix=letter * 4000,
        )
        for each in ITEMS
    )
    moves = tuple(Move(from_level=1, to_level=2, slot=START) for _ in range(20))
    found = message(
        msgspec.structs.replace(event, cluster=longest_name(0), changes=changes, moves=moves, moves_total=99)
    )
    assert len(msgspec.json.encode(found.bodies)) <= MAX_BYTES
    assert published_bytes(found) < SNS_BYTES
    told = json.loads(found.bodies["default"])
    assert (len(told["changes"]), told["changes_total"]) == (20, len(ITEMS))
    assert "and 27 more items" in found.bodies["email"]
