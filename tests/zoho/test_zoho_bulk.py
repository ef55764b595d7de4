from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migrator_kit.errors import AmbiguousError, TerminalError, TransientError
from migrator_kit.zoho import bulkfiles
from migrator_kit.zoho.bulkjobs import (
    BulkColumn,
    BulkWrite,
    JobState,
    field_mappings,
    parse_write_job,
    state_of,
)

WRITE = "/crm/bulk/v8/write"
READ = "/crm/bulk/v8/read"
COLUMNS = (
    BulkColumn("Source_System_ID"),
    BulkColumn("Last_Name"),
    BulkColumn("Account_Name", find_by="Source_System_ID", module="Accounts"),
    BulkColumn("Lead_Source", constant="Practice"),
    BulkColumn("Owner", find_by="email"),
)
JOB = BulkWrite("Contacts", "upsert", COLUMNS, find_by="Source_System_ID")
BINARY = {"Content-Disposition": "attachment; filename=x.zip"}


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.csv", text)
    return buffer.getvalue()


def read_zip(path) -> pd.DataFrame:
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        with archive.open(name) as stream:
            return pd.read_csv(stream, dtype=str, keep_default_na=False)


def test_a_frame_is_cut_into_files_of_25_000_rows(tmp_path):
    frame = pd.DataFrame({"Key": [f"P{n}" for n in range(60_001)], "Last_Name": 'Ä\nB, "C"'})
    files = bulkfiles.write_zips(frame, tmp_path, "Contacts", key="Key")
    assert [(file.first_row, file.rows) for file in files] == [
        (0, 25_000),
        (25_000, 25_000),
        (50_000, 10_001),
    ]
    back = pd.concat([read_zip(file.path) for file in files], ignore_index=True)
    assert back["Key"].tolist() == frame["Key"].tolist()
    assert set(back["Last_Name"]) == {'Ä\nB, "C"'}


def test_files_too_large_are_halved_until_they_fit(tmp_path):
    noise = np.random.default_rng(7).integers(0, 2**60, 4_000)
    frame = pd.DataFrame({"Key": noise.astype(str), "Text": noise[::-1].astype(str)})
    files = bulkfiles.write_zips(frame, tmp_path, "Contacts", key="Key", most_bytes=30_000)
    assert len(files) > 2
    assert all(file.size <= 30_000 for file in files)
    assert [file.first_row for file in files] == sorted(file.first_row for file in files)
    assert sum(file.rows for file in files) == 4_000
    back = pd.concat([read_zip(file.path) for file in files], ignore_index=True)
    assert back["Key"].tolist() == frame["Key"].tolist()
    assert sorted(tmp_path.iterdir()) == sorted(file.path for file in files)


def test_limits_of_a_file_are_kept(tmp_path):
    wide = pd.DataFrame({f"F{n}": ["x"] for n in range(201)})
    with pytest.raises(TerminalError, match="201 columns"):
        bulkfiles.write_zips(wide, tmp_path, "Contacts", key="F0")
    with pytest.raises(TerminalError, match="first 3 columns"):
        bulkfiles.write_zips(wide[["F0", "F1", "F2", "F3"]], tmp_path, "Contacts", key="F3")
    one = pd.DataFrame({"Key": ["1"], "Text": ["x" * 100]})
    with pytest.raises(TerminalError, match="alone is larger"):
        bulkfiles.write_zips(one, tmp_path, "Contacts", key="Key", most_bytes=50)
    assert list(tmp_path.iterdir()) == []
    assert bulkfiles.write_zips(one.iloc[:0], tmp_path, "Contacts", key="Key") == []


def test_cells_take_the_forms_that_bulk_write_reads(tmp_path):
    athens = ZoneInfo("Europe/Athens")
    frame = pd.DataFrame(
        {
            "Key": ["1", "2"],
            "When": pd.to_datetime(["2026-01-01 08:00:00", None]).tz_localize("UTC"),
            "There": pd.Series([datetime(2026, 7, 1, 9, 30, 1, 5, tzinfo=athens), None]),
            "Day": [date(2026, 1, 2), None],
            "Flag": pd.Series([True, None], dtype="boolean"),
            "Plain": [True, False],
            "Many": [["Latex", "Penicillin"], None],
            "Arrow": pd.Series([["a"], ["b", "c"]], dtype=pd.ArrowDtype(pa.list_(pa.string()))),
            "Sum": [1.5, None],
        }
    )
    (file,) = bulkfiles.write_zips(frame, tmp_path, "Contacts", key="Key")
    assert read_zip(file.path).to_dict("records") == [
        {
            "Key": "1",
            "When": "2026-01-01T08:00:00+00:00",
            "There": "2026-07-01T09:30:01+03:00",
            "Day": "2026-01-02",
            "Flag": "true",
            "Plain": "true",
            "Many": "Latex;Penicillin",
            "Arrow": "a",
            "Sum": "1.5",
        },
        {
            "Key": "2", "When": "", "There": "", "Day": "", "Flag": "", "Plain": "false",
            "Many": "", "Arrow": "b;c", "Sum": "",
        },
    ]  # fmt: skip


