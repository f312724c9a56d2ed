"""Every few minutes: tell what was left behind, and publish the age gauges."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from eks_readiness.bootstrap.functions import sweeper
from eks_readiness.domain.errors import StoreError
from eks_readiness.settings import SweepSettings
from functions import started

logger = Logger()
sweep = sweeper(SweepSettings.from_env(os.environ))
started()


@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer what was done; an event that could not be told makes the sweep count as failed."""
    result = sweep()
    for relayed in result.relayed:
        logger.info("event told late", event_id=relayed.event.event_id, message_id=relayed.message_id)
    if result.failures:
        raise StoreError(f"{len(result.failures)} events could not be told: {'; '.join(result.failures)}")
    return {"told": len(result.relayed), "outbox_age_seconds": result.outbox_age_seconds}
