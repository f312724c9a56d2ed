"""Services that answer in one region of a partition, wherever the cluster is.

Identity and DNS (iam, route53, …) are not listed: the SDK finds their endpoint from any region by itself. For those
below it would make up a host in the cluster's region that does not exist.
Sources: https://docs.aws.amazon.com/general/latest/gr/billing.html,
https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Ningxia.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from eks_readiness.domain.errors import Unsupported

_BILLING = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
# What an account of AWS GovCloud uses is billed to its account in the partition aws.
_HOMES: Final[Mapping[str, Mapping[str, str]]] = {
    "bcm-data-exports": _BILLING,
    "budgets": _BILLING,
    "ce": _BILLING,
    "cost-optimization-hub": {"aws": "us-east-1"},
    "cur": _BILLING,
}


def region_of(service: str, region: str, partition_of: Callable[[str], str]) -> str:
    """The region in which a service (boto3 name) answers about a cluster in `region`.

    Raises:
        Unsupported: the partition does not have the service.
    """
    homes = _HOMES.get(service)
    if homes is None:
        return region
    partition = partition_of(region)
    if partition not in homes:
        raise Unsupported(
            f"{service} does not exist in the partition {partition}",
            remedy="AWS does not offer it there; waive the check",
        )
    return homes[partition]
