"""Names of images."""

from __future__ import annotations

import pytest

from eks_readiness.domain.image import EcrRegistry, ImageName, ecr_registry, maintained_by_aws, parse_image

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nginx", ImageName("docker.io", "library/nginx", "latest", "")),
        ("nginx:1.29", ImageName("docker.io", "library/nginx", "1.29", "")),
        ("index.docker.io/library/nginx:1.29", ImageName("docker.io", "library/nginx", "1.29", "")),
        ("velero/velero:v1.17.1", ImageName("docker.io", "velero/velero", "v1.17.1", "")),
        (f"nginx@{DIGEST}", ImageName("docker.io", "library/nginx", "", DIGEST)),
        (f"nginx:1.29@{DIGEST}", ImageName("docker.io", "library/nginx", "1.29", DIGEST)),
        ("localhost:5000/a/b:2", ImageName("localhost:5000", "a/b", "2", "")),
        ("registry.k8s.io/pause:3.10", ImageName("registry.k8s.io", "pause", "3.10", "")),
        ("", ImageName("docker.io", "library/", "latest", "")),
    ],
)
def test_a_name_is_read_as_a_runtime_does(name: str, parts: ImageName) -> None:
    """Docker Hub is what a name without a registry means."""
    assert parse_image(name) == parts


@pytest.mark.parametrize(
    ("registry", "found"),
    [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", EcrRegistry("111122223333", "eu-west-1")),
        ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com", EcrRegistry("111122223333", "us-gov-west-1")),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", EcrRegistry("111122223333", "cn-north-1")),
        ("111122223333.dkr-ecr.eu-west-1.on.aws", EcrRegistry("111122223333", "eu-west-1")),
        ("public.ecr.aws", None),
        ("602401143452.dkr.ecr.eu-west-1.amazonaws.com.example.com", None),
        ("602401143452.dkr.ecr.example.com", None),
        ("ghcr.io", None),
    ],
)
def test_registries_of_ecr_are_known(registry: str, found: EcrRegistry | None) -> None:
    """In every partition, and by every kind of address."""
    assert ecr_registry(registry) == found


def test_images_of_eks_itself_are_told_apart() -> None:
    """By the account of the registry, not by the name of the image."""
    assert maintained_by_aws("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1.12.4")
    assert maintained_by_aws("961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn/eks/coredns:v1.12.4")
    assert not maintained_by_aws("111122223333.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1.12.4")
    assert not maintained_by_aws("public.ecr.aws/eks/aws-load-balancer-controller:v2.14.0")
