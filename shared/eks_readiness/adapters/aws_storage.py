"""EBS volumes as EC2 knows them, the account's encryption default, and the KMS keys behind both."""

from __future__ import annotations

from typing import Any, TypeVar

from eks_readiness.adapters.aws_lists import by_filter
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest
from eks_readiness.domain.evidence import (
    EbsEncryptionDefault,
    EbsVolumes,
    KmsKeys,
    PersistentVolumes,
    Slice,
    StorageClasses,
    Unavailable,
)
from eks_readiness.domain.evidence.storage import EbsVolume, KmsKey

S = TypeVar("S", bound=Slice)


def read_volumes(aws: AwsReader, gathered: Gathered) -> EbsVolumes:
    """The volumes behind the cluster's PersistentVolumes."""
    wanted = sorted({each.volume_id for each in gathered.get(PersistentVolumes).ebs if each.volume_id})
    found = {
        str(each["VolumeId"]): EbsVolume(
            id=each["VolumeId"], encrypted=bool(each.get("Encrypted")), kms_key_id=each.get("KmsKeyId") or ""
        )
        for each in by_filter(aws, "DescribeVolumes", "volume-id", wanted, IncludeManagedResources=True)
    }
    return EbsVolumes(
        observed_at=gathered.observed_at,
        source="ec2:DescribeVolumes",
        volumes=tuple(found[volume] for volume in wanted if volume in found),
        missing=tuple(volume for volume in wanted if volume not in found),
    )


def read_default(aws: AwsReader, gathered: Gathered) -> EbsEncryptionDefault:
    """Whether the account encrypts new volumes in this region, and with which key."""
    enabled = bool(aws.read("ec2", "GetEbsEncryptionByDefault").get("EbsEncryptionByDefault"))
    key = aws.read("ec2", "GetEbsDefaultKmsKeyId").get("KmsKeyId") if enabled else ""
    return EbsEncryptionDefault(
        observed_at=gathered.observed_at,
        source="ec2:GetEbsEncryptionByDefault, ec2:GetEbsDefaultKmsKeyId",
        enabled=enabled,
        kms_key_id=key or "",
    )


def read_keys(aws: AwsReader, gathered: Gathered) -> KmsKeys:
    """Every key that volumes, classes or the default name; one that may not be described says so itself."""
    volumes, default = _if_there(gathered, EbsVolumes), _if_there(gathered, EbsEncryptionDefault)
    classes = _if_there(gathered, StorageClasses)
    named = {
        *(each.kms_key_id for each in (volumes.volumes if volumes else ())),
        *(each.kms_key_id for each in (classes.classes if classes else ()) if each.ebs),
        default.kms_key_id if default else "",
    }
    wanted = sorted(named - {""})
    answers = aws.read_each("kms", "DescribeKey", [{"KeyId": key} for key in wanted])
    return KmsKeys(
        observed_at=gathered.observed_at,
        source="kms:DescribeKey",
        keys=tuple(_key(key, answer) for key, answer in zip(wanted, answers, strict=True)),
    )


def _if_there(gathered: Gathered, kind: type[S]) -> S | None:
    return None if isinstance(gathered.slices[kind], Unavailable) else gathered.get(kind)


def _key(key: str, answer: dict[str, Any] | ProbeError) -> KmsKey:
    if isinstance(answer, AccessDenied | RefusedRequest):
        return KmsKey(id=key, unreadable=str(answer))
    if isinstance(answer, ProbeError):
        raise answer
    found = answer["KeyMetadata"]
    return KmsKey(id=key, manager=found.get("KeyManager") or "", state=found.get("KeyState") or "")


PROBES = (
    AwsProbe(provides=EbsVolumes, actions=("ec2:DescribeVolumes",), read=read_volumes, after=(PersistentVolumes,)),
    AwsProbe(
        provides=EbsEncryptionDefault,
        actions=("ec2:GetEbsEncryptionByDefault", "ec2:GetEbsDefaultKmsKeyId"),
        read=read_default,
    ),
    AwsProbe(
        provides=KmsKeys,
        actions=("kms:DescribeKey",),
        read=read_keys,
        after=(EbsVolumes, EbsEncryptionDefault, StorageClasses),
    ),
)
"""What this module gathers."""
