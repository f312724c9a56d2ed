"""What a scan may read in AWS: exactly the actions of the probes, each on the narrowest resource that AWS knows for it.

A probe's actions stand beside it (`actions=` in adapters/aws_*.py); a test keeps both sides equal. Clusters in any
region are scanned, so regions stay open; the account is this one, except for keys, which others may share with it.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from typing import NamedTuple


class Right(NamedTuple):
    """Actions, and the resources on which they are allowed: ARNs with `{partition}` and `{account}`."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str
    """Why it cannot be narrower."""


RIGHTS = (
    Right(
        (
            "eks:DescribeAddon",
            "eks:DescribeCluster",
            "eks:DescribeFargateProfile",
            "eks:DescribeNodegroup",
            "eks:ListAddons",
            "eks:ListFargateProfiles",
            "eks:ListInsights",
            "eks:ListNodegroups",
            "eks:ListTagsForResource",
        ),
        (
            "arn:{partition}:eks:*:{account}:addon/*",
            "arn:{partition}:eks:*:{account}:cluster/*",
            "arn:{partition}:eks:*:{account}:fargateprofile/*",
            "arn:{partition}:eks:*:{account}:nodegroup/*",
        ),
        "Which clusters are scanned is decided by registering them, in any region, not by deploying again.",
    ),
    Right(
        ("kms:DescribeKey",),
        ("arn:{partition}:kms:*:*:key/*",),
        "Volumes and secrets may be encrypted with any key, one of another account too; only its metadata is read.",
    ),
    Right(
        ("backup:GetBackupPlan", "backup:GetBackupSelection", "backup:ListBackupSelections"),
        ("arn:{partition}:backup:*:{account}:backup-plan:*",),
        "Any plan may select a cluster.",
    ),
    Right(
        ("guardduty:GetDetector", "guardduty:ListCoverage"),
        ("arn:{partition}:guardduty:*:{account}:detector/*",),
        "A detector's id is made by AWS, one for each region.",
    ),
    Right(
        ("logs:DescribeLogStreams", "logs:DescribeSubscriptionFilters"),
        ("arn:{partition}:logs:*:{account}:log-group:/aws/eks/*",),
        "Control plane logs of any cluster; nothing of their content is read.",
    ),
    Right(
        ("ssm:DescribeDocument",),
        ("arn:{partition}:ssm:*:{account}:document/*",),
        "Which documents are evidence, statements say; nothing of their content is read.",
    ),
    Right(
        ("cloudtrail:GetTrailStatus",),
        ("arn:{partition}:cloudtrail:*:*:trail/*",),
        "A trail of the organisation belongs to its management account.",
    ),
    Right(
        (
            "autoscaling:DescribeAutoScalingGroups",
            "backup:DescribeRegionSettings",
            "backup:ListBackupJobs",
            "backup:ListBackupPlans",
            "backup:ListRecoveryPointsByResource",
            "cloudtrail:DescribeTrails",
            "ec2:DescribeFlowLogs",
            "ec2:DescribeInstances",
            "ec2:DescribeNatGateways",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ec2:GetEbsDefaultKmsKeyId",
            "ec2:GetEbsEncryptionByDefault",
            "eks:DescribeAddonVersions",
            "eks:DescribeClusterVersions",
            "guardduty:ListDetectors",
            "inspector2:BatchGetAccountStatus",
            "logs:DescribeLogGroups",
            "ssm-contacts:ListContacts",
            "ssm-incidents:ListResponsePlans",
        ),
        ("*",),
        "AWS knows no narrower resource for these read actions.",
    ),
)
READ_ACTIONS = tuple(sorted(action for right in RIGHTS for action in right.actions))
