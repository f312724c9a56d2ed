"""The faults that were thought of in advance: one test for each, with the outcome that was promised for it.

Where no emulator behaves like AWS the test says so, and looks at what would be deployed. `tests/chaos/report.py` prints
the outcomes as a table.
"""

from __future__ import annotations

import json
import random
import re
import socket
import ssl
import string
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import msgspec
import pytest
import trustme
from kubernetes.client.configuration import Configuration
from moto import mock_aws

from eks_readiness import names
from eks_readiness.adapters import kubernetes_https
from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.collect import collect_evidence
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.dynamo_items import MAX_ITEM_BYTES, SCHEMA
from eks_readiness.adapters.dynamo_scans import ScanRows
from eks_readiness.adapters.eks_token import EksToken
from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.kubernetes_https import HttpsFetch
from eks_readiness.adapters.memory import (
    MemoryLevelNotifier,
    MemoryMetricSink,
    MemoryScanArchive,
    MemoryScanQueue,
    SetClock,
    memory_ledger,
)
from eks_readiness.adapters.probe import Kind
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.adapters.sns_notifier import MAX_MESSAGE_BYTES
from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.app.dispatch_scans import Tick, request_scans
from eks_readiness.app.query_results import scan_history
from eks_readiness.app.relay_events import RelayEvent
from eks_readiness.app.scan_cluster import ScanCluster
from eks_readiness.app.sweep import Sweep
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.bootstrap.scanner import Scanner
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST as SHIPPED
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.decision import decide
from eks_readiness.domain.errors import (
    AccessDenied,
    InputError,
    ProbeError,
    Throttled,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
)
from eks_readiness.domain.event import MAX_DIGEST_MEMBERS, DigestEvent, LevelEvent
from eks_readiness.domain.evidence import ClusterConfiguration, Evidence, Slice, Unavailable
from eks_readiness.domain.finding import MAX_OFFENDER_CHARACTERS, MAX_OFFENDERS
from eks_readiness.domain.ledger import Registration, ScanRequest
from eks_readiness.domain.policy import Policy
from eks_readiness.ports import Clock, Ledger
from eks_readiness.reports.event_message import event_message_writer
from infra.config import Config
from tests.chaos.aws_faults import aws_faults
from tests.chaos.conftest import Observed, Pointed, refuse
from tests.chaos.functions import Account, delivery
from tests.chaos.world import CHECKLIST, FAIL, KINDS, PASS, UNKNOWN
from tests.contracts.conftest import _one_write_at_a_time, create_table
from tests.doubles.aws_server import AwsServer
from tests.doubles.fleet import CREDENTIALS
from tests.doubles.http_server import HttpServer, Request, Response
from tests.doubles.kubernetes_server import KubernetesServer, status_response
from tests.doubles.local_aws import LocalAws
from tests.doubles.memory import gather
from tests.doubles.scenario import CASE_NOW, Rule, Scenario, load_scenario
from tests.infra.test_stack import Synthesised, synthesise
from tests.scans import CLUSTER, REGISTRATION, START, request, slot, write

chaos = pytest.mark.chaos
HOUR = timedelta(hours=1)
NAMESPACES = Kind("", "namespaces")


# --- A deployment in this process ------------------------------------------------------------------------------------


@dataclass
class Clusters:
    """EvidenceSource: what can be seen of each cluster, three items of three levels."""

    seen: dict[ClusterRef, tuple[str, ...]] = field(default_factory=dict)
    made_at: datetime = START - timedelta(days=30)

    def collect(self, registration: Registration, **_named: object) -> Evidence:
        """The cluster as it is seen."""
        slices: dict[type[Slice], Slice | Unavailable] = {
            kind: Unavailable(reason="unreachable", detail="no route")
            if state == UNKNOWN
            else kind(observed_at=START, source=state)
            for kind, state in zip(KINDS, self.seen.get(registration.cluster, (PASS, PASS, FAIL)), strict=True)
        }
        slices[ClusterConfiguration] = ClusterConfiguration(
            observed_at=START,
            source="",
            arn=registration.cluster.arn,
            version="1.34",
            status="ACTIVE",
            created_at=self.made_at,
            endpoint_public_access=False,
            endpoint_private_access=True,
        )
        return Evidence(cluster=registration.cluster, observed_at=START, slices=MappingProxyType(slices))


def scanner(ledger: Ledger, clusters: Any, *, clock: Clock | None = None) -> ScanCluster:
    """The use case of a scan."""
    return ScanCluster(
        ledger=ledger,
        evidence_source=clusters,
        metrics=MemoryMetricSink(),
        clock=clock or SetClock(START),
        checklist=CHECKLIST,
        fleet_policy={"improve_after_scans": 1},
    )


def sweeper(ledger: Ledger, clock: SetClock) -> tuple[Sweep, MemoryLevelNotifier, MemoryMetricSink]:
    """The sweeper, what it tells, and what it measures."""
    notifier, metrics = MemoryLevelNotifier(), MemoryMetricSink()
    relay = RelayEvent(outbox=ledger.outbox, notifier=notifier, metrics=metrics, clock=clock, lease_seconds=180)
    sweep = Sweep(
        ledger=ledger,
        relay=relay,
        metrics=metrics,
        clock=clock,
        pending_after_seconds=120,
        digest_after_seconds=1200,
        interval_seconds=3600,
        policy={},
    )
    return sweep, notifier, metrics


