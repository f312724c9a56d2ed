"""Reads YAML that stands in objects of a cluster: text of unknown origin, so nothing of it may run, grow or recurse."""

from __future__ import annotations

import yaml

from eks_readiness.domain.errors import UnexpectedAnswer, bounded

MAX_CHARACTERS = 1_100_000
"""An object in Kubernetes holds at most 1 MiB."""
MAX_EVENTS = 500_000
MAX_DEPTH = 16

# Written in C where the wheel has it; of both, the loader that makes text, lists and mappings and nothing else.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def bounded_yaml(text: str, where: str) -> object:
    """One document as text, lists and mappings; None for an empty one.

    Raises:
        UnexpectedAnswer: it is not YAML, too large or deep, or uses anchors, which can multiply what they stand for.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnexpectedAnswer(f"{where}: more than {MAX_CHARACTERS} characters of YAML")
    try:
        _look_over(text, where)
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - makes text, lists and mappings alone
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise UnexpectedAnswer(f"{where}: not YAML that can be read: {bounded(str(error), 200)}") from error


def _look_over(text: str, where: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise UnexpectedAnswer(f"{where}: YAML aliases are not read")
        if count > MAX_EVENTS or depth > MAX_DEPTH:
            raise UnexpectedAnswer(f"{where}: YAML with too many or too deeply nested parts")
