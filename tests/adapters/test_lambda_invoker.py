"""Starting a function: what Lambda is asked, and what is said when it refuses."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from eks_readiness.adapters.lambda_invoker import LambdaInvoker
from eks_readiness.app.dispatch_scans import Tick
from eks_readiness.domain.errors import StoreError
from tests.scans import CLUSTER, START

EVENT = Tick(slot=START, after=CLUSTER.arn).to_event()


def _stubbed() -> tuple[LambdaInvoker, Stubber]:
    client = boto3.client("lambda", "eu-west-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret")
    return LambdaInvoker(client, "dispatch"), Stubber(client)


def test_it_does_not_wait_for_the_end() -> None:
    """As an event, with the payload as JSON."""
    invoker, stubber = _stubbed()
    asked = {
        "FunctionName": "dispatch",
        "InvocationType": "Event",
        "Payload": json.dumps(EVENT, separators=(",", ":")).encode(),
    }
    stubber.add_response("invoke", {"StatusCode": 202}, asked)
    with stubber:
        invoker.start(EVENT)
        stubber.assert_no_pending_responses()


def test_a_refusal_is_an_error() -> None:
    """Then the tick is tried again as a whole."""
    invoker, stubber = _stubbed()
    stubber.add_client_error("invoke", "TooManyRequestsException", "slow down")
    with stubber, pytest.raises(StoreError, match=r"dispatch could not be started: .*slow down"):
        invoker.start(EVENT)
