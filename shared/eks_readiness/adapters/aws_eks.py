"""The cluster, its versions, add-ons, node groups and Fargate profiles, as the EKS API describes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eks_readiness.adapters.aws_lists import every_page
from eks_readiness.adapters.probe import AwsProbe, AwsReader, Gathered
from eks_readiness.domain.errors import ProbeError, RefusedRequest, Unsupported, bounded
from eks_readiness.domain.evidence import (
    Addons,
    AddonVersions,
    ClusterConfiguration,
    ClusterVersions,
    FargateProfiles,
    Nodegroups,
    UpgradeInsights,
)
from eks_readiness.domain.evidence.cluster import (
    Addon,
    AddonCompatibility,
    FargateProfile,
    HealthIssue,
    Nodegroup,
    UpgradeInsight,
    VersionSupport,
)

_GONE = "ResourceNotFoundException"


def read_cluster(aws: AwsReader, gathered: Gathered) -> ClusterConfiguration:
    """eks:DescribeCluster, reduced to what checks judge."""
    found = aws.read("eks", "DescribeCluster", name=gathered.cluster.name)["cluster"]
    if (elsewhere := runs_elsewhere(found)) is not None:
        raise elsewhere
    network = found.get("resourcesVpcConfig") or {}
    kubernetes_network = found.get("kubernetesNetworkConfig") or {}
    return ClusterConfiguration(
        observed_at=gathered.observed_at,
        source="eks:DescribeCluster",
        arn=found["arn"],
        version=found.get("version") or "",
        status=found.get("status") or "",
        created_at=found["createdAt"],
        platform_version=found.get("platformVersion") or "",
        health_issues=_issues(found.get("health")),
        endpoint_public_access=bool(network.get("endpointPublicAccess")),
        endpoint_private_access=bool(network.get("endpointPrivateAccess")),
        public_access_cidrs=tuple(network.get("publicAccessCidrs") or ()),
        vpc_id=network.get("vpcId") or "",
        subnet_ids=tuple(network.get("subnetIds") or ()),
        security_group_ids=_security_groups(network),
        log_types=_log_types(found.get("logging") or {}),
        auto_mode_compute=_on(found.get("computeConfig")),
        auto_mode_storage=_on((found.get("storageConfig") or {}).get("blockStorage")),
        auto_mode_load_balancing=_on(kubernetes_network.get("elasticLoadBalancing")),
        ip_family=kubernetes_network.get("ipFamily") or "ipv4",
        remote_networks=bool((found.get("remoteNetworkConfig") or {}).get("remoteNodeNetworks")),
        deletion_protection=found.get("deletionProtection"),
        zonal_shift=_on(found.get("zonalShiftConfig")),
        authentication_mode=(found.get("accessConfig") or {}).get("authenticationMode") or "",
        encryption_key_arn=_encryption_key(found.get("encryptionConfig") or ()),
        support_type=(found.get("upgradePolicy") or {}).get("supportType") or "",
        endpoint=found.get("endpoint") or "",
        stack_id=_stack(found.get("tags") or {}),
        oidc_issuer=((found.get("identity") or {}).get("oidc") or {}).get("issuer") or "",
        auto_mode_node_role=(found.get("computeConfig") or {}).get("nodeRoleArn") or "",
    )


def runs_elsewhere(described: Mapping[str, Any]) -> Unsupported | None:
    """Why a described cluster cannot be scanned: it was only connected to EKS, which does not run it."""
    connected = described.get("connectorConfig")
    if connected is None:
        return None
    return Unsupported(
        f"{described.get('name')} is a connected cluster ({connected.get('provider') or 'of another provider'}): "
        "EKS shows it, and does not run it",
        remedy="only clusters that EKS runs can be scanned: eks-readiness clusters remove <arn>",
    )


def _on(part: Mapping[str, Any] | None) -> bool:
    return bool(part and part.get("enabled"))


def _issues(health: Mapping[str, Any] | None) -> tuple[HealthIssue, ...]:
    return tuple(
        HealthIssue(
            code=str(each.get("code") or "unknown"),
            message=bounded(str(each.get("message") or "")),
            resource_ids=tuple(map(str, each.get("resourceIds") or ())),
        )
        for each in (health or {}).get("issues") or ()
    )


def _stack(tags: Mapping[str, str]) -> str:
    """CloudFormation tags what it makes; eksctl makes clusters with it."""
    return tags.get("aws:cloudformation:stack-id") or tags.get("aws:cloudformation:stack-name") or ""


def _security_groups(network: Mapping[str, Any]) -> tuple[str, ...]:
    own = network.get("clusterSecurityGroupId")
    return tuple(dict.fromkeys([*([own] if own else []), *(network.get("securityGroupIds") or ())]))


def _log_types(logging: Mapping[str, Any]) -> tuple[str, ...]:
    """Every type that some element of the list enables: the API may spread them over several."""
    enabled = {
        kind for each in logging.get("clusterLogging") or () if each.get("enabled") for kind in each.get("types") or ()
    }
    return tuple(sorted(enabled))


def _encryption_key(configs: Iterable[Mapping[str, Any]]) -> str:
    for each in configs:
        if "secrets" in (each.get("resources") or ()):
            return str((each.get("provider") or {}).get("keyArn") or "")
    return ""


def read_versions(aws: AwsReader, gathered: Gathered) -> ClusterVersions:
    """How long EKS supports the cluster's version."""
    version = gathered.get(ClusterConfiguration).version
    found = aws.pages("eks", "DescribeClusterVersions", "clusterVersions", clusterVersions=[version])
    return ClusterVersions(
        observed_at=gathered.observed_at,
        source="eks:DescribeClusterVersions",
        versions=tuple(
            VersionSupport(
                version=each["clusterVersion"],
                status=each.get("versionStatus") or each.get("status") or "",
                end_of_standard_support_at=each.get("endOfStandardSupportDate"),
                end_of_extended_support_at=each.get("endOfExtendedSupportDate"),
            )
            for each in found
            if each.get("clusterVersion") == version
        ),
    )


