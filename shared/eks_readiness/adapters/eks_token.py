"""The bearer token of an EKS cluster: a presigned STS GetCallerIdentity that names the cluster.

Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from eks_readiness.adapters.aws_errors import translated
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import Unauthenticated, Unsupported

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
MAX_AGE_SECONDS = 14 * 60
"""The server takes a token for 15 minutes after it was signed."""
_URL_VALID_SECONDS = 60


DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-us-gov": "amazonaws.com",
}
"""Of each partition. Source: botocore's partitions.json, whose own reader is internal to botocore."""


def sts_host(cluster: ClusterRef) -> str:
    """The regional STS host in the cluster's partition: the only kind of host that API servers accept in a token.

    Raises:
        Unsupported: the partition is not known here.
    """
    suffix = DNS_SUFFIXES.get(cluster.partition)
    if suffix is None:
        raise Unsupported(f"partition {cluster.partition} is not known", remedy="update eks-readiness")
    return f"sts.{cluster.region}.{suffix}"


class EksToken:
    """Signs and keeps the token of one cluster for one session's credentials."""

    def __init__(self, session: Any, cluster: ClusterRef, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._cluster = cluster
        self._monotonic = monotonic
        self._lock = Lock()
        self._kept: tuple[str, float] | None = None

    def __call__(self, *, fresh: bool) -> str:
        """The token; with `fresh` a new one, for when the server did not take the last.

        Raises:
            Unauthenticated: there are no credentials to sign with.
        """
        with self._lock:
            now = self._monotonic()
            if self._kept is None or fresh or now - self._kept[1] > MAX_AGE_SECONDS:
                self._kept = (self._sign(), now)
            return self._kept[0]

    def _sign(self) -> str:
        request = {
            "method": "GET",
            "url": f"https://{sts_host(self._cluster)}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {CLUSTER_HEADER: self._cluster.name},
            "context": {},
        }
        try:
            credentials = self._session.get_credentials()
            if credentials is None:
                raise Unauthenticated("there are no AWS credentials", remedy="sign in, for example with: aws sso login")
            signer = RequestSigner(
                ServiceId("sts"), self._cluster.region, "sts", "v4", credentials, self._session.events
            )
            url = signer.generate_presigned_url(
                request, region_name=self._cluster.region, expires_in=_URL_VALID_SECONDS, operation_name=""
            )
        except BotoCoreError as error:
            raise translated("sts", "GetCallerIdentity", error) from error
        return PREFIX + base64.urlsafe_b64encode(url.encode()).rstrip(b"=").decode()
