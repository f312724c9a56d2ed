"""The engine, on checks whose evidence says outright how they turn out."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Literal, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Answer, Check, attested, check, if_available
from eks_readiness.checklist.evaluate import evaluate, evaluate_document, ruleset
from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.evidence import Evidence, Slice, Unavailable, decode_evidence, encode_evidence
from eks_readiness.domain.finding import Finding, failed, not_applicable, passed
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.policy import Policy, parse_policy
from eks_readiness.domain.scorecard import ItemState, Scorecard
from tests.strategies import NOW, POLICIES, evidence, item_states, statements, values_of, waivers

CLUSTER = ClusterRef(partition="aws", region="eu-west-1", account="111122223333", name="prod")
DENIED = Unavailable(reason="denied", detail="no right to list", remedy="grant it")
Said = Literal["pass", "fail", "not_applicable", "crash"]


class Alpha(Slice, frozen=True, kw_only=True):
    """Evidence that says how a check turns out."""

    said: Said


class Beta(Slice, frozen=True, kw_only=True):
    """Other evidence that says how a check turns out."""

    said: Said


def verdict(said: Said) -> Answer:
    """What a check answers when its evidence says so."""
    match said:
        case "pass":
            return passed("it holds")
        case "fail":
            return failed("it does not hold", ["vol-1"])
        case "not_applicable":
            return not_applicable("there is none")
        case "crash":
            message = "division by zero"
            raise ZeroDivisionError(message)


@check("storage.alpha", needs=(Alpha,), required=True)
def alpha_holds(alpha: Alpha, policy: Policy) -> Answer:
    """Alpha holds."""
    return verdict(alpha.said)


@check("storage.beta", needs=(Beta,), required=True)
def beta_holds(beta: Beta, policy: Policy) -> Answer:
    """Beta holds."""
    return verdict(beta.said)


@check("pod-security.either", needs=(Alpha, if_available(Beta)), required=True)
def either_holds(alpha: Alpha, beta: Beta | Unavailable, policy: Policy) -> Answer:
    """Alpha or beta holds."""
    if alpha.said == "pass" or isinstance(beta, Unavailable):
        return passed("alpha holds") if alpha.said == "pass" else DENIED
    return verdict(beta.said)


@check("pod-security.advice", needs=(Beta,), required=False)
def beta_is_advised(beta: Beta, policy: Policy) -> Answer:
    """Beta holds, preferably."""
    return verdict(beta.said)


PLAN = attested(
    "incident-response.plan",
    required=True,
    within_days=lambda policy: policy.procedure_max_age_days,
    doc="A plan exists.",
    module=__name__,
)
CHECKS: tuple[Check, ...] = (alpha_holds, beta_holds, either_holds, beta_is_advised, PLAN)


@check("dr-testing.drill", needs=(Alpha,), required=True, or_attested=lambda policy: policy.max_restore_test_age_days)
def a_drill_was_made(alpha: Alpha, policy: Policy) -> Answer:
    """A restore was made, or a drill is attested."""
    return verdict(alpha.said)


@check(
    "service-mesh.mesh",
    needs=(Alpha,),
    required=True,
    or_attested=lambda policy: policy.procedure_max_age_days,
    stated="not_applicable",
)
def there_is_a_mesh(alpha: Alpha, policy: Policy) -> Answer:
    """There is a mesh, or a decision to do without."""
    return verdict(alpha.said)


@check(
    "drift-detection.in-sync", needs=(Alpha,), required=True, or_attested=lambda policy: policy.procedure_max_age_days
)
def nothing_drifted(alpha: Alpha, policy: Policy) -> Answer:
    """Nothing drifted: what was seen to have is not attested away."""
    return failed("it drifted", final=True) if alpha.said == "fail" else verdict(alpha.said)


EITHER = Checklist(ITEMS, (a_drill_was_made, there_is_a_mesh, nothing_drifted))
SUBJECTS = st.sampled_from([str(each.id) for each in CHECKS] + [str(each.item) for each in CHECKS] + ["runbooks"])


def observed(alpha: Said | Unavailable, beta: Said | Unavailable) -> Evidence:
    """Evidence in which each part says how its checks turn out, or is unavailable."""
    slices: dict[type[Slice], Slice | Unavailable] = {
        Alpha: alpha if isinstance(alpha, Unavailable) else Alpha(observed_at=NOW, source="test", said=alpha),
        Beta: beta if isinstance(beta, Unavailable) else Beta(observed_at=NOW, source="test", said=beta),
    }
    return Evidence(cluster=CLUSTER, observed_at=NOW, slices=MappingProxyType(slices))


def judged(
    alpha: Said | Unavailable = "pass",
    beta: Said | Unavailable = "pass",
    *,
    attestations: tuple[Attestation, ...] = (),
    waivers: tuple[Waiver, ...] = (),
) -> Scorecard:
    """The scorecard of that evidence."""
    return evaluate(
        observed(alpha, beta), Checklist(ITEMS, CHECKS), policy=Policy(), attestations=attestations, waivers=waivers
    )


def finding(card: Scorecard, name: str) -> Finding:
    """The finding of one check."""
    return next(each for each in card.findings if each.check == name)


def item(card: Scorecard, name: str) -> ItemState:
    """The state of one item."""
    return next(each for each in card.items if each.item == name)


def attestation(subject: str, *, days_ago: float = 1, days_left: float = 30, **more: object) -> Attestation:
    """A statement about a subject."""
    values: dict[str, object] = {"subject": subject, "owner": "sre", **more}
    issued, expires = NOW - timedelta(days=days_ago), NOW + timedelta(days=days_left)
    return msgspec.convert({**values, "issued_at": issued, "expires_at": expires}, Attestation)


def waiver(subject: str, *, days_left: float = 30, cluster: str = "*") -> Waiver:
    """A waiver for a check or an item."""
    return Waiver(
        check=subject,
        cluster=cluster,
        owner="ciso",
        reason="accepted",
        issued_at=NOW - timedelta(days=40),
        expires_at=NOW + timedelta(days=days_left),
    )


SAID: st.SearchStrategy[Said | Unavailable] = st.sampled_from(["pass", "fail", "not_applicable", "crash", DENIED])


def test_an_unavailable_slice_makes_its_checks_unknown_with_its_reason_and_remedy() -> None:
    """Absence of evidence is neither a pass nor a fail."""
    card = judged(beta=DENIED)
    found = finding(card, "storage.beta")
    assert (found.outcome, found.unknown_reason, found.reason, found.remedy) == (
        "unknown",
        "denied",
        "no right to list",
        "grant it",
    )
    assert item(card, "storage").state == "unknown"


def test_evidence_that_was_never_asked_for_is_unknown_too() -> None:
    """An evidence document of an older version may lack a slice."""
    bare = Evidence(cluster=CLUSTER, observed_at=NOW, slices=MappingProxyType({}))
    found = evaluate(bare, Checklist(ITEMS, CHECKS), policy=Policy()).findings[0]
    assert (found.outcome, found.unknown_reason) == ("unknown", "unsupported")


def test_a_crashed_check_is_unknown_and_the_others_still_run() -> None:
    """A defect in one check is visible, and stays its own."""
    card = judged("crash", "pass")
    assert finding(card, "storage.alpha").unknown_reason == "crashed"
    assert "ZeroDivisionError" in finding(card, "storage.alpha").reason
    assert finding(card, "storage.beta").outcome == "pass"


def test_a_tolerated_slice_is_missed_only_where_it_matters() -> None:
    """An `or` is proven by one side; without either it answers with the evidence that it lacked."""
    assert finding(judged("pass", DENIED), "pod-security.either").outcome == "pass"
    assert finding(judged("fail", DENIED), "pod-security.either").unknown_reason == "denied"
    assert finding(judged(DENIED, "pass"), "pod-security.either").outcome == "unknown"


def test_an_advisory_check_never_decides_about_its_item() -> None:
    """Advice counts in the score only."""
    card = judged("pass", "fail")
    assert finding(card, "pod-security.advice").outcome == "fail"
    assert item(card, "pod-security").state == "satisfied"


def test_a_fail_beats_an_unknown_in_one_item() -> None:
    """An item with a required check that failed is missing, whatever else is unknown."""
    assert item(judged("fail", DENIED), "storage").state == "missing"


def test_the_score_counts_decided_checks_only() -> None:
    """Not applicable, unknown and waived checks are left out; without any there is no score."""
    attested_plan = (attestation("incident-response.plan"),)
    assert judged("pass", "fail", attestations=attested_plan).score_percent == 60.0
    assert judged("pass", "fail", attestations=attested_plan, waivers=(waiver("storage.beta"),)).score_percent == 75.0
    only_unknown = evaluate(observed(DENIED, DENIED), Checklist(ITEMS, CHECKS[:4]), policy=Policy())
    assert only_unknown.score_percent is None


@pytest.mark.parametrize(
    ("statement", "outcome", "words"),
    [
        (None, "fail", "nobody has attested it"),
        (attestation("incident-response.plan"), "pass", "attested by sre on 2026-05-31"),
        (attestation("incident-response"), "pass", "attested by sre"),
        (attestation("incident-response.plan", holds=False), "fail", "not in place"),
        (attestation("incident-response.plan", days_left=-0.5), "fail", "expired on 2026-06-01"),
        (attestation("incident-response.plan", days_ago=181), "fail", "more than 180 days ago"),
        (attestation("incident-response.plan", days_ago=-1), "fail", "only after the evidence was gathered"),
        (attestation("incident-response.plan", cluster=CLUSTER.arn), "pass", "attested by sre"),
        (attestation("incident-response.plan", cluster=CLUSTER.arn.replace("prod", "dev")), "fail", "nobody"),
        (attestation("storage.alpha"), "fail", "nobody has attested it"),
    ],
)
def test_an_attested_check_is_answered_by_a_valid_statement_about_it(
    statement: Attestation | None, outcome: str, words: str
) -> None:
    """Missing, expired, too old, about another cluster or about something else: each says so."""
    found = finding(judged(attestations=(statement,) if statement else ()), "incident-response.plan")
    assert found.outcome == outcome
    assert words in found.reason
    assert found.attested_by == ("sre" if outcome == "pass" else "")


def by_either(alpha: Said | Unavailable, name: str, *stated: Attestation) -> Finding:
    """The finding of a check that evidence or a statement answers."""
    return finding(evaluate(observed(alpha, "pass"), EITHER, policy=Policy(), attestations=stated), name)


@pytest.mark.parametrize("alpha", ["fail", "crash", DENIED])
@pytest.mark.parametrize("subject", ["dr-testing.drill", "dr-testing"])
def test_a_statement_answers_where_the_evidence_does_not(subject: str, alpha: Said | Unavailable) -> None:
    """Failed or not to be had: a valid statement about the check or its item answers instead, and says who made it."""
    found = by_either(alpha, "dr-testing.drill", attestation(subject))
    assert (found.outcome, found.reason, found.attested_by) == ("pass", "attested by sre on 2026-05-31", "sre")
    assert found.unknown_reason is None


def test_evidence_that_passes_needs_no_statement() -> None:
    """The statement is not even named: what was observed is the better reason."""
    for alpha, outcome in (("pass", "pass"), ("not_applicable", "not_applicable")):
        found = by_either(cast("Said", alpha), "dr-testing.drill", attestation("dr-testing.drill"))
        assert (found.outcome, found.attested_by) == (outcome, "")


def test_a_statement_never_answers_what_is_final() -> None:
    """The contrary was observed; where nothing could be observed, the statement counts."""
    stated = attestation("drift-detection")
    found = by_either("fail", "drift-detection.in-sync", stated)
    assert (found.outcome, found.reason, found.attested_by) == ("fail", "it drifted", "")
    assert by_either(DENIED, "drift-detection.in-sync", stated).attested_by == "sre"


def test_a_decision_to_do_without_makes_a_check_not_applicable() -> None:
    """Nothing is claimed to be there."""
    found = by_either("fail", "service-mesh.mesh", attestation("service-mesh"))
    assert (found.outcome, found.reason) == ("not_applicable", "decided: attested by sre on 2026-05-31")
    assert found.attested_by == "sre"


def test_a_statement_that_does_not_count_is_named_beside_what_was_observed() -> None:
    """Expired, too old or taken back: the evidence's answer stands, and says why the statement did not help."""
    for stated, words in (
        (attestation("dr-testing.drill", days_left=-0.5), "it does not hold; the attestation of sre expired on"),
        (attestation("dr-testing.drill", days_ago=91), "it does not hold; attested on 2026-03-02, more than 90 days"),
        (attestation("dr-testing", holds=False), "it does not hold; sre attested on 2026-05-31 that it is not"),
    ):
        found = by_either("fail", "dr-testing.drill", stated)
        assert (found.outcome, found.attested_by, found.offenders) == ("fail", "", ("vol-1",))
        assert found.reason.startswith(words)
    assert by_either("fail", "dr-testing.drill", attestation("storage")).reason == "it does not hold"


