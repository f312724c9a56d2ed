"""Every threshold is told with its unit and with the checks that judge by it."""

from __future__ import annotations

import re

from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.policy import THRESHOLDS, Policy
from eks_readiness.reports.threshold_catalogue import thresholds, thresholds_of, unit_of

ALL = {each.name: each for each in thresholds(CHECKLIST, Policy())}


def test_each_threshold_has_a_meaning_and_a_unit() -> None:
    """Without its unit nobody can set one."""
    assert set(ALL) == THRESHOLDS
    assert not [name for name, each in ALL.items() if not each.meaning or each.unit == "number"]
    assert unit_of("max_backup_age_hours") == "hours"
    assert unit_of("min_certificate_days_left") == "days"
    assert unit_of("min_zones") == "zones"


def test_a_check_tells_each_threshold_that_it_reads() -> None:
    """What its text names is what its rule reads: neither more nor less."""
    for check in CHECKLIST:
        named = {word for word in re.findall(r"`(\w+)`", check.doc) if word in THRESHOLDS}
        assert named <= thresholds_of(check), check.id


def test_thresholds_are_found_where_they_are_read() -> None:
    """By the rule itself, by what it calls, by what says how old a statement may be."""
    assert ALL["min_zones"].used_by == ("vpc-networking.zones",)
    assert "backup-restore.coverage" in ALL["exempt_namespaces"].used_by
    assert {"pod-security.enforced", "pod-security.no-privileged"} <= set(ALL["exempt_namespaces"].used_by)
    assert {"network-policies.default-deny", "network-policies.egress"} <= set(ALL["exempt_namespaces"].used_by)
    assert "cluster-upgrades.procedure" in ALL["procedure_max_age_days"].used_by
    assert ALL["improve_after_scans"].used_by == ()
