"""How images, instance types and ports are read."""

from __future__ import annotations

import pytest

from eks_readiness.adapters.aws_capacity import quota_code
from eks_readiness.adapters.aws_node_hardening import lets_ssh_in
from eks_readiness.adapters.aws_node_images import newest_parameter

ON_DEMAND, SPOT = "L-1216C47A", "L-34B43A08"
EKS = "/aws/service/eks/optimized-ami"


@pytest.mark.parametrize(
    ("instance_type", "spot", "code"),
    [
        ("m7g.large", False, ON_DEMAND),
        ("m7g.large", True, SPOT),
        ("im4gn.large", False, ON_DEMAND),
        ("is4gen.large", False, ON_DEMAND),
        ("i7ie.large", False, ON_DEMAND),
        ("inf2.xlarge", False, "L-1945791B"),
        ("g6e.xlarge", False, "L-DB2E81BA"),
        ("gr6.4xlarge", True, "L-3819A6DF"),
        ("vt1.3xlarge", False, "L-DB2E81BA"),
        ("p5.48xlarge", False, "L-417A185B"),
        ("p5en.48xlarge", True, "L-C4BD4855"),
        ("p4d.24xlarge", True, "L-7212CCBC"),
        ("trn1n.32xlarge", False, "L-2C3B7624"),
        ("x2iedn.xlarge", False, "L-7295265B"),
        ("dl2q.24xlarge", False, "L-6E869C2A"),
        ("u7i-12tb.224xlarge", False, "L-43DA4232"),
        ("hpc7a.96xlarge", True, ""),
        ("mac2.metal", False, ""),
        ("q1.large", False, ""),
        ("", False, ""),
    ],
)
def test_the_quota_of_an_instance_type(instance_type: str, spot: bool, code: str) -> None:
    """By the letters that a family begins with; what is not known has none."""
    assert quota_code(instance_type, spot=spot) == code


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        (
            "bottlerocket-aws-k8s-1.34-nvidia-fips-x86_64-v1.50.0-6a8d7f3c",
            "/aws/service/bottlerocket/aws-k8s-1.34-nvidia-fips/x86_64/latest/image_id",
        ),
        (
            "bottlerocket-aws-k8s-1.34-aarch64-v1.50.0-6a8d7f3c",
            "/aws/service/bottlerocket/aws-k8s-1.34/arm64/latest/image_id",
        ),
        ("bottlerocket-aws-ecs-2-x86_64-v1.50.0-6a8d7f3c", ""),
        (
            "amazon-eks-node-al2023-x86_64-nvidia-1.34-v20260304",
            f"{EKS}/1.34/amazon-linux-2023/x86_64/nvidia/recommended/image_id",
        ),
        ("amazon-eks-node-1.32-v20250801", f"{EKS}/1.32/amazon-linux-2/recommended/image_id"),
        ("amazon-eks-arm64-node-1.32-v20250801", f"{EKS}/1.32/amazon-linux-2-arm64/recommended/image_id"),
        (
            "Windows_Server-2025-English-Full-EKS_Optimized-1.34-2026.02.11",
            "/aws/service/ami-windows-latest/Windows_Server-2025-English-Full-EKS_Optimized-1.34/image_id",
        ),
        ("al2023-ami-2023.9.20251110.1-kernel-6.12-x86_64", ""),
    ],
)
def test_the_parameter_of_an_image(name: str, parameter: str) -> None:
    """AWS names its images by variant, architecture and Kubernetes version."""
    assert newest_parameter({"Name": name, "ImageOwnerAlias": "amazon", "OwnerId": "602401143452"}) == parameter
    assert newest_parameter({"Name": name, "OwnerId": "111122223333"}) == ""


@pytest.mark.parametrize(
    ("protocol", "first", "last", "expected"),
    [
        ("tcp", 22, 22, True),
        ("6", 0, 65535, True),
        ("tcp", 23, 1024, False),
        ("tcp", None, None, True),
        ("tcp", -1, -1, True),
        ("-1", None, None, True),
        ("udp", 22, 22, False),
        ("icmp", -1, -1, False),
    ],
)
def test_rules_that_let_ssh_in(protocol: str, first: int | None, last: int | None, expected: bool) -> None:
    """Ranges, numbers for protocols, and all traffic."""
    ports = {} if first is None else {"FromPort": first, "ToPort": last}
    assert lets_ssh_in({"IpProtocol": protocol, **ports}) is expected
