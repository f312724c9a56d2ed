"""How declarations become the checklist, and what is refused when the program starts."""

from __future__ import annotations

from types import ModuleType

import pytest

from eks_readiness.checklist import ChecklistError, collect
from eks_readiness.checklist.check import Answer, Check, attested, check
from eks_readiness.checklist.items import BY_ID, ITEMS
from eks_readiness.checklist.shipped import ATTESTED_ITEMS, CHECKLIST
from eks_readiness.domain.evidence import SLICES, Nodes
from eks_readiness.domain.finding import passed
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.policy import Policy

EVERY_ITEM = frozenset(item.id for item in ITEMS)


def module_with(**declared: tuple[str, bool]) -> ModuleType:
    """A module that declares checks: name → id and whether it is required."""
    module = ModuleType("declared")
    for name, (identifier, required) in declared.items():

        def rule(nodes: Nodes, policy: Policy) -> Answer:
            """It holds."""
            return passed("it holds")

        rule.__module__ = module.__name__
        setattr(module, name, check(identifier, needs=(Nodes,), required=required)(rule))
    return module


def test_checks_come_in_checklist_order_and_otherwise_as_they_were_written() -> None:
    """The order of modules does not matter, the order within one does."""
    later = module_with(a=("pod-security.enforced", True))
    earlier = module_with(b=("storage.second", True), c=("storage.first", False))
    checks = collect(later, earlier, attested_items=EVERY_ITEM - {"storage", "pod-security"})
    assert [each.id for each in checks] == ["storage.second", "storage.first", "pod-security.enforced"]


@pytest.mark.parametrize(
    ("declared", "attested_items", "words"),
    [
        ({"a": ("storage.x", True), "b": ("storage.x", True)}, EVERY_ITEM - {"storage"}, "two checks.*storage.x"),
        ({"a": ("storrage.x", True)}, EVERY_ITEM, "storrage.x belongs to no item"),
        ({"a": ("storage.x", False)}, EVERY_ITEM - {"storage"}, "item storage must have a required check"),
        ({"a": ("storage.x", True)}, EVERY_ITEM, "item storage .* not both"),
        ({}, frozenset(), "vpc-networking must have a required check"),
    ],
)
def test_declarations_that_contradict_the_items_are_refused(
    declared: dict[str, tuple[str, bool]], attested_items: frozenset[ItemId], words: str
) -> None:
    """An id twice, an id without an item, an item without a required check, an item with both kinds of answer."""
    with pytest.raises(ChecklistError, match=words):
        collect(module_with(**declared), attested_items=attested_items)


def test_a_check_belongs_to_the_module_that_defines_it() -> None:
    """A check that a module merely imports is not declared a second time."""
    home, guest = module_with(a=("storage.x", True)), ModuleType("guest")
    guest.borrowed = home.a  # type: ignore[attr-defined]
    assert len(collect(home, guest, attested_items=EVERY_ITEM - {"storage"})) == 1


def test_the_parts_of_a_checks_text_are_found() -> None:
    """Statement, fix and source are read from the docstring, over several lines and without the other parts."""

    @check("storage.x", needs=(Nodes,), required=True)
    def rule(nodes: Nodes, policy: Policy) -> Answer:
        """Nodes are well.

        Why: a sick node
            takes its pods along.
        Fix: look at the node, then
            replace it.
        Source: https://example.com/nodes, https://example.com/more
        """
        return passed("it holds")

    assert (rule.statement, rule.fix, rule.source) == (
        "Nodes are well.",
        "look at the node, then replace it.",
        "https://example.com/nodes",
    )
    assert repr(rule) == "<check storage.x>"


def test_a_check_without_those_parts_has_empty_ones() -> None:
    """A text of one line is no crash for `explain`."""
    bare = Check("storage.x", required=True, needs=(), doc="It holds.", rule=None, module=__name__)
    assert (bare.statement, bare.fix, bare.source) == ("It holds.", "", "")
    with pytest.raises(TypeError, match=r"storage\.x is answered by a statement"):
        bare(Policy())


def test_an_attested_check_needs_no_evidence() -> None:
    """A statement answers it, for as long as the policy says."""
    stated = attested("runbooks.tested", required=False, within_days=lambda _: 30, doc="Tested.", module=__name__)
    assert (stated.id, stated.required, stated.statement, stated.module) == (
        "runbooks.tested",
        False,
        "Tested.",
        __name__,
    )
    assert (stated.needs, stated.rule) == ((), None)
    assert stated.statement_within_days is not None
    assert stated.statement_within_days(Policy()) == 30


@pytest.mark.parametrize("shipped", CHECKLIST.checks, ids=str)
def test_every_shipped_check_says_what_why_how_and_where_from(shipped: Check) -> None:
    """`explain`, the reports and the reference page live on these texts."""
    assert shipped.statement.endswith(".")
    assert shipped.fix
    assert "\nWhy: " in shipped.doc
    assert shipped.source.startswith("https://")


@pytest.mark.parametrize("shipped", CHECKLIST.checks, ids=str)
def test_every_shipped_check_needs_known_evidence_and_belongs_to_an_item(shipped: Check) -> None:
    """A slice that is not in the evidence document could never arrive."""
    assert set(shipped.kinds) <= set(SLICES)
    assert shipped.item in BY_ID
    assert shipped.id.count(".") == 1
    assert shipped.needs or shipped.statement_within_days


def test_an_item_is_answered_by_checks_or_by_statements() -> None:
    """Every item has a way to become satisfied."""
    assert {each.item for each in CHECKLIST if each.required} == EVERY_ITEM - ATTESTED_ITEMS
