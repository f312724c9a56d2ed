"""boto3 against a server that speaks each service's own protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import boto3
import pytest

from eks_readiness.adapters.aws_api import THREADS, AwsClients, BotoAws
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.domain.errors import (
    AccessDenied,
    RefusedRequest,
    TimedOut,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from tests.doubles.aws_server import AwsServer
from tests.doubles.fleet import CREDENTIALS
from tests.doubles.scenario import CASE_NOW, Rule, Scenario, load_scenario

REGION = "eu-west-1"


def _scenario(*rules: Rule) -> Scenario:
    base = load_scenario("bare", now=CASE_NOW)
    return Scenario(base.name, base.cluster, base.kubernetes_version, CASE_NOW, rules, ())


VOLUMES = {"Volumes": [{"VolumeId": f"vol-{n}", "Encrypted": n % 2 == 0} for n in range(5)]}
RULES = (
    Rule("eks", "ListNodegroups", {"clusterName": "bare"}, {"nodegroups": ["a", "b", "c", "d", "e"]}),
    Rule(
        "eks",
        "DescribeNodegroup",
        {"nodegroupName": "b"},
        None,
        {"code": "ResourceNotFoundException", "message": "gone"},
    ),
    Rule("eks", "DescribeNodegroup", {}, {"nodegroup": {"status": "ACTIVE"}}),
    Rule("ec2", "DescribeVolumes", {}, VOLUMES),
    Rule("kms", "DescribeKey", {}, None, {"code": "AccessDeniedException", "message": "not authorized"}),
    Rule("backup", "DescribeRegionSettings", {}, None, {"code": "ExpiredTokenException", "message": "expired"}),
)


@pytest.fixture
def server() -> Iterator[AwsServer]:
    """An account with a few answers."""
    double = AwsServer({REGION: _scenario(*RULES)})
    yield double
    double.close()


@pytest.fixture
def reader(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> BotoAws:
    """The product's reader, pointed at it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return BotoAws(_clients(), Deadline(20))


def _clients() -> AwsClients:
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    )
    return AwsClients(session, REGION)


def test_lists_are_read_to_their_end(reader: BotoAws, server: AwsServer) -> None:
    """Five elements in pages of two, over two protocols."""
    assert list(reader.pages("eks", "ListNodegroups", "nodegroups", clusterName="bare")) == ["a", "b", "c", "d", "e"]
    volumes = list(reader.pages("ec2", "DescribeVolumes", "Volumes"))
    assert [each["VolumeId"] for each in volumes] == [f"vol-{n}" for n in range(5)]
    assert [each["Encrypted"] for each in volumes] == [True, False, True, False, True]
    assert server.calls == [("eks", "ListNodegroups")] * 3 + [("ec2", "DescribeVolumes")] * 3


def test_one_refused_call_among_many_leaves_the_others(reader: BotoAws) -> None:
    """Answers and errors come in the order of the questions."""
    asked = [{"clusterName": "bare", "nodegroupName": name} for name in "abc"]
    first, second, third = reader.read_each("eks", "DescribeNodegroup", asked)
    assert first == third == {"nodegroup": {"status": "ACTIVE"}}
    assert isinstance(second, RefusedRequest)
    assert second.code == "ResourceNotFoundException"


def test_denied_and_expired_are_told_apart(reader: BotoAws) -> None:
    """Each names its remedy."""
    with pytest.raises(AccessDenied, match="allow the scanner's role kms:DescribeKey"):
        reader.read("kms", "DescribeKey", KeyId="alias/aws/ebs")
    with pytest.raises(Unauthenticated, match="sign in again"):
        reader.read("backup", "DescribeRegionSettings")


def test_an_equal_call_is_made_once(reader: BotoAws, server: AwsServer) -> None:
    """Two probes that need the same answer cost one call."""
    for _ in range(3):
        reader.read("eks", "DescribeNodegroup", clusterName="bare", nodegroupName="a")
    assert server.calls == [("eks", "DescribeNodegroup")]


