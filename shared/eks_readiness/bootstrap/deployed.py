"""A deployment, as the command line reaches it: by its name, with the user's own AWS credentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from eks_readiness import names
from eks_readiness.adapters.aws_api import AwsClients, BotoAws
from eks_readiness.adapters.aws_documents import pinned
from eks_readiness.adapters.aws_eks import runs_elsewhere
from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.sqs_dead_letters import SqsDeadLetters
from eks_readiness.adapters.sqs_queue import SqsScanQueue
from eks_readiness.bootstrap.checklist import installed_checklist
from eks_readiness.bootstrap.ledger import SDK, dynamo_ledger
from eks_readiness.checklist import Checklist
from eks_readiness.domain.cluster import ClusterRef
from eks_readiness.domain.errors import InputError, ProbeError
from eks_readiness.ports import Clock, DeadLetterKind, DeadLetters, Ledger, OnBrokenRow, ScanQueue

_READS_ONLY_DAYS = 1
"""The command line writes no scans."""
_ASK_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What the command line uses of a deployment.

    `pin` adds to a document's address which version is there now. `refuse` tells why a cluster cannot be scanned, as
    far as EKS can be asked about it from here. `dead_letters` finds the queue of one kind of dead letters.
    """

    name: str
    ledger: Ledger
    queue: ScanQueue
    clock: Clock
    pin: Callable[[str], str]
    refuse: Callable[[ClusterRef], ProbeError | None]
    dead_letters: Callable[[DeadLetterKind], DeadLetters]
    checklist: Checklist


def connect(name: str, *, region: str | None, profile: str | None, on_broken_row: OnBrokenRow) -> Deployment:
    """Reach a deployment.

    Raises:
        InputError: there is no such deployment in that account and region, or no region or credentials are known.
    """
    try:
        session: Any = boto3.Session(profile_name=profile, region_name=region)
        sqs = session.client("sqs", config=SDK)
        queue_url = sqs.get_queue_url(QueueName=names.scan_queue(name))["QueueUrl"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if "NonExistentQueue" in code:
            raise InputError(
                f"there is no deployment {name!r} here", remedy="deploy it, or name another --deployment or --region"
            ) from error
        raise InputError(f"deployment {name!r} cannot be reached: {error}", remedy="sign in again") from error
    except BotoCoreError as error:
        raise InputError(
            f"deployment {name!r} cannot be reached: {error}", remedy="name --region or --profile"
        ) from error
    return Deployment(
        name=name,
        ledger=dynamo_ledger(
            session, names.ledger_table(name), retention_days=_READS_ONLY_DAYS, on_broken_row=on_broken_row
        ),
        queue=SqsScanQueue(sqs, queue_url),
        clock=SystemClock(),
        pin=lambda uri: pinned(_reader(session, session.region_name), uri),
        refuse=lambda cluster: _refused(_reader(session, cluster.region), cluster),
        dead_letters=lambda what: _dead_letters(sqs, name, what, queue_url),
        checklist=installed_checklist(),
    )


def _dead_letters(sqs: Any, name: str, what: DeadLetterKind, scan_queue_url: str) -> SqsDeadLetters:
    queue = names.dead_letter_queue(name, what)
    try:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except (ClientError, BotoCoreError) as error:
        raise InputError(f"queue {queue} cannot be reached: {error}", remedy="deploy this version") from error
    return SqsDeadLetters(sqs, url, source_url=scan_queue_url if what == "scans" else None)


def _reader(session: Any, region: str) -> BotoAws:
    return BotoAws(AwsClients(session, region), Deadline(_ASK_SECONDS))


def _refused(aws: BotoAws, cluster: ClusterRef) -> ProbeError | None:
    try:
        described = aws.read("eks", "DescribeCluster", name=cluster.name)["cluster"]
    except ProbeError:
        return None  # the deployment may see more than its user does
    return runs_elsewhere(described) if described.get("arn") == cluster.arn else None