def named(number: int) -> ClusterRef:
    """One of many clusters."""
    return msgspec.structs.replace(CLUSTER, name=f"c{number:03}")


def registered(count: int) -> tuple[Ledger, list[ClusterRef]]:
    """A ledger in memory with some clusters on its register."""
    ledger, clusters = memory_ledger(), [named(number) for number in range(count)]
    for cluster in clusters:
        ledger.registry.register(Registration(cluster=cluster, registered_at=START))
    return ledger, clusters


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The template of a deployment."""
    return synthesise(tmp_path_factory.mktemp("deployed"), Config(name="fleet-table"), validated=False)


# --- The way of a scan -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_duplicate_or_late_schedule_delivery(seed: int, observed: Observed) -> None:
    """Each tick one to three times, in any order: the same run ids, one scan each, nothing goes back in time."""
    chance = random.Random(seed)
    ledger, clusters = registered(3)
    queue, ticks = MemoryScanQueue(), [slot(number) for number in range(5) for _ in range(chance.randint(1, 3))]
    chance.shuffle(ticks)
    for tick in ticks:
        request_scans(Tick(slot=tick), registry=ledger.registry, queue=queue)
    chance.shuffle(queue.requests)
    scan, newest = scanner(ledger, Clusters()), dict.fromkeys(clusters, START - HOUR)
    for each in queue.requests:
        outcome = scan(each, seconds=10).outcome
        assert (outcome == "written") is (each.slot > newest[each.cluster])
        newest[each.cluster] = max(newest[each.cluster], each.slot)
    for cluster in clusters:
        state = ledger.results.state(cluster.arn)
        (found,) = scan_history(cluster, ledger, limit=50)
        assert state is not None
        assert (state.slot, state.version) == (slot(4), found.scans)
        assert found.newest_slot == slot(4)
    assert [event.kind for event in map(_told, ledger.outbox.pending(), [ledger] * 3)] == ["BASELINE"] * 3
    observed("duplicate or late tick", "dispatch, scan", "one scan for each slot; late ones superseded")


def _told(pending: Any, ledger: Ledger) -> LevelEvent:
    event = ledger.outbox.claim(pending.key, until=START + HOUR, at=START)
    assert isinstance(event, LevelEvent)
    return event


@pytest.mark.parametrize(
    ("store", "rounds"),
    [
        ("ministack", 8),
        pytest.param("ministack", 250, marks=[chaos, pytest.mark.timeout(600)]),
        pytest.param("moto", 250, marks=[chaos, pytest.mark.timeout(600)]),
    ],
)
def test_redelivered_and_concurrent_scans(
    store: str, rounds: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, observed: Observed
) -> None:
    """Two workers on one message at once: one version for each slot, one event for each move, none out of order."""
    if store == "ministack":
        _rounds(request.getfixturevalue("local_session"), rounds)
    else:
        with mock_aws():
            _one_write_at_a_time(monkeypatch)
            _rounds(request.getfixturevalue("moto_session"), rounds)
    observed("one message to two workers at once", f"scan on {store}, {rounds} rounds", "written once, told once")


def _rounds(session: Pointed, rounds: int) -> None:
    ledger = dynamo_ledger(session, create_table(session.client("dynamodb")), retention_days=9, on_broken_row=refuse)
    ledger.registry.register(REGISTRATION)
    clusters = Clusters()
    workers = [scanner(ledger, clusters) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for number in range(rounds):
            clusters.seen[CLUSTER] = (PASS, PASS if number % 2 else FAIL, FAIL)
            asked = request(number)
            found = list(pool.map(lambda worker, asked=asked: worker(asked, seconds=10).outcome, workers))
            assert sorted(found) in (["already_written", "written"], ["written", "written"]), found
            state = ledger.results.state(CLUSTER.arn)
            assert state is not None
            assert (state.version, state.slot) == (number + 1, slot(number))
    # BASELINE, two moves, then UNSTABLE: at most three level events a day.
    keys = [each.key.name for each in ledger.outbox.pending()]
    assert len(keys) == len(set(keys)) >= min(rounds, 4)


@pytest.mark.parametrize(
    ("how", "count", "receives"),
    [
        ("exit", 6, 2),
        pytest.param("exit", 50, 5, marks=[chaos, pytest.mark.timeout(600)]),
        pytest.param("allocate", 50, 3, marks=[chaos, pytest.mark.timeout(600)]),
        pytest.param("sleep", 50, 2, marks=[chaos, pytest.mark.timeout(600)]),
    ],
)
def test_crash_of_one_cluster_of_many(
    how: str, count: int, receives: int, local_aws: LocalAws, observed: Observed
) -> None:
    """A scan that exits, takes all memory or never ends: all others are written, its message ends as a dead letter."""
    account = Account(local_aws, visibility_seconds=120, max_receives=receives)
    ledger, bad = account.ledger(), named(count // 2)
    for number in range(count):
        ledger.registry.register(Registration(cluster=named(number), registered_at=START))
    request_scans(Tick(slot=START), registry=ledger.registry, queue=SqsScanQueue(account.sqs, account.queue_url))
    written, until = 0, time.monotonic() + 500
    with account.scan() as scan:
        while (written < count - 1 or scan.deaths < receives) and time.monotonic() < until:
            for message in account.receive(account.queue_url, at_most=1):
                said = scan.invoke(delivery(message), plan={"clusters": {bad.name: how}}, seconds=45)
                if said == {"result": {"batchItemFailures": []}}:
                    account.sqs.delete_message(QueueUrl=account.queue_url, ReceiptHandle=message["ReceiptHandle"])
                    written += 1
                elif said is None:
                    account.expire(message)
    assert (written, scan.deaths) == (count - 1, receives)
    # Emulators move what was received too often when somebody asks for messages again.
    assert account.receive(account.queue_url, seconds=0) == []
    lost = account.receive(account.dead_letters_url)
    states = list(ledger.results.states())
    assert len({each.cluster for each in states}) == count - 1
    assert bad not in {each.cluster for each in states}
    assert [json.loads(each["Body"])["cluster_arn"] for each in lost] == [bad.arn]
    observed(f"scan of 1 of {count} clusters: {how}", "scan processes on ministack", f"{len(states)} results, 1 in DLQ")


def test_poison_message(local_aws: LocalAws, observed: Observed) -> None:
    """What nobody can read is in the queue of dead letters after its receives, whole; the good one is answered."""
    account = Account(local_aws, visibility_seconds=60, max_receives=3)
    ledger = account.ledger()
    ledger.registry.register(REGISTRATION)
    poison = ["", "{", "[]", '{"cluster_arn": 7}', json.dumps({"slot": "never"}), "\u00e4" * 1000, "null", "1e999"]
    poison = [each or " " for each in poison]
    for body in [*poison, msgspec.json.encode(request(1)).decode()]:
        account.sqs.send_message(QueueUrl=account.queue_url, MessageBody=body)
    answer = Scanner(
        scan=scanner(ledger, Clusters()), queue=SqsScanQueue(account.sqs, account.queue_url), reserve_seconds=1
    )
    refused, until = 0, time.monotonic() + 60
    while (refused < 3 * len(poison) or ledger.results.state(CLUSTER.arn) is None) and time.monotonic() < until:
        for message in account.receive(account.queue_url):
            handle = message["ReceiptHandle"]
            try:
                answer(message["Body"], receipt_handle=handle, remaining_seconds=30)
            except InputError:
                refused += 1
            else:
                account.sqs.delete_message(QueueUrl=account.queue_url, ReceiptHandle=handle)
    account.receive(account.queue_url, seconds=0)  # emulators move what was received too often at the next receive
    lost: list[str] = []
    while found := account.receive(account.dead_letters_url):
        for message in found:
            account.sqs.delete_message(QueueUrl=account.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
            lost.append(message["Body"])
    assert sorted(lost) == sorted(poison)
    assert refused == 3 * len(poison)
    assert ledger.results.state(CLUSTER.arn) is not None
    observed("malformed messages", "scan queue on ministack", f"{len(lost)} of {len(poison)} in DLQ, others answered")


@pytest.mark.parametrize("remaining_seconds", [0.5, 3, 12])
def test_time_running_out(remaining_seconds: float, observed: Observed) -> None:
    """Nothing answers: what is not there when the time is over is unknown, and the result is written in any case."""
    over = threading.Event()

    class Hung:
        def __getattr__(self, _name: str) -> Any:
            def wait(*_arguments: object, **_named: object) -> Any:
                over.wait(60)
                raise Unreachable("at last")

            return wait

    class Source:
        def collect(self, registration: Registration, *, seconds: float, **_named: object) -> Evidence:
            return collect_evidence(
                registration.cluster,
                aws=Hung(),
                connect=lambda: Hung().connect(),
                aws_probes=AWS_PROBES,
                kubernetes_probes=KUBERNETES_PROBES,
                observed_at=START,
                seconds=seconds,
            )

    ledger = memory_ledger()
    ledger.registry.register(REGISTRATION)
    scan = ScanCluster(
        ledger=ledger,
        evidence_source=Source(),
        metrics=MemoryMetricSink(),
        clock=SetClock(START),
        checklist=SHIPPED,
        fleet_policy={},
    )
    answer = Scanner(scan=scan, queue=MemoryScanQueue(), reserve_seconds=10)  # type: ignore[arg-type] # never asked
    body, began = msgspec.json.encode(request(1)).decode(), time.monotonic()
    try:
        result = answer(body, receipt_handle="r", remaining_seconds=remaining_seconds)
    finally:
        over.set()
    assert result.outcome == "written"
    assert time.monotonic() - began < max(1, remaining_seconds - 10) + 5
    found = ledger.results.newest_scan(CLUSTER.arn)
    assert found is not None
    probed = {check.id for check in SHIPPED if check.rule}
    assert {each.outcome for each in found.scorecard.findings if each.check in probed} == {"unknown"}
    observed(f"nothing answers, {remaining_seconds:g} s left", "scan", "written: every probed check unknown (timeout)")


# --- Kubernetes ------------------------------------------------------------------------------------------------------


class _Named(msgspec.Struct):
    metadata: dict[str, Any]


class _Tokens:
    """Tokens of a session, signed anew when a fresh one is asked for."""

    def __init__(self, region: str) -> None:
        session = boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret")
        self._token = EksToken(session, msgspec.structs.replace(CLUSTER, region=region))

    def __call__(self, *, fresh: bool) -> str:
        """The token."""
        return self._token(fresh=fresh)


@pytest.fixture
def cluster() -> Iterator[KubernetesServer]:
    """A cluster that has Velero's kinds."""
    double = KubernetesServer(load_scenario("prod", now=CASE_NOW))
    yield double
    double.close()


