"""Gathers what AWS knows of a cluster, by the product's probes of four services: aws_calls.py BUNDLE CLUSTER_ARN HOW.

HOW is `together`, as in a scan, or `sequential`: the same probes and calls, one after another.
"""

from __future__ import annotations

import json
import sys
import time

sys.path.insert(0, sys.argv[1])

from datetime import UTC, datetime

from eks_readiness.adapters import aws_api, collect
from eks_readiness.adapters.aws_session import SdkSession
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.probe import KubernetesReader
from eks_readiness.adapters.probes import AWS_PROBES
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import Unreachable

SERVICES = {"eks", "ec2", "iam", "autoscaling"}
"""Of these, 40 to 50 calls: what a scan of one cluster asked before it knew the other services."""
arn, how = sys.argv[2:]
if how == "sequential":
    collect._THREADS, aws_api.SHARE = 1, 0  # noqa: SLF001 - the same code, without its threads
cluster = ClusterRef.parse(arn)
clients = aws_api.AwsClients(SdkSession(), cluster.region)
probes = [each for each in AWS_PROBES if {action.partition(":")[0] for action in each.actions} <= SERVICES]
gathered = {each.provides for each in probes}
probes = [each for each in probes if set(each.after) <= gathered]


def connect() -> KubernetesReader:
    """Nobody asks the cluster itself here."""
    raise Unreachable("not asked")


def gather() -> float:
    """Gather once, as for a new scan; how long it took."""
    began = time.perf_counter()
    evidence = collect.collect_evidence(
        cluster,
        aws=aws_api.BotoAws(clients, Deadline(60)),
        connect=connect,
        aws_probes=probes,
        kubernetes_probes=(),
        observed_at=datetime.now(UTC),
        seconds=60,
    )
    assert not evidence.unavailable(), evidence.unavailable()
    return time.perf_counter() - began


gather()  # clients are made once, and connections kept: a warm function
print(json.dumps({"wall_s": gather(), "probes": len(probes)}))
