"""What a policy of IAM allows, as far as it matters for the role of a node.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

import msgspec

from eks_readiness.domain.errors import UnexpectedAnswer

ADMINISTRATIVE = frozenset({"AdministratorAccess", "IAMFullAccess", "PowerUserAccess"})
"""AWS managed policies that no node may have, by name: it is the same in every partition."""
CNI = frozenset({"AmazonEKS_CNI_IPv6_Policy", "AmazonEKS_CNI_Policy"})
"""Policies of the VPC CNI: AWS's own for IPv4, and the name that AWS's guide gives to the one for IPv6."""

_CNI_ACTIONS = ("ec2:assignipv6addresses", "ec2:assignprivateipaddresses")
_MAX_CHARACTERS = 50_000
"""More than IAM lets a policy have (6,144 without white space; 10,240 for all inline ones of a role)."""


def is_aws_managed(arn: str) -> bool:
    """Whether AWS wrote the policy, in whatever partition."""
    return ":iam::aws:policy/" in arn


def policy_name(arn: str) -> str:
    """The name at the end of a policy's ARN."""
    return arn.rpartition("/")[2]


def statements(document: object) -> list[Mapping[str, Any]]:
    """The statements of a policy document. The SDK decodes most documents; the rest is JSON, quoted as in a URL.

    Raises:
        UnexpectedAnswer: it is no policy document.
    """
    if isinstance(document, str):
        if len(document) > _MAX_CHARACTERS:
            raise UnexpectedAnswer("a policy document is longer than IAM allows")
        try:
            document = msgspec.json.decode(unquote(document) if document.startswith("%") else document)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UnexpectedAnswer(f"a policy document is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise UnexpectedAnswer("a policy document is no object")
    found = document.get("Statement") or []
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, Mapping)]


def allows_everything(document: object) -> bool:
    """Whether some statement allows every action, all of IAM, or all but a few actions, on every resource.

    Conditions and denials beside it are not weighed: such a statement has no place on a node.
    """
    return any(_on_everything(each) and _far_reaching(each) for each in _allowing(document))


def allows_cni(document: object) -> bool:
    """Whether some statement allows what the VPC CNI does: to assign addresses to network interfaces."""
    return any(
        fnmatchcase(action, pattern.lower())
        for each in _allowing(document)
        for pattern in _texts(each.get("Action"))
        for action in _CNI_ACTIONS
    )


def _allowing(document: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in statements(document) if each.get("Effect") == "Allow")


def _far_reaching(statement: Mapping[str, Any]) -> bool:
    if "NotAction" in statement:
        return True
    return any(set(each) <= set("*:") or each.lower() == "iam:*" for each in _texts(statement.get("Action")))


def _on_everything(statement: Mapping[str, Any]) -> bool:
    """Every resource: `*`, an ARN of wildcards alone, or all but some."""
    if "NotResource" in statement:
        return True
    return any(set(_after_partition(each)) <= set("*:") for each in _texts(statement.get("Resource")))


def _after_partition(resource: str) -> str:
    return resource.split(":", 2)[2] if resource.startswith("arn:") and resource.count(":") > 1 else resource


def _texts(value: object) -> Iterable[str]:
    """An element that may be one text or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each]
