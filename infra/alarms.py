"""The alarms, on from the first deployment: nobody finds out by chance that the scanner stopped."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from eks_readiness import names
from infra.python_function import PythonFunction
from infra.queue import EncryptedQueue

MAX_OUTBOX_AGE_SECONDS = 15 * 60
"""Three sweeps: an event as old as that was refused more than once."""
MAX_UNKNOWN_SHARE_PERCENT = 50
PERIOD = Duration.minutes(5)
"""The gauges are published once in it."""


class Alarms(Construct):
    """Alarms that tell a topic when they begin and end. `functions` and `dead_letters` go by what people call them."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: str,
        topic: sns.ITopic,
        stale_after_seconds: int,
        functions: Mapping[str, PythonFunction],
        dead_letters: Mapping[str, EncryptedQueue],
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._tell = actions.SnsAction(topic)
        self.alarms: list[cloudwatch.Alarm] = []
        self._stale_scans(stale_after_seconds)
        self._outbox()
        self._unknown_share()
        for what, queue in dead_letters.items():
            self._dead_letters(what, queue)
        for verb, function in functions.items():
            self._errors(verb, function)

    def _stale_scans(self, seconds: int) -> None:
        # One gauge above the limit is enough. Missing data counts only when three in a row are missing: CloudWatch
        # looks further back as long as it finds three data points.
        self._alarm(
            "StaleScans",
            "stale-scans",
            f"A registered cluster was not scanned for {seconds} seconds, or the sweeper does not run: see the logs of "
            "dispatch, scan and sweep, and the queues of dead letters.",
            self._gauge(names.OLDEST_SCAN_AGE_SECONDS, "Maximum"),
            above=seconds,
            periods=3,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def _outbox(self) -> None:
        self._alarm(
            "Outbox",
            "outbox-age",
            f"A level change could not be told for {MAX_OUTBOX_AGE_SECONDS} seconds: see the logs of relay and sweep; "
            "look at the topic's policy and key.",
            self._gauge(names.OUTBOX_AGE_SECONDS, "Maximum"),
            above=MAX_OUTBOX_AGE_SECONDS,
        )

    def _unknown_share(self) -> None:
        self._alarm(
            "UnknownShare",
            "unknown-share",
            f"More than {MAX_UNKNOWN_SHARE_PERCENT} % of the checks could not be answered in the scans of an hour: "
            "see the reasons in the dashboard; mostly rights or the way to the Kubernetes API.",
            self._gauge(names.UNKNOWN_SHARE_PERCENT, "Average", Duration.hours(1)),
            above=MAX_UNKNOWN_SHARE_PERCENT,
            # Between the scans of a slow schedule it stays as it was.
            missing=cloudwatch.TreatMissingData.IGNORE,
        )

    def _dead_letters(self, what: str, queue: EncryptedQueue) -> None:
        self._alarm(
            f"Lost{what.title().replace(' ', '')}",
            f"lost-{what.replace(' ', '-')}",
            f"{what.capitalize()} ended in the queue of dead letters after all retries: read them, mend the cause, "
            "redrive or purge the queue.",
            queue.queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum"),
            above=0,
        )

    def _errors(self, verb: str, function: PythonFunction) -> None:
        self._alarm(
            f"{verb.title()}Errors",
            f"{verb}-errors",
            f"The function {verb} failed: see its log.",
            function.function.metric_errors(period=PERIOD, statistic="Sum"),
            above=0,
        )

    def _gauge(self, name: str, statistic: str, period: Duration = PERIOD) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map={names.DEPLOYMENT_DIMENSION: self._deployment},
            statistic=statistic,
            period=period,
        )

    def _alarm(
        self,
        id: str,
        name: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        above: float,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=f"{self._deployment}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=1,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._tell)
        alarm.add_ok_action(self._tell)
        self.alarms.append(alarm)
