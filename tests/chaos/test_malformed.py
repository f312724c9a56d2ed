"""No malformed input crashes anything or changes a verdict: a short form of `make chaos`."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders

from eks_readiness.adapters import aws_shapes, kubernetes_api
from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.domain.errors import UnexpectedAnswer
from tests.chaos.malformed import KINDS, attempt
from tests.doubles import memory

INPUTS = 2_500
"""Over all kinds, each its share."""
_SHARES = sum(share for _, share in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_inputs(kind: str) -> None:
    """Each is taken as it says, refused with a reason, or put aside; `python -m tests.chaos.malformed` tries more."""
    share = max(20, INPUTS * KINDS[kind][1] // _SHARES)
    tally = attempt(kind, 0, share)
    assert not tally.defects, tally.defects[:5]
    assert tally.tried >= share
    assert tally.fates["rejected"] + tally.fates["dead-lettered"] > share / 50


def test_an_answer_of_other_types_that_is_believed_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at types, damaged answers of AWS change verdicts."""
    monkeypatch.setattr(memory, "require_shape", lambda *_arguments: None)
    assert attempt("AWS answers", 0, 400).defects


def test_a_page_that_is_no_list_that_is_believed_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a reason for what cannot be decoded, probes fall over damaged answers of Kubernetes."""

    def believed(_decoder: object, body: bytes, _path: str) -> Any:
        raise MemoryError(body[:20])

    monkeypatch.setattr(kubernetes_api, "_decoded", believed)
    assert attempt("Kubernetes answers", 0, 5).defects


def _reader(body: bytes, monkeypatch: pytest.MonkeyPatch) -> BotoAws:
    """The product's reader over the SDK, to which every request is answered with a body."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    clients = AwsClients(boto3.Session(region_name="eu-west-1"), "eu-west-1")

    def answer(request: Any, **_more: object) -> AWSResponse:
        response = AWSResponse(request.url, 200, HTTPHeaders(), None)
        vars(response)["_content"] = body  # as the SDK fills it from the wire
        return response

    for service in ("eks", "ec2", "ecr"):
        clients.client(service).meta.events.register("before-send", answer)
    return BotoAws(clients, Deadline(60))


@pytest.mark.parametrize(
    "operation", [("eks", "ListNodegroups"), ("ecr", "DescribeRepositories"), ("ec2", "DescribeVpcs")]
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"nodegroups": ["a", "b"',
        b"[]",
        b"null",
        b'"{}"',
        b'{"nodegroups": "a", "repositories": "a"}',
        b'{"nodegroups": [7], "repositories": [7]}',
        b'{"nodegroups": ["\\ud800"], "repositories": [{"repositoryName": "\\ud800"}]}',
        b'{"nodegroups": [null], "repositories": [{"createdAt": 9223372036854775808}]}',
        b'{"nodegroups": {"a": 1}, "repositories": {"a": 1}}',
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_answer_is_not_an_empty_one(
    operation: tuple[str, str], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK takes what is not JSON for an answer without fields: nobody would hear that nothing was read."""
    service, name = operation
    parameters = {"clusterName": "prod"} if service == "eks" else {}
    reader = _reader(body, monkeypatch)
    with pytest.raises(UnexpectedAnswer, match=f"{service}:{name}"):
        reader.read(service, name, **parameters)
    key = {"eks": "nodegroups", "ecr": "repositories", "ec2": "Vpcs"}[service]
    with pytest.raises(UnexpectedAnswer, match=f"{service}:{name}"):
        list(reader.pages(service, name, key, **parameters))


def test_a_whole_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was."""
    reader = _reader(json.dumps({"nodegroups": ["a", "b"], "new": {"in": 2027}}).encode(), monkeypatch)
    assert list(reader.pages("eks", "ListNodegroups", "nodegroups", clusterName="prod")) == ["a", "b"]
    assert aws_shapes.MAX_DEPTH > 0
