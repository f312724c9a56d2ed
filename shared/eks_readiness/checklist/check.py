"""How a check is declared: a pure function over the evidence that it names.

    @check("storage.classes-encrypted", needs=(StorageClasses, if_available(EbsEncryptionDefault)), required=True)
    def every_ebs_class_encrypts(classes: StorageClasses, default: EbsEncryptionDefault | Unavailable, policy: Policy)
            -> Verdict | Unavailable:
        '''Every EBS StorageClass encrypts its volumes, or the account encrypts by default. …'''

The engine calls it with the slices in the order of `needs` and the policy last. Without a slice that is plainly needed
it is not called at all: the answer is `unknown`. A slice under `if_available` may arrive as `Unavailable`: the check
decides what it can, and returns that `Unavailable` when it cannot do without. mypy rejects a function whose parameters
differ from `needs`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar, cast, overload

import msgspec

from eks_readiness.domain.evidence import Slice, Unavailable
from eks_readiness.domain.finding import CheckId, Verdict
from eks_readiness.domain.item import ItemId
from eks_readiness.domain.policy import Policy

Answer = Verdict | Unavailable
Stated = Literal["pass", "not_applicable"]
Within = Callable[[Policy], float]
S = TypeVar("S", bound=Slice)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")


class Tolerated(msgspec.Struct, frozen=True):
    """A slice that a check can do without."""

    kind: type[Slice]


def if_available(kind: type[S]) -> type[S | Unavailable]:
    """Ask for a slice that the check can do without: it arrives as the slice, or as `Unavailable`."""
    # Told to the type checker as the union that arrives; at run time a mark that the engine understands.
    return cast("type[S | Unavailable]", Tolerated(kind))


class Check:
    """One declared check: its id, what it needs, its text, and the rule itself.

    Calling it judges slices directly. `statement_within_days` is set for a check that a dated statement may answer, and
    gives the age up to which it counts: instead of a probe where there is no `rule`, or where the probe does not pass.
    `stated` is what such a statement makes of it.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that a declaration says
        self,
        identifier: str,
        *,
        required: bool,
        needs: tuple[type[Slice] | Tolerated, ...],
        doc: str,
        rule: Callable[..., Answer] | None,
        module: str,
        statement_within_days: Within | None = None,
        stated: Stated = "pass",
    ) -> None:
        self.id: Final = CheckId(identifier)
        self.item: Final = ItemId(identifier.partition(".")[0])
        self.required: Final = required
        self.needs: Final = needs
        self.doc: Final = inspect.cleandoc(doc)
        self.rule: Final = rule
        self.module: Final = module
        self.statement_within_days: Final = statement_within_days
        self.stated: Final[Stated] = stated

    @property
    def statement(self) -> str:
        """The first line of its text: what holds when it passes."""
        return self.doc.partition("\n")[0]

    @property
    def source(self) -> str:
        """The address after `Source:` in its text; the first one where it names several."""
        return self._paragraph("Source").partition(" ")[0].rstrip(",")

    @property
    def fix(self) -> str:
        """How to make it pass, in words: the text after `Fix:`."""
        return self._paragraph("Fix")

    def _paragraph(self, label: str) -> str:
        """The text after a label, up to the next label or an empty line, as one line."""
        found = re.search(rf"(?ms)^{label}:(.*?)(?=^(?:Not applicable when|Why|Fix|Source):|^$|\Z)", self.doc)
        return " ".join(found[1].split()) if found else ""

    @property
    def kinds(self) -> tuple[type[Slice], ...]:
        """Every kind of evidence that it looks at."""
        return tuple(need.kind if isinstance(need, Tolerated) else need for need in self.needs)

    def __call__(self, *slices_and_policy: object) -> Answer:
        """Judge slices, in the order of `needs`, with the policy last."""
        if self.rule is None:
            message = f"{self.id} is answered by a statement, not by evidence"
            raise TypeError(message)
        return self.rule(*slices_and_policy)

    def __repr__(self) -> str:
        return f"<check {self.id}>"


Declared = Callable[[Callable[..., Answer]], Check]


@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, Policy], Answer]], Check]: ...
@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A], type[B]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, B, Policy], Answer]], Check]: ...
@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A], type[B], type[C]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, B, C, Policy], Answer]], Check]: ...
@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A], type[B], type[C], type[D]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, B, C, D, Policy], Answer]], Check]: ...
@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A], type[B], type[C], type[D], type[E]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, B, C, D, E, Policy], Answer]], Check]: ...
@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A], type[B], type[C], type[D], type[E], type[F]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, B, C, D, E, F, Policy], Answer]], Check]: ...
@overload
def check(
    identifier: str,
    *,
    needs: tuple[type[A], type[B], type[C], type[D], type[E], type[F], type[G]],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Callable[[Callable[[A, B, C, D, E, F, G, Policy], Answer]], Check]: ...
def check(
    identifier: str,
    *,
    needs: tuple[Any, ...],
    required: bool,
    or_attested: Within | None = None,
    stated: Stated = "pass",
) -> Any:
    """Declare a check. It registers nothing: `collect` gathers the checks of the modules that are named to it.

    With `or_attested` a valid statement about the check or its item, not older than that many days, answers it where
    the evidence does not: `pass`, or `not_applicable` where the statement is a decision to do without. A `final`
    verdict stands.

    Its docstring is what `eks-readiness explain` prints: first line the statement, then `Not applicable when:` (where
    claimed), `Why:`, `Fix:` and `Source:` lines.
    """

    def declare(rule: Callable[..., Answer]) -> Check:
        return Check(
            identifier,
            required=required,
            needs=needs,
            doc=rule.__doc__ or "",
            rule=rule,
            module=rule.__module__,
            statement_within_days=or_attested,
            stated=stated,
        )

    return declare


def attested(identifier: str, *, required: bool, within_days: Within, doc: str, module: str) -> Check:
    """Declare a check that a dated statement of a person or a pipeline answers; `module` is the caller's `__name__`."""
    return Check(
        identifier,
        required=required,
        needs=(),
        doc=doc,
        rule=None,
        module=module,
        statement_within_days=within_days,
    )
