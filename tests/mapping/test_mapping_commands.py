"""From one engagement to the next by command: a list taken in, a document made, names reused."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.mapping.decisions import changed_since, pending
from migrator_kit.mapping.files import load_mapping

USAGE = 2
SECRET = "Quillfeather"
NOTE = "as the practice told us"
SCHEMA = """
CREATE TABLE patients (patient_id INTEGER PRIMARY KEY, last_name TEXT, first_name TEXT,
    birth_date TEXT, email TEXT, xq7 TEXT);
CREATE TABLE appointments (appointment_id INTEGER PRIMARY KEY,
    patient_id INTEGER REFERENCES patients, start_time TEXT, status TEXT);
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two new engagements over the same program: what `xq7` holds, nobody could tell."""
    folder = tmp_path_factory.mktemp("engagements")
    with sqlite3.connect(folder / "practice.db") as db:
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO patients VALUES (?,?,?,?,?,?)", [
            (n, f"{SECRET}{n}", "Ann", f"19{50 + n}-02-03", f"p{n}@example.org", f"{SECRET} {n} ok")
            for n in range(1, 41)
        ])  # fmt: skip
        db.executemany("INSERT INTO appointments VALUES (?,?,?,?)", [
            (n, n, f"2024-05-{1 + n % 28:02} 09:30:00", ("set", "done")[n % 2])
            for n in range(1, 41)
        ])  # fmt: skip
    made = folder / "riverside", folder / "hillside"
    for one in made:
        assert main(["init", str(one), "--source", str(folder / "practice.db")]) == 0
    return made


@pytest.fixture(scope="module")
def riverside(folders: tuple[Path, Path]) -> Engagement:
    """The first one: proposed, a list of the client's laid over it, all confirmed."""
    first, _ = folders
    assert main(["propose", str(first)]) == 0
    engagement = Engagement.open(first)
    (first / "client.csv").write_text(
        "table,column,object,field,transform\npatients,xq7,Patient,Description,text\n", "utf-8"
    )
    assert main(["mapping-import", str(first), str(first / "client.csv")]) == 0
    return engagement


def proposed(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """What is proposed for the column that nobody could tell."""
    capsys.readouterr()
    assert main(["propose", str(folder), "--json", *options]) == 0
    fields = json.loads(capsys.readouterr().out)["fields"]
    found: dict[str, Any] = next(one for one in fields if one["column"] == "xq7")
    return found


def test_a_list_is_taken_in_once_and_waits_for_a_person(
    riverside: Engagement, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {*pending(load_mapping(riverside)), *changed_since(load_mapping(riverside))}
    assert "Patient.Description" in waiting
    path = riverside.folder / "client.csv"
    assert main(["mapping-import", str(riverside.folder), str(path)]) == 0
    assert "says all that client.csv does already" in capsys.readouterr().out


def test_a_list_with_mistakes_is_refused_with_line_and_column(
    riverside: Engagement, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(
        "table,column,object,field,transform\npatients,xq8,Patient,Descripton,\n", "utf-8"
    )
    assert main(["mapping-import", str(riverside.folder), str(path)]) == USAGE
    told = capsys.readouterr().err
    assert "wrong.csv:2, column" in told
    assert "'xq7'?" in told
    assert "wrong.csv:2, field" in told
    assert "'Description'?" in told
    missing = str(tmp_path / "nothing.csv")
    assert main(["mapping-import", str(riverside.folder), missing]) == USAGE
    assert "cannot be read" in capsys.readouterr().err


def test_the_document_is_a_page_or_a_workbook(
    riverside: Engagement, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(riverside.folder)
    assert main(["mapping-document", folder]) == 0
    page = (riverside.folder / "mapping.html").read_text("utf-8")
    assert all(f">{name}</h2>" in page for name in ("Fields", "Values", "Not moved"))
    assert "patients.xq7" in page
    assert SECRET not in page
    assert main(["mapping-document", folder, "--to", str(tmp_path / "mapping.xlsx")]) == 0
    book = openpyxl.load_workbook(tmp_path / "mapping.xlsx")
    assert book.sheetnames == ["Fields", "Values", "Not moved"]
    assert main(["mapping-document", folder, "--to", str(tmp_path / "a.pdf")]) == USAGE
    assert ".html or .xlsx" in capsys.readouterr().err


def test_confirmed_names_of_an_earlier_engagement_count_when_asked_for(
    riverside: Engagement, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, second = folders
    from_first = ("--learn-from", str(riverside.folder))
    assert proposed(second, capsys)["field"] != "Description"
    assert proposed(second, capsys, *from_first)["field"] != "Description", "nobody confirmed it"

    assert main(["confirm", str(riverside.folder), "--by", "Ana", "--all", "--note", NOTE]) == 0
    assert proposed(second, capsys)["field"] != "Description", "nobody asked for it"
    found = proposed(second, capsys, *from_first)
    assert found["field"] == "Description"
    assert found["confidence"] >= 0.9
    assert "confirmed for it in 'riverside'" in found["reasons"][-1]

    settings = second / "engagement.yml"
    told = settings.read_text("utf-8")
    assert "learn_from: []" in told
    settings.write_text(told.replace("learn_from: []", "learn_from: [../riverside]"), "utf-8")
    (second / "mapping.yml").unlink()
    assert proposed(second, capsys)["field"] == "Description"
    written = (second / "mapping.yml").read_text("utf-8")
    assert "riverside" in written
    assert NOTE not in written
    assert SECRET not in written


def test_an_engagement_that_cannot_be_learned_from_is_named(
    riverside: Engagement, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["propose", str(riverside.folder), "--learn-from", str(tmp_path / "nowhere")]
    assert main(wrong) == USAGE
    told = capsys.readouterr().err
    assert "nowhere" in told
    assert "learn_from" in told