def test_what_cannot_be_observed_may_be_attested_and_says_so() -> None:
    """The remedy names both ways."""
    found = by_either(DENIED, "dr-testing.drill")
    assert (found.outcome, found.unknown_reason) == ("unknown", "denied")
    assert found.remedy == "grant it; or attest it: eks-readiness attest dr-testing.drill"
    taken_back = by_either(DENIED, "dr-testing.drill", attestation("dr-testing.drill", holds=False))
    assert taken_back.outcome == "unknown"


def test_the_newest_statement_counts_also_when_it_says_no() -> None:
    """A later "not in place" takes an earlier attestation back, and one made after the evidence does not."""
    earlier, later = attestation("incident-response", days_ago=9), attestation("incident-response", holds=False)
    assert finding(judged(attestations=(later, earlier)), "incident-response.plan").outcome == "fail"
    tomorrow = attestation("incident-response", holds=False, days_ago=-1)
    assert finding(judged(attestations=(tomorrow, earlier)), "incident-response.plan").outcome == "pass"


def test_a_statement_never_replaces_what_a_probe_saw() -> None:
    """A tick for an item with a failed probe changes nothing."""
    assert judged("fail", attestations=(attestation("storage"),)) == judged("fail")


def test_an_item_without_a_check_is_unknown_until_somebody_attests_it() -> None:
    """No probe looks at it and nobody spoke: that is not a fail."""
    assert item(judged(), "runbooks").state == "unknown"
    assert item(judged(attestations=(attestation("runbooks"),)), "runbooks").state == "satisfied"
    assert item(judged(attestations=(attestation("runbooks", holds=False),)), "runbooks").state == "missing"
    assert item(judged(attestations=(attestation("runbooks", days_left=-1),)), "runbooks").state == "missing"


