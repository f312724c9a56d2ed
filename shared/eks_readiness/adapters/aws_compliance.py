"""What Security Hub and AWS Config say about the cluster, and whether Audit Manager gathers evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest, bounded
from eks_readiness.domain.evidence import (
    MAX_SAMPLE,
    AuditAssessments,
    ConfigEvaluations,
    Sample,
    SecurityHub,
    Unavailable,
)
from eks_readiness.domain.evidence.compliance import Evaluation, Standard

# https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_Compliance.html; NOT_AVAILABLE judges nothing.
_JUDGED = frozenset({"PASSED", "FAILED", "WARNING"})
_MADE_BY_SECURITY_HUB = "securityhub-"
_RULES_AT_ONCE = 25


def read_security_hub(aws: AwsReader, gathered: Gathered) -> SecurityHub:
    """Security Hub's standards, and its findings about this cluster."""
    source = "securityhub:GetEnabledStandards, securityhub:GetFindings"
    try:
        standards = tuple(
            _standard(each) for each in aws.pages("securityhub", "GetEnabledStandards", "StandardsSubscriptions")
        )
    except RefusedRequest as error:
        if error.code == "InvalidAccessException":  # "… is not subscribed to AWS Security Hub": not set up
            return SecurityHub(observed_at=gathered.observed_at, source=source, enabled=False)
        raise
    found = unless_denied(lambda: _controls(_findings(aws, gathered.cluster.arn)))
    return SecurityHub(
        observed_at=gathered.observed_at,
        source=source,
        enabled=True,
        standards=standards,
        cluster=Evaluation() if isinstance(found, Unavailable) else found,
        unread=found if isinstance(found, Unavailable) else None,
    )


def _standard(found: Mapping[str, Any]) -> Standard:
    # arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/3.0.0
    name = found.get("StandardsArn", "").partition("/")[2].replace("/v/", " ")
    problem = (found.get("StandardsStatusReason") or {}).get("StatusReasonCode") or ""
    return Standard(name=bounded(name, 100), status=found.get("StandardsStatus") or "", problem=problem)


def _findings(aws: AwsReader, arn: str) -> Iterable[Mapping[str, Any]]:
    def equals(value: str) -> list[dict[str, str]]:
        return [{"Value": value, "Comparison": "EQUALS"}]

    # One finding for each control, or for each control and standard: there are a dozen controls of EKS.
    filters = {
        "ResourceType": equals("AwsEksCluster"),
        "ResourceId": equals(arn),
        "RecordState": equals("ACTIVE"),
        "ComplianceSecurityControlId": [{"Value": "EKS.", "Comparison": "PREFIX"}],
    }
    return aws.pages("securityhub", "GetFindings", "Findings", Filters=filters, MaxResults=100)


def _controls(findings: Iterable[Mapping[str, Any]]) -> Evaluation:
    judged: set[str] = set()
    failing: set[str] = set()
    critical: set[str] = set()
    newest: datetime | None = None
    for each in findings:
        compliance = each.get("Compliance") or {}
        control, status = compliance.get("SecurityControlId") or "", compliance.get("Status") or ""
        if status not in _JUDGED:
            continue
        judged.add(control)
        at = datetime.fromisoformat(each["UpdatedAt"])
        if at.tzinfo is None:
            raise ValueError(f"UpdatedAt of a finding has no offset: {bounded(each['UpdatedAt'], 40)}")
        newest = at if newest is None else max(newest, at)
        if status == "FAILED" and (each.get("Workflow") or {}).get("Status") != "SUPPRESSED":
            failing.add(control)
            if (each.get("Severity") or {}).get("Label") == "CRITICAL":
                critical.add(control)
    return Evaluation(
        controls=len(judged), failing=len(failing), rated=True, critical=sample(sorted(critical)), newest_at=newest
    )


def sample(names: Sequence[str]) -> Sample:
    """Names counted, the first of them kept."""
    return Sample(total=len(names), names=tuple(names[:MAX_SAMPLE]))


def read_config(aws: AwsReader, gathered: Gathered) -> ConfigEvaluations:
    """Whether Config records, and what its rules say about this cluster."""
    results = unless_denied(lambda: _results(aws, gathered.cluster.name))
    found: Mapping[str, Mapping[str, Any]] = {} if isinstance(results, Unavailable) else results
    return ConfigEvaluations(
        observed_at=gathered.observed_at,
        source="config:DescribeConfigurationRecorderStatus, config:GetComplianceDetailsByResource, "
        "config:DescribeConfigRuleEvaluationStatus",
        recording=unless_denied(lambda: recording(aws)),
        cluster=_judged(found.values()),
        unread=results if isinstance(results, Unavailable) else None,
        rules_ran_at=_last_run(aws, sorted(found)),
    )


