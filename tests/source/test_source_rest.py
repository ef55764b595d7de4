from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest

from migrator_kit.engagement import Engagement, SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source
from migrator_kit.source.rest import RestSource
from migrator_kit.source.snapshot import take_snapshot

ROWS: list[dict[str, Any]] = [
    {"id": n, "name": f"Μαρία {n}", "tags": ["a", n]} for n in range(1, 96)
]
ROWS[-1]["late"] = True


class Practice(ThreadingHTTPServer):
    """A small practice service: 95 patients, 10 a page at most, whatever is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.methods: Counter[str] = Counter()
        self.signed: set[str] = set()
        self.failures = 0
        self.now = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"


class Handler(BaseHTTPRequestHandler):
    server: Practice
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        time.sleep(0.01)
        try:
            self._answer()
        finally:
            with self.server.lock:
                self.server.now -= 1

    def _answer(self) -> None:  # noqa: C901
        self.server.methods["GET"] += 1
        self.server.signed.add(self.headers.get("Authorization", ""))
        if self.server.failures:
            self.server.failures -= 1
            return self._send(503, {"error": "busy"}, {"Retry-After": "0"})
        parts = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        kind = parts.path.rpartition("/")[2]
        if kind == "page":
            begin = (int(asked["page"]) - 1) * 10
        elif kind in ("offset", "cursor", "link"):
            begin = int(asked.get(kind, 0))
        else:
            begin = 0
        rows, after = ROWS[begin : begin + 10], begin + 10
        body: Any = {"data": {"items": rows}}
        headers = {}
        more = after < len(ROWS)
        if kind == "cursor":
            body["next"] = str(after) if more else None
        if kind == "link" and more:
            headers["Link"] = f'<{parts.path}?link={after}>; rel="next"'
        if kind == "elsewhere":
            headers["Link"] = '<http://127.0.0.1:9/next>; rel="next"'
        if kind == "plain":
            body = rows
        if kind == "closed":
            return self._send(401, {"error": "who"})
        if kind == "html":
            body = None
        if kind == "gone" or (kind == "page" and not rows):
            return self._send(404, {})
        if kind == "empty":
            body = {"data": {"items": []}}
        return self._send(200, body, headers)

    def do_POST(self) -> None:
        self.server.methods[self.command] += 1
        self._send(200, {})

    do_PUT = do_DELETE = do_PATCH = do_HEAD = do_POST  # noqa: N815

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = b"<html>" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def practice() -> Iterator[Practice]:
    server = Practice()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def settings(practice: Practice, path: str, **rest: Any) -> SourceSettings:
    rest = {"records": "data.items", "tables": {"patients": {"path": path, "key": ["id"]}}} | rest
    return SourceSettings.model_validate({"url": practice.url, "rest": rest})


STYLES: dict[str, dict[str, Any]] = {
    "page": {"style": "page", "size_parameter": "limit", "size": 500},
    "offset": {"style": "offset"},
    "cursor": {"style": "cursor", "next": "next"},
    "link": {"style": "link"},
}


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_style_of_paging_gives_every_row_in_order(practice: Practice, style: str) -> None:
    with open_source(settings(practice, style, paging=STYLES[style])) as source:
        (table,) = source.describe()
        rows = pa.concat_tables(list(source.read("patients", 1_000))).to_pylist()
    assert (table.primary_key, table.columns["tags"]) == (("id",), "text")
    assert [row["id"] for row in rows] == list(range(1, 96))
    assert rows[0] == {"id": 1, "name": "Μαρία 1", "tags": '["a",1]', "late": None}
    assert rows[-1]["late"] is True
    assert practice.most <= 4
    if style in ("page", "offset"):
        assert practice.most > 1


def test_a_service_is_never_written_to(practice: Practice) -> None:
    with open_source(settings(practice, "plain", records="")) as source:
        assert isinstance(source, RestSource)
        for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
            with pytest.raises(SourceError, match="read-only"):
                source._client._session.request(method, practice.url)
        next(source.read("patients", 1_000))
    assert set(practice.methods) == {"GET"}


def test_credentials_come_from_the_environment_alone(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRACTICE_TOKEN", "s3cret")
    monkeypatch.setenv("PRACTICE_USER", "ann")
    with open_source(settings(practice, "plain", records="", token_variable="PRACTICE_TOKEN")) as s:
        s.describe()
    basic = {"user_variable": "PRACTICE_USER", "password_variable": "PRACTICE_TOKEN"}
    with open_source(settings(practice, "plain", records="", **basic)) as source:
        source.describe()
    coded = base64.b64encode(b"ann:s3cret").decode()
    assert practice.signed == {"Bearer s3cret", f"Basic {coded}"}
    with pytest.raises(SourceError, match="NO_SUCH_VARIABLE is not set"):
        open_source(settings(practice, "plain", token_variable="NO_SUCH_VARIABLE"))
    outside = SourceSettings.model_validate(
        {"url": "http://practice.example/api",
         "rest": {"token_variable": "PRACTICE_TOKEN", "tables": {"t": {"path": "t"}}}}
    )  # fmt: skip
    with pytest.raises(SourceError, match="unencrypted"):
        open_source(outside)


def test_a_busy_service_is_asked_again(practice: Practice) -> None:
    practice.failures = 2
    with open_source(settings(practice, "plain", records="")) as source:
        assert next(source.read("patients", 1_000)).num_rows == 10
    practice.failures = 50
    with (
        pytest.raises(SourceError, match=r"does not answer|answers 503"),
        open_source(settings(practice, "plain", records="", retries=1)) as source,
    ):
        source.describe()


@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("closed", {}, r"patients: the service refuses the credentials \(401\)"),
        ("html", {}, "is not JSON"),
        ("gone", {}, "answers 404"),
        ("plain", {}, "no list of objects at data.items"),
        ("page", {"records": "rows"}, "no list of objects at rows"),
        ("plain", {"records": "", "paging": {"style": "offset"}}, "same rows"),
        ("elsewhere", {"paging": {"style": "link"}}, "another server"),
    ],
)
def test_a_service_that_cannot_be_read_is_one_clear_error(
    practice: Practice, path: str, more: dict[str, Any], expected: str
) -> None:
    if path == "page":
        more = {**more, "paging": {"style": "page"}}
    with (
        pytest.raises(SourceError, match=expected) as caught,
        open_source(settings(practice, path, **more)) as source,
    ):
        list(source.read("patients", 1_000))
    assert "Μαρία" not in str(caught.value)


def test_nothing_to_read_and_nobody_there(practice: Practice) -> None:
    with pytest.raises(SourceError, match="not said"):
        open_source(SourceSettings(url=practice.url))
    with open_source(settings(practice, "empty")) as source:
        (part,) = source.read("patients", 1_000)
        assert (part.num_rows, part.column_names) == (0, ["id"])
    gone = settings(practice, "plain", retries=0).model_copy(update={"url": "http://127.0.0.1:9"})
    with pytest.raises(SourceError, match="does not answer"), open_source(gone) as source:
        source.describe()


def test_a_file_describes_the_service_for_a_new_engagement(
    practice: Practice, tmp_path: Path, new_engagement: Callable[..., Engagement]
) -> None:
    path = tmp_path / "service.yml"
    path.write_text(
        f"url: {practice.url}\nrest:\n  records: data.items\n  paging: {{style: page}}\n"
        "  tables:\n    patients: {path: page, key: [id]}\n"
    )
    snapshot = take_snapshot(new_engagement(path))
    assert snapshot.manifest.tables["patients"].rows == 95
    assert snapshot.manifest.source.kind == "REST"
    assert snapshot.manifest.source.location == practice.url
    path.write_text(f"url: {practice.url}\nrest:\n  tables: {{}}\n")
    with pytest.raises(SourceError, match=r"service\.yml:3"):
        take_snapshot(new_engagement(path))
