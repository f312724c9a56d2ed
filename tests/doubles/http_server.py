"""A threaded HTTP server on loopback, with or without TLS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Request(NamedTuple):
    """One request: path with query, headers, body."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """One answer. A negative status breaks the connection off instead of answering."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._context = context

    def finish_request(self, request: object, client_address: object) -> None:
        # The handshake belongs into the connection's own thread: a client that refuses must not hold up the others.
        if self._context is None:
            super().finish_request(request, client_address)  # type: ignore[arg-type] # a socket
            return
        try:
            secured = self._context.wrap_socket(request, server_side=True)  # type: ignore[arg-type] # as above
        except (ssl.SSLError, OSError):
            return
        with secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class HttpServer:
    """Serves an answering function until it is closed; a context manager."""

    def __init__(self, answer: Callable[[Request], Response], *, context: ssl.SSLContext | None = None) -> None:
        outer = answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """The tests say what they see."""

            def _respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else b""
                response = outer(Request(self.command, self.path, dict(self.headers.items()), body))
                if response.status < 0:
                    self.close_connection = True
                    self.connection.close()
                    return
                if "Date" in response.headers:
                    self.send_response_only(response.status)
                else:
                    self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _respond  # noqa: N815 - the base class calls them so

        self._server = _Server(Handler, context)
        self._scheme = "http" if context is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
