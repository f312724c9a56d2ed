"""The dashboard's custom widget."""

from __future__ import annotations

import os
from html import escape
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from eks_readiness.bootstrap.widget import widget
from eks_readiness.domain.errors import ReadinessError
from eks_readiness.settings import WidgetSettings
from functions import started

logger = Logger()
page = widget(WidgetSettings.from_env(os.environ))
started()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> str:
    """Answer the page as HTML; a mistake is a page, too."""
    try:
        return page(event, endpoint=context.invoked_function_arn)
    except ReadinessError as error:
        logger.warning("no page", reason=str(error))
        return f"<p>{escape(str(error))}</p>"
