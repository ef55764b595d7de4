"""Carrying a snapshot away: one file, encrypted with a passphrase, for premises without access.

The file is a zip of two parts, both in the format of age (age-encryption.org/v1), so that it can
be opened without this package too: `key.age`, a fresh key encrypted with the passphrase (scrypt),
and `snapshot.age`, the snapshot and its documents as a tar encrypted to that key. age was chosen
because it streams (about 400 MB a second here) and authenticates every 64 KiB block and the end;
AES in zip files has a weak key derivation and shows the names of files.
"""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import pyrage

from migrator_kit.engagement import digest_file
from migrator_kit.errors import ParameterError, SourceError
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.documents import FOLDER_NAME, list_files
from migrator_kit.source.manifest import FILE_NAME

if TYPE_CHECKING:
    from migrator_kit.source.snapshot import Snapshot

VARIABLE = "MIGRATOR_PASSPHRASE"
"""Environment variable with the passphrase, where no person sits at a terminal."""

SHORTEST = 12
_KEY, _CONTENT = "key.age", "snapshot.age"
_PARTS = (FILE_NAME, "tables", FOLDER_NAME)


@dataclass(frozen=True, slots=True)
class Packed:
    """A file that carries a snapshot."""

    path: Path
    bytes: int
    sha256: str
    documents: int


def passphrase(*, again: bool = False) -> str:
    """Return the passphrase from the environment, else ask for it; `again` asks twice.

    Raises ParameterError where nobody can be asked, or the two do not agree.
    """
    if given := os.environ.get(VARIABLE):
        return given
    if not sys.stdin.isatty():
        raise ParameterError(
            "A passphrase is needed and nobody can be asked for it.",
            hint=f"Set it as the environment variable {VARIABLE}.",
        )
    given = getpass.getpass("Passphrase: ")
    if again and getpass.getpass("Once more: ") != given:
        raise ParameterError("The two passphrases differ.", hint="Run the command again.")
    return given


def pack(snapshot: Snapshot, to: Path, secret: str, *, progress: Progress = SILENT) -> Packed:
    """Write a snapshot with its documents into one encrypted file. Nothing else is written.

    Raises ParameterError for a short passphrase or a file that exists, SnapshotChanged where the
    snapshot was altered.
    """
    if len(secret) < SHORTEST:
        raise ParameterError(
            f"The passphrase is too short: {SHORTEST} characters at least.",
            hint="Four or five words that do not belong together are good.",
        )
    if to.exists():
        raise ParameterError(f"{to} exists already.", hint="Name another file, or remove it.")
    snapshot.verify()
    files = list(_files(snapshot))
    identity = pyrage.x25519.Identity.generate()
    unfinished = to.with_name(f".{to.name}.unfinished")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            open(unfinished, "wb", opener=_private) as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed,
        ):
            packed.writestr(_KEY, pyrage.passphrase.encrypt(str(identity).encode(), secret))
            with (
                packed.open(_CONTENT, "w", force_zip64=True) as content,
                progress("Packing the snapshot", len(files)) as step,
            ):

                def fill(sink: IO[bytes]) -> None:
                    with tarfile.open(fileobj=sink, mode="w|") as tar:
                        for path, name in files:
                            tar.add(path, name, recursive=False, filter=_anonymous)
                            step.advance()

                _piped(fill, lambda plain: _encrypt(plain, content, identity))
        unfinished.replace(to)
    finally:
        unfinished.unlink(missing_ok=True)
    documents = sum(name.startswith(f"{FOLDER_NAME}/") for _, name in files)
    return Packed(to, to.stat().st_size, digest_file(to), documents)


