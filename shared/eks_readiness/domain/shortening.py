"""Scans and events with fewer details, for a place that has not room for all of them. Pure.

What decides is never left out: the level interval, what stands in the way, and the state of every item.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from eks_readiness.domain.errors import bounded
from eks_readiness.domain.event import DigestEvent, ExpiryEvent, LevelEvent, StoredEvent
from eks_readiness.domain.finding import Finding
from eks_readiness.domain.ledger import ScanRecord, outcomes
from eks_readiness.domain.scorecard import ItemState

_FEW_OFFENDERS = 3
_MAX_REASON_CHARACTERS = 200
_MAX_TITLE_CHARACTERS = 100
_MAX_ITEMS = 400
"""Eight times the checklist: of packages' own items the rest is only in the cluster's state."""


def shorter_scans(scan: ScanRecord, why: str) -> Iterator[ScanRecord]:
    """Ever shorter forms of a scan, each with the words why: first offenders go, then findings, then reasons."""
    card = scan.scorecard
    whole = msgspec.structs.replace(scan, detail_missing=bounded(why), counts=outcomes(card))
    open_findings = tuple(each for each in card.findings if each.outcome in ("fail", "unknown"))
    items = tuple(_brief_item(each, _MAX_REASON_CHARACTERS) for each in card.items)
    for findings, states in (
        (tuple(_brief(each, _FEW_OFFENDERS) for each in card.findings), items),
        (tuple(_brief(each, 0) for each in open_findings), items),
        ((), items),
        ((), tuple(_brief_item(each, 0) for each in card.items[:_MAX_ITEMS])),
    ):
        yield msgspec.structs.replace(whole, scorecard=msgspec.structs.replace(card, findings=findings, items=states))


def _brief(finding: Finding, offenders: int) -> Finding:
    return msgspec.structs.replace(
        finding,
        reason=bounded(finding.reason, _MAX_REASON_CHARACTERS),
        remedy=bounded(finding.remedy, _MAX_REASON_CHARACTERS),
        attested_by=bounded(finding.attested_by, _MAX_TITLE_CHARACTERS),
        offenders=tuple(bounded(each, _MAX_TITLE_CHARACTERS) for each in finding.offenders[:offenders]),
    )


def _brief_item(state: ItemState, reason_characters: int) -> ItemState:
    return msgspec.structs.replace(
        state,
        title=bounded(state.title, _MAX_TITLE_CHARACTERS),
        purpose=bounded(state.purpose, reason_characters) if reason_characters else "",
        reason=bounded(state.reason, reason_characters) if reason_characters else "",
        waivers=(),
    )


def shorter_events(event: StoredEvent) -> Iterator[StoredEvent]:
    """Ever shorter forms of an event, under the same id: offenders go first, then fixes, reasons, and whole changes."""
    match event:
        case LevelEvent():
            yield from _shorter_level_events(event)
        case DigestEvent():
            for changed, moves in ((10, 5), (0, 1)):
                members = tuple(
                    msgspec.structs.replace(each, changed=each.changed[:changed], moves=each.moves[-moves:])
                    for each in event.members
                )
                yield msgspec.structs.replace(event, members=members)
        case ExpiryEvent():
            yield msgspec.structs.replace(event, owner=bounded(event.owner, _MAX_TITLE_CHARACTERS))


def _shorter_level_events(event: LevelEvent) -> Iterator[LevelEvent]:
    for offenders, characters in ((3, 500), (1, 200), (0, 100)):
        changes = tuple(
            msgspec.structs.replace(
                each,
                title=bounded(each.title, _MAX_TITLE_CHARACTERS),
                reason=bounded(each.reason, characters),
                fix=bounded(each.fix, characters),
                offenders=tuple(bounded(named, _MAX_REASON_CHARACTERS) for named in each.offenders[:offenders]),
            )
            for each in event.changes
        )
        yield msgspec.structs.replace(event, changes=changes)
    bare = tuple(
        msgspec.structs.replace(each, title=bounded(each.title, _MAX_TITLE_CHARACTERS), reason="", fix="", offenders=())
        for each in event.changes[:_MAX_ITEMS]
    )
    yield msgspec.structs.replace(event, changes=bare)
    yield msgspec.structs.replace(event, changes=())