def fetching(
    server: KubernetesServer, *, slept: list[float] | None = None, clock: Clock | None = None, seconds: float = 20
) -> HttpsFetch:
    """The product's connection to a server."""
    configuration = Configuration(host=server.url, ca_cert_data=server.ca_pem.decode())
    sleep = time.sleep if slept is None else slept.append
    return HttpsFetch(configuration, _Tokens("eu-west-1"), Deadline(seconds), sleep=sleep, clock=clock)


def test_huge_answer_endless_pages_and_looped_continue(
    cluster: KubernetesServer, monkeypatch: pytest.MonkeyPatch, observed: Observed
) -> None:
    """Each ends at a limit, as an answer that cannot be read. A slow drip: `test_fault_proxy.py`."""
    monkeypatch.setattr(kubernetes_https, "MAX_BODY_BYTES", 1024 * 1024)
    page = {"metadata": {"continue": "again"}, "items": [{"metadata": {"name": "a"}}]}
    answers = {"huge": b" " * (2 * 1024 * 1024), "looped": json.dumps(page).encode()}
    for what, words in (("huge", "larger than 1 MiB"), ("looped", "turns in a circle")):
        body = answers[what]
        cluster.fault = lambda asked, body=body: Response(200, {}, body) if "namespaces" in asked.target else None
        with pytest.raises(UnexpectedAnswer, match=words):
            list(KubernetesApi(fetching(cluster)).items(NAMESPACES, _Named))
        observed(f"{what} answer", "Kubernetes API over TLS", "unknown (unexpected)")
    number = iter(range(10**9))

    def endless(asked: Request) -> Response | None:
        if "namespaces" not in asked.target:
            return None
        return Response(200, {}, json.dumps({"metadata": {"continue": f"{next(number)}"}, "items": []}).encode())

    cluster.fault = endless
    began = time.monotonic()
    with pytest.raises(ProbeError, match=r"used up|did not end|Read timed out"):
        list(KubernetesApi(fetching(cluster, seconds=1)).items(NAMESPACES, _Named))
    assert time.monotonic() - began < 4
    observed("endless pages", "Kubernetes API over TLS", "unknown (timeout), within the scan's time")


