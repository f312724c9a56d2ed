"""The documents that statements point to, as far as they can be looked at."""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Slice, Unavailable

DocumentState = Literal["unchanged", "found", "changed", "missing"]
MAX_DOCUMENTS = 100
"""Documents that one scan looks at; more statements than that are about few items many times."""


class StatedDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One document, by the address in the statement.

    unchanged: it is what was attested · found: it is there, and the statement does not say in which version ·
    changed: another version or content is there now · missing: nothing is there.
    """

    uri: str
    state: DocumentState | Unavailable


class StatedDocuments(Slice, frozen=True, kw_only=True):
    """s3:HeadObject and ssm:DescribeDocument of each address that statements about this cluster name."""

    documents: tuple[StatedDocument, ...] = ()
