"""Which cluster is meant: the parts of its ARN, in every AWS partition."""

from __future__ import annotations

import re
from typing import NewType

import msgspec

from eks_readiness.domain.errors import InputError

ClusterArn = NewType("ClusterArn", str)

# Name rule: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):eks:(?P<region>[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2}):(?P<account>[0-9]{12})"
    r":cluster/(?P<name>[0-9A-Za-z][A-Za-z0-9_-]{0,99})",
)

# How regions of a partition begin; every other region lies in partition aws, or in one that AWS adds.
_REGIONS_OF = {
    "aws-cn": "cn-",
    "aws-us-gov": "us-gov-",
    "aws-iso": "us-iso-",
    "aws-iso-b": "us-isob-",
    "aws-iso-e": "eu-isoe-",
    "aws-iso-f": "us-isof-",
    "aws-eusc": "eusc-",
}


class ClusterRef(msgspec.Struct, frozen=True, kw_only=True, order=True, forbid_unknown_fields=True):
    """One EKS cluster, named by the parts of its ARN.

    `partition` is aws, aws-us-gov or aws-cn (or another that AWS adds); `account` has 12 digits.
    """

    partition: str
    region: str
    account: str
    name: str

    @property
    def arn(self) -> ClusterArn:
        """The cluster's ARN."""
        return ClusterArn(f"arn:{self.partition}:eks:{self.region}:{self.account}:cluster/{self.name}")

    @classmethod
    def parse(cls, arn: str) -> ClusterRef:
        """Read a cluster ARN.

        Raises:
            InputError: it is not the ARN of an EKS cluster, or names a region of another partition.
        """
        match = _ARN.fullmatch(arn)
        if match is None:
            message = f"not the ARN of an EKS cluster: {arn[:160]!r}"
            raise InputError(
                message,
                remedy="write arn:aws:eks:<region>:<12-digit account>:cluster/<name>; in GovCloud it begins with "
                "arn:aws-us-gov, in China with arn:aws-cn",
            )
        found = cls(**match.groupdict())
        begins = _REGIONS_OF.get(found.partition)
        lies_in = next((name for name, start in _REGIONS_OF.items() if found.region.startswith(start)), "aws")
        if (begins or lies_in != "aws") and lies_in != found.partition:
            message = f"region {found.region} lies in partition {lies_in}, not {found.partition}"
            raise InputError(message, remedy=f"write {msgspec.structs.replace(found, partition=lies_in).arn}")
        return found

    def __str__(self) -> str:
        return f"{self.name} ({self.region}, {self.account})"