@pytest.mark.parametrize("alpha", ["fail", DENIED])
@pytest.mark.parametrize("subject", ["storage.alpha", "storage"])
def test_a_waiver_stands_beside_the_outcome_and_lets_the_item_count(subject: str, alpha: Said | Unavailable) -> None:
    """The finding keeps its outcome; the item is satisfied and names the waiver that it owes it to."""
    accepted = waiver(subject)
    card = judged(alpha, waivers=(accepted,))
    found = finding(card, "storage.alpha")
    assert found.outcome == ("fail" if alpha == "fail" else "unknown")
    assert found.waiver == accepted
    assert (item(card, "storage").state, item(card, "storage").waivers) == ("satisfied", (accepted,))


@pytest.mark.parametrize(
    "useless",
    [waiver("storage.alpha", days_left=0), waiver("storage.beta"), waiver("storage", cluster=CLUSTER.arn + "-2")],
)
def test_a_waiver_that_is_over_or_for_something_else_helps_nobody(useless: Waiver) -> None:
    """Scope, subject and end are exact."""
    card = judged("fail", waivers=(useless,))
    assert finding(card, "storage.alpha").waiver is None
    assert item(card, "storage").state == "missing"


def test_a_waiver_of_an_item_without_a_check_lets_it_count() -> None:
    """Also what only a statement could answer may be accepted until a date."""
    state = item(judged(waivers=(waiver("runbooks"),)), "runbooks")
    assert (state.state, len(state.waivers)) == ("satisfied", 1)


