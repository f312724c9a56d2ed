"""Scan one cluster: gather evidence, judge it, and write what it means in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from eks_readiness import names
from eks_readiness.app.effective_policy import effective_policy
from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Check
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.decision import decide
from eks_readiness.domain.errors import InputError, StaleWrite
from eks_readiness.domain.event import LevelEvent
from eks_readiness.domain.expiry import expiring, names_of
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.ledger import (
    ClusterState,
    LedgerWrite,
    Registration,
    ScanRequest,
    WriteOutcome,
    settled,
)
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.ports import Clock, EvidenceSource, Ledger, MetricSink

MAX_ROUNDS = 5
"""How often a scan decides anew after somebody else moved the cluster's state."""


class ScanResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one scan request.

    `state` is what is published afterwards (None for a cluster that is not registered), `event` the event that this
    scan wrote. `checks`, `unknown` and `crashed` count findings; they are 0 when nothing had to be gathered.
    """

    request: ScanRequest
    outcome: WriteOutcome
    state: ClusterState | None = None
    event: LevelEvent | None = None
    checks: int = 0
    unknown: int = 0
    crashed: int = 0
    duration_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ScanCluster:
    """Answers scan requests; one instance serves many."""

    ledger: Ledger
    evidence_source: EvidenceSource
    metrics: MetricSink
    clock: Clock
    checklist: Checklist
    fleet_policy: Mapping[str, object]

    def __call__(self, request: ScanRequest, *, seconds: float) -> ScanResult:
        """Answer a request; `seconds` may be spent on gathering evidence.

        A request that was answered before, or that is older than what is published, is not gathered again.

        Raises:
            InputError: the request names no cluster, or a threshold that applies to it is wrong.
            StoreError: the ledger could not be read or written; nothing was, or all of it.
        """
        started_at = self.clock.now()
        registration = self.ledger.registry.registration(request.cluster.arn)
        result = (
            ScanResult(request=request, outcome="unregistered")
            if registration is None
            else self._answer(request, registration, started_at + timedelta(seconds=seconds))
        )
        duration_seconds = (self.clock.now() - started_at).total_seconds()
        result = msgspec.structs.replace(result, duration_seconds=duration_seconds)
        self._measure(result)
        return result

    def _answer(self, request: ScanRequest, registration: Registration, until: datetime) -> ScanResult:
        before = self.ledger.results.state(registration.cluster.arn)
        if (known := settled(before, request)) is not None:
            return ScanResult(request=request, outcome=known, state=before)
        policy = effective_policy(
            self.fleet_policy,
            registration.policy,
            items=self.checklist.subjects,
            where=f"policy of {registration.cluster}",
        )
        arn = registration.cluster.arn
        # Statements first: without them the cluster cannot be judged, and the evidence would be gathered in vain.
        attestations, waivers = self.ledger.statements.attestations(arn), self.ledger.statements.waivers(arn)
        scorecard = self._judge(registration, policy, until, attestations, waivers)
        announced = self._announce(before, attestations, waivers, policy)
        outcome, write = self._commit(request, scorecard, policy, announced)
        return ScanResult(
            request=request,
            outcome=outcome,
            state=write.state if write else self.ledger.results.state(registration.cluster.arn),
            event=write.event if write else None,
            checks=len(scorecard.findings),
            unknown=sum(each.outcome == "unknown" for each in scorecard.findings),
            crashed=sum(each.unknown_reason == "crashed" for each in scorecard.findings),
        )

    def _judge(
        self,
        registration: Registration,
        policy: Policy,
        until: datetime,
        attestations: Sequence[Attestation],
        waivers: Sequence[Waiver],
    ) -> Scorecard:
        # What the ledger took to answer is gone: the time for writing the result is not touched.
        seconds = max(0.0, (until - self.clock.now()).total_seconds())
        documents = [each.evidence_uri for each in attestations if each.evidence_uri]
        evidence = self.evidence_source.collect(registration, seconds=seconds, documents=documents)
        return evaluate(evidence, self.checklist, policy=policy, attestations=attestations, waivers=waivers)

    def _announce(
        self,
        before: ClusterState | None,
        attestations: Sequence[Attestation],
        waivers: Sequence[Waiver],
        policy: Policy,
    ) -> tuple[str, ...]:
        """Announce which statements end soon, each once; what the cluster's state is to remember of it."""
        at, notice = self.clock.now(), timedelta(days=policy.expiry_notice_days)
        ending = expiring(attestations, waivers, at=at, notice=notice)
        known = before.announced if before else ()
        for event, name in zip(ending, names_of(ending), strict=True):
            if name not in known:
                self.ledger.outbox.announce(event, at=at)
        return tuple(names_of(ending))

    def _commit(
        self, request: ScanRequest, scorecard: Scorecard, policy: Policy, announced: tuple[str, ...]
    ) -> tuple[WriteOutcome, LedgerWrite | None]:
        """Decide and write until it is written or known to be moot; the write is returned when it was written."""
        fixes = fixes_by_item(scorecard, self.checklist)
        for _ in range(MAX_ROUNDS):
            before = self.ledger.results.state(request.cluster.arn)
            if (known := settled(before, request)) is not None:
                return known, None
            write = decide(before, scorecard, request, policy, fixes, announced=announced)
            outcome = self.ledger.results.commit(write, at=self.clock.now())
            if outcome != "lost_race":
                return outcome, write if outcome == "written" else None
        raise StaleWrite(
            f"{request.cluster}: others moved its state {MAX_ROUNDS} times while this scan was written",
            remedy="the queue delivers the request again",
        )

    def _measure(self, result: ScanResult) -> None:
        state = result.state
        if result.outcome == "superseded":
            self.metrics.fleet({names.STALE_SCANS_DISCARDED: 1})
        elif state is not None and result.outcome in ("written", "already_written"):
            self.metrics.level(state.cluster, state.level, properties=_properties(state, result))
        if result.outcome == "written":
            share = 100 * result.unknown / result.checks if result.checks else 0.0
            self.metrics.fleet(
                {names.SCANS_COMPLETED: 1, names.UNKNOWN_SHARE_PERCENT: share, names.CRASHED_CHECKS: result.crashed}
            )


def _properties(state: ClusterState, result: ScanResult) -> dict[str, str | float]:
    properties: dict[str, str | float] = {
        "interval": str(state.interval),
        "scan_id": state.scan_id,
        "unknown_checks": result.unknown,
        "duration_seconds": result.duration_seconds,
    }
    if state.score_percent is not None:
        properties["score_percent"] = state.score_percent
    return properties


def fixes_by_item(scorecard: Scorecard, checks: Iterable[Check]) -> dict[ItemId, str]:
    """How each item that is missing or unknown is put right, in words: from the checks that stand in the way."""
    by_id = {check.id: check for check in checks}
    found: dict[ItemId, list[str]] = {}
    for finding in scorecard.findings:
        if finding.blocks or finding.undecided:
            words = by_id[finding.check].fix if finding.blocks else finding.remedy
            found.setdefault(finding.item, []).append(words)
    return {item: "; ".join(dict.fromkeys(filter(None, words))) for item, words in found.items()}


def parse_request(body: str) -> ScanRequest:
    """Read a scan request from a queue message.

    Raises:
        InputError: it is not one.
    """
    try:
        request = msgspec.json.decode(body, type=ScanRequest)
    except (ValueError, RecursionError) as error:  # a DecodeError is a ValueError, and so is text that is not Unicode
        raise InputError(f"not a scan request: {error}", remedy="requests are made by the dispatcher") from error
    return msgspec.structs.replace(request, cluster_arn=request.cluster.arn)