def test_a_result_file_tells_the_fate_of_each_row(tmp_path):
    path = tmp_path / "result.zip"
    text = (
        "Source_System_ID,Last_Name,Account_Name,STATUS,RECORD_ID,ERRORS\n"
        "001,A,,Added,5725767000001234001,\n"
        "002,B,,UPDATED,{5725767000001234002},\n"
        "003,C,,skipped,,DUPLICATE_DATA-Source_System_ID\n"
        '004,D,,unprocessed,,"INVALID_DATA-Email,Phone:MANDATORY_NOT_FOUND-Last_Name"\n'
    )
    path.write_bytes(zipped(Contacts=text))
    frame = bulkfiles.read_result(path)
    assert frame["Source_System_ID"].tolist() == ["001", "002", "003", "004"]
    assert frame["status"].tolist() == ["added", "updated", "skipped", "unprocessed"]
    assert frame["ok"].tolist() == [True, True, False, False]
    assert frame["record_id"].dropna().tolist() == ["5725767000001234001", "5725767000001234002"]
    assert frame["code"].dropna().tolist() == ["DUPLICATE_DATA", "INVALID_DATA"]
    assert frame["field"].dropna().tolist() == ["Source_System_ID", "Email, Phone, Last_Name"]
    assert frame["reason"].dropna().tolist() == ["duplicate", "invalid_value"]
    assert frame["remedy"].notna().tolist() == [False, False, True, True]


def test_a_damaged_result_is_one_clear_error(tmp_path):
    path = tmp_path / "result.zip"
    path.write_bytes(b"<html>")
    with pytest.raises(TerminalError, match="in a zip file"):
        bulkfiles.read_result(path)
    path.write_bytes(zipped(Contacts="Key,STATUS\n1,added\n"))
    with pytest.raises(TerminalError, match="lacks the column"):
        bulkfiles.read_result(path)


@pytest.mark.parametrize(
    "read",
    [bulkfiles.read_result, lambda path: bulkfiles.to_parquet(path, path.with_suffix(".parquet"))],
    ids=["write", "read"],
)
@pytest.mark.parametrize("damage", [slice(0, 40), slice(60, 66), slice(-30, None)])
def test_a_torn_result_is_one_clear_error(tmp_path, read, damage):
    path = tmp_path / "result.zip"
    rows = "".join(f"{n},ADDED,{n},\n" for n in range(500))
    torn = bytearray(zipped(Contacts="Key,STATUS,RECORD_ID,ERRORS\n" + rows))
    del torn[damage]
    path.write_bytes(torn)
    with pytest.raises(TerminalError, match="in a zip file"):
        read(path)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("INPROGRESS", JobState.IN_PROGRESS),
        ("IN PROGRESS", JobState.IN_PROGRESS),
        ("In_Progress", JobState.IN_PROGRESS),
        ("COMPLETED", JobState.COMPLETED),
        ("FAILURE", JobState.FAILED),
        ("failed", JobState.FAILED),
        ("QUEUED", JobState.QUEUED),
        (None, JobState.UNKNOWN),
    ],
)
def test_states_in_all_spellings(text, state):
    assert state_of(text) is state


def test_constants_take_no_column_of_the_file():
    assert field_mappings(COLUMNS) == [
        {"api_name": "Source_System_ID", "index": 0},
        {"api_name": "Last_Name", "index": 1},
        {
            "api_name": "Account_Name",
            "index": 2,
            "find_by": "Source_System_ID",
            "module": "Accounts",
        },
        {"api_name": "Lead_Source", "default_value": {"value": "Practice"}},
        {"api_name": "Owner", "index": 3, "find_by": "email"},
    ]