def test_a_passed_check_carries_no_waiver() -> None:
    """A waiver that is no longer needed is not shown as if it were."""
    assert finding(judged(waivers=(waiver("storage.alpha"),)), "storage.alpha").waiver is None


def test_another_instant_moves_the_statements_and_not_the_date_of_the_evidence() -> None:
    """`at` says when statements must be valid; the scorecard still says when the cluster was looked at."""
    soon = attestation("incident-response", days_ago=-1)
    later = NOW + timedelta(days=2)
    card = evaluate(observed("pass", "pass"), Checklist(ITEMS, CHECKS), policy=Policy(), attestations=[soon], at=later)
    assert finding(card, "incident-response.plan").outcome == "pass"
    assert card.observed_at == NOW


def test_a_document_is_judged_by_its_rows_alone() -> None:
    """No row: not covered. A row that says nothing: unknown. Both ways a tick can stand: satisfied or missing."""
    covered = {ItemId("storage"), ItemId("runbooks"), ItemId("alerting")}
    ticks = [attestation("storage"), attestation("runbooks", holds=False)]
    card = evaluate_document(covered, ticks, policy=Policy(), at=NOW)
    states = {each.item: each.state for each in card.items}
    assert {name: states.pop(ItemId(name)) for name in ("storage", "runbooks", "alerting")} == {
        "storage": "satisfied",
        "runbooks": "missing",
        "alerting": "unknown",
    }
    assert set(states.values()) == {"not_covered"}
    assert card.cluster is None
    assert card.findings == ()


