"""The dashboard of the fleet: every cluster with its level, levels over time, and the scanner's own health."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnMapping, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from eks_readiness import names
from eks_readiness.settings import WidgetSettings
from infra.config import Config
from infra.ledger import Ledger
from infra.python_function import Platform, PythonFunction

_FULL_WIDTH, _HALF_WIDTH = 24, 12
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-eusc": "console.amazonaws-eusc.eu",
    "aws-iso": "console.c2shome.ic.gov",
    "aws-iso-b": "console.sc2shome.sgov.gov",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The host of the console in each partition; where it is deployed decides, since the template is the same for all."""


def dashboard_url(scope: Construct, deployment: str) -> str:
    """Where people find the dashboard in the console."""
    region, partition = Stack.of(scope).region, Stack.of(scope).partition
    hosts = CfnMapping(scope, "Consoles", mapping={name: {"host": host} for name, host in CONSOLES.items()})
    console = f"https://{region}.{hosts.find_in_map(partition, 'host')}/cloudwatch/home?region={region}"
    return f"{console}#dashboards/dashboard/{names.dashboard(deployment)}"


class Dashboards(Construct):
    """The dashboard, and the function that fills its table."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        platform: Platform,
        light: lambda_.Code,
        ledger: Ledger,
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, id)
        self.widget = PythonFunction(
            self,
            "Widget",
            verb="widget",
            description="Shows the fleet, a cluster, an item on the dashboard",
            code=light,
            platform=platform,
            settings=WidgetSettings(
                ledger_table=ledger.table.table_name,
                deployment=config.name,
                scan_interval_seconds=config.scan_interval_seconds,
                policy=config.thresholds,
            ),
            timeout_seconds=30,
        )
        cloudwatch.Dashboard(
            self,
            "Fleet",
            dashboard_name=names.dashboard(config.name),
            default_interval=Duration.days(7),
            widgets=[
                [self._clusters()],
                [_levels()],
                [_alarm_statuses(alarms), _ages(config)],
            ],
        )

    def _clusters(self) -> cloudwatch.CustomWidget:
        return cloudwatch.CustomWidget(
            title="Clusters: level, what stands in the way, freshness",
            function_arn=self.widget.function.function_arn,
            width=_FULL_WIDTH,
            height=12,
            update_on_refresh=True,
            update_on_resize=False,
            update_on_time_range_change=False,
        )


def _levels() -> cloudwatch.GraphWidget:
    # A search, because a cluster that is registered tomorrow must show up without a deployment.
    schema = f"{{{names.METRIC_NAMESPACE},{names.CLUSTER_DIMENSION}}}"
    search = f"SEARCH('{schema} MetricName=\"{names.READINESS_LEVEL}\"', 'Minimum', 3600)"
    return cloudwatch.GraphWidget(
        title="Readiness level by cluster",
        width=_FULL_WIDTH,
        height=7,
        left=[cloudwatch.MathExpression(expression=search, label="", using_metrics={}, period=Duration.hours(1))],
        left_y_axis=cloudwatch.YAxisProps(min=0, max=3, label="level", show_units=False),
        legend_position=cloudwatch.LegendPosition.RIGHT,
    )


def _alarm_statuses(alarms: Sequence[cloudwatch.IAlarm]) -> cloudwatch.AlarmStatusWidget:
    return cloudwatch.AlarmStatusWidget(title="Is the scanner well?", width=_HALF_WIDTH, height=7, alarms=[*alarms])


def _ages(config: Config) -> cloudwatch.GraphWidget:
    def gauge(name: str, label: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map={names.DEPLOYMENT_DIMENSION: config.name},
            statistic="Maximum",
            period=Duration.minutes(5),
            label=label,
        )

    return cloudwatch.GraphWidget(
        title="Ages",
        width=_HALF_WIDTH,
        height=7,
        left=[gauge(names.OLDEST_SCAN_AGE_SECONDS, "oldest newest scan")],
        left_y_axis=cloudwatch.YAxisProps(min=0, label="seconds", show_units=False),
        left_annotations=[cloudwatch.HorizontalAnnotation(value=config.stale_after_seconds, label="stale")],
        right=[gauge(names.OUTBOX_AGE_SECONDS, "oldest event not told")],
        right_y_axis=cloudwatch.YAxisProps(min=0, label="seconds", show_units=False),
    )
