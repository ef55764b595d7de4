"""A finished demo from the outside: who may read its files, and what stands in them."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SECRETS = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}"
    rb"|AGE-SECRET-KEY-1[0-9A-Z]{50}"
    rb"|\b1000\.[0-9a-f]{32}\.[0-9a-f]{32}\b"  # codes and tokens of Zoho's accounts server
    rb"|Zoho-oauthtoken [\w.]{20}"
    rb"|\b(?:ghp|gho|github_pat)_\w{30}|\bAKIA[0-9A-Z]{16}\b|\bxox[bp]-\w{10}"
    rb"|(?:postgresql|mysql)[+\w]*://\w+:[^@\s{}*\x80-\xff]{4,}@(?!host)[\w.-]+"
)
OWN_DATA = "practice"
"""Folder of the generated practice: what a client's own source would be."""


def test_its_files_are_for_their_owner_alone(demo: Any) -> None:
    open_to_others = [
        f"{path.relative_to(demo.folder)} {stat.filemode(path.stat().st_mode)}"
        for path in demo.folder.rglob("*")
        if OWN_DATA not in path.relative_to(demo.folder).parts
        and path.exists()
        and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []
    assert stat.S_IMODE(demo.folder.stat().st_mode) == 0o700


def test_no_secret_stands_in_a_file(demo: Any) -> None:
    told = [str(path.relative_to(folder)) for folder, path in _files(demo.folder)
            if SECRETS.search(path.read_bytes())]  # fmt: skip
    assert told == []
    key = (demo.folder / "private" / "key").read_bytes()
    beside = [path for path in demo.folder.rglob("*") if path.is_file() and path.name != "key"]
    assert [path.name for path in beside if key in path.read_bytes()] == []


def test_the_search_finds_a_secret() -> None:
    assert SECRETS.search(b"token 1000." + b"0" * 32 + b"." + b"a" * 32 + b" end")
    assert SECRETS.search(b"postgresql://ana:hunter22@db.example/x")


def _files(folder: Path) -> list[tuple[Path, Path]]:
    kinds = (".py", ".md", ".yml", ".json", ".ipynb", ".csv", ".txt", ".j2", ".js", ".css")
    tree = [(ROOT, path) for name in ("migrator_kit", "notebooks", "expectations")
            for path in (ROOT / name).rglob("*") if path.suffix in kinds]  # fmt: skip
    made = [(folder, path) for path in folder.rglob("*")
            if path.is_file() and not path.is_relative_to(folder / OWN_DATA)]  # fmt: skip
    return tree + made