def bulk_org(toy, reply, states=("ADDED", "INPROGRESS", "COMPLETED"), url=None):
    uploaded = {"status": "success", "code": "FILE_UPLOAD_SUCCESS", "details": {"file_id": "77"}}
    started = {"status": "success", "code": "SUCCESS", "details": {"id": "88"}}
    toy.on("POST", "/crm/v8/upload", reply(200, uploaded))
    toy.on("POST", WRITE, reply(201, started))
    file = {"added_count": 1, "updated_count": 1, "skipped_count": 0, "total_count": 2}
    done = {
        "id": "88",
        "resource": [{"code": "SUCCESS", "file": file}],
        "result": {"download_url": url or "/v8/crm/org808232144/bulk-write/88/88.zip"},
    }
    answers = [reply(200, {"id": "88", "status": state}) for state in states[:-1]]
    toy.on("GET", f"{WRITE}/88", *answers, reply(200, {**done, "status": states[-1]}))
    text = "Source_System_ID,STATUS,RECORD_ID,ERRORS\n1,added,572576700,\n2,updated,572576701,\n"
    result = reply(200, zipped(Contacts=text), BINARY, "application/zip")
    toy.on("GET", "/v8/crm/org808232144/bulk-write/88/88.zip", result)


def test_a_bulk_write_from_file_to_result(toy, client, reply, tmp_path):
    bulk_org(toy, reply)
    frame = pd.DataFrame({"Source_System_ID": ["1", "2"], "Last_Name": ["A", "B"]})
    (file,) = bulkfiles.write_zips(frame, tmp_path, "Contacts", key="Source_System_ID")
    file_id = client.bulk.upload(file.path)
    upload = toy.calls("/crm/v8/upload")[0]
    assert upload.headers["feature"] == "bulk-write"
    assert upload.headers["X-CRM-ORG"] == "808232144"
    job_id = client.bulk.start_write(JOB, file_id)
    assert (file_id, job_id) == ("77", "88")
    body = toy.calls(WRITE)[0].json()
    assert body["operation"] == "upsert"
    assert body["resource"][0]["find_by"] == "Source_System_ID"
    assert body["resource"][0]["file_id"] == "77"
    job = client.bulk.wait_write(job_id)
    assert (job.ok, job.added, job.updated, job.total) == (True, 1, 1, 2)
    results = client.bulk.write_results(job)
    assert results["ok"].all()
    assert client.credits.spent == 1 + 1 + 500 + 3 + 1


def test_another_client_goes_on_with_a_job_by_its_id(toy, make_client, reply):
    bulk_org(toy, reply)
    job = make_client().bulk.wait_write("88")
    assert make_client().bulk.write_results(job)["record_id"].tolist() == ["572576700", "572576701"]


def test_lost_answer_to_a_job_start_is_ambiguous_and_a_lost_upload_is_sent_again(
    toy, client, reply, tmp_path
):
    bulk_org(toy, reply)
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(Contacts="Source_System_ID\n1\n"))
    uploaded = reply(200, {"status": "success", "code": "X", "details": {"file_id": "77"}})
    toy.on("POST", "/crm/v8/upload", reply(cut=True), uploaded)
    assert client.bulk.upload(path) == "77"
    toy.on("POST", WRITE, reply(cut=True))
    with pytest.raises(AmbiguousError):
        client.bulk.start_write(JOB, "77")
    assert len(toy.calls(WRITE)) == 1


def test_a_failed_job_is_returned_not_raised(toy, client, reply):
    toy.on("GET", f"{WRITE}/88", reply(200, {"id": "88", "status": "FAILED"}))
    job = client.bulk.wait_write("88")
    assert not job.ok
    with pytest.raises(TerminalError, match="without a result file"):
        client.bulk.write_results(job)


def test_a_job_that_never_ends_is_transient(toy, client, reply):
    toy.on("GET", f"{WRITE}/88", reply(200, {"id": "88", "status": "IN PROGRESS"}))
    with pytest.raises(TransientError, match="still runs"):
        client.bulk.wait_write("88", most_seconds=0)


def test_the_token_is_not_sent_to_a_host_that_is_not_zohos(toy, client):
    body = {"status": "COMPLETED", "result": {"download_url": "https://evil.example/88.zip"}}
    job = parse_write_job("88", body)
    with pytest.raises(TerminalError, match="not its own"):
        client.bulk.write_results(job)


def test_jobs_that_cannot_work_are_refused_before_the_call(toy, client):
    refused = [
        BulkWrite("Events", "insert", COLUMNS),
        BulkWrite("Contacts", "upsert", COLUMNS),
        BulkWrite("Contacts", "upsert", COLUMNS, find_by="Owner"),
    ]
    for job in refused:
        with pytest.raises(TerminalError):
            client.bulk.start_write(job, "77")
    with pytest.raises(TerminalError, match="no bulk read"):
        client.bulk.start_read("Notes")
    assert toy.seen == []


def test_upload_to_the_wrong_org_is_refused(toy, make_client, tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(Contacts="a\n"))
    with pytest.raises(TerminalError, match="kind production"):
        make_client(expected_kind="production").bulk.upload(path)
    assert toy.calls("/crm/v8/upload") == []


