"""Malformed messages and rows, given to the handlers of the functions: queue, stream, schedule, widget, ledger."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import io
import json
import os
import random
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import msgspec
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from eks_readiness import names
from eks_readiness.adapters import dynamo_items as rows
from eks_readiness.adapters.memory import (
    MemoryClusterRegistry,
    MemoryMetricSink,
    MemoryScanQueue,
    SetClock,
    memory_ledger,
)
from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.bootstrap.widget import Widget
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError, ReadinessError, StoreError
from eks_readiness.domain.event import FLEET
from eks_readiness.domain.evidence import Evidence
from eks_readiness.domain.ledger import Registration
from eks_readiness.ports import Ledger
from eks_readiness.settings import (
    DispatchSettings,
    RelaySettings,
    ScanSettings,
    Settings,
    SweepSettings,
    WidgetSettings,
)
from tests.chaos.fates import Defect, Fate
from tests.chaos.mutations import is_json, mutate, mutate_text, random_json
from tests.contracts.conftest import create_table
from tests.scans import CLUSTER, REGISTRATION, START, request, write

ENDPOINT = "arn:aws:lambda:eu-west-1:111122223333:function:widget"
NOW = START + timedelta(hours=1)
TOPIC = "alerts"
TABLE = "ledger"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/scans"
_ARN = re.compile(r"arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{12}:cluster/[0-9A-Za-z][A-Za-z0-9_-]{0,99}")
_FLEET: dict[str, Any] = {"ledger_table": TABLE, "deployment": "eks-readiness"}
_TELLING: dict[str, Any] = {
    "topic_arn": f"arn:aws:sns:eu-west-1:{DEFAULT_ACCOUNT_ID}:{TOPIC}",
    "lease_seconds": 180,
    "dashboard_url": "",
}
SETTINGS: dict[str, Settings] = {
    "scan": ScanSettings(
        **_FLEET,
        scan_queue_url=QUEUE_URL,
        policy={},
        kubernetes_endpoint_suffixes=(),
        reserve_seconds=5,
        scan_retention_days=30,
        evidence_bucket="evidence",
    ),
    "relay": RelaySettings(**_FLEET, **_TELLING),
    "sweep": SweepSettings(
        **_FLEET, **_TELLING, pending_after_seconds=60, digest_after_seconds=600, scan_interval_seconds=3600, policy={}
    ),
    "dispatch": DispatchSettings(**_FLEET, scan_queue_url=QUEUE_URL, jitter_seconds=0),
    "widget": WidgetSettings(**_FLEET, scan_interval_seconds=3600, policy={}),
}
CONTEXT: Any = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=1024,
    invoked_function_arn=ENDPOINT,
    aws_request_id="00000000-0000-0000-0000-000000000000",
    function_version="$LATEST",
    get_remaining_time_in_millis=lambda: 60_000,
)
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}


@contextlib.contextmanager
def functions(*verbs: str) -> Iterator[list[Any]]:
    """The modules of functions as Lambda loads them, each with its own environment, on an AWS in this process."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock_aws())
        modules = []
        for verb in verbs:
            with mock.patch.dict(os.environ, {**_ENVIRONMENT, **SETTINGS[verb].to_env()}):
                name = f"functions.{verb}.handler"
                sys.modules.pop(name, None)
                modules.append(importlib.import_module(name))
                stack.callback(sys.modules.pop, name, None)
        stack.enter_context(mock.patch.dict(os.environ, _ENVIRONMENT))
        yield modules


class _Client:
    """An SQS client that remembers what was given back."""

    def __init__(self) -> None:
        self.given_back: list[str] = []

    def change_message_visibility(self, *, ReceiptHandle: str, **_more: object) -> None:  # noqa: N803 - boto3's name
        self.given_back.append(ReceiptHandle)


