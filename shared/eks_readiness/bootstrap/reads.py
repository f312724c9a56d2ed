"""Which API calls stand behind each kind of evidence, as the probes declare them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from eks_readiness.adapters.probe import AwsProbe, KubernetesProbe, Right
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.domain.evidence import Slice

_CONNECTION = "eks:DescribeCluster"
"""Endpoint and certificate authority of the Kubernetes API come from it."""


@cache
def reads() -> Mapping[type[Slice], tuple[str, ...]]:
    """For each kind of evidence: IAM actions (`eks:DescribeCluster`), and rights in the cluster (`list pods`).

    What a probe builds on counts as well: without that it is not run.
    """
    probes: dict[type[Slice], AwsProbe | KubernetesProbe] = {probe.provides: probe for probe in AWS_PROBES}
    probes.update({probe.provides: probe for probe in KUBERNETES_PROBES})
    return MappingProxyType({kind: tuple(sorted(_reads(kind, probes))) for kind in probes})


def _reads(kind: type[Slice], probes: Mapping[type[Slice], AwsProbe | KubernetesProbe]) -> set[str]:
    probe = probes[kind]
    if isinstance(probe, AwsProbe):
        own = {*probe.actions, *probe.opt_in}
    else:
        own = {_CONNECTION, *(_said(right, verb) for right in probe.rights for verb in right.verbs)}
    return own.union(*(_reads(each, probes) for each in probe.after))


def _said(right: Right, verb: str) -> str:
    resource = f"{right.resource}.{right.group}" if right.group else right.resource
    where = f" {right.namespace}/" if right.namespace else ""
    return f"{verb} {resource}{where}{', '.join(right.names)}"
