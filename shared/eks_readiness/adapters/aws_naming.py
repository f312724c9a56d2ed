"""Whether something in AWS is about one cluster, by its name; and which services AWS offers nowhere near it."""

from __future__ import annotations

import re

_NOT_OFFERED = {"aws-cn": frozenset({"amp", "application-signals", "grafana"})}
"""By partition. Source: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html"""


def offered(service: str, partition: str) -> bool:
    """Whether AWS offers a service in a partition: one that it does not have cannot be in use there."""
    return service not in _NOT_OFFERED.get(partition, frozenset())


def mentions(text: str, cluster: str) -> bool:
    """Whether a text holds the cluster's name as a whole word, in which hyphens belong to the word."""
    return re.search(rf"(?<![\w-]){re.escape(cluster)}(?![\w-])", text) is not None


def named_after(name: str, cluster: str) -> bool:
    """Whether a name holds the cluster's name as one of its parts: eks-prod-nodes for prod, not production-nodes."""
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(cluster)}(?![A-Za-z0-9])", name) is not None


def of_environment(environment: str, cluster: str) -> bool:
    """Whether an environment of Application Signals, eks:<cluster>/<namespace>, is this cluster's."""
    platform, _, place = environment.partition(":")
    return platform == "eks" and place.partition("/")[0] == cluster
