"""Secrets encryption: API data is encrypted in an envelope."""

from __future__ import annotations

from eks_readiness.checklist.check import check
from eks_readiness.checklist.shapes import minor_version
from eks_readiness.domain.evidence import ClusterConfiguration, Unavailable
from eks_readiness.domain.finding import Verdict, failed, passed
from eks_readiness.domain.policy import Policy

_BY_DEFAULT_SINCE = (1, 28)


@check("secrets-encryption.envelope", needs=(ClusterConfiguration,), required=True)
def api_data_is_encrypted(cluster: ClusterConfiguration, policy: Policy) -> Verdict | Unavailable:
    """The API server's data is encrypted in an envelope.

    Since Kubernetes 1.28 EKS does so for all data, with a key of its own where none is named; before, it encrypts
    secrets when a key is named.
    Why: whoever gets hold of a disk or a snapshot of etcd must not read secrets.
    Fix: upgrade to a supported version, or: aws eks associate-encryption-config
    Source: https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html
    """
    if cluster.encryption_key_arn:
        return passed("secrets are encrypted with a key of the customer")
    version = minor_version(cluster.version)
    if version is None:
        return Unavailable(reason="unexpected", detail=f"no Kubernetes version: {cluster.version or 'none'}")
    if version >= _BY_DEFAULT_SINCE:
        return passed(f"EKS encrypts all API data of {cluster.version} by default")
    return failed(f"{cluster.version} encrypts nothing by default, and no key is named")


@check("secrets-encryption.customer-managed-key", needs=(ClusterConfiguration,), required=False)
def the_key_is_the_customers(cluster: ClusterConfiguration, policy: Policy) -> Verdict:
    """The envelope's key is managed by the customer.

    Why: only a key of one's own has a policy, leaves a trace of its use, and can be withdrawn.
    Fix: aws eks associate-encryption-config --encryption-config '[{"resources": ["secrets"], "provider": …}]'
    Source: https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html
    """
    key = cluster.encryption_key_arn
    return passed(f"the key is {key}") if key else failed("the key is AWS's own")
