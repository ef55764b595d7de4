"""Attachments with bytes, notes, the file system."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def patient(shared: Any) -> str:
    return str(shared.create("Contacts", Last_Name="Patient"))


def upload(api: Any, place: str, name: str, content: Any) -> Any:
    return api.call("POST", f"{place}/Attachments", files={"file": (name, content)})


def test_bytes_and_name_come_back_as_they_went(shared: Any, patient: str) -> None:
    content = os.urandom(300_000)
    answer = upload(shared, f"Contacts/{patient}", "Röntgen 46 ä.jpg", content)
    assert answer.status_code == 200
    item = answer.json()["data"][0]
    assert item["message"] == "attachment uploaded successfully"
    place = f"Contacts/{patient}/Attachments"
    listed = shared.get(place, fields="File_Name,Size,Parent_Id,Created_Time").json()["data"][0]
    assert (listed["File_Name"], listed["Size"]) == ("Röntgen 46 ä.jpg", "300000")
    assert listed["Parent_Id"]["id"] == patient
    assert (listed["$type"], listed["$se_module"]) == ("Attachment", "Contacts")
    back = shared.get(f"{place}/{item['details']['id']}")
    assert hashlib.sha256(back.content).digest() == hashlib.sha256(content).digest()
    assert "Röntgen 46 ä.jpg" in unquote(back.headers["Content-Disposition"])


def test_a_large_file_is_streamed(shared: Any, patient: str, tmp_path: Path) -> None:
    large = tmp_path / "scan.dcm"
    with large.open("wb") as target:
        target.truncate(30 * MEGABYTE)
    with large.open("rb") as source:
        number = upload(shared, f"Contacts/{patient}", "scan.dcm", source).json()["data"][0]
    place = f"Contacts/{patient}/Attachments/{number['details']['id']}"
    assert int(shared.get(place).headers["Content-Length"]) == 30 * MEGABYTE


def test_size_type_and_storage_are_limited(shared: Any, patient: str) -> None:
    place = f"Contacts/{patient}"
    assert upload(shared, place, "setup.EXE", b"x").status_code == 400
    shared.emulator.settings(attachment_bytes=MEGABYTE)
    try:
        answer = upload(shared, place, "big.jpg", b"x" * (MEGABYTE + 1))
        assert (answer.status_code, answer.json()["code"]) == (
            413,
            "FILE_SIZE_MORE_THAN_ALLOWED_SIZE",
        )
        assert upload(shared, place, "huge.jpg", b"x" * (4 * MEGABYTE)).status_code == 413
        shared.emulator.settings(storage_bytes=1000)
        assert upload(shared, place, "a.jpg", b"x" * 2000).json()["code"] == (
            "STORAGE_SPACE_EXCEEDED"
        )
    finally:
        shared.emulator.settings(attachment_bytes=100 * MEGABYTE, storage_bytes=50 * 1024**3)


def test_links_are_kept_but_not_downloaded(shared: Any, patient: str) -> None:
    place = f"Contacts/{patient}/Attachments"
    params = {"attachmentUrl": "https://files.example/scan.jpg", "title": "Scan"}
    number = shared.call("POST", place, params=params).json()["data"][0]["details"]["id"]
    form = {"attachmentUrl": "https://files.example/b.jpg"}
    assert shared.call("POST", place, data=form).status_code == 200
    links = [
        row for row in shared.get(place, fields="File_Name").json()["data"] if row["$link_url"]
    ]
    assert {row["$type"] for row in links} == {"Link URL"}
    assert shared.get(f"{place}/{number}").json()["code"] == "DOWNLOAD_NOT_ALLOWED"


def test_wrong_places(shared: Any, patient: str) -> None:
    place = f"Contacts/{patient}/Attachments"
    assert shared.get(place).json()["code"] == "REQUIRED_PARAM_MISSING"
    assert upload(shared, "Contacts/123", "a.txt", b"a").json()["message"] == (
        "the related id given seems to be invalid"
    )
    assert shared.call("POST", place).json()["code"] == "MANDATORY_NOT_FOUND"
    assert shared.get(f"{place}/554023000999999999").status_code == 204
    lonely = shared.create("Contacts", Last_Name="Lonely")
    assert shared.get(f"Contacts/{lonely}/Attachments", fields="File_Name").status_code == 204


@pytest.mark.parametrize("module", ["Accounts", "Deals", "Tasks", "Events", "Notes"])
def test_files_hang_on_records_of_every_module(
    shared: Any, patient: str, module: str, make_deal: Any
) -> None:
    moment = "2026-01-01T10:00:00+01:00"
    parent = {"module": {"api_name": "Contacts"}, "id": patient}
    rows = {
        "Accounts": {"Account_Name": "x"},
        "Deals": make_deal(Deal_Name="x"),
        "Tasks": {"Subject": "x"},
        "Events": {"Event_Title": "x", "Start_DateTime": moment, "End_DateTime": moment},
        "Notes": {"Note_Title": "x", "Parent_Id": parent},
    }
    number = shared.create(module, **rows[module])
    assert upload(shared, f"{module}/{number}", "a.txt", b"hello").status_code == 200
    page = shared.get(f"{module}/{number}/Attachments", fields="File_Name,Size").json()
    assert page["data"][0]["Size"] == "5"


def test_attachments_are_deleted(shared: Any) -> None:
    number = shared.create("Contacts", Last_Name="x")
    place = f"Contacts/{number}/Attachments"
    ids = [
        upload(shared, f"Contacts/{number}", "same.txt", b"1").json()["data"][0]["details"]["id"]
        for _ in range(3)
    ]
    assert shared.call("DELETE", f"{place}/{ids[0]}").status_code == 200
    answer = shared.call("DELETE", place, params={"ids": f"{ids[1]},{ids[2]},9"})
    assert answer.status_code == 207
    assert shared.get(place, fields="File_Name").status_code == 204


def test_notes_hang_on_their_parent(shared: Any) -> None:
    patient = shared.create("Contacts", Last_Name="Patient")
    parent = {"module": {"api_name": "Contacts"}, "id": patient}
    items = shared.write(
        "Notes",
        {"Note_Title": "Recall", "Note_Content": "a\nb", "Parent_Id": parent},
        {"Parent_Id": parent},
        {"Note_Content": "x", "Parent_Id": {"module": {"api_name": "Deals"}, "id": patient}},
        {"Note_Content": "x"},
        {"Note_Title": "x" * 121, "Parent_Id": parent},
    )
    assert [item["code"] for item in items] == [
        "SUCCESS",
        "EXPECTED_FIELD_MISSING",
        "INVALID_DATA",
        "MANDATORY_NOT_FOUND",
        "INVALID_DATA",
    ]
    answer = shared.post(f"Contacts/{patient}/Notes", {"data": [{"Note_Content": "below"}]})
    assert answer.status_code == 201
    page = shared.get(
        f"Contacts/{patient}/Notes", fields="Note_Title,Note_Content,Parent_Id"
    ).json()
    assert [note["Note_Content"] for note in page["data"]] == ["below", "a\nb"]
    assert page["data"][0]["Parent_Id"]["module"]["api_name"] == "Contacts"
    assert page["data"][0]["Parent_Id"]["name"] == "Patient"


def test_only_administrators_list_all_notes(shared: Any, patient: str) -> None:
    parent = {"module": {"api_name": "Contacts"}, "id": patient}
    shared.create("Notes", Note_Title="x", Parent_Id=parent)
    assert shared.get("Notes", fields="Note_Title").status_code == 200
    colleague = type(shared)(shared.emulator, "emulator:bruno.keller@practice.example")
    answer = colleague.get("Notes", fields="Note_Title")
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_SUPPORTED")


def test_the_file_system_keeps_files_for_upload_fields(shared: Any) -> None:
    answer = shared.call("POST", "files", files={"file": ("a.txt", b"hello")})
    item = answer.json()["data"][0]
    assert item["details"]["name"] == "a.txt"
    assert shared.get("files", id=item["details"]["id"]).content == b"hello"
    name = shared.field("Contacts", "Consent Form", "fileupload")
    number = shared.create(
        "Contacts", Last_Name="x", **{name: [{"File_Id__s": item["details"]["id"]}]}
    )
    assert shared.record("Contacts", number)[name][0]["File_Id__s"] == item["details"]["id"]
    shared.emulator.settings(zfs_bytes=3)
    try:
        answer = shared.call("POST", "files", files={"file": ("a.txt", b"hello")})
        assert answer.status_code == 415
    finally:
        shared.emulator.settings(zfs_bytes=20 * MEGABYTE)
