"""Experiments of AWS Fault Injection Service that hit the cluster.

Source: https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#eks-actions-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_readiness.adapters.aws_tags import CLUSTER_TAG, names
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.adapters.samples import Names
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import ProbeError, RefusedRequest, bounded
from eks_readiness.domain.evidence import FaultInjection
from eks_readiness.domain.evidence.experiments import ChaosRun

CAP = 40
"""Experiments that are looked at, newest first. FIS keeps them for 120 days."""
_NEVER_RAN = frozenset({"pending", "initiating", "cancelled"})
# Tags that EKS, Karpenter and Auto Mode put on the instances of a cluster.
_INSTANCE_TAGS = ("eks:cluster-name", "aws:eks:cluster-name", "eks:eks-cluster-name", "alpha.eksctl.io/cluster-name")
_OWNED_TAG = "kubernetes.io/cluster/"
_GONE = "ResourceNotFoundException"


def read_experiments(aws: AwsReader, gathered: Gathered) -> FaultInjection:
    """The newest completed experiment that hit this cluster."""
    listed = [
        each
        for each in aws.pages("fis", "ListExperiments", "experiments")
        if _status(each) not in _NEVER_RAN and each.get("creationTime")
    ]
    listed.sort(key=lambda each: each["creationTime"], reverse=True)
    cluster = gathered.cluster
    newest: ChaosRun | None = None
    unfinished, unrelated = Names(), 0
    tags = _Tags(aws, cluster)
    for answer in aws.read_each("fis", "GetExperiment", [{"id": each["id"]} for each in listed[:CAP]]):
        if isinstance(answer, RefusedRequest) and answer.code == _GONE:
            continue
        if isinstance(answer, ProbeError):
            raise answer
        experiment = answer["experiment"]
        if not _hits(experiment, cluster, tags):
            unrelated += 1
        elif (why := _not_completed(experiment, cluster, tags)) is not None:
            unfinished.add(f"{experiment['id']}: {why}")
        else:
            run = ChaosRun(name=f"FIS {experiment['id']}", completed_at=experiment["endTime"])
            newest = run if newest is None or run.completed_at > newest.completed_at else newest
    return FaultInjection(
        observed_at=gathered.observed_at,
        source="fis:ListExperiments, fis:GetExperiment",
        newest=newest,
        unfinished=unfinished.sample(),
        unrelated=unrelated,
        beyond_cap=max(0, len(listed) - CAP),
    )


class _Tags:
    """The cluster's own tags, read when an experiment chooses clusters by tag."""

    def __init__(self, aws: AwsReader, cluster: ClusterRef) -> None:
        self._aws = aws
        self._arn = cluster.arn
        self._known: Mapping[str, str] | None = None

    def contain(self, wanted: Mapping[str, str]) -> bool:
        """Whether the cluster has all of these tags."""
        if self._known is None:
            self._known = self._aws.read("eks", "ListTagsForResource", resourceArn=self._arn).get("tags") or {}
        return bool(wanted) and wanted.items() <= self._known.items()


def _status(found: Mapping[str, Any]) -> str:
    return (found.get("state") or {}).get("status") or ""


def _hits(experiment: Mapping[str, Any], cluster: ClusterRef, tags: _Tags) -> bool:
    """Whether it names this cluster: in its own tag, or in one of its targets."""
    return names((experiment.get("tags") or {}).get(CLUSTER_TAG, ""), cluster) or bool(
        _targets(experiment, cluster, tags)
    )


def _targets(experiment: Mapping[str, Any], cluster: ClusterRef, tags: _Tags) -> set[str]:
    return {name for name, target in (experiment.get("targets") or {}).items() if _is_of_cluster(target, cluster, tags)}


def _is_of_cluster(target: Mapping[str, Any], cluster: ClusterRef, tags: _Tags) -> bool:
    kind, arns = target.get("resourceType") or "", target.get("resourceArns") or ()
    wanted = target.get("resourceTags") or {}
    if kind == "aws:eks:pod":
        return (target.get("parameters") or {}).get("clusterIdentifier") in (cluster.name, cluster.arn)
    if kind == "aws:eks:cluster":
        return cluster.arn in arns or tags.contain(wanted)
    if kind == "aws:eks:nodegroup":
        own = cluster.arn.replace(":cluster/", ":nodegroup/") + "/"
        return any(arn.startswith(own) for arn in arns) or _by_tag(wanted, cluster)
    return _by_tag(wanted, cluster)


def _by_tag(wanted: Mapping[str, str], cluster: ClusterRef) -> bool:
    return f"{_OWNED_TAG}{cluster.name}" in wanted or any(wanted.get(tag) == cluster.name for tag in _INSTANCE_TAGS)


def _not_completed(experiment: Mapping[str, Any], cluster: ClusterRef, tags: _Tags) -> str | None:
    """Why it does not count, or None."""
    state = experiment.get("state") or {}
    if state.get("status") != "completed" or not experiment.get("endTime"):
        return bounded(f"{state.get('status') or 'unknown'} {state.get('reason') or ''}", 150)
    if (experiment.get("experimentOptions") or {}).get("actionsMode") == "skip-all":
        return "a preview that ran no action"
    ours = _targets(experiment, cluster, tags)
    actions = (experiment.get("actions") or {}).values()
    about = [each for each in actions if not ours or ours & set((each.get("targets") or {}).values())]
    if not any(_status(each) == "completed" for each in about):
        return "none of its actions on the cluster was completed"
    return None


PROBES = (
    AwsProbe(
        provides=FaultInjection,
        actions=("fis:ListExperiments", "fis:GetExperiment", "eks:ListTagsForResource"),
        read=read_experiments,
    ),
)
"""What this module gathers."""