class _Blind:
    """An evidence source that sees nothing: every check is unknown or answered by a statement."""

    def collect(self, registration: Registration, *, seconds: float, documents: Sequence[str] = ()) -> Evidence:
        assert seconds
        assert isinstance(documents, Sequence)
        return Evidence(cluster=registration.cluster, observed_at=NOW, slices=MappingProxyType({}))


def _quiet() -> contextlib.redirect_stdout[io.StringIO]:
    return contextlib.redirect_stdout(io.StringIO())


def _failed(answer: dict[str, Any]) -> set[str]:
    return {each["itemIdentifier"] for each in answer["batchItemFailures"]}


class QueueBodies:
    """Bodies of scan requests, in batches with good ones."""

    name = "queue bodies"

    def __init__(self, module: Any) -> None:
        self.module = module
        self.ledger = memory_ledger()
        self.ledger.registry.register(REGISTRATION)
        self.ledger.results.commit(write(None, 5, 1), at=START)
        self.client = _Client()
        scanner = module.scan
        module.scan = dataclasses.replace(
            scanner,
            scan=dataclasses.replace(
                scanner.scan, ledger=self.ledger, evidence_source=_Blind(), metrics=MemoryMetricSink()
            ),
            queue=SqsScanQueue(self.client, "queue"),
        )
        self.valid = msgspec.to_builtins(request(5))

    @classmethod
    @contextlib.contextmanager
    def ready(cls) -> Iterator[QueueBodies]:
        """With the scan function loaded."""
        with functions("scan") as (module,):
            yield cls(module)

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One batch."""
        self.client.given_back.clear()
        bodies = [self._body(rng) for _ in range(rng.randrange(1, 10))]
        place = rng.randrange(len(bodies) + 1)
        records = [_queued(f"{number}", body) for number, body in enumerate(bodies)]
        records.insert(place, _queued("good", json.dumps(self.valid)))
        with _quiet():
            failed = _failed(self.module.handler({"Records": records}, CONTEXT))
        if "good" in failed or "handle-good" in self.client.given_back:
            raise Defect(f"a good request failed beside {bodies}")
        for number, body in enumerate(bodies):
            # Of a key that is given twice, JSON readers take either, or neither.
            if not _says_twice(body) and (str(number) in failed) == _is_request(body):
                raise Defect(f"{body[:300]!r} {'failed' if str(number) in failed else 'was taken'}")
            if str(number) in failed and f"handle-{number}" not in self.client.given_back:
                raise Defect(f"{body[:300]!r} failed and was not given back")
            yield "dead-lettered" if str(number) in failed else "accepted"

    def _body(self, rng: random.Random) -> str:
        made = mutate_text(rng, self.valid)
        # What SQS carries is Unicode; an escaped half of a character is.
        return made.content.decode("utf-8", "replace")


def _queued(name: str, body: str) -> dict[str, Any]:
    return {
        "messageId": name,
        "receiptHandle": f"handle-{name}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:scans",
        "awsRegion": "eu-west-1",
    }


def _is_request(body: str) -> bool:
    """Whether a body is a scan request, worked out without the product; unregistered clusters are answered too."""
    try:
        read = json.loads(body, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return False
    if not isinstance(read, dict) or not {"cluster_arn", "slot", "trigger"} <= set(read):
        return False
    if set(read) - {"schema", "cluster_arn", "slot", "trigger"}:
        return False
    arn, slot, trigger, schema = (read.get(name) for name in ("cluster_arn", "slot", "trigger", "schema"))
    if trigger not in ("schedule", "request") or not isinstance(arn, str) or not isinstance(slot, str):
        return False
    if "schema" in read and (isinstance(schema, bool) or not isinstance(schema, int)):
        return False
    return _is_cluster(arn) and _is_slot(slot)


def _says_twice(body: str) -> bool:
    twice = False

    def pairs(read: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        twice |= len({name for name, _ in read}) < len(read)
        return dict(read)

    try:
        json.loads(body, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return False
    return twice


def _is_cluster(arn: str) -> bool:
    if not _ARN.fullmatch(arn) or not arn.isascii():
        return False
    try:
        ClusterRef.parse(arn)  # partitions and their regions
    except InputError:
        return False
    return True


def _is_slot(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.0+)?([Zz]|[+-]\d\d:?\d\d)", text, re.ASCII):
        return False
    try:
        found = datetime.fromisoformat(text.upper())
        return found.astimezone(UTC).microsecond == 0
    except (ValueError, OverflowError):
        return False


class StreamRecords:
    """Records of the ledger's stream, in batches with good ones, on a table."""

    name = "stream records"

    def __init__(self, module: Any) -> None:
        self.module = module
        self.client = boto3.client("dynamodb", region_name="eu-west-1")
        create_table(self.client, TABLE)
        boto3.client("sns", region_name="eu-west-1").create_topic(Name=TOPIC)
        done = write(None, 0, 1)
        assert done.event is not None
        self.item = rows.event_item(done.event, START)
        self.key = rows.outbox_key(done.event.key)

    @classmethod
    @contextlib.contextmanager
    def ready(cls) -> Iterator[StreamRecords]:
        """With the relay loaded."""
        with functions("relay") as (module,):
            yield cls(module)

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One batch: a good record first, then damaged ones, since a stream goes on behind the first that failed."""
        self.client.put_item(TableName=TABLE, Item=self.item)
        whole = _streamed("good", self.key)
        damaged = []
        for number in range(rng.randrange(1, 6)):
            record = _streamed(str(number), self.key)
            if rng.random() < 0.5:
                record["dynamodb"]["Keys"] = mutate(rng, self.key).value
            else:
                record["dynamodb"] = mutate(rng, record["dynamodb"]).value
            if isinstance(record["dynamodb"], dict):
                record["dynamodb"]["SequenceNumber"] = str(number)
            else:
                record["dynamodb"] = {"SequenceNumber": str(number), "Keys": record["dynamodb"]}
            damaged.append(record)
        with _quiet():
            failed = _failed(self.module.handler({"Records": [whole, *damaged]}, CONTEXT))
        if "good" in failed:
            raise Defect(f"a good record failed beside {damaged}")
        told = self.client.get_item(TableName=TABLE, Key=self.key)["Item"]
        if told[rows.STATUS]["S"] != rows.SENT:
            raise Defect(f"a good record was not told beside {damaged}")
        for number in range(len(damaged)):
            yield "dead-lettered" if str(number) in failed else "accepted"


def _streamed(number: str, key: rows.Item) -> dict[str, Any]:
    return {
        "eventID": number,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:111122223333:table/ledger/stream/2026",
        "awsRegion": "eu-west-1",
        "eventVersion": "1.1",
        "dynamodb": {"SequenceNumber": number, "Keys": key, "StreamViewType": "KEYS_ONLY", "SizeBytes": 10},
    }


class Ticks:
    """Events of the schedule."""

    name = "schedule events"

    def __init__(self, module: Any) -> None:
        self.module = module
        self.queue = MemoryScanQueue()
        ledger = memory_ledger()
        assert isinstance(ledger.registry, MemoryClusterRegistry)
        ledger.registry.register(REGISTRATION)
        module.dispatch = functools.partial(
            module.dispatch.func,
            **{
                **module.dispatch.keywords,
                "registry": ledger.registry,
                "queue": self.queue,
                "metrics": MemoryMetricSink(),
            },
        )

    @classmethod
    @contextlib.contextmanager
    def ready(cls) -> Iterator[Ticks]:
        """With the dispatcher loaded."""
        with functions("dispatch") as (module,):
            yield cls(module)

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One tick."""
        valid = rng.choice(
            (
                {names.SCHEDULED_TIME: "2026-03-10T12:00:00Z"},
                {names.SCHEDULED_TIME: "2026-03-10T12:00:00Z", names.AFTER_CLUSTER: CLUSTER.arn[:-1]},
                {"time": "2026-03-10T12:00:00Z", "source": "aws.scheduler", "detail": {}, "account": "111122223333"},
            )
        )
        tick = mutate(rng, valid).value if rng.random() < 0.8 else random_json(rng)
        self.queue.requests.clear()
        try:
            with _quiet():
                answer = self.module.handler(tick, CONTEXT)
        except InputError:
            if self.queue.requests:
                raise Defect(f"{tick!r} was refused, and scans requested") from None
            yield "rejected"
            return
        said = tick.get(names.SCHEDULED_TIME) or tick.get("time")
        slot = datetime.fromisoformat(answer["slot"])
        wanted = (
            datetime.fromtimestamp(said, UTC)
            if isinstance(said, int | float)
            else datetime.fromisoformat(str(said).upper())
        )
        if slot != wanted.astimezone(UTC).replace(microsecond=0):
            raise Defect(f"{tick!r} became {slot}")
        after = tick.get(names.AFTER_CLUSTER)
        if [each.slot for each in self.queue.requests] != ([slot] if not after or after < CLUSTER.arn else []):
            raise Defect(f"{tick!r} requested {self.queue.requests}")
        yield "accepted"


