"""What counts as administrative in a policy document, however it is spelled."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_readiness.adapters.iam_policies import allows_cni, allows_everything, is_aws_managed, policy_name, statements
from eks_readiness.domain.errors import UnexpectedAnswer

JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=10) | st.sampled_from(["*", "Allow", "iam:*", "ec2:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Statement", "Effect", "Action", "NotAction", "Resource"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def allow(**elements: Any) -> dict[str, Any]:
    """A document of one statement."""
    return {"Version": "2012-10-17", "Statement": {"Effect": "Allow", **elements}}


@pytest.mark.parametrize(
    "document",
    [
        allow(Action="*", Resource="*"),
        allow(Action=["s3:GetObject", "*"], Resource=["arn:aws:s3:::x", "*"]),
        allow(Action="*:*", Resource="arn:aws-cn:*:*:*:*"),
        allow(NotAction="iam:*", Resource="*"),
        allow(Action="iam:*", NotResource="arn:aws:iam::111122223333:user/root"),
        {
            "Statement": [
                {"Effect": "Deny", "Action": "*", "Resource": "*"},
                allow(Action="*", Resource="*")["Statement"],
            ]
        },
    ],
)
def test_administrative(document: dict[str, Any]) -> None:
    """As the SDK decodes it, as JSON, and as JSON encoded for a URL."""
    text = json.dumps(document)
    assert all(allows_everything(each) for each in (document, text, quote(text)))


@pytest.mark.parametrize(
    "document",
    [
        allow(Action="ec2:*", Resource="*"),
        allow(Action="*", Resource="arn:aws:s3:::bucket/*"),
        allow(Action="iam:Get*", Resource="*"),
        {"Statement": {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}},
        {"Statement": []},
        {},
    ],
)
def test_not_administrative(document: dict[str, Any]) -> None:
    """A service, a resource, or a denial is less."""
    assert not allows_everything(document)


def test_what_the_cni_does() -> None:
    """For both address families, by name or by a wildcard in either case."""
    assert allows_cni(allow(Action=["EC2:AssignPrivateIpAddresses"], Resource="*"))
    assert allows_cni(allow(Action="ec2:Assign*", Resource="*"))
    assert allows_cni(allow(Action="ec2:AssignIpv6Addresses", Resource="*"))
    assert not allows_cni(allow(Action=["ec2:Describe*", "ec2:CreateTags"], Resource="*"))


def test_partitions() -> None:
    """A policy of AWS has its name in every partition; one with that name of a customer's is the customer's."""
    for partition in ("aws", "aws-cn", "aws-us-gov"):
        assert is_aws_managed(f"arn:{partition}:iam::aws:policy/job-function/SystemAdministrator")
    assert not is_aws_managed("arn:aws:iam::111122223333:policy/aws/AdministratorAccess")
    assert policy_name("arn:aws:iam::aws:policy/service-role/AmazonEKS_CNI_Policy") == "AmazonEKS_CNI_Policy"


@given(JSON)
def test_any_document_is_judged_or_refused(document: object) -> None:
    """Nothing else is raised, by none of the forms."""
    for each in (document, json.dumps(document)):
        try:
            statements(each)
        except UnexpectedAnswer:
            continue
        assert allows_everything(each) in (True, False)
        assert allows_cni(each) in (True, False)