VERBS = ("namespaces", "nodes", "pods", "deployments.apps", "networkpolicies.networking.k8s.io")
VERBS_ALL = (*VERBS, "daemonsets.apps", "storageclasses.storage.k8s.io", "ingresses.networking.k8s.io")


def _subsets(of: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, ...]]:
    return [chosen for size in sizes for chosen in combinations(of, size)]


@pytest.mark.parametrize(
    "subsets",
    [
        pytest.param([(), ("nodes",), VERBS_ALL], id="short"),
        pytest.param(
            _subsets(VERBS_ALL, range(len(VERBS_ALL) + 1)), id="all", marks=[chaos, pytest.mark.timeout(1200)]
        ),
    ],
)
def test_403_on_one_resource(subsets: list[tuple[str, ...]], observed: Observed) -> None:
    """Whatever may not be read: each finding is what it was, or unknown because of that; the level stays possible."""
    base = load_scenario("prod", now=CASE_NOW)
    whole = evaluate(gather(base), SHIPPED, policy=Policy())
    outcomes = {each.check: each.outcome for each in whole.findings}
    unknowns = 0
    for denied in subsets:
        scenario = base.changed({"kubernetes": [{"deny": each} for each in denied]})
        card = evaluate(gather(scenario), SHIPPED, policy=Policy())
        wrong = [each for each in card.findings if each.outcome not in (outcomes[each.check], "unknown")]
        assert wrong == [], denied
        newly = [each for each in card.findings if each.outcome == "unknown" != outcomes[each.check]]
        assert {each.unknown_reason for each in newly} <= {"denied"}, denied
        assert bool(newly) is bool(denied)
        assert card.level.lowest <= whole.level.lowest <= whole.level.highest <= card.level.highest
        unknowns += len(newly)
    observed(
        f"403, {len(subsets)} subsets of {len(VERBS_ALL)} resources",
        "whole scan of prod",
        f"0 wrong, {unknowns} unknown (denied)",
    )


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("present", [True, False])
def test_absent_crd_group_against_broken_discovery(
    status: int, present: bool, cluster: KubernetesServer, observed: Observed
) -> None:
    """Only a discovery that succeeded and lacks the group says that a kind is not installed."""
    kind = Kind("velero.io" if present else "none.example.com", "schedules")
    if status != 200:
        cluster.fault = lambda asked: status_response(status, "no") if asked.target.startswith("/apis") else None
    api = KubernetesApi(fetching(cluster))
    if status == 200:
        assert (api.serves(kind) is not None) is present
        assert bool(list(api.items(kind, _Named, metadata_only=True))) is present
        outcome = "read" if present else "not installed"
    else:
        with pytest.raises(AccessDenied if status == 403 else UnexpectedAnswer) as refused:
            api.serves(kind)
        outcome = f"unknown ({refused.value.reason})"
    there = "present" if present else "absent"
    observed(f"discovery {status}, group {there}", "Kubernetes API over TLS", outcome)


