"""Every declared check, as data, as one text, and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Check
from eks_readiness.checklist.items import required_from
from eks_readiness.domain.evidence import Slice
from eks_readiness.domain.item import RequiredLevel
from eks_readiness.domain.policy import Policy
from eks_readiness.reports.threshold_catalogue import threshold_table, thresholds_of, unit_of

Reads = Mapping[type[Slice], tuple[str, ...]]
"""The API calls behind each kind of evidence."""


class CheckEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One check: whether it is required, from which level its item is, and where its rule comes from."""

    id: str
    item: str
    required: bool
    level: RequiredLevel
    statement: str
    answered_by: str
    evidence: tuple[str, ...]
    reads: tuple[str, ...]
    source: str


def catalogue(checklist: Checklist, policy: Policy, reads: Reads) -> tuple[CheckEntry, ...]:
    """Every check, in checklist order."""
    return tuple(
        CheckEntry(
            id=check.id,
            item=check.item,
            required=check.required,
            level=required_from(checklist.item(check.item), policy),
            statement=check.statement,
            answered_by="probe" if check.rule else "attestation",
            evidence=tuple(kind.__name__ for kind in check.kinds),
            reads=_calls(check, reads),
            source=check.source,
        )
        for check in checklist
    )


def _calls(check: Check, reads: Reads) -> tuple[str, ...]:
    """Every API call that answers a check, each once: first those in AWS."""
    calls = {call for kind in check.kinds for call in reads.get(kind, ())}
    return tuple(sorted(calls, key=lambda call: (" " in call, call)))


def explanation(checklist: Checklist, check: Check, policy: Policy, reads: Reads) -> str:
    """Everything about one check, as plain text."""
    item = checklist.item(check.item)
    needed = "required" if check.required else "advisory: it never blocks a level"
    lines = [
        check.id,
        "",
        check.doc,
        "",
        f"Item: {item.title}, {item.priority} priority, required from level {required_from(item, policy)}",
        f"This check is {needed}.",
    ]
    if used := sorted(thresholds_of(check)):
        lines += [
            f"Threshold: {name} = {msgspec.json.encode(getattr(policy, name)).decode()} ({unit_of(name)})"
            for name in used
        ]
    if check.rule:
        lines.append(f"Evidence: {', '.join(kind.__name__ for kind in check.kinds)}")
        lines.append(f"Read with: {', '.join(_calls(check, reads))}")
    else:
        lines.append(f"Answered by a statement: eks-readiness attest {check.id}")
    return "\n".join(lines) + "\n"


def checks_document(checklist: Checklist, policy: Policy, reads: Reads) -> str:
    """The document docs/checks.md."""
    return "\n".join(_document(checklist, policy, reads)) + "\n"


def _document(checklist: Checklist, policy: Policy, reads: Reads) -> Iterator[str]:
    yield "# Checks"
    yield ""
    yield "Made by `eks-readiness checks --output markdown`; a test compares it with the code."
    yield ""
    yield (
        f"{len(checklist)} checks answer {len({check.item for check in checklist})} of {len(checklist.items)} items; "
        "the others are answered by an attestation of the item (`eks-readiness attest <item>`), and are unknown "
        "without one."
    )
    for item in checklist.items:
        mine = [check for check in checklist if check.item == item.id]
        if not mine:
            continue
        yield from ("", f"## {item.title}", "", f"`{item.id}`, required from level {required_from(item, policy)}.", "")
        yield from ("| Check | | Holds when | Read with |", "|---|---|---|---|")
        for check in mine:
            calls = ", ".join(f"`{call}`" for call in _calls(check, reads)) or "attestation"
            statement = check.statement.replace("|", "\\|")
            kind = "R" if check.required else "A"
            yield f"| `{check.id}` | {kind} | {statement} [source]({check.source}) | {calls} |"
    yield from ("", "R: required, the item is satisfied only if it holds. A: advisory, it counts in the score alone.")
    yield from ("", "## Thresholds", "")
    yield from threshold_table(checklist, policy)
    yield from ("", "Set them for the fleet under `thresholds:` in eks-readiness.yaml, for one cluster with")
    yield '`eks-readiness clusters register <arn> --policy <file>`; the file is JSON, like `{"min_zones": 3}`.'
