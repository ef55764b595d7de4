"""Attachments, streamed both ways: no file is ever whole in memory (fact sheet 8.1)."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import requests

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import limits, listing
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.results import ItemResult, failure
from migrator_kit.zoho.transport import Transport
from migrator_kit.zoho.uploads import PIECE, Upload

FIELDS = (
    "File_Name", "Size", "Created_Time", "Created_By", "Modified_Time", "Parent_Id", "$type",
    "$link_url",
)  # fmt: skip
REFUSED_ENDINGS = frozenset({".exe"})


@dataclass(frozen=True, slots=True)
class AttachmentInfo:
    """One attachment of a record. Its name can hold a person's name: left out of the repr."""

    id: str
    file_name: str
    size: int | None
    created_time: str
    is_link: bool
    created_by: str | None = None
    """Id of the user who attached it."""

    def __repr__(self) -> str:
        return f"AttachmentInfo(id={self.id!r}, size={self.size})"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was read back: how many bytes, and their SHA-256."""

    size: int
    sha256: str


class Attachments:
    """Calls on attachments of records of any module, notes included."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def most_bytes(self) -> int:
        """Size in bytes above which `upload` refuses a file without sending it."""
        return self._transport.settings.attachment_bytes or limits.ATTACHMENT_BYTES

    def upload(self, module: str, record_id: str, path: Path, name: str) -> ItemResult:
        """Attach a file under `name`. `details["sha256"]` is that of the bytes sent.

        Refusals come back as results: too large, kind of file, storage full, unknown record.
        Raises SourceError where the file cannot be read; AmbiguousError where the answer was lost:
        list the attachments before sending again, for names may repeat.
        """
        refused = self._refusal(path, name)
        if refused is not None:
            return refused
        bodies: list[Upload] = []

        def body() -> Upload:
            bodies.append(Upload(path, name))
            return bodies[-1]

        call = Call(
            "POST",
            f"/crm/v8/{module}/{record_id}/Attachments",
            upload=body,
            writes=True,
            envelope_ok=True,
        )
        result = self._transport.send(call).items(1, action="insert")[0]
        sent = {**result.details, "sha256": bodies[-1].sha256, "size": bodies[-1].size}
        return dataclasses.replace(result, details=sent) if result.ok else result

    def link(self, module: str, record_id: str, url: str, title: str) -> ItemResult:
        """Attach a link to a file kept elsewhere."""
        call = Call(
            "POST",
            f"/crm/v8/{module}/{record_id}/Attachments",
            params={"attachmentUrl": url, "title": title},
            writes=True,
            envelope_ok=True,
        )
        return self._transport.send(call).items(1, action="insert")[0]

    def list(self, module: str, record_id: str) -> Sequence[AttachmentInfo]:
        """Return the attachments of one record."""
        path = f"/crm/v8/{module}/{record_id}/Attachments"
        return [_info(row) for row in listing.related(self._transport, path, FIELDS)]

    def download(
        self, module: str, record_id: str, attachment_id: str, to_path: Path
    ) -> Downloaded:
        """Write an attachment's bytes to `to_path`, whole or not at all."""
        descriptor, name = tempfile.mkstemp(prefix=".download-", dir=to_path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                found = self._read(module, record_id, attachment_id, stream)
            Path(name).replace(to_path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        return found

    def digest(self, module: str, record_id: str, attachment_id: str) -> Downloaded:
        """Return size and SHA-256 of an attachment without keeping its bytes."""
        return self._read(module, record_id, attachment_id, None)

    def delete(self, module: str, record_id: str, attachment_id: str) -> ItemResult:
        """Delete one attachment."""
        call = Call(
            "DELETE",
            f"/crm/v8/{module}/{record_id}/Attachments/{attachment_id}",
            writes=True,
            envelope_ok=True,
        )
        return self._transport.send(call).items(1)[0]

    def _refusal(self, path: Path, name: str) -> ItemResult | None:
        """Return what Zoho would answer for a file that is not worth sending."""
        if Path(name).suffix.lower() in REFUSED_ENDINGS:
            return failure("INVALID_FILE_FORMAT", message="kind of file not allowed")
        with suppress(OSError):
            if path.stat().st_size > self.most_bytes:
                return failure("FILE_TOO_LARGE", {"maximum_length": self.most_bytes})
        return None

    def _read(
        self, module: str, record_id: str, attachment_id: str, stream: BinaryIO | None
    ) -> Downloaded:
        call = Call(
            "GET",
            f"/crm/v8/{module}/{record_id}/Attachments/{attachment_id}",
            headers={"Accept": "*/*"},
        )
        return self._transport.stream(call, lambda response: _take(response, stream, call.place))


def _take(response: requests.Response, stream: BinaryIO | None, place: str) -> Downloaded:
    """Read one answer's bytes; started anew by the transport when the line is cut."""
    if response.status_code == 204:
        raise TerminalError(f"{place}: no such attachment.", code="RESOURCE_NOT_FOUND", status=204)
    if stream is not None:
        stream.seek(0)
        stream.truncate()
    digest = hashlib.sha256()
    size = 0
    for piece in response.iter_content(PIECE):
        digest.update(piece)
        size += len(piece)
        if stream is not None:
            stream.write(piece)
    return Downloaded(size, digest.hexdigest())


def _info(row: Mapping[str, Any]) -> AttachmentInfo:
    size = str(row.get("Size") or "")
    return AttachmentInfo(
        id=str(row["id"]),
        file_name=str(row.get("File_Name") or ""),
        size=int(size) if size.isdigit() else None,
        created_time=str(row.get("Created_Time") or ""),
        is_link=str(row.get("$type") or "") == "Link URL" or bool(row.get("$link_url")),
        created_by=(row.get("Created_By") or {}).get("id"),
    )
