"""The way of an alert: outbox row → stream → relay → topic; and the sweep for what was left behind."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from eks_readiness import names
from eks_readiness.settings import RelaySettings, SweepSettings
from infra.config import Config
from infra.encryption import EncryptionKey
from infra.ledger import Ledger
from infra.python_function import Platform, PythonFunction
from infra.queue import EncryptedQueue
from infra.schedule import FunctionSchedule
from infra.topic import EncryptedTopic

RELAY_TIMEOUT_SECONDS = 60
SWEEP_TIMEOUT_SECONDS = 120
SWEEP_MINUTES = 5
# A lease outlives the function that took it: then nobody else can publish while its holder still may.
LEASE_SECONDS = 3 * 60
PENDING_AFTER_SECONDS = 2 * 60
# Longer than the scans of one tick are spread: one digest has all that new rules moved.
DIGEST_AFTER_SECONDS = 20 * 60


class Alerting(Construct):
    """The topic, and the two functions that publish level changes to it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        platform: Platform,
        light: lambda_.Code,
        ledger: Ledger,
        encryption: EncryptionKey,
        dashboard_url: str,
    ) -> None:
        super().__init__(scope, id)
        self._config, self._platform, self._light, self._ledger = config, platform, light, ledger
        self._encryption, self._dashboard_url = encryption, dashboard_url
        self.topic = EncryptedTopic(
            self,
            "LevelChanges",
            name=names.topic(config.name),
            display_name="EKS readiness",
            encryption=encryption,
            addresses=config.notify,
        )
        self.lost_events = EncryptedQueue(
            self, "LostEvents", encryption=encryption, name=names.dead_letter_queue(config.name, "events")
        )
        self.lost_sweeps = EncryptedQueue(
            self, "LostSweeps", encryption=encryption, name=names.dead_letter_queue(config.name, "sweeps")
        )
        self.relay = self._relay()
        self.sweep = self._sweep()
        for function in (self.relay, self.sweep):
            function.allow("sns:Publish", on=[self.topic.topic_arn])
            encryption.allow_messages(function.role, "sns")

    def _relay(self) -> PythonFunction:
        relay = PythonFunction(
            self,
            "Relay",
            verb="relay",
            description="Publishes each new event of the ledger",
            code=self._light,
            platform=self._platform,
            settings=RelaySettings(
                ledger_table=self._ledger.table.table_name,
                deployment=self._config.name,
                topic_arn=self.topic.topic_arn,
                lease_seconds=LEASE_SECONDS,
                dashboard_url=self._dashboard_url,
            ),
            timeout_seconds=RELAY_TIMEOUT_SECONDS,
        )
        self._ledger.allow_stream(relay)
        self.lost_events.allow_send(relay.role)
        new_event = {
            "eventName": lambda_.FilterRule.is_equal("INSERT"),
            "dynamodb": {"Keys": {names.SORT_KEY: {"S": lambda_.FilterRule.begins_with(names.OUTBOX_PREFIX)}}},
        }
        lambda_.EventSourceMapping(
            self,
            "NewEvents",
            target=relay.function,
            event_source_arn=self._ledger.table.table_stream_arn,
            # From the oldest record on: what was written while the mapping was being made is told, too.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            filters=[lambda_.FilterCriteria.filter(new_event)],
            batch_size=10,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            # By default a record that fails is retried for a day and blocks all behind it.
            retry_attempts=10,
            max_record_age=Duration.hours(6),
            on_failure=event_sources.SqsDlq(self.lost_events.queue),
        )
        return relay

    def _sweep(self) -> PythonFunction:
        sweep = PythonFunction(
            self,
            "Sweep",
            verb="sweep",
            description="Publishes what the relay left behind, and the age gauges",
            code=self._light,
            platform=self._platform,
            settings=SweepSettings(
                ledger_table=self._ledger.table.table_name,
                deployment=self._config.name,
                topic_arn=self.topic.topic_arn,
                lease_seconds=LEASE_SECONDS,
                dashboard_url=self._dashboard_url,
                pending_after_seconds=PENDING_AFTER_SECONDS,
                digest_after_seconds=DIGEST_AFTER_SECONDS,
                scan_interval_seconds=self._config.scan_interval_seconds,
                policy=self._config.thresholds,
            ),
            timeout_seconds=SWEEP_TIMEOUT_SECONDS,
            on_failure=destinations.SqsDestination(self.lost_sweeps.queue),
            # The next sweep does all that a failed one left.
            retries=0,
        )
        self.lost_sweeps.allow_send(sweep.role)
        FunctionSchedule(
            self,
            "EveryFewMinutes",
            function=sweep,
            expression=f"rate({SWEEP_MINUTES} minutes)",
            description=f"Sweeps the outbox of {self._config.name}",
            dead_letters=self.lost_sweeps,
            max_age_seconds=60 * SWEEP_MINUTES,
        )
        return sweep
