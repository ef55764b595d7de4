from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import SourceError
from migrator_kit.source.document_files import examine, kind_of
from migrator_kit.source.documents import list_files, locate
from migrator_kit.source.snapshot import take_snapshot

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "22_attachments"


def test_every_file_gets_digest_kind_and_problem(tmp_path: Path) -> None:
    for name, raw in {
        "a.pdf": b"%PDF-1.7 x", "b/copy.pdf": b"%PDF-1.7 x", "c.jpg": b"",
        "d.dcm": bytes(128) + b"DICM", "e.txt": "Μαρία".encode(), "f": bytes(range(256)),
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    with (tmp_path / "g.dcm").open("wb") as stream:
        stream.truncate(2 * 2**20)
    found = examine(tmp_path, limit_mb=1).set_index("path")
    assert {kind_of(("x" * n + "Μ" * 3000).encode()[:4096]) for n in range(4)} == {"text/plain"}
    assert found.loc["a.pdf", "sha256"] == hashlib.sha256(b"%PDF-1.7 x").hexdigest()
    problems = found["problem"].dropna().to_dict()
    assert problems == {"b/copy.pdf": "duplicate", "c.jpg": "empty", "g.dcm": "oversize"}
    assert found["kind"].to_dict() | {"c.jpg": "", "g.dcm": ""} == {
        "a.pdf": "application/pdf", "b/copy.pdf": "application/pdf", "c.jpg": "",
        "d.dcm": "application/dicom", "e.txt": "text/plain", "f": "unknown", "g.dcm": "",
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-")
    (tmp_path / "a.pdf").chmod(0)
    assert examine(tmp_path)["problem"].tolist() == ["unreadable"]


def test_a_file_that_is_gone_meanwhile_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = pd.DataFrame({"path": ["gone.pdf"], "bytes": [5]})
    monkeypatch.setattr("migrator_kit.source.document_files.list_files", lambda _: listed)
    assert examine(tmp_path)["problem"].tolist() == ["unreadable"]


def test_real_files_are_told_by_their_content() -> None:
    files = sorted(SHARED.rglob("*.dcm")) + sorted(SHARED.rglob("*.pdf"))
    if not files:
        pytest.skip(f"the attachments are not at {SHARED}")
    for path in files:
        kind = "application/dicom" if path.suffix == ".dcm" else "application/pdf"
        assert kind_of(path.read_bytes()[:4096]) == kind, path.name


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    path = tmp_path / "practice.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE scans (id INTEGER PRIMARY KEY, file TEXT, image BLOB)")
        connection.executemany(
            "INSERT INTO scans VALUES (?, ?, ?)",
            [(1, "C:\\IMG\\a.jpg", b"one"), (2, "..\\..\\b.jpg", b"two"), (3, None, b"three"),
             (4, "gone.jpg", None), (5, "twice.jpg", b"x"), (6, "twice.jpg", b"y")],
        )  # fmt: skip
    return path


def test_files_in_a_column_are_found_like_those_of_a_folder(
    scans: Path, tmp_path: Path, new_engagement: Callable[..., Engagement]
) -> None:
    blobs = {"table": "scans", "column": "image", "name": "file"}
    snapshot = take_snapshot(new_engagement(scans, blobs=blobs))
    root = snapshot.files_root()
    assert root is not None
    names = ["C:\\IMG\\a.jpg", "..\\..\\b.jpg", "gone.jpg", "twice.jpg"]
    found = locate(pd.Series(names), list_files(root))["found"]
    assert (root / found[0]).read_bytes() == b"one"
    assert (root / found[1]).read_bytes() == b"two"
    assert found[2:].isna().all()
    assert (root / "row-3").read_bytes() == b"three"
    assert sorted(path.read_bytes() for path in root.rglob("twice.jpg")) == [b"x", b"y"]
    assert not list(tmp_path.glob("b.jpg"))


@pytest.mark.parametrize(
    ("blobs", "expected"),
    [
        ({"table": "none", "column": "image"}, "holds no table none"),
        ({"table": "scans", "column": "none"}, "no column none"),
        ({"table": "scans", "column": "file"}, "no bytes but string"),
    ],
)
def test_a_wrong_column_is_one_clear_error(
    scans: Path, new_engagement: Callable[..., Engagement], blobs: dict[str, str], expected: str
) -> None:
    with pytest.raises(SourceError, match=expected):
        take_snapshot(new_engagement(scans, blobs=blobs))
