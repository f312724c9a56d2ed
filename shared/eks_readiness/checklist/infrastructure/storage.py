"""Storage: EBS driver, volumes encrypted with KMS."""

from __future__ import annotations

from eks_readiness.checklist.check import check, if_available
from eks_readiness.checklist.shapes import IN_ORDER, first_unavailable
from eks_readiness.domain.evidence import (
    Addons,
    ClusterConfiguration,
    Components,
    EbsEncryptionDefault,
    EbsVolumes,
    KmsKeys,
    Nodes,
    PersistentVolumes,
    StorageClasses,
    Unavailable,
)
from eks_readiness.domain.evidence.nodes import ComponentName
from eks_readiness.domain.evidence.storage import EbsVolume, KmsKey
from eks_readiness.domain.finding import Verdict, failed, not_applicable, passed
from eks_readiness.domain.policy import Policy

_ADDON = "aws-ebs-csi-driver"
_AUTO_MODE_DRIVER = "ebs.csi.eks.amazonaws.com"
_WORKLOADS: tuple[ComponentName, ...] = ("ebs-csi-controller", "ebs-csi-node")


@check(
    "storage.ebs-csi-driver",
    needs=(
        ClusterConfiguration,
        if_available(Addons),
        if_available(Components),
        if_available(StorageClasses),
        if_available(PersistentVolumes),
        if_available(Nodes),
    ),
    required=True,
)
def ebs_driver_is_healthy(  # noqa: PLR0913 - one for each slice
    cluster: ClusterConfiguration,
    addons: Addons | Unavailable,
    components: Components | Unavailable,
    classes: StorageClasses | Unavailable,
    volumes: PersistentVolumes | Unavailable,
    nodes: Nodes | Unavailable,
    policy: Policy,
) -> Verdict | Unavailable:
    """The EBS CSI driver is healthy: its add-on is ACTIVE without issues, its controller and node pods fully ready.

    EKS Auto Mode runs a driver of its own, which serves no volume of the other: one that is bound needs this one. Where
    the cluster cannot be read, the add-on decides.
    Not applicable when: there is no StorageClass for EBS and no volume on it; or no volume, and every node is Fargate,
    where none can be mounted.
    Why: without it no EBS volume is made, attached or moved; pods with volumes do not start again.
    Fix: aws eks create-addon --addon-name aws-ebs-csi-driver, with a role for its service account.
    Source: https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html
    """
    if cluster.auto_mode_storage:
        if isinstance(volumes, Unavailable):
            return volumes
        if not any(each.phase == "Bound" and each.driver != _AUTO_MODE_DRIVER for each in volumes.ebs):
            return passed("EKS Auto Mode runs the EBS driver")
    addon = None if isinstance(addons, Unavailable) else addons.named(_ADDON)
    if addon is not None and (addon.status not in IN_ORDER or addon.health_issues):
        issues = [f"{each.code}: {each.message}" for each in addon.health_issues]
        return failed(f"add-on {_ADDON} is {addon.status} with {len(issues)} health issues", issues)
    if isinstance(components, Unavailable):
        return (
            passed(f"add-on {_ADDON} is {addon.status}; the cluster itself could not be read") if addon else components
        )
    driver = _driver(components)
    if driver.outcome == "pass":
        return addons if isinstance(addons, Unavailable) else driver
    return _unused(classes, volumes, nodes) or driver


def _unused(
    classes: StorageClasses | Unavailable, volumes: PersistentVolumes | Unavailable, nodes: Nodes | Unavailable
) -> Verdict | Unavailable | None:
    """Why nobody can use EBS here, or why that cannot be told; None where somebody can."""
    if isinstance(volumes, PersistentVolumes) and volumes.ebs:
        return None
    by_class = isinstance(classes, StorageClasses) and any(each.ebs for each in classes.classes)
    if not by_class:
        return first_unavailable(classes, volumes) or not_applicable("no StorageClass for EBS and no volume on it")
    if isinstance(nodes, Unavailable):
        return nodes
    # EKS used to make a class for EBS in every cluster.
    if not nodes.nodes or any(each.compute != "fargate" for each in nodes.nodes):
        return None
    return first_unavailable(volumes) or not_applicable(
        "every node is Fargate, where no EBS volume can be mounted, and there is none"
    )


def _driver(components: Components) -> Verdict:
    found = {name: components.named(name) for name in _WORKLOADS}
    if absent := [name for name, workloads in found.items() if not workloads]:
        return failed(f"{' and '.join(absent)} of the EBS driver are not in the cluster")
    workloads = [each for named in found.values() for each in named]
    # A DaemonSet of the chart for an operating system that no node has is wanted nowhere.
    short = [each for each in workloads if not each.fully_ready and (each.desired or each.kind != "DaemonSet")]
    said = "; ".join(f"{each.where} has {each.ready} of {each.desired} pods ready" for each in short or workloads)
    return failed(said, [each.where for each in short]) if short else passed(said)


