"""Scans from a laptop: the user's AWS credentials and kubeconfig, and nothing deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.aws_eks import runs_elsewhere
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.evidence_source import ClusterEvidenceSource, Connect, EksConnection, authority_of
from eks_readiness.adapters.kubeconfig import KubeconfigConnection, load_context, require_cluster
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError, ProbeError, RefusedRequest
from eks_readiness.domain.evidence import Evidence, Slice, Unavailable
from eks_readiness.domain.ledger import Registration

OnProgress = Callable[[str], None]
_ASK_SECONDS = 30


def collect(  # noqa: PLR0913 - what a user may say about a cluster
    cluster: str,
    *,
    context: str | None,
    region: str | None,
    profile: str | None,
    seconds: float,
    documents: Sequence[str],
    on_progress: OnProgress,
) -> Evidence:
    """Gather all evidence of a cluster, named by its name or its ARN.

    With `context`, Kubernetes is reached as that context of the kubeconfig says; without, at the endpoint that EKS
    describes, signed in with the AWS credentials. `documents` are addresses in the statements that it will be judged
    with. `on_progress` hears a line about each piece of evidence.

    Raises:
        InputError: no region, no such cluster or context, a context that leads to another cluster, or a cluster that
            EKS does not run.
        Unauthenticated: the credentials are missing, wrong or expired.
    """
    named, clients = _found(cluster, region, profile)
    configuration = load_context(context) if context else None
    reference, described = _described(clients, named, cluster, seconds)
    connect: Connect = EksConnection(lambda _region: clients)
    if configuration is not None and context:
        if described is not None:
            endpoint = str(described.get("endpoint") or "")
            require_cluster(configuration, context, reference, endpoint=endpoint, authority=authority_of(described))
        connect = KubeconfigConnection(configuration)
    clock = SystemClock()
    source = ClusterEvidenceSource(lambda _region: clients, connect, clock, on_gathered=_telling(on_progress))
    registration = Registration(cluster=reference, registered_at=clock.now())
    return source.collect(registration, seconds=seconds, documents=documents)


def authentication_mode(cluster: str, *, region: str | None, profile: str | None) -> str:
    """How a cluster says who may enter: API, API_AND_CONFIG_MAP or CONFIG_MAP; empty where EKS does not tell.

    Raises:
        InputError: as `collect`.
        ProbeError: EKS cannot be asked.
    """
    named, clients = _found(cluster, region, profile)
    _, described = _described(clients, named, cluster, _ASK_SECONDS)
    return str(((described or {}).get("accessConfig") or {}).get("authenticationMode") or "")


def _found(cluster: str, region: str | None, profile: str | None) -> tuple[ClusterRef | None, AwsClients]:
    """The cluster's full name where it was given, and the clients of its region."""
    session = _session(profile, region)
    named = ClusterRef.parse(cluster) if cluster.startswith("arn:") else None
    where = named.region if named else session.region_name
    if not where:
        raise InputError("no region is known", remedy="name it: --region eu-west-1, or set it in the AWS profile")
    return named, AwsClients(session, where)


def _session(profile: str | None, region: str | None) -> Any:
    try:
        return boto3.Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise InputError(str(error), remedy="see: aws configure list-profiles") from error


def _described(
    clients: AwsClients, named: ClusterRef | None, name: str, seconds: float
) -> tuple[ClusterRef, Mapping[str, Any] | None]:
    """The cluster's full name, and what EKS says of it; None where EKS may not be asked."""
    try:
        answer = BotoAws(clients, Deadline(seconds)).read("eks", "DescribeCluster", name=named.name if named else name)
    except RefusedRequest as error:
        if error.code == "ResourceNotFoundException":
            raise InputError(
                f"there is no cluster {name} in {clients.region}",
                remedy="see: aws eks list-clusters, or name another --region or --profile",
            ) from error
        raise
    except ProbeError:
        if named is None:
            raise
        return named, None
    found: Mapping[str, Any] = answer["cluster"]
    if (elsewhere := runs_elsewhere(found)) is not None:
        raise InputError(elsewhere.args[0], remedy="name a cluster that EKS runs: aws eks list-clusters")
    return named or ClusterRef.parse(found["arn"]), found


def _telling(on_progress: OnProgress) -> Callable[[type[Slice], Slice | Unavailable], None]:
    def told(kind: type[Slice], found: Slice | Unavailable) -> None:
        said = f"{found.reason}: {found.detail}" if isinstance(found, Unavailable) else "ok"
        on_progress(f"{kind.__name__}: {said}")

    return told
