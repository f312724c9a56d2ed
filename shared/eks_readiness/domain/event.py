"""What people and machines are told: about one cluster, about a statement that ends, or about the fleet as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

import msgspec

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.instant import Instant
from eks_readiness.domain.item import ItemId, Priority, RequiredLevel
from eks_readiness.domain.scorecard import ItemVerdict, Level, LevelInterval

NAMESPACE = UUID("6f1c1f0e-6d0c-5d5f-9a55-0c9b2f6f7f10")
"""Namespace of the ids that are derived from a cluster and a slot: the same slot gives the same ids everywhere."""
FLEET = "fleet"
"""The partition of what is about the fleet as a whole."""

LevelEventKind = Literal[
    "BASELINE",
    "REGRESSED",
    "IMPROVED",
    "RULESET_CHANGED",
    "UNSTABLE",
    "COVERAGE_LOST",
    "COVERAGE_RESTORED",
    "CLUSTER_REMOVED",
    "OTHER",
]
"""OTHER: a kind that a newer version wrote; it is told in plain words, under the name that it has there."""
DigestKind = Literal["RULESET_CHANGED", "FLEET_COVERAGE", "OTHER"]


class OutboxKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where an event lies in the outbox: a cluster's ARN, `*` or `fleet`, and its name there.

    A held event is not told by itself: a digest tells it together with others.
    """

    partition: str
    name: str
    held: bool = False


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One move of a published level."""

    from_level: Level
    to_level: Level
    slot: datetime


class ItemChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item whose state moved since an event was last written, and why it stands where it stands now.

    `since` is when a scan first saw it so. `offenders` are some of `offenders_total`. `before` is None in a baseline.
    """

    item: ItemId
    title: str
    required_from: RequiredLevel
    priority: Priority
    before: ItemVerdict | None
    after: ItemVerdict
    since: datetime
    reason: str = ""
    offenders: tuple[str, ...] = ()
    offenders_total: int = 0
    fix: str = ""


class LevelEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="level"):
    """Something about one cluster is told. `event_id` stays the same however often it is.

    `from_level` is what was told before, None in a baseline; `to_level` what is published now. `changes` are the items
    that moved since the event before; in a baseline, those that are missing. `moves` are the newest of `moves_total`
    moves that were held back and are told together here. `coverage_lost_at` is when proof was lost; with any other kind
    than COVERAGE_LOST it is back. A `held` event waits for a digest. `other_kind` is what a newer version calls it.
    """

    schema: int = 1
    event_id: str
    kind: LevelEventKind
    cluster: ClusterRef
    from_level: Level | None
    from_since: datetime | None = None
    to_level: Level
    interval: LevelInterval
    version: int
    slot: datetime
    scan_id: str
    observed_at: datetime
    ruleset: str
    score_percent: float | None = None
    changes: tuple[ItemChange, ...] = ()
    moves: tuple[Move, ...] = ()
    moves_total: int = 0
    coverage_lost_at: datetime | None = None
    held: bool = False
    missing: dict[str, tuple[ItemId, ...]] = {}
    unknown: dict[str, tuple[ItemId, ...]] = {}
    other_kind: str = ""

    @property
    def key(self) -> OutboxKey:
        """Its place in the outbox. A state that was restored or lost comes to its versions again: the id is another."""
        name = f"{self.version:010d}-{self.event_id}"
        return OutboxKey(partition=self.cluster.arn, name=name, held=self.held)


class ExpiryEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="expiry"):
    """A statement of a person ends soon: then the check that it answers fails, or what it accepts counts again.

    `cluster` is None where it is about every cluster.
    """

    schema: int = 1
    event_id: str
    statement: Literal["attestation", "waiver"]
    subject: str
    cluster: ClusterRef | None
    owner: str
    expires_at: Instant

    @property
    def kind(self) -> Literal["EXPIRING"]:
        """What it is called in a message."""
        return "EXPIRING"

    @property
    def key(self) -> OutboxKey:
        """Its place in the outbox: the same end of the same statement is announced once."""
        where = self.cluster.arn if self.cluster else "*"
        name = f"{self.statement}#{self.subject}#{self.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        return OutboxKey(partition=where, name=name)


class DigestMember(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cluster's part of a digest: the event in whose place it stands, with all that this event alone tells.

    `moves` are the newest of `moves_total` moves of the cluster's own that were held back. `coverage_lost_at` is when
    proof was lost; where the digest is of another kind than FLEET_COVERAGE, it is back.
    """

    event_id: str
    cluster: ClusterRef
    from_level: Level | None
    to_level: Level
    changed: tuple[ItemId, ...] = ()
    moves: tuple[Move, ...] = ()
    moves_total: int = 0
    coverage_lost_at: datetime | None = None


class DigestEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="digest"):
    """Many clusters moved for one reason, and are told together: new rules, or nothing could be observed any more.

    `other_kind` is what a newer version calls it.
    """

    schema: int = 1
    event_id: str
    kind: DigestKind
    name: str
    created_at: Instant
    members: tuple[DigestMember, ...]
    other_kind: str = ""

    @property
    def key(self) -> OutboxKey:
        """Its place in the outbox."""
        return OutboxKey(partition=FLEET, name=self.name)


class ForeignEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that this version cannot read, since a newer one wrote it. It is told all the same, in plain words.

    `kind` is what the newer version calls it; `document` is the event as it is stored, cut where it is long.
    """

    event_id: str
    kind: str
    key: OutboxKey
    cluster: ClusterRef | None
    problem: str
    document: str


StoredEvent = LevelEvent | ExpiryEvent | DigestEvent
"""What this version writes."""
Event = StoredEvent | ForeignEvent
"""What is told."""
MAX_MEMBER_MOVES = 5
"""Moves of one cluster that a digest names one by one: a whole digest fits into one message."""
MAX_DIGEST_MEMBERS = 98
"""What one transaction can mark as told beside the digest itself.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""
_DIGESTS: dict[LevelEventKind, DigestKind] = {"RULESET_CHANGED": "RULESET_CHANGED", "COVERAGE_LOST": "FLEET_COVERAGE"}
"""Anything else that was held back is told together, too."""


def digest_of(members: tuple[LevelEvent, ...], *, at: datetime) -> DigestEvent:
    """Tell held events of one kind together.

    Raises:
        ValueError: there are none, more than fit, or of several kinds.
    """
    kinds = {(each.kind, each.other_kind) for each in members}
    if len(kinds) != 1 or len(members) > MAX_DIGEST_MEMBERS:
        listed = ", ".join(sorted(other or kind for kind, other in kinds)) or "no kind"
        raise ValueError(f"a digest has 1 to {MAX_DIGEST_MEMBERS} members of one kind, not {len(members)} of {listed}")
    ids = sorted(each.event_id for each in members)
    event_id = str(uuid5(NAMESPACE, "|".join(ids)))
    kind, other_kind = kinds.pop()
    digest_kind: DigestKind = _DIGESTS.get(kind, "OTHER")
    return DigestEvent(
        event_id=event_id,
        kind=digest_kind,
        other_kind=(other_kind or kind) if digest_kind == "OTHER" else "",
        name=f"{at:%Y%m%dT%H%M%S}-{event_id}",
        created_at=at,
        members=tuple(
            DigestMember(
                event_id=each.event_id,
                cluster=each.cluster,
                from_level=each.from_level,
                to_level=each.to_level,
                changed=tuple(change.item for change in each.changes),
                moves=each.moves[-MAX_MEMBER_MOVES:],
                moves_total=each.moves_total,
                coverage_lost_at=each.coverage_lost_at,
            )
            for each in members
        ),
    )
