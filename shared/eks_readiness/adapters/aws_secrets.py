"""Secrets of AWS Secrets Manager that the cluster refers to (metadata alone), and the KMS keys behind what it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import AccessDenied, ProbeError, RefusedRequest, bounded
from eks_readiness.domain.evidence import (
    AwsBackup,
    ClusterConfiguration,
    ControlPlaneLogs,
    EbsVolumes,
    ReferencedSecrets,
    SecretSources,
    Slice,
    Unavailable,
    UsedKeys,
)
from eks_readiness.domain.evidence.secrets import ManagedSecret, SecretReference, UsedKey

S = TypeVar("S", bound=Slice)
_NAMES_AT_ONCE = 10
"""Values that one filter takes.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html
"""
_ARN = re.compile(r"arn:[\w-]+:secretsmanager:(?P<region>[\w-]*):(?P<account>[0-9]*):secret:(?P<name>.+)")
_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}\Z")
_MAX_KEYS = 100
_MAX_VAULTS = 20
_ENABLED = frozenset({"Enabled", "Updating"})
_NEVER = "UnsupportedOperationException"
"""What KMS says of a key that it cannot rotate, like one in a key store of the customer's own."""


def read_referenced_secrets(aws: AwsReader, gathered: Gathered) -> ReferencedSecrets:
    """When each secret that the cluster names was rotated. Names are asked for in tens, values never."""
    references = gathered.get(SecretSources).references
    here = [each for each in references if _is_here(each, gathered.cluster)]
    names = sorted({_prefix(each.key) for each in here})
    listed: list[Mapping[str, Any]] = []
    for start in range(0, len(names), _NAMES_AT_ONCE):
        # A name is a prefix to this filter: others come along, and are dropped below.
        filters = [{"Key": "name", "Values": names[start : start + _NAMES_AT_ONCE]}]
        found = aws.pages("secretsmanager", "ListSecrets", "SecretList", Filters=filters)
        listed += [each for each in found if any(_names(one.key, each) for one in here)]
    secrets = {each["ARN"]: _secret(each) for each in listed}
    return ReferencedSecrets(
        observed_at=gathered.observed_at,
        source="secretsmanager:ListSecrets",
        secrets=tuple(secrets[arn] for arn in sorted(secrets)),
        missing=tuple(each.key for each in here if not any(_names(each.key, one) for one in listed)),
        elsewhere=tuple(each.key for each in references if each not in here),
    )


def _is_here(reference: SecretReference, cluster: ClusterRef) -> bool:
    arn = _ARN.fullmatch(reference.key)
    region = (arn["region"] if arn else "") or reference.region or cluster.region
    return region == cluster.region and (arn is None or arn["account"] in ("", cluster.account))


def _prefix(key: str) -> str:
    """What the name of a secret begins with; an ARN ends in six characters more, if it is whole."""
    arn = _ARN.fullmatch(key)
    return _SUFFIX.sub("", arn["name"]) if arn else key


def _names(key: str, listed: Mapping[str, Any]) -> bool:
    """Whether a reference means a secret: by name, by ARN, or by an ARN without its last six characters."""
    arn = str(listed.get("ARN") or "")
    return key in (listed.get("Name"), arn, _SUFFIX.sub("", arn))


def _secret(found: Mapping[str, Any]) -> ManagedSecret:
    return ManagedSecret(
        name=bounded(found.get("Name") or ""),
        arn=found["ARN"],
        created_at=found.get("CreatedDate"),
        rotation=bool(found.get("RotationEnabled")),
        rotated_at=found.get("LastRotatedDate"),
        kms_key_id=found.get("KmsKeyId") or "",
    )


def read_used_keys(aws: AwsReader, gathered: Gathered) -> UsedKeys:
    """Every key behind the cluster's data, its volumes, logs, secrets and backups, and whether it rotates."""
    uses = _Uses(aws, gathered)
    keys = sorted(uses.found)
    if len(keys) > _MAX_KEYS:
        uses.unread.append(_left_out(len(keys) - _MAX_KEYS, "keys", _MAX_KEYS))
    keys = keys[:_MAX_KEYS]
    described = aws.read_each("kms", "DescribeKey", [{"KeyId": key} for key in keys])
    known = [_key(key, uses.found[key], answer) for key, answer in zip(keys, described, strict=True)]
    return UsedKeys(
        observed_at=gathered.observed_at,
        source="kms:DescribeKey, kms:GetKeyRotationStatus, backup:DescribeBackupVault",
        keys=tuple(_with_rotation(aws, known)),
        unread=tuple(uses.unread),
    )


