"""The machine images that nodes run, and the newest release of the series that each belongs to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from eks_readiness.adapters.partial import unless_denied
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import bounded
from eks_readiness.domain.evidence import Instances, NodeImages, Unavailable
from eks_readiness.domain.evidence.rotation import NodeImage

MAX_IMAGES = 200
"""Images that one scan looks at: a cluster runs a handful; those that run on most instances come first."""
_NAMES = 10
"""Names that one call of ssm:GetParameters takes.

Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""
# Canonical's accounts in aws, aws-us-gov and aws-cn: https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
_CANONICAL = ("099720109477", "513442679011", "837727238323")
_AL2_SERIES = {"": "amazon-linux-2", "arm64-": "amazon-linux-2-arm64", "gpu-": "amazon-linux-2-gpu"}
_EKS = "/aws/service/eks/optimized-ami"
# How publishers name images, and the public parameter with the id of the newest one. Sources:
# https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html, beside it retrieve-ami-id-bottlerocket.html
# and retrieve-windows-ami-id.html; https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
_BOTTLEROCKET = re.compile(r"bottlerocket-(?P<variant>aws-k8s-\d+\.\d+(?:-[a-z]+)*)-(?P<arch>x86_64|aarch64)-v\d.*")
_AL2023 = re.compile(
    r"amazon-eks-node-al2023-(?P<arch>x86_64|arm64)-(?P<variant>[a-z0-9.-]+?)-(?P<version>[0-9]+\.[0-9]+)-v[0-9]+"
)
_AL2 = re.compile(r"amazon-eks-(?P<series>|arm64-|gpu-)node-(?P<version>[0-9]+\.[0-9]+)-v[0-9]+")
_WINDOWS = re.compile(r"(?P<series>Windows_Server-[A-Za-z0-9-]+-EKS_Optimized-[0-9]+\.[0-9]+)-[0-9].*")
_UBUNTU = re.compile(
    r"ubuntu-eks/k8s_(?P<version>[0-9]+\.[0-9]+)/images/hvm-ssd(?P<gp3>-gp3)?/"
    r"ubuntu-[a-z]+-(?P<release>[0-9]+\.[0-9]+)-(?P<arch>amd64|arm64)-server-[0-9].*"
)


def read_images(aws: AwsReader, gathered: Gathered) -> NodeImages:
    """Every image that instances of the cluster run."""
    running = Counter(
        each.image_id for each in gathered.get(Instances).instances if each.image_id and not each.auto_mode
    )
    wanted = sorted(running, key=lambda image: (-running[image], image))[:MAX_IMAGES]
    found = _described(aws, wanted)
    parameters = {image: newest_parameter(each) for image, each in found.items()}
    newest = unless_denied(lambda: _newest(aws, sorted(set(parameters.values()) - {""})))
    return NodeImages(
        observed_at=gathered.observed_at,
        source="ec2:DescribeImages, ssm:GetParameters",
        images=tuple(
            _image(image, running[image], found.get(image), parameters.get(image, ""), newest) for image in wanted
        ),
        beyond=len(running) - len(wanted),
    )


def _described(aws: AwsReader, images: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not images:
        return {}
    # By filter and not by ids: one that is gone would refuse the whole call. A filter takes 200 values.
    filters = [{"Name": "image-id", "Values": list(images)}]
    answers = aws.pages("ec2", "DescribeImages", "Images", Filters=filters, IncludeDeprecated=True)
    return {str(each["ImageId"]): each for each in answers}


def _newest(aws: AwsReader, parameters: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The newest image by the parameter that names it; a parameter that the region does not have is left out."""
    ids: dict[str, str] = {}
    for start in range(0, len(parameters), _NAMES):
        answer = aws.read("ssm", "GetParameters", Names=list(parameters[start : start + _NAMES]))
        ids |= {str(each["Name"]): str(each["Value"]) for each in answer.get("Parameters") or ()}
    found = _described(aws, sorted(set(ids.values())))
    return {name: found[image] for name, image in ids.items() if image in found}


def _image(
    image: str,
    instances: int,
    found: Mapping[str, Any] | None,
    parameter: str,
    newest: Mapping[str, Mapping[str, Any]] | Unavailable,
) -> NodeImage:
    if found is None:
        return NodeImage(id=image, instances=instances)
    release = None if isinstance(newest, Unavailable) else newest.get(parameter)
    return NodeImage(
        id=image,
        instances=instances,
        name=bounded(found.get("Name") or "", 200),
        family=parameter,
        created_at=_created_at(found),
        newest_id=str(release["ImageId"]) if release else "",
        newest_created_at=newest if isinstance(newest, Unavailable) and parameter else _created_at(release or {}),
    )


def _created_at(image: Mapping[str, Any]) -> datetime | None:
    try:
        at = datetime.fromisoformat(image.get("CreationDate") or "")
    except ValueError:
        return None
    return at if at.tzinfo else None  # without an offset, nobody knows what it means


def newest_parameter(image: Mapping[str, Any]) -> str:
    """The public parameter of the image's series; empty for an image that its name and owner do not place in one."""
    name = image.get("Name") or ""
    if image.get("OwnerId") in _CANONICAL:
        match = _UBUNTU.fullmatch(name)
        if match is None:
            return ""
        volume = "ebs-gp3" if match["gp3"] else "ebs-gp2"
        series = f"{match['release']}/{match['version']}/stable/current/{match['arch']}/hvm/{volume}"
        return f"/aws/service/canonical/ubuntu/eks/{series}/ami-id"
    return _amazon_parameter(name) if image.get("ImageOwnerAlias") == "amazon" else ""


def _amazon_parameter(name: str) -> str:
    if match := _BOTTLEROCKET.fullmatch(name):
        arch = match["arch"].replace("aarch64", "arm64")
        return f"/aws/service/bottlerocket/{match['variant']}/{arch}/latest/image_id"
    if match := _AL2023.fullmatch(name):
        series = f"{match['version']}/amazon-linux-2023/{match['arch']}/{match['variant']}"
        return f"{_EKS}/{series}/recommended/image_id"
    if match := _AL2.fullmatch(name):
        return f"{_EKS}/{match['version']}/{_AL2_SERIES[match['series']]}/recommended/image_id"
    if match := _WINDOWS.fullmatch(name):
        return f"/aws/service/ami-windows-latest/{match['series']}/image_id"
    return ""


PROBES = (
    AwsProbe(
        provides=NodeImages,
        actions=("ec2:DescribeImages", "ssm:GetParameters"),
        read=read_images,
        after=(Instances,),
    ),
)
"""What this module gathers."""
