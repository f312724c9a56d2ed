"""The alarms, on from the first deployment: nobody finds out by chance that the scanner stopped.

They tell a topic of their own: who works off level changes by machine gets nothing else on that topic. Each alarm's
message says what to do, and which page of docs/operations.md goes on from there: the one that is named like the alarm.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from eks_readiness import names
from infra.config import Config
from infra.encryption import EncryptionKey
from infra.python_function import PythonFunction
from infra.queue import EncryptedQueue
from infra.topic import EncryptedTopic

RUNBOOK = "docs/operations.md"
MAX_OUTBOX_AGE_SECONDS = 15 * 60
"""Three sweeps: an event as old as that was refused more than once."""
MAX_UNKNOWN_SHARE_PERCENT = 50
LEAST_SECONDS_LEFT = 5
"""Of a function's time when it ends. The scanner stops gathering ten seconds before that, whatever a cluster does."""
PERIOD = Duration.minutes(5)
"""The gauges are published once in it."""
_LOST = {
    "scans": "Scans of clusters failed five times",
    "ticks": "Ticks of the schedule did not start their scans",
    "events": "The relay could not start, or not reach the ledger, ten times; the sweeper tells the events",
    "sweeps": "Sweeps could not be started, or failed",
}

_FAILS = {
    "dispatch": "The scans of a tick are requested late, or not at all.",
    "scan": "The queue delivers the scan again, up to five times.",
    "relay": "What happened to clusters is told late, by the sweeper.",
    "sweep": "What the relay left behind is not told, or nobody hears that levels are unknown.",
}