@pytest.mark.parametrize("minutes", [-20, 0, 20])
def test_401_and_token_clock_skew(minutes: int, cluster: KubernetesServer, observed: Observed) -> None:
    """One fresh token, then unknown; where the clocks differ, that is said, and by how much."""
    true = datetime.now(UTC)

    def fault(_request: Request) -> Response:
        # What STS makes of a token whose time is off; the server's own Date tells the true one.
        date = f"{true:%a, %d %b %Y %H:%M:%S} GMT"
        return status_response(401, "Unauthorized", headers={"Date": date})

    cluster.fault = fault
    with pytest.raises(Unauthenticated) as refused:
        fetching(cluster, clock=SetClock(true + timedelta(minutes=minutes)))("/version", {}, "application/json")
    assert len(cluster.requests) == 2
    said = {-20: "20 minutes behind", 0: "", 20: "20 minutes ahead of"}[minutes]
    assert said in str(refused.value)
    assert ("clock" in str(refused.value)) is bool(minutes)
    observed(
        f"401, clock off by {minutes} min", "Kubernetes API over TLS", "one fresh token, unknown (unauthenticated)"
    )


def test_a_token_names_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a skewed clock matters: the signature covers the instant of signing."""
    token = _Tokens("eu-west-1")(fresh=True).removeprefix("k8s-aws-v1.")
    import base64  # noqa: PLC0415 - here alone

    url = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    signed_at = datetime.strptime(parse_qs(urlsplit(url).query)["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
    assert abs((datetime.now(UTC) - signed_at).total_seconds()) < 60


@pytest.mark.parametrize("kind", ["unknown authority", "wrong host", "expired", "not yet valid", "no TLS at all"])
def test_certificate_faults(kind: str, caplog: pytest.LogCaptureFixture, observed: Observed) -> None:
    """Nothing is asked of such a server, no token is sent, the log names it, and it is not tried insecurely."""
    own, other, now = trustme.CA(), trustme.CA(), datetime.now(UTC)
    signer, host = own, "127.0.0.1"
    times: dict[str, Any] = {}
    match kind:
        case "unknown authority":
            signer = other
        case "wrong host":
            host = "kubernetes.default.svc"
        case "expired":
            times = {"not_before": now - timedelta(days=9), "not_after": now - timedelta(days=1)}
        case "not yet valid":
            times = {"not_before": now + timedelta(days=1), "not_after": now + timedelta(days=9)}
        case _:
            pass
    context: ssl.SSLContext | None = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert context is not None
    signer.issue_cert(host, **times).configure_cert(context)
    if kind == "no TLS at all":
        context = None
    asked: list[str] = []

    def answer(request_: Request) -> Response:
        asked.append(request_.headers.get("Authorization", ""))
        return Response(200, {}, b"{}")

    with HttpServer(answer, context=context) as server:
        url = server.url.replace("http://", "https://")
        configuration = Configuration(host=url, ca_cert_data=own.cert_pem.bytes().decode())
        fetch = HttpsFetch(configuration, _Tokens("eu-west-1"), Deadline(5))
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"TLS|certificate"):
                fetch("/version", {}, "application/json")
    assert not [each for each in asked if each]
    assert ("security" in caplog.text) is (kind != "no TLS at all")
    observed(f"TLS: {kind}", "Kubernetes API over TLS", "unknown (unreachable), no token sent, warning in the log")


@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (503, Unreachable)])
def test_429_and_503_with_retry_after(
    status: int, error: type[ProbeError], cluster: KubernetesServer, observed: Observed
) -> None:
    """Asked four times at most, each after as long as the server says. Beyond the deadline: `test_kubernetes_https`."""
    cluster.fault = lambda _request: status_response(status, "busy", headers={"Retry-After": "2"})
    slept: list[float] = []
    with pytest.raises(error):
        fetching(cluster, slept=slept)("/version", {}, "application/json")
    assert (len(cluster.requests), slept) == (4, [2.0, 2.0, 2.0])
    observed(f"{status} with Retry-After", "Kubernetes API over TLS", f"4 requests, then unknown ({error.reason})")


def test_private_endpoint_or_dns_failure(monkeypatch: pytest.MonkeyPatch, observed: Observed) -> None:
    """Unknown, with what to do about it. Refused: `test_kubernetes_https.py`; silent: `test_fault_proxy.py`."""

    def unknown_name(*_arguments: object, **_named: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    configuration = Configuration(
        host="https://private.example.com", ca_cert_data=trustme.CA().cert_pem.bytes().decode()
    )
    fetch = HttpsFetch(configuration, _Tokens("eu-west-1"), Deadline(5))
    with pytest.raises(Unreachable, match="private endpoint needs a scanner with a route"):
        fetch("/version", {}, "application/json")
    began = time.monotonic()
    with pytest.raises(Unreachable):
        fetch("/version", {}, "application/json")
    assert time.monotonic() - began < 0.5
    observed("name not found", "Kubernetes API", "unknown (unreachable) with the remedy, decided once")


# --- AWS -------------------------------------------------------------------------------------------------------------


def test_throttled_aws_api(monkeypatch: pytest.MonkeyPatch, observed: Observed) -> None:
    """Three tries, then that evidence alone is unknown; other calls answer. The ledger's own: `test_aws_faults.py`."""
    rules = (Rule("eks", "DescribeNodegroup", {}, {"nodegroup": {"status": "ACTIVE"}}),)
    base = load_scenario("bare", now=CASE_NOW)
    server = AwsServer({"eu-west-1": Scenario(base.name, base.cluster, base.kubernetes_version, CASE_NOW, rules, ())})
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    )
    reader = BotoAws(AwsClients(session, "eu-west-1"), Deadline(20))
    with aws_faults() as faults:
        asked = f"GET {server.url}/clusters/bare/node-groups/a"
        faults.plant(asked, "throttled")
        with pytest.raises(Throttled) as refused:
            reader.read("eks", "DescribeNodegroup", clusterName="bare", nodegroupName="a")
        assert faults.sent[asked] == 3
        assert len(faults.pauses) == 2
        assert reader.read("eks", "DescribeNodegroup", clusterName="bare", nodegroupName="b")
    server.close()
    assert Unavailable.because(refused.value).reason == "throttled"
    observed("throttled for good", "AWS read API", "3 tries, then unknown (throttled); other calls answer")