def test_a_bulk_read_lands_in_parquet_page_by_page(toy, client, reply, tmp_path):
    started = [
        reply(201, {"data": [{"status": "success", "details": {"id": job}}]}) for job in "12"
    ]
    toy.on("POST", READ, *started)
    for job, more in (("1", True), ("2", False)):
        result = {"count": 2, "more_records": more, "next_page_token": "next" if more else None}
        done = {"id": job, "state": "COMPLETED", "result": result}
        toy.on("GET", f"{READ}/{job}", reply(200, {"data": [done]}))
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerows([["Id", "Zip", "Text"], [job, "00123", 'a\nb, "c"'], [job, "", "NA"]])
        archive = reply(200, zipped(Contacts=buffer.getvalue()), BINARY, "application/zip")
        toy.on("GET", f"{READ}/{job}/result", archive)
    paths = client.bulk.read_module("Contacts", ["Zip", "Text"], tmp_path / "out")
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    assert rows == [
        {"Id": "1", "Zip": "00123", "Text": 'a\nb, "c"'},
        {"Id": "1", "Zip": None, "Text": "NA"},
        {"Id": "2", "Zip": "00123", "Text": 'a\nb, "c"'},
        {"Id": "2", "Zip": None, "Text": "NA"},
    ]
    first, second = (seen.json()["query"] for seen in toy.calls(READ))
    assert (first["page"], second["page"]) == (1, 2)
    assert second["fields"] == ["Zip", "Text"]


def test_a_page_token_stands_for_the_whole_query(toy, client, reply):
    toy.on("POST", READ, reply(201, {"data": [{"status": "success", "details": {"id": "1"}}]}))
    client.bulk.start_read("Contacts", page_token="next")
    assert toy.calls(READ)[0].json()["query"] == {"page_token": "next"}


def test_a_failed_read_names_its_code(toy, client, reply, tmp_path):
    failed = {"error_message": {"status": "error", "code": "INTERNAL_SERVER_ERROR"}}
    done = {"id": "1", "state": "FAILURE", "result": failed}
    toy.on("GET", f"{READ}/1", reply(200, {"data": [done]}))
    with pytest.raises(TerminalError, match="INTERNAL_SERVER_ERROR"):
        client.bulk.read_to_parquet(client.bulk.wait_read("1"), tmp_path / "x.parquet")


def test_an_empty_bulk_read_gives_no_file(toy, client, reply, tmp_path):
    toy.on(
        "GET", f"{READ}/1/result", reply(200, zipped(Contacts="Id\n"), BINARY, "application/zip")
    )
    done = {"id": "1", "state": "COMPLETED", "result": {"count": 0}}
    toy.on("GET", f"{READ}/1", reply(200, {"data": [done]}))
    job = client.bulk.wait_read("1")
    assert client.bulk.read_to_parquet(job, tmp_path / "out.parquet") == 0
    assert list(tmp_path.iterdir()) == []


def test_many_rows_stream_to_parquet(tmp_path):
    rows = 120_000
    frame = pd.DataFrame({"Id": np.arange(rows).astype(str), "Text": "Ελένη " * 20})
    path = tmp_path / "big.zip"
    path.write_bytes(zipped(Contacts=frame.to_csv(index=False)))
    assert bulkfiles.to_parquet(path, tmp_path / "big.parquet") == rows
    file = pq.ParquetFile(tmp_path / "big.parquet")
    assert file.metadata.num_row_groups > 1
    assert file.read(["Id"]).column("Id").to_pylist()[-1] == str(rows - 1)


def test_restore_tells_the_fate_of_each_record(toy, client, reply):
    path = "/crm/v8/settings/recycle_bin/actions/restore"
    items = [
        {"code": "SUCCESS", "status": "success", "details": {"id": "12"}},
        {"code": "CANNOT_RESTORE_WITHOUT_PARENT", "status": "error", "details": {"id": "13"}},
    ]
    toy.on("POST", path, reply(207, {"recycle_bin": items}))
    first, second = client.recycle_bin.restore(["12", "13"])
    assert first.ok
    assert second.reason == "parent_in_bin"
    assert json.loads(toy.calls(path)[0].body) == {"ids": ["12", "13"]}


def test_utc_frames_keep_their_instant():
    moments = pd.Series(pd.to_datetime(["2026-03-29 01:30:00"], utc=True))
    assert bulkfiles.cells(moments).tolist() == ["2026-03-29T01:30:00+00:00"]
    assert datetime.fromisoformat(bulkfiles.cells(moments)[0]).astimezone(UTC) == moments[0]
