"""Starts ministack with the one thing that it lacks for us: the Scheduler's context attributes.

Run by ministack's own interpreter, which has nothing of ours.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ministack.app import main
from ministack.services import eventbridge

_invoke = eventbridge._invoke_target


def _with_context(target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> None:
    if event.get("Source") == "aws.scheduler" and target.get("Input"):
        at = datetime.fromtimestamp(event["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", at)}
    _invoke(target, event, rule, view)


eventbridge._invoke_target = _with_context

if __name__ == "__main__":
    main()
