"""POST /upload of zipped CSV for bulk write, and /files (fact sheet 7.1, 8.3)."""

from __future__ import annotations

import uuid
import zipfile
from pathlib import Path

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    Reply,
    empty,
    missing_param,
    success,
)
from migrator_kit.emulator.call import Call, UploadedFile
from migrator_kit.emulator.clock import local

MOST_FILES = 10


def upload_zip(call: Call) -> Reply:
    """Keep a zip of CSV files until a bulk-write job names it."""
    feature = call.headers.get("feature")
    org = call.headers.get("x-crm-org")
    for name, given in (("feature", feature), ("x-crm-org", org)):
        if not given:
            raise ApiError(MANDATORY_NOT_FOUND, f"Required key {name} is not available")
    if feature != "bulk-write":
        raise ApiError("NOT_SUPPORTED_FEATURE", "the feature given is not supported")
    if org != call.crm.org["zgid"]:
        raise ApiError(INVALID_DATA, "the organization id given seems to be invalid")
    if not call.uploads:
        raise ApiError(MANDATORY_NOT_FOUND, "Required key file is not available")
    file = call.uploads[0]
    if file.size > call.crm.settings.bulk_zip_bytes:
        limit = call.crm.settings.bulk_zip_bytes // (1024 * 1024)
        raise ApiError(INVALID_DATA, f"Import file size should be less than {limit} mb.")
    if not zipfile.is_zipfile(file.path):
        raise ApiError("INVALID_FILE_FORMAT", "invalid file format. only zip format is supported")
    with call.crm.store.writing() as writer:
        number = str(writer.new_id())
    _keep(call, number, "bulk-write", file)
    details = {"file_id": number, "created_time": local(call.crm.clock.stamp(), call.user.tz)}
    return Reply(
        200,
        {
            "status": "success",
            "code": "FILE_UPLOAD_SUCCESS",
            "message": "file uploaded.",
            "details": details,
        },
    )


def upload_files(call: Call) -> Reply:
    """POST /files: up to ten files of 20 MB; one too big refuses them all."""
    files = call.uploads
    if not files:
        raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": "file"})
    if len(files) > MOST_FILES:
        raise ApiError("LIMIT_EXCEEDED", "too many files", {"limit": MOST_FILES})
    limit = call.crm.settings.zfs_bytes
    if any(file.size > limit for file in files):
        raise ApiError(
            "FILE_SIZE_MORE_THAN_ALLOWED_SIZE",
            "file size exceeds the allowed size",
            {"maximum_size_in_bytes": limit},
            415,
        )
    items: list[Json] = []
    for file in files:
        number = uuid.uuid4().hex * 2
        _keep(call, number, "zfs", file)
        # The vendor's documents spell the message so.
        message = f"{file.name} uploaded Succeessfully"
        items.append(success(message, {"name": file.name, "id": number}))
    return Reply(200, {"data": items})


def download_file(call: Call) -> Reply:
    """GET /files?id=..."""
    number = call.params.get("id")
    if not number:
        raise missing_param("id")
    found = stored_upload(call, number, "zfs")
    if found is None:
        return empty()
    return Reply(200, file=found, headers={"Content-Type": "application/octet-stream"})


def stored_upload(call: Call, number: str, kind: str) -> Path | None:
    """The bytes of an upload of that kind, or None."""
    row = (
        call.crm.store.reader()
        .execute("SELECT path FROM upload WHERE id = ? AND kind = ?", (number, kind))
        .fetchone()
    )
    return call.crm.store.files / row[0] if row else None


def _keep(call: Call, number: str, kind: str, file: UploadedFile) -> None:
    name = f"upload-{number}"
    file.path.replace(call.crm.store.files / name)
    with call.crm.store.writing() as writer:
        writer.db.execute(
            "INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?)",
            (number, kind, file.name, name, file.size, call.crm.clock.stamp()),
        )
