"""Every threshold of the policy: what it means, its unit and default, and which checks judge by it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType

import msgspec

from eks_readiness.checklist import Checklist
from eks_readiness.checklist.check import Check
from eks_readiness.domain.policy import THRESHOLDS, Policy

_UNITS = (
    ("_percent", "%"),
    ("_days", "days"),
    ("_hours", "hours"),
    ("_minutes", "minutes"),
    ("_intervals", "scan intervals"),
)
_COUNTED = {
    "min_zones": "zones",
    "min_free_control_plane_addresses": "addresses",
    "min_address_headroom": "addresses",
    "min_enforcing_policies": "policies",
    "min_alert_rules": "rules",
    "max_cluster_admins": "principals",
    "max_imds_hop_limit": "hops",
    "improve_after_scans": "scans",
    "max_level_events_per_day": "events",
    "accepted_os": "names",
    "automation_principals": "patterns",
    "exempt_namespaces": "patterns",
    "allow_extended_support": "yes or no",
    "level_rule": "name",
    "item_levels": "levels",
}
_OF_LEVELS = frozenset(
    {
        "expiry_notice_days",
        "improve_after_scans",
        "item_levels",
        "level_rule",
        "max_level_events_per_day",
        "stale_after_intervals",
    }
)
_OURS = "eks_readiness."


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold. `used_by` names the checks that judge by it; empty for one that no check reads."""

    name: str
    meaning: str
    unit: str
    default: str
    used_by: tuple[str, ...]


def thresholds(checklist: Checklist, policy: Policy) -> tuple[Threshold, ...]:
    """Every threshold, in the policy's order."""
    readers: dict[str, list[str]] = {}
    for check in checklist:
        for name in sorted(thresholds_of(check)):
            readers.setdefault(name, []).append(check.id)
    said = _meanings()
    return tuple(
        Threshold(
            name=name,
            meaning=said.get(name, ""),
            unit=unit_of(name),
            default=msgspec.json.encode(getattr(policy, name)).decode(),
            used_by=tuple(readers.get(name, ())),
        )
        for name in Policy.__struct_fields__
    )


def unit_of(name: str) -> str:
    """In what a threshold is counted."""
    return _COUNTED.get(name) or next((unit for part, unit in _UNITS if part in name), "number")


def thresholds_of(check: Check) -> frozenset[str]:
    """The thresholds that a check's rule reads, itself or by functions of ours that it calls."""
    rules: list[Callable[..., object]] = [each for each in (check.rule, check.statement_within_days) if each]
    found: set[str] = set()
    seen: set[CodeType] = set()
    for rule in rules:
        if isinstance(rule, FunctionType):
            found |= set(_read(rule.__code__, rule.__globals__, seen))
    return frozenset(found)


def _read(code: CodeType, names: Mapping[str, object], seen: set[CodeType]) -> Iterator[str]:
    if code in seen:
        return
    seen.add(code)
    yield from THRESHOLDS.intersection(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _read(constant, names, seen)
    for name in code.co_names:
        called = names.get(name)
        if isinstance(called, FunctionType) and called.__module__.startswith(_OURS):
            yield from _read(called.__code__, called.__globals__, seen)


@cache
def _meanings() -> Mapping[str, str]:
    """The first sentence or so under each field of the policy, which only its source holds."""
    try:
        (body,) = ast.parse(inspect.getsource(Policy)).body
    except (OSError, TypeError):  # no source here: then only names and units are told
        return {}
    found: dict[str, str] = {}
    field = ""
    for each in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            field = each.target.id
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) and field:
            found[field] = " ".join(str(each.value.value).partition("\n\n")[0].split())
    return found


def threshold_table(checklist: Checklist, policy: Policy) -> Iterator[str]:
    """All of it as a table of Markdown."""
    yield from ("| Threshold | Default | Unit | Meaning | Used by |", "|---|---|---|---|---|")
    for each in thresholds(checklist, policy):
        of_no_check = "levels and their announcement" if each.name in _OF_LEVELS else "no installed check"
        used = ", ".join(f"`{check}`" for check in each.used_by) or of_no_check
        meaning = each.meaning.replace("|", "\\|")
        yield f"| `{each.name}` | `{each.default}` | {each.unit} | {meaning} | {used} |"
