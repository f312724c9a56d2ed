"""A deployment in one process, whose every step is chosen: the real use cases on stores in memory.

Each invocation of a function is an actor. It runs the product's own use case until it calls a port; there it stops, and
whoever chooses decides who goes on, and whether the call is refused, answered, answered and lost, or the last one that
this invocation made. Time moves only between steps. A frozen invocation that outlives its timeout is killed, as Lambda
kills it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

import msgspec
from greenlet import getcurrent, greenlet

from eks_readiness.adapters.memory import (
    MemoryClusterRegistry,
    MemoryOutbox,
    MemoryResultStore,
    MemoryStatementStore,
)
from eks_readiness.app.dispatch_scans import Tick, dispatch_scans
from eks_readiness.app.query_results import scan_history
from eks_readiness.app.register_cluster import remove_cluster
from eks_readiness.app.relay_events import RelayEvent
from eks_readiness.app.scan_cluster import ScanCluster
from eks_readiness.app.sweep import Sweep
from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Answer, Check
from eks_readiness.domain.attestation import Attestation
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import StoreError
from eks_readiness.domain.event import DigestEvent, Event, LevelEvent, OutboxKey
from eks_readiness.domain.evidence import (
    ClusterConfiguration,
    Evidence,
    FlowLogs,
    Namespaces,
    Nodes,
    Slice,
    Unavailable,
)
from eks_readiness.domain.finding import failed, passed
from eks_readiness.domain.item import Item, ItemId, RequiredLevel
from eks_readiness.domain.ledger import (
    ClusterState,
    LedgerWrite,
    Registration,
    RemovalOutcome,
    ScanRequest,
    WriteOutcome,
)
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import Scorecard
from eks_readiness.ports import Ledger

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
INTERVAL_SECONDS = 3600
SCAN_TIMEOUT_SECONDS, RELAY_TIMEOUT_SECONDS, SWEEP_TIMEOUT_SECONDS = 120, 60, 120
LEASE_SECONDS = 180
KINDS: tuple[type[Slice], ...] = (Namespaces, FlowLogs, Nodes)
LEVELS: tuple[RequiredLevel, ...] = (1, 2, 3)
PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"


def _rule(found: Slice, _policy: Policy) -> Answer:
    return passed("so it is") if found.source == PASS else failed("so it is not")


ITEMS = tuple(
    Item(
        id=ItemId(f"item-{level}"),
        title=f"Item {level}",
        category="infrastructure",
        priority="high",
        seed_level=level,
        purpose="",
    )
    for level in LEVELS
)
CHECKLIST = Checklist(
    ITEMS,
    tuple(
        Check(
            f"item-{level}.holds",
            required=True,
            needs=(kind,),
            doc="It holds.\nFix: mend it.",
            rule=_rule,
            module=__name__,
        )
        for level, kind in zip(LEVELS, KINDS, strict=True)
    ),
)
"""One item a level, each answered by one slice: small, so that the protocol is what takes the time."""


def _found(scorecard: Scorecard) -> object:
    """What a scan found, whenever it was."""
    return scorecard.level, scorecard.items, scorecard.findings, scorecard.ruleset, scorecard.cluster_created_at


class Chooser(Protocol):
    """Decides. Every number is a choice among so many."""

    def pick(self, among: int) -> int:
        """A number below `among`."""

    def chance(self, share: float) -> bool:
        """Yes, with about that probability."""


class Died(BaseException):
    """The process of an invocation ended: nothing of it runs on, not even its handlers."""


@dataclass
class Actor:
    """One invocation. `faulty` once a fault was injected into it: what it left half done is then explained."""

    name: str
    run: Callable[[], object]
    timeout_seconds: float
    began_at: datetime
    on_failure: Callable[[], None] | None = None
    faulty: bool = False
    ended: bool = False
    failed: bool = False
    truth: tuple[str, ...] = ()
    thread: greenlet = field(init=False)


@dataclass
class Outcome:
    """What was wrong in one schedule; nothing of it may be."""

    level_changes: int = 0
    told: int = 0
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    explained_duplicates: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.duplicates or self.broken)


class _Registry(MemoryClusterRegistry):
    """Remembers what removals wrote, among all else."""

    def __init__(self, world: World, outbox: MemoryOutbox) -> None:
        super().__init__(outbox)
        self._world = world

    def remove(self, cluster: ClusterRef, *, write: LedgerWrite | None, at: datetime) -> RemovalOutcome:
        there = self.states.get(cluster.arn)
        outcome = super().remove(cluster, write=write, at=at)
        if outcome == "removed":
            self._world.removed(there, write)
            if self._world.mutant == "removal that keeps the state" and there is not None:
                self.states[cluster.arn] = there
        return outcome


class _Store(MemoryResultStore):
    """Remembers what was applied, in order."""

    def __init__(self, world: World, registry: MemoryClusterRegistry, outbox: MemoryOutbox) -> None:
        super().__init__(registry, outbox)
        self._world = world

    def commit(self, write: LedgerWrite, *, at: datetime) -> WriteOutcome:
        if self._world.mutant == "outbox outside the transaction" and write.event is not None:
            outcome = super().commit(msgspec.structs.replace(write, event=None), at=at)
            if outcome == "written":
                self._world.note(write)
                self._world.pause()
                self._outbox.add(write.event, at)
            return outcome
        if self._world.mutant == "held moves forgotten":
            write = msgspec.structs.replace(write, state=msgspec.structs.replace(write.state, held=(), held_total=0))
        outcome = super().commit(write, at=at)
        if outcome == "written":
            self._world.note(write)
        return outcome

    def _may_write(self, there: Any, write: LedgerWrite) -> bool:
        if self._world.mutant == "no version condition":
            return True
        return super()._may_write(there, write)


class _Outbox(MemoryOutbox):
    """Every insert that is not held starts the relay, as the stream does."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def add(self, event: Event, at: datetime) -> None:
        super().add(event, at)
        if not event.key.held:
            self._world.inserted(event.key)

    def claim(self, key: OutboxKey, *, until: datetime, at: datetime) -> Event | None:
        if self._world.mutant == "no lease" and key in self.rows:
            self.rows[key].lease_until = None
        return super().claim(key, until=until, at=at)


