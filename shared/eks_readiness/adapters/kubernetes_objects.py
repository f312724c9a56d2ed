"""Parts of Kubernetes objects that several probes decode: only the fields that they need."""

from __future__ import annotations

import msgspec


class Named(msgspec.Struct, gc=False):
    """Of metadata: the name, and the namespace where there is one."""

    name: str = ""
    namespace: str = ""


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
