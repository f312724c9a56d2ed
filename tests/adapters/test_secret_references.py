"""What ExternalSecrets and SecretProviderClasses refer to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eks_readiness.adapters.kubernetes_objects import duration_seconds
from eks_readiness.adapters.secret_references import (
    MAX_REFERENCES,
    ExternalSecretSpec,
    ProviderClass,
    References,
    Store,
    Vault,
)
from eks_readiness.domain.evidence.secrets import SecretReference

AWS = {"aws": {"service": "SecretsManager", "region": "eu-central-1"}}


def store(provider: dict[str, Any]) -> Vault:
    """What a store with that provider reads."""
    return msgspec.json.decode(msgspec.json.encode({"provider": provider}), type=Store).vault()


def spec(**fields: Any) -> ExternalSecretSpec:
    """The spec of an ExternalSecret."""
    return msgspec.convert(fields, ExternalSecretSpec)


def test_each_part_may_name_its_own_store() -> None:
    """A store of the namespace and one of the cluster may bear the same name; a generator has no secret behind it."""
    references = References()
    known = {("shop", "main"): store(AWS), ("", "main"): store({"vault": {"server": "https://vault"}})}
    references.add_external_secret(
        "shop",
        "shop/all",
        spec(
            secretStoreRef={"name": "main"},
            data=[
                {"secretKey": "a", "remoteRef": {"key": "one"}},
                {
                    "secretKey": "b",
                    "remoteRef": {"key": "two"},
                    "sourceRef": {"storeRef": {"name": "main", "kind": "ClusterSecretStore"}},
                },
            ],
            dataFrom=[
                {"extract": {"key": "three"}},
                {"sourceRef": {"generatorRef": {"kind": "Password", "name": "x"}}},
                {"find": {"tags": {"team": "shop"}}},
            ],
        ),
        known,
    )
    assert references.kept() == (
        SecretReference(key="one", region="eu-central-1"),
        SecretReference(key="three", region="eu-central-1"),
    )
    assert references.other_vaults() == ("vault",)
    assert references.unresolved().total == 1


def test_objects_of_the_aws_provider() -> None:
    """A parameter is none of Secrets Manager's; a type may be missing beside an ARN."""
    references = References()
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:x-Ab12Cd"
    text = f'- objectName: "{arn}"\n- {{objectName: p, objectType: ssmparameter}}\n'
    references.add_provider_class("shop/x", ProviderClass("aws", {"objects": text}))
    assert references.kept() == (SecretReference(key=arn),)
    assert references.other_vaults() == ("AWS Parameter Store",)


def test_references_are_bounded() -> None:
    """Beyond the limit they are counted, so that nobody takes the rest for all."""
    references = References()
    text = "".join(
        f"- objectName: secret-{number}\n  objectType: secretsmanager\n" for number in range(MAX_REFERENCES + 7)
    )
    references.add_provider_class("shop/x", ProviderClass("aws", {"objects": text}))
    assert len(references.kept()) == MAX_REFERENCES
    assert references.left_out() == 7


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h0m0s", 3600), ("1h", 3600), ("90s", 90), ("1.5h", 5400), ("250ms", 0.25), ("0", 0), ("0s", 0), ("soon", 0)],
)
def test_durations_of_go(text: str, seconds: float) -> None:
    """As Kubernetes controllers write them."""
    assert duration_seconds(text) == pytest.approx(seconds)
