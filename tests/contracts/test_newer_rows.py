"""What a newer version wrote is read, kept and told by this one: after a rollback, and while a deployment goes on."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from eks_readiness import names
from eks_readiness.adapters import dynamo_items, newer_values
from eks_readiness.adapters.dynamo_items import BODY, SCAN_PREFIX, STATE, outbox_key
from eks_readiness.adapters.memory import MemoryLevelNotifier, MemoryMetricSink, SetClock
from eks_readiness.app.relay_events import RelayEvent
from eks_readiness.app.sweep import Sweep
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.coverage import lose_coverage
from eks_readiness.domain.event import DigestEvent, ForeignEvent, LevelEvent, StoredEvent, digest_of
from eks_readiness.domain.ledger import ClusterState, LedgerWrite, Registration, ScanRecord
from eks_readiness.ports import BrokenRow, Ledger
from eks_readiness.reports.event_message import event_message_writer
from tests.contracts.conftest import OnAws
from tests.scans import CLUSTER, REGISTRATION, START, with_findings, write

HOUR = timedelta(hours=1)
STAGE = msgspec.structs.replace(CLUSTER, name="stage")
DIGEST_ID = "9b3f2a52-0e3e-5a53-8a52-54c9a0a6f7aa"
Change = Callable[[dict[str, Any]], None]


def rewrite(on_aws: OnAws, prefix: str, change: Change) -> None:
    """Let a newer version have written the rows under a prefix: schema 2, a new field everywhere, and a change."""
    for item in on_aws.rows(prefix):
        stored = item[BODY]
        packed = "B" in stored
        document = msgspec.json.decode(zlib.decompress(stored["B"]) if packed else stored["S"])
        if "schema" in document:
            document["schema"] = 2
        _add_fields(document)
        change(document)
        text = msgspec.json.encode(document)
        item[BODY] = {"B": zlib.compress(text)} if packed else {"S": text.decode()}
        item["schema"] = {"N": "2"}
        item["newer_attribute"] = {"S": "x"}
        on_aws.dynamodb.put_item(TableName=on_aws.table, Item=item)


# Their keys are ids or levels, not fields.
MAPS = {"items", "since", "told", "missing", "unknown", "policy", "counts"}


def _add_fields(document: Any) -> None:
    if isinstance(document, list):
        for each in document:
            _add_fields(each)
    if isinstance(document, dict):
        for name, value in document.items():
            if name not in MAPS or isinstance(value, list):
                _add_fields(value)
        document["newer_field"] = {"of": ["a", "newer", "version"]}


def nothing(_document: dict[str, Any]) -> None:
    """No further change."""


@pytest.fixture
def ledger(on_aws: OnAws) -> Ledger:
    """A ledger with one registered cluster."""
    made = on_aws.ledger()
    made.registry.register(REGISTRATION)
    return made


def _event(done: LedgerWrite) -> LevelEvent:
    assert done.event is not None
    return done.event


def test_new_fields_are_passed_over(on_aws: OnAws, ledger: Ledger, broken_rows: list[BrokenRow]) -> None:
    """In every value, at every depth; nothing of what is known is lost."""
    first = write(None, 0, 1, 2)
    ledger.results.commit(first, at=START)
    attestation = Attestation(subject="runbooks", owner="sre", issued_at=START, expires_at=START + 90 * 24 * HOUR)
    waiver = Waiver(check="a.b", owner="sre", reason="moves", issued_at=START, expires_at=START + 24 * HOUR)
    ledger.statements.attest([attestation])
    ledger.statements.waive(waiver)
    rewrite(on_aws, "", nothing)
    assert ledger.registry.registration(CLUSTER.arn) == REGISTRATION
    assert list(ledger.registry.registered()) == [REGISTRATION]
    assert ledger.results.state(CLUSTER.arn) == first.state
    assert list(ledger.results.states()) == [first.state]
    assert ledger.results.newest_scan(CLUSTER.arn) == first.scan
    assert ledger.statements.attestations(CLUSTER.arn) == (attestation,)
    assert ledger.statements.waivers(CLUSTER.arn) == (waiver,)
    key = _event(first).key
    assert [each.key for each in ledger.outbox.pending()] == [key]
    assert ledger.outbox.claim(key, until=START + HOUR, at=START) == first.event
    assert broken_rows == []


def test_the_files_of_users_stay_strict() -> None:
    """There an unknown field is a mistake of theirs."""
    for kind in (Attestation, Waiver):
        with pytest.raises(msgspec.ValidationError, match="unknown field `ower`"):
            msgspec.json.decode(b'{"ower": "sre"}', type=kind)


def test_a_scan_goes_on_from_a_state_of_a_newer_version(on_aws: OnAws, ledger: Ledger) -> None:
    """It is written again as this version writes it, and the next event follows from it."""
    first = write(None, 0, 2)
    ledger.results.commit(first, at=START)

    def new_verdicts(state: dict[str, Any]) -> None:
        state["items"]["storage"] = "amber"
        state["told"]["storage"] = "amber"
        state["missing"]["4"] = ["a-new-item"]

    rewrite(on_aws, STATE, new_verdicts)
    before = ledger.results.state(CLUSTER.arn)
    assert before is not None
    assert (before.schema, before.level, before.items["storage"]) == (1, 2, "unknown")  # type: ignore[index]
    second = write(before, 1, 0)
    assert ledger.results.commit(second, at=START) == "written"
    assert ledger.results.state(CLUSTER.arn) == second.state
    assert (_event(second).kind, _event(second).from_level) == ("REGRESSED", 2)
    lost = lose_coverage(second.state, at=START + 99 * HOUR, interval=HOUR, stale_after_intervals=2.5)
    assert lost is not None
    assert lost.state.schema == 1


def test_new_verdicts_of_a_scan_are_unknown(on_aws: OnAws, ledger: Ledger) -> None:
    """Never a pass, never a fail; a level above those that are known is the highest of them."""
    first = write(None, 0, 2)
    assert first.scan is not None
    card = with_findings(first.scan.scorecard, 5)
    first = msgspec.structs.replace(first, scan=msgspec.structs.replace(first.scan, scorecard=card))
    ledger.results.commit(first, at=START)

    def new_verdicts(scan: dict[str, Any]) -> None:
        scan["trigger"] = "audit"
        scan["scorecard"]["level"] = {"lowest": 2, "highest": 4}
        scan["scorecard"]["items"][0] |= {"state": "amber", "category": "artificial", "required_from": 4}
        scan["scorecard"]["findings"][0]["outcome"] = "deferred"
        scan["scorecard"]["findings"][4]["unknown_reason"] = "embargoed"
        scan["scorecard"]["blockers"]["missing"]["4"] = ["a-new-item"]

    rewrite(on_aws, SCAN_PREFIX, new_verdicts)
    found = ledger.results.newest_scan(CLUSTER.arn)
    assert found is not None
    assert (found.trigger, str(found.scorecard.level)) == ("request", "2-3")
    item, finding = found.scorecard.items[0], found.scorecard.findings[0]
    assert (item.state, item.category, item.required_from, finding.outcome) == ("unknown", "practices", 3, "unknown")
    assert set(found.scorecard.blockers.missing) == {1, 2, 3}
    assert len(found.scorecard.findings) == 5


def test_a_cluster_is_scanned_although_a_newer_version_set_its_thresholds(on_aws: OnAws, ledger: Ledger) -> None:
    """Those that are known count; in what this version wrote itself, an unknown one stays a mistake."""
    ledger.registry.register(msgspec.structs.replace(REGISTRATION, policy={"min_zones": 3, "max_moons": 1}))
    registration = ledger.registry.registration(CLUSTER.arn)
    assert registration is not None
    assert registration.policy == {"min_zones": 3, "max_moons": 1}
    rewrite(on_aws, dynamo_items.REGISTRATION, nothing)
    for found in (ledger.registry.registration(CLUSTER.arn), *ledger.registry.registered()):
        assert found is not None
        assert found.policy == {"min_zones": 3}


class Telling:
    """The relay and the sweeper over a ledger, and what they tell."""

    def __init__(self, ledger: Ledger) -> None:
        self.clock = SetClock(START)
        self.notifier = MemoryLevelNotifier()
        self.metrics = MemoryMetricSink()
        self.relay = RelayEvent(
            outbox=ledger.outbox,
            notifier=self.notifier,
            metrics=self.metrics,
            clock=self.clock,
            lease_seconds=180,
        )
        self.sweep = Sweep(
            ledger=ledger,
            relay=self.relay,
            metrics=self.metrics,
            clock=self.clock,
            pending_after_seconds=120,
            digest_after_seconds=1200,
            interval_seconds=3600,
            policy={},
        )

    def words(self) -> str:
        """The newest message as people read it."""
        message = event_message_writer("")(self.notifier.events[-1])
        assert message.subject.isascii()
        return f"{message.subject}\n{message.bodies['email']}"


def test_an_event_of_a_new_kind_is_told(on_aws: OnAws, ledger: Ledger) -> None:
    """Under its own name, with cluster and level, once."""
    first = write(None, 0, 1, 2)
    ledger.results.commit(first, at=START)

    def new_kind(event: dict[str, Any]) -> None:
        event["kind"] = "DRIFTED"
        event["changes"][0]["after"] = "amber"

    rewrite(on_aws, names.OUTBOX_PREFIX, new_kind)
    telling = Telling(ledger)
    told = telling.relay(_event(first).key)
    assert told is not None
    assert isinstance(told.event, LevelEvent)
    assert (told.event.kind, told.event.other_kind, told.event.to_level) == ("OTHER", "DRIFTED", 1)
    assert told.event.event_id == _event(first).event_id
    assert told.event.changes[0].after == "unknown"
    words = telling.words()
    assert "DRIFTED" in words
    assert "prod" in words
    machine = msgspec.json.decode(event_message_writer("")(told.event).bodies["default"])
    assert (machine["event"], machine["to_level"]) == ("DRIFTED", 1)
    assert telling.relay(_event(first).key) is None
    assert list(ledger.outbox.pending()) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type": "forecast", "event_id": "e-1", "kind": "WILL_FALL", "text": "prod falls on Friday"}', "WILL_FALL"),
        ('{"type": "forecast", "event_id": 7}', "forecast"),
        ('{"type": "level", "event_id": "e-1", "kind": "REGRESSED"}', "REGRESSED"),
        ('{"type": "expiry", "statement": "promise"}', "expiry"),
        ("[1, 2]", "UNREADABLE"),
        ("not JSON", "UNREADABLE"),
        ("", "UNREADABLE"),
    ],
)
def test_an_event_that_cannot_be_read_is_told_as_it_is(
    text: str, kind: str, on_aws: OnAws, ledger: Ledger, broken_rows: list[BrokenRow]
) -> None:
    """Never dropped, never tried for ever: with its text, its cluster, one id, and a word to the operators."""
    first = write(None, 0, 1, 2)
    ledger.results.commit(first, at=START)
    key = _event(first).key
    (item,) = on_aws.rows(names.OUTBOX_PREFIX)
    body = {"S": text} if text else {"B": b"not packed"}
    on_aws.dynamodb.put_item(TableName=on_aws.table, Item={**item, BODY: body})
    telling = Telling(ledger)
    telling.clock.at = START + HOUR
    result = telling.sweep()
    assert result.failures == ()
    (told,) = telling.notifier.events
    assert isinstance(told, ForeignEvent)
    assert (told.kind, told.key, told.cluster, told.document) == (kind, key, CLUSTER, text)
    assert told.event_id == ("e-1" if "e-1" in text else told.event_id) != ""
    words = telling.words()
    assert kind in words
    assert text in words
    assert "prod" in words
    assert len(broken_rows) == 1
    telling.clock.at += HOUR
    assert telling.sweep().relayed == ()
    assert list(ledger.outbox.pending()) == []


@pytest.mark.parametrize("text", ['{"type": "level", "event_id": "e-1", "kind": "COVERAGE_LOST"}', "not JSON"])
def test_a_held_event_that_cannot_be_read_is_told_by_itself(
    text: str, on_aws: OnAws, ledger: Ledger, broken_rows: list[BrokenRow]
) -> None:
    """No digest has a place for it, and nobody else would tell it; the other held ones are told together."""
    keys = []
    for cluster in (CLUSTER, STAGE):
        ledger.registry.register(Registration(cluster=cluster, registered_at=START))
        first = write(None, 0, 1, 2, cluster=cluster)
        held = msgspec.structs.replace(_event(first), kind="COVERAGE_LOST", held=True)
        assert ledger.results.commit(msgspec.structs.replace(first, event=held), at=START) == "written"
        keys.append(held.key)
    (item,) = (each for each in on_aws.rows("HELD#") if each["pk"]["S"] == CLUSTER.arn)
    on_aws.dynamodb.put_item(TableName=on_aws.table, Item={**item, BODY: {"S": text}})
    assert broken_rows == []
    telling = Telling(ledger)
    telling.clock.at = START + timedelta(minutes=10)
    assert telling.sweep().relayed == ()
    telling.clock.at = START + timedelta(minutes=30)
    result = telling.sweep()
    assert (result.digests, result.failures) == (1, ())
    (told,) = telling.notifier.events
    assert isinstance(told, ForeignEvent)
    assert (told.key, told.cluster, told.document) == (keys[0], CLUSTER, text)
    assert [each.key for each in broken_rows] == [f"{CLUSTER.arn} HELD#{keys[0].name}"]
    assert "leave it there" in broken_rows[0].problem
    telling.clock.at = START + timedelta(minutes=40)
    telling.sweep()
    assert [type(each) for each in telling.notifier.events] == [ForeignEvent, DigestEvent]
    assert list(ledger.outbox.pending()) == []


def test_a_held_event_that_somebody_tells_is_in_no_digest(on_aws: OnAws, ledger: Ledger) -> None:
    """A version that cannot read it has it in hand, another one that can makes a digest meanwhile."""
    first = write(None, 0, 1, 2)
    held = msgspec.structs.replace(_event(first), kind="COVERAGE_LOST", held=True)
    ledger.results.commit(msgspec.structs.replace(first, event=held), at=START)
    (item,) = on_aws.rows("HELD#")
    on_aws.dynamodb.put_item(TableName=on_aws.table, Item={**item, BODY: {"S": "{}"}})
    lease = START + timedelta(minutes=3)
    assert isinstance(ledger.outbox.claim(held.key, until=lease, at=START), ForeignEvent)
    assert ledger.outbox.claim(held.key, until=lease, at=START) is None
    digest = digest_of((held,), at=START)
    assert not ledger.outbox.bundle(digest, [held.key], at=START)
    later = digest_of((held,), at=lease)
    assert ledger.outbox.bundle(later, [held.key], at=lease)


def test_held_events_of_a_new_kind_are_told_together(on_aws: OnAws, ledger: Ledger) -> None:
    """Nobody else would tell them: held events wait for a digest."""
    first = write(None, 0, 1, 2)
    held = msgspec.structs.replace(_event(first), kind="COVERAGE_LOST", held=True)
    ledger.results.commit(msgspec.structs.replace(first, event=held), at=START)

    def new_kind(event: dict[str, Any]) -> None:
        event["kind"] = "REGION_LOST"

    rewrite(on_aws, "HELD#", new_kind)
    telling = Telling(ledger)
    telling.clock.at = START + timedelta(minutes=30)
    assert telling.sweep().digests == 1
    telling.clock.at = START + timedelta(minutes=40)
    telling.sweep()
    (told,) = telling.notifier.events
    assert isinstance(told, DigestEvent)
    assert (told.kind, told.other_kind, [each.cluster for each in told.members]) == ("OTHER", "REGION_LOST", [CLUSTER])
    assert "REGION_LOST" in telling.words()
    assert list(ledger.outbox.pending()) == []


def test_a_digest_of_a_new_kind_is_told(on_aws: OnAws, ledger: Ledger) -> None:
    """As above, written by the newer version itself."""
    digest = DigestEvent(event_id=DIGEST_ID, kind="FLEET_COVERAGE", name="d", created_at=START, members=())
    assert ledger.outbox.bundle(digest, [], at=START)

    def new_kind(event: dict[str, Any]) -> None:
        event["kind"] = "FLEET_MOVED"

    rewrite(on_aws, names.OUTBOX_PREFIX, new_kind)
    told = ledger.outbox.claim(digest.key, until=START, at=START)
    assert isinstance(told, DigestEvent)
    assert (told.event_id, told.kind, told.other_kind) == (DIGEST_ID, "OTHER", "FLEET_MOVED")


def test_what_is_damaged_is_not_taken_for_new(on_aws: OnAws, ledger: Ledger, broken_rows: list[BrokenRow]) -> None:
    """A missing field, or one of another type, is an error that names the row."""
    first = write(None, 0, 2)
    ledger.results.commit(first, at=START)

    def damage(state: dict[str, Any]) -> None:
        state["level"] = "two"

    rewrite(on_aws, STATE, damage)
    assert list(ledger.results.states()) == []
    assert STATE in broken_rows[0].key
    with pytest.raises(Exception, match=r"STATE cannot be read.*level"):
        ledger.results.state(CLUSTER.arn)
    assert outbox_key(_event(first).key)["sk"]["S"].startswith(names.OUTBOX_PREFIX)


# --- What one must not forget ----------------------------------------------------------------------------------------

STORED = (Registration, ClusterState, ScanRecord, StoredEvent, Attestation, Waiver)
WITHOUT_FALLBACK = {frozenset({"attestation", "waiver"})}
"""An event about another kind of statement is told as it is stored."""


def _literals(kind: inspect.Type, found: set[frozenset[object]], seen: set[object]) -> None:
    match kind:
        case inspect.LiteralType():
            found.add(frozenset(kind.values))
        case inspect.StructType() if kind.cls not in seen:
            seen.add(kind.cls)
            for field in kind.fields:
                _literals(field.type, found, seen)
        case inspect.UnionType():
            for each in kind.types:
                _literals(each, found, seen)
        case inspect.VarTupleType() | inspect.ListType():
            _literals(kind.item_type, found, seen)
        case inspect.DictType():
            _literals(kind.key_type, found, seen)
            _literals(kind.value_type, found, seen)
        case _:
            pass


def test_every_enumeration_that_is_stored_has_a_fallback() -> None:
    """A value that a later version adds to it means something to this one."""
    found: set[frozenset[object]] = set()
    for kind in STORED:
        _literals(inspect.type_info(kind), found, set())
    texts = {each for each in found if all(isinstance(value, str) for value in each)}
    assert texts == {*newer_values.FALLBACKS} | WITHOUT_FALLBACK
    assert all(fallback in values for values, fallback in newer_values.FALLBACKS.items())


def test_every_value_is_written_with_the_schema_of_this_version() -> None:
    """One number for all of them."""
    for kind in (Registration, ClusterState, ScanRecord, *StoredEvent.__args__):
        (schema,) = (each for each in msgspec.structs.fields(kind) if each.name == "schema")
        assert schema.default == newer_values.SCHEMA
