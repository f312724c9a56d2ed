"""Incident response: a plan with somebody on call."""

from __future__ import annotations

from eks_readiness.checklist.check import attested, check
from eks_readiness.domain.evidence import IncidentTooling
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

plan = attested(
    "incident-response.plan",
    required=True,
    within_days=lambda policy: policy.procedure_max_age_days,
    module=__name__,
    doc="""A response plan names who is on call, and was attested within `procedure_max_age_days` days.

    Why: in an outage nobody finds out who decides, who talks to users and where the runbooks are.
    Fix: write it down, rehearse it, then: eks-readiness attest incident-response.plan
    Source: https://docs.aws.amazon.com/wellarchitected/latest/framework/ops_event_response_event_incident_problem_process.html
    """,
)


@check("incident-response.tooling", needs=(IncidentTooling,), required=False)
def a_tool_calls_somebody(tooling: IncidentTooling, policy: Policy) -> Verdict:
    """Incident Manager has a response plan or an on-call schedule.

    Other tools for on-call are not seen.
    Why: a plan that a machine starts begins in minutes, also at night.
    Fix: aws ssm-incidents create-response-plan, or waive the check where another tool calls.
    Source: https://docs.aws.amazon.com/incident-manager/latest/userguide/response-plans.html
    """
    said = f"{tooling.response_plans} response plans, {tooling.on_call_schedules} on-call schedules"
    return passed(said) if tooling.response_plans or tooling.on_call_schedules else failed(said)
