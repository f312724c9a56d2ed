"""A cluster of each Kubernetes version that EKS offers: no crash, and what depends on the version is right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from eks_readiness.domain.finding import Finding
from tests.cases.test_shapes import JUDGED, judged
from tests.doubles.scenario import Scenario, load_scenario

MINORS = range(29, 37)
# As of the scenarios' day: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
STANDARD = range(33, 37)


def of_version(minor: int, *, nodes: int | None = None) -> Scenario:
    """The prod scenario with another version everywhere; `nodes` is that of the nodes, where it differs."""
    base, version = load_scenario("prod"), f"1.{minor}"
    ends = base.now + timedelta(days=265 if minor in STANDARD else -60)
    support: Mapping[str, Any] = {
        "clusterVersion": version,
        "clusterType": "eks",
        "endOfStandardSupportDate": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        "endOfExtendedSupportDate": f"{ends + timedelta(days=365):%Y-%m-%dT%H:%M:%SZ}",
        "versionStatus": "STANDARD_SUPPORT" if minor in STANDARD else "EXTENDED_SUPPORT",
    }
    addons = ("vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "eks-pod-identity-agent", "aws-guardduty-agent")
    kubelet = f"v1.{minor if nodes is None else nodes}.4-eks-b3126f4"
    return base.changed(
        {
            "aws": [
                _merged("DescribeCluster", {"cluster": {"version": version}}),
                _merged("DescribeNodegroup", {"nodegroup": {"version": version}}),
                {
                    "service": "eks",
                    "operation": "DescribeClusterVersions",
                    "when": {"clusterVersions": [version]},
                    "answer": {"clusterVersions": [support]},
                },
                *(_fitting(base, addon, version) for addon in addons),
            ],
            "kubernetes": [
                {"patch": {"kind": "Node", "merge": {"status": {"nodeInfo": {"kubeletVersion": kubelet}}}}},
                {"server": f"v1.{minor}.4-eks-113cf36"},
            ],
        }
    )


def _merged(operation: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    return {"service": "eks", "operation": operation, "merge": patch}


def _fitting(base: Scenario, addon: str, version: str) -> dict[str, Any]:
    """The add-on's version of the scenario, as one that fits."""
    rule = base.answer("eks", "DescribeAddon", {"clusterName": "prod", "addonName": addon})
    has = (rule.answer or {})["addon"]["addonVersion"]
    versions = [{"addonVersion": has, "compatibilities": [{"clusterVersion": version}]}]
    return {
        "service": "eks",
        "operation": "DescribeAddonVersions",
        "when": {"addonName": addon, "kubernetesVersion": version},
        "answer": {"addons": [{"addonName": addon, "addonVersions": versions}]},
    }


def _findings(scenario: Scenario) -> dict[str, Finding]:
    return {each.check: each for each in judged(scenario).findings}


@pytest.mark.parametrize("minor", MINORS)
def test_a_well_run_cluster_of_each_version(minor: int) -> None:
    """It passes all that prod passes; only the time that EKS supports it differs."""
    found = _findings(of_version(minor))
    assert not {check: each.reason for check, each in found.items() if each.outcome == "unknown"}
    failing = {check for check, each in found.items() if each.outcome == "fail" and check in JUDGED}
    late = {"cluster-upgrades.supported-version", "cluster-upgrades.time-left"}
    assert failing == (set() if minor in STANDARD else late)
    assert found["secrets-encryption.envelope"].outcome == "pass"


@pytest.mark.parametrize("minor", MINORS)
def test_encryption_is_the_default_of_each_version(minor: int) -> None:
    """Without a key of the customer, since 1.28."""
    change = {"aws": [_merged("DescribeCluster", {"cluster": {"encryptionConfig": []}})]}
    found = _findings(of_version(minor).changed(change))
    assert found["secrets-encryption.envelope"].outcome == "pass"
    assert found["secrets-encryption.customer-managed-key"].outcome == "fail"


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(("behind", "outcome"), [(0, "pass"), (3, "pass"), (4, "fail"), (-1, "fail")])
def test_kubelets_may_be_three_versions_behind(minor: int, behind: int, outcome: str) -> None:
    """And never ahead."""
    found = _findings(of_version(minor, nodes=minor - behind))
    assert found["cluster-upgrades.kubelet-skew"].outcome == outcome


@pytest.mark.parametrize("minor", MINORS)
def test_amazon_linux_2_and_the_class_of_old_clusters_are_seen_in_each_version(minor: int) -> None:
    """Both outlive the versions that brought them: a node of Amazon Linux 2, a class of the in-tree provisioner."""
    gp2 = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp2"}}
    old = {"nodeInfo": {"osImage": "Amazon Linux 2"}}
    node = "ip-10-20-1-11.eu-west-1.compute.internal"
    change = {
        "aws": [
            {"service": "ec2", "operation": "GetEbsEncryptionByDefault", "answer": {"EbsEncryptionByDefault": False}}
        ],
        "kubernetes": [
            {"add": [{**gp2, "provisioner": "kubernetes.io/aws-ebs", "parameters": {"type": "gp2"}}]},
            {"patch": {"kind": "Node", "name": node, "merge": {"status": old}}},
        ],
    }
    found = _findings(of_version(minor).changed(change))
    assert found["node-groups.supported-ami"].outcome == "fail"
    assert found["storage.classes-encrypted"].offenders == ("gp2",)
