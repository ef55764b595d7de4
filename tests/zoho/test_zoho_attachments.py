from __future__ import annotations

import hashlib
import re
import subprocess
import sys

import pytest

from migrator_kit.errors import AmbiguousError, SourceError, TerminalError
from migrator_kit.zoho import Reason

FILES = "/crm/v8/Contacts/5725767000001234001/Attachments"
RECORD = ("Contacts", "5725767000001234001")
UPLOADED = {
    "data": [
        {
            "code": "SUCCESS",
            "status": "success",
            "message": "attachment uploaded successfully",
            "details": {"id": "5725767000009999001"},
        }
    ]
}
BINARY = {"Content-Disposition": "attachment; filename*=UTF-8''x.bin"}
MEMORY = """
import resource, sys, pathlib
from migrator_kit.zoho import ZohoClient, ZohoSettings
settings = ZohoSettings.for_emulator(sys.argv[1], attachment_bytes=1 << 40)
with ZohoClient(settings) as client:
    client.org()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.argv[2] == "up":
        result = client.attachments.upload("Contacts", "5725767000001234001",
            pathlib.Path(sys.argv[3]), "scan.dcm")
        assert result.ok, result
        digest = result.details["sha256"]
    else:
        found = client.attachments.download("Contacts", "5725767000001234001", "9",
            pathlib.Path(sys.argv[3]))
        digest = found.sha256
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before, digest)
"""


def zeros(size: int) -> str:
    digest = hashlib.sha256()
    for _ in range(size >> 20):
        digest.update(bytes(1 << 20))
    return digest.hexdigest()


def in_process(*arguments: str) -> tuple[int, str]:
    run = [sys.executable, "-c", MEMORY, *arguments]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    kilobytes, digest = done.stdout.split()
    return int(kilobytes), digest


