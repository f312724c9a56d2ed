"""The CloudFormation stacks behind the cluster, and what AWS Config says of their drift.

Only what was found last is read: to look for drift anew needs rights on everything that a stack holds.
Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html,
https://docs.aws.amazon.com/config/latest/developerguide/cloudformation-stack-drift-detection-check.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_readiness.adapters.aws_compliance import recording
from eks_readiness.adapters.aws_tags import registered
from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import RefusedRequest
from eks_readiness.domain.evidence import ClusterConfiguration, ConfigRules, InfrastructureStacks, Unavailable
from eks_readiness.domain.evidence.delivery import Stack, StackCheck

CAP = 20
"""Registered stacks that are looked at."""
_DRIFT_RULE = "CLOUDFORMATION_STACK_DRIFT_DETECTION_CHECK"
_EKS = "AWS::EKS::"
_EKS_RULE = "EKS_"
_BATCH = 25
"""Rules that one call takes.

Source: https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeRemediationConfigurations.html
"""


def read_stacks(aws: AwsReader, gathered: Gathered) -> InfrastructureStacks:
    """The stack that made the cluster, and those registered for it."""
    own_id = gathered.get(ClusterConfiguration).stack_id
    own = unless_denied(lambda: _stack(aws, own_id)) if own_id else ()
    wanted = unless_denied(
        lambda: sorted({arn for arn in registered(aws, gathered.cluster, ["cloudformation:stack"]) if arn != own_id})
    )
    listed = [] if isinstance(wanted, Unavailable) else wanted
    return InfrastructureStacks(
        observed_at=gathered.observed_at,
        source="cloudformation:DescribeStacks, tag:GetResources",
        own=own,
        tagged=wanted
        if isinstance(wanted, Unavailable)
        else unless_denied(lambda: tuple(each for arn in listed[:CAP] for each in _stack(aws, arn))),
        beyond_cap=max(0, len(listed) - CAP),
    )


def _stack(aws: AwsReader, named: str) -> tuple[Stack, ...]:
    try:
        found = aws.read("cloudformation", "DescribeStacks", StackName=named).get("Stacks") or ()
    except RefusedRequest as error:
        # "Stack with id … does not exist": the tag outlived it.
        if error.code == "ValidationError":
            return ()
        raise
    if not found or found[0].get("StackStatus") == "DELETE_COMPLETE":
        return ()
    drift = found[0].get("DriftInformation") or {}
    return (
        Stack(
            id=found[0].get("StackId") or named,
            name=found[0].get("StackName") or named,
            drift=drift.get("StackDriftStatus") or "",
            checked_at=drift.get("LastCheckTimestamp"),
        ),
    )


def read_config_rules(aws: AwsReader, gathered: Gathered) -> ConfigRules:
    """What Config's drift rules say of the cluster's stacks, and which rules about EKS mend by themselves."""
    stacks = gathered.get(InfrastructureStacks)
    known = [each for each in (stacks.own, stacks.tagged) if not isinstance(each, Unavailable)]
    ids = {each.id for listed in known for each in listed}
    rules = list(aws.pages("config", "DescribeConfigRules", "ConfigRules"))
    drift_rules = [each["ConfigRuleName"] for each in rules if _identifier(each) == _DRIFT_RULE]
    about_eks = [each["ConfigRuleName"] for each in rules if _about_eks(each)]
    return ConfigRules(
        observed_at=gathered.observed_at,
        source="config:DescribeConfigRules, DescribeConfigurationRecorderStatus, GetComplianceDetailsByConfigRule, "
        "DescribeRemediationConfigurations",
        recording=unless_denied(lambda: recording(aws)),
        stack_checks=unless_denied(lambda: tuple(_stack_checks(aws, drift_rules, ids))),
        remediations=unless_denied(lambda: tuple(_remediations(aws, about_eks))),
    )


def _identifier(rule: Mapping[str, Any]) -> str:
    return (rule.get("Source") or {}).get("SourceIdentifier") or ""


def _about_eks(rule: Mapping[str, Any]) -> bool:
    types = (rule.get("Scope") or {}).get("ComplianceResourceTypes") or ()
    active = rule.get("ConfigRuleState") in ("ACTIVE", "EVALUATING")
    return active and (_identifier(rule).startswith(_EKS_RULE) or any(kind.startswith(_EKS) for kind in types))


def _stack_checks(aws: AwsReader, rules: Sequence[str], stacks: set[str]) -> Iterator[StackCheck]:
    if not stacks:
        return
    for rule in rules:
        results = aws.pages("config", "GetComplianceDetailsByConfigRule", "EvaluationResults", ConfigRuleName=rule)
        for each in results:
            qualifier = (each.get("EvaluationResultIdentifier") or {}).get("EvaluationResultQualifier") or {}
            at = each.get("ConfigRuleInvokedTime") or each.get("ResultRecordedTime")
            if qualifier.get("ResourceId") in stacks and at:
                yield StackCheck(
                    rule=rule, stack_id=qualifier["ResourceId"], compliance=each.get("ComplianceType") or "", at=at
                )


def _remediations(aws: AwsReader, rules: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(rules), _BATCH):
        names = list(rules[start : start + _BATCH])
        answer = aws.read("config", "DescribeRemediationConfigurations", ConfigRuleNames=names)
        for each in answer.get("RemediationConfigurations") or ():
            if each.get("Automatic") is True:
                yield f"{each['ConfigRuleName']} ({each.get('TargetId') or 'no document'})"


PROBES = (
    AwsProbe(
        provides=InfrastructureStacks,
        actions=("cloudformation:DescribeStacks", "tag:GetResources"),
        read=read_stacks,
        after=(ClusterConfiguration,),
    ),
    AwsProbe(
        provides=ConfigRules,
        actions=(
            "config:DescribeConfigRules",
            "config:DescribeConfigurationRecorderStatus",
            "config:GetComplianceDetailsByConfigRule",
            "config:DescribeRemediationConfigurations",
        ),
        read=read_config_rules,
        after=(InfrastructureStacks,),
    ),
)
"""What this module gathers."""
