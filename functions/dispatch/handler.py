"""A tick of the schedule: request a scan of every registered cluster."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from eks_readiness.app.dispatch_scans import parse_tick
from eks_readiness.bootstrap.functions import dispatcher
from eks_readiness.settings import DispatchSettings
from functions import started

logger = Logger()
dispatch = dispatcher(DispatchSettings.from_env(os.environ))
started()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the slot and how many scans were requested; an error makes Lambda try again from where it began."""
    tick = parse_tick(event)
    done = dispatch(tick, seconds_left=lambda: context.get_remaining_time_in_millis() / 1000)
    rest = done.rest.after if done.rest else None
    logger.info("scans requested", slot=tick.slot.isoformat(), scans=done.scans, after=tick.after, handed_on_after=rest)
    return {"slot": tick.slot.isoformat(), "scans": done.scans, "handed_on_after": rest}
