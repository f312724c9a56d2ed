"""A small fleet through queue and scanner, from the bundle: one cluster that never answers harms nobody."""

from __future__ import annotations

import pytest

from benchmarks.fleet import HUNG, Fleet, members_of, play
from benchmarks.measured import Served
from benchmarks.session import built_bundle
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.app.register_cluster import register_cluster
from tests.doubles.local_aws import LocalAws

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(180)]


def test_a_hung_cluster_ends_unknown_and_the_others_are_scanned() -> None:
    """Its result is there, too: everything in it that the cluster itself would have had to say is unknown."""
    with LocalAws() as aws, Served("--pods", "20", "--nodes", "3", "--hung", HUNG) as served:
        fleet = Fleet(aws, built_bundle(), timeout_seconds=25)
        ledger, members = fleet.ledger(), members_of(5)
        for each in members:
            register_cluster(each, policy={}, items=(), registry=ledger.registry, clock=SystemClock())
        tick = play(fleet, [each.arn for each in members], 0, served, concurrency=2)
        assert (tick.failed, tick.left, tick.dead) == (0, 0, 0)
        assert set(tick.since_tick_s) == {each.arn for each in members}
        for each in members:
            record = ledger.results.newest_scan(each.arn)
            assert record is not None
            found = [each for each in record.scorecard.findings if each.check.startswith("pod-security.")]
            reasons = {each.unknown_reason for each in found}
            assert reasons == ({"timeout"} if each.name == HUNG else {None}), each.name
