"""Where secrets come from: mechanisms in the cluster, the vaults they read, and the keys that encrypt.

Names, instants and states alone: no value of a secret is read, so none can be here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from eks_readiness.domain.evidence.slice import Sample, Slice, Unavailable
from eks_readiness.domain.instant import Instant

SecretMechanism = Literal["external-secrets", "secrets-store", "vault-operator", "sealed-secrets", "sops"]
"""External Secrets, Secrets Store CSI driver, Vault Secrets Operator, Sealed Secrets, and Flux with SOPS."""


class SecretSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mechanism whose API the cluster serves.

    `stores` counts what connects it to a vault, `secrets` what it is to bring into the cluster: ExternalSecrets, mounts
    of the CSI driver, Vault's custom resources, SealedSecrets, Kustomizations that decrypt. `unsynced` are those that
    are not there, or older than twice their refresh interval.
    """

    mechanism: SecretMechanism
    stores: int = 0
    stores_not_ready: Sample = Sample()
    secrets: int = 0
    unsynced: Sample = Sample()


class UnreadMechanism(msgspec.Struct, frozen=True, kw_only=True):
    """A mechanism that the cluster serves and whose objects could not be read."""

    mechanism: SecretMechanism
    why: Unavailable


class SecretReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One secret of AWS Secrets Manager that something in the cluster names: by name or ARN, as written there.

    `region` is empty where the cluster's own is meant.
    """

    key: str
    region: str = ""


class SecretSources(Slice, frozen=True, kw_only=True):
    """Every mechanism, and what ExternalSecrets and SecretProviderClasses refer to in AWS Secrets Manager.

    `references` are distinct; `references_left_out` counts those beyond what one scan looks at. `unresolved` are
    objects of which it cannot be told what they take (a search; text that cannot be read). `other_vaults` are the
    vaults beside Secrets Manager that something reads from.
    """

    sources: tuple[SecretSource, ...] = ()
    unread: tuple[UnreadMechanism, ...] = ()
    references: tuple[SecretReference, ...] = ()
    references_left_out: int = 0
    unresolved: Sample = Sample()
    other_vaults: tuple[str, ...] = ()


class ManagedSecret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One secret of AWS Secrets Manager. `rotation` says whether it is on; `kms_key_id` is empty for AWS's own key."""

    name: str
    arn: str
    created_at: Instant | None = None
    rotation: bool = False
    rotated_at: Instant | None = None
    kms_key_id: str = ""


class ReferencedSecrets(Slice, frozen=True, kw_only=True):
    """secretsmanager:ListSecrets for the secrets that the cluster refers to.

    `elsewhere` lie in another region or account; `missing` are not in this one. Neither could be looked at.
    """

    secrets: tuple[ManagedSecret, ...] = ()
    missing: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


class UsedKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One KMS key in use. `used_by` are uses in words (cluster, volumes, logs, secrets, backup vault).

    `manager` is AWS or CUSTOMER, `state` the API's KeyState, `origin` where its material comes from. `rotates` is None
    where rotation was not asked for: AWS's own keys, asymmetric ones, and those that are not enabled.
    """

    id: str
    used_by: tuple[str, ...]
    manager: str = ""
    state: str = ""
    symmetric: bool = True
    origin: str = ""
    rotates: bool | None = None
    unread: Unavailable | None = None


class UsedKeys(Slice, frozen=True, kw_only=True):
    """kms:DescribeKey and GetKeyRotationStatus for the keys behind what the cluster keeps.

    `unread` says which uses could not be looked at.
    """

    keys: tuple[UsedKey, ...] = ()
    unread: tuple[Unavailable, ...] = ()
