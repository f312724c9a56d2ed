"""Answers AWS read operations in each service's own wire protocol, from scenarios; one region holds one scenario.

moto's core parses requests and writes answers by the SDK's service models; none of its backends is used.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import botocore.session
from botocore.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as MotoRequest
from moto.core.request import determine_request_protocol
from moto.core.routing import ServiceOperationRouter
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from tests.doubles.http_server import HttpServer, Request, Response
from tests.doubles.scenario import Scenario, ScenarioError

PAGE = 2
"""Lists come in pages of two, so that nobody reads only the first one."""
_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# Signing names that are not the name of the client. https://docs.aws.amazon.com/service-authorization/latest/reference/
_CLIENT_OF = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "aps": "amp",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}
_ACCOUNT_WIDE = frozenset(
    {"budgets", "ce", "compute-optimizer", "cost-optimization-hub", "cur", "iam", "route53", "bcm-data-exports"}
)
"""Services of the account as a whole: whatever region signs, the first scenario answers for the account."""
_TOKEN = "page-"


class _Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class AwsServer:
    """One account's read APIs. `scenarios` maps a region to what is there; it may be changed while it serves.

    `page` is how many elements come at once: few, so that nobody reads only the first page.
    `before` is called with service and operation ahead of every answer, in the connection's own thread: it may wait.
    """

    def __init__(self, scenarios: Mapping[str, Scenario]) -> None:
        self.scenarios = dict(scenarios)
        self.page = PAGE
        self.calls: list[tuple[str, str]] = []
        self.mistakes: list[str] = []
        self.before: Callable[[str, str], None] = lambda _service, _operation: None
        self._lock = threading.Lock()
        self._routers: dict[str, ServiceOperationRouter] = {}
        self._server = HttpServer(self._answer)
        self.url = self._server.url

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _answer(self, request: Request) -> Response:
        scope = _SCOPE.search(request.headers.get("Authorization", ""))
        if scope is None:
            return Response(403, {}, b"the request is not signed")
        service = _CLIENT_OF.get(scope["service"], scope["service"])
        model = get_service_model(service)
        read = MotoRequest.from_primitives(
            request.method, self.url + request.target, dict(request.headers), request.body
        )
        with self._lock:  # routers build themselves when they are first asked
            router = self._routers.setdefault(service, ServiceOperationRouter(model))
            operation, path_parameters = router.match(read)
        protocol = determine_request_protocol(model, read.content_type)
        parameters = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": read.method,
                "values": read.values,
                "headers": read.headers,
                "body": read.data,
                "url_path": read.path,
                "url_params": path_parameters,
            }
        )
        result = self._result(scope["region"], service, operation, parameters)
        serializer = get_serializer_class(service, protocol)(operation)
        answer = serializer.serialize(result)
        body = answer["body"]
        return Response(
            answer["status_code"], answer["headers"], body if isinstance(body, bytes) else str(body).encode()
        )

    def _result(self, region: str, service: str, operation: OperationModel, parameters: Mapping[str, Any]) -> Any:
        name = operation.name
        self.calls.append((service, name))
        self.before(service, name)
        scenario = next(iter(self.scenarios.values())) if service in _ACCOUNT_WIDE else self.scenarios.get(region)
        if scenario is None:
            return _Refusal("UnrecognizedClientException", f"nothing is in {region}")
        paging = _paging(service, name)
        asked = {key: value for key, value in parameters.items() if not paging or key not in paging.inputs}
        try:
            rule = scenario.answer(service, name, asked)
        except ScenarioError as error:
            # Loud twice: to the caller, and to the test that looks at `mistakes`.
            self.mistakes.append(str(error))
            return _Refusal("ValidationException", str(error))
        if rule.error is not None:
            return _Refusal(rule.error["code"], rule.error["message"])
        answer = dict(rule.answer or {})
        return paging.page(answer, parameters, self.page) if paging else answer


class _Paging(NamedTuple):
    """How an operation turns pages, as the SDK's paginators know it."""

    input_token: str
    output_token: str
    limit: str
    more: str
    key: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input_token, self.limit)

    def page(self, answer: dict[str, Any], parameters: Mapping[str, Any], size: int) -> dict[str, Any]:
        """One page of the answer's list."""
        found = answer.get(self.key) or []
        start = int(str(parameters.get(self.input_token) or f"{_TOKEN}0").removeprefix(_TOKEN))
        end = start + size
        following = {self.output_token: f"{_TOKEN}{end}"} if end < len(found) else {}
        truncated = {self.more: end < len(found)} if self.more else {}
        return {**answer, self.key: found[start:end], **following, **truncated}


@functools.cache
def _paging(service: str, operation: str) -> _Paging | None:
    loader = botocore.session.get_session().get_component("data_loader")
    known = loader.load_service_model(service, "paginators-1")["pagination"].get(operation)
    if known is None or not isinstance(known["input_token"], str) or not isinstance(known["result_key"], str):
        return None
    return _Paging(
        known["input_token"],
        known["output_token"],
        known.get("limit_key", ""),
        known.get("more_results", ""),
        known["result_key"],
    )