def test_account_that_denies_everything(observed: Observed) -> None:
    """No role of another account is assumed yet; an account that lets nobody in is unknown, and nobody else is."""
    card = evaluate(gather(load_scenario("locked")), SHIPPED, policy=Policy())
    probed = {check.id for check in SHIPPED if check.rule}
    unknown = [each for each in card.findings if each.outcome == "unknown" and each.check in probed]
    assert len(unknown) > len(probed) / 2
    assert {each.unknown_reason for each in unknown} <= {"denied", "unreachable"}
    assert "denied" in {each.unknown_reason for each in unknown}
    assert all(each.remedy for each in unknown)
    observed(
        "access denied for all but EKS", "whole scan of locked", f"{len(unknown)} checks unknown, each with a remedy"
    )


# --- The ledger ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("megabytes", [0, 1, pytest.param(50, marks=chaos)])
def test_item_larger_than_a_row(megabytes: int, observed: Observed) -> None:
    """However much there is to blame, and however badly it compresses: the row fits, and so does the message."""
    chance = random.Random(megabytes)
    alphabet = string.ascii_letters + string.digits + "-/"
    offenders = megabytes * 1024 * 1024 // MAX_OFFENDER_CHARACTERS // 8

    def name() -> str:
        return "".join(chance.choices(alphabet, k=MAX_OFFENDER_CHARACTERS))

    from eks_readiness.domain.finding import failed  # noqa: PLC0415 - here alone

    base = evaluate(gather(load_scenario("bare")), SHIPPED, policy=Policy())
    pool = [name() for _ in range(min(offenders, 40_000))]
    findings = []
    for each in base.findings:
        verdict = failed("x" * 500, chance.sample(pool, min(len(pool), offenders)))
        fresh = [name() for _ in verdict.offenders]
        findings.append(
            msgspec.structs.replace(
                each,
                outcome="fail",
                unknown_reason=None,
                offenders=tuple(fresh),
                offenders_total=verdict.offenders_total,
            )
        )
    card = msgspec.structs.replace(base, cluster=CLUSTER, findings=tuple(findings))
    fixes = {each.item: "mend it " * 50 for each in card.items}
    written = decide(None, card, request(0), Policy(), fixes)
    assert written.scan is not None
    assert written.event is not None
    rows = ScanRows(MemoryScanArchive(), retention=timedelta(days=30), on_broken_row=lambda row: pytest.fail(str(row)))
    row = rows.row(CLUSTER, written.scan).item
    assert rows.whole(row, written.scan) == written.scan
    size = sum(len(kind) + len(value) for each in row.values() for kind, value in each.items())
    assert size <= MAX_ITEM_BYTES + 1_000
    message = event_message_writer("https://example.com")(written.event)
    assert len(json.dumps(message.bodies, ensure_ascii=False).encode()) < MAX_MESSAGE_BYTES
    assert max(len(each.offenders) for each in findings) <= MAX_OFFENDERS
    observed(f"{megabytes} MB of offenders", "ledger row and SNS message", f"row of {size / 1000:.0f} kB")


