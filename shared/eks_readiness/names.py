"""Names that more than one side must spell alike: metrics, the ledger's keys, message attributes."""

from __future__ import annotations

from typing import Final

# CloudWatch metrics
METRIC_NAMESPACE = "EksReadiness"
CLUSTER_DIMENSION = "Cluster"
"""Dimension of `ReadinessLevel`, the one metric that is billed per cluster: `<name> (<region>, <account>)`."""
DEPLOYMENT_DIMENSION = "Deployment"
"""The only dimension of every other metric."""

READINESS_LEVEL = "ReadinessLevel"
SCANS_DISPATCHED = "ScansDispatched"
SCANS_COMPLETED = "ScansCompleted"
UNKNOWN_SHARE_PERCENT = "UnknownSharePercent"
CRASHED_CHECKS = "CrashedChecks"
STALE_SCANS_DISCARDED = "StaleScansDiscarded"
EVENTS_PUBLISHED = "EventsPublished"
BROKEN_ROWS = "BrokenRows"
"""Rows that could not be read, or not be written with all their details."""
COVERAGE_LOST = "CoverageLost"
"""Clusters of which a sweep found that nothing was proven for too long."""
OUTBOX_AGE_SECONDS = "OutboxAgeSeconds"
"""Gauge: age of the oldest event that is not published; 0 with none."""
OLDEST_SCAN_AGE_SECONDS = "OldestScanAgeSeconds"
"""Gauge: how long ago the cluster that was longest not scanned was scanned (or registered); 0 without clusters."""

# The ledger's table
PARTITION_KEY = "pk"
SORT_KEY = "sk"
EXPIRES = "expires"
"""Time-to-live attribute, in seconds since the epoch."""
PENDING_INDEX = "pending"
"""Sparse: partition key `pending` (text), sort key `created_at` (text), keys only."""
PENDING_SHARD = "pending"
CREATED_AT = "created_at"
REGISTRY_INDEX = "registry"
"""Sparse: partition key `registry` (text), sort key `pk`, all attributes."""
REGISTRY_SHARD = "registry"
OUTBOX_PREFIX = "OUTBOX#"
"""The stream's filter lets through only inserts of rows whose sort key begins so."""
ARCHIVE_PREFIX = "scans/"
"""How the keys begin under which large scans lie in their bucket."""

# The tick that starts the dispatcher
SCHEDULED_TIME = "scheduled_time"
AFTER_CLUSTER = "after_cluster"
"""Key of the schedule's input that holds the scheduled time (the Scheduler's context attribute), RFC 3339.

Where the schedule has no input of its own, the service's notification has it under `time`.
"""


# What people and the command line find by name; a deployment's name is `name` in eks-readiness.yaml
def ledger_table(deployment: str) -> str:
    """The ledger's table."""
    return f"{deployment}-ledger"


def scan_queue(deployment: str) -> str:
    """The queue of scan requests."""
    return f"{deployment}-scans"


DEAD_LETTERS = ("scans", "ticks", "events", "sweeps")
"""What can end in a queue of dead letters after all retries, each in a queue of its own."""


def dead_letter_queue(deployment: str, what: str) -> str:
    """Where things of one kind (of DEAD_LETTERS) end that could not be done."""
    return f"{deployment}-{what}-dlq"


def topic(deployment: str) -> str:
    """The topic of level changes and everything else that is told about clusters."""
    return f"{deployment}-level-changes"


def operations_topic(deployment: str) -> str:
    """The topic of the alarms: whether the scanner itself is well."""
    return f"{deployment}-operations"


def dashboard(deployment: str) -> str:
    """The dashboard of the fleet."""
    return deployment


# Outputs of the stack
OUTPUT_LEDGER_TABLE = "LedgerTable"
OUTPUT_EVIDENCE_BUCKET = "EvidenceBucket"
OUTPUT_SCAN_QUEUE_URL = "ScanQueueUrl"
OUTPUT_LEVEL_TOPIC_ARN = "LevelTopicArn"
OUTPUT_OPERATIONS_TOPIC_ARN = "OperationsTopicArn"
OUTPUT_DASHBOARD_URL = "DashboardUrl"
OUTPUT_DEAD_LETTER_QUEUE_URLS = {
    "scans": "ScanDeadLetterQueueUrl",
    "ticks": "TickDeadLetterQueueUrl",
    "events": "EventDeadLetterQueueUrl",
    "sweeps": "SweepDeadLetterQueueUrl",
}

# SNS message attributes
ATTRIBUTE_EVENT = "event"
ATTRIBUTE_DIRECTION = "direction"
ATTRIBUTE_CLUSTER = "cluster"
ATTRIBUTE_ACCOUNT = "account"
ATTRIBUTE_REGION = "region"
ATTRIBUTE_FROM_LEVEL = "from_level"
ATTRIBUTE_TO_LEVEL = "to_level"
ATTRIBUTE_PRIORITY = "priority"

MESSAGE_SCHEMA: Final = "eks-readiness.level-change/1"
EXPIRY_SCHEMA: Final = "eks-readiness.expiry/1"
DIGEST_SCHEMA: Final = "eks-readiness.fleet-digest/1"
FOREIGN_SCHEMA: Final = "eks-readiness.foreign-event/1"
"""Of events that the version that tells them cannot read."""
