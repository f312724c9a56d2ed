"""The engine: evidence, statements and policy in, a scorecard out. Pure: equal input gives equal output.

Missing evidence and a crashed check become `unknown` with a reason; every other check still runs; there are always as
many findings as checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Answer, Check, Tolerated
from eks_readiness.checklist.items import ITEMS, required_from
from eks_readiness.checklist.level import blockers, level_interval
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.document_address import document_address
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import ClusterConfiguration, Evidence, Slice, StatedDocuments, Unavailable
from eks_readiness.domain.evidence.documents import DocumentState
from eks_readiness.domain.finding import Finding, Verdict, failed, not_applicable, passed
from eks_readiness.domain.item import Item, ItemId
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemState, ItemVerdict, Scorecard

_DOCUMENTS: dict[str, str] = {
    "": "",
    "not verified": "; its document is not verified",
    "found": "; its document is there, in whatever version",
    "unchanged": "; its document is unchanged",
}
EDITION = 1
"""Raised when the meaning of a check changes without a change of its id, so that the ruleset changes with it."""


def ruleset(checks: Iterable[Check], policy: Policy, waivers: Iterable[Waiver] = ()) -> str:
    """Identify what judged: the checks, the edition, the policy and what is waived, as twelve hexadecimal digits."""
    accepted = sorted({(each.check, each.cluster) for each in waivers})
    judged = [EDITION, [[check.id, check.required] for check in checks], policy, accepted]
    return hashlib.sha256(msgspec.json.encode(judged, order="deterministic")).hexdigest()[:12]


def evaluate(  # noqa: PLR0913 - each is one input of a verdict
    evidence: Evidence,
    checklist: Checklist,
    *,
    policy: Policy,
    attestations: Iterable[Attestation] = (),
    waivers: Iterable[Waiver] = (),
    at: datetime | None = None,
) -> Scorecard:
    """Judge a cluster's evidence by every check of a checklist.

    `at` is the instant at which statements must be valid; by default when the evidence was gathered, so that the same
    evidence gives the same scorecard whenever and wherever it is judged. A statement made later says nothing about it.
    """
    at = at or evidence.observed_at
    arn = evidence.cluster.arn
    statements = [each for each in attestations if each.cluster in (EVERY_CLUSTER, arn)]
    waived = [each for each in waivers if each.cluster in (EVERY_CLUSTER, arn) and each.valid_at(at)]
    findings = tuple(_finding(check, evidence, policy, statements, waived, at) for check in checklist.checks)
    states = tuple(_item_state(item, findings, policy, statements, waived, at) for item in checklist.items)
    rules = ruleset(checklist.checks, policy, waived)
    card = _scorecard(evidence.cluster, evidence.observed_at, rules, findings, states)
    described = evidence.get(ClusterConfiguration)
    if isinstance(described, ClusterConfiguration):
        return msgspec.structs.replace(card, cluster_created_at=described.created_at)
    return card


def evaluate_document(
    covered: Collection[ItemId], attestations: Sequence[Attestation], *, policy: Policy, at: datetime
) -> Scorecard:
    """Judge a checklist document by its own ticks.

    Items without a row are `not_covered`, never missing; items with a row that says nothing are `unknown`.
    """
    states = tuple(
        _attested_state(item, policy, attestations, [], at)
        if item.id in covered
        else _state(item, policy, "not_covered", "the document has no row for it")
        for item in ITEMS
    )
    return _scorecard(None, at, ruleset((), policy), (), states)


def _scorecard(
    cluster: ClusterRef | None,
    observed_at: datetime,
    rules: str,
    findings: tuple[Finding, ...],
    states: tuple[ItemState, ...],
) -> Scorecard:
    decided = [each for each in findings if each.outcome in ("pass", "fail") and each.waiver is None]
    good = sum(each.outcome == "pass" for each in decided)
    return Scorecard(
        cluster=cluster,
        observed_at=observed_at,
        ruleset=rules,
        level=level_interval(states),
        items=states,
        findings=findings,
        blockers=blockers(states),
        score_percent=round(100 * good / len(decided), 1) if decided else None,
    )


def _finding(  # noqa: PLR0913 - the engine's own step: everything that evaluate was given
    check: Check,
    evidence: Evidence,
    policy: Policy,
    attestations: Sequence[Attestation],
    waivers: Sequence[Waiver],
    at: datetime,
) -> Finding:
    answer, attested_by = _answer(check, evidence, policy, attestations, at)
    if isinstance(answer, Unavailable):
        finding = Finding(
            check=check.id,
            item=check.item,
            required=check.required,
            outcome="unknown",
            reason=answer.detail,
            unknown_reason=answer.reason,
            remedy=answer.remedy,
        )
    else:
        finding = Finding(
            check=check.id,
            item=check.item,
            required=check.required,
            outcome=answer.outcome,
            reason=answer.reason,
            offenders=answer.offenders,
            offenders_total=answer.offenders_total,
            attested_by=attested_by,
        )
    if finding.outcome in ("fail", "unknown"):
        return msgspec.structs.replace(finding, waiver=_waiver_for({check.id, check.item}, waivers))
    return finding


def _answer(
    check: Check, evidence: Evidence, policy: Policy, attestations: Sequence[Attestation], at: datetime
) -> tuple[Answer, str]:
    """What evidence or a statement says, and who made the statement that counts."""
    if check.rule is None:
        return _attested_answer(check, evidence, attestations, policy, at)
    answer = _ask(check, evidence, policy)
    settled = isinstance(answer, Verdict) and (answer.outcome in ("pass", "not_applicable") or answer.final)
    if settled or check.statement_within_days is None:
        return answer, ""
    stated, owner = _attested_answer(check, evidence, attestations, policy, at)
    if owner or isinstance(stated, Unavailable):
        # Where nobody knows whether the statement's document still stands, it may be the answer or not.
        return stated, owner
    return _with_way_out(answer, check, stated, attestations), ""


def _with_way_out(answer: Answer, check: Check, stated: Answer, attestations: Sequence[Attestation]) -> Answer:
    """Say beside what was observed why no statement answers it, or that one could."""
    if isinstance(answer, Unavailable):
        way_out = f"or attest it: eks-readiness attest {check.id}"
        return msgspec.structs.replace(answer, remedy=f"{answer.remedy}; {way_out}" if answer.remedy else way_out)
    if isinstance(stated, Verdict) and any(each.subject in {check.id, check.item} for each in attestations):
        return msgspec.structs.replace(answer, reason=bounded(f"{answer.reason}; {stated.reason}"))
    return answer


def _ask(check: Check, evidence: Evidence, policy: Policy) -> Answer:
    slices: list[Slice | Unavailable] = []
    for need in check.needs:
        found = evidence.get(need.kind if isinstance(need, Tolerated) else need)
        if isinstance(found, Unavailable) and not isinstance(need, Tolerated):
            return found
        slices.append(found)
    try:
        return check(*slices, policy)
    except Exception as error:  # noqa: BLE001 - one broken check must not take the others with it
        return Unavailable(
            reason="crashed",
            detail=bounded(f"the check crashed: {type(error).__name__}: {error}"),
            remedy="report it with the output of: eks-readiness collect",
        )


def _attested_answer(
    check: Check, evidence: Evidence, attestations: Sequence[Attestation], policy: Policy, at: datetime
) -> tuple[Answer, str]:
    statement = _newest({check.id, check.item}, attestations, at)
    if statement is None:
        return failed(_unattested(check.id, {check.id, check.item}, attestations)), ""
    if not statement.valid_at(at):
        return failed(f"the attestation of {statement.owner} expired on {statement.expires_at:%Y-%m-%d}"), ""
    if not statement.holds:
        return failed(f"{statement.owner} attested on {statement.issued_at:%Y-%m-%d} that it is not in place"), ""
    days = check.statement_within_days(policy) if check.statement_within_days else 0
    if not statement.fresh_at(at, timedelta(days=days)):
        return failed(f"attested on {statement.issued_at:%Y-%m-%d}, more than {days:g} days ago"), ""
    return _stated(check, statement, evidence)


def _stated(check: Check, statement: Attestation, evidence: Evidence) -> tuple[Answer, str]:
    """What a valid statement makes of a check, with the document that it points to."""
    said = f"attested by {statement.owner} on {statement.issued_at:%Y-%m-%d}"
    document = _document(statement, evidence)
    if isinstance(document, Unavailable):
        return document, ""
    if document in ("changed", "missing"):
        what = "has changed since" if document == "changed" else "is not there"
        return failed(f"{said}, but {statement.evidence_uri} {what}"), ""
    said += _DOCUMENTS[document]
    return (passed(said) if check.stated == "pass" else not_applicable(f"decided: {said}")), statement.owner


def _document(statement: Attestation, evidence: Evidence) -> DocumentState | Unavailable | Literal["", "not verified"]:
    """What became of the document that a statement points to; empty without one."""
    if not statement.evidence_uri:
        return ""
    documents = evidence.get(StatedDocuments)
    if document_address(statement.evidence_uri) is None or (
        isinstance(documents, Unavailable) and documents.reason == "unsupported"
    ):
        return "not verified"
    if isinstance(documents, Unavailable):
        return documents
    found = next((each.state for each in documents.documents if each.uri == statement.evidence_uri), None)
    if found is None or (isinstance(found, Unavailable) and found.reason == "denied"):
        # The scanner may look only at buckets that the deployment names: the statement stands as one about a wiki.
        return "not verified"
    return found


def _unattested(subject: str, subjects: set[str], attestations: Sequence[Attestation]) -> str:
    if any(each.subject in subjects for each in attestations):
        return "attested only after the evidence was gathered: gather it again, or judge it by a later instant"
    return f"nobody has attested it; attest it with: eks-readiness attest {subject}"


def _newest(subjects: set[str], attestations: Sequence[Attestation], at: datetime) -> Attestation | None:
    """The newest statement among those that were made by an instant, expired or not."""
    about = [each for each in attestations if each.subject in subjects and each.issued_at <= at]
    # A statement about one cluster beats one about all when both were made at the same instant.
    return max(about, key=lambda each: (each.issued_at, each.cluster != EVERY_CLUSTER), default=None)


def _waiver_for(subjects: set[str], waivers: Sequence[Waiver]) -> Waiver | None:
    return max((each for each in waivers if each.check in subjects), key=lambda each: each.expires_at, default=None)


def _item_state(  # noqa: PLR0913 - the engine's own step: everything that evaluate was given
    item: Item,
    findings: Sequence[Finding],
    policy: Policy,
    attestations: Sequence[Attestation],
    waivers: Sequence[Waiver],
    at: datetime,
) -> ItemState:
    required = [each for each in findings if each.item == item.id and each.required]
    if not required:
        return _attested_state(item, policy, attestations, waivers, at)
    if failing := [each for each in required if each.blocks]:
        return _state(item, policy, "missing", "; ".join(f"{each.check}: {each.reason}" for each in failing))
    if undecided := [each for each in required if each.undecided]:
        return _state(item, policy, "unknown", "; ".join(f"{each.check}: {each.reason}" for each in undecided))
    accepted = dict.fromkeys(each.waiver for each in required if each.waiver is not None)
    return _state(item, policy, "satisfied", "", tuple(accepted))


def _attested_state(
    item: Item, policy: Policy, attestations: Sequence[Attestation], waivers: Sequence[Waiver], at: datetime
) -> ItemState:
    """Answer an item that has no check by a statement about the item itself."""
    statement = _newest({item.id}, attestations, at)
    if statement is not None and statement.valid_at(at):
        state: ItemVerdict = "satisfied" if statement.holds else "missing"
        said = "attested" if statement.holds else "attested as not in place"
        reason = f"{said} by {statement.owner} on {statement.issued_at:%Y-%m-%d}"
    elif statement is not None:
        state, reason = "missing", f"the attestation of {statement.owner} expired on {statement.expires_at:%Y-%m-%d}"
    else:
        state, reason = "unknown", _unattested(item.id, {item.id}, attestations)
    waiver = _waiver_for({item.id}, waivers)
    if state != "satisfied" and waiver is not None:
        return _state(item, policy, "satisfied", reason, (waiver,))
    return _state(item, policy, state, reason)


def _state(item: Item, policy: Policy, state: ItemVerdict, reason: str, waivers: tuple[Waiver, ...] = ()) -> ItemState:
    return ItemState(
        item=item.id,
        title=item.title,
        purpose=item.purpose,
        category=item.category,
        priority=item.priority,
        required_from=required_from(item, policy),
        state=state,
        reason=bounded(reason),
        waivers=waivers,
    )
