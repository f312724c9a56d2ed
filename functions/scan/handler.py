"""Scan requests from the queue: scan each cluster and write the result to the ledger."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from eks_readiness.bootstrap.scanner import scanner
from eks_readiness.settings import ScanSettings
from functions import started

logger = Logger()
scan = scanner(ScanSettings.from_env(os.environ))
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
started()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer which messages are to be delivered again."""

    def answer(record: SQSRecord) -> None:
        seconds = context.get_remaining_time_in_millis() / 1000
        try:
            result = scan(record.body, receipt_handle=record.receipt_handle, remaining_seconds=seconds)
        except Exception:  # also what nobody thought of: the batch's answer names the message, not the error
            logger.exception("scan failed", message_id=record.message_id)
            raise
        request, state = result.request, result.state
        said = {"level": state.level, "interval": str(state.interval), "scan_id": state.scan_id} if state else {}
        logger.info(result.outcome, cluster=request.cluster_arn, slot=request.slot.isoformat(), extra=said)

    return dict(process_partial_response(event, answer, processor, context))
