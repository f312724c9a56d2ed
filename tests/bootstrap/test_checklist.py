"""Checks that installed packages add: what they may do, and that a broken one takes nothing with it."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from eks_readiness.bootstrap.checklist import GROUP, installed_checklist, with_additions
from eks_readiness.checklist.check import Answer, attested, check
from eks_readiness.checklist.evaluate import evaluate
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.evidence import Namespaces
from eks_readiness.domain.finding import failed, passed
from eks_readiness.domain.item import Item, ItemId
from eks_readiness.domain.policy import Policy
from tests.doubles.memory import gather
from tests.doubles.scenario import load_scenario

ITEM = Item(
    id=ItemId("acme-tenancy"),
    category="practices",
    title="Tenancy",
    purpose="one team, one namespace",
    priority="high",
    seed_level=1,
)


@check("acme-tenancy.few-namespaces", needs=(Namespaces,), required=True)
def few_namespaces(namespaces: Namespaces, policy: Policy) -> Answer:
    """At most a hundred namespaces."""
    count = len(namespaces.namespaces)
    return passed(f"{count} namespaces") if count <= 100 else failed(f"{count} namespaces")


def point(module: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str = "acme") -> EntryPoint:
    """An entry point that leads to a module."""
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return EntryPoint(name, module.__name__, GROUP)


def module_of(**content: object) -> ModuleType:
    """A module as another package would have it."""
    module = ModuleType("acme_readiness")
    vars(module).update(content)
    return module


def test_without_packages_the_checklist_is_the_shipped_one() -> None:
    """Nothing is added by nobody."""
    assert installed_checklist() == CHECKLIST


def test_a_package_adds_items_and_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come after ours, and are judged with them."""
    checklist = with_additions(CHECKLIST, [point(module_of(ITEMS=(ITEM,), rule=few_namespaces), monkeypatch)])
    assert checklist.items == (*CHECKLIST.items, ITEM)
    assert checklist.checks == (*CHECKLIST.checks, few_namespaces)
    card = evaluate(gather(load_scenario("prod")), checklist, policy=Policy())
    assert card.items[-1].state == "satisfied"
    assert card.findings[-1].reason.endswith("namespaces")


def crashing() -> EntryPoint:
    """An entry point whose module does not exist."""
    return EntryPoint("acme", "acme_that_is_not_there", GROUP)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "has no ITEMS"),
        ({"ITEMS": ("tenancy",)}, "ITEMS holds str"),
        ({"ITEMS": (ITEM,)}, "item acme-tenancy has no required check"),
        ({"ITEMS": (CHECKLIST.items[0],), "rule": few_namespaces}, "there is an item 'vpc-networking' already"),
        ({"ITEMS": (ITEM,), "one": few_namespaces, "two": CHECKLIST.checks[0]}, "belongs to no item"),
        (
            {
                "ITEMS": (ITEM,),
                "rule": attested("acme-tenancy.", required=True, within_days=lambda _: 9, doc="", module=""),
            },
            "write <item>.<check>",
        ),
    ],
)
def test_a_package_that_contradicts_itself_or_ours_is_left_out(
    content: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot replace an item of ours, nor judge one; what stands in its place says why."""
    checklist = with_additions(CHECKLIST, [point(module_of(**content), monkeypatch)])
    card = evaluate(gather(load_scenario("prod")), checklist, policy=Policy())
    assert [each.id for each in checklist.checks[len(CHECKLIST) :]] == ["checks-of-acme.usable"]
    assert card.items[-1].state == "unknown"
    assert words in card.items[-1].reason


def test_a_broken_package_claims_no_level_and_harms_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its item is required from level 1 and unknown, so that no level is proven; every other answer stays."""
    whole = point(module_of(ITEMS=(ITEM,), rule=few_namespaces), monkeypatch, "zeta")
    checklist = with_additions(CHECKLIST, [crashing(), crashing(), whole])
    evidence = gather(load_scenario("prod"))
    plain, card = evaluate(evidence, CHECKLIST, policy=Policy()), evaluate(evidence, checklist, policy=Policy())
    assert card.findings[: len(CHECKLIST)] == plain.findings
    assert [(each.item, each.state) for each in card.items[len(CHECKLIST.items) :]] == [
        ("checks-of-acme", "unknown"),
        ("checks-of-acme-2", "unknown"),
        ("acme-tenancy", "satisfied"),
    ]
    assert card.level.lowest == 0
    assert card.level.highest == plain.level.highest
