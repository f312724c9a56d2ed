"""Access entries in other partitions: the policy that makes an administrator has another ARN there."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from eks_readiness.adapters.aws_access import read_access_entries
from eks_readiness.adapters.probe import Gathered
from eks_readiness.domain.cluster import ClusterRef
from tests.doubles.memory import MemoryAws
from tests.doubles.scenario import Rule, load_scenario


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_partitions(partition: str, region: str) -> None:
    """Asked for and recognised in the partition of the cluster."""
    policy = f"arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    admin = f"arn:{partition}:iam::111122223333:role/admin"
    associated = {"associatedAccessPolicies": [{"policyArn": policy, "accessScope": {"type": "cluster"}}]}
    scenario = replace(
        load_scenario("prod"),
        rules=(
            Rule("eks", "ListAccessEntries", {"associatedPolicyArn": policy}, {"accessEntries": [admin]}),
            Rule("eks", "ListAccessEntries", {"clusterName": "prod"}, {"accessEntries": [admin]}),
            Rule("eks", "ListAssociatedAccessPolicies", {"principalArn": admin}, associated),
        ),
    )
    cluster = ClusterRef.parse(f"arn:{partition}:eks:{region}:111122223333:cluster/prod")
    entries = read_access_entries(MemoryAws(scenario), Gathered(cluster, scenario.now, MappingProxyType({})))
    assert entries.cluster_admins == (admin,)
