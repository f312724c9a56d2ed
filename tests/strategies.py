"""Arbitrary values of the domain, built from the types themselves: a new field or slice is covered when it appears."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as types

from eks_readiness.checklist.items import ITEMS
from eks_readiness.domain.attestation import Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.evidence import SLICES, Evidence, Slice, Unavailable
from eks_readiness.domain.item import RequiredLevel
from eks_readiness.domain.policy import Policy
from eks_readiness.domain.scorecard import ItemState, ItemVerdict

T = TypeVar("T")

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
INSTANTS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2035, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


@functools.cache
def values_of(kind: type[T]) -> st.SearchStrategy[T]:
    """Arbitrary values of a msgspec struct that decoding would accept; made once, since a slice takes a while."""
    return _from(types.type_info(kind))


def _from(info: types.Type) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0912 - one line a type
    match info:
        case types.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: _from(field.type) for field in fields})
        case types.BoolType():
            return st.booleans()
        case types.IntType(ge=low, le=high):
            return st.integers(low if low is not None else -(2**53), high if high is not None else 2**53)
        case types.FloatType(ge=low, gt=above, le=high):
            bottom = low if low is not None else above
            return st.floats(bottom, high, exclude_min=above is not None, allow_nan=False, allow_infinity=False)
        case types.StrType(pattern=str(pattern)):
            return st.from_regex(pattern, fullmatch=True)
        case types.StrType(min_length=shortest):
            return TEXT.filter(lambda text: len(text) >= (shortest or 0))
        case types.DateTimeType():
            return INSTANTS
        case types.LiteralType(values=choices):
            return st.sampled_from(choices)
        case types.NoneType():
            return st.none()
        case types.UnionType(types=alternatives):
            return st.one_of([_from(each) for each in alternatives])
        case types.VarTupleType(item_type=element):
            return st.lists(_from(element), max_size=2).map(tuple)
        case types.TupleType(item_types=elements):
            return st.tuples(*(_from(each) for each in elements))
        case types.DictType(key_type=key, value_type=value):
            return st.dictionaries(_from(key), _from(value), max_size=2)
        case types.AnyType():
            return st.none() | st.booleans() | TEXT
        case _:
            message = f"no strategy for {info}: add one"
            raise TypeError(message)


_REGIONS = (("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-east-1"))
CLUSTERS = st.builds(
    lambda place, account, name: ClusterRef(partition=place[0], region=place[1], account=account, name=name),
    place=st.sampled_from(_REGIONS),
    account=st.from_regex(r"[0-9]{12}", fullmatch=True),
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
)


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    """Evidence of which any part may be observed, unavailable, or never asked for."""
    chosen = draw(st.sets(st.sampled_from(SLICES), max_size=4))
    slices: dict[type[Slice], Slice | Unavailable] = {
        kind: draw(st.one_of(values_of(kind), values_of(Unavailable))) for kind in chosen
    }
    return Evidence(cluster=draw(CLUSTERS), observed_at=draw(INSTANTS), slices=MappingProxyType(slices))


ITEM_LEVELS: st.SearchStrategy[dict[str, RequiredLevel]] = st.dictionaries(
    st.sampled_from([str(item.id) for item in ITEMS]), st.sampled_from([1, 2, 3]), max_size=5
)
POLICIES = st.builds(msgspec.structs.replace, values_of(Policy), item_levels=ITEM_LEVELS)
STATES: st.SearchStrategy[ItemVerdict] = st.sampled_from(["satisfied", "missing", "unknown", "not_covered"])


def statements(subjects: st.SearchStrategy[str]) -> st.SearchStrategy[list[Attestation]]:
    """Attestations of some subjects around `NOW`, valid or not."""
    one = st.builds(
        Attestation,
        subject=subjects,
        holds=st.booleans(),
        owner=st.sampled_from(["platform", "sre"]),
        issued_at=st.integers(-400, 5).map(lambda days: NOW + timedelta(days=days)),
        expires_at=st.integers(-5, 400).map(lambda days: NOW + timedelta(days=days)),
    )
    return st.lists(one, max_size=5)


def waivers(subjects: st.SearchStrategy[str]) -> st.SearchStrategy[list[Waiver]]:
    """Waivers of some subjects around `NOW`, valid or not."""
    one = st.builds(
        Waiver,
        check=subjects,
        owner=st.just("security"),
        reason=st.just("accepted until the migration"),
        issued_at=st.integers(-400, 5).map(lambda days: NOW + timedelta(days=days)),
        expires_at=st.integers(-5, 400).map(lambda days: NOW + timedelta(days=days)),
    )
    return st.lists(one, max_size=3)


@st.composite
def item_states(draw: st.DrawFn) -> tuple[ItemState, ...]:
    """A state for each of the 47 items."""
    verdicts = draw(st.lists(STATES, min_size=len(ITEMS), max_size=len(ITEMS)))
    return tuple(
        ItemState(
            item=item.id,
            title=item.title,
            category=item.category,
            priority=item.priority,
            required_from=item.seed_level,
            state=verdict,
        )
        for item, verdict in zip(ITEMS, verdicts, strict=True)
    )