class WidgetEvents:
    """Events of dashboards, which anybody may have edited."""

    name = "widget events"

    def __init__(self, module: Any) -> None:
        self.module = module
        ledger = memory_ledger()
        ledger.registry.register(REGISTRATION)
        ledger.results.commit(write(None, 0, 1, 2), at=START)
        assert isinstance(module.page, Widget)
        module.page = dataclasses.replace(module.page, ledger=ledger)

    @classmethod
    @contextlib.contextmanager
    def ready(cls) -> Iterator[WidgetEvents]:
        """With the widget loaded."""
        with functions("widget") as (module,):
            yield cls(module)

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One event."""
        valid = {
            "cluster": CLUSTER.arn,
            "widgetContext": {"dashboardName": "fleet", "params": {"cluster": CLUSTER.arn}, "forms": {"all": {}}},
        }
        event = mutate(rng, valid).value if rng.random() < 0.8 else random_json(rng)
        with _quiet():
            page = self.module.handler(event, CONTEXT)
        if not isinstance(page, str) or not page.strip() or "<script" in page or "Traceback" in page:
            raise Defect(f"{event!r} gives {page!r}")
        try:
            page.encode()
        except UnicodeEncodeError:
            raise Defect(f"{event!r} gives a page that cannot be sent") from None
        asked = event.get("cluster") if isinstance(event, dict) else None
        refused = page.startswith("<p>")
        if refused != bool(asked and asked != CLUSTER.arn and not event.get("describe")):
            raise Defect(f"{event!r} is {'refused' if refused else 'answered'}: {page[:200]}")
        yield "rejected" if refused else "accepted"


class LedgerRows:
    """Rows of the ledger's table, damaged under the hands of every function that reads them."""

    name = "ledger rows"

    def __init__(self, modules: Sequence[Any]) -> None:
        self.dispatch, self.scan, self.sweep, self.widget, self.relay = modules
        self.client = boto3.client("dynamodb", region_name="eu-west-1")
        create_table(self.client, TABLE)
        boto3.client("sns", region_name="eu-west-1").create_topic(Name=TOPIC)
        self.ledger: Ledger = self.scan.scan.scan.ledger
        self.ledger.registry.register(REGISTRATION)
        self.ledger.results.commit(write(None, 0, 1, 2), at=START)
        self.good = self.ledger.results.state(CLUSTER.arn)
        self.queue = MemoryScanQueue()
        self.dispatch.dispatch = functools.partial(
            self.dispatch.dispatch.func,
            **{**self.dispatch.dispatch.keywords, "queue": self.queue},
        )
        self.scan.scan = dataclasses.replace(
            self.scan.scan,
            scan=dataclasses.replace(self.scan.scan.scan, evidence_source=_Blind(), clock=SetClock(NOW)),
            queue=SqsScanQueue(_Client(), "queue"),
        )
        self.widget.page = dataclasses.replace(self.widget.page, clock=SetClock(NOW))
        relay = dataclasses.replace(self.sweep.sweep.relay, clock=SetClock(NOW))
        self.sweep.sweep = dataclasses.replace(self.sweep.sweep, clock=SetClock(NOW), relay=relay)
        self.item = str(installed_checklist().items[0].id)

    @classmethod
    @contextlib.contextmanager
    def ready(cls) -> Iterator[LedgerRows]:
        """With every function loaded, on one table."""
        # One shard instead of eight: each function asks for all of them, and nothing here is about their number.
        with (
            mock.patch.object(rows, "SHARDS", 1),
            functions("dispatch", "scan", "sweep", "widget", "relay") as modules,
        ):
            yield cls(modules)

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """A few clusters, one damaged row each, read by all functions."""
        damaged: dict[str, tuple[str, rows.Item, bool]] = {}
        try:
            for number in range(rng.randrange(3, 9)):
                cluster = msgspec.structs.replace(CLUSTER, name=f"c{number}")
                valid = self._rows(cluster)
                kind = rng.choice(list(valid))
                item, unreadable = _damaged_row(rng, valid[kind])
                damaged[cluster.arn] = (kind, item, unreadable)
                valid[kind] = item
                requests = [{"PutRequest": {"Item": each}} for each in valid.values()]
                try:
                    self.client.batch_write_item(RequestItems={TABLE: requests})
                except self.client.exceptions.ClientError:  # larger than a row can be: nobody could have stored it
                    del damaged[cluster.arn]
                    self._clear(cluster.arn)
            yield from self._fates(damaged)
        finally:
            for partition in (*damaged, FLEET):
                self._clear(partition)

    def _fates(self, damaged: dict[str, tuple[str, rows.Item, bool]]) -> Iterator[Fate]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            lost, pages = self._read_all(damaged)
        spoken = said.getvalue()
        if self.ledger.results.state(CLUSTER.arn) != self.good:
            raise Defect(f"the state of another cluster moved: {damaged}")
        for arn, (kind, item, unreadable) in damaged.items():
            reported = arn in lost or f"{arn} " in spoken or pages[arn].startswith("<p>")
            if unreadable and not reported:
                raise Defect(f"nobody hears of {kind} {item}")
            yield "dead-lettered" if arn in lost else "rejected" if reported else "accepted"

    def _read_all(self, damaged: dict[str, tuple[str, rows.Item, bool]]) -> tuple[set[str], dict[str, str]]:
        """Let every function do its work; clusters whose scan failed or whose event could not be told, and pages."""
        self.queue.requests.clear()
        self.dispatch.handler({names.SCHEDULED_TIME: "2026-03-10T13:00:00Z"}, CONTEXT)
        asked = [each.cluster_arn for each in self.queue.requests]
        if CLUSTER.arn not in asked or set(asked) - {CLUSTER.arn, *damaged} or len(asked) != len(set(asked)):
            raise Defect(f"{asked} are asked for with {damaged}")
        page = self.widget.handler({}, CONTEXT)
        if f">{CLUSTER.name}<" not in page:
            raise Defect(f"a good cluster is not on the page with {damaged}")
        lost: set[str] = set()
        pages: dict[str, str] = {}
        for arn, (kind, item, unreadable) in damaged.items():
            pages[arn] = self.widget.handler({"cluster": arn}, CONTEXT)
            body = json.dumps({"cluster_arn": arn, "slot": "2026-03-10T13:00:00Z", "trigger": "schedule"})
            if _failed(self.scan.handler({"Records": [_queued("1", body)]}, CONTEXT)):
                lost.add(arn)
            if kind == "outbox":
                key = {each: item[each] for each in (names.PARTITION_KEY, names.SORT_KEY)}
                if _failed(self.relay.handler({"Records": [_streamed("1", key)]}, CONTEXT)):
                    lost.add(arn)
            elif kind in ("attestation", "waiver") and unreadable and arn not in lost:
                raise Defect(f"{arn} was judged without {kind} {item}")
        try:
            self.sweep.handler({}, CONTEXT)
        except StoreError as error:
            lost.update(arn for arn in damaged if arn in str(error))
        except ReadinessError as error:
            raise Defect(f"the sweep stops at {damaged}: {error}") from error
        return lost, pages

    def _rows(self, cluster: ClusterRef) -> dict[str, rows.Item]:
        done = write(None, 0, 1, 2, cluster=cluster)
        assert done.scan is not None
        assert done.event is not None
        statement: dict[str, Any] = {
            "cluster": cluster.arn,
            "owner": "sre",
            "issued_at": START,
            "expires_at": NOW + timedelta(days=90),
        }
        return {
            "registration": rows.registration_item(Registration(cluster=cluster, registered_at=START)),
            "state": rows.state_item(done.state),
            "scan": rows.scan_item(cluster.arn, done.scan, timedelta(days=30)),
            "outbox": rows.event_item(done.event, START),
            "attestation": rows.attestation_item(Attestation(subject=self.item, **statement)),
            "waiver": rows.waiver_item(Waiver(check=self.item, reason="accepted", **statement)),
        }

    def _clear(self, partition: str) -> None:
        found = self.client.query(
            TableName=TABLE,
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames={"#p": names.PARTITION_KEY},
            ExpressionAttributeValues={":p": {"S": partition}},
        )["Items"]
        keys = [{each: item[each] for each in (names.PARTITION_KEY, names.SORT_KEY)} for item in found]
        if keys:
            self.client.batch_write_item(RequestItems={TABLE: [{"DeleteRequest": {"Key": key}} for key in keys]})


