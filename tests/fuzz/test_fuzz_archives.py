"""Archives that come back from others: an evidence pack to verify, the export of an org."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from migrator_kit.evidence.archive import write_archive
from migrator_kit.evidence.pack import AUDIT_LOG, MANIFEST, MANIFEST_DIGEST
from migrator_kit.evidence.verify import verify_pack, verify_text
from migrator_kit.load.audit_log import GENESIS, HASHED
from migrator_kit.wizard.export import export_files
from tests.fuzz.hunting import hunt, mutated, mutated_zip

LOG = ",".join((*HASHED, "previous_hash", "hash")) + "\n"


def sealed(path: Path, manifest: bytes, log: bytes) -> bytes:
    """Return a pack whose manifest has the digest that it names, whatever stands in it."""
    digest = hashlib.sha256(manifest).hexdigest()
    members: dict[str, Path | bytes] = {
        AUDIT_LOG: log, MANIFEST: manifest, MANIFEST_DIGEST: f"{digest}\n".encode(),
    }  # fmt: skip
    write_archive(path, members, digest)
    return path.read_bytes()


def manifest_of(log: bytes) -> dict[str, Any]:
    files = {AUDIT_LOG: {"sha256": hashlib.sha256(log).hexdigest()}}
    return {"files": files, "audit": {"head": GENESIS, "rows": 0}, "signed_by": None}


def test_pack(tmp_path: Path) -> None:
    path = tmp_path / "in" / "pack.zip"
    path.parent.mkdir()
    log = LOG.encode()
    whole = sealed(path, json.dumps(manifest_of(log)).encode(), log)
    assert verify_pack(path).ok

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        checked = verify_pack(path)
        verify_text(checked)
        assert not checked.ok or data == whole

    hunt("pack", attempt, mutated_zip(whole), outside=tmp_path)


def test_pack_with_a_manifest_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    log = LOG.encode()
    tree = manifest_of(log)
    odd = st.sampled_from([None, 0, "", "zz", [], [1], {}, {"x": 1}, {AUDIT_LOG: []}])

    def attempt(data: tuple[str, Any, bytes]) -> None:
        key, value, text = data
        sealed(path, json.dumps({**tree, key: value}).encode(), text)
        verify_text(verify_pack(path))

    rows = mutated(log + b"1," + b"x," * len(HASHED) + b"a,b\n")
    hunt("pack manifest", attempt, st.tuples(st.sampled_from([*tree, "x"]), odd, rows))


def test_export_of_an_org(tmp_path: Path) -> None:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("Data/Contacts_001.csv", '"Record Id","Last Name"\n"zcrm_1","A\nB"\n')
        archive.writestr("Data/Deals_001.csv", '"Record Id","Deal Name"\n"zcrm_2","C"\n')
    path = tmp_path / "in" / "Data_001.zip"
    path.parent.mkdir()
    path.touch()

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        for files in export_files([path]).values():
            for file in files:
                for part in file.parts(range(min(2, len(file.header)))):
                    assert part

    hunt("export of an org", attempt, mutated_zip(saved.getvalue()), outside=tmp_path)
