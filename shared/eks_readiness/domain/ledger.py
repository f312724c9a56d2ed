"""What the ledger keeps about each cluster: registrations, the published state, scans, and how a write turned out.

How a scan moves the state is decided in `decision.py`, how time does in `coverage.py`; what is told are `event.py`'s
values. Nothing here does I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid5

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.event import NAMESPACE, LevelEvent, Move, OutboxKey
from eks_readiness.domain.finding import Outcome
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.scorecard import ItemVerdict, Level, LevelInterval, Scorecard

Trigger = Literal["schedule", "request"]


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cluster that is to be scanned. `policy` overrides thresholds for this cluster."""

    schema: int = 1
    cluster: ClusterRef
    registered_at: Instant
    policy: dict[str, object] = {}


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scan to be made. `slot` is the scheduled time, never a worker's clock: it orders a cluster's scans.

    Raises:
        ValueError: the slot has no time zone, is not in whole seconds (two spellings of one slot would be two runs), or
            is no instant in UTC.
    """

    schema: int = 1
    cluster_arn: str
    slot: Instant
    trigger: Trigger

    def __post_init__(self) -> None:
        if self.slot.utcoffset() is None or self.slot.microsecond:
            raise ValueError(
                f"slot must be an instant in whole seconds with its time zone, not {self.slot.isoformat()}"
            )
        try:
            self.slot.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"slot {self.slot.isoformat()} is no instant of the years 1 to 9999 in UTC") from error

    @property
    def cluster(self) -> ClusterRef:
        """The cluster; raises InputError when the ARN is not one."""
        return ClusterRef.parse(self.cluster_arn)

    @property
    def run_id(self) -> UUID:
        """The id of this run: one cluster and slot give one id, however often the request is delivered."""
        return uuid5(NAMESPACE, f"{self.cluster_arn}|{self.slot.astimezone(UTC).isoformat()}")


class PendingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that nobody was told about yet, since when."""

    key: OutboxKey
    created_at: datetime


class KeptScan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The scan whose record says what the newest scan found: the newest scan itself, or one before that found the same.

    `digest` is what it found (`scorecard.digest`), `confirmed` how many scans found the same since.
    """

    scan_id: str
    slot: datetime
    digest: str
    confirmed: int = 0


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """The newest scan that found what the kept scan `scan_id` had found: its slot, when it looked, and how many did."""

    scan_id: str
    slot: datetime
    observed_at: datetime
    scans: int


class ClusterState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The published state of one cluster.

    `level` is the published level, `interval` what the newest scan allows, `proven_at` when a scan last proved exactly
    the published level, `level_ruleset` what judged when it was last upheld. `version` counts writes; `slot` is the
    newest slot that was applied. `improving` counts the scans in a row that proved at least `improving_to`, above the
    published level. `since` is when a scan first saw an item as it stands in `items`; `told` holds the items as they
    stood when an event was last written, `told_level` the level that it told.

    `recent` are the slots of the level events of the last day; when there were too many, `damped` is set and further
    moves are kept in `held` (the newest of `held_total`) until an event tells them together. `coverage_lost_at` is when
    it was told that nothing is proven any more. `announced` are the statements whose end was announced, by the names of
    those events. `created_at` is when EKS made the cluster: another one under the same
    name starts anew. `kept` is None where no record has everything that the newest scan found: the next one is kept.
    """

    schema: int = 1
    cluster: ClusterRef
    version: int
    slot: datetime
    scan_id: str
    level: Level
    interval: LevelInterval
    level_since: datetime
    proven_at: datetime | None = None
    observed_at: datetime
    ruleset: str
    level_ruleset: str = ""
    score_percent: float | None = None
    improving: int = 0
    improving_to: Level = 0
    items: dict[ItemId, ItemVerdict] = {}
    since: dict[ItemId, datetime] = {}
    told: dict[ItemId, ItemVerdict] = {}
    told_level: Level = 0
    recent: tuple[datetime, ...] = ()
    damped: bool = False
    held: tuple[Move, ...] = ()
    held_total: int = 0
    coverage_lost_at: datetime | None = None
    announced: tuple[str, ...] = ()
    created_at: datetime | None = None
    missing: dict[str, tuple[ItemId, ...]] = {}
    unknown: dict[str, tuple[ItemId, ...]] = {}
    kept: KeptScan | None = None

    @property
    def confirmation(self) -> Confirmation | None:
        """What confirmed the kept scan; None when no scan has yet."""
        if self.kept is None or not self.kept.confirmed:
            return None
        return Confirmation(
            scan_id=self.kept.scan_id, slot=self.slot, observed_at=self.observed_at, scans=self.kept.confirmed
        )

    @property
    def partial(self) -> bool:
        """Whether unknowns keep the newest scan from proving one level."""
        return not self.interval.exact


class ScanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One scan as it is kept in the ledger. `findings` and `items` are in the scorecard.

    `detail_missing` says why findings or their offenders are left out; it is empty in a whole scan. `counts` are then
    the findings of the whole scan, by outcome. `confirmed_before` is what had confirmed the scan kept before this one.
    """

    schema: int = 1
    scan_id: str
    slot: datetime
    trigger: Trigger
    scorecard: Scorecard
    detail_missing: str = ""
    counts: dict[Outcome, int] = {}
    confirmed_before: Confirmation | None = None

    def count(self, outcome: Outcome) -> int:
        """How many findings of the whole scan have an outcome."""
        return self.counts.get(outcome, 0) if self.counts else outcomes(self.scorecard).get(outcome, 0)


def outcomes(scorecard: Scorecard) -> dict[Outcome, int]:
    """The findings of a scorecard, counted by outcome."""
    return dict(Counter(each.outcome for each in scorecard.findings))


class ScanSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A kept scan, and what confirmed it; None where no later scan found the same."""

    scan: ScanRecord
    confirmed: Confirmation | None = None

    @property
    def scans(self) -> int:
        """How many scans found this."""
        return 1 + (self.confirmed.scans if self.confirmed else 0)

    @property
    def newest_slot(self) -> datetime:
        """The slot of the newest scan that found this."""
        return self.confirmed.slot if self.confirmed else self.scan.slot

    @property
    def scorecard(self) -> Scorecard:
        """The scorecard, as of the newest of these scans; numbers in reasons of what passes are the first one's."""
        card = self.scan.scorecard
        return msgspec.structs.replace(card, observed_at=self.confirmed.observed_at) if self.confirmed else card


def spans(state: ClusterState | None, newest_first: Sequence[ScanRecord]) -> tuple[ScanSpan, ...]:
    """What confirmed each of a cluster's kept scans: of the newest the state knows, of each other one its successor."""
    known = [state.confirmation if state else None, *(each.confirmed_before for each in newest_first)]
    # Record and state are read one after the other, and either may have been lost or restored: the id decides.
    by_scan = {each.scan_id: each for each in reversed(known) if each is not None}
    return tuple(ScanSpan(scan=each, confirmed=by_scan.get(each.scan_id)) for each in newest_first)


class LedgerWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction: the new state if the version read is still there, the scan behind it, the event.

    With a scan, its slot must be newer than the one that is there; without (time, or a removal, moved the state) the
    slot stays.
    `expected_version` is None when there was no state: then there must still be none.
    """

    expected_version: int | None
    state: ClusterState
    scan: ScanRecord | None
    event: LevelEvent | None

    @property
    def record(self) -> ScanRecord | None:
        """The scan where it is kept as a record; None where a kept one says the same, or time alone moved the state."""
        kept = self.state.kept
        confirms = self.scan is not None and kept is not None and kept.scan_id != self.scan.scan_id
        return None if confirms else self.scan


WriteOutcome = Literal["written", "already_written", "superseded", "lost_race", "unregistered"]
"""written: all of it · already_written: this run's earlier attempt was (its answer was lost) · superseded: a newer
slot is there, nothing was written · lost_race: somebody else moved the state, read again and decide again ·
unregistered: the cluster is not on the register (any more), nothing was written."""


RemovalOutcome = Literal["removed", "unregistered", "lost_race"]
"""removed: all of it is written · unregistered: the cluster was not on the register, nothing was written · lost_race:
somebody else moved the state, read again and decide again."""


def settled(state: ClusterState | None, request: ScanRequest) -> WriteOutcome | None:
    """What a state that is there already means for a scan: None when the scan is newer and may be written."""
    if state is None or state.slot < request.slot:
        return None
    return "already_written" if state.scan_id == str(request.run_id) else "superseded"
