"""Scanning from a laptop: real wires to a fleet of doubles, with a kubeconfig and AWS credentials of the user."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.cli.main import run
from eks_readiness.domain.evidence.document import SLICES
from tests.doubles.fleet import Fleet

STATED = [check for check in CHECKLIST if check.rule is None]
"""Checks that a statement answers; a scan without statements fails them."""
UNSTATED_AT_1 = [
    item.id for item in ITEMS if item.seed_level == 1 and item.id in {check.item for check in STATED if check.required}
]
TOKEN = (
    "k8s-aws-v1.aHR0cHM6Ly9zdHMuZXUtd2VzdC0xLmFtYXpvbmF3cy5jb20vP0FjdGlvbj1HZXRDYWxsZXJJZGVudGl0eSZYLUFtei1TaWduZWRI"
    "ZWFkZXJzPWhvc3Q7eC1rOHMtYXdzLWlk"
)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Two clusters, prod and bare, served."""
    with Fleet(("prod", "bare"), now=datetime.now(UTC).replace(microsecond=0)) as served:
        yield served


@pytest.fixture
def laptop(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's environment: credentials, and a kubeconfig whose context signs in by an exec plug-in."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in fleet.environment("eu-west-1").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"token": TOKEN, "expirationTimestamp": "2099-01-01T00:00:00Z"},
    }
    plugin = {
        "apiVersion": credential["apiVersion"],
        "command": sys.executable,
        "args": ["-c", f"print({json.dumps(json.dumps(credential))})"],
        "interactiveMode": "Never",
    }
    contexts = {"prod": fleet.kubernetes["prod"], "other": fleet.kubernetes["bare"]}
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "other",
        "clusters": [
            {
                "name": name,
                # By another name, as a tunnel has it: then only the authority tells the clusters apart.
                "cluster": {
                    "server": server.url.replace("127.0.0.1", "localhost"),
                    "certificate-authority-data": server.ca_data,
                },
            }
            for name, server in contexts.items()
        ],
        "users": [{"name": "me", "user": {"exec": plugin}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in contexts],
    }
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    return file


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_scan_by_context(laptop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check is answered, over TLS and through a plug-in that signs in."""
    assert run(["scan", "--cluster", "prod", "--context", "prod", "-o", "json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    found = json.loads(said.out)
    outcomes = {each["check"]: each["outcome"] for each in found["findings"]}
    assert {outcomes.pop(check.id) for check in STATED} == {"fail"}
    reasons = {each["check"]: each["reason"] for each in found["findings"]}
    assert {check: reasons[check] for check, outcome in outcomes.items() if outcome != "pass"} == {}
    assert found["missing_for"]["1"] == UNSTATED_AT_1


def test_a_scan_shows_its_progress_and_a_table(laptop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines on standard error, the result on standard output, the exit code as required."""
    assert run(["scan", "--cluster", "prod", "--context", "prod", "--require-level", "1"]) == 1
    said = capsys.readouterr()
    assert "Nodes: ok" in said.err
    assert "prod (eu-west-1, 111122223333): level 0" in said.out


def test_partial_results_say_what_was_denied(laptop: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """A right that is missing leaves every other check answered."""
    fleet.change("prod", {"kubernetes": [{"deny": "nodes"}]})
    try:
        assert run(["scan", "--cluster", "prod", "--context", "prod"]) == 0
    finally:
        fleet.repair("prod")
    said = capsys.readouterr()
    assert "Nodes: denied: GET /api/v1/nodes: 403" in said.err
    assert f"1 of {len(SLICES)} pieces of evidence could not be had: the result is partial" in said.err
    assert "give group eks-readiness the shipped ClusterRole" in said.out.replace("\n", " ")


def test_collect_then_evaluate(laptop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document that `collect` prints is what `evaluate` reads."""
    assert run(["collect", "--cluster", "prod", "--context", "prod"]) == 0
    evidence = tmp_path / "cluster.json"
    evidence.write_text(capsys.readouterr().out)
    assert run(["evaluate", str(evidence), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing_for"]["1"] == UNSTATED_AT_1


def test_an_endpoint_that_is_not_of_eks_gets_no_token(
    laptop: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a context EKS names the endpoint; this one is on loopback, and must not be trusted with a token."""
    before = len(fleet.kubernetes["prod"].requests)
    assert run(["scan", "--cluster", "prod", "--require-level", "3"]) == 1
    assert "is not the endpoint of an EKS cluster: no token is sent there" in capsys.readouterr().err
    assert len(fleet.kubernetes["prod"].requests) == before


def test_wrong_input_is_one_line_with_the_fix(laptop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A context that does not exist, one of another cluster, a cluster that does not exist."""
    said = _refused(capsys, "scan", "--cluster", "prod", "--context", "nope", "-o", "json")
    assert "no context 'nope' (known: other, prod;" in said
    said = _refused(capsys, "scan", "--cluster", "prod", "--context", "other", "-o", "json")
    assert "context other leads to localhost, but the endpoint of prod (eu-west-1, 111122223333) is" in said
    said = _refused(capsys, "scan", "--cluster", "arn:aws:eks:eu-west-1:1:cluster/x", "-o", "json")
    assert "not the ARN of an EKS cluster" in said
    laptop.write_text("{{{")
    assert "the kubeconfig cannot be used" in _refused(
        capsys, "scan", "--cluster", "prod", "--context", "prod", "-o", "json"
    )


def test_a_cluster_that_does_not_exist(laptop: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """EKS says so, and the line says what to look at."""
    gone = {
        "service": "eks",
        "operation": "DescribeCluster",
        "error": {"code": "ResourceNotFoundException", "message": "No cluster found for name: nope."},
    }
    fleet.change("prod", {"aws": [gone]})
    try:
        said = _refused(capsys, "scan", "--cluster", "nope", "-o", "json")
    finally:
        fleet.repair("prod")
    assert "there is no cluster nope in eu-west-1" in said


def test_a_connected_cluster(laptop: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """EKS shows it and does not run it."""
    connected = {"connectorConfig": {"provider": "GKE"}, "name": "prod", "arn": fleet.cluster("prod").arn}
    answer = {"service": "eks", "operation": "DescribeCluster", "answer": {"cluster": connected}}
    fleet.change("prod", {"aws": [answer]})
    try:
        for command in ("scan", "collect"):
            assert run([command, "--cluster", "prod"]) == 2
            said = capsys.readouterr()
            assert "prod is a connected cluster (GKE): EKS shows it, and does not run it" in said.err
            assert said.out == ""
    finally:
        fleet.repair("prod")


def test_access_says_how_the_scanner_enters(laptop: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """An access entry where the cluster knows them, else a line of aws-auth; both where no cluster is named."""
    role = ["--role-arn", "arn:aws:iam::111122223333:role/readiness/scan"]
    entry = "--principal-arn arn:aws:iam::111122223333:role/readiness/scan --kubernetes-groups eks-readiness"
    line = (
        "- {rolearn: arn:aws:iam::111122223333:role/scan, username: 'eks-readiness:{{SessionName}}', "
        "groups: [eks-readiness]}"
    )
    assert run(["access", *role]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["kind"] == "List"
    assert entry in said.err
    assert line in said.err
    assert run(["access", "--cluster", "prod", *role]) == 0
    said = capsys.readouterr()
    assert f"--cluster-name prod {entry}" in said.err
    assert "aws-auth" not in said.err
    mode = {"cluster": {"accessConfig": {"authenticationMode": "CONFIG_MAP"}}}
    fleet.change("prod", {"aws": [{"service": "eks", "operation": "DescribeCluster", "merge": mode}]})
    try:
        assert run(["access", "--cluster", fleet.cluster("prod").arn, *role]) == 0
        said = capsys.readouterr()
        assert line in said.err
        assert "create-access-entry" not in said.err
    finally:
        fleet.repair("prod")


def test_expired_credentials(laptop: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and the exit code of an unknown that blocks the verdict."""
    expired = {
        "service": "eks",
        "operation": "*",
        "error": {"code": "ExpiredTokenException", "message": "The security token included in the request is expired"},
    }
    fleet.change("prod", {"aws": [expired]})
    try:
        assert run(["scan", "--cluster", "prod", "-o", "json"]) == 3
    finally:
        fleet.repair("prod")
    said = capsys.readouterr()
    assert said.out == ""
    assert "sign in again" in said.err
    assert said.err.count("\n") == 1
