"""The bearer token: what aws-iam-authenticator will accept."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import time_machine

from eks_readiness.adapters.eks_token import EksToken
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import Unauthenticated, Unsupported
from tests.doubles.kubernetes_server import token_names


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _cluster(region: str, partition: str = "aws", name: str = "prod") -> ClusterRef:
    return ClusterRef(partition=partition, region=region, account="111122223333", name=name)


PROD = _cluster("eu-west-1")


def _session(token: str | None = None) -> boto3.Session:
    return boto3.Session(aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret", aws_session_token=token)


def _url(token: str) -> str:
    text = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


@pytest.mark.parametrize(
    ("region", "partition", "host"),
    [
        ("eu-west-1", "aws", "sts.eu-west-1.amazonaws.com"),
        ("us-east-1", "aws", "sts.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_it_is_a_presigned_call_of_the_regions_own_sts(region: str, partition: str, host: str) -> None:
    """Regional, in every partition, with the cluster's name under the signature."""
    cluster = _cluster(region, partition)
    token = EksToken(_session("session-token"), cluster)(fresh=False)
    parts = urlsplit(_url(token))
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    assert parts.netloc == host
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"
    assert query["X-Amz-Expires"] == "60"
    assert query["X-Amz-Security-Token"] == "session-token"
    assert token_names(token, region)
    assert not token.endswith("=")


def test_an_endpoint_of_ones_own_is_not_signed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """API servers accept no host but STS's own, whatever the SDK is told to call."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert "https://sts.eu-west-1.amazonaws.com/" in _url(EksToken(_session(), PROD)(fresh=False))


def test_two_clusters_have_two_tokens() -> None:
    """The signature covers the name: one cluster's token opens no other."""
    signatures = {
        parse_qs(urlsplit(_url(EksToken(_session(), _cluster("eu-west-1", name=name))(fresh=False))).query)[
            "X-Amz-Signature"
        ][0]
        for name in ("prod", "auto")
    }
    assert len(signatures) == 2


def test_it_is_kept_for_less_than_it_is_valid() -> None:
    """Signed anew after 14 minutes, or when the server did not take it."""
    clock = _Clock()
    token = EksToken(_session(), PROD, monotonic=clock)
    with time_machine.travel(0, tick=False) as traveller:
        first = token(fresh=False)
        traveller.shift(60)
        assert token(fresh=False) == first
        second = token(fresh=True)
        assert second != first
        traveller.shift(60)
        clock.now = 14 * 60 + 1
        assert token(fresh=False) not in (first, second)


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words say what to do."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unauthenticated, match="sign in"):
        EksToken(boto3.Session(), PROD)(fresh=False)


def test_an_unknown_partition_is_said_so() -> None:
    """No token is signed for a host that nobody knows."""
    with pytest.raises(Unsupported, match="aws-moon"):
        EksToken(_session(), _cluster("moon-west-1", "aws-moon"))(fresh=False)