def recording(aws: AwsReader) -> bool:
    """Whether a recorder of Config is on, and what it recorded last did not fail."""
    try:
        answer = aws.read("config", "DescribeConfigurationRecorderStatus")
    except RefusedRequest as error:
        if error.code == "NoSuchConfigurationRecorderException":
            return False
        raise
    return any(
        each.get("recording") and (each.get("lastStatus") or "").lower() != "failure"
        for each in answer.get("ConfigurationRecordersStatus") or ()
    )


def _results(aws: AwsReader, name: str) -> dict[str, Mapping[str, Any]]:
    """The result of each rule that judged the cluster, by the rule's name."""
    pages = aws.pages(
        "config",
        "GetComplianceDetailsByResource",
        "EvaluationResults",
        ResourceType="AWS::EKS::Cluster",
        ResourceId=name,
        ComplianceTypes=["COMPLIANT", "NON_COMPLIANT"],
    )
    found = {}
    for each in pages:
        qualifier = (each.get("EvaluationResultIdentifier") or {}).get("EvaluationResultQualifier") or {}
        rule = qualifier.get("ConfigRuleName") or ""
        if not rule.startswith(_MADE_BY_SECURITY_HUB):
            found[rule] = each
    return found


def _judged(results: Iterable[Mapping[str, Any]]) -> Evaluation:
    known = [each for each in results if each.get("ComplianceType") in ("COMPLIANT", "NON_COMPLIANT")]
    return Evaluation(
        controls=len(known),
        failing=sum(1 for each in known if each["ComplianceType"] == "NON_COMPLIANT"),
        newest_at=max((each["ResultRecordedTime"] for each in known if each.get("ResultRecordedTime")), default=None),
    )


def _last_run(aws: AwsReader, rules: Sequence[str]) -> datetime | Unavailable | None:
    """When one of the rules last ran without an error: a rule that waits for changes leaves old results standing."""
    batches = [rules[start : start + _RULES_AT_ONCE] for start in range(0, len(rules), _RULES_AT_ONCE)]
    answers = aws.read_each(
        "config", "DescribeConfigRuleEvaluationStatus", [{"ConfigRuleNames": list(batch)} for batch in batches]
    )
    times: list[datetime] = []
    for answer in answers:
        if isinstance(answer, AccessDenied | RefusedRequest):  # one rule deleted in between hides the others
            return Unavailable.because(answer)
        if isinstance(answer, ProbeError):
            raise answer
        states = answer.get("ConfigRulesEvaluationStatus") or ()
        times += [at for each in states if (at := each.get("LastSuccessfulEvaluationTime"))]
    return max(times, default=None)


def read_assessments(aws: AwsReader, gathered: Gathered) -> AuditAssessments:
    """How many assessments of Audit Manager are active; none where it was never set up."""
    try:
        # The SDK cannot turn these pages: the largest is asked for.
        listed = aws.pages("auditmanager", "ListAssessments", "assessmentMetadata", status="ACTIVE", maxResults=1000)
        active = sum(1 for _ in listed)
    except (AccessDenied, RefusedRequest) as error:
        # "Please complete AWS Audit Manager setup …" comes as AccessDeniedException: not set up is not denied.
        if "complete aws audit manager setup" not in str(error.args[0]).lower():
            raise
        active = 0
    return AuditAssessments(observed_at=gathered.observed_at, source="auditmanager:ListAssessments", active=active)


PROBES = (
    AwsProbe(
        provides=SecurityHub,
        actions=("securityhub:GetEnabledStandards", "securityhub:GetFindings"),
        read=read_security_hub,
    ),
    AwsProbe(
        provides=ConfigEvaluations,
        actions=(
            "config:DescribeConfigRuleEvaluationStatus",
            "config:DescribeConfigurationRecorderStatus",
            "config:GetComplianceDetailsByResource",
        ),
        read=read_config,
    ),
    AwsProbe(provides=AuditAssessments, actions=("auditmanager:ListAssessments",), read=read_assessments),
)
"""What this module gathers."""