def is_carried(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is a carried snapshot."""
    return set(archive.namelist()) == {_KEY, _CONTENT}


def key_of(path: Path, secret: str) -> pyrage.x25519.Identity:
    """Return the key of a carried snapshot. Takes a second or two, so that guessing is slow.

    Raises SourceError where the passphrase does not open it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            key = pyrage.passphrase.decrypt(archive.read(_KEY), secret)
        return pyrage.x25519.Identity.from_str(key.decode())
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
        raise SourceError(
            f"{path.name} cannot be opened with this passphrase.",
            hint="Check the passphrase. If it is right, the file was altered: copy it again.",
        ) from None
    except (OSError, zipfile.BadZipFile):
        raise _altered(path) from None


def unpack(
    path: Path, key: pyrage.x25519.Identity, folder: Path, *, only_manifest: bool = False
) -> None:
    """Open a carried snapshot into `folder`, which is removed where that fails.

    Raises SourceError for an altered byte, a cut end, or a name that leads elsewhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_CONTENT) as content:
            _take_out(cast(BinaryIO, content), key, folder, only_manifest=only_manifest)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, pyrage.DecryptError):
        shutil.rmtree(folder, ignore_errors=True)
        raise _altered(path) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _take_out(
    content: BinaryIO, identity: pyrage.x25519.Identity, folder: Path, *, only_manifest: bool
) -> None:
    """Decrypt into a pipe and unpack what comes out of it, one member after the other."""

    def decrypt(sink: IO[bytes]) -> None:
        try:
            pyrage.decrypt_io(content, sink, [identity])
        except BrokenPipeError:
            if not only_manifest:
                raise

    def unfold(plain: IO[bytes]) -> None:
        with tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                _take_member(tar, member, folder)
                if only_manifest and member.name == FILE_NAME:
                    return
        while plain.read(2**16):
            pass
        if not (folder / FILE_NAME).is_file():
            raise tarfile.ReadError

    _piped(decrypt, unfold, may_stop=only_manifest)


def _take_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one file below `folder`. Raises SourceError for whatever is no plain file inside."""
    parts = PurePosixPath(member.name).parts
    inside = bool(parts) and parts[0] in _PARTS and ".." not in parts
    if not member.isreg() or not inside or "\\" in member.name or member.name.startswith("/"):
        raise SourceError(
            "The carried snapshot holds a file that does not belong into one: nothing was kept.",
            hint="Have it packed anew with `migrator snapshot DIR --to FILE --encrypt`.",
        )
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError
    with open(target, "xb", opener=_private) as stream:
        shutil.copyfileobj(source, stream, 2**20)


def _files(snapshot: Snapshot) -> Iterator[tuple[Path, str]]:
    """Yield every file to carry with its name: the manifest first, then parts, then documents."""
    yield snapshot.folder / FILE_NAME, FILE_NAME
    for table in snapshot.manifest.tables.values():
        for part in table.parts:
            yield snapshot.folder / part.path, part.path
    root = snapshot.files_root()
    if root is not None:
        for path in list_files(root)["path"]:
            yield root / path, f"{FOLDER_NAME}/{path}"


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who owned a file on the practice's machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _encrypt(plain: IO[bytes], content: IO[bytes], identity: pyrage.x25519.Identity) -> None:
    pyrage.encrypt_io(plain, content, [identity.to_public()])


def _piped(
    write: Callable[[IO[bytes]], None],
    read: Callable[[IO[bytes]], None],
    *,
    may_stop: bool = False,
) -> None:
    """Run a writer in a thread and a reader here, a pipe between them. Raises what either raised.

    The writer's failure comes first: a reader fails after it because nothing more arrives.
    """
    source, sink = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(sink, "wb") as stream:
                write(stream)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run, name="carry")
    thread.start()
    trouble: BaseException | None = None
    try:
        with os.fdopen(source, "rb") as stream:
            read(stream)
    except BaseException as error:  # noqa: BLE001
        trouble = error
    thread.join()
    if isinstance(trouble, SourceError):
        raise trouble
    if failed and not (may_stop and trouble is None):
        raise failed[0]
    if trouble is not None:
        raise trouble


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _altered(path: Path) -> SourceError:
    return SourceError(
        f"{path.name} was altered or is not whole: nothing of it was kept.",
        hint="Copy it again from where it was packed, and compare its SHA-256 with the one named "
        "there.",
    )
