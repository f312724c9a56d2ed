"""What programs that receive messages may rely on."""

from __future__ import annotations

from typing import Annotated

import typer

from eks_readiness.cli.app import app, show_json
from eks_readiness.domain.errors import InputError
from eks_readiness.reports.message_schemas import MESSAGES, message_schema


@app.command("schema")
def schema(
    message: Annotated[str, typer.Argument(help=f"Kind of message: {', '.join(MESSAGES)}.")],
) -> None:
    """Print the JSON Schema of one kind of message, as SQS, Lambda and HTTPS subscribers receive it."""
    if message not in MESSAGES:
        raise InputError(f"no message is called {message[:100]!r}", remedy=f"there are {', '.join(MESSAGES)}")
    show_json(message_schema(message))