class _Calls:
    """A port as one invocation sees it: each call is a step that can go wrong."""

    def __init__(self, world: World, target: object) -> None:
        self._world, self._target = world, target

    def __getattr__(self, name: str) -> Any:
        method, world = getattr(self._target, name), self._world

        def call(*arguments: Any, **named: Any) -> Any:
            return world.call(name, method, arguments, named)

        setattr(self, name, call)
        return call


class _Silent:
    """MetricSink that keeps nothing."""

    def level(self, *_arguments: Any, **_named: Any) -> None:
        """Nothing."""

    def fleet(self, *_arguments: Any, **_named: Any) -> None:
        """Nothing."""


_SILENT = _Silent()


class _Clock:
    """A worker's own clock, off by some seconds."""

    def __init__(self, world: World, skew: timedelta) -> None:
        self._world, self._skew = world, skew

    def now(self) -> datetime:
        """What this worker takes the time to be."""
        return self._world.now + self._skew


class World:
    """One deployment. `mutant` names a part of the protocol that is left out, to see that it would be missed."""

    def __init__(self, choose: Chooser, *, clusters: int = 1, mutant: str = "") -> None:
        self.choose = choose
        self.mutant = mutant
        self.now = START
        self.faults = True
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self.messages: list[tuple[ScanRequest, int]] = []
        self.records: list[tuple[OutboxKey, int]] = []
        self.handed_on: list[Tick] = []
        self.applied: dict[str, list[LedgerWrite]] = defaultdict(list)
        self.published: dict[str, list[Actor]] = defaultdict(list)
        self.told_moves: dict[str, int] = {}
        self.outcome = Outcome()
        self._hub: greenlet = getcurrent()
        outbox = _Outbox(self)
        registry = _Registry(self, outbox)
        self.ledger = Ledger(
            registry=registry,
            results=_Store(self, registry, outbox),
            statements=MemoryStatementStore(),
            outbox=outbox,
        )
        self.outbox = outbox
        self._seen = Ledger(
            registry=_Calls(self, registry),
            results=_Calls(self, self.ledger.results),
            statements=self.ledger.statements,
            outbox=_Calls(self, outbox),
        )
        self.clusters = [
            ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name=f"c{number}")
            for number in range(clusters)
        ]
        # Few schedules have more than three moves: where one is enough, the next ones are held back.
        self.policy: dict[str, object] = (
            {"max_level_events_per_day": 1, "improve_after_scans": 1} if choose.chance(0.4) else {}
        )
        self.made_at = dict.fromkeys(self.clusters, START - timedelta(days=30))
        if choose.chance(0.2):
            for scope in ("*", self.clusters[0].arn):
                statement = Attestation(
                    subject=ITEMS[0].id,
                    cluster=scope,
                    owner="sre",
                    issued_at=START - timedelta(days=90),
                    expires_at=START + timedelta(days=7),
                )
                self.ledger.statements.attest([statement])
        self.truth = {cluster: [PASS if choose.chance(0.6) else FAIL for _ in LEVELS] for cluster in self.clusters}
        for cluster in self.clusters:
            registry.register(Registration(cluster=cluster, registered_at=START))

    # --- what the scheduler does -------------------------------------------------------------------------------------

    def start(self, actor: Actor) -> None:
        """Begin an invocation: it stands before its first call."""
        actor.thread = greenlet(lambda: self._live(actor), parent=self._hub)
        self.actors.append(actor)
        self.resume(actor)

    def resume(self, actor: Actor) -> None:
        """Let an invocation make its next call, or kill it when its time is over."""
        self.current = actor
        if self._overdue(actor):
            actor.faulty = True
            actor.thread.throw(Died())
        else:
            actor.thread.switch()
        self.current = None
        # Here, and not in the invocation's own greenlet: one that starts another would stay on its stack, for ever.
        if actor.failed and actor.on_failure is not None:
            on_failure, actor.on_failure = actor.on_failure, None
            on_failure()

    def _overdue(self, actor: Actor) -> bool:
        """Whether an invocation is dead, though nobody has looked yet: frozen for longer than it may live."""
        return not actor.ended and (self.now - actor.began_at).total_seconds() > actor.timeout_seconds

    def _live(self, actor: Actor) -> None:
        try:
            actor.run()
        except (StoreError, Died):
            actor.failed = True
        finally:
            actor.ended = True
            self.actors.remove(actor)

    def pause(self) -> None:
        """Where an invocation may be frozen, killed or overtaken."""
        self._hub.switch()
        if self.faults and self.current is not None and self.choose.chance(0.02):
            self.current.faulty = True
            raise Died

    def call(self, name: str, method: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """One call of a port."""
        self._hub.switch()
        actor = self.current
        fault = self.choose.pick(4) if self.faults and self.choose.chance(0.06) else None
        if fault is not None and actor is not None:
            actor.faulty = True
        if fault == 0:
            raise StoreError(f"{name}: refused")
        if fault == 1:
            raise Died
        found = method(*arguments, **named)
        if isinstance(found, Iterator):
            found = iter(list(found))
        if fault == 2:
            raise StoreError(f"{name}: the answer was lost")
        if fault == 3:
            raise Died
        return found

    def tick(self, slot: datetime) -> None:
        """The schedule fires, perhaps more than once."""
        for _ in range(1 + self.choose.chance(0.15)):
            self._dispatch(Tick(slot=slot))

    def go_on(self, number: int) -> None:
        """Start the dispatcher for the rest of a tick."""
        self._dispatch(self.handed_on.pop(number))

    def _dispatch(self, tick: Tick) -> None:
        def dispatch() -> None:
            dispatch_scans(
                tick,
                registry=self._seen.registry,
                queue=self,
                metrics=_SILENT,
                hand_on=lambda rest: self.call("hand_on", self.handed_on.append, (rest,), {}),
                seconds_left=lambda: 0.0 if self.choose.chance(0.5) else 60.0,
                at_once=1,
            )

        def again() -> None:
            if not self.faults or self.choose.chance(0.9):
                self._dispatch(tick)

        self.start(Actor("dispatch", dispatch, SCAN_TIMEOUT_SECONDS, self.now, on_failure=again))

    def send(self, requests: Sequence[ScanRequest]) -> None:
        """ScanQueue: each message is delivered at least once."""
        for request in requests:
            for _ in range(1 + self.choose.chance(0.2)):
                self.messages.append((request, 5))

    def receive(self, number: int) -> None:
        """Deliver a message; one whose scan fails comes back, five times."""
        request, left = self.messages.pop(number)
        skew = timedelta(minutes=self.choose.pick(121) - 60)

        def again() -> None:
            if left > 1 or not self.faults:
                self.messages.append((request, left - 1))

        scan = ScanCluster(
            ledger=self._seen,
            evidence_source=self,
            metrics=_SILENT,
            clock=_Clock(self, skew),
            checklist=CHECKLIST,
            fleet_policy=MappingProxyType(self.policy),
        )
        self.start(Actor("scan", lambda: scan(request, seconds=60.0), SCAN_TIMEOUT_SECONDS, self.now, on_failure=again))

    def inserted(self, key: OutboxKey) -> None:
        """The stream: a record may be dropped (it expired), or come twice."""
        if self.faults and self.choose.chance(0.1):
            return
        for _ in range(1 + self.choose.chance(0.15)):
            self.records.append((key, 3))

    def relay(self, number: int) -> None:
        """Deliver a record of the stream; it is tried three times."""
        key, left = self.records.pop(number)

        def again() -> None:
            if left > 1:
                self.records.append((key, left - 1))

        tell = self._relay()
        self.start(Actor("relay", lambda: tell(key), RELAY_TIMEOUT_SECONDS, self.now, on_failure=again))

    def sweep(self) -> None:
        """The sweeper's schedule fires."""
        sweep = Sweep(
            ledger=self._seen,
            relay=self._relay(),
            metrics=_SILENT,
            clock=self._near_clock(),
            pending_after_seconds=120,
            digest_after_seconds=1200,
            interval_seconds=INTERVAL_SECONDS,
            policy=self.policy,
        )
        self.start(Actor("sweep", sweep, SWEEP_TIMEOUT_SECONDS, self.now))

    def _relay(self) -> RelayEvent:
        return RelayEvent(
            outbox=self._seen.outbox,
            notifier=_Calls(self, self),
            metrics=_SILENT,
            clock=self._near_clock(),
            lease_seconds=LEASE_SECONDS,
        )

    def _near_clock(self) -> _Clock:
        # A lease is good for as long as clocks differ by less than its reserve over the timeout (ADR 43).
        return _Clock(self, timedelta(seconds=self.choose.pick(61) - 30))

    # --- what the world outside does ---------------------------------------------------------------------------------

    def collect(self, registration: Registration, **_named: Any) -> Evidence:
        """EvidenceSource: the cluster as it is now, as far as it can be seen."""
        seen = tuple(UNKNOWN if self.choose.chance(0.12) else each for each in self.truth[registration.cluster])
        if self.current is not None:
            self.current.truth = seen
        slices: dict[type[Slice], Slice | Unavailable] = {
            kind: Unavailable(reason="denied", detail="not allowed")
            if state == UNKNOWN
            else kind(observed_at=self.now, source=state)
            for kind, state in zip(KINDS, seen, strict=True)
        }
        slices[ClusterConfiguration] = ClusterConfiguration(
            observed_at=self.now,
            source="",
            arn=registration.cluster.arn,
            version="1.34",
            status="ACTIVE",
            created_at=self.made_at[registration.cluster],
            endpoint_public_access=False,
            endpoint_private_access=True,
        )
        return Evidence(cluster=registration.cluster, observed_at=self.now, slices=MappingProxyType(slices))

    def publish(self, event: Event) -> str:
        """LevelNotifier: the topic takes it."""
        actor = self.current
        assert actor is not None
        before = self.published[event.event_id]
        if any(not each.faulty and not self._overdue(each) for each in before):
            self.outcome.duplicates.append(f"{event.kind} {event.event_id}: told again though nothing went wrong")
        elif before:
            self.outcome.explained_duplicates += 1
        before.append(actor)
        members = event.members if isinstance(event, DigestEvent) else (event,) if isinstance(event, LevelEvent) else ()
        self.told_moves |= {each.event_id: each.moves_total for each in members}
        return f"m-{len(before)}"

    def change(self) -> None:
        """Something in a cluster breaks or is mended."""
        states = self.truth[self.clusters[self.choose.pick(len(self.clusters))]]
        at = self.choose.pick(len(states))
        states[at] = FAIL if states[at] == PASS else PASS

    def change_rules(self) -> None:
        """Somebody deploys other thresholds."""
        self.policy = {**self.policy, "min_zones": 2 + self.choose.pick(3)}

    def make_anew(self) -> None:
        """A cluster is deleted, and another one made under its name."""
        self.made_at[self.clusters[self.choose.pick(len(self.clusters))]] = self.now

    def remove(self) -> None:
        """Somebody takes a cluster off the register, perhaps twice at once, and puts it back."""
        cluster = self.clusters[self.choose.pick(len(self.clusters))]
        for _ in range(1 + self.choose.chance(0.15)):
            self._remove(cluster)

    def _remove(self, cluster: ClusterRef) -> None:
        clock = _Clock(self, timedelta(minutes=self.choose.pick(121) - 60))

        def run() -> None:
            remove_cluster(cluster, ledger=self._seen, clock=clock)
            self._seen.registry.register(Registration(cluster=cluster, registered_at=self.now))

        # A person at a laptop: nothing ends the command, and whoever sees it fail repeats it.
        self.start(Actor("remove", run, math.inf, self.now, on_failure=lambda: self._remove(cluster)))

    # --- what must hold ----------------------------------------------------------------------------------------------

    def removed(self, there: ClusterState | None, write: LedgerWrite | None) -> None:
        """A cluster was taken off the register: with what its state said at that moment, if it had one."""
        if write is not None:
            self.note(write)
        if there is not None and (write is None or write.event is None):
            self.outcome.lost.append(f"{there.cluster}: its removal is told to nobody")

    def note(self, write: LedgerWrite) -> None:
        """A write was applied: the level may only have moved as what was really seen proves."""
        history = self.applied[write.state.cluster.arn]
        before = history[-1].state if history else None
        history.append(write)
        if write.event is not None and write.event.kind == "BASELINE":
            return
        if before is None or write.state.level == before.level:
            return
        self.outcome.level_changes += 1
        seen = self.current.truth if self.current else ()
        if not seen:
            self.outcome.broken.append(f"level {before.level} -> {write.state.level}, though nobody looked")
            return
        highest = next((level - 1 for level, state in zip(LEVELS, seen, strict=True) if state == FAIL), 3)
        lowest = next((level - 1 for level, state in zip(LEVELS, seen, strict=True) if state != PASS), 3)
        if not (write.state.level >= highest if write.state.level < before.level else write.state.level <= lowest):
            self.outcome.broken.append(f"level {before.level} -> {write.state.level}, though {seen} was seen")

    def judge(self) -> Outcome:
        """After everything has come to rest: what was promised, against what happened."""
        told = {event_id for event_id, actors in self.published.items() if actors}
        digested = {
            member.event_id
            for row in self.outbox.rows.values()
            if isinstance(row.event, DigestEvent) and row.event.event_id in told
            for member in row.event.members
        }
        self.outcome.told = len(told)
        for arn, writes in self.applied.items():
            self._judge_chain(arn, writes, told | digested)
            self._judge_history(arn, [each for each in writes if each.scan is not None])
        for key, row in self.outbox.rows.items():
            if row.event.event_id not in told | digested:
                self.outcome.lost.append(f"{key.partition} {key.name}: {row.event.kind} was never told")
        return self.outcome

    def _judge_history(self, arn: str, writes: list[LedgerWrite]) -> None:
        """Each scan that was applied is told by the history, with what it found, though not each was kept."""
        left = list(writes)
        for span in reversed(scan_history(ClusterRef.parse(arn), self.ledger, limit=len(writes))):
            told, left = left[: span.scans], left[span.scans :]
            for each in told:
                if each.scan is None or _found(each.scan.scorecard) != _found(span.scorecard):
                    self.outcome.broken.append(
                        f"{arn}: the history says of slot {each.state.slot} what it did not find"
                    )
            if told and told[-1].state.slot != span.newest_slot:
                self.outcome.broken.append(f"{arn}: the history ends at {span.newest_slot}, not {told[-1].state.slot}")
        if left:
            self.outcome.broken.append(f"{arn}: the history tells nothing of {len(left)} of {len(writes)} scans")

    def _judge_chain(self, arn: str, writes: list[LedgerWrite], told: set[str]) -> None:
        version, level, held = 0, None, 0
        before: ClusterState | None = None
        for write in writes:
            if write.state.version != version + 1 or write.expected_version != (version or None):
                self.outcome.broken.append(f"{arn}: version {write.state.version} after {version}")
            version = write.state.version
            event = write.event
            held += _held_back(before, write)
            before = write.state
            if event is not None:
                if event.from_level != (None if event.kind == "BASELINE" else level):
                    self.outcome.broken.append(f"{arn}: {event.kind} from {event.from_level}, told was {level}")
                level = event.to_level
                if event.event_id not in told:
                    self.outcome.lost.append(f"{arn}: {event.kind} {event.from_level} -> {event.to_level}")
                held -= self.told_moves.get(event.event_id, 0)
            if held != write.state.held_total:
                self.outcome.lost.append(
                    f"{arn}: of {held} moves that were held back {write.state.held_total} are left in version {version}"
                )
                held = write.state.held_total
        last = writes[-1].state
        if last.level != level and not last.held_total:
            self.outcome.lost.append(f"{arn}: level {last.level} is published, {level} was told")


def _held_back(before: ClusterState | None, write: LedgerWrite) -> int:
    """How many moves a write leaves to be told with others, in its own event or later: one, or none."""
    moved = before is not None and before.level != write.state.level
    by_itself = write.event is not None and write.event.kind in _OWN_MOVE
    return int(moved and not by_itself)


_OWN_MOVE = ("BASELINE", "REGRESSED", "IMPROVED", "RULESET_CHANGED")
"""Events that tell of one move by their levels."""
