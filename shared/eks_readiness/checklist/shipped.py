"""The checklist that the product ships: every declared check, and the items that only statements answer yet."""

from __future__ import annotations

from eks_readiness.checklist import collect
from eks_readiness.checklist.extensions import backup_restore
from eks_readiness.checklist.items import ITEMS
from eks_readiness.checklist.security import network_policies, pod_security

MODULES = (
    backup_restore,
    pod_security,
    network_policies,
)
"""One module for each item that is probed."""

_PROBED = frozenset({"backup-restore", "pod-security", "network-policies"})
ATTESTED_ITEMS = frozenset(item.id for item in ITEMS if item.id not in _PROBED)
"""Items that no probe looks at yet: a statement about the item itself answers them, otherwise they are unknown."""

CHECKLIST = collect(*MODULES, attested_items=ATTESTED_ITEMS)
"""Every check, in checklist order."""