def test_services_that_hang_take_no_thread_from_the_others(
    reader: BotoAws, server: AwsServer, request: pytest.FixtureRequest
) -> None:
    """However many of their calls hold the helpers, whoever asks another service works its list off itself."""
    released, held = Event(), Semaphore(0)
    request.addfinalizer(released.set)

    def hang(service: str, _operation: str) -> None:
        if service == "kms":
            held.release()
            released.wait(30)

    server.before = hang
    asked = [{"clusterName": "bare", "nodegroupName": f"{n}"} for n in range(20)]
    with ThreadPoolExecutor(3) as others:
        for caller in range(3):
            keys = [{"KeyId": f"{caller}-{n}"} for n in range(40)]
            others.submit(reader.read_each, "kms", "DescribeKey", keys)
        for _ in range(THREADS):
            assert held.acquire(timeout=20)  # every helper hangs, or waits behind the connections that do
        answers = reader.read_each("eks", "DescribeNodegroup", asked)
        assert answers == [{"nodegroup": {"status": "ACTIVE"}}] * len(asked)
        released.set()


def test_no_call_is_begun_after_the_deadline(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the time is for judging."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    reader = BotoAws(_clients(), Deadline(0.01))
    time.sleep(0.02)
    with pytest.raises(TimedOut, match="used up"):
        reader.read("eks", "DescribeNodegroup", clusterName="bare", nodegroupName="a")
    assert server.calls == []


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to do, not a traceback of the SDK."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(Unauthenticated, match="sign in again"):
        BotoAws(AwsClients(boto3.Session(), REGION), Deadline(20)).read("eks", "DescribeCluster", name="bare")


def test_nobody_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network without a way out is unreachable, after the SDK's own retries."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="check the region"):
        BotoAws(_clients(), Deadline(20)).read("eks", "DescribeCluster", name="bare")


@pytest.mark.parametrize(
    ("region", "service", "host"),
    [
        ("eu-west-1", "cost-optimization-hub", "cost-optimization-hub.us-east-1.amazonaws.com"),
        ("eu-west-1", "cur", "cur.us-east-1.amazonaws.com"),
        ("eu-west-1", "bcm-data-exports", "bcm-data-exports.us-east-1.amazonaws.com"),
        ("ap-south-2", "ce", "ce.us-east-1.amazonaws.com"),
        ("eu-west-1", "budgets", "budgets.amazonaws.com"),
        ("cn-north-1", "cur", "cur.cn-northwest-1.amazonaws.com.cn"),
        ("cn-north-1", "ce", "ce.cn-northwest-1.amazonaws.com.cn"),
        ("cn-north-1", "budgets", "budgets.amazonaws.com.cn"),
        ("eu-west-1", "eks", "eks.eu-west-1.amazonaws.com"),
        ("us-gov-east-1", "eks", "eks.us-gov-east-1.amazonaws.com"),
        # These find their endpoint by themselves.
        ("us-gov-east-1", "iam", "iam.us-gov.amazonaws.com"),
        ("cn-north-1", "route53", "route53.amazonaws.com.cn"),
    ],
)
def test_a_service_is_asked_where_it_answers(region: str, service: str, host: str) -> None:
    """Billing lives in one region of each partition, whatever region the cluster is in."""
    session = boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example")
    assert AwsClients(session, region).client(service).meta.endpoint_url == f"https://{host}"


@pytest.mark.parametrize(("region", "service"), [("us-gov-west-1", "ce"), ("cn-north-1", "cost-optimization-hub")])
def test_a_service_that_a_partition_lacks(region: str, service: str) -> None:
    """It is said at once, and no made-up host is looked for."""
    reader = BotoAws(AwsClients(boto3.Session(), region), Deadline(20))
    with pytest.raises(Unsupported, match="does not exist in the partition"):
        reader.read(service, "ListEnrollmentStatuses")
    with pytest.raises(Unsupported, match="does not exist in the partition"):
        list(reader.pages(service, "ListEnrollmentStatuses", "items"))


def test_cloudtrail_is_asked_at_its_own_pace() -> None:
    """It answers two look-ups a second: its client learns that and waits, the others do not."""
    clients = _clients()
    assert clients.client("cloudtrail").meta.config.retries["mode"] == "adaptive"
    assert clients.client("eks").meta.config.retries["mode"] == "standard"
