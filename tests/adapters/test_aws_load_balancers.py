"""Load balancers over the wire, where every list comes in pages of two, and the bounds of what is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import boto3
import pytest

from eks_readiness.adapters import aws_load_balancers
from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.aws_dns import read_records
from eks_readiness.adapters.aws_eks import PROBES as EKS_PROBES
from eks_readiness.adapters.aws_load_balancers import read_load_balancers, read_target_groups
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.probe import Gathered
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    Entrances,
    LoadBalancers,
    Slice,
    TargetGroupBindings,
    Unavailable,
)
from eks_readiness.domain.evidence.ingress import Host, Hosts, IngressSummary, LoadBalancer
from tests.doubles.aws_server import AwsServer
from tests.doubles.scenario import CASE_NOW, REGION, Rule, load_scenario

LB = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:{}/app/{}/50dc6c495c0c9188"
PROD = load_scenario("prod", now=CASE_NOW)
NAMES = ("one", "two", "three", "four", "five")
BALANCERS = [
    {
        "LoadBalancerArn": LB.format("loadbalancer", name),
        "LoadBalancerName": name,
        "Type": "application",
        "Scheme": "internal",
        "VpcId": "vpc-0a1b2c3d4e5f60001",
    }
    for name in NAMES
]
TAGS = [
    {"ResourceArn": each["LoadBalancerArn"], "Tags": [{"Key": "elbv2.k8s.aws/cluster", "Value": "prod"}]}
    for each in BALANCERS
]
LISTENERS = [
    {"ListenerArn": LB.format("listener", f"one/{port}"), "Port": port, "Protocol": protocol}
    for port, protocol in ((80, "HTTP"), (443, "HTTPS"), (8080, "HTTP"), (8443, "HTTPS"), (9443, "HTTPS"))
]
CERTIFICATES = [{"CertificateArn": f"arn:aws:acm:eu-west-1:111122223333:certificate/{n}"} for n in range(5)]
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/{}/6d0ecf831eec9f09"
GROUPS = [
    {"TargetGroupArn": GROUP.format(name), "TargetGroupName": name, "LoadBalancerArns": [*used_by]}
    for name, used_by in (
        ("one-1", [LB.format("loadbalancer", "one")]),
        ("one-2", [LB.format("loadbalancer", "one")]),
        ("other", [LB.format("loadbalancer", "another-cluster")]),
        ("bound", [LB.format("loadbalancer", "made-by-hand")]),
        ("unused", []),
    )
]
HEALTHY = [{"Target": {"Id": "i-1"}, "TargetHealth": {"State": "healthy"}}]
RULES = (
    Rule("elbv2", "DescribeTargetGroups", {}, {"TargetGroups": GROUPS}),
    Rule("elbv2", "DescribeTargetHealth", {}, {"TargetHealthDescriptions": HEALTHY}),
    Rule("elbv2", "DescribeLoadBalancers", {}, {"LoadBalancers": BALANCERS}),
    Rule("elbv2", "DescribeTags", {}, {"TagDescriptions": TAGS}),
    Rule("elbv2", "DescribeListeners", {"LoadBalancerArn": LB.format("loadbalancer", "one")}, {"Listeners": LISTENERS}),
    Rule(
        "elbv2",
        "DescribeListeners",
        {"LoadBalancerArn": LB.format("loadbalancer", "two")},
        None,
        {"code": "LoadBalancerNotFound", "message": "gone"},
    ),
    Rule("elbv2", "DescribeListeners", {}, {"Listeners": []}),
    Rule("elbv2", "DescribeListenerCertificates", {}, {"Certificates": CERTIFICATES}),
)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[BotoAws]:
    """The product's reader, pointed at an account with five load balancers."""
    server = AwsServer({REGION: replace(PROD, rules=(*RULES, *PROD.rules))})
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    session = boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example")
    yield BotoAws(AwsClients(session, REGION), Deadline(30))
    server.close()


def _gathered(reader: BotoAws, **slices: Slice) -> Gathered:
    (probe,) = [each for each in EKS_PROBES if each.provides is ClusterConfiguration]
    cluster = probe.read(reader, Gathered(PROD.cluster, CASE_NOW, MappingProxyType({})))
    found = {type(each): each for each in (cluster, *slices.values())}
    return Gathered(PROD.cluster, CASE_NOW, MappingProxyType(found))


def test_every_page_of_every_list_is_read(reader: BotoAws) -> None:
    """Load balancers, listeners and certificates; one that was deleted meanwhile has no listener."""
    found = read_load_balancers(reader, _gathered(reader))
    assert {each.name for each in found.load_balancers} == set(NAMES)
    listeners = {each.name: each.tls_listeners for each in found.load_balancers}
    assert listeners["two"] == ()
    assert not isinstance(listeners["one"], Unavailable)
    assert [each.port for each in listeners["one"]] == [443, 8443, 9443]
    assert {len(each.certificate_arns) for each in listeners["one"]} == {5}


def test_what_lies_beyond_the_bound_is_counted(reader: BotoAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a check can tell that it did not see everything."""
    monkeypatch.setattr(aws_load_balancers, "MAX_LOAD_BALANCERS", 3)
    found = read_load_balancers(reader, _gathered(reader))
    assert (len(found.load_balancers), found.beyond) == (3, 2)


def test_target_groups_beyond_the_bound_are_counted(reader: BotoAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """With those of load balancers that were not looked at; what no load balancer uses has no health."""
    monkeypatch.setattr(aws_load_balancers, "MAX_TARGET_GROUPS", 2)
    balancers = LoadBalancers(
        observed_at=CASE_NOW,
        source="test",
        load_balancers=(
            LoadBalancer(arn=LB.format("loadbalancer", "one"), name="one", type="application", scheme="internal"),
        ),
        beyond=4,
    )
    bound = TargetGroupBindings(observed_at=CASE_NOW, source="test", target_group_arns=(GROUP.format("bound"),))
    found = read_target_groups(reader, _gathered(reader, balancers=balancers, bound=bound))
    assert [each.name for each in found.groups] == ["bound", "one-1"]
    assert found.beyond == 1 + 4


def test_a_zone_too_long_to_read_proves_no_absence(reader: BotoAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record found before the bound counts; one that was not found may lie behind it."""
    monkeypatch.setattr("eks_readiness.adapters.aws_dns.MAX_RECORDS", 3)
    names = ("shop.example.com", "www.shop.example.com")
    hosts = Hosts(total=2, hosts=tuple(Host(name=name, at="Ingress shop/storefront") for name in names))
    entrances = Entrances(observed_at=CASE_NOW, source="test", ingresses=IngressSummary(hosts=hosts))
    found = read_records(reader, _gathered(reader, entrances=entrances))
    assert [(each.name, each.public) for each in found.hosts] == [(names[0], "found"), (names[1], "unread")]
