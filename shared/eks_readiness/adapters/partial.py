"""Reads that may be refused without taking the rest of their slice with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from eks_readiness.domain.errors import AccessDenied, ProbeError
from eks_readiness.domain.evidence import Part, Unavailable

T = TypeVar("T")
P = TypeVar("P", bound=Part)


def unless_denied(read: Callable[[], T]) -> T | Unavailable:
    """What a read gives, or why it was not allowed. Every other error goes on: then nothing of the slice is certain."""
    try:
        return read()
    except AccessDenied as error:
        return Unavailable.because(error)


def unless_unreadable(read: Callable[[], T]) -> T | Unavailable:
    """What a read gives, or why it could not be had: for one of several services of which each tells for itself."""
    try:
        return read()
    except ProbeError as error:
        return Unavailable.because(error)


def part_unless_denied(kind: type[P], read: Callable[[], P]) -> P:
    """The same for a part that is a structure: an empty one says why it was not allowed."""
    found = unless_denied(read)
    return kind(unread=found) if isinstance(found, Unavailable) else found
