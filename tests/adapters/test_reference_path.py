"""The fast way of gathering finds what a slow one finds that nobody could doubt, for every check.

Fast is the deployed way: TLS, gzip, pages, typed decoding of the fields that are needed, everything at once. Slow is
one probe after another over answers in memory: everything in one answer, or page by page of one and of seven, read by
Python's own JSON reader into plain objects first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import msgspec
import pytest
from kubernetes.client.configuration import Configuration

from eks_readiness.adapters import aws_api, collect, kubernetes_api
from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.collect import collect_evidence
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.kubernetes_api import KubernetesApi, refusal
from eks_readiness.adapters.kubernetes_https import HttpsFetch
from eks_readiness.adapters.probe import AwsReader, KubernetesReader
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.policy import Policy
from tests.doubles.aws_server import AwsServer
from tests.doubles.fleet import CREDENTIALS
from tests.doubles.kubernetes_cluster import KubernetesCluster, encoded
from tests.doubles.kubernetes_server import KubernetesServer
from tests.doubles.memory import MemoryAws
from tests.doubles.scenario import Scenario, load_scenario

CLUSTERS = ("prod", "auto", "bare", "cilium", "calico-policies", "fargate", "hybrid", "auto-mixed", "windows")
TOKEN = "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eSZYLUFtei1TaWduZWRIZWFkZXJzPWhvc3Q7eC1rOHMtYXdzLWlk"  # noqa: E501 - one token
PAGES = (None, 1, 7)


def findings(scenario: Scenario, aws: AwsReader, kubernetes: KubernetesReader) -> dict[str, Finding]:
    """What every check says of what the readers see."""
    evidence = collect_evidence(
        scenario.cluster,
        aws=aws,
        connect=lambda: kubernetes,
        aws_probes=AWS_PROBES,
        kubernetes_probes=KUBERNETES_PROBES,
        observed_at=scenario.now,
        seconds=60,
    )
    return {each.check: each for each in evaluate(evidence, CHECKLIST, policy=Policy()).findings}


def fast(scenario: Scenario) -> dict[str, Finding]:
    """The deployed way, over real wires."""
    server, account = KubernetesServer(scenario), AwsServer({scenario.cluster.region: scenario})

    class Pointed:
        """The session of this account."""

        def __init__(self) -> None:
            self._session: Any = boto3.Session(
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )

        def client(self, service: str, **options: Any) -> Any:
            """Every service answers in one place."""
            return self._session.client(service, endpoint_url=account.url, **options)

        def get_partition_for_region(self, region: str) -> str:
            """As the session says it."""
            return str(self._session.get_partition_for_region(region))

    try:
        configuration = Configuration(host=server.url)
        configuration.ca_cert_data = server.ca_pem.decode()
        deadline = Deadline(60)
        https = HttpsFetch(configuration, lambda *, fresh: TOKEN, deadline)
        clients = AwsClients(Pointed(), scenario.cluster.region)
        found = findings(scenario, BotoAws(clients, deadline), KubernetesApi(https))
        assert not account.mistakes
        return found
    finally:
        server.close()
        account.close()


def slow(scenario: Scenario, page: int | None, patched: pytest.MonkeyPatch) -> dict[str, Finding]:
    """One after another, from memory, through plain objects."""
    cluster = KubernetesCluster(scenario)

    def fetch(path: str, query: Mapping[str, str], accept: str) -> bytes:
        asked = {key: value for key, value in query.items() if key != "limit"}
        answer = cluster.get(path, {**asked, "limit": str(page)} if page and "limit" in query else asked, accept)
        if answer.status != 200:
            raise refusal(answer.status, encoded(answer), path)
        return encoded(answer)

    patched.setattr(collect, "_THREADS", 1)
    patched.setattr(aws_api, "SHARE", 0)
    patched.setattr(kubernetes_api, "_decoded", _by_way_of_objects)
    return findings(scenario, MemoryAws(scenario), KubernetesApi(fetch))


def _by_way_of_objects(decoder: msgspec.json.Decoder[Any], body: bytes, _path: str) -> Any:
    read = json.loads(body)
    try:
        return msgspec.convert(read, type=decoder.type)
    except msgspec.ValidationError as error:
        if "Expected `raw`" not in str(error):
            raise
        return decoder.decode(json.dumps(read).encode())  # a part that is kept as text: written anew


@pytest.mark.parametrize("name", CLUSTERS)
def test_both_find_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the letter: outcome, words, offenders and how many there are."""
    scenario = load_scenario(name)
    found = fast(scenario)
    assert len(found) == len(CHECKLIST.checks)
    for page in PAGES:
        with monkeypatch.context() as patched:
            assert slow(scenario, page, patched) == found, page