def test_the_ruleset_names_checks_requirement_and_policy() -> None:
    """A changed threshold, check or requirement is another ruleset; the same ones are the same everywhere."""
    advisory = check("storage.alpha", needs=(Alpha,), required=False)(alpha_holds.rule)  # type: ignore[arg-type]
    variants = [
        ruleset(CHECKS, Policy()),
        ruleset(CHECKS, Policy(min_zones=3)),
        ruleset(CHECKS[:-1], Policy()),
        ruleset([advisory, *CHECKS[1:]], Policy()),
    ]
    assert len(set(variants)) == 4
    assert ruleset(CHECKS, Policy()) == variants[0]


@given(SAID, SAID, statements(SUBJECTS), waivers(SUBJECTS))
def test_there_are_as_many_findings_as_checks_and_a_state_for_every_item(
    alpha: Said | Unavailable, beta: Said | Unavailable, said: list[Attestation], accepted: list[Waiver]
) -> None:
    """Whatever is missing, crashes or was stated, nothing falls off the scorecard."""
    card = judged(alpha, beta, attestations=tuple(said), waivers=tuple(accepted))
    assert [each.check for each in card.findings] == [each.id for each in CHECKS]
    assert [each.item for each in card.items] == [each.id for each in ITEMS]
    assert all((each.unknown_reason is not None) == (each.outcome == "unknown") for each in card.findings)


@given(SAID, SAID, statements(SUBJECTS), waivers(SUBJECTS), st.sampled_from(["alpha", "beta"]))
def test_an_unknown_never_changes_a_definite_verdict(
    alpha: Said | Unavailable, beta: Said | Unavailable, said: list[Attestation], accepted: list[Waiver], lost: str
) -> None:
    """Losing one part of the evidence leaves every verdict that did not need it, and only widens the interval."""
    statement = {"attestations": tuple(said), "waivers": tuple(accepted)}
    before = judged(alpha, beta, **statement)  # type: ignore[arg-type]
    after = judged(DENIED if lost == "alpha" else alpha, DENIED if lost == "beta" else beta, **statement)  # type: ignore[arg-type]
    for was, now in zip(before.findings, after.findings, strict=True):
        assert now.outcome in (was.outcome, "unknown")
        if now.outcome != "unknown":
            assert now == was
    for state, lost_state in zip(before.items, after.items, strict=True):
        if lost_state.state == "missing":
            assert state.state == "missing"
    assert after.level.lowest <= before.level.lowest
    assert before.level.highest <= after.level.highest