def test_evidence_beside_the_row(deployed: Synthesised, observed: Observed) -> None:
    """A large scan is archived before its row is written: what no row points to is removed by the bucket itself."""
    (rule,) = deployed.one("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule.get("Prefix")) == ("Enabled", None)
    assert rule["ExpirationInDays"] > 0
    actions = {
        action for verb in ("dispatch", "scan", "relay", "sweep", "widget") for action in deployed.actions(verb, "s3")
    }
    assert {each for each in actions if not each.startswith(("s3:Get", "s3:List"))} == {"s3:PutObject"}
    observed("evidence written, transaction failed", "template", "an orphan is removed by the lifecycle rule")


def test_clock_skew_between_workers(observed: Observed) -> None:
    """Clocks an hour ahead and behind: the same chain of states and events as with true ones."""
    chains = []
    for skews in ((0, 0, 0), (60, -60, 17), (-60, 60, -59)):
        ledger, (cluster, *_) = registered(1)
        clusters = Clusters()
        for number in range(9):
            clusters.seen[cluster] = (PASS, PASS if number % 3 else FAIL, FAIL)
            clock = SetClock(slot(number) + timedelta(minutes=skews[number % 3]))
            asked = ScanRequest(cluster_arn=cluster.arn, slot=slot(number), trigger="schedule")
            scanner(ledger, clusters, clock=clock)(asked, seconds=10)
        events = [_told(each, ledger) for each in ledger.outbox.pending()]
        chains.append([(each.event_id, each.kind, each.from_level, each.to_level) for each in events])
    assert chains[0] == chains[1] == chains[2]
    assert len(chains[0]) > 3
    observed("clocks off by up to an hour", "scan", "the same chain of events")


def test_stale_scans_and_dead_scheduler(deployed: Synthesised, observed: Observed) -> None:
    """No scans: the gauge rises over the alarm's limit. No sweeper: no data, which the alarm takes as breaching.

    Alarms are not evaluated by the emulators: the gauge is real, the alarm is the template's.
    """
    ledger, (cluster, *_) = registered(1)
    ledger.results.commit(write(None, 0, 2, cluster=cluster), at=START)
    alarm = deployed.one("AWS::CloudWatch::Alarm", AlarmName="fleet-table-stale-scans")
    limit = alarm["Threshold"]
    clock = SetClock(START)
    sweep, _, metrics = sweeper(ledger, clock)
    breached: list[float] = []
    for minutes in range(0, 6 * 60, 5):
        clock.at = START + timedelta(minutes=minutes)
        sweep()
        if metrics.values[names.OLDEST_SCAN_AGE_SECONDS] > limit:
            breached.append(minutes)
            break
    assert breached
    assert breached[0] * 60 <= 2.5 * 3600 + 5 * 60 + 60
    assert (alarm["Statistic"], alarm["TreatMissingData"]) == ("Maximum", "breaching")
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["Period"]) == (3, 1, 300)
    assert alarm["MetricName"] == names.OLDEST_SCAN_AGE_SECONDS
    observed("scheduler dead", "gauge, and the template's alarm", f"over the limit after {breached[0]:g} minutes")
    observed("sweeper dead", "template", "missing data breaches after 15 minutes")


