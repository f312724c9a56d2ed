"""New events of the ledger, from its stream: tell each."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from eks_readiness.bootstrap.functions import relay
from eks_readiness.settings import RelaySettings
from functions import started

logger = Logger()
tell = relay(RelaySettings.from_env(os.environ))
processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
started()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer from which record on the stream is to be delivered again."""

    def answer(record: DynamoDBRecord) -> None:
        keys = record.raw_event["dynamodb"]["Keys"]
        try:
            relayed = tell(keys)
        except Exception:  # also what nobody thought of: the batch's answer names the message, not the error
            logger.exception("event not told", keys=keys)
            raise
        if relayed is not None:
            logger.info("event told", event_id=relayed.event.event_id, message_id=relayed.message_id)

    return dict(process_partial_response(event, answer, processor, context))
