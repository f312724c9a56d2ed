"""Declarations, findings, item states and scorecards as whole values: every part has its place."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType, ModuleType

import msgspec
import pytest

from eks_readiness.checklist import Checklist, ChecklistError, collect
from eks_readiness.checklist.check import Answer, Check, Tolerated, attested, check, if_available
from eks_readiness.checklist.evaluate import evaluate, evaluate_document, ruleset
from eks_readiness.checklist.items import BY_ID, ITEMS, required_from
from eks_readiness.checklist.level import blockers
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.evidence import ClusterConfiguration, Evidence, Nodes, Slice, StatedDocuments, Unavailable
from eks_readiness.domain.evidence.documents import StatedDocument
from eks_readiness.domain.finding import CheckId, Finding, Verdict, failed, passed
from eks_readiness.domain.item import Item, ItemId
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemState, LevelInterval
from tests.strategies import NOW

CLUSTER = ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name="prod")
STORAGE, RUNBOOKS, PLAN = ItemId("storage"), ItemId("runbooks"), ItemId("dr-plan")
DAY = timedelta(days=1)
DENIED = Unavailable(reason="denied", detail="no right", remedy="grant it")


class Seen(Slice, frozen=True, kw_only=True):
    """Evidence that is its own answer."""

    answer: Verdict | None


class Other(Slice, frozen=True, kw_only=True):
    """Evidence that nobody has."""


def _rule(seen: Seen, policy: Policy) -> Answer:
    """It holds.

    Fix: make it.
    """
    if seen.answer is None:
        raise ZeroDivisionError("by zero")
    return msgspec.structs.replace(seen.answer, reason=f"{seen.answer.reason} in {policy.min_zones} zones")


def _days(policy: Policy) -> float:
    return policy.procedure_max_age_days


HOLDS = check("storage.holds", needs=(Seen,), required=True)(_rule)
AGREES = check("storage.agrees", needs=(Seen,), required=True)(_rule)
STATED = attested("dr-plan.stated", required=True, within_days=_days, doc="It is stated.", module=__name__)
EITHER = check("storage.either", needs=(Seen,), required=True, or_attested=_days)(_rule)


def _evidence(answer: Verdict | Unavailable | None, **more: Slice | Unavailable) -> Evidence:
    seen = answer if isinstance(answer, Unavailable) else Seen(observed_at=NOW, source="test", answer=answer)
    slices: dict[type[Slice], Slice | Unavailable] = {Seen: seen}
    slices.update({StatedDocuments: more["documents"]} if "documents" in more else {})
    slices.update({ClusterConfiguration: more["configuration"]} if "configuration" in more else {})
    return Evidence(cluster=CLUSTER, observed_at=NOW, slices=MappingProxyType(slices))


def _stated(subject: str, **changes: object) -> Attestation:
    made = Attestation(subject=subject, owner="sre", issued_at=NOW - DAY, expires_at=NOW + 30 * DAY)
    return msgspec.structs.replace(made, **changes)


def _waiver(subject: str, days: int = 30, **changes: object) -> Waiver:
    made = Waiver(check=subject, owner="ciso", reason="later", issued_at=NOW - DAY, expires_at=NOW + days * DAY)
    return msgspec.structs.replace(made, **changes)


def _items(*names: ItemId) -> tuple[Item, ...]:
    return tuple(BY_ID[name] for name in names)


def _one(
    found: Check, answer: Verdict | Unavailable | None, *stated: Attestation, **more: Slice | Unavailable
) -> Finding:
    checklist = Checklist(_items(found.item), (found,))
    (finding,) = evaluate(_evidence(answer, **more), checklist, policy=Policy(), attestations=stated).findings
    return finding


def test_a_check_keeps_what_was_declared() -> None:
    """Everything that `check` was told, and the text and place of its rule."""
    declared = check("storage.a.b", needs=(Seen,), required=False, or_attested=_days, stated="not_applicable")(_rule)
    assert (declared.id, declared.item, declared.required, declared.needs) == ("storage.a.b", "storage", False, (Seen,))
    assert (declared.rule, declared.module) == (_rule, __name__)
    assert (declared.statement_within_days, declared.stated) == (_days, "not_applicable")
    assert (declared.doc, declared.statement, declared.fix) == ("It holds.\n\nFix: make it.", "It holds.", "make it.")
    plain = check("storage.x", needs=(Seen,), required=True)(_rule)
    assert (plain.required, plain.statement_within_days, plain.stated) == (True, None, "pass")
    assert Check("storage.x", required=True, needs=(), doc="", rule=None, module="m").stated == "pass"


def test_a_rule_without_a_text_has_an_empty_one() -> None:
    """The declaration does not fail for it; a test of the shipped ones does."""

    def rule(seen: Seen, policy: Policy) -> Answer:
        return passed("it holds")

    assert check("storage.x", needs=(Seen,), required=True)(rule).doc == ""


def test_a_stated_check_keeps_what_was_declared() -> None:
    """It needs no evidence and has no rule."""
    assert (STATED.id, STATED.item, STATED.required, STATED.needs) == ("dr-plan.stated", "dr-plan", True, ())
    assert (STATED.doc, STATED.module, STATED.rule) == ("It is stated.", __name__, None)
    assert (STATED.statement_within_days, STATED.stated) == (_days, "pass")
    advice = attested("dr-plan.x", required=False, within_days=_days, doc="x", module="m")
    assert (advice.required, advice.module) == (False, "m")


def test_what_a_check_can_do_without_is_marked() -> None:
    """And is among the kinds that it looks at."""
    need: object = if_available(Other)
    assert need == Tolerated(Other)
    declared = Check("storage.x", required=True, needs=(Seen, Tolerated(Other)), doc="", rule=None, module="m")
    assert declared.kinds == (Seen, Other)


def test_checks_are_found_by_their_id_and_items_by_theirs() -> None:
    """Not the first, not any other."""
    checklist = Checklist(_items(STORAGE, RUNBOOKS, PLAN), (HOLDS, STATED))
    assert checklist.check("dr-plan.stated") is STATED
    assert checklist.check("dr-plan.other") is None
    assert checklist.item(RUNBOOKS) is BY_ID[RUNBOOKS]
    with pytest.raises(KeyError, match="storrage"):
        checklist.item(ItemId("storrage"))
    assert (list(checklist), len(checklist)) == ([HOLDS, STATED], 2)
    assert checklist.subjects == {"storage", "runbooks", "dr-plan", "storage.holds", "dr-plan.stated"}


def _own(name: str) -> Item:
    return msgspec.structs.replace(BY_ID[RUNBOOKS], id=ItemId(name), title=name)


def _of(identifier: str, *, required: bool = True) -> Check:
    return Check(identifier, required=required, needs=(), doc="It holds.", rule=None, module="theirs")


def test_an_organisation_adds_items_and_checks_after_ours() -> None:
    """In the order of its items."""
    ours = Checklist(_items(STORAGE), (HOLDS,))
    first, second = _own("own-first"), _own("own-second")
    extra = (_of("own-second.a"), _of("own-first.b", required=False), _of("own-first.a"))
    extended = ours.extended([first, second], extra)
    assert extended == Checklist((BY_ID[STORAGE], first, second), (HOLDS, extra[1], extra[2], extra[0]))


@pytest.mark.parametrize(
    ("items", "checks", "words"),
    [
        (["storage"], ["storage.new"], "there is an item 'storage' already"),
        (["storage.holds"], [], "there is an item 'storage.holds' already"),
        ([""], [], "there is an item '' already"),
        (["own"], [], "item own has no required check"),
        (["own", "other"], ["own.a"], "item other has no required check"),
        (["own"], ["own.a", "storage.new"], "check storage.new belongs to no item"),
        (["own"], ["own.a", "own.a"], "two checks have the id own.a"),
    ],
)
def test_what_an_organisation_cannot_add(items: list[str], checks: list[str], words: str) -> None:
    """Nothing of ours is replaced, and no item stays without an answer."""
    with pytest.raises(ChecklistError) as refused:
        Checklist(_items(STORAGE), (HOLDS,)).extended([_own(name) for name in items], [_of(name) for name in checks])
    assert str(refused.value) == words


def test_an_item_with_advice_alone_is_refused() -> None:
    """Advice never decides."""
    with pytest.raises(ChecklistError, match="item own has no required check"):
        Checklist((), ()).extended([_own("own")], [_of("own.a", required=False)])


def test_collected_checks_come_with_all_items() -> None:
    """Also those that no module of the call is about."""
    module = ModuleType(__name__)
    module.holds = HOLDS  # type: ignore[attr-defined]
    every = frozenset(item.id for item in ITEMS) - {STORAGE}
    assert collect(module, attested_items=every) == Checklist(ITEMS, (HOLDS,))


def test_an_item_is_required_from_where_the_policy_says() -> None:
    """A single override beats the rule."""
    policy = Policy(item_levels={"storage": 3}, level_rule="strict")
    assert [required_from(BY_ID[name], policy) for name in (STORAGE, RUNBOOKS)] == [3, 1]
    assert [required_from(BY_ID[name], Policy()) for name in (STORAGE, RUNBOOKS)] == [1, 2]


def _state(name: ItemId, state: str, reason: str = "", waivers: tuple[Waiver, ...] = ()) -> ItemState:
    item = BY_ID[name]
    return msgspec.convert(
        {
            "item": name,
            "title": item.title,
            "purpose": item.purpose,
            "category": item.category,
            "priority": item.priority,
            "required_from": item.seed_level,
            "state": state,
            "reason": reason,
            "waivers": waivers,
        },
        ItemState,
        from_attributes=True,
    )


def test_blockers_are_listed_by_level() -> None:
    """What is satisfied blocks nothing."""
    states = [_state(STORAGE, "missing"), _state(RUNBOOKS, "unknown"), _state(PLAN, "satisfied")]
    found = blockers(states)
    assert (found.missing, found.unknown) == ({1: (STORAGE,), 2: (), 3: ()}, {1: (), 2: (RUNBOOKS,), 3: ()})


def test_when_eks_made_the_cluster_stands_on_the_scorecard() -> None:
    """Where that could be read; everything else is as without it."""
    made_at = NOW - 90 * DAY
    configuration = ClusterConfiguration(
        observed_at=NOW,
        source="test",
        arn=CLUSTER.arn,
        version="1.34",
        status="ACTIVE",
        created_at=made_at,
        endpoint_public_access=False,
        endpoint_private_access=True,
    )
    checklist = Checklist(_items(STORAGE), (HOLDS,))
    with_it = evaluate(_evidence(passed("yes"), configuration=configuration), checklist, policy=Policy())
    without = evaluate(_evidence(passed("yes")), checklist, policy=Policy())
    assert with_it == msgspec.structs.replace(without, cluster_created_at=made_at)


def test_a_scorecard_is_written_out() -> None:
    """Findings, states, interval, blockers and score of three items."""
    checks = (HOLDS, AGREES, STATED)
    waiver = _waiver("storage.agrees")
    checklist = Checklist(_items(STORAGE, RUNBOOKS, PLAN), checks)
    evidence = _evidence(failed("it does not hold", ["b", "a"], total=9))
    card = evaluate(evidence, checklist, policy=Policy(), attestations=[_stated("dr-plan")], waivers=[waiver])
    fail = Finding(
        check=CheckId("storage.holds"),
        item=STORAGE,
        required=True,
        outcome="fail",
        reason="it does not hold in 2 zones",
        offenders=("a", "b"),
        offenders_total=9,
    )
    waived = msgspec.structs.replace(fail, check=CheckId("storage.agrees"), waiver=waiver)
    stated = Finding(
        check=CheckId("dr-plan.stated"),
        item=PLAN,
        required=True,
        outcome="pass",
        reason="attested by sre on 2026-05-31",
        attested_by="sre",
    )
    nobody = "nobody has attested it; attest it with: eks-readiness attest runbooks"
    states = (
        _state(STORAGE, "missing", "storage.holds: it does not hold in 2 zones"),
        _state(RUNBOOKS, "unknown", nobody),
        _state(PLAN, "satisfied"),
    )
    assert card.findings == (fail, waived, stated)
    assert card.items == states
    assert (card.cluster, card.observed_at, card.cluster_created_at) == (CLUSTER, NOW, None)
    assert card.ruleset == ruleset(checks, Policy(), [waiver])
    assert (card.level, card.blockers) == (LevelInterval(lowest=0, highest=0), blockers(states))
    assert card.score_percent == 50.0


def test_several_reasons_stand_in_one_line() -> None:
    """Of what fails, or else of what is unknown; a satisfied item needs none."""
    checklist = Checklist(_items(STORAGE), (HOLDS, AGREES))
    for answer, state, reason in (
        (failed("no"), "missing", "storage.holds: no in 2 zones; storage.agrees: no in 2 zones"),
        (DENIED, "unknown", "storage.holds: no right; storage.agrees: no right"),
        (passed("yes"), "satisfied", ""),
    ):
        assert evaluate(_evidence(answer), checklist, policy=Policy()).items == (_state(STORAGE, state, reason),)


def test_waivers_that_an_item_needs_are_named_once_and_the_longest_counts() -> None:
    """Of several for one check, the one that ends last."""
    checklist = Checklist(_items(STORAGE), (HOLDS, AGREES))
    short, long = _waiver("storage", 3), _waiver("storage", 9)
    for waivers in ([short, long], [long, short]):
        card = evaluate(_evidence(failed("no")), checklist, policy=Policy(), waivers=waivers)
        assert card.items == (_state(STORAGE, "satisfied", waivers=(long,)),)
        assert [each.waiver for each in card.findings] == [long, long]
        assert card.score_percent is None


def test_the_score_has_one_decimal() -> None:
    """Two of three."""
    good = Check("runbooks.good", required=True, needs=(Seen,), doc="", rule=lambda *_: passed("yes"), module="m")
    more = Check("runbooks.more", required=True, needs=(Seen,), doc="", rule=lambda *_: passed("yes"), module="m")
    checklist = Checklist(_items(STORAGE, RUNBOOKS), (HOLDS, good, more))
    assert evaluate(_evidence(failed("no")), checklist, policy=Policy()).score_percent == 66.7


def test_the_ruleset_is_twelve_digits_over_everything_that_judges() -> None:
    """The same for the same, whatever the order of what is waived; another for another waiver or scope."""
    plain = ruleset((HOLDS,), Policy())
    assert len(plain) == 12
    assert set(plain) <= set("0123456789abcdef")
    one, other = _waiver("storage.holds"), _waiver("storage")
    assert ruleset((HOLDS,), Policy(), [one, other]) == ruleset((HOLDS,), Policy(), [other, one, one])
    here = _waiver("storage", cluster=CLUSTER.arn)
    assert len({plain, *(ruleset((HOLDS,), Policy(), [each]) for each in (one, other, here))}) == 4
    first, second = Policy(item_levels={"storage": 2, "runbooks": 3}), Policy(item_levels={"runbooks": 3, "storage": 2})
    assert ruleset((HOLDS,), first) == ruleset((HOLDS,), second)


def test_a_crashed_check_says_what_to_do() -> None:
    """The evidence reproduces it."""
    assert _one(HOLDS, None) == Finding(
        check=CheckId("storage.holds"),
        item=STORAGE,
        required=True,
        outcome="unknown",
        reason="the check crashed: ZeroDivisionError: by zero",
        unknown_reason="crashed",
        remedy="report it with the output of: eks-readiness collect",
    )


def test_what_cannot_be_observed_names_the_statement_alone_without_another_remedy() -> None:
    """No empty half before the semicolon."""
    bare = Unavailable(reason="denied", detail="no right")
    assert _one(EITHER, bare).remedy == "or attest it: eks-readiness attest storage.either"


@pytest.mark.parametrize(
    ("statements", "outcome", "reason"),
    [
        ([_stated("dr-plan", issued_at=NOW)], "pass", "attested by sre on 2026-06-01"),
        (
            [_stated("dr-plan", holds=False), _stated("dr-plan", cluster=CLUSTER.arn)],
            "pass",
            "attested by sre on 2026-05-31",
        ),
        (
            [_stated("dr-plan", cluster=CLUSTER.arn), _stated("dr-plan", holds=False)],
            "pass",
            "attested by sre on 2026-05-31",
        ),
        (
            [_stated("dr-plan", issued_at=NOW + DAY)],
            "fail",
            "attested only after the evidence was gathered: gather it again, or judge it by a later instant",
        ),
    ],
)
def test_which_statement_counts(statements: list[Attestation], outcome: str, reason: str) -> None:
    """Made by the instant; and of two of one instant, the one about this cluster."""
    finding = _one(STATED, passed("yes"), *statements)
    assert (finding.outcome, finding.reason) == (outcome, reason)


def test_a_stated_check_without_an_age_takes_a_statement_of_this_instant_alone() -> None:
    """A declaration without an age trusts nothing older."""
    ageless = Check("dr-plan.x", required=True, needs=(), doc="", rule=None, module="m")
    assert _one(ageless, passed("yes"), _stated("dr-plan", issued_at=NOW)).outcome == "pass"
    old = _one(ageless, passed("yes"), _stated("dr-plan", issued_at=NOW - DAY))
    assert (old.outcome, old.reason) == ("fail", "attested on 2026-05-31, more than 0 days ago")


URI = "s3://runbooks/dr.md?versionId=3"
UNSUPPORTED = Unavailable(reason="unsupported", detail="nobody asked")


def _documents(state: object, uri: str = URI) -> StatedDocuments:
    documents = (StatedDocument(uri=uri, state=state),)  # type: ignore[arg-type] # each test names a state
    return StatedDocuments(observed_at=NOW, source="test", documents=documents)


@pytest.mark.parametrize(
    ("uri", "documents", "outcome", "reason"),
    [
        ("", UNSUPPORTED, "pass", "attested by sre on 2026-05-31"),
        ("https://wiki/dr", _documents("found"), "pass", "…; its document is not verified"),
        ("https://wiki/dr", DENIED, "pass", "…; its document is not verified"),
        (URI, UNSUPPORTED, "pass", "…; its document is not verified"),
        (URI, DENIED, "unknown", "no right"),
        (URI, _documents("found"), "pass", "…; its document is there, in whatever version"),
        (URI, _documents("unchanged"), "pass", "…; its document is unchanged"),
        (URI, _documents("changed"), "fail", f"…, but {URI} has changed since"),
        (URI, _documents("missing"), "fail", f"…, but {URI} is not there"),
        (URI, _documents(DENIED), "pass", "…; its document is not verified"),
        (URI, _documents(Unavailable(reason="throttled", detail="slow down")), "unknown", "slow down"),
        (URI, _documents("changed", "s3://runbooks/other.md"), "pass", "…; its document is not verified"),
    ],
)
@pytest.mark.parametrize("found", [STATED, EITHER], ids=["stated", "either"])
def test_a_statements_document(
    found: Check, uri: str, documents: StatedDocuments | Unavailable, outcome: str, reason: str
) -> None:
    """What became of it decides whether the statement stands."""
    stated = _stated(str(found.item), evidence_uri=uri)
    finding = _one(found, failed("no"), stated, documents=documents)
    said = reason.replace("…", "attested by sre on 2026-05-31")
    said = f"no in 2 zones; {said}" if found is EITHER and outcome == "fail" else said
    assert (finding.outcome, finding.reason, finding.attested_by) == (outcome, said, "sre" if outcome == "pass" else "")


@pytest.mark.parametrize(
    ("statement", "state", "reason"),
    [
        (_stated("runbooks"), "satisfied", "attested by sre on 2026-05-31"),
        (_stated("runbooks", holds=False), "missing", "attested as not in place by sre on 2026-05-31"),
        (_stated("runbooks", expires_at=NOW), "missing", "the attestation of sre expired on 2026-06-01"),
    ],
)
def test_an_item_that_is_stated(statement: Attestation, state: str, reason: str) -> None:
    """With a waiver, what is said stays beside it; one that is not needed is not named."""
    checklist = Checklist(_items(RUNBOOKS), ())
    plain = evaluate(_evidence(None), checklist, policy=Policy(), attestations=[statement])
    assert plain.items == (_state(RUNBOOKS, state, reason),)
    waiver = _waiver("runbooks")
    waived = evaluate(_evidence(None), checklist, policy=Policy(), attestations=[statement], waivers=[waiver])
    assert waived.items == (_state(RUNBOOKS, "satisfied", reason, () if state == "satisfied" else (waiver,)),)


def test_a_documents_scorecard_is_written_out() -> None:
    """Its rows alone count; the policy is part of what judged."""
    policy = Policy(item_levels={"runbooks": 3})
    card = evaluate_document({RUNBOOKS}, [_stated("runbooks")], policy=policy, at=NOW)
    states = {each.item: each for each in card.items}
    expected = msgspec.structs.replace(_state(RUNBOOKS, "satisfied", "attested by sre on 2026-05-31"), required_from=3)
    assert states[RUNBOOKS] == expected
    assert states[STORAGE] == _state(STORAGE, "not_covered", "the document has no row for it")
    assert (card.cluster, card.observed_at, card.score_percent) == (None, NOW, None)
    assert (card.ruleset, card.findings) == (ruleset((), policy), ())


def test_a_slice_that_is_there_is_the_one_that_is_asked_for() -> None:
    """A check that needs several gets them in its order."""
    seen: list[object] = []

    def rule(first: object, second: object, policy: object) -> Answer:
        seen.extend((first, second, policy))
        return passed("yes")

    both = Check("storage.x", required=True, needs=(Tolerated(Nodes), Seen), doc="", rule=rule, module="m")
    assert _one(both, DENIED).unknown_reason == "denied"
    assert seen == []
    assert _one(both, passed("yes")).outcome == "pass"
    assert isinstance(seen[0], Unavailable)
    assert seen[1:] == [Seen(observed_at=NOW, source="test", answer=passed("yes")), Policy()]
