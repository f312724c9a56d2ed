"""Runs a bundle with Lambda's own runtime client, in an environment that has nothing else, against a Runtime API.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.doubles.http_server import HttpServer, Request, Response

_API = "/2018-06-01/runtime"


class Answer(NamedTuple):
    """What an invocation came to: its result, or the error that it reported."""

    result: Any
    error: dict[str, Any] | None


class Runtime:
    """One function's execution environment; a context manager. `invoke` waits for its answer."""

    def __init__(
        self, bundle: Path, handler: str, *, python: str, client: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self._events: queue.Queue[bytes] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._lock = threading.Lock()
        self._number = 0
        self._server = HttpServer(self._answer)
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                # -I: neither this directory nor the user's packages are seen; -B: no bytecode but the bundle's own.
                [python, "-I", "-B", "-c", _BOOT, str(bundle), str(client), handler],
                env={
                    "PATH": os.environ["PATH"],
                    "AWS_LAMBDA_RUNTIME_API": self._server.url.removeprefix("http://"),
                    "AWS_LAMBDA_FUNCTION_NAME": "function",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                    "LAMBDA_TASK_ROOT": str(bundle),
                    "_HANDLER": handler,
                    **environment,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def invoke(self, event: object, *, seconds: float = 60) -> Answer:
        """Give the function an event and wait for what it says.

        Raises:
            TimeoutError: it said nothing in time; the message holds the end of its log.
        """
        self._events.put(json.dumps(event).encode())
        until = time.monotonic() + seconds
        while True:
            try:
                return self._answers.get(timeout=0.2)
            except queue.Empty:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise TimeoutError(f"no answer: {self.log.read_text()[-3000:]}") from None

    def _answer(self, request: Request) -> Response:
        path = request.target.removeprefix(_API)
        if path == "/invocation/next":
            return self._next()
        if path.endswith("/response"):
            self._answers.put(Answer(json.loads(request.body or b"null"), None))
        elif path.endswith("/error"):
            self._answers.put(Answer(None, json.loads(request.body or b"{}")))
        return Response(202, {"Content-Type": "application/json"}, b'{"status": "OK"}')

    def _next(self) -> Response:
        body = self._events.get()
        with self._lock:
            self._number += 1
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-0000-0000-{self._number:012}",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:111122223333:function:function",
            "Content-Type": "application/json",
        }
        return Response(200, headers, body)

    def close(self) -> None:
        """Stop the environment."""
        self._process.kill()
        self._process.wait()
        self._events.put(b"{}")  # whoever still waits for an event may go
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# The bundle first, then the runtime client alone: nothing that the bundle lacks can come from elsewhere.
_BOOT = """
import os, sys
bundle, client, handler = sys.argv[1:4]
sys.path[:] = [bundle, *(each for each in sys.path if 'site-packages' not in each), client]
from awslambdaric.bootstrap import run
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
run(handler, LambdaRuntimeClient(os.environ['AWS_LAMBDA_RUNTIME_API'], False))
"""
