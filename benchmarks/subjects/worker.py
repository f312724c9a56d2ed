"""One execution environment of the deployed scanner: worker.py BUNDLE TIMEOUT_SECONDS.

Each line of its input is an event, answered by the real handler with a line that begins with ANSWER.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

sys.path.insert(0, sys.argv[1])

from functions.scan.handler import handler

timeout_seconds = float(sys.argv[2])


class Context:
    """What the handler asks of an invocation."""

    function_name = "scan"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:scan"
    aws_request_id = "00000000-0000-0000-0000-000000000001"

    def __init__(self) -> None:
        self._until = time.monotonic() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        """Until the function's timeout."""
        return int((self._until - time.monotonic()) * 1000)


for line in sys.stdin:
    context: Any = Context()
    print("ANSWER", json.dumps(handler(json.loads(line), context)), flush=True)