def test_a_file_arrives_byte_for_byte_under_its_name(toy, client, reply, tmp_path):
    path = tmp_path / "000123_1.jpg"
    path.write_bytes(bytes(range(256)) * 700)
    toy.on("POST", FILES, reply(200, UPLOADED))
    result = client.attachments.upload(*RECORD, path, 'Röntgen "Ελένη".jpg')
    seen = toy.calls(FILES)[0]
    boundary = re.search(r"boundary=(\w+)", seen.headers["Content-Type"])[1].encode()
    head, _, rest = seen.body.partition(b"\r\n\r\n")
    assert 'filename="Röntgen %22Ελένη%22.jpg"'.encode() in head
    assert rest == path.read_bytes() + b"\r\n--" + boundary + b"--\r\n"
    assert result.id == "5725767000009999001"
    assert result.details["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_empty_file_is_sent_too(toy, client, reply, tmp_path):
    path = tmp_path / "empty.txt"
    path.touch()
    toy.on("POST", FILES, reply(200, UPLOADED))
    assert client.attachments.upload(*RECORD, path, "empty.txt").details["size"] == 0


def test_upload_of_a_large_sparse_file_keeps_memory_flat(toy, reply, tmp_path):
    size = 128 << 20
    path = tmp_path / "scan.dcm"
    with path.open("wb") as stream:
        stream.truncate(size)
    toy.on("POST", FILES, reply(200, UPLOADED))
    kilobytes, digest = in_process(toy.url, "up", str(path))
    assert kilobytes < 16_000
    assert digest == zeros(size)
    assert int(toy.calls(FILES)[0].headers["Content-Length"]) > size


def test_download_of_a_large_file_keeps_memory_flat(toy, reply, tmp_path):
    size = 128 << 20
    path = tmp_path / "scan.dcm"
    answer = reply(200, headers=BINARY, media="application/x-download", zeros=size)
    toy.on("GET", f"{FILES}/9", answer)
    kilobytes, digest = in_process(toy.url, "down", str(path))
    assert kilobytes < 16_000
    assert digest == zeros(size)
    assert path.stat().st_size == size


def test_token_refused_in_an_upload_sends_the_whole_file_again(toy, client, reply, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 100_000)
    refused = reply(401, {"code": "INVALID_TOKEN", "status": "error"})
    busy = reply(429, {"code": "TOO_MANY_REQUESTS", "status": "error"})
    toy.on("POST", FILES, refused, busy, reply(200, UPLOADED))
    result = client.attachments.upload(*RECORD, path, "a.bin")
    assert result.details["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len({len(seen.body) for seen in toy.calls(FILES)}) == 1


def test_lost_answer_to_an_upload_is_ambiguous(toy, client, reply, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    toy.on("POST", FILES, reply(cut=True))
    with pytest.raises(AmbiguousError):
        client.attachments.upload(*RECORD, path, "a.bin")
    assert len(toy.calls(FILES)) == 1


def test_refusals_of_a_file_are_results(toy, make_client, reply, tmp_path):
    client = make_client(attachment_bytes=1000)
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1001)
    too_large = client.attachments.upload(*RECORD, path, "a.bin")
    assert (too_large.ok, too_large.reason) == (False, Reason.FILE_TOO_LARGE)
    assert too_large.details["maximum_length"] == 1000
    assert client.attachments.upload(*RECORD, path, "a.EXE").reason is Reason.FILE_REFUSED
    assert toy.seen == []
    path.write_bytes(b"x")
    toy.on("POST", FILES, reply(413, b"<html>too large</html>", media="text/html"))
    assert client.attachments.upload(*RECORD, path, "a.bin").reason is Reason.FILE_TOO_LARGE
    full = {"code": "STORAGE_SPACE_EXCEEDED", "status": "error", "details": {}}
    toy.on("POST", FILES, reply(400, full))
    assert client.attachments.upload(*RECORD, path, "a.bin").reason is Reason.STORAGE_FULL
    unknown = {"code": "INVALID_DATA", "status": "error", "details": {"id": "5"}}
    toy.on("POST", FILES, reply(400, {"data": [unknown]}))
    assert client.attachments.upload(*RECORD, path, "a.bin").reason is Reason.UNKNOWN_RECORD


def test_a_file_that_is_not_there_is_a_source_error_without_its_name(client, tmp_path):
    with pytest.raises(SourceError) as caught:
        client.attachments.upload(*RECORD, tmp_path / "Papadaki.jpg", "Papadaki.jpg")
    assert "Papadaki" not in str(caught.value)


def test_a_cut_download_starts_anew_and_leaves_no_half_file(toy, client, reply, tmp_path):
    content = b"0123456789" * 50_000
    good = reply(200, content, BINARY, "application/x-download")
    half = reply(200, content, BINARY, "application/x-download", half=True)
    toy.on("GET", f"{FILES}/9", half, good)
    target = tmp_path / "out.bin"
    found = client.attachments.download(*RECORD, "9", target)
    assert target.read_bytes() == content
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert list(tmp_path.iterdir()) == [target]
    assert client.attachments.digest(*RECORD, "9") == found


def test_a_refused_download_writes_nothing(toy, client, reply, tmp_path):
    target = tmp_path / "out.bin"
    toy.on("GET", f"{FILES}/9", reply(204))
    with pytest.raises(TerminalError, match="no such attachment"):
        client.attachments.download(*RECORD, "9", target)
    refused = {"code": "DOWNLOAD_NOT_ALLOWED", "status": "error", "details": {}}
    for body in (refused, {"data": [refused]}):
        toy.on("GET", f"{FILES}/9", reply(400, body))
        with pytest.raises(TerminalError, match="DOWNLOAD_NOT_ALLOWED"):
            client.attachments.download(*RECORD, "9", target)
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_page_is_no_attachment(toy, client, reply, tmp_path):
    page = reply(200, b"<html>sign in</html>", media="text/html")
    note = reply(200, b"<html>a note</html>", BINARY, "text/html")
    toy.on("GET", f"{FILES}/9", page, note)
    client.attachments.download(*RECORD, "9", tmp_path / "note.html")
    assert (tmp_path / "note.html").read_bytes() == b"<html>a note</html>"


def test_a_list_shows_ids_and_sizes_and_its_repr_no_names(toy, client, reply):
    rows = [
        {"id": "1", "File_Name": "Papadaki 100%20.jpg", "Size": "17", "$type": "Attachment"},
        {"id": "2", "File_Name": "plan", "Size": None, "$type": "Link URL"},
    ]
    toy.on("GET", FILES, reply(200, {"data": rows, "info": {"more_records": False}}))
    first, second = client.attachments.list(*RECORD)
    assert (first.file_name, first.size, first.is_link) == ("Papadaki 100%20.jpg", 17, False)
    assert second.is_link
    assert "Papadaki" not in repr(first)
    toy.on("GET", FILES, reply(204))
    assert client.attachments.list(*RECORD) == []
