"""Names of container images, and whose registry they come from."""

from __future__ import annotations

import re
from typing import NamedTuple

_ECR = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)"
    r"\.(?:amazonaws\.(?:com|com\.cn|eu)|on\.aws|on\.amazonwebservices\.com\.cn)"
)
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})

EKS_REGISTRY_ACCOUNTS = frozenset(
    {
        "013241004608",  # us-gov-west-1
        "066635153087",  # il-central-1
        "121268973566",  # ap-southeast-7
        "151610086707",  # ap-southeast-5
        "151742754352",  # us-gov-east-1
        "296578399912",  # ap-southeast-3
        "333609536671",  # ap-southeast-6
        "455263428931",  # eu-south-2
        "491585149902",  # ap-southeast-4
        "533267051163",  # ap-east-2
        "558608220178",  # me-south-1
        "590381155156",  # eu-south-1
        "602401143452",  # most regions
        "730335286997",  # mx-central-1
        "759879836304",  # me-central-1
        "761377655185",  # ca-west-1
        "800184023465",  # ap-east-1
        "877085696533",  # af-south-1
        "900612956339",  # eu-central-2
        "900889452093",  # ap-south-2
        "918309763551",  # cn-north-1
        "961992271922",  # cn-northwest-1
    }
)
"""Accounts of AWS in whose registries the images of EKS add-ons and system pods are.

Source: https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html
"""


class ImageName(NamedTuple):
    """The parts of an image's name; `tag` and `digest` are empty where not given."""

    registry: str
    repository: str
    tag: str
    digest: str


class EcrRegistry(NamedTuple):
    """A private registry of Amazon ECR."""

    account: str
    region: str


def parse_image(name: str) -> ImageName:
    """Read an image's name as a container runtime does: without a registry it is one of Docker Hub."""
    rest, _, digest = name.partition("@")
    head, slash, tail = rest.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        registry, path = head, tail
    else:
        registry, path = "docker.io", rest
    repository, _, tag = path.partition(":")
    if registry in _DOCKER_HUB:
        registry = "docker.io"
        repository = repository if "/" in repository else f"library/{repository}"
    return ImageName(registry, repository, tag or ("" if digest else "latest"), digest)


def ecr_registry(registry: str) -> EcrRegistry | None:
    """The account and region of a registry of Amazon ECR, in any partition; None for another registry."""
    match = _ECR.fullmatch(registry)
    return EcrRegistry(match["account"], match["region"]) if match else None


def maintained_by_aws(name: str) -> bool:
    """Whether AWS itself builds and scans an image: it comes from the registries of Amazon EKS."""
    found = ecr_registry(parse_image(name).registry)
    return found is not None and found.account in EKS_REGISTRY_ACCOUNTS
