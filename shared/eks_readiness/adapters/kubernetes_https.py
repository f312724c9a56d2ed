"""Gets paths of one Kubernetes API server over TLS: its certificate authority pinned, bounded in time and size.

The connection pool is that of the official client's REST layer; what goes over it is decided here: no redirects, gzip
asked for, Retry-After honoured within the deadline, at most eight requests at once, one fresh token after a 401.
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from threading import BoundedSemaphore
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Timeout
from urllib3.util.ssl_ import create_urllib3_context

from eks_readiness.adapters.clock import SystemClock
from eks_readiness.adapters.deadline import Deadline
from eks_readiness.adapters.kubernetes_api import refusal
from eks_readiness.domain.errors import (
    ProbeError,
    TimedOut,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    bounded,
)
from eks_readiness.ports import Clock

AT_ONCE = 8
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
MAX_BODY_BYTES = 64 * 1024 * 1024
"""One page after decompression; real ones of 500 pods are a tenth of it."""
_CHUNK_BYTES = 256 * 1024
_TRIES = 4
_MAX_PAUSE_SECONDS = 10.0
MAX_SKEW_SECONDS = 5 * 60
"""AWS takes a signature whose time is off by at most this."""
_LOG = logging.getLogger(__name__)
_ROUTE = (
    "a private endpoint needs a scanner with a route to it; allow the scanner's address, or put it into the network"
)
# https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
_EKS_HOST = re.compile(
    r"[A-Z0-9]{32}\.(?:[a-z0-9]+\.)?[a-z0-9-]+\."
    r"(?:eks\.amazonaws\.com|eks\.amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn"
    r"|eks\.(?:c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk|amazonaws\.eu))",
    re.IGNORECASE,
)


class Token(Protocol):
    """Gives the bearer token of a cluster."""

    def __call__(self, *, fresh: bool) -> str:
        """The token; a new one with `fresh`. Raises the ProbeError tree."""


def endpoint_is_allowed(endpoint: str, *, suffixes: Iterable[str] = ()) -> bool:
    """Whether a token may be sent there: over TLS, to a host of EKS or one under the given suffixes."""
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        plain = not (parts.username or parts.query or parts.fragment or parts.path.strip("/"))
    except ValueError:
        return False
    if parts.scheme != "https" or not plain:
        return False
    return bool(_EKS_HOST.fullmatch(host)) or any(_under(host, suffix) for suffix in suffixes)


def _under(host: str, suffix: str) -> bool:
    return host == suffix.lstrip(".") or host.endswith("." + suffix.lstrip("."))


class HttpsFetch:
    """A `Fetch` over one server; may be used from several threads."""

    def __init__(
        self,
        configuration: Configuration,
        token: Token | None,
        deadline: Deadline,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Clock | None = None,
    ) -> None:
        """Take host, TLS settings and proxy from a configuration of the official client; `token` None sends none."""
        configuration.connection_pool_maxsize = AT_ONCE
        self._host = configuration.host.rstrip("/")
        self._pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
        self._pool.connection_pool_kw["ssl_context"] = _context(configuration, deadline)
        self._clock = clock or SystemClock()
        self._token = token
        self._deadline = deadline
        self._sleep = sleep
        self._places = BoundedSemaphore(AT_ONCE)
        self._down: ProbeError | None = None

    def __call__(self, path: str, query: Mapping[str, str], accept: str) -> bytes | bytearray:
        """The body of a path's 200 answer; everything else raises the ProbeError tree."""
        fresh = False
        for attempt in range(1, _TRIES + 1):
            with self._places:
                if self._down is not None:
                    # No connection a moment ago: the other probes need not wait for the same timeout.
                    raise self._down
                status, headers, body = self._get(path, query, accept, fresh=fresh)
            if status == 200:  # noqa: PLR2004 - HTTP's own word for it
                return body
            if status == 401 and self._token is not None and not fresh:  # noqa: PLR2004 - as above
                fresh = True
                continue
            pause = _pause(status, headers)
            if pause is None or attempt == _TRIES:
                break
            self._deadline.require(f"GET {path}", seconds=pause)
            self._sleep(pause)
        error = refusal(status, body, path)
        if isinstance(error, Unauthenticated) and (skew := self._skew(headers)):
            raise Unauthenticated(
                f"{error.args[0]}; {skew}", remedy="set this machine's clock: a token carries its time"
            )
        raise error

    def _skew(self, headers: Mapping[str, str]) -> str:
        """By how much the server's clock differs from ours, in words; nothing when tokens do not fail for that."""
        try:
            seconds = (self._clock.now() - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
        except (TypeError, ValueError):
            return ""
        if abs(seconds) <= MAX_SKEW_SECONDS:
            return ""
        where = "ahead of" if seconds > 0 else "behind"
        return f"this machine's clock is {abs(seconds) / 60:.0f} minutes {where} the server's"

    def _get(
        self, path: str, query: Mapping[str, str], accept: str, *, fresh: bool
    ) -> tuple[int, Mapping[str, str], bytes | bytearray]:
        self._deadline.require(f"GET {path}")
        left = self._deadline.remaining()
        headers = {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "eks-readiness"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token(fresh=fresh)}"
        try:
            answer = self._pool.request(
                "GET",
                self._host + path,
                fields=dict(query),
                headers=headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=Timeout(connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left)),
            )
            try:
                return answer.status, answer.headers, self._body(answer, path)
            finally:
                answer.release_conn()
        except HTTPError as error:
            failure = _translated(error, path)
            if isinstance(failure, Unreachable):
                self._down = failure
            raise failure from error

    def _body(self, answer: urllib3.BaseHTTPResponse, path: str) -> bytes | bytearray:
        body = bytearray()
        for chunk in answer.stream(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                answer.close()
                raise UnexpectedAnswer(f"GET {path}: the answer is larger than {MAX_BODY_BYTES // 1024**2} MiB")
            if not self._deadline.remaining():
                answer.close()
                self._deadline.require(f"GET {path}")
        return body


def _context(configuration: Configuration, deadline: Deadline) -> ssl.SSLContext:
    """A TLS context whose sockets wait no longer than the scan lasts.

    A read timeout alone begins anew with each byte: a server that sends one now and then would hold a thread for ever.
    """

    class Bounded(ssl.SSLSocket):
        def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
            left = deadline.remaining()
            if not left:
                raise TimeoutError("the scan's time is used up")
            self.settimeout(min(self.gettimeout() or READ_SECONDS, left))
            return super().recv_into(buffer, nbytes, flags)

    context = create_urllib3_context()
    context.sslsocket_class = Bounded
    if not (configuration.ssl_ca_cert or configuration.ca_cert_data):
        context.load_default_certs()
    return context


def _pause(status: int, headers: Mapping[str, str]) -> float | None:
    """How long to wait before asking again; None when asking again makes no sense."""
    if status not in (429, 503):
        return None
    after = headers.get("Retry-After", "1")
    return min(float(after), _MAX_PAUSE_SECONDS) if after.isascii() and after.isdigit() else 1.0


def _translated(error: HTTPError, path: str) -> ProbeError:  # noqa: PLR0911 - one for each kind of error
    reason: Any = getattr(error, "reason", None) or error
    what = bounded(f"GET {path}: {type(reason).__name__}: {reason}")
    if isinstance(reason, SSLError):
        if not any(isinstance(each, ssl.SSLCertVerificationError) for each in reason.args):
            return Unreachable(what, remedy=f"the TLS handshake was broken off: {_ROUTE}")
        remedy = "the server does not show a certificate of the cluster's own authority: is it the cluster's endpoint?"
        # Somebody may stand between: whoever watches the logs is told, beside the findings that stay unknown.
        _LOG.warning("security: a server that is not the cluster's own was refused: %s", what)
        return Unreachable(what, remedy=remedy)
    if isinstance(reason, ConnectTimeoutError | NewConnectionError | ProxyError):
        return Unreachable(what, remedy=_ROUTE)
    if isinstance(reason, ReadTimeoutError):
        return TimedOut(what, remedy="the server is slow: the next scan tries again")
    if isinstance(reason, DecodeError):
        return UnexpectedAnswer(what)
    if isinstance(reason, ProtocolError):
        return UnexpectedAnswer(what, remedy="the server broke off its answer: the next scan tries again")
    return Unreachable(what, remedy=_ROUTE)