def read_insights(aws: AwsReader, gathered: Gathered) -> UpgradeInsights:
    """What EKS itself found out about the next upgrade."""
    found = aws.pages(
        "eks",
        "ListInsights",
        "insights",
        clusterName=gathered.cluster.name,
        filter={"categories": ["UPGRADE_READINESS"]},
    )
    return UpgradeInsights(
        observed_at=gathered.observed_at,
        source="eks:ListInsights",
        insights=tuple(
            UpgradeInsight(
                id=each["id"],
                name=bounded(each.get("name") or ""),
                status=(each.get("insightStatus") or {}).get("status") or "",
                kubernetes_version=each.get("kubernetesVersion") or "",
                reason=bounded((each.get("insightStatus") or {}).get("reason") or ""),
                last_refreshed_at=each.get("lastRefreshTime"),
            )
            for each in found
        ),
    )


def read_addons(aws: AwsReader, gathered: Gathered) -> Addons:
    """Every managed add-on."""
    names = list(aws.pages("eks", "ListAddons", "addons", clusterName=gathered.cluster.name))
    found = _each(aws, "DescribeAddon", gathered, "addonName", names)
    return Addons(
        observed_at=gathered.observed_at,
        source="eks:ListAddons, eks:DescribeAddon",
        addons=tuple(_addon(each["addon"]) for each in found),
    )


def _addon(found: Mapping[str, Any]) -> Addon:
    return Addon(
        name=found["addonName"],
        version=found.get("addonVersion") or "",
        status=found.get("status") or "",
        health_issues=_issues(found.get("health")),
        enables_network_policy=_network_policy(found.get("configurationValues") or ""),
        own_role=bool(found.get("serviceAccountRoleArn") or found.get("podIdentityAssociations")),
    )


class _VpcCniOptions(msgspec.Struct):
    network_policy: str | bool | None = msgspec.field(default=None, name="enableNetworkPolicy")


_OPTIONS = msgspec.json.Decoder(_VpcCniOptions)


def _network_policy(options: str) -> bool | None:
    """The one option that is kept of an add-on's; options may be JSON or YAML, and may hold anything."""
    try:
        value = _OPTIONS.decode(options).network_policy
    except msgspec.DecodeError:
        # YAML, then: one line says it.
        value = next(
            (
                line.partition(":")[2].strip(" '\"")
                for line in options.splitlines()
                if line.startswith("enableNetworkPolicy:")
            ),
            None,
        )
    return None if value is None else str(value).lower() == "true"


def read_addon_versions(aws: AwsReader, gathered: Gathered) -> AddonVersions:
    """The versions of each managed add-on that EKS calls compatible with the cluster's version."""
    version = gathered.get(ClusterConfiguration).version
    names = [each.name for each in gathered.get(Addons).addons]
    compatible = []
    calls = [{"kubernetesVersion": version, "addonName": name} for name in names]
    for name, found in zip(names, every_page(aws, "eks", "DescribeAddonVersions", "addons", calls), strict=True):
        if isinstance(found, ProbeError):
            raise found
        versions = (
            each["addonVersion"]
            for addon in found
            for each in addon.get("addonVersions") or ()
            if any(fits.get("clusterVersion") == version for fits in each.get("compatibilities") or ())
        )
        compatible.append(AddonCompatibility(name=name, versions=tuple(versions)))
    return AddonVersions(
        observed_at=gathered.observed_at, source="eks:DescribeAddonVersions", compatible=tuple(compatible)
    )


