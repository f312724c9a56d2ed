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
            "eks:DescribeAccessEntry",
            "eks:DescribeAddon",
            "eks:DescribeCapability",
            "eks:DescribeCluster",
            "eks:DescribeFargateProfile",
            "eks:DescribeNodegroup",
            "eks:DescribeUpdate",
            "eks:ListAccessEntries",
            "eks:ListAddons",
            "eks:ListAssociatedAccessPolicies",
            "eks:ListCapabilities",
            "eks:ListFargateProfiles",
            "eks:ListInsights",
            "eks:ListNodegroups",
            "eks:ListPodIdentityAssociations",
            "eks:ListTagsForResource",
            "eks:ListUpdates",
        ),
        (
            "arn:{partition}:eks:*:{account}:access-entry/*",
            "arn:{partition}:eks:*:{account}:addon/*",
            "arn:{partition}:eks:*:{account}:capability/*",
            "arn:{partition}:eks:*:{account}:cluster/*",
            "arn:{partition}:eks:*:{account}:fargateprofile/*",
            "arn:{partition}:eks:*:{account}:nodegroup/*",
        ),
        "Which clusters are scanned is decided by registering them, in any region, not by deploying again.",
    ),
    Right(
        ("kms:DescribeKey", "kms:GetKeyRotationStatus"),
        ("arn:{partition}:kms:*:*:key/*",),
        "Volumes and secrets may be encrypted with any key, one of another account too; only its metadata is read.",
    ),
    Right(
        ("backup:GetBackupPlan", "backup:GetBackupSelection", "backup:ListBackupSelections"),
        ("arn:{partition}:backup:*:{account}:backup-plan:*",),
        "Any plan may select a cluster.",
    ),
    Right(
        ("backup:DescribeBackupVault",),
        ("arn:{partition}:backup:*:{account}:backup-vault:*",),
        "Any plan may write to any vault.",
    ),
    Right(
        (
            "iam:GetInstanceProfile",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
        ),
        (
            "arn:{partition}:iam::{account}:instance-profile/*",
            "arn:{partition}:iam::{account}:policy/*",
            "arn:{partition}:iam::{account}:role/*",
        ),
        "Which roles nodes have, node groups and node classes say; only their policies are read.",
    ),
    Right(
        ("ecr:BatchGetImage", "ecr:DescribeImages"),
        ("arn:{partition}:ecr:*:*:repository/*",),
        "Any repository may hold a running image, one of another account too; of a manifest only digests are kept.",
    ),
    Right(
        ("guardduty:GetDetector", "guardduty:ListCoverage"),
        ("arn:{partition}:guardduty:*:{account}:detector/*",),
        "A detector's id is made by AWS, one for each region.",
    ),
    Right(
        ("logs:DescribeSubscriptionFilters",),
        ("arn:{partition}:logs:*:{account}:log-group:/aws/eks/*",),
        "Control plane logs of any cluster; nothing of their content is read.",
    ),
    Right(
        ("logs:DescribeLogStreams",),
        ("arn:{partition}:logs:*:{account}:log-group:*",),
        "Which group the logs of pods on Fargate go to, the cluster says; only how new the streams are is read.",
    ),
    Right(
        ("aps:DescribeAlertManagerDefinition", "aps:DescribeRuleGroupsNamespace", "aps:ListRuleGroupsNamespaces"),
        (
            "arn:{partition}:aps:*:{account}:rulegroupsnamespace/*",
            "arn:{partition}:aps:*:{account}:workspace/*",
        ),
        "Which workspaces a cluster writes to, its scrapers and Prometheus servers say.",
    ),
    Right(
        ("cloudwatch:GetDashboard",),
        ("arn:{partition}:cloudwatch::{account}:dashboard/*",),
        "Any dashboard may name a cluster.",
    ),
    Right(
        ("sns:ListSubscriptionsByTopic",),
        ("arn:{partition}:sns:*:*:*",),
        "Alarms may notify any topic, one of another account too.",
    ),
    Right(
        ("ssm:DescribeDocument",),
        ("arn:{partition}:ssm:*:{account}:document/*",),
        "Which documents are evidence, statements say; nothing of their content is read.",
    ),
    Right(
        ("ssm:GetParameters",),
        ("arn:{partition}:ssm:*::parameter/aws/service/*",),
        "Public parameters of AWS and Canonical alone, which name the newest machine images.",
    ),
    Right(
        ("ec2:GetManagedPrefixListEntries",),
        ("arn:{partition}:ec2:*:*:prefix-list/*",),
        "Any prefix list may be let in by a security group, one of AWS or of another account too.",
    ),
    Right(
        ("cloudtrail:GetTrailStatus",),
        ("arn:{partition}:cloudtrail:*:*:trail/*",),
        "A trail of the organisation belongs to its management account.",
    ),
    Right(
        ("budgets:ViewBudget",),
        ("arn:{partition}:budgets::{account}:budget/*",),
        "Any budget of the account may take in the cluster.",
    ),
    Right(
        ("bcm-data-exports:GetExport",),
        ("arn:{partition}:bcm-data-exports:*:{account}:export/*",),
        "Any export may hold the cluster's cost; its definition is read, nothing of its data.",
    ),
    Right(
        ("securityhub:GetEnabledStandards", "securityhub:GetFindings"),
        ("arn:{partition}:securityhub:*:{account}:hub/default",),
        "Findings are asked for by cluster; the hub is the only resource that AWS knows for it.",
    ),
    Right(
        ("cloudformation:DescribeStacks",),
        ("arn:{partition}:cloudformation:*:{account}:stack/*",),
        "A cluster's tags say which stack made it.",
    ),
    Right(
        ("codepipeline:ListPipelineExecutions",),
        ("arn:{partition}:codepipeline:*:{account}:*",),
        "Which pipelines serve a cluster, their tags say; a pipeline's ARN has nothing but its name.",
    ),
    Right(
        ("acm:DescribeCertificate",),
        ("arn:{partition}:acm:*:{account}:certificate/*",),
        "Which certificates load balancers serve changes with them; no private key is ever read.",
    ),
    Right(
        ("route53:ListResourceRecordSets",),
        ("arn:{partition}:route53:::hostedzone/*",),
        "Any zone of the account may hold a cluster's hosts.",
    ),
    Right(
        (
            "codebuild:BatchGetBuilds",
            "codebuild:BatchGetReports",
            "codebuild:ListBuildsForProject",
            "codebuild:ListReportsForReportGroup",
        ),
        ("arn:{partition}:codebuild:*:{account}:project/*", "arn:{partition}:codebuild:*:{account}:report-group/*"),
        "Which projects serve a cluster, their tags say.",
    ),
    Right(
        ("config:DescribeRemediationConfigurations", "config:GetComplianceDetailsByConfigRule"),
        ("arn:{partition}:config:*:{account}:config-rule/*",),
        "A rule's id is made by AWS.",
    ),
    Right(
        ("events:ListTargetsByRule",),
        ("arn:{partition}:events:*:{account}:rule/*",),
        "Any rule may start an automation.",
    ),
    Right(
        ("fis:GetExperiment",),
        ("arn:{partition}:fis:*:{account}:experiment/*",),
        "An experiment's id is made by AWS.",
    ),
    Right(
        (
            "application-signals:BatchGetServiceLevelObjectiveBudgetReport",
            "application-signals:ListServiceLevelObjectives",
            "application-signals:ListServices",
            "aps:ListScrapers",
            "auditmanager:ListAssessments",
            "autoscaling:DescribeAutoScalingGroups",
            "backup:DescribeRegionSettings",
            "backup:ListBackupJobs",
            "backup:ListBackupPlans",
            "backup:ListRecoveryPointsByResource",
            "backup:ListRestoreJobs",
            "bcm-data-exports:ListExports",
            "ce:GetAnomalySubscriptions",
            "ce:ListCostAllocationTags",
            "cloudtrail:DescribeTrails",
            "cloudtrail:LookupEvents",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
            "cloudwatch:ListDashboards",
            "compute-optimizer:GetEnrollmentStatus",
            "config:DescribeConfigRuleEvaluationStatus",
            "config:DescribeConfigRules",
            "config:DescribeConfigurationRecorderStatus",
            "config:GetComplianceDetailsByResource",
            "cost-optimization-hub:ListEnrollmentStatuses",
            "cost-optimization-hub:ListRecommendations",
            "cur:DescribeReportDefinitions",
            "ec2:DescribeFlowLogs",
            "ec2:DescribeImages",
            "ec2:DescribeInstances",
            "ec2:DescribeNatGateways",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ec2:GetEbsDefaultKmsKeyId",
            "ec2:GetEbsEncryptionByDefault",
            "ecr:GetRegistryScanningConfiguration",
            "eks:DescribeAddonVersions",
            "eks:DescribeClusterVersions",
            "eks:ListClusters",
            "elasticloadbalancing:DescribeListenerCertificates",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
            "events:ListRules",
            "fis:ListExperiments",
            "grafana:ListWorkspaces",
            "guardduty:ListDetectors",
            "iam:ListOpenIDConnectProviders",
            "iam:ListServerCertificates",
            "inspector2:BatchGetAccountStatus",
            "inspector2:ListCoverage",
            "inspector2:ListFindings",
            "logs:DescribeLogGroups",
            "route53:ListHostedZones",
            "secretsmanager:ListSecrets",
            "servicequotas:GetServiceQuota",
            "ssm-contacts:ListContacts",
            "ssm-incidents:ListResponsePlans",
            "tag:GetResources",
            "xray:GetServiceGraph",
            "xray:GetTraceSummaries",
        ),
        ("*",),
        "AWS knows no narrower resource for these read actions.",
    ),
)
READ_ACTIONS = tuple(sorted(action for right in RIGHTS for action in right.actions))