@check("storage.volumes-encrypted", needs=(PersistentVolumes, EbsVolumes, if_available(KmsKeys)), required=True)
def volumes_are_encrypted(
    volumes: PersistentVolumes, ebs: EbsVolumes, keys: KmsKeys | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every bound EBS volume is encrypted with a KMS key that is enabled.

    Not applicable when: no volume on EBS is bound.
    Why: an unencrypted volume, or its snapshot, can be read by whoever gets hold of it; one whose key is disabled
    cannot be attached again.
    Fix: make an encrypted StorageClass, copy the data (a snapshot can be copied with encryption), replace the volume.
    Source: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html
    """
    claims = {each.volume_id: each.claim or each.name for each in volumes.ebs if each.phase == "Bound"}
    if not claims:
        return not_applicable("no volume on EBS is bound")
    known = {each.id: each for each in ebs.volumes}
    states = {volume: _volume_problem(known.get(volume), keys) for volume in sorted(claims)}
    bad = [f"{volume} ({claims[volume]}): {said}" for volume, said in states.items() if isinstance(said, str) and said]
    if bad:
        return failed(f"{len(bad)} of {len(claims)} EBS volumes are not encrypted with an enabled key", bad)
    unknown = first_unavailable(*states.values())
    return unknown or passed(f"{len(claims)} EBS volumes are encrypted with enabled keys")


def _volume_problem(volume: EbsVolume | None, keys: KmsKeys | Unavailable) -> str | Unavailable:
    if volume is None:
        return Unavailable(
            reason="unexpected",
            detail="EC2 does not know a volume that the cluster has bound",
            remedy="the volume was deleted, or belongs to another account or region",
        )
    if not volume.encrypted:
        return "not encrypted"
    if isinstance(keys, Unavailable):
        return keys
    key = keys.named(volume.kms_key_id)
    if key is None or key.unreadable:
        return _unreadable(volume, key)
    return "" if key.state == "Enabled" else f"its key is {key.state}"


def _unreadable(volume: EbsVolume, key: KmsKey | None) -> Unavailable:
    return Unavailable(
        reason="denied",
        detail=key.unreadable if key else f"nothing is known about key {volume.kms_key_id or '(none named)'}",
        remedy="allow the scanner's role kms:DescribeKey on it, also in the key's own policy",
    )


@check("storage.classes-encrypted", needs=(StorageClasses, if_available(EbsEncryptionDefault)), required=True)
def classes_encrypt(
    classes: StorageClasses, default: EbsEncryptionDefault | Unavailable, policy: Policy
) -> Verdict | Unavailable:
    """Every StorageClass for EBS encrypts, or the account encrypts new volumes by default.

    Not applicable when: there is no StorageClass for EBS.
    Why: what the class does not encrypt, the next claim makes unencrypted.
    Fix: aws ec2 enable-ebs-encryption-by-default, or set parameters.encrypted: "true" in a new class.
    Source: https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html
    """
    judged = [each for each in classes.classes if each.ebs]
    if not judged:
        return not_applicable("there is no StorageClass for EBS")
    open_ones = [each.name for each in judged if not each.encrypted]
    if not open_ones:
        return passed(f"{len(judged)} StorageClasses encrypt")
    if isinstance(default, Unavailable):
        return default
    if default.enabled:
        return passed("the account encrypts new volumes by default")
    return failed(
        f"{len(open_ones)} of {len(judged)} StorageClasses do not encrypt, nor does the account by default", open_ones
    )


@check("storage.customer-managed-key", needs=(PersistentVolumes, EbsVolumes, KmsKeys), required=False)
def keys_are_customer_managed(
    volumes: PersistentVolumes, ebs: EbsVolumes, keys: KmsKeys, policy: Policy
) -> Verdict | Unavailable:
    """The key of every encrypted EBS volume is managed by the customer.

    Not applicable when: no encrypted volume on EBS is bound.
    Why: only a key of one's own has a policy, can be shared with a recovery account, and can be withdrawn.
    Fix: name a key of your own in the class (parameters.kmsKeyId) or as the account's default.
    Source: https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#customer-mgn-key
    """
    bound = {each.volume_id for each in volumes.ebs if each.phase == "Bound"}
    encrypted = [each for each in ebs.volumes if each.encrypted and each.id in bound]
    if not encrypted:
        return not_applicable("no encrypted volume on EBS is bound")
    found = [(each, keys.named(each.kms_key_id)) for each in encrypted]
    others = [
        f"{volume.id} ({key.manager})"
        for volume, key in found
        if key and not key.unreadable and key.manager != "CUSTOMER"
    ]
    if others:
        return failed(f"{len(others)} of {len(encrypted)} volumes use a key that AWS manages", others)
    unread = next(((volume, key) for volume, key in found if key is None or key.unreadable), None)
    return _unreadable(*unread) if unread else passed(f"{len(encrypted)} volumes use keys of the customer")
