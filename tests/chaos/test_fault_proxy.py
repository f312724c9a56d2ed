"""Networks that break: the proxy before the Kubernetes API, over TLS, and before a local AWS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from kubernetes.client.configuration import Configuration

from eks_readiness.adapters.aws_api import AwsClients
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.evidence_source import ClusterEvidenceSource, EksConnection
from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.kubernetes_https import HttpsFetch
from eks_readiness.adapters.probe import Kind
from eks_readiness.adapters.sns_notifier import SnsLevelNotifier
from eks_readiness.bootstrap import ledger as bootstrap_ledger
from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.errors import ProbeError, StoreError, TimedOut, UnexpectedAnswer, Unreachable
from eks_readiness.domain.event import LevelEvent
from eks_readiness.domain.ledger import Registration
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.ports import Ledger
from eks_readiness.reports.event_message import event_message_writer
from tests.chaos.conftest import Observed, pointed, refuse
from tests.chaos.fault_proxy import Blackhole, Drip, Fault, FaultProxy, Latency, Redirect, Reset, Truncate
from tests.contracts.conftest import create_table
from tests.doubles.fleet import REGIONS, Fleet
from tests.doubles.http_server import HttpServer, Request, Response
from tests.doubles.kubernetes_server import KubernetesServer
from tests.doubles.local_aws import LocalAws
from tests.doubles.scenario import CASE_NOW, load_scenario
from tests.scans import CLUSTER, REGISTRATION, START, write

NAMESPACES = Kind("", "namespaces")
SECONDS = 1.5
"""What the reads here may take: enough for a whole list, and little to wait for."""


class _Meta(msgspec.Struct):
    name: str


class _Named(msgspec.Struct):
    metadata: _Meta


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    """A cluster with 1,203 namespaces, in three pages."""
    base = load_scenario("bare", now=CASE_NOW)
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{n:04}"}} for n in range(1203)]
    double = KubernetesServer(base.changed({"kubernetes": [{"remove": {"kind": "Namespace"}}, {"add": objects}]}))
    yield double
    double.close()


@pytest.fixture
def proxy(server: KubernetesServer) -> Iterator[FaultProxy]:
    """Before the cluster."""
    with FaultProxy(server.url) as standing:
        yield standing


class _Token:
    def __call__(self, *, fresh: bool) -> str:
        return GOOD


GOOD = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eSZYLUFtei1TaWduZWRIZWFkZXJzPWhvc3Q7eC1rOHMtYXdzLWlk"  # noqa: E501 - one token


def _list(server: KubernetesServer, proxy: FaultProxy, seconds: float = SECONDS) -> list[str]:
    configuration = Configuration(host=proxy.url, ca_cert_data=server.ca_pem.decode())
    api = KubernetesApi(HttpsFetch(configuration, _Token(), Deadline(seconds)))
    return [each.metadata.name for each in api.items(NAMESPACES, _Named)]


def test_what_is_not_harmed_passes(server: KubernetesServer, proxy: FaultProxy, observed: Observed) -> None:
    """A slow network is slow, and no more."""
    proxy.plant(Latency(seconds=0.02))
    assert _list(server, proxy, seconds=20) == [f"ns-{n:04}" for n in range(1203)]
    assert proxy.struck
    observed("latency", "Kubernetes API over TLS", "the whole list, later")


HANDSHAKE, IN_AN_ANSWER = 200, 3_000
BREAKS: list[tuple[str, Fault, type[ProbeError], str | None]] = [
    ("reset in the handshake", Reset(HANDSHAKE), UnexpectedAnswer, "broke off"),
    ("reset in an answer", Reset(IN_AN_ANSWER), UnexpectedAnswer, "broke off"),
    ("closed in the handshake", Truncate(HANDSHAKE), Unreachable, "handshake was broken off"),
    ("truncated in an answer", Truncate(IN_AN_ANSWER), UnexpectedAnswer, "broke off"),
    ("dripping from the handshake on", Drip(HANDSHAKE, seconds=0.02), TimedOut, None),
    ("dripping in an answer", Drip(IN_AN_ANSWER, seconds=0.02), TimedOut, None),
    ("silent in the handshake", Blackhole(HANDSHAKE), TimedOut, None),
    ("silent in an answer", Blackhole(IN_AN_ANSWER), TimedOut, None),
]


@pytest.mark.parametrize(("what", "fault", "error", "words"), BREAKS, ids=[each[0] for each in BREAKS])
def test_a_broken_connection_to_the_cluster(
    what: str,
    fault: Fault,
    error: type[ProbeError],
    words: str | None,
    server: KubernetesServer,
    proxy: FaultProxy,
    observed: Observed,
) -> None:
    """Part of a list is no list: the reader hears why within its time, and nobody is asked for a token twice."""
    proxy.plant(fault)
    began = time.monotonic()
    with pytest.raises(error, match=words):
        _list(server, proxy)
    assert time.monotonic() - began < SECONDS + 1
    assert proxy.struck
    observed(what, "Kubernetes API over TLS", f"unknown ({error.reason}), within the scan's time")


# --- A whole scan ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """One cluster, served."""
    with Fleet(("prod",), now=CASE_NOW) as served:
        yield served


def _scan(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Scorecard:
    for name, value in fleet.environment(REGIONS["prod"]).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    clients = AwsClients(boto3.Session(), REGIONS["prod"])
    connect = EksConnection(lambda _region: clients, endpoint_suffixes=["127.0.0.1"])
    source = ClusterEvidenceSource(lambda _region: clients, connect, SystemClock())
    registration = Registration(cluster=fleet.cluster("prod"), registered_at=CASE_NOW)
    return evaluate(source.collect(registration, seconds=seconds), CHECKLIST, policy=Policy())


@pytest.fixture(scope="module")
def whole(fleet: Fleet) -> Scorecard:
    """What is found when nothing breaks."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return _scan(fleet, monkeypatch, 60)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Reset(6_000), id="reset"),
        pytest.param(Truncate(6_000), id="truncate", marks=pytest.mark.chaos),
        pytest.param(Drip(6_000, seconds=0.05), id="drip"),
        pytest.param(Blackhole(6_000), id="blackhole", marks=pytest.mark.chaos),
        pytest.param(Latency(seconds=0.05), id="latency", marks=pytest.mark.chaos),
    ],
)
def test_no_verdict_is_wrong_over_a_broken_network(
    fault: Fault, fleet: Fleet, whole: Scorecard, monkeypatch: pytest.MonkeyPatch, observed: Observed
) -> None:
    """Each finding is what it is over a whole network, or unknown; what AWS alone answers stays answered."""
    with FaultProxy(fleet.kubernetes["prod"].url) as proxy:
        merge = {"cluster": {"endpoint": proxy.url}}
        fleet.change("prod", {"aws": [{"service": "eks", "operation": "DescribeCluster", "merge": merge}]})
        proxy.plant(fault)
        began = time.monotonic()
        try:
            card = _scan(fleet, monkeypatch, 20)
        finally:
            fleet.repair("prod")
        assert time.monotonic() - began < 25
        assert proxy.struck
    # Which endpoint a finding names is no part of its verdict.
    before = {each.check: each.outcome for each in whole.findings}
    after = {each.check: each.outcome for each in card.findings}
    assert {check: (before[check], now) for check, now in after.items() if now not in (before[check], "unknown")} == {}
    unknown = sum(now == "unknown" and before[check] != "unknown" for check, now in after.items())
    answered = sum(now != "unknown" for now in after.values())
    assert answered > 10
    assert (unknown > 0) is not isinstance(fault, Latency)
    assert card.level.highest >= whole.level.highest >= card.level.lowest
    kind = type(fault).__name__.lower()
    observed(
        kind, "whole scan of prod", f"{unknown} findings unknown, {answered} answered, none wrong; level {card.level}"
    )