@given(SAID, SAID, statements(SUBJECTS), waivers(SUBJECTS))
def test_a_better_outcome_never_lowers_the_level(
    alpha: Said | Unavailable, beta: Said | Unavailable, said: list[Attestation], accepted: list[Waiver]
) -> None:
    """Monotone in verdicts, from fail over unknown to pass."""
    cards = [
        judged(better, beta, attestations=tuple(said), waivers=tuple(accepted)) for better in ("fail", alpha, "pass")
    ]
    assert [card.level.lowest for card in cards] == sorted(card.level.lowest for card in cards)
    assert [card.level.highest for card in cards] == sorted(card.level.highest for card in cards)


@given(SAID, SAID, statements(SUBJECTS), waivers(SUBJECTS))
def test_a_waiver_changes_no_outcome(
    alpha: Said | Unavailable, beta: Said | Unavailable, said: list[Attestation], accepted: list[Waiver]
) -> None:
    """It stands beside the verdict, never in its place."""
    plain = judged(alpha, beta, attestations=tuple(said))
    waived = judged(alpha, beta, attestations=tuple(said), waivers=tuple(accepted))
    assert [each.outcome for each in waived.findings] == [each.outcome for each in plain.findings]
    assert waived.level.lowest >= plain.level.lowest


@given(SAID, SAID, statements(SUBJECTS), waivers(SUBJECTS))
def test_a_scorecard_survives_being_written_and_read(
    alpha: Said | Unavailable, beta: Said | Unavailable, said: list[Attestation], accepted: list[Waiver]
) -> None:
    """Serialise∘parse is identity, and equal input gives equal bytes."""
    card = judged(alpha, beta, attestations=tuple(said), waivers=tuple(accepted))
    written = msgspec.json.encode(card)
    assert msgspec.json.decode(written, type=Scorecard) == card
    again = judged(alpha, beta, attestations=tuple(said), waivers=tuple(accepted))
    assert msgspec.json.encode(again) == written


@given(item_states())
def test_every_item_state_survives_being_written_and_read(states: tuple[ItemState, ...]) -> None:
    """Serialise∘parse is identity for the states of all items."""
    assert msgspec.json.decode(msgspec.json.encode(states), type=tuple[ItemState, ...]) == states


@given(values_of(Attestation), values_of(Waiver))
def test_statements_survive_being_written_and_read(said: Attestation, accepted: Waiver) -> None:
    """Serialise∘parse is identity for what people state."""
    assert msgspec.json.decode(msgspec.json.encode(said), type=Attestation) == said
    assert msgspec.json.decode(msgspec.json.encode(accepted), type=Waiver) == accepted


@given(POLICIES)
def test_a_policy_survives_being_written_and_read(policy: Policy) -> None:
    """Serialise∘parse is identity for the thresholds, through the parser that users meet."""
    written = msgspec.json.encode(policy)
    assert parse_policy(msgspec.json.decode(written), where="test") == policy


@given(evidence())
def test_evidence_survives_being_written_and_read(gathered: Evidence) -> None:
    """Serialise∘parse is identity for every kind of evidence, and the document's bytes are its identity."""
    written = encode_evidence(gathered)
    read = decode_evidence(written)
    assert (read.cluster, read.observed_at, dict(read.slices)) == (
        gathered.cluster,
        gathered.observed_at,
        dict(gathered.slices),
    )
    assert encode_evidence(read) == written


@given(evidence(), POLICIES)
def test_the_shipped_checks_answer_any_evidence_without_a_crash(gathered: Evidence, policy: Policy) -> None:
    """Every check decides or says what it lacked, whatever the values of a well-formed document are."""
    card = evaluate(gathered, CHECKLIST, policy=policy)
    assert [each.check for each in card.findings] == [each.id for each in CHECKLIST]
    # A probe may have crashed, and its slice then says so; a check may not.
    assert [each.reason for each in card.findings if each.reason.startswith("the check crashed")] == []
