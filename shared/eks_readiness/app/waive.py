"""Waive a check: accept that it fails or is unknown, for a reason and until a date."""

from __future__ import annotations

from eks_readiness.app.record_attestation import require_sound
from eks_readiness.checklist import Checklist
from eks_readiness.domain.attestation import Waiver
from eks_readiness.ports import Ledger


def waive(waiver: Waiver, *, ledger: Ledger, checklist: Checklist) -> None:
    """Record a waiver; it replaces the one for the same check and scope.

    Raises:
        InputError: an unknown check or item, a cluster that is not registered, or an expiry that is not after the
            issue.
        StoreError: it could not be written.
    """
    require_sound(waiver, waiver.check, checklist.subjects, ledger.registry)
    ledger.statements.waive(waiver)