def read_nodegroups(aws: AwsReader, gathered: Gathered) -> Nodegroups:
    """Every managed node group."""
    names = list(aws.pages("eks", "ListNodegroups", "nodegroups", clusterName=gathered.cluster.name))
    found = _each(aws, "DescribeNodegroup", gathered, "nodegroupName", names)
    return Nodegroups(
        observed_at=gathered.observed_at,
        source="eks:ListNodegroups, eks:DescribeNodegroup",
        nodegroups=tuple(_nodegroup(each["nodegroup"]) for each in found),
    )


def _nodegroup(found: Mapping[str, Any]) -> Nodegroup:
    scaling = found.get("scalingConfig") or {}
    return Nodegroup(
        name=found["nodegroupName"],
        status=found.get("status") or "",
        health_issues=_issues(found.get("health")),
        min_size=scaling.get("minSize") or 0,
        max_size=scaling.get("maxSize") or 0,
        desired_size=scaling.get("desiredSize") or 0,
        ami_type=found.get("amiType") or "",
        version=found.get("version") or "",
        release_version=found.get("releaseVersion") or "",
        capacity_type=found.get("capacityType") or "",
        subnet_ids=tuple(found.get("subnets") or ()),
        ssh_key=(found.get("remoteAccess") or {}).get("ec2SshKey") or "",
        auto_scaling_groups=tuple(
            str(each["name"])
            for each in (found.get("resources") or {}).get("autoScalingGroups") or ()
            if each.get("name")
        ),
        auto_repair=_on(found.get("nodeRepairConfig")),
        node_role=found.get("nodeRole") or "",
    )


def read_fargate_profiles(aws: AwsReader, gathered: Gathered) -> FargateProfiles:
    """Every Fargate profile."""
    try:
        names = list(aws.pages("eks", "ListFargateProfiles", "fargateProfileNames", clusterName=gathered.cluster.name))
    except RefusedRequest as error:
        # Regions without Fargate refuse the call; then there is none.
        if error.code != "InvalidParameterException" or "fargate" not in str(error).lower():
            raise
        names = []
    found = _each(aws, "DescribeFargateProfile", gathered, "fargateProfileName", names)
    return FargateProfiles(
        observed_at=gathered.observed_at,
        source="eks:ListFargateProfiles, eks:DescribeFargateProfile",
        profiles=tuple(_fargate_profile(each["fargateProfile"]) for each in found),
    )


def _fargate_profile(found: Mapping[str, Any]) -> FargateProfile:
    return FargateProfile(
        name=found["fargateProfileName"],
        status=found.get("status") or "",
        subnet_ids=tuple(found.get("subnets") or ()),
        namespaces=tuple(str(each.get("namespace") or "") for each in found.get("selectors") or ()),
    )


def _each(
    aws: AwsReader, operation: str, gathered: Gathered, parameter: str, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Describe each; one that was deleted since it was listed is left out."""
    asked = [{"clusterName": gathered.cluster.name, parameter: name} for name in names]
    found: list[dict[str, Any]] = []
    for answer in aws.read_each("eks", operation, asked):
        if isinstance(answer, RefusedRequest) and answer.code == _GONE:
            continue
        if isinstance(answer, ProbeError):
            raise answer
        found.append(answer)
    return found


PROBES = (
    AwsProbe(provides=ClusterConfiguration, actions=("eks:DescribeCluster",), read=read_cluster),
    AwsProbe(
        provides=ClusterVersions,
        actions=("eks:DescribeClusterVersions",),
        read=read_versions,
        after=(ClusterConfiguration,),
    ),
    AwsProbe(provides=UpgradeInsights, actions=("eks:ListInsights",), read=read_insights),
    AwsProbe(provides=Addons, actions=("eks:ListAddons", "eks:DescribeAddon"), read=read_addons),
    AwsProbe(
        provides=AddonVersions,
        actions=("eks:DescribeAddonVersions",),
        read=read_addon_versions,
        after=(ClusterConfiguration, Addons),
    ),
    AwsProbe(provides=Nodegroups, actions=("eks:ListNodegroups", "eks:DescribeNodegroup"), read=read_nodegroups),
    AwsProbe(
        provides=FargateProfiles,
        actions=("eks:ListFargateProfiles", "eks:DescribeFargateProfile"),
        read=read_fargate_profiles,
    ),
)
"""What this module gathers."""
