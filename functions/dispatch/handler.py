"""A tick of the schedule: request a scan of every registered cluster."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from eks_readiness.app.dispatch_scans import scheduled_time
from eks_readiness.bootstrap.functions import dispatcher
from eks_readiness.settings import DispatchSettings

logger = Logger()
dispatch = dispatcher(DispatchSettings.from_env(os.environ))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer the slot and how many scans were requested; an error makes the schedule try again."""
    slot = scheduled_time(event)
    requested = dispatch(slot)
    logger.info("scans requested", slot=slot.isoformat(), scans=requested)
    return {"slot": slot.isoformat(), "scans": requested}
