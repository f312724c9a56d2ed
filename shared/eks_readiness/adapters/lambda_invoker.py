"""Starts a function, and does not wait for its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eks_readiness.adapters.aws_errors import SDK_ERRORS
from eks_readiness.domain.errors import StoreError


class LambdaInvoker:
    """Starts one function behind a boto3 client.

    Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """

    def __init__(self, client: Any, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def start(self, event: Mapping[str, object]) -> None:
        """Start the function with an event. Raises StoreError when Lambda did not, or perhaps not, take it."""
        try:
            self._client.invoke(
                FunctionName=self._function_name, InvocationType="Event", Payload=msgspec.json.encode(event)
            )
        except SDK_ERRORS as error:
            raise StoreError(
                f"{self._function_name} could not be started: {error}",
                remedy="allow it lambda:InvokeFunction on itself",
            ) from error
