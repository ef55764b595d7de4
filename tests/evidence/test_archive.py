from __future__ import annotations

import hashlib
from pathlib import Path

from migrator_kit.evidence.archive import altered_structure, write_archive


def test_every_python_writes_the_same_bytes(tmp_path: Path) -> None:
    """A pack made by one Python is checked by another: the digest was seen on 3.11.2 to 3.13."""
    content = tmp_path / "content"
    content.write_bytes(b"x" * 3_000_000)
    members = {"01_audit.html": content, "lists/größe.csv": b"a,b\n", "leer.txt": b""}
    write_archive(tmp_path / "a.zip", members, "ab" * 32)
    found = hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    assert found.startswith("8ff7eae92b81d039")
    work = tmp_path / "work"
    work.mkdir()
    assert altered_structure(tmp_path / "a.zip", work) is None