class Alarms(Construct):
    """Alarms, and the topic that hears when they begin and end.

    `functions` and `dead_letters` go by what people call them; `stream_reader` is the function that reads the ledger's
    stream.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        encryption: EncryptionKey,
        level_topic: sns.ITopic,
        functions: Mapping[str, PythonFunction],
        stream_reader: PythonFunction,
        dead_letters: Mapping[str, EncryptedQueue],
    ) -> None:
        super().__init__(scope, id)
        self._config = config
        self.topic = EncryptedTopic(
            self,
            "Operations",
            name=names.operations_topic(config.name),
            display_name="EKS readiness operations",
            encryption=encryption,
            addresses=config.notify,
        )
        self.topic.allow_alarms(f"{config.name}-")
        self._tell = actions.SnsAction(self.topic)
        self.alarms: list[cloudwatch.Alarm] = []
        self._stale_scans(config.stale_after_seconds)
        self._outbox()
        self._unknown_share()
        self._broken_rows()
        self._stream(stream_reader)
        self._deliveries(level_topic)
        for what, queue in dead_letters.items():
            self._dead_letters(what, queue)
        for verb, function in functions.items():
            self._errors(verb, function)
            self._throttles(verb, function)
            self._duration(verb, function)

    def _stale_scans(self, seconds: int) -> None:
        # One gauge above the limit is enough. Missing data counts only when three in a row are missing: CloudWatch
        # looks further back as long as it finds three data points.
        self._alarm(
            "StaleScans",
            "stale-scans",
            f"A registered cluster was not scanned for {seconds} seconds, or the sweeper does not run. See the logs of "
            "dispatch, scan and sweep, and the queues of dead letters.",
            self._gauge(names.OLDEST_SCAN_AGE_SECONDS, "Maximum"),
            above=seconds,
            periods=3,
            missing=cloudwatch.TreatMissingData.BREACHING,
            # Who paused the scans knows that there are none.
            tells=not self._config.paused,
        )

    def _outbox(self) -> None:
        self._alarm(
            "Outbox",
            "outbox-age",
            f"A level change could not be told for {MAX_OUTBOX_AGE_SECONDS} seconds. See the logs of relay and sweep; "
            "look at the topic's policy and key.",
            self._gauge(names.OUTBOX_AGE_SECONDS, "Maximum"),
            above=MAX_OUTBOX_AGE_SECONDS,
        )

    def _unknown_share(self) -> None:
        self._alarm(
            "UnknownShare",
            "unknown-share",
            f"More than {MAX_UNKNOWN_SHARE_PERCENT} % of the checks could not be answered in the scans of an hour. "
            "See the reasons in the dashboard; mostly rights or the way to the Kubernetes API.",
            self._gauge(names.UNKNOWN_SHARE_PERCENT, "Average", Duration.hours(1)),
            above=MAX_UNKNOWN_SHARE_PERCENT,
            # Between the scans of a slow schedule it stays as it was.
            missing=cloudwatch.TreatMissingData.IGNORE,
        )

    def _broken_rows(self) -> None:
        self._alarm(
            "BrokenRows",
            "broken-rows",
            "Rows of the ledger could not be read and are left out: a cluster is not shown, or an event not told. "
            "The logs name each row.",
            self._gauge(names.BROKEN_ROWS, "Sum"),
            above=0,
        )

    def _stream(self, reader: PythonFunction) -> None:
        self._alarm(
            "StreamAge",
            "stream-age",
            f"The relay reads the ledger's stream more than {MAX_OUTBOX_AGE_SECONDS} seconds late. Level changes come "
            "late, by the sweeper. See the relay's log and throttles.",
            reader.function.metric("IteratorAge", period=PERIOD, statistic="Maximum"),
            above=1000 * MAX_OUTBOX_AGE_SECONDS,
        )

    def _deliveries(self, topic: sns.ITopic) -> None:
        self._alarm(
            "FailedDeliveries",
            "failed-deliveries",
            "SNS could not hand a level change to a subscriber. Look at the queue's policy and key, the function or "
            "the address that is subscribed.",
            topic.metric_number_of_notifications_failed(period=PERIOD, statistic="Sum"),
            above=0,
        )

    def _dead_letters(self, what: str, queue: EncryptedQueue) -> None:
        self._alarm(
            f"Lost{what.title()}",
            f"lost-{what}",
            f"{_LOST[what]}. Read them with `eks-readiness redrive {what} --dry-run`, mend the cause, then leave out "
            "--dry-run.",
            queue.queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum"),
            above=0,
        )

    def _errors(self, verb: str, function: PythonFunction) -> None:
        self._alarm(
            f"{verb.title()}Errors",
            f"{verb}-errors",
            f"The function {verb} failed as a whole. {_FAILS[verb]} See the errors in its log.",
            function.function.metric_errors(period=PERIOD, statistic="Sum"),
            above=0,
        )

    def _throttles(self, verb: str, function: PythonFunction) -> None:
        # One throttled start is tried again and does no harm; a quarter of an hour of them does.
        self._alarm(
            f"{verb.title()}Throttles",
            f"{verb}-throttles",
            f"Lambda refused to start {verb} for a quarter of an hour. Raise the account's concurrency, or lower "
            "scan_concurrency.",
            function.function.metric_throttles(period=PERIOD, statistic="Sum"),
            above=0,
            periods=3,
            breaching_periods=3,
        )

    def _duration(self, verb: str, function: PythonFunction) -> None:
        self._alarm(
            f"{verb.title()}Duration",
            f"{verb}-duration",
            f"The function {verb} ended less than {LEAST_SECONDS_LEFT} seconds before it would have been stopped "
            f"({function.timeout_seconds} s). See in its log what took so long.",
            function.function.metric_duration(period=PERIOD, statistic="Maximum"),
            above=1000 * (function.timeout_seconds - LEAST_SECONDS_LEFT),
        )

    def _gauge(self, name: str, statistic: str, period: Duration = PERIOD) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map={names.DEPLOYMENT_DIMENSION: self._config.name},
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
        breaching_periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
        tells: bool = True,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=f"{self._config.name}-{name}",
            alarm_description=f"{description} Then go on with {RUNBOOK}#{name}",
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=breaching_periods,
            treat_missing_data=missing,
            actions_enabled=tells,
        )
        alarm.add_alarm_action(self._tell)
        alarm.add_ok_action(self._tell)
        self.alarms.append(alarm)
