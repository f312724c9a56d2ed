"""Lists of AWS that take many calls: one for each of many things, or one for each batch of ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_readiness.adapters.probe import AwsReader
from eks_readiness.domain.errors import ProbeError, UnexpectedAnswer

_PAGES = 100
"""Pages of one call, at most: no list that is asked for here is as long."""
_BATCH = 200
"""Values that one filter of EC2 takes.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html
"""
_TOKENS = {"elbv2": ("NextMarker", "Marker"), "events": ("NextToken", "NextToken")}
"""How a service calls the token in an answer, and in the call for the next page."""


def every_page(
    aws: AwsReader, service: str, operation: str, key: str, calls: Sequence[Mapping[str, Any]]
) -> list[list[dict[str, Any]] | ProbeError]:
    """The elements under `key` of many calls side by side, each over all its pages."""
    given, taken = _TOKENS.get(service, ("nextToken", "nextToken"))
    found: list[list[dict[str, Any]] | ProbeError] = [[] for _ in calls]
    waiting = [(position, dict(parameters)) for position, parameters in enumerate(calls)]
    for _ in range(_PAGES):
        answers = aws.read_each(service, operation, [parameters for _, parameters in waiting])
        following: list[tuple[int, dict[str, Any]]] = []
        for (position, parameters), answer in zip(waiting, answers, strict=True):
            so_far = found[position]
            if isinstance(answer, ProbeError) or isinstance(so_far, ProbeError):
                found[position] = answer if isinstance(answer, ProbeError) else so_far
                continue
            so_far += answer.get(key) or ()
            if token := answer.get(given):
                following.append((position, {**parameters, taken: token}))
        waiting = following
        if not waiting:
            return found
    raise UnexpectedAnswer(f"{service}:{operation}: the list did not end after {_PAGES} pages")


def by_filter(
    aws: AwsReader, operation: str, name: str, wanted: Sequence[str], **parameters: Any
) -> Iterator[dict[str, Any]]:
    """What EC2 describes, by a filter for ids: asked for the ids themselves, one that is gone would refuse the call."""
    key = operation.removeprefix("Describe")
    for start in range(0, len(wanted), _BATCH):
        filters = [{"Name": name, "Values": list(wanted[start : start + _BATCH])}]
        yield from aws.pages("ec2", operation, key, Filters=filters, **parameters)
