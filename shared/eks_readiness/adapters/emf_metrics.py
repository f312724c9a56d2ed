"""Metrics as embedded metric format: lines of the function's log that CloudWatch turns into metrics."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from eks_readiness import names
from eks_readiness.domain.cluster import ClusterRef

_UNITS = {
    names.UNKNOWN_SHARE_PERCENT: MetricUnit.Percent,
    names.OUTBOX_AGE_SECONDS: MetricUnit.Seconds,
    names.OLDEST_SCAN_AGE_SECONDS: MetricUnit.Seconds,
    names.READINESS_LEVEL: MetricUnit.NoUnit,
}


class EmfMetricSink:
    """MetricSink on standard output. `deployment` keeps two deployments in one account apart."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment

    def level(self, cluster: ClusterRef, level: int, *, properties: Mapping[str, str | float]) -> None:
        """The published level of one cluster."""
        said = {"cluster_arn": cluster.arn, **properties}
        _write({names.READINESS_LEVEL: level}, {names.CLUSTER_DIMENSION: str(cluster)}, said)

    def fleet(self, values: Mapping[str, float], *, properties: Mapping[str, str | float] | None = None) -> None:
        """Counts and gauges that are about the whole fleet, by name."""
        _write(values, {names.DEPLOYMENT_DIMENSION: self._deployment}, properties or {})


def _write(values: Mapping[str, float], dimensions: Mapping[str, str], properties: Mapping[str, str | float]) -> None:
    # An empty service name, not none: otherwise POWERTOOLS_SERVICE_NAME becomes a dimension of every metric.
    line = AmazonCloudWatchEMFProvider(namespace=names.METRIC_NAMESPACE, service="")
    for name, value in dimensions.items():
        line.add_dimension(name, value)
    for name, number in values.items():
        line.add_metric(name, _UNITS.get(name, MetricUnit.Count), number)
    for name, said in properties.items():
        line.add_metadata(name, said)
    line.flush_metrics()
