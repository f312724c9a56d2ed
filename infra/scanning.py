"""The way of a scan: schedule → dispatch → queue → scan."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from constructs import Construct

from eks_readiness import names
from eks_readiness.settings import DispatchSettings, ScanSettings
from infra.config import Config
from infra.encryption import EncryptionKey
from infra.evidence_bucket import EvidenceBucket
from infra.ledger import Ledger
from infra.python_function import Platform, PythonFunction
from infra.queue import EncryptedQueue
from infra.scan_permissions import RIGHTS
from infra.schedule import FunctionSchedule

RESERVE_SECONDS = 15
"""Of a scan's time, for judging and writing; a bucket that does not answer takes eight of them."""
VISIBILITY_FACTOR = 6
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


class Scanning(Construct):
    """One tick per interval, one message per cluster, one scan per message."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        platform: Platform,
        light: lambda_.Code,
        scanner: lambda_.Code,
        ledger: Ledger,
        bucket: EvidenceBucket,
        encryption: EncryptionKey,
    ) -> None:
        super().__init__(scope, id)
        self._config, self._platform, self._ledger, self._bucket = config, platform, ledger, bucket
        self.dead_letters = EncryptedQueue(
            self, "DeadLetters", encryption=encryption, name=names.dead_letter_queue(config.name, "scans")
        )
        self.requests = EncryptedQueue(
            self,
            "Requests",
            encryption=encryption,
            name=names.scan_queue(config.name),
            visibility_seconds=VISIBILITY_FACTOR * config.scan_timeout_seconds,
            dead_letters=self.dead_letters,
        )
        self.lost_ticks = EncryptedQueue(
            self, "LostTicks", encryption=encryption, name=names.dead_letter_queue(config.name, "ticks")
        )
        self.dispatch = self._dispatch(light)
        self.scan = self._scan(scanner)

    def _dispatch(self, code: lambda_.Code) -> PythonFunction:
        dispatch = PythonFunction(
            self,
            "Dispatch",
            verb="dispatch",
            description="Requests a scan of every registered cluster",
            code=code,
            platform=self._platform,
            settings=DispatchSettings(
                ledger_table=self._ledger.table.table_name,
                deployment=self._config.name,
                scan_queue_url=self.requests.queue.queue_url,
                jitter_seconds=self._config.jitter_seconds,
            ),
            timeout_seconds=120,
            # The schedule hands over and goes: an error of the function itself ends here.
            on_failure=destinations.SqsDestination(self.lost_ticks.queue),
        )
        # It hands the rest on when a large register takes more time than it has; a failure of that part ends as here.
        dispatch.allow_starting_itself()
        self.requests.allow_send(dispatch.role)
        self.lost_ticks.allow_send(dispatch.role)
        FunctionSchedule(
            self,
            "Tick",
            function=dispatch,
            expression=self._config.schedule,
            description=f"Scans the clusters of {self._config.name}",
            dead_letters=self.lost_ticks,
            # A tick later than the next one is moot; the longest that Scheduler keeps one is a day.
            max_age_seconds=min(self._config.scan_interval_seconds, 24 * 3600),
            input={names.SCHEDULED_TIME: "<aws.scheduler.scheduled-time>"},
            paused=self._config.paused,
        )
        return dispatch

    def _scan(self, code: lambda_.Code) -> PythonFunction:
        urls = self._config.aws_endpoint_urls
        scan = PythonFunction(
            self,
            "Scan",
            verb="scan",
            description="Scans one cluster and writes the result to the ledger",
            code=code,
            platform=self._platform,
            settings=ScanSettings(
                ledger_table=self._ledger.table.table_name,
                deployment=self._config.name,
                scan_queue_url=self.requests.queue.queue_url,
                policy=self._config.thresholds,
                kubernetes_endpoint_suffixes=self._config.kubernetes_endpoint_suffixes,
                reserve_seconds=RESERVE_SECONDS,
                scan_retention_days=self._config.scan_retention_days,
                evidence_bucket=self._bucket.bucket.bucket_name,
            ),
            timeout_seconds=self._config.scan_timeout_seconds,
            memory_mb=self._config.scan_memory_mb,
            environment={f"AWS_ENDPOINT_URL_{service.upper()}": url for service, url in urls.items()},
        )
        self.requests.allow_receive(scan.role)
        _allow_reading_clusters(scan)
        _allow_looking_at_documents(scan, self._config.evidence_buckets)
        lambda_.EventSourceMapping(
            self,
            "Deliveries",
            target=scan.function,
            event_source_arn=self.requests.queue.queue_arn,
            # One cluster per invocation: a scan that dies takes no other cluster's scan with it.
            batch_size=1,
            report_batch_item_failures=True,
            max_concurrency=self._config.scan_concurrency,
        )
        return scan


def _allow_reading_clusters(scan: PythonFunction) -> None:
    stack = Stack.of(scan)
    for right in RIGHTS:
        resources = [each.format(partition=stack.partition, account=stack.account) for each in right.resources]
        scan.allow(*right.actions, on=resources)
        for each in right.resources:
            shown = each.format(partition="<AWS::Partition>", account="<AWS::AccountId>")
            Validations.of(scan.role).acknowledge(
                Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{shown}]", reason=right.reason)
            )


def _allow_looking_at_documents(scan: PythonFunction, buckets: Sequence[str]) -> None:
    """Let the scanner see whether documents are there and unchanged; S3 knows no right to see without reading."""
    partition = Stack.of(scan).partition
    for bucket in buckets:
        # Without the right to list, S3 does not tell a document that is gone from one that may not be seen.
        scan.allow("s3:ListBucket", on=[f"arn:{partition}:s3:::{bucket}"])
        scan.allow("s3:GetObject", on=[f"arn:{partition}:s3:::{bucket}/*"])
        Validations.of(scan.role).acknowledge(
            Acknowledgment(
                id=f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket}/*]",
                reason="The configuration names the bucket; which of its documents are evidence, statements say.",
            )
        )
