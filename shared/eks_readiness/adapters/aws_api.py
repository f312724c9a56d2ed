"""Reads AWS through boto3: one client per service for all threads, every list to its end, errors translated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

from botocore import xform_name
from botocore.config import Config
from botocore.model import OperationModel, Shape

from eks_readiness.adapters.aws_errors import SDK_ERRORS, translated, unreadable
from eks_readiness.adapters.aws_regions import region_of
from eks_readiness.adapters.aws_shapes import require_body, require_shape
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.event_history import LOOK_UP, EventHistory
from eks_readiness.adapters.probe import UNREADABLE
from eks_readiness.domain.errors import ProbeError, UnexpectedAnswer

THREADS = 16
"""Threads that help with many equal calls, per account and region, and connections kept per service."""
SHARE = 8
"""Of those, how many may help with one list of calls: a service that hangs leaves the others to the rest."""

SDK = Config(
    # Set here: the SDK's own default differs between versions, and `adaptive` lets one slow service hold up a scan.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=THREADS,
    user_agent_extra="eks-readiness",
)
_OWN_PACE = {
    # CloudTrail answers two look-ups a second in an account and region: there the SDK must find and keep that pace.
    "cloudtrail": SDK.merge(Config(retries={"mode": "adaptive", "total_max_attempts": 8})),
}
_STUMBLES = (RuntimeError, *UNREADABLE)
"""What the SDK raises over an answer that it cannot read; a RuntimeError stands for an instant that is none."""
_MORE = ("nextToken", "NextToken", "nextMarker", "NextMarker", "Marker")


class AwsClients:
    """The clients of one account and region, made when they are first used, and the threads that use them."""

    def __init__(self, session: Any, region: str) -> None:
        """Take a boto3 session; its methods are only called under a lock, since sessions are not thread-safe."""
        self.session = session
        self.region = region
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")
        self.history = EventHistory()
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    def client(self, service: str) -> Any:
        """The client of a service, by its boto3 name, in the region in which it answers.

        Raises:
            Unsupported: the partition does not have the service.
        """
        with self._lock:
            if service not in self._clients:
                region = region_of(service, self.region, self.session.get_partition_for_region)
                config = _OWN_PACE.get(service, SDK)
                client = self.session.client(service, region_name=region, config=config)
                client.meta.events.register("before-parse", require_body)
                self._clients[service] = client
            return self._clients[service]


class BotoAws:
    """An `AwsReader` for one scan: equal calls are made once, none is begun after the deadline."""

    def __init__(self, clients: AwsClients, deadline: Deadline) -> None:
        self._clients = clients
        self._deadline = deadline
        self._answers: dict[str, Future[dict[str, Any]]] = {}
        self._lock = Lock()

    def read(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call one operation (API name, like `DescribeCluster`) and return its answer as boto3 shapes it."""
        key = json.dumps([service, operation, parameters], sort_keys=True, default=str)
        with self._lock:
            known = self._answers.get(key)
            answer = known or self._answers.setdefault(key, Future())
        if known is None:
            try:
                answer.set_result(self._call(service, operation, parameters))
            except BaseException as error:  # whoever waits for this answer must hear of it
                answer.set_exception(error)
                raise
        return answer.result()

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Every element under the answer's `key`, over all pages; of CloudTrail's history, what is kept of it."""
        if (service, operation) == LOOK_UP:
            return self._clients.history.events(lambda asked: self._pages(service, operation, key, asked), parameters)
        return self._pages(service, operation, key, parameters)

    def _pages(self, service: str, operation: str, key: str, parameters: Mapping[str, Any]) -> Iterator[Any]:
        self._deadline.require(f"{service}:{operation}")
        try:
            client = self._clients.client(service)
            name = xform_name(operation)
            shape = _output(client, operation)
            if not client.can_paginate(name):
                answer = getattr(client, name)(**parameters)
                require_shape(answer, shape, f"{service}:{operation}")
                if any(answer.get(more) for more in _MORE):
                    raise UnexpectedAnswer(f"{service}:{operation}: the SDK cannot read its further pages")
                yield from answer.get(key) or ()
                return
            for page in client.get_paginator(name).paginate(**parameters):
                require_shape(page, shape, f"{service}:{operation}")
                yield from page.get(key) or ()
                self._deadline.require(f"{service}:{operation}")
        except SDK_ERRORS as error:
            raise translated(service, operation, error) from error
        except _STUMBLES as error:
            raise unreadable(service, operation, error) from error

    def read_each(
        self, service: str, operation: str, each: Sequence[Mapping[str, Any]], /
    ) -> list[dict[str, Any] | ProbeError]:
        """Call one operation once for each set of parameters, side by side; answers or errors in the same order."""

        def one(parameters: Mapping[str, Any]) -> dict[str, Any] | ProbeError:
            try:
                return self.read(service, operation, **parameters)
            except ProbeError as error:
                return error

        # Whoever asks works off the list as well: with every helper stuck in another service, it still gets done.
        answers: list[dict[str, Any] | ProbeError | None] = [None] * len(each)
        left = iter(enumerate(each))
        lock = Lock()

        def work() -> None:
            while True:
                with lock:
                    position, parameters = next(left, (-1, None))
                if parameters is None:
                    return
                answers[position] = one(parameters)

        helpers = [self._clients.pool.submit(work) for _ in range(min(SHARE, len(each) - 1))]
        work()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun finds nothing left to do
                helper.result()
        return [answer for answer in answers if answer is not None]

    def _call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._deadline.require(f"{service}:{operation}")
        try:
            client = self._clients.client(service)
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
        except SDK_ERRORS as error:
            raise translated(service, operation, error) from error
        except _STUMBLES as error:
            raise unreadable(service, operation, error) from error
        answer.pop("ResponseMetadata", None)
        require_shape(answer, _output(client, operation), f"{service}:{operation}")
        return answer


def _output(client: Any, operation: str) -> Shape | None:
    model: OperationModel = client.meta.service_model.operation_model(operation)
    return model.output_shape
