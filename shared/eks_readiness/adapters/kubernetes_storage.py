"""StorageClasses and the PersistentVolumes that lie on EBS."""

from __future__ import annotations

import msgspec

from eks_readiness.adapters.probe import Gathered, Kind, KubernetesProbe, KubernetesReader, Right
from eks_readiness.domain.evidence import PersistentVolumes, StorageClasses
from eks_readiness.domain.evidence.storage import EBS_PROVISIONERS, EbsPersistentVolume, StorageClass

CLASSES = Kind("storage.k8s.io", "storageclasses")
VOLUMES = Kind("", "persistentvolumes")
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_IN_TREE = "kubernetes.io/aws-ebs"


class _Meta(msgspec.Struct, gc=False):
    name: str = ""
    annotations: dict[str, str] | None = None


class _Class(msgspec.Struct, gc=False):
    metadata: _Meta
    provisioner: str = ""
    parameters: dict[str, str] | None = None


class _Csi(msgspec.Struct, gc=False, rename="camel"):
    driver: str = ""
    volume_handle: str = ""


class _InTree(msgspec.Struct, gc=False):
    volume_id: str = msgspec.field(default="", name="volumeID")


class _Claim(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    csi: _Csi | None = None
    aws_elastic_block_store: _InTree | None = None
    claim_ref: _Claim | None = None


class _Status(msgspec.Struct, gc=False):
    phase: str | None = None


class _Volume(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


def read_classes(api: KubernetesReader, gathered: Gathered) -> StorageClasses:
    """Every StorageClass."""
    return StorageClasses(
        observed_at=gathered.observed_at,
        source="storage.k8s.io storageclasses",
        classes=tuple(_class(each) for each in api.items(CLASSES, _Class)),
    )


def _class(each: _Class) -> StorageClass:
    # As the driver reads them: https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/pkg/driver/controller.go
    parameters = {key.lower(): value for key, value in (each.parameters or {}).items()}
    encrypted = parameters.get("encrypted")
    return StorageClass(
        name=each.metadata.name,
        provisioner=each.provisioner,
        encrypted=None if encrypted is None else encrypted == "true",
        kms_key_id=parameters.get("kmskeyid", ""),
        default=(each.metadata.annotations or {}).get(_DEFAULT) == "true",
    )


def read_volumes(api: KubernetesReader, gathered: Gathered) -> PersistentVolumes:
    """How many PersistentVolumes there are, and those on EBS."""
    total, ebs = 0, list[EbsPersistentVolume]()
    for each in api.items(VOLUMES, _Volume):
        total += 1
        if (found := _on_ebs(each)) is not None:
            ebs.append(found)
    return PersistentVolumes(observed_at=gathered.observed_at, source="persistentvolumes", total=total, ebs=tuple(ebs))


def _on_ebs(each: _Volume) -> EbsPersistentVolume | None:
    spec = each.spec or _Spec()
    if spec.csi is not None and spec.csi.driver in EBS_PROVISIONERS:
        driver, volume = spec.csi.driver, spec.csi.volume_handle
    elif spec.aws_elastic_block_store is not None:
        # In-tree ones are written aws://<zone>/vol-…, or as the bare id.
        driver, volume = _IN_TREE, spec.aws_elastic_block_store.volume_id.rpartition("/")[2]
    else:
        return None
    claim = spec.claim_ref
    return EbsPersistentVolume(
        name=each.metadata.name,
        volume_id=volume,
        phase=(each.status and each.status.phase) or "",
        driver=driver,
        claim=f"{claim.namespace}/{claim.name}" if claim else "",
    )


PROBES = (
    KubernetesProbe(provides=StorageClasses, rights=(Right("storage.k8s.io", "storageclasses"),), read=read_classes),
    KubernetesProbe(provides=PersistentVolumes, rights=(Right("", "persistentvolumes"),), read=read_volumes),
)
"""What this module gathers."""
