"""The optional language model: asked over HTTP, told names and shapes, and no value."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.errors import ConfigError
from migrator_kit.mapping.propose import propose
from migrator_kit.mapping.propose.language_model import LanguageModel
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.snapshot import take_snapshot

NAMES = ["Quillfeather", "Oxenstierna", "Brambleworth", "Zimmerwald", "Featherstone"]
WORDS = [*NAMES, "quillfeather@example.org", "Purpleheart", "Greenhalgh Lane"]


class ModelServer(ThreadingHTTPServer):
    """Answers chat completions: each column gets the last of its candidates."""

    asked: list[str]
    keys: list[str | None]
    broken = False


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(body)
        self.server.keys.append(self.headers.get("Authorization"))
        columns = json.loads(json.loads(body)["messages"][1]["content"])
        chosen: dict[str, Any] = {one["column"]: one["candidates"][-1] for one in columns}
        chosen["made up"] = "Nothing"
        content = "no JSON" if self.server.broken else json.dumps(chosen)
        answer = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ModelServer]:
    made = ModelServer(("127.0.0.1", 0), _Handler)
    made.asked, made.keys = [], []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """A small practice with odd names of columns and telling values."""
    folder = tmp_path_factory.mktemp("practice")
    with sqlite3.connect(folder / "practice.db") as db:
        db.execute("CREATE TABLE patients (patient_id INTEGER PRIMARY KEY, last_name TEXT, "
                   "email TEXT, zz_q1 TEXT, zz_street TEXT)")  # fmt: skip
        rows = [(n, NAMES[n % 5], f"{NAMES[n % 5].lower()}@example.org", "Purpleheart",
                 f"{n} Greenhalgh Lane") for n in range(1, 60)]  # fmt: skip
        db.executemany("INSERT INTO patients VALUES (?, ?, ?, ?, ?)", rows)
    db.close()
    settings = EngagementFile(client="Test", source=SourceSettings(url=str(folder / "practice.db")))
    return inventory(take_snapshot(Engagement.create(folder / "engagement", settings)))


def model_at(server: ModelServer, **more: Any) -> LanguageModel:
    return LanguageModel(f"http://127.0.0.1:{server.server_port}/v1", "any", **more)


def test_it_is_told_names_and_shapes_and_never_a_value(
    server: ModelServer, practice: Inventory
) -> None:
    made = propose(practice, language_model=model_at(server))
    (body,) = server.asked
    told = json.loads(json.loads(body)["messages"][1]["content"])
    assert "zz_q1" in [one["column"] for one in told]
    assert not [word for word in WORDS if word.casefold() in body.casefold()]
    assert {key for one in told for key in one} == {
        "table", "column", "type", "content", "longest", "filled_share", "distinct_share",
        "shapes", "candidates",
    }  # fmt: skip
    reasons = [reason for one in made.fields for reason in one.reasons]
    assert not [word for word in WORDS if word.casefold() in " ".join(reasons).casefold()]


def test_its_choice_is_a_reason_and_never_certainty(
    server: ModelServer, practice: Inventory
) -> None:
    made = propose(practice, language_model=model_at(server))
    chosen = [one for one in made.fields if "language model" in " ".join(one.reasons)]
    assert chosen
    assert all(one.confidence < 0.9 for one in chosen)


def test_nothing_is_asked_where_none_is_named(server: ModelServer, practice: Inventory) -> None:
    propose(practice)
    assert not server.asked


def test_its_key_comes_from_the_environment(
    server: ModelServer, practice: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", "sesame")
    propose(practice, language_model=model_at(server, key_variable="TEST_MODEL_KEY"))
    assert server.keys == ["Bearer sesame"]


def test_a_useless_answer_is_named(server: ModelServer, practice: Inventory) -> None:
    server.broken = True
    with pytest.raises(ConfigError, match="no usable answer"):
        propose(practice, language_model=model_at(server))
