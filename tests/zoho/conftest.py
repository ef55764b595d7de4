"""A tiny scripted HTTP server: the faults that a real org shows rarely and never on demand."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from migrator_kit.zoho import ZohoClient, ZohoSettings
from migrator_kit.zoho.settings import Retries, Timeouts

LARGE = 16 << 20
ORG = {
    "org": [
        {
            "id": "5725767000000020005",
            "zgid": "808232144",
            "company_name": "Toy",
            "type": "sandbox",
            "time_zone": "Europe/Athens",
            "iso_code": "EUR",
            "license_details": {
                "paid": True,
                "paid_type": "enterprise",
                "users_license_purchased": 10,
            },
        }
    ]
}


@dataclass
class Reply:
    """One scripted answer. `cut` closes the line instead; `half` sends half of the body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "application/json;charset=UTF-8"
    cut: bool = False
    half: bool = False
    delay: float = 0.0
    wait_for: threading.Event | None = None
    zeros: int = 0

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[[Seen], Reply]


class QuietServer(ThreadingHTTPServer):
    """A client that hangs up on purpose is no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Toy:
    """Answers from a script; the last answer of a place repeats."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.scripts: dict[tuple[str, str], list[Reply | Script]] = defaultdict(list)
        self.tokens = 0
        self.in_flight = self.peak = 0
        toy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self) -> None:
                toy.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one  # noqa: N815

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.on("POST", "/oauth/v2/token", self.token)
        self.on("GET", "/crm/v8/org", Reply(body=ORG))
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def token(self, _seen: Seen) -> Reply:
        with self.lock:
            self.tokens += 1
            value = f"1000.token-{self.tokens}"
        body = {"access_token": value, "api_domain": self.url, "expires_in": 3600}
        return Reply(body=body)

    def on(self, method: str, path: str, *answers: Reply | Script) -> None:
        self.scripts[method, path] = list(answers)

    def calls(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        seen = Seen(
            handler.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            dict(handler.headers.items()),
            self.body(handler, length),
        )
        with self.lock:
            self.seen.append(seen)
            answers = self.scripts.get((seen.method, seen.path), [Reply(404, {"code": "NO"})])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
        try:
            reply = answer if isinstance(answer, Reply) else answer(seen)
            self.write(handler, reply)
        finally:
            with self.lock:
                self.in_flight -= 1

    def body(self, handler: BaseHTTPRequestHandler, length: int) -> bytes:
        """The body; of a large one only its SHA-256, so that the test's own memory stays flat."""
        if length <= LARGE:
            return handler.rfile.read(length)
        digest = hashlib.sha256()
        while length:
            piece = handler.rfile.read(min(length, 1 << 20))
            digest.update(piece)
            length -= len(piece)
        return digest.digest()

    def write(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.wait_for is not None:
            reply.wait_for.wait(reply.delay)
        elif reply.delay:
            threading.Event().wait(reply.delay)
        if reply.cut:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        content = b"" if reply.zeros else reply.content()
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", reply.media)
        handler.send_header("Content-Length", str(reply.zeros or len(content)))
        handler.end_headers()
        if reply.half:
            handler.wfile.write(content[: len(content) // 2])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.wfile.write(content)
        for _ in range(reply.zeros >> 20):
            handler.wfile.write(bytes(1 << 20))


@pytest.fixture
def toy() -> Iterator[Toy]:
    toy = Toy()
    yield toy
    toy.server.shutdown()
    toy.server.server_close()


class Waits(list[float]):
    """Takes the place of `time.sleep`: notes the wait and returns at once."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


FAST = Timeouts(connect=2, read=1, upload=2)


@pytest.fixture
def make_client(toy: Toy, waits: Waits) -> Iterator[Callable[..., ZohoClient]]:
    clients: list[ZohoClient] = []

    def make(clock: Callable[[], float] | None = None, **changes: Any) -> ZohoClient:
        changes = {"timeouts": FAST, "retries": Retries(attempts=4), **changes}
        settings = ZohoSettings.for_emulator(toy.url, **changes)
        extra = {"clock": clock} if clock else {}
        clients.append(ZohoClient(settings, sleep=waits, **extra))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., ZohoClient]) -> ZohoClient:
    return make_client()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
