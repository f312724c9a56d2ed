"""Which cluster is meant: the parts of its ARN, in every AWS partition."""

from __future__ import annotations

import re
from typing import NewType

import msgspec

from eks_readiness.domain.errors import InputError

ClusterArn = NewType("ClusterArn", str)

# Name rule: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):eks:(?P<region>[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}):(?P<account>\d{12})"
    r":cluster/(?P<name>[0-9A-Za-z][A-Za-z0-9_-]{0,99})",
)


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
            InputError: it is not the ARN of an EKS cluster.
        """
        match = _ARN.fullmatch(arn)
        if match is None:
            message = f"not the ARN of an EKS cluster: {arn[:160]!r}"
            raise InputError(message, remedy="write arn:aws:eks:<region>:<12-digit account>:cluster/<name>")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return f"{self.name} ({self.region}, {self.account})"
