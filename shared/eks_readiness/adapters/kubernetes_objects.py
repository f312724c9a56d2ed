"""Parts of Kubernetes objects that several probes decode: only the fields that they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite

import msgspec

_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))(?P<suffix>[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
_FACTORS = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{unit: 10.0 ** (3 * power) for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", start=1)},
}
_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<unit>h|ms|m|s|us|µs|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
Quantities = dict[str, str | int | float]
"""Amounts by resource, as Kubernetes writes them."""


class Named(msgspec.Struct, gc=False):
    """Of metadata: the name, and the namespace where there is one."""

    name: str = ""
    namespace: str = ""

    @property
    def where(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Requirement(msgspec.Struct, gc=False):
    """One matchExpressions element of a label selector."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class Selector(msgspec.Struct, gc=False, rename="camel"):
    """A label selector; an empty one selects everything."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[Requirement] | None = None

    @property
    def everything(self) -> bool:
        """Whether it selects everything."""
        return not self.match_labels and not self.match_expressions


class Condition(msgspec.Struct, gc=False):
    """One status condition."""

    type: str = ""
    status: str = ""


def selects(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes labels in; none at all takes everything in.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
    """
    if selector is None:
        return True
    if any(labels.get(key) != value for key, value in (selector.match_labels or {}).items()):
        return False
    for each in selector.match_expressions or ():
        value, values = labels.get(each.key), each.values or ()
        fits = {
            "In": value is not None and value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not fits.get(each.operator, False):
            return False
    return True


def quantities(amounts: Quantities | None) -> dict[str, float]:
    """Amounts as numbers, without those that are none."""
    return {name: amount for name, value in (amounts or {}).items() if (amount := quantity(value)) is not None}


def quantity(value: str | float) -> float | None:
    """A Kubernetes quantity as a number (cores, bytes, a count); None for what is none.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    if not isinstance(value, str):
        return float(value) if isfinite(value) else None
    # A cluster asks for the same few amounts in thousands of containers; what is longer is none of them.
    return _known_quantity(value) if len(value) <= _KNOWN_LENGTH else _quantity(value)


def _quantity(value: str) -> float | None:
    match = _QUANTITY.fullmatch(value.strip())
    if match is None:
        return None
    suffix = match["suffix"] or ""
    if suffix[1:] and suffix[0] in "eE" and suffix not in _FACTORS:
        amount = float(match["number"] + suffix)
    else:
        amount = float(match["number"]) * _FACTORS[suffix]
    return amount if isfinite(amount) else None


_KNOWN_LENGTH = 24
_known_quantity = lru_cache(maxsize=1024)(_quantity)


def duration_seconds(text: str) -> float:
    """A duration as Go writes it (1h0m0s) in seconds; 0 for what is none."""
    parts = list(_DURATION.finditer(text))
    if "".join(part[0] for part in parts) != text:
        return 0.0
    return min(sum(float(part["amount"]) * _SECONDS[part["unit"]] for part in parts), 1e9)
