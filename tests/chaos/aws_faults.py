"""Faults of an AWS API, planted below the SDK's retries: what an SDK call does about them is what it does on AWS.

    throttled   the service answers that it is asked too much; nothing is done
    refused     no connection comes about; nothing is done
    lost        it is done, and the answer does not arrive

moto answers from a `before-send` handler. A second handler beside it would not keep moto's from being called, and so a
request that was refused would be done all the same: the fault has to stand around moto's own handler.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest.mock import patch

import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from moto.core.botocore_stubber import BotocoreStubber

FaultName = Literal["throttled", "refused", "lost"]
FAULTS: tuple[FaultName, ...] = ("throttled", "refused", "lost")
FOR_GOOD = 1_000


@dataclass
class AwsFaults:
    """What is planted: for an operation, the fault and how many of its next requests it meets.

    `sent` counts the requests of each operation, with the SDK's repetitions; `pauses` are those before them, which are
    noted and not made.
    """

    planted: dict[str, tuple[FaultName, int]] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    pauses: list[float] = field(default_factory=list)

    def plant(self, operation: str, fault: FaultName, *, times: int = FOR_GOOD) -> None:
        """Let the next requests of an operation meet a fault."""
        self.planted[operation] = (fault, times)

    def clear(self) -> None:
        """No more faults."""
        self.planted.clear()

    def send(self, request: AWSPreparedRequest, whole: Callable[[], Any]) -> Any:
        """Send a request, or let it meet what is planted for it."""
        operation = operation_of(request)
        self.sent[operation] += 1
        fault, left = self.planted.get(operation, ("", 0))
        if not left:
            return whole()
        self.planted[operation] = (fault, left - 1)  # type: ignore[assignment] # it is the one that was planted
        if fault == "throttled":
            return _throttled(request)
        if fault == "refused":
            raise ConnectTimeoutError(endpoint_url=request.url)
        whole()
        raise ReadTimeoutError(endpoint_url=request.url)


@contextmanager
def aws_faults() -> Iterator[AwsFaults]:
    """Stand between the SDK and its wire, or moto, in this process."""
    faults = AwsFaults()
    wire, stub = URLLib3Session.send, BotocoreStubber.__call__

    def send(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        return faults.send(request, lambda: wire(session, request))

    def answer(stubber: BotocoreStubber, event_name: str, request: Any, **kwargs: Any) -> Any:
        if not stubber.enabled:
            return None
        return faults.send(request, lambda: stub(stubber, event_name, request, **kwargs))

    class Pauses:
        """`time` as the SDK's retries use it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(whole_time, name)

        def sleep(self, seconds: float) -> None:
            """Note it."""
            faults.pauses.append(seconds)

    whole_time = vars(botocore.endpoint)["time"]
    with (
        patch.object(URLLib3Session, "send", send),
        patch.object(BotocoreStubber, "__call__", answer),
        patch.object(botocore.endpoint, "time", Pauses()),
    ):
        yield faults


def operation_of(request: AWSPreparedRequest) -> str:
    """Which operation a request is: from its target, its action, or else its path."""
    target = _text(request.headers.get("X-Amz-Target", ""))
    body = _text(request.body or "")
    if target:
        return target.rpartition(".")[2]
    return body.partition("=")[2].partition("&")[0] if body.startswith("Action=") else f"{request.method} {request.url}"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _throttled(request: AWSPreparedRequest) -> AWSResponse:
    if request.headers.get("X-Amz-Target"):
        kind, body = "application/x-amz-json-1.0", json.dumps({"__type": "x#ThrottlingException", "message": "slower"})
    elif "Action=" in _text(request.body or ""):
        kind = "text/xml"
        body = "<ErrorResponse><Error><Code>Throttling</Code><Message>slower</Message></Error></ErrorResponse>"
    else:
        kind, body = "application/json", json.dumps({"code": "ThrottlingException", "message": "slower"})
    headers: Any = HTTPHeaders()
    headers["content-type"] = kind
    return AWSResponse(request.url, 400, headers, _Raw(body.encode()))


class _Raw(io.BytesIO):
    """A body as the SDK reads it."""

    def stream(self, *_arguments: object, **_named: object) -> Iterator[bytes]:
        """All of it."""
        yield self.read()
