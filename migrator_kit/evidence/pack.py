"""The evidence pack: one archive with every page and list, a manifest of digests, a signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from migrator_kit.engagement import digest_file
from migrator_kit.errors import EvidenceError
from migrator_kit.evidence.archive import write_archive

MANIFEST, MANIFEST_DIGEST, SIGNATURE = "manifest.json", "manifest.sha256", "manifest.sig"
AUDIT_LOG = "lists/audit_log.csv"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was written: where, how many files, and the digest to write down elsewhere."""

    path: Path
    files: int
    digest: str
    signed_by: str | None


def write_pack(
    path: Path, members: Mapping[str, Path], facts: Mapping[str, Any], key: Path | None = None
) -> Packed:
    """Write a pack: `members` under their names, then the manifest with `facts` and digests.

    With the file of an Ed25519 private key (PEM) the manifest is signed. The same members, facts
    and key give the same bytes. Raises EvidenceError where a member is missing or the key is none.
    """
    missing = [name for name, file in members.items() if not file.is_file()]
    if missing:
        raise EvidenceError(
            f"The evidence is incomplete: {', '.join(missing)} missing.",
            hint="Run the steps again: migrator run DIR",
        )
    signer = _private_key(key) if key else None
    files = {
        name: {"sha256": digest_file(file), "bytes": file.stat().st_size}
        for name, file in sorted(members.items())
    }
    tree = {"version": VERSION, **facts, "files": files}
    if signer:
        raw = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        tree["signed_by"] = raw.hex()
    manifest = (json.dumps(tree, indent=1, ensure_ascii=False) + "\n").encode()
    digest = hashlib.sha256(manifest).hexdigest()
    ends: dict[str, Path | bytes] = {MANIFEST: manifest, MANIFEST_DIGEST: f"{digest}\n".encode()}
    if signer:
        ends[SIGNATURE] = signer.sign(manifest).hex().encode() + b"\n"
    write_archive(path, {**dict(sorted(members.items())), **ends}, comment=digest)
    return Packed(path, len(files), digest, tree.get("signed_by"))


def _private_key(path: Path) -> Ed25519PrivateKey:
    hint = "Make one with: openssl genpkey -algorithm ed25519 -out key.pem"
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(
            f"{path.name} is no private key without a passphrase ({type(error).__name__}).",
            hint=hint,
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(f"{path.name} is a key, but none of Ed25519.", hint=hint)
    return key
