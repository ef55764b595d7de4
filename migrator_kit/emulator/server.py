"""uvicorn with two additions: a connection can be cut on purpose, and readiness is announced."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: dict[tuple[str, int], asyncio.Transport] = {}


class CuttableProtocol(H11Protocol):
    """Remembers each connection by its peer, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection."""
        super().connection_made(transport)
        if self.client is not None:
            _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self.client is not None:
            _transports.pop(self.client, None)
        super().connection_lost(exc)


class CutResponse(Response):
    """No answer at all: the connection ends."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Cut the connection."""
        transport = _transports.get(tuple(scope["client"]))
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)


class HalfResponse(Response):
    """Headers that promise the whole body, half of it, then the end of the connection."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send half of the answer and close."""
        body = bytes(self.body)
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport = _transports.get(tuple(scope["client"]))
        if transport is not None:
            transport.close()
        await asyncio.sleep(0)


class EmulatorServer(Server):
    """Prints the address when ready; ends when the parent process is gone."""

    def __init__(self, config: Config, sock: socket.socket, parent: int | None) -> None:
        super().__init__(config)
        self._sock = sock
        self._parent = parent
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, then say so in one line."""
        await super().startup(sockets=sockets)
        port = self._sock.getsockname()[1]
        print(f"listening on http://127.0.0.1:{port}", flush=True)
        if self._parent is not None:
            self._watch = asyncio.create_task(self._watch_parent(self._parent))

    async def _watch_parent(self, parent: int) -> None:
        # A dead parent that nobody has collected still has its id; a child is then handed on.
        is_child = os.getppid() == parent
        while process_lives(parent) and (not is_child or os.getppid() == parent):
            await asyncio.sleep(1)
        self.should_exit = True


def process_lives(pid: int) -> bool:
    """Whether a process of that id is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def listen(port: int) -> socket.socket:
    """A loopback socket; port 0 lets the system choose."""
    # The protocol must be named: asyncio sets TCP_NODELAY only then, and without it every answer
    # waits 40 ms for a delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def config_for(app: Any) -> Config:
    """The server's settings: silent, patient with idle connections, quick to end."""
    return Config(
        app,
        http=CuttableProtocol,
        ws="none",
        log_level="error",
        access_log=False,
        lifespan="on",
        timeout_keep_alive=600,
        timeout_graceful_shutdown=2,
        server_header=False,
        backlog=256,
    )
