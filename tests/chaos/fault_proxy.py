"""A proxy on loopback that does to a connection what networks do: it passes bytes on until the fault that is planted.

It knows nothing of what passes, so TLS passes through it, too; only `Redirect` answers, in plain HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Fault:
    """Something that happens to the answers of a connection, once `after_bytes` of them have passed unharmed."""

    after_bytes: int = 0


@dataclass(frozen=True)
class Latency(Fault):
    """Every piece of an answer comes later."""

    seconds: float = 0.5


@dataclass(frozen=True)
class Reset(Fault):
    """The connection is reset: the other side sees ECONNRESET."""


@dataclass(frozen=True)
class Truncate(Fault):
    """The connection is closed in good order, in the middle of an answer."""


@dataclass(frozen=True)
class Drip(Fault):
    """Answers come byte by byte, with a pause before each."""

    seconds: float = 0.1


@dataclass(frozen=True)
class Blackhole(Fault):
    """Nothing comes any more, and nobody says so."""


@dataclass(frozen=True)
class Redirect(Fault):
    """Every request is sent elsewhere, by an answer in plain HTTP; nothing is passed on."""

    location: str = ""


class FaultProxy:
    """Stands before one server; a context manager.

    `plant` says what happens from now on, to how many connections; `connections` counts those that were made, `struck`
    those that a fault met.
    """

    def __init__(self, target: str) -> None:
        """Take the address of a server, as a URL; `url` is the same with this proxy in its place."""
        parts = urlsplit(target)
        self._scheme, self._target = parts.scheme, (parts.hostname or "", parts.port or 0)
        self.connections = 0
        self.struck = 0
        self._fault: Fault | None = None
        self._left: int | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = f"{self._scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def plant(self, fault: Fault | None, *, times: int | None = None) -> None:
        """Let a fault meet the next `times` connections that come into its way, or all of them."""
        self._fault, self._left = fault, times

    def _strikes(self) -> bool:
        if self._left is not None:
            if not self._left:
                return False
            self._left -= 1
        self.struck += 1
        return True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: one that is cancelled before its first step would leave the connection open, unknown to all.
        self.connections += 1
        task = self._loop.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if isinstance(self._fault, Redirect) and self._strikes():
                await _redirect(reader, writer, self._fault.location)
            else:
                await self._pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            await _closed(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection(*self._target)
        sides = [asyncio.ensure_future(_copy(reader, away)), asyncio.ensure_future(self._answers(there, writer))]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            if not sides[1].done():
                # The client is through with asking: what is still to be answered may come.
                with contextlib.suppress(OSError):
                    away.write_eof()
                await sides[1]
        finally:
            away.transport.abort()  # before anything is awaited: a cancelled task comes no further than that
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed, met = 0, None
        while data := await reader.read(_CHUNK_BYTES):
            if met is not self._fault:
                met = None  # it is over, for a connection that is kept alive too
            if met is None and self._fault is not None and passed + len(data) > self._fault.after_bytes:
                met = self._fault if self._strikes() else None
            if met is None:
                writer.write(data)
            else:
                unharmed = max(0, met.after_bytes - passed)
                writer.write(data[:unharmed])
                await writer.drain()
                if not await _happen(met, data[unharmed:], writer):
                    return
            await writer.drain()
            passed += len(data)

    def close(self) -> None:
        """Stop, and drop every connection."""

        async def stop() -> None:
            self._server.close()
            # Among them may be the loop's own tasks, for connections that it is just accepting.
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                for task, writer in list(self._connections.items()):
                    writer.transport.abort()
                    task.cancel()
                await asyncio.wait(others, timeout=0.05)
            await asyncio.sleep(0)  # sockets are closed in the round after an abort

        self._run(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass
    except asyncio.CancelledError:
        writer.transport.abort()  # what the other side did not take is not waited for


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()


async def _happen(fault: Fault, data: bytes, writer: asyncio.StreamWriter) -> bool:
    """Let a fault happen to a piece of an answer; False when the connection is over with it."""
    match fault:
        case Latency():
            await asyncio.sleep(fault.seconds)
            writer.write(data)
        case Drip():
            for byte in data:
                await asyncio.sleep(fault.seconds)
                writer.write(bytes([byte]))
                await writer.drain()
        case Reset():
            # Closing with a linger of nothing sends RST, not FIN.
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case Truncate():
            writer.close()
            return False
        case Blackhole():
            await asyncio.Event().wait()
        case _:
            raise AssertionError(fault)
    return True


async def _redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, location: str) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, found, rest = head.partition("content-length:")
    if found:
        await reader.readexactly(int(rest.partition("\r\n")[0]))
    writer.write(
        f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    await writer.drain()
