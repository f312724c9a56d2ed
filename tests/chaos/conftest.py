"""What the tests of faults share: ledgers on moto and on a local AWS, and how an outcome is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from eks_readiness.bootstrap.ledger import dynamo_ledger
from eks_readiness.ports import BrokenRow, Ledger
from tests.contracts.conftest import create_table, local_aws
from tests.doubles.local_aws import REGION, LocalAws

__all__ = ["local_aws"]

Observed = Callable[[str, str, str], None]


class Pointed:
    """A boto3 session whose clients all talk to one address; None is where the SDK finds it."""

    def __init__(self, url: str | None, *, key: str = "AKIAEXAMPLE", secret: str = "secret") -> None:
        self._url = url
        self._session: Any = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)

    def client(self, service: str, **options: Any) -> Any:
        """A client."""
        return self._session.client(service, endpoint_url=self._url, **options)


def pointed(aws: LocalAws, url: str = "") -> Pointed:
    """A session on a local AWS, or on what stands before it."""
    keys = aws.credentials
    return Pointed(url or aws.url, key=keys["AWS_ACCESS_KEY_ID"], secret=keys["AWS_SECRET_ACCESS_KEY"])


def refuse(row: BrokenRow) -> None:
    """No row is ever broken here."""
    raise AssertionError(row)


@pytest.fixture(scope="session")
def moto_session() -> Pointed:
    """One for all tests: making one costs more than what is done with it."""
    return Pointed(None)


@pytest.fixture(scope="session")
def local_session(local_aws: LocalAws) -> Pointed:
    """As above, on the local AWS."""
    return pointed(local_aws)


@pytest.fixture(params=["moto", "ministack"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """An empty ledger."""
    if request.param == "moto":
        session: Pointed = request.getfixturevalue("moto_session")
        with mock_aws():
            table = create_table(session.client("dynamodb"))
            yield dynamo_ledger(session, table, retention_days=30, on_broken_row=refuse)
        return
    session = request.getfixturevalue("local_session")
    table = create_table(session.client("dynamodb"))
    yield dynamo_ledger(session, table, retention_days=30, on_broken_row=refuse)


@pytest.fixture
def observed(record_property: Callable[[str, object], None]) -> Observed:
    """Note, for the table of wire faults, which fault was planted where, and what came of it."""

    def note(fault: str, where: str, outcome: str) -> None:
        record_property("wire-fault", (fault, where, outcome))

    return note
