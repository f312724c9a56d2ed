"""Incident Manager and Amazon Inspector: tools behind processes."""

from __future__ import annotations

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import RefusedRequest, UnexpectedAnswer
from eks_readiness.domain.evidence import CodeScanning, IncidentTooling


def read_incident_tooling(aws: AwsReader, gathered: Gathered) -> IncidentTooling:
    """How many response plans and on-call schedules there are; none where Incident Manager was never set up."""
    return IncidentTooling(
        observed_at=gathered.observed_at,
        source="ssm-incidents:ListResponsePlans, ssm-contacts:ListContacts",
        response_plans=_count(aws, "ssm-incidents", "ListResponsePlans", "responsePlanSummaries"),
        on_call_schedules=_count(aws, "ssm-contacts", "ListContacts", "Contacts", Type="ONCALL_SCHEDULE"),
    )


def _count(aws: AwsReader, service: str, operation: str, key: str, **parameters: str) -> int:
    try:
        return sum(1 for _ in aws.pages(service, operation, key, **parameters))
    except RefusedRequest as error:
        # "… set up Incident Manager …": not set up is not denied.
        if "set up" in str(error).lower():
            return 0
        raise


def read_code_scanning(aws: AwsReader, gathered: Gathered) -> CodeScanning:
    """Which kinds of code Amazon Inspector scans here."""
    account = gathered.cluster.account
    answer = aws.read("inspector2", "BatchGetAccountStatus", accountIds=[account])
    mine = next((each for each in answer.get("accounts") or () if each.get("accountId") == account), None)
    if mine is None:
        raise UnexpectedAnswer(f"inspector2:BatchGetAccountStatus says nothing about account {account}")
    states = mine.get("resourceState") or {}
    return CodeScanning(
        observed_at=gathered.observed_at,
        source="inspector2:BatchGetAccountStatus",
        code_repositories=(states.get("codeRepository") or {}).get("status") == "ENABLED",
        function_code=(states.get("lambdaCode") or {}).get("status") == "ENABLED",
    )


PROBES = (
    AwsProbe(
        provides=IncidentTooling,
        actions=("ssm-incidents:ListResponsePlans", "ssm-contacts:ListContacts"),
        read=read_incident_tooling,
    ),
    AwsProbe(provides=CodeScanning, actions=("inspector2:BatchGetAccountStatus",), read=read_code_scanning),
)
"""What this module gathers."""
