"""Observes a cluster: every probe over boto3 and over TLS to its own API server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kubernetes.client.configuration import Configuration

from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.aws_eks import runs_elsewhere
from eks_readiness.adapters.collect import OnGathered, collect_evidence
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.eks_token import EksToken
from eks_readiness.adapters.kubernetes_api import KubernetesApi
from eks_readiness.adapters.kubernetes_https import HttpsFetch, endpoint_is_allowed
from eks_readiness.adapters.probe import AwsReader, KubernetesReader
from eks_readiness.adapters.probes import AWS_PROBES, KUBERNETES_PROBES
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import AccessDenied, ProbeError, UnexpectedAnswer
from eks_readiness.domain.evidence import Evidence
from eks_readiness.domain.ledger import Registration
from eks_readiness.ports import Clock

Connect = Callable[[ClusterRef, AwsReader, Deadline], KubernetesReader]


class ClusterEvidenceSource:
    """EvidenceSource over real wires. `clients` gives those of a region, for the account that is scanned."""

    def __init__(
        self,
        clients: Callable[[str], AwsClients],
        connect: Connect,
        clock: Clock,
        *,
        on_gathered: OnGathered | None = None,
    ) -> None:
        self._clients = clients
        self._connect = connect
        self._clock = clock
        self._on_gathered = on_gathered

    def collect(self, registration: Registration, *, seconds: float, documents: Sequence[str] = ()) -> Evidence:
        """Gather all evidence of a cluster within a number of seconds, and look at the documents of statements."""
        cluster = registration.cluster
        deadline = Deadline(seconds)
        aws: AwsReader = BotoAws(self._clients(cluster.region), deadline)
        described = _described(aws, cluster, deadline)
        if (error := _not_to_be_scanned(cluster, described)) is not None:
            aws = _Refusing(error)
        return collect_evidence(
            cluster,
            aws=aws,
            connect=lambda: self._connect(cluster, aws, deadline),
            aws_probes=AWS_PROBES,
            kubernetes_probes=KUBERNETES_PROBES,
            observed_at=self._clock.now(),
            seconds=deadline.remaining(),
            documents=documents,
            on_gathered=self._on_gathered,
        )


def _described(aws: AwsReader, cluster: ClusterRef, deadline: Deadline) -> Mapping[str, Any]:
    """What EKS says of the cluster; nothing where it does not say it in time, or refuses."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="describe")
    try:
        answer = pool.submit(aws.read, "eks", "DescribeCluster", name=cluster.name).result(deadline.remaining())
    except (ProbeError, TimeoutError):
        return {}  # the probes meet the same error, each for its own slice
    finally:
        pool.shutdown(wait=False)
    described: Mapping[str, Any] = answer["cluster"]
    return described


def _not_to_be_scanned(cluster: ClusterRef, described: Mapping[str, Any]) -> ProbeError | None:
    """Why what EKS describes is not the cluster that is meant, or none that can be scanned."""
    arn = described.get("arn", cluster.arn)
    if arn != cluster.arn:
        return AccessDenied(
            f"the credentials see {arn}, not {cluster.arn}",
            remedy=f"scan it with credentials of account {cluster.account}",
        )
    return runs_elsewhere(described)


class _Refusing:
    """An AwsReader that refuses everything for one reason, so that every slice tells it."""

    def __init__(self, error: ProbeError) -> None:
        self._error = error

    def read(self, _service: str, _operation: str, /, **_parameters: Any) -> dict[str, Any]:
        raise self._error

    def pages(self, _service: str, _operation: str, _key: str, /, **_parameters: Any) -> Iterator[Any]:
        raise self._error

    def read_each(
        self, _service: str, _operation: str, _each: Sequence[Mapping[str, Any]], /
    ) -> list[dict[str, Any] | ProbeError]:
        raise self._error


class EksConnection:
    """Connects to a cluster's endpoint as EKS describes it: its certificate authority, and a token of the session."""

    def __init__(self, clients: Callable[[str], AwsClients], *, endpoint_suffixes: Sequence[str] = ()) -> None:
        """`endpoint_suffixes` are host suffixes that are allowed beside those of EKS."""
        self._clients = clients
        self._endpoint_suffixes = tuple(endpoint_suffixes)
        self._tokens: dict[ClusterRef, EksToken] = {}

    def __call__(self, cluster: ClusterRef, aws: AwsReader, deadline: Deadline) -> KubernetesReader:
        """The reader of a cluster's API.

        Raises:
            ProbeError: EKS does not describe the cluster, or describes an endpoint to which no token may be sent.
        """
        described = aws.read("eks", "DescribeCluster", name=cluster.name)["cluster"]
        endpoint = str(described.get("endpoint") or "")
        if not endpoint_is_allowed(endpoint, suffixes=self._endpoint_suffixes):
            raise UnexpectedAnswer(
                f"{endpoint or 'no endpoint'} is not the endpoint of an EKS cluster: no token is sent there",
                remedy="if a proxy of yours stands before it, name its host in kubernetes_endpoint_suffixes",
            )
        configuration = Configuration(host=endpoint, ca_cert_data=authority_of(described))
        return KubernetesApi(HttpsFetch(configuration, self._token(cluster), deadline))

    def _token(self, cluster: ClusterRef) -> EksToken:
        if cluster not in self._tokens:
            session = self._clients(cluster.region).session
            self._tokens[cluster] = EksToken(session, cluster)
        return self._tokens[cluster]


def authority_of(described: Mapping[str, Any]) -> str:
    """The certificate authority of a described cluster, as PEM: nothing else is trusted.

    Raises:
        UnexpectedAnswer: EKS describes none.
    """
    data = (described.get("certificateAuthority") or {}).get("data") or ""
    try:
        pem = base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        pem = ""
    if "BEGIN CERTIFICATE" not in pem:
        raise UnexpectedAnswer(
            "EKS describes the cluster without a certificate authority",
            remedy="wait until the cluster is ACTIVE: aws eks describe-cluster",
        )
    return pem
