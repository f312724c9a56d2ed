"""What AWS knows of an organisation's processes."""

from __future__ import annotations

from eks_readiness.domain.evidence.slice import Slice


class IncidentTooling(Slice, frozen=True, kw_only=True):
    """AWS Systems Manager Incident Manager: how many response plans and on-call schedules there are."""

    response_plans: int = 0
    on_call_schedules: int = 0


class CodeScanning(Slice, frozen=True, kw_only=True):
    """inspector2:BatchGetAccountStatus: which kinds of code Amazon Inspector scans in this account and region."""

    code_repositories: bool = False
    function_code: bool = False
