"""What people register for a cluster by tag: pipelines, build projects, report groups, stacks, experiments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eks_readiness.adapters.probe import AwsReader
from eks_readiness.domain.cluster import ClusterRef

CLUSTER_TAG = "eks-readiness:cluster"
"""The tag whose value names the clusters that a resource serves: names or ARNs, separated by spaces."""


def names(value: str, cluster: ClusterRef) -> bool:
    """Whether a tag's value names a cluster."""
    return bool({cluster.name, cluster.arn} & set(value.split()))


def registered(aws: AwsReader, cluster: ClusterRef, types: Sequence[str]) -> Iterator[str]:
    """The ARNs of resources of some types that are registered for a cluster, in its account and region."""
    found = aws.pages(
        "resourcegroupstaggingapi",
        "GetResources",
        "ResourceTagMappingList",
        TagFilters=[{"Key": CLUSTER_TAG}],
        ResourceTypeFilters=list(types),
    )
    for each in found:
        if any(tag["Key"] == CLUSTER_TAG and names(tag["Value"], cluster) for tag in each.get("Tags") or ()):
            yield each["ResourceARN"]
