"""Record attestations: dated statements of people that items or checks hold."""

from __future__ import annotations

from collections.abc import Sequence

from eks_readiness.checklist import Checklist
from eks_readiness.domain.attestation import EVERY_CLUSTER, Attestation, Waiver
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError
from eks_readiness.ports import ClusterRegistry, Ledger


def record_attestations(attestations: Sequence[Attestation], *, ledger: Ledger, checklist: Checklist) -> None:
    """Record attestations; when one of them is wrong, none is recorded.

    Raises:
        InputError: an unknown subject, a cluster that is not registered, an expiry that is not after the issue, or two
            statements about one subject at one instant.
        StoreError: they could not be written. Up to 100 are written as a whole; of more, the first hundreds may have
            been, and recording all of them again is harmless.
    """
    subjects = checklist.subjects
    seen: set[tuple[str, str, object]] = set()
    for each in attestations:
        require_sound(each, each.subject, subjects, ledger.registry)
        if (identity := (each.cluster, each.subject, each.issued_at)) in seen:
            raise InputError(f"two attestations of {each.subject} for {each.cluster} at {each.issued_at.isoformat()}")
        seen.add(identity)
    ledger.statements.attest(attestations)


def require_sound(
    statement: Attestation | Waiver, subject: str, subjects: frozenset[str], registry: ClusterRegistry
) -> None:
    """Make sure that a statement can ever count.

    Raises:
        InputError: it cannot; the message says why.
    """
    if subject not in subjects:
        raise InputError(f"no item or check is called {subject!r}", remedy="see: eks-readiness checks")
    if statement.expires_at <= statement.issued_at:
        raise InputError(
            f"the statement about {subject} would expire before it is made: {statement.expires_at.isoformat()}",
            remedy="give a later date",
        )
    if statement.cluster == EVERY_CLUSTER:
        return
    cluster = ClusterRef.parse(statement.cluster)
    if registry.registration(cluster.arn) is None:
        raise InputError(
            f"{cluster} is not registered", remedy=f"register it first: eks-readiness clusters register {cluster.arn}"
        )
