"""Checking a pack with nothing but the pack: which file was altered, whether the log is whole."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from migrator_kit.errors import UsageError
from migrator_kit.evidence.archive import WHOLE, altered_structure
from migrator_kit.evidence.lists import cell_of_list
from migrator_kit.evidence.pack import AUDIT_LOG, MANIFEST, MANIFEST_DIGEST, SIGNATURE
from migrator_kit.load.audit_log import GENESIS, HASHED, ChainCheck, follow

_UNREADABLE = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, zlib.error,
               RuntimeError, KeyError, UnicodeDecodeError)  # fmt: skip
_ENDS = {MANIFEST, MANIFEST_DIGEST, SIGNATURE}


@dataclass(frozen=True, slots=True)
class VerifiedPack:
    """What checking a pack brought to light."""

    altered: tuple[str, ...]
    chain: ChainCheck
    digest: str
    """Digest of the manifest: equal to the one that was written down when the pack was made."""
    signed_by: str | None

    @property
    def ok(self) -> bool:
        """Whether the pack is as it was made, and its audit log whole."""
        return not self.altered and self.chain.ok

    def to_json(self) -> dict[str, Any]:
        """Return the shape of `verify --json`."""
        chain = {"ok": self.chain.ok, "rows": self.chain.rows, "head": self.chain.head,
                 "broken_at": self.chain.broken_at}  # fmt: skip
        return {
            "ok": self.ok,
            "altered": list(self.altered),
            "chain": chain,
            "digest": self.digest,
            "signed_by": self.signed_by,
        }


def verify_pack(path: Path) -> VerifiedPack:
    """Check a pack. Raises UsageError where there is no such file."""
    if not path.is_file():
        raise UsageError(f"There is no pack {path}.", hint="Make one with: migrator pack DIR")
    nothing = ChainCheck(False, 0, GENESIS)
    try:
        with zipfile.ZipFile(path) as archive:
            altered, tree, digest = _contents(archive)
            chain = _chain(archive, tree) if AUDIT_LOG in archive.namelist() else nothing
    except _UNREADABLE:
        return VerifiedPack((WHOLE,), nothing, "", None)
    if not altered:
        with tempfile.TemporaryDirectory() as work:
            try:
                structure = altered_structure(path, Path(work))
            except _UNREADABLE:
                structure = WHOLE
        altered = [structure] if structure else []
    signer = tree.get("signed_by")
    return VerifiedPack(tuple(altered), chain, digest, signer if isinstance(signer, str) else None)


def verify_text(checked: VerifiedPack) -> str:
    """Return what checking a pack brought to light, for people."""
    lines = [f"{name}: altered" for name in checked.altered]
    if not checked.altered:
        lines.append("Every file is as it was packed.")
    chain = checked.chain
    if chain.ok:
        lines.append(f"Log of writes: whole, {chain.rows:,} rows.")
    elif chain.broken_at:
        lines.append(f"Log of writes: broken at row {chain.broken_at:,}.")
    else:
        lines.append("Log of writes: it cannot be read.")
    lines.append(f"Signed by {checked.signed_by}." if checked.signed_by else "Not signed.")
    lines.append(f"Digest: {checked.digest or 'none'}")
    return "\n".join(lines)


def _contents(archive: zipfile.ZipFile) -> tuple[list[str], dict[str, Any], str]:
    """Return the altered files, the manifest and its digest."""
    names = archive.namelist()
    altered = [name for name, count in Counter(names).items() if count > 1]
    manifest = _bytes(archive, MANIFEST)
    digest = hashlib.sha256(manifest or b"").hexdigest()
    told = (_bytes(archive, MANIFEST_DIGEST) or b"").decode("ascii", "replace")
    noted = archive.comment.decode("ascii", "replace")
    if manifest is None or digest not in (told.strip(), noted):
        altered.append(MANIFEST)
    elif told != f"{digest}\n":
        altered.append(MANIFEST_DIGEST)
    elif noted != digest:
        altered.append(WHOLE)
    try:
        tree = json.loads(manifest or b"{}")
    except ValueError:
        tree = {}
    tree = tree if isinstance(tree, dict) else {}
    if MANIFEST not in altered or _block(tree, "files"):
        # Where the manifest itself is no longer readable, nothing can be held against the files.
        altered += _altered_files(archive, tree)
    if manifest is not None and not _signature_fits(archive, manifest, tree):
        altered.append(SIGNATURE)
    return list(dict.fromkeys(altered)), tree, digest


def _altered_files(archive: zipfile.ZipFile, tree: dict[str, Any]) -> Iterator[str]:
    files = _block(tree, "files")
    names = set(archive.namelist())
    for name in files:
        if name not in names or _digest(archive, name) != _block(files, name).get("sha256"):
            yield name
    yield from sorted(names - set(files) - _ENDS)


def _signature_fits(archive: zipfile.ZipFile, manifest: bytes, tree: dict[str, Any]) -> bool:
    signer = tree.get("signed_by")
    if signer is None:
        return SIGNATURE not in archive.namelist()
    try:
        signature = bytes.fromhex((_bytes(archive, SIGNATURE) or b"").decode("ascii").strip())
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer)).verify(signature, manifest)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _chain(archive: zipfile.ZipFile, tree: dict[str, Any]) -> ChainCheck:
    """Walk the audit log of the pack, and compare its end with the head that the manifest names."""
    try:
        with archive.open(_stored(archive, AUDIT_LOG)) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            check = follow(_entries(csv.DictReader(text)))
    except (*_UNREADABLE, csv.Error):
        return ChainCheck(False, 0, GENESIS, 1)
    head = _block(tree, "audit").get("head", GENESIS)
    if check.ok and check.head != head:
        return ChainCheck(False, check.rows, check.head, check.rows + 1)
    return check


def _entries(rows: csv.DictReader[str]) -> Iterator[tuple[list[str | int | None], str, str]]:
    for row in rows:
        cells = {name: cell or "" for name, cell in row.items() if isinstance(cell, str | None)}
        values: list[str | int | None] = [cell_of_list(cells[name]) or None for name in HASHED]
        values[0] = int(values[0] or 0)
        yield values, cells["previous_hash"], cells["hash"]


def _block(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a block of the manifest; whatever else stands there is none."""
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def _digest(archive: zipfile.ZipFile, name: str) -> str | None:
    content = hashlib.sha256()
    try:
        with archive.open(_stored(archive, name)) as stream:
            while chunk := stream.read(1 << 20):
                content.update(chunk)
    except _UNREADABLE:
        return None
    return content.hexdigest()


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes | None:
    try:
        return archive.read(_stored(archive, name))
    except _UNREADABLE:
        return None


def _stored(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Return an entry of a pack. Raises BadZipFile for a compressed one: it could be endless."""
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile
    return entry
