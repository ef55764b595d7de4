from __future__ import annotations

import io
import sqlite3
import stat
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from migrator_kit.cli import app
from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings, digest_file
from migrator_kit.errors import MigratorError, ParameterError, SourceError
from migrator_kit.source import carry
from migrator_kit.source.connect import open_source
from migrator_kit.source.snapshot import latest_snapshot, take_snapshot

SECRET = "four words of no sense"


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    """A practice with two documents, one with a long Greek name in folders."""
    folder = tmp_path_factory.mktemp("practice")
    with closing(sqlite3.connect(folder / "practice.db")) as connection, connection:
        connection.executescript(
            "CREATE TABLE patients (id TEXT PRIMARY KEY, name TEXT);"
            "CREATE TABLE visits (id INTEGER, patient TEXT REFERENCES patients(id));"
            "INSERT INTO patients VALUES ('007', 'Μαρία'); INSERT INTO visits VALUES (1, '007');"
        )
    for name, raw in (("IMG/2021/ακτινογραφία.dcm", b"\x00" * 70_000), ("a.pdf", b"%PDF-1.7")):
        path = folder / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    source = SourceSettings(url=str(folder / "practice.db"))
    return Engagement.create(folder / "work", EngagementFile(client="Practice", source=source))


@pytest.fixture(scope="module")
def carried(engagement: Engagement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the command makes of it. Its key takes seconds by design: made once."""
    to = tmp_path_factory.mktemp("out") / "practice.zip"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(carry.VARIABLE, SECRET)
        command = ["snapshot", str(engagement.folder), "--to", str(to), "--encrypt"]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert f"SHA-256 {digest_file(to)}" in done.output
    return to


def test_what_is_carried_away_arrives_with_its_documents(
    engagement: Engagement, carried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = carried.read_bytes()
    assert stat.S_IMODE(carried.stat().st_mode) == 0o600
    assert not [word for word in (b"patients", b"manifest", b".dcm", b"PAR1") if word in raw]
    monkeypatch.setenv(carry.VARIABLE, SECRET)
    command = ["init", str(tmp_path / "new"), "--source", str(carried)]
    CliRunner().invoke(app, command, catch_exceptions=False)
    new = Engagement.open(tmp_path / "new")
    arrived = take_snapshot(new)
    assert arrived.digest == latest_snapshot(engagement).digest
    assert arrived.manifest.tables["patients"].primary_key == ("id",)
    assert arrived.manifest.tables["visits"].foreign_keys[0].to_table == "patients"
    assert arrived.manifest.source.location == "practice.zip of sqlite:practice.db"
    root = arrived.files_root()
    assert root is not None
    assert root.parent == new.folder
    assert (root / "IMG/2021/ακτινογραφία.dcm").read_bytes() == b"\x00" * 70_000
    assert [entry.name for entry in new.snapshots.iterdir()] == [arrived.snapshot_id]


def test_a_snapshot_leaves_encrypted_or_not_at_all(engagement: Engagement, tmp_path: Path) -> None:
    command = ["snapshot", str(engagement.folder), "--to", str(tmp_path / "open.zip")]
    with pytest.raises(ParameterError, match="encrypted"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_a_wrong_passphrase_opens_nothing(carried: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(carry.VARIABLE, "another passphrase")
    with pytest.raises(SourceError, match="cannot be opened with this passphrase"):
        open_source(SourceSettings(url=str(carried)))
    monkeypatch.delenv(carry.VARIABLE)
    with pytest.raises(ParameterError, match="nobody can be asked") as caught:
        open_source(SourceSettings(url=str(carried)))
    assert carry.VARIABLE in str(caught.value)


def test_an_altered_byte_or_a_cut_end_is_noticed(carried: Path, tmp_path: Path) -> None:
    raw = carried.read_bytes()
    with zipfile.ZipFile(carried) as archive:
        content = archive.getinfo("snapshot.age")
        half = archive.read(content)[: content.file_size // 2]
    key = carry.key_of(carried, SECRET)
    begin = raw.index(b"age-encryption.org", content.header_offset)
    places = (begin + 30, begin + content.file_size // 2, begin + content.file_size - 1)
    versions = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in places]
    versions += [raw[:-400], rebuilt(tmp_path / "half.zip", half).read_bytes()]
    for number, version in enumerate(versions):
        path = tmp_path / f"altered{number}.zip"
        path.write_bytes(version)
        folder = tmp_path / f"opened{number}"
        with pytest.raises(SourceError, match="was altered or is not whole"):
            carry.unpack(path, key, folder)
        assert not folder.exists()


def rebuilt(path: Path, content: bytes, key: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("key.age", key)
        archive.writestr("snapshot.age", content)
    return path


@pytest.mark.parametrize(
    "name", ["../escaped", "/tmp/escaped", "tables/../../escaped", "documents/..\\escaped", "else"]
)
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    identity = pyrage.x25519.Identity.generate()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for each in ("manifest.json", name):
            tar.addfile(tarfile.TarInfo(each), io.BytesIO())
    content = pyrage.encrypt(plain.getvalue(), [identity.to_public()])
    path = rebuilt(tmp_path / "bad.zip", content)
    folder = tmp_path / "deep" / "opened"
    with pytest.raises(SourceError, match="does not belong"):
        carry.unpack(path, identity, folder)
    assert not folder.exists()
    assert not list(tmp_path.rglob("escaped"))


def test_links_are_not_unpacked(tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        link = tarfile.TarInfo("documents/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    content = pyrage.encrypt(plain.getvalue(), [identity.to_public()])
    with pytest.raises(SourceError, match="does not belong"):
        carry.unpack(rebuilt(tmp_path / "bad.zip", content), identity, tmp_path / "opened")


def test_packing_is_refused_where_it_would_be_weak_or_overwrite(
    engagement: Engagement, carried: Path, tmp_path: Path
) -> None:
    taken = take_snapshot(engagement)
    to = tmp_path / "practice.zip"
    with pytest.raises(ParameterError, match="too short"):
        carry.pack(taken, to, "short")
    part = taken.folder / taken.manifest.tables["patients"].parts[0].path
    raw = part.read_bytes()
    part.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(MigratorError, match="was altered"):
        carry.pack(taken, to, SECRET)
    part.write_bytes(raw)
    assert not to.exists()
    to.write_bytes(b"something of value")
    with pytest.raises(ParameterError, match="exists already"):
        carry.pack(taken, to, SECRET)
    assert to.read_bytes() == b"something of value"
