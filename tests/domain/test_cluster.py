"""ARNs of clusters, in every partition."""

from __future__ import annotations

import pytest
from hypothesis import given

from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError
from tests.strategies import CLUSTERS

PLACES = (
    ("aws", "eu-west-1"),
    ("aws", "ap-southeast-7"),
    ("aws", "il-central-1"),
    ("aws-us-gov", "us-gov-west-1"),
    ("aws-us-gov", "us-gov-east-1"),
    ("aws-cn", "cn-north-1"),
    ("aws-cn", "cn-northwest-1"),
    ("aws-iso", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-east-1"),
    ("aws-eusc", "eusc-de-east-1"),
    ("aws-new", "xx-new-1"),  # one that AWS adds tomorrow
)


@given(cluster=CLUSTERS)
def test_an_arn_reads_back(cluster: ClusterRef) -> None:
    """What is written is read."""
    assert ClusterRef.parse(cluster.arn) == cluster


@pytest.mark.parametrize(("partition", "region"), PLACES)
def test_every_partition(partition: str, region: str) -> None:
    """Each with its own regions."""
    found = ClusterRef.parse(f"arn:{partition}:eks:{region}:111122223333:cluster/prod")
    assert (found.partition, found.region) == (partition, region)


@pytest.mark.parametrize(
    ("partition", "region", "lies_in"),
    [
        ("aws", "cn-north-1", "aws-cn"),
        ("aws", "us-gov-west-1", "aws-us-gov"),
        ("aws-cn", "eu-west-1", "aws"),
        ("aws-us-gov", "us-east-1", "aws"),
        ("aws-us-gov", "cn-north-1", "aws-cn"),
    ],
)
def test_a_region_of_another_partition_is_refused(partition: str, region: str, lies_in: str) -> None:
    """Its token would be signed for a host that does not exist; the message writes the ARN as it must be."""
    with pytest.raises(InputError, match=f"lies in partition {lies_in}, not {partition}") as refused:
        ClusterRef.parse(f"arn:{partition}:eks:{region}:111122223333:cluster/prod")
    assert f"write arn:{lies_in}:eks:{region}:111122223333:cluster/prod" in str(refused.value)


@pytest.mark.parametrize(
    "arn",
    [
        "prod",
        "arn:aws:eks:eu-west-1:111122223333:nodegroup/prod/system/1",
        "arn:aws:eks:eu-west-1:1111:cluster/prod",
        "arn:aws:ecs:eu-west-1:111122223333:cluster/prod",
        "arn:aws:eks:eu-west-1:111122223333:cluster/prod\n",
        "arn:aws:eks:eu-west-1:111122223333:cluster/",
    ],
)
def test_other_names_are_refused(arn: str) -> None:
    """With the form that is wanted, in each partition."""
    with pytest.raises(InputError, match="not the ARN of an EKS cluster") as refused:
        ClusterRef.parse(arn)
    assert "arn:aws-cn" in str(refused.value)