def _left_out(number: int, what: str, limit: int) -> Unavailable:
    return Unavailable(
        reason="unsupported", detail=f"{number} more {what} than the {limit} that one scan looks at", remedy=""
    )


class _Uses:
    """Which keys are used for what; uses that could not be looked at stand in `unread`."""

    def __init__(self, aws: AwsReader, gathered: Gathered) -> None:
        self.found: dict[str, set[str]] = {}
        self.unread: list[Unavailable] = []
        self._gathered = gathered
        if cluster := self._get(ClusterConfiguration):
            self._note(cluster.encryption_key_arn, "cluster")
        if volumes := self._get(EbsVolumes):
            for volume in volumes.volumes:
                self._note(volume.kms_key_id, "volumes")
        if logs := self._get(ControlPlaneLogs):
            self._note(logs.kms_key_id, "logs")
        if secrets := self._get(ReferencedSecrets):
            for secret in secrets.secrets:
                self._note(secret.kms_key_id, "secrets")
        if backup := self._get(AwsBackup):
            if isinstance(backup.plans, Unavailable):
                self.unread.append(backup.plans)
            else:
                self._note_vaults(aws, {rule.vault for plan in backup.plans for rule in plan.rules if rule.vault})

    def _get(self, kind: type[S]) -> S | None:
        found = self._gathered.slices[kind]
        if isinstance(found, Unavailable):
            self.unread.append(found)
            return None
        return self._gathered.get(kind)

    def _note(self, key: str, use: str) -> None:
        if key:
            self.found.setdefault(key, set()).add(use)

    def _note_vaults(self, aws: AwsReader, vaults: Iterable[str]) -> None:
        names = sorted(vaults)
        if len(names) > _MAX_VAULTS:
            self.unread.append(_left_out(len(names) - _MAX_VAULTS, "backup vaults", _MAX_VAULTS))
        names = names[:_MAX_VAULTS]
        answers = aws.read_each("backup", "DescribeBackupVault", [{"BackupVaultName": name} for name in names])
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, AccessDenied | RefusedRequest):
                # AWS Backup also answers "access denied" for a vault that is not there.
                self.unread.append(Unavailable.because(answer))
            elif isinstance(answer, ProbeError):
                raise answer
            else:
                self._note(answer.get("EncryptionKeyArn") or "", f"backup vault {name}")


def _key(key: str, used_by: set[str], answer: dict[str, Any] | ProbeError) -> UsedKey:
    uses = tuple(sorted(used_by))
    if isinstance(answer, AccessDenied | RefusedRequest):
        return UsedKey(id=key, used_by=uses, unread=Unavailable.because(answer))
    if isinstance(answer, ProbeError):
        raise answer
    found = answer["KeyMetadata"]
    return UsedKey(
        id=found.get("Arn") or key,
        used_by=uses,
        manager=found.get("KeyManager") or "",
        state=found.get("KeyState") or "",
        symmetric=(found.get("KeySpec") or "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT",
        origin=found.get("Origin") or "",
    )


def _with_rotation(aws: AwsReader, keys: list[UsedKey]) -> Iterator[UsedKey]:
    asked = [each for each in keys if each.manager != "AWS" and each.symmetric and each.state in _ENABLED]
    answers = aws.read_each("kms", "GetKeyRotationStatus", [{"KeyId": each.id} for each in asked])
    found = dict(zip((each.id for each in asked), answers, strict=True))
    for key in keys:
        answer = found.get(key.id)
        if answer is None:
            yield key
        elif isinstance(answer, RefusedRequest) and answer.code == _NEVER:
            yield msgspec.structs.replace(key, rotates=False)
        elif isinstance(answer, AccessDenied | RefusedRequest):
            yield msgspec.structs.replace(key, unread=Unavailable.because(answer))
        elif isinstance(answer, ProbeError):
            raise answer
        else:
            yield msgspec.structs.replace(key, rotates=bool(answer.get("KeyRotationEnabled")))


PROBES = (
    AwsProbe(
        provides=ReferencedSecrets,
        actions=("secretsmanager:ListSecrets",),
        read=read_referenced_secrets,
        after=(SecretSources,),
    ),
    AwsProbe(
        provides=UsedKeys,
        actions=("kms:DescribeKey", "kms:GetKeyRotationStatus", "backup:DescribeBackupVault"),
        read=read_used_keys,
        after=(ClusterConfiguration, EbsVolumes, ControlPlaneLogs, ReferencedSecrets, AwsBackup),
    ),
)
"""What this module gathers."""