def test_dead_letters_on_every_hop(deployed: Synthesised, observed: Observed) -> None:
    """No consumer without one, and an alarm on each. E-mail subscriptions have none: SNS retries those itself."""
    queues = deployed.of("AWS::SQS::Queue")
    ends = set()
    for schedule in deployed.of("AWS::Scheduler::Schedule").values():
        ends.add(schedule["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0])
    for mapping in deployed.of("AWS::Lambda::EventSourceMapping").values():
        if "StartingPosition" in mapping:
            ends.add(mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0])
        else:
            source = queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
            ends.add(source["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0])
    for invoke in deployed.of("AWS::Lambda::EventInvokeConfig").values():
        ends.add(invoke["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0])
    worked_off = {name for name, each in queues.items() if "RedrivePolicy" in each}
    assert ends == set(queues) - worked_off
    assert all(queues[each]["MessageRetentionPeriod"] == 14 * 24 * 3600 for each in ends)
    watched = {
        each["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for each in deployed.of("AWS::CloudWatch::Alarm").values()
        if each["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == ends
    observed("a hop fails for good", "template", f"{len(ends)} queues of dead letters, each with an alarm")


def test_stuck_stream(deployed: Synthesised, observed: Observed) -> None:
    """A record that cannot be told is left after ten tries, split off from the others, and kept.

    ministack retries such records otherwise than AWS: this is the template. What is left, the sweeper tells:
    `test_killed_workers.py`.
    """
    (mapping,) = (
        each for each in deployed.of("AWS::Lambda::EventSourceMapping").values() if "StartingPosition" in each
    )
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["MaximumRetryAttempts"] == 10
    assert mapping["MaximumRecordAgeInSeconds"] == 6 * 3600
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"]["OnFailure"]
    observed("stream stuck", "template", "10 tries, 6 hours, bisected, kept; the sweeper tells it")


@pytest.mark.parametrize("newer", [False, True])
def test_rollback_and_upgrade(newer: bool, moto_session: Pointed, observed: Observed) -> None:
    """Rows that the next version wrote, with fields that this one does not know: read, and gone on with."""
    with mock_aws():
        client = moto_session.client("dynamodb")
        table = create_table(client)
        ledger = dynamo_ledger(moto_session, table, retention_days=30, on_broken_row=refuse)
        ledger.registry.register(REGISTRATION)
        first = write(None, 0, 2)
        assert ledger.results.commit(first, at=START) == "written"
        if newer:
            for item in client.scan(TableName=table)["Items"]:
                client.put_item(TableName=table, Item=_of_the_next_version(item))
        state = ledger.results.state(CLUSTER.arn)
        assert state is not None
        assert (state.level, state.version, state.scan_id) == (2, 1, first.state.scan_id)
        assert ledger.results.commit(write(state, 1, 0), at=START) == "written"
        assert [each.slot for each in ledger.results.scans(CLUSTER.arn, limit=5)] == [slot(1), slot(0)]
        assert [each.cluster for each in ledger.registry.registered()] == [CLUSTER]
        told = [_told(each, ledger) for each in sorted(ledger.outbox.pending(), key=lambda each: each.key.name)]
        assert [(each.kind, each.from_level, each.to_level) for each in told] == [
            ("BASELINE", None, 2),
            ("REGRESSED", 2, 0),
        ]
    observed("rolled back" if newer else "not rolled back", "ledger on moto", "0 lost, 0 extra")


def _of_the_next_version(item: Mapping[str, Any]) -> dict[str, Any]:
    import zlib  # noqa: PLC0415 - here alone

    packed = item["body"].get("B")
    value = json.loads(zlib.decompress(packed) if packed else item["body"]["S"])
    value |= {"schema": 2, "weather": {"tomorrow": ["sunny"]}}
    text = json.dumps(value)
    body = {"B": zlib.compress(text.encode())} if packed else {"S": text}
    return {**item, "body": body, SCHEMA: {"N": "2"}, "mood": {"S": "good"}}


def test_cluster_recreated_under_one_name(observed: Observed) -> None:
    """Another cluster of the same name starts anew: no regression is told of what is gone."""
    ledger, (cluster, *_) = registered(1)
    clusters = Clusters(seen={cluster: (PASS, PASS, FAIL)})
    for number, (made_at, seen) in enumerate(
        [(START - 30 * HOUR, (PASS, PASS, FAIL)), (START, (FAIL, FAIL, FAIL)), (START, (PASS, FAIL, FAIL))]
    ):
        clusters.made_at, clusters.seen[cluster] = made_at, seen
        asked = ScanRequest(cluster_arn=cluster.arn, slot=slot(number), trigger="schedule")
        scanner(ledger, clusters)(asked, seconds=10)
    told = sorted((_told(each, ledger) for each in ledger.outbox.pending()), key=lambda each: each.version)
    assert [(each.kind, each.from_level, each.to_level) for each in told] == [
        ("BASELINE", None, 2),
        ("BASELINE", None, 0),
        ("IMPROVED", 0, 1),
    ]
    observed("cluster made anew under its name", "scan", "BASELINE, no regression")


def test_fleet_wide_failure(observed: Observed) -> None:
    """The network of 200 clusters is cut: no level moves, and the fleet is told of together, not cluster by cluster."""
    ledger, clusters = registered(200)
    source = Clusters()
    scan = scanner(ledger, source)
    for number in range(5):
        if number == 1:
            source.seen = dict.fromkeys(clusters, (UNKNOWN, UNKNOWN, UNKNOWN))
        for cluster in clusters:
            scan(ScanRequest(cluster_arn=cluster.arn, slot=slot(number), trigger="schedule"), seconds=10)
    clock = SetClock(START)
    sweep, notifier, _ = sweeper(ledger, clock)
    for minutes in range(5, 6 * 60, 10):
        clock.at = START + timedelta(minutes=minutes)
        sweep()
        for pending in list(ledger.outbox.pending()):
            if not pending.key.held:
                sweep.relay(pending.key)
    kinds = [event.kind for event in notifier.events]
    digests = [event for event in notifier.events if isinstance(event, DigestEvent)]
    assert kinds.count("BASELINE") == 200
    assert set(kinds) == {"BASELINE", "FLEET_COVERAGE"}
    assert len(digests) == -(-200 // MAX_DIGEST_MEMBERS)
    assert sorted(member.cluster.name for each in digests for member in each.members) == [
        each.name for each in clusters
    ]
    observed("network of 200 clusters cut", "scan, sweep", f"0 regressions, {len(digests)} events for 200 clusters")


# --- The table itself ------------------------------------------------------------------------------------------------


def test_every_row_has_its_test() -> None:
    """A row of the table that is not here was forgotten."""
    source = Path(__file__).read_text(encoding="utf-8")
    there = re.findall(r"(?m)^def test_(\w+)\(", source)
    assert set(ROWS) <= set(there)
    assert len(ROWS) == 23


ROWS = (
    "duplicate_or_late_schedule_delivery",
    "redelivered_and_concurrent_scans",
    "crash_of_one_cluster_of_many",
    "poison_message",
    "time_running_out",
    "huge_answer_endless_pages_and_looped_continue",
    "403_on_one_resource",
    "absent_crd_group_against_broken_discovery",
    "401_and_token_clock_skew",
    "certificate_faults",
    "429_and_503_with_retry_after",
    "throttled_aws_api",
    "account_that_denies_everything",
    "private_endpoint_or_dns_failure",
    "item_larger_than_a_row",
    "evidence_beside_the_row",
    "clock_skew_between_workers",
    "stale_scans_and_dead_scheduler",
    "dead_letters_on_every_hop",
    "stuck_stream",
    "rollback_and_upgrade",
    "cluster_recreated_under_one_name",
    "fleet_wide_failure",
)
