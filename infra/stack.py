"""One deployment: composes the constructs and says who may do what with the ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from eks_readiness import names
from infra.alarms import Alarms
from infra.alerting import Alerting
from infra.config import Config
from infra.dashboards import Dashboards, dashboard_url
from infra.encryption import EncryptionKey
from infra.evidence_bucket import EvidenceBucket
from infra.lambda_code import BundleName
from infra.ledger import Ledger
from infra.python_function import Platform
from infra.scanning import Scanning


class ReadinessStack(Stack):
    """Everything that one deployment is. `bundle` gives the directory of a bundle's code."""

    def __init__(self, scope: Construct, *, config: Config, bundle: Callable[[BundleName], Path]) -> None:
        super().__init__(
            scope, config.name, description="Scans EKS clusters for production readiness and tells when a level moves"
        )
        platform = Platform(config.python, config.architecture, config.log_retention_days)
        light = lambda_.Code.from_asset(str(bundle("light")))
        encryption = EncryptionKey(self, "Encryption", deployment=config.name, retain=config.retain)
        ledger = Ledger(
            self, "Ledger", name=names.ledger_table(config.name), encryption=encryption, retain=config.retain
        )
        self.bucket = EvidenceBucket(
            self,
            "Evidence",
            encryption=encryption,
            retention_days=config.scan_retention_days,
            retain=config.retain,
        )
        self.scanning = Scanning(
            self,
            "Scanning",
            config=config,
            platform=platform,
            light=light,
            scanner=lambda_.Code.from_asset(str(bundle("scan"))),
            ledger=ledger,
            bucket=self.bucket,
            encryption=encryption,
        )
        url = dashboard_url(self, config.name)
        self.alerting = Alerting(
            self,
            "Alerting",
            config=config,
            platform=platform,
            light=light,
            ledger=ledger,
            encryption=encryption,
            dashboard_url=url,
        )
        self._dead_letters = {
            "scans": self.scanning.dead_letters,
            "ticks": self.scanning.lost_ticks,
            "events": self.alerting.lost_events,
            "sweeps": self.alerting.lost_sweeps,
        }
        self.alarms = Alarms(
            self,
            "Alarms",
            config=config,
            encryption=encryption,
            level_topic=self.alerting.topic,
            functions={
                "dispatch": self.scanning.dispatch,
                "scan": self.scanning.scan,
                "relay": self.alerting.relay,
                "sweep": self.alerting.sweep,
            },
            stream_reader=self.alerting.relay,
            dead_letters=self._dead_letters,
        )
        self.dashboards = Dashboards(
            self, "Dashboards", config=config, platform=platform, light=light, ledger=ledger, alarms=self.alarms.alarms
        )
        self._grant(ledger)
        self._say(ledger, url)

    def _grant(self, ledger: Ledger) -> None:
        ledger.allow_query(self.scanning.dispatch, names.REGISTRY_INDEX)
        # A transaction needs the rights of its parts: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        ledger.allow(self.scanning.scan, "ConditionCheckItem", "GetItem", "PutItem", "Query")
        ledger.allow(self.alerting.relay, "UpdateItem")
        ledger.allow(self.alerting.sweep, "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
        ledger.allow_query(self.alerting.sweep, names.PENDING_INDEX, names.REGISTRY_INDEX)
        ledger.allow(self.dashboards.widget, "BatchGetItem", "GetItem", "Query")
        ledger.allow_query(self.dashboards.widget, names.REGISTRY_INDEX)
        self.bucket.allow_writing(self.scanning.scan)
        self.bucket.allow_reading(self.dashboards.widget)

    def _say(self, ledger: Ledger, url: str) -> None:
        outputs = {
            names.OUTPUT_LEDGER_TABLE: ledger.table.table_name,
            names.OUTPUT_EVIDENCE_BUCKET: self.bucket.bucket.bucket_name,
            names.OUTPUT_SCAN_QUEUE_URL: self.scanning.requests.queue.queue_url,
            **{
                names.OUTPUT_DEAD_LETTER_QUEUE_URLS[what]: each.queue.queue_url
                for what, each in self._dead_letters.items()
            },
            names.OUTPUT_LEVEL_TOPIC_ARN: self.alerting.topic.topic_arn,
            names.OUTPUT_OPERATIONS_TOPIC_ARN: self.alarms.topic.topic_arn,
            names.OUTPUT_DASHBOARD_URL: url,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
