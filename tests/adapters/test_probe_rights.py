"""A probe reads what it declares, and declares what it reads: from that the IAM policy and the ClusterRole are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import pytest

from eks_readiness.adapters.collect import collect_evidence
from eks_readiness.adapters.probe import (
    AwsProbe,
    AwsReader,
    Gathered,
    Kind,
    KubernetesProbe,
    KubernetesReader,
)
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.checklist.shipped import CHECKLIST
from eks_readiness.domain.errors import ProbeError
from eks_readiness.domain.evidence import Slice, StatedDocuments
from tests.cases.case import case_book
from tests.doubles.memory import MemoryAws, memory_kubernetes
from tests.doubles.scenario import Scenario, load_scenario

T = TypeVar("T")
PREFIXES = {
    "accessanalyzer": "access-analyzer",
    "amp": "aps",
    "application-signals": "application-signals",
    "bcm-data-exports": "bcm-data-exports",
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
}
"""boto3's name of a service → the prefix of its IAM actions, where they differ."""
ACTIONS = {
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "cur:DescribeReportDefinitions": "cur:DescribeReportDefinitions",
    "s3:HeadObject": "s3:GetObject",
}
"""Operations whose IAM action has another name."""
ANYWHERE = {
    # A Role in a namespace that is not there could not be applied: the ClusterRole names the one object.
    "aws-logging",
}
INSTEAD = {"crd.projectcalico.org": "projectcalico.org"}
"""Groups of which a cluster may have the kinds in another one alone: that one is read where it has them."""
NEVER_CALLED = {
    # S3 tells a missing object from a forbidden one only to a caller who may list the bucket.
    "s3:ListBucket",
}


def action_of(service: str, operation: str) -> str:
    """The IAM action that allows an operation.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    action = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(action, action)


class _Aws:
    """Notes which actions one probe uses."""

    def __init__(self, aws: AwsReader, used: set[str]) -> None:
        self._aws, self._used = aws, used

    def read(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self._used.add(action_of(service, operation))
        return self._aws.read(service, operation, **parameters)

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        self._used.add(action_of(service, operation))
        return self._aws.pages(service, operation, key, **parameters)

    def read_each(
        self, service: str, operation: str, each: Sequence[Mapping[str, Any]], /
    ) -> list[dict[str, Any] | ProbeError]:
        if each:
            self._used.add(action_of(service, operation))
        return self._aws.read_each(service, operation, each)


class _Kubernetes:
    """Notes what one probe lists and gets, in a cluster where every kind is installed, if only with no objects."""

    def __init__(self, api: KubernetesReader, used: set[str]) -> None:
        self._api, self._used = api, used

    def serves(self, kind: Kind) -> str | None:
        elsewhere = kind.group in INSTEAD and self._api.kinds(INSTEAD[kind.group])
        return self._api.serves(kind) or (None if elsewhere else kind.versions[0])

    def kinds(self, group: str) -> tuple[Kind, ...]:
        return self._api.kinds(group)

    def items(
        self,
        kind: Kind,
        item: type[T],
        /,
        *,
        metadata_only: bool = False,
        resource_version: str = "",
    ) -> Iterator[T]:
        self._used.add(f"list {kind.resource}.{kind.group}")
        return self._api.items(kind, item, metadata_only=metadata_only, resource_version=resource_version)

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        self._used.add(f"get configmaps {'' if name in ANYWHERE else namespace}/{name}")
        return self._api.config_map(namespace, name)


Used = dict[type[Slice], set[str]]


def _gather(scenario: Scenario, used: Used, documents: Sequence[str]) -> None:
    def aws_probe(probe: AwsProbe) -> AwsProbe:
        def read(aws: AwsReader, gathered: Gathered) -> Slice:
            return probe.read(_Aws(aws, used[probe.provides]), gathered)

        return msgspec.structs.replace(probe, read=read)

    def kubernetes_probe(probe: KubernetesProbe) -> KubernetesProbe:
        def read(api: KubernetesReader, gathered: Gathered) -> Slice:
            return probe.read(_Kubernetes(api, used[probe.provides]), gathered)

        return msgspec.structs.replace(probe, read=read)

    collect_evidence(
        scenario.cluster,
        aws=MemoryAws(scenario),
        connect=lambda: memory_kubernetes(scenario),
        aws_probes=[aws_probe(probe) for probe in AWS_PROBES],
        kubernetes_probes=[kubernetes_probe(probe) for probe in KUBERNETES_PROBES],
        observed_at=scenario.now,
        seconds=60,
        documents=documents,
    )


def _declared() -> Used:
    declared: Used = {probe.provides: {*probe.actions, *probe.opt_in} - NEVER_CALLED for probe in AWS_PROBES}
    for probe in KUBERNETES_PROBES:
        declared[probe.provides] = {said for right in probe.rights for said in _said(right)}
    return declared


def _said(right: Any) -> Iterator[str]:
    for verb in right.verbs:
        if right.names:
            yield from (f"{verb} {right.resource} {right.namespace}/{name}" for name in right.names)
        else:
            yield f"{verb} {right.resource}.{right.group}"


@pytest.fixture(scope="module")
def used() -> Used:
    """What each probe used on the scenarios, and on the cases of its checks until it leaves nothing unused."""
    used: Used = defaultdict(set)
    for base in ("prod", "auto", "bare"):
        _gather(load_scenario(base), used, ())
    declared = _declared()
    for case in case_book():
        judged = CHECKLIST.check(case.check)
        assert judged is not None
        documents = [each.evidence_uri for each in case.attestations if each.evidence_uri]
        kinds: set[type[Slice]] = {*judged.kinds, *([StatedDocuments] if documents else [])}
        if any(declared.get(kind, set()) - used[kind] for kind in kinds):
            _gather(case.scenario(), used, documents)
    return used


@pytest.mark.parametrize("probe", AWS_PROBES, ids=lambda probe: probe.provides.__name__)
def test_an_aws_probe_calls_what_it_declares(probe: AwsProbe, used: Used) -> None:
    """A call without its right would be denied for ever; a right without a call is one too many."""
    assert used[probe.provides] == _declared()[probe.provides]


@pytest.mark.parametrize("probe", KUBERNETES_PROBES, ids=lambda probe: probe.provides.__name__)
def test_a_kubernetes_probe_reads_what_it_declares(probe: KubernetesProbe, used: Used) -> None:
    """The same in the cluster; Gatekeeper's kinds are made at run time, their right is a wildcard."""
    declared, read = _declared()[probe.provides], used[probe.provides]
    wild = {each.rpartition(" ")[2].removeprefix("*") for each in declared if " *." in each}
    plain = {each for each in read if not any(each.endswith(group) for group in wild)}
    assert plain == {each for each in declared if " *." not in each}
    assert len(plain) < len(read) or not wild
