"""A pack tells what was altered: any byte, any row of the log, the manifest, a signature."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from migrator_kit.errors import EvidenceError, UsageError
from migrator_kit.evidence.archive import WHOLE
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.pack import AUDIT_LOG, MANIFEST, MANIFEST_DIGEST, SIGNATURE, write_pack
from migrator_kit.evidence.verify import verify_pack, verify_text
from migrator_kit.load.audit_log import CHAINED, GENESIS, Entry, chained

FLIPS = 400


def log_of(rows: int) -> tuple[pd.DataFrame, str]:
    entries = [
        Entry("2026-11-22T10:00:00+00:00", "run-1", "insert", "Contacts", key, f"55{n}", None, "ab")
        for n, key in enumerate(["-7", "'quoted", *map(str, range(rows - 2))])
    ]
    written, head = chained(entries, 0, GENESIS)
    return pd.DataFrame(written, columns=list(CHAINED)), head


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "files"
    frame, _ = log_of(12)
    log = write_list(frame, folder / "audit_log.csv")
    page = folder / "index.html"
    page.write_text("<html>Ωμέγα</html>", encoding="utf-8")
    (folder / "data.bin").write_bytes(bytes(range(256)))
    return {"index.html": page, AUDIT_LOG: log, "data.bin": folder / "data.bin"}


@pytest.fixture
def facts() -> dict[str, Any]:
    return {"client": "Demo", "audit": {"rows": 12, "head": log_of(12)[1]}}


@pytest.fixture
def pack(tmp_path: Path, members: Mapping[str, Path], facts: dict[str, Any]) -> Path:
    return write_pack(tmp_path / "evidence.zip", members, facts).path


def repacked(pack: Path, changes: Mapping[str, bytes | None], to: Path) -> Path:
    """Write the entries again as somebody would who edits a zip, some with other content."""
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(to, "w") as new:
        new.comment = old.comment
        for name in old.namelist():
            content = changes.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name in changes.keys() - set(old.namelist()):
            new.writestr(name, changes[name] or b"")
    return to


def test_an_untouched_pack_is_whole(pack: Path) -> None:
    checked = verify_pack(pack)
    assert checked.ok
    assert checked.altered == ()
    assert (checked.chain.ok, checked.chain.rows) == (True, 12)
    assert checked.to_json().keys() >= {"ok", "altered", "chain"}
    assert "Every file is as it was packed." in verify_text(checked)


def test_the_same_files_give_the_same_bytes(
    tmp_path: Path, pack: Path, members: Mapping[str, Path], facts: dict[str, Any]
) -> None:
    for member in members.values():
        member.touch()
    turned = dict(reversed(members.items()))
    again = write_pack(tmp_path / "again.zip", turned, facts)
    assert again.path.read_bytes() == pack.read_bytes()
    assert again.digest == verify_pack(pack).digest


def test_any_flipped_byte_is_found_in_its_file(tmp_path: Path, pack: Path) -> None:
    whole = pack.read_bytes()
    with zipfile.ZipFile(pack) as archive:
        begins = {entry.header_offset: entry.filename for entry in archive.infolist()}
        ends = archive.start_dir
    headers = [start + n for start in list(begins)[:2] for n in range(60)]
    chosen = random.Random(1).sample(range(len(whole)), FLIPS)
    flipped = tmp_path / "flipped.zip"
    for offset in (*headers, *chosen, *range(len(whole) - 90, len(whole))):
        changed = bytearray(whole)
        changed[offset] ^= 1 << (offset % 8)
        flipped.write_bytes(changed)
        checked = verify_pack(flipped)
        assert not checked.ok, offset
        assert checked.altered, offset
        if offset < ends:
            name = next(begins[start] for start in sorted(begins, reverse=True) if start <= offset)
            assert {name, WHOLE} & set(checked.altered), (offset, name, checked.altered)


def test_an_edited_missing_or_added_file_is_named(tmp_path: Path, pack: Path) -> None:
    to = tmp_path / "edited.zip"
    changes = {"index.html": b"<html>Other</html>", "data.bin": None, "more.txt": b"!"}
    assert verify_pack(repacked(pack, changes, to)).altered == (
        "data.bin", "index.html", "more.txt",
    )  # fmt: skip


def test_a_pack_written_by_another_program_is_not_taken_for_ours(
    tmp_path: Path, pack: Path
) -> None:
    assert not verify_pack(repacked(pack, {}, tmp_path / "again.zip")).ok


def without_row(log: bytes, number: int) -> bytes:
    rows = list(csv.reader(io.StringIO(log.decode("utf-8-sig"))))
    del rows[number]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8-sig")


@pytest.mark.parametrize("number", [1, 5, 12])
def test_a_row_removed_from_the_log_is_named_whatever_the_manifest_says(
    tmp_path: Path, members: dict[str, Path], facts: dict[str, Any], number: int
) -> None:
    log = members[AUDIT_LOG]
    log.write_bytes(without_row(log.read_bytes(), number))
    forged = write_pack(tmp_path / "forged.zip", members, facts).path
    checked = verify_pack(forged)
    assert (checked.ok, checked.altered) == (False, ())
    assert (checked.chain.ok, checked.chain.broken_at) == (False, number)
    assert f"broken at row {number}" in verify_text(checked)


def test_each_end_of_the_manifest_is_told_apart(tmp_path: Path, pack: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        tree = json.loads(archive.read(MANIFEST))
    tree["client"] = "Somebody else"
    other = json.dumps(tree).encode()
    for name, content in ((MANIFEST, other), (MANIFEST_DIGEST, b"0" * 64 + b"\n")):
        assert verify_pack(repacked(pack, {name: content}, tmp_path / "x.zip")).altered == (name,)


def key_file(path: Path, key: Ed25519PrivateKey) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_signature_binds_the_manifest_to_a_key(
    tmp_path: Path, members: dict[str, Path], facts: dict[str, Any]
) -> None:
    own = key_file(tmp_path / "own.pem", Ed25519PrivateKey.generate())
    signed = write_pack(tmp_path / "signed.zip", members, facts, own)
    checked = verify_pack(signed.path)
    assert checked.ok
    assert checked.signed_by == signed.signed_by is not None

    foreign = key_file(tmp_path / "foreign.pem", Ed25519PrivateKey.generate())
    other = write_pack(tmp_path / "other.zip", members, {**facts, "client": "X"}, foreign)
    with zipfile.ZipFile(other.path) as archive:
        taken = archive.read(SIGNATURE)
    mixed = repacked(signed.path, {SIGNATURE: taken}, tmp_path / "mixed.zip")
    assert SIGNATURE in verify_pack(mixed).altered
    gone = repacked(signed.path, {SIGNATURE: None}, tmp_path / "gone.zip")
    assert SIGNATURE in verify_pack(gone).altered


def test_what_cannot_be_packed_or_checked_is_said_in_one_error(
    tmp_path: Path, members: dict[str, Path], facts: dict[str, Any]
) -> None:
    with pytest.raises(EvidenceError, match=r"lists/gone\.csv missing"):
        write_pack(tmp_path / "a.zip", {**members, "lists/gone.csv": tmp_path / "gone"}, facts)
    with pytest.raises(EvidenceError, match="no private key"):
        write_pack(tmp_path / "a.zip", members, facts, members["index.html"])
    with pytest.raises(UsageError, match="There is no pack"):
        verify_pack(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("no archive")
    assert verify_pack(tmp_path / "text.zip").altered == (WHOLE,)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("files", None), ("files", []), ("files", {AUDIT_LOG: []}), ("files", {"x": {"sha256": 1}}),
        ("audit", None), ("audit", [1]), ("audit", {"rows": "many", "head": None}),
        ("signed_by", 7), ("signed_by", "zz"),
    ],
)  # fmt: skip
def test_a_manifest_of_another_shape_is_told_as_altered(
    tmp_path: Path, pack: Path, part: str, value: Any
) -> None:
    with zipfile.ZipFile(pack) as archive:
        manifest = {**json.loads(archive.read(MANIFEST)), part: value}
    text = json.dumps(manifest).encode()
    digest = f"{hashlib.sha256(text).hexdigest()}\n".encode()
    changed = repacked(pack, {MANIFEST: text, MANIFEST_DIGEST: digest}, tmp_path / "other.zip")
    checked = verify_pack(changed)
    assert not checked.ok
    assert verify_text(checked)