# --- The ledger and the topic ----------------------------------------------------------------------------------------

IMPATIENT = bootstrap_ledger.SDK.merge(Config(connect_timeout=0.5, read_timeout=0.7))
"""The product's own retries, with less patience for each try."""


@pytest.fixture
def before_aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Before the local AWS."""
    monkeypatch.setattr(bootstrap_ledger, "SDK", IMPATIENT)
    with FaultProxy(local_aws.url) as standing:
        yield standing


def _ledger(aws: LocalAws, proxy: FaultProxy, table: str) -> Ledger:
    return dynamo_ledger(pointed(aws, proxy.url), table, retention_days=30, on_broken_row=refuse)


AWS_BREAKS: list[tuple[str, Fault]] = [
    ("latency", Latency(seconds=0.1)),
    ("reset", Reset()),
    ("reset in an answer", Reset(20)),
    ("closed without an answer", Truncate()),
    ("drip", Drip(20, seconds=0.002)),
    ("blackhole", Blackhole()),
]


@pytest.mark.parametrize(("what", "fault"), AWS_BREAKS, ids=[each[0] for each in AWS_BREAKS])
def test_a_broken_connection_to_dynamodb(
    what: str, fault: Fault, local_aws: LocalAws, before_aws: FaultProxy, observed: Observed
) -> None:
    """A transaction that was applied and not answered is found applied: written once, told once."""
    table = create_table(local_aws.client("dynamodb"))
    ledger = _ledger(local_aws, before_aws, table)
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    before_aws.plant(fault, times=1)
    assert ledger.results.commit(first, at=START) in ("written", "already_written")
    assert before_aws.struck == 1
    before_aws.plant(None)
    assert ledger.results.state(CLUSTER.arn) == first.state
    assert len(ledger.results.scans(CLUSTER.arn, limit=5)) == 1
    assert [each.key for each in ledger.outbox.pending()] == [_event(first).key]
    observed(f"{what}, once", "DynamoDB (ministack): transact", "written once")


@pytest.mark.parametrize(
    "fault", [pytest.param(Reset(), id="reset"), pytest.param(Blackhole(), id="blackhole", marks=pytest.mark.chaos)]
)
def test_dynamodb_that_does_not_answer_any_more(
    fault: Fault, local_aws: LocalAws, before_aws: FaultProxy, observed: Observed
) -> None:
    """The scan fails in words; delivered again, it finds what it wrote."""
    table = create_table(local_aws.client("dynamodb"))
    ledger = _ledger(local_aws, before_aws, table)
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    before_aws.plant(fault)
    with pytest.raises(StoreError):
        ledger.results.commit(first, at=START)
    before_aws.plant(None)
    assert ledger.results.commit(first, at=START) in ("written", "already_written")
    assert [each.key for each in ledger.outbox.pending()] == [_event(first).key]
    kind = type(fault).__name__.lower()
    observed(f"{kind}, for good", "DynamoDB (ministack): transact", "StoreError; the redelivery finds it written")


def test_a_redirect_of_aws_is_not_followed(local_aws: LocalAws, before_aws: FaultProxy, observed: Observed) -> None:
    """Signed requests stay where they were sent."""
    reached: list[str] = []

    def steal(request: Request) -> Response:
        reached.append(request.target)
        return Response(200, {}, b"{}")

    table = create_table(local_aws.client("dynamodb"))
    with HttpServer(steal) as thief:
        before_aws.plant(Redirect(location=thief.url))
        with pytest.raises(StoreError):
            _ledger(local_aws, before_aws, table).registry.register(REGISTRATION)
    assert before_aws.struck
    assert reached == []
    observed("redirect", "DynamoDB (ministack)", "StoreError; the other host sees nothing")


@pytest.mark.parametrize(("what", "fault"), [("reset", Reset()), ("reset in an answer", Reset(20))])
def test_a_lost_answer_of_sns_is_the_same_event_twice(
    what: str, fault: Fault, local_aws: LocalAws, before_aws: FaultProxy, observed: Observed
) -> None:
    """The one duplicate that there can be: both carry the same event_id."""
    sns, sqs = local_aws.client("sns"), local_aws.client("sqs")
    name = create_table(local_aws.client("dynamodb"))
    topic = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    client: Any = pointed(local_aws, before_aws.url).client("sns", config=IMPATIENT)
    notifier = SnsLevelNotifier(client, topic, event_message_writer(""))
    event = _event(write(None, 0, 2))
    before_aws.plant(fault, times=1)
    assert notifier.publish(event)
    assert before_aws.struck == 1
    heard: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            heard.append(msgspec.json.decode(message["Body"]))
    assert [each["event_id"] for each in heard] == [event.event_id] * 2
    observed(f"{what}, once", "SNS (ministack): publish", "told twice, with one event_id")


def test_half_an_answer_of_aws_is_none(local_aws: LocalAws, before_aws: FaultProxy, observed: Observed) -> None:
    """The SDK cannot read it, and does not ask again: it is a StoreError, and what was done is found done."""
    table = create_table(local_aws.client("dynamodb"))
    ledger = _ledger(local_aws, before_aws, table)
    ledger.registry.register(REGISTRATION)
    first = write(None, 0, 2)
    sns: Any = pointed(local_aws, before_aws.url).client("sns", config=IMPATIENT)
    notifier = SnsLevelNotifier(
        sns, local_aws.client("sns").create_topic(Name=table)["TopicArn"], event_message_writer("")
    )
    before_aws.plant(Truncate(20), times=1)
    with pytest.raises(StoreError, match="could not be published"):
        notifier.publish(_event(first))
    assert before_aws.struck == 1
    before_aws.plant(Truncate(20), times=1)
    assert ledger.results.commit(first, at=START) in ("written", "already_written")
    assert before_aws.struck == 2
    before_aws.plant(None)
    assert ledger.results.state(CLUSTER.arn) == first.state
    observed("truncated, once", "SNS and DynamoDB (ministack)", "StoreError, tried again; or written")


def _event(of: Any) -> LevelEvent:
    event: LevelEvent = of.event
    return event
