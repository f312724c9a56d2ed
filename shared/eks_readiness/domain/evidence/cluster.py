"""The cluster as the EKS API describes it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from eks_readiness.domain.evidence.slice import Slice


class HealthIssue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem that EKS reports about a cluster, node group or add-on."""

    code: str
    message: str = ""
    resource_ids: tuple[str, ...] = ()


class ClusterConfiguration(Slice, frozen=True, kw_only=True):
    """eks:DescribeCluster, reduced to what checks judge.

    `version` is the Kubernetes minor version, like 1.34. `log_types` holds the enabled control plane log types, all
    elements of the API's list merged. The three Auto Mode parts are on together or not at all; `auto_mode` says so.
    `remote_networks`: networks outside AWS are named, so that hybrid nodes may join.
    `deletion_protection` is None where the API does not say. `encryption_key_arn` is empty without a customer key.
    `stack_id` names the CloudFormation stack that made the cluster, as its tags tell it; empty without one.
    `oidc_issuer` is the issuer of ServiceAccount tokens. `auto_mode_node_role` is the role's ARN of Auto Mode's nodes.
    """

    arn: str
    version: str
    status: str
    created_at: datetime
    platform_version: str = ""
    health_issues: tuple[HealthIssue, ...] = ()
    endpoint_public_access: bool
    endpoint_private_access: bool
    public_access_cidrs: tuple[str, ...] = ()
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    log_types: tuple[str, ...] = ()
    auto_mode_compute: bool = False
    auto_mode_storage: bool = False
    auto_mode_load_balancing: bool = False
    ip_family: str = "ipv4"
    remote_networks: bool = False
    deletion_protection: bool | None = None
    zonal_shift: bool = False
    authentication_mode: str = ""
    encryption_key_arn: str = ""
    support_type: str = ""
    endpoint: str = ""
    stack_id: str = ""
    oidc_issuer: str = ""
    auto_mode_node_role: str = ""

    @property
    def auto_mode(self) -> bool:
        """Whether AWS runs the nodes, the network, DNS and block storage of this cluster."""
        return self.auto_mode_compute and self.auto_mode_storage and self.auto_mode_load_balancing


class VersionSupport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long EKS supports one Kubernetes version. `status` is the API's versionStatus."""

    version: str
    status: str
    end_of_standard_support_at: datetime | None = None
    end_of_extended_support_at: datetime | None = None


class ClusterVersions(Slice, frozen=True, kw_only=True):
    """eks:DescribeClusterVersions for the cluster's own version; empty when EKS does not list that version."""

    versions: tuple[VersionSupport, ...] = ()


class UpgradeInsight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finding of EKS about the next upgrade. `status` is PASSING, WARNING, ERROR or UNKNOWN."""

    id: str
    name: str
    status: str
    kubernetes_version: str = ""
    reason: str = ""
    last_refreshed_at: datetime | None = None


class UpgradeInsights(Slice, frozen=True, kw_only=True):
    """eks:ListInsights, category UPGRADE_READINESS."""

    insights: tuple[UpgradeInsight, ...] = ()


class Addon(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One EKS-managed add-on. `enables_network_policy` is its enableNetworkPolicy option; None where not set.

    `own_role`: it has an IAM role of its own, by IRSA or by EKS Pod Identity.
    """

    name: str
    version: str
    status: str
    health_issues: tuple[HealthIssue, ...] = ()
    enables_network_policy: bool | None = None
    own_role: bool = False


class Addons(Slice, frozen=True, kw_only=True):
    """eks:ListAddons and DescribeAddon: every managed add-on of the cluster."""

    addons: tuple[Addon, ...] = ()

    def named(self, name: str) -> Addon | None:
        """The managed add-on of that name, if the cluster has it."""
        return next((addon for addon in self.addons if addon.name == name), None)


class AddonCompatibility(msgspec.Struct, frozen=True, kw_only=True):
    """The add-on versions that EKS calls compatible with the cluster's Kubernetes version."""

    name: str
    versions: tuple[str, ...] = ()


class AddonVersions(Slice, frozen=True, kw_only=True):
    """eks:DescribeAddonVersions for the cluster's version, for each managed add-on that it has."""

    compatible: tuple[AddonCompatibility, ...] = ()


class Nodegroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One managed node group. Sizes count nodes. `release_version` is the AMI's; empty for a custom AMI.

    `ssh_key` is the key pair of its remoteAccess; `auto_scaling_groups` names those that EKS made for it.
    `node_role` is the ARN of its nodes' IAM role.
    """

    name: str
    status: str
    health_issues: tuple[HealthIssue, ...] = ()
    min_size: int = 0
    max_size: int = 0
    desired_size: int = 0
    ami_type: str = ""
    version: str = ""
    release_version: str = ""
    capacity_type: str = ""
    subnet_ids: tuple[str, ...] = ()
    ssh_key: str = ""
    auto_scaling_groups: tuple[str, ...] = ()
    auto_repair: bool = False
    node_role: str = ""


class Nodegroups(Slice, frozen=True, kw_only=True):
    """eks:ListNodegroups and DescribeNodegroup: every managed node group."""

    nodegroups: tuple[Nodegroup, ...] = ()


class FargateProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Fargate profile, with the namespaces that its selectors name."""

    name: str
    status: str
    subnet_ids: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


class FargateProfiles(Slice, frozen=True, kw_only=True):
    """eks:ListFargateProfiles and DescribeFargateProfile."""

    profiles: tuple[FargateProfile, ...] = ()