def _damaged_row(rng: random.Random, valid: rows.Item) -> tuple[rows.Item, bool]:
    """A row as DynamoDB could hold it, and whether its value cannot be read for sure."""
    item = dict(valid)
    text = (zlib.decompress(item[rows.BODY]["B"]) if "B" in item[rows.BODY] else item[rows.BODY]["S"].encode()).decode()
    match rng.randrange(8):
        case 0 | 1 | 2 | 3:
            made = mutate_text(rng, json.loads(text)).content.decode("utf-8", "replace")
            item[rows.BODY] = {"S": made}
            return item, not is_json(made.encode())
        case 4:
            squeezed = zlib.compress(mutate_text(rng, json.loads(text)).content)
            cut = rng.random() < 0.5
            item[rows.BODY] = {"B": squeezed[: rng.randrange(len(squeezed))] if cut else squeezed}
            return item, cut
        case 5:
            wrong: tuple[dict[str, Any], ...] = (
                {"N": "1"},
                {"NULL": True},
                {"BOOL": True},
                {"L": []},
                {"M": {}},
                {"SS": ["a"]},
                {"B": b"\x00\x01"},
                {"B": zlib.compress(b" " * 9_000_000)},
                {"S": "{}"},
            )
            item[rows.BODY] = rng.choice(wrong)
            return item, True
        case 6:
            del item[rows.BODY]
            return item, True
        case _:
            name = rng.choice([each for each in item if each not in (names.PARTITION_KEY, names.SORT_KEY, rows.BODY)])
            if name in (names.CREATED_AT, names.PENDING_SHARD, names.REGISTRY_SHARD):
                item[name] = {"S": rng.choice(("x", "2026-03-10", "2026-03-10T12:00:00", "9999-12-31T23:59:59Z", "0"))}
            else:
                item[name] = rng.choice(({"S": "x"}, {"N": "-1"}, {"N": "9" * 30}, {"BOOL": True}, {"S": ""}))
            return item, False
