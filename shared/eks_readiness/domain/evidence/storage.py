"""Block storage: classes and volumes in the cluster, encryption in EC2 and KMS."""

from __future__ import annotations

import msgspec

from eks_readiness.domain.evidence.slice import Slice

EBS_PROVISIONERS = frozenset({"ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com", "kubernetes.io/aws-ebs"})


class StorageClass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One StorageClass. `encrypted` is its parameter, None where it does not say; other parameters are not kept."""

    name: str
    provisioner: str
    encrypted: bool | None = None
    kms_key_id: str = ""
    default: bool = False

    @property
    def ebs(self) -> bool:
        """Whether volumes of this class are EBS volumes."""
        return self.provisioner in EBS_PROVISIONERS


class StorageClasses(Slice, frozen=True, kw_only=True):
    """Every StorageClass."""

    classes: tuple[StorageClass, ...] = ()


class EbsPersistentVolume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One PersistentVolume on EBS. `claim` is namespace/name of its claim; empty when unbound."""

    name: str
    volume_id: str
    phase: str
    driver: str = ""
    claim: str = ""


class PersistentVolumes(Slice, frozen=True, kw_only=True):
    """PersistentVolumes: how many in all, and those on EBS (CSI, Auto Mode and in-tree)."""

    total: int = 0
    ebs: tuple[EbsPersistentVolume, ...] = ()


class EbsVolume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One EBS volume as EC2 knows it. `kms_key_id` is a key ARN when encrypted."""

    id: str
    encrypted: bool
    kms_key_id: str = ""


class EbsVolumes(Slice, frozen=True, kw_only=True):
    """ec2:DescribeVolumes for the cluster's EBS PersistentVolumes; `missing` are ids that EC2 did not answer for."""

    volumes: tuple[EbsVolume, ...] = ()
    missing: tuple[str, ...] = ()


class EbsEncryptionDefault(Slice, frozen=True, kw_only=True):
    """ec2:GetEbsEncryptionByDefault and GetEbsDefaultKmsKeyId of the cluster's account and region."""

    enabled: bool
    kms_key_id: str = ""


class KmsKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One KMS key. `manager` is AWS or CUSTOMER, `state` the API's KeyState. `unreadable` says why it is not known."""

    id: str
    manager: str = ""
    state: str = ""
    unreadable: str = ""


class KmsKeys(Slice, frozen=True, kw_only=True):
    """kms:DescribeKey for every key that the cluster's EBS volumes, classes and the account's default name.

    `id` is the key as it was named there (key ARN, alias or id).
    """

    keys: tuple[KmsKey, ...] = ()

    def named(self, key_id: str) -> KmsKey | None:
        """The key that was asked for under this id."""
        return next((key for key in self.keys if key.id == key_id), None)
