"""A function's process that can be made to die at a chosen point: `python -m tests.chaos.worker scan`.

It runs the real handler. Each line of its input is an invocation: the event, and a plan of what is to happen to it.
Of clusters nothing is seen, so that little is gathered; how one of them kills its scan is in the plan, too.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.httpsession import URLLib3Session

from eks_readiness.adapters.evidence_source import ClusterEvidenceSource
from eks_readiness.domain.evidence import SLICES, Evidence, Slice, Unavailable
from eks_readiness.domain.ledger import Registration
from tests.chaos.aws_faults import operation_of

ANSWER = "ANSWER "
MEMORY_BYTES = 700 * 1024 * 1024
_PLAN: dict[str, Any] = {}


class _Context:
    function_name = "function"
    memory_limit_in_mb = 700
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:function"
    aws_request_id = "00000000-0000-0000-0000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        """A minute."""
        return 60_000


def _die(how: str) -> None:
    if how == "exit":
        os._exit(1)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(10)


def _watch_memory() -> None:
    """Kill the process when it has taken more than it may, as Lambda does."""
    statm, page = Path("/proc/self/statm"), os.sysconf("SC_PAGE_SIZE")
    while True:
        if int(statm.read_text().split()[1]) * page > MEMORY_BYTES:
            _die("kill")
        time.sleep(0.02)


def _plant() -> None:
    wire = URLLib3Session.send

    def send(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        planned = operation_of(request) == _PLAN.get("operation")
        if planned and _PLAN["when"] == "before":
            _die(_PLAN["how"])
        answer = wire(session, request)
        if planned:
            _die(_PLAN["how"])
        return answer

    unseen = Unavailable(reason="unreachable", detail="no route")

    def collect(_source: object, registration: Registration, **_named: object) -> Evidence:
        how = _PLAN.get("clusters", {}).get(registration.cluster.name)
        if how == "allocate":
            kept = [bytearray(os.urandom(1024) * 16 * 1024) for _ in range(1_000)]
            raise AssertionError(len(kept))
        if how == "sleep":
            time.sleep(600)
        if how:
            _die(how)
        slices: dict[type[Slice], Slice | Unavailable] = dict.fromkeys(SLICES, unseen)
        return Evidence(cluster=registration.cluster, observed_at=datetime.now(UTC), slices=MappingProxyType(slices))

    vars_of_session: Any = URLLib3Session
    vars_of_session.send = send
    source: Any = ClusterEvidenceSource
    source.collect = collect


def main() -> None:
    """Answer invocations until the input ends."""
    _plant()
    threading.Thread(target=_watch_memory, daemon=True).start()
    handler = importlib.import_module(f"functions.{sys.argv[1]}.handler").handler
    for line in sys.stdin:
        invocation = json.loads(line)
        _PLAN.clear()
        _PLAN.update(invocation["plan"])
        try:
            said = {"result": handler(invocation["event"], _Context())}
        except Exception as error:  # noqa: BLE001 - the runtime reports whatever a handler raises
            said = {"error": f"{type(error).__name__}: {error}"}
        print(f"\n{ANSWER}{json.dumps(said)}", flush=True)


if __name__ == "__main__":
    main()
