"""Function processes that are killed between two calls: by their own exit, and by SIGKILL."""

from __future__ import annotations

import time

import msgspec
import pytest

from tests.chaos.conftest import Observed
from tests.chaos.functions import LEASE_SECONDS, Account, delivery, stream_record
from tests.doubles.local_aws import LocalAws
from tests.scans import CLUSTER, REGISTRATION, request

chaos = pytest.mark.chaos
OK: dict[str, object] = {"result": {"batchItemFailures": []}}


@pytest.mark.parametrize(
    ("operation", "when", "how"),
    [
        pytest.param("GetItem", "before", "exit", marks=chaos),
        pytest.param("TransactWriteItems", "before", "kill", marks=chaos),
        ("TransactWriteItems", "after", "kill"),
        pytest.param("TransactWriteItems", "after", "exit", marks=chaos),
    ],
)
def test_a_scan_that_dies_is_delivered_again(
    operation: str, when: str, how: str, local_aws: LocalAws, observed: Observed
) -> None:
    """The queue gives the message to the next process: one scan is written, one event."""
    account = Account(local_aws)
    ledger = account.ledger()
    ledger.registry.register(REGISTRATION)
    account.sqs.send_message(QueueUrl=account.queue_url, MessageBody=msgspec.json.encode(request(1)).decode())
    with account.scan() as scan:
        (first,) = account.receive(account.queue_url)
        assert scan.invoke(delivery(first), plan={"operation": operation, "when": when, "how": how}) is None
        (second,) = account.receive(account.queue_url, seconds=5)
        assert second["Body"] == first["Body"]
        assert scan.invoke(delivery(second)) == OK, scan.log
        assert scan.starts == 2
    state = ledger.results.state(CLUSTER.arn)
    assert state is not None
    assert (state.version, state.slot) == (1, request(1).slot)
    assert len(ledger.results.scans(CLUSTER.arn, limit=5)) == 1
    assert len(list(ledger.outbox.pending())) == 1
    observed(f"scan killed {when} {operation} ({how})", "scan process on ministack", "redelivered; written once")


@pytest.mark.parametrize(
    ("operation", "when", "how", "times"),
    [
        pytest.param("UpdateItem", "before", "exit", 1, marks=chaos),
        pytest.param("UpdateItem", "after", "kill", 1, marks=chaos),
        pytest.param("Publish", "before", "exit", 1, marks=chaos),
        ("Publish", "after", "kill", 2),
    ],
)
def test_a_relay_that_dies_leaves_the_event_to_the_sweeper(
    operation: str, when: str, how: str, times: int, local_aws: LocalAws, observed: Observed
) -> None:
    """Told after the lease; a second time only where it had been published, and then with the same event_id."""
    account = Account(local_aws)
    ledger = account.ledger()
    ledger.registry.register(REGISTRATION)
    account.sqs.send_message(QueueUrl=account.queue_url, MessageBody=msgspec.json.encode(request(1)).decode())
    with account.scan() as scan, account.relay() as relay, account.sweep() as sweep:
        assert scan.invoke(delivery(account.receive(account.queue_url)[0])) == OK
        (pending,) = ledger.outbox.pending()
        record = stream_record(pending.key)
        assert relay.invoke(record, plan={"operation": operation, "when": when, "how": how}) is None
        died = time.monotonic()
        # The stream delivers it again at once; the lease of the dead one keeps the next one off.
        assert relay.invoke(record) == OK
        time.sleep(max(0.0, LEASE_SECONDS + 0.5 - (time.monotonic() - died)))
        swept = sweep.invoke({})
        assert swept is not None
        assert "error" not in swept
    assert list(ledger.outbox.pending()) == []
    told = [each["event_id"] for each in account.told()]
    assert len(told) == times
    assert len(set(told)) == 1
    observed(
        f"relay killed {when} {operation} ({how})",
        "relay process on ministack",
        "told once" if times == 1 else "told twice with one event_id",
    )
