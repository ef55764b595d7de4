"""The org's own backup against the package: clean where it is, each kind of damage named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator_kit.engagement import Engagement
from migrator_kit.errors import ParameterError
from migrator_kit.wizard.check import ExportCheck, check_export
from migrator_kit.wizard.export import export_files
from migrator_kit.wizard.export_values import Writing, typed
from migrator_kit.wizard.package import Package
from tests.wizard.conftest import Run
from tests.wizard.simulated_org import Change, Rows, backup


@pytest.fixture
def checked(engagement: Engagement, package: Package, tmp_path: Path) -> object:
    def check(change: Change | None = None) -> ExportCheck:
        archive = backup(package.folder, tmp_path / "Data_001.zip", change)
        return check_export(engagement, [archive])

    return check


def row(check: ExportCheck, name: str) -> dict[str, object]:
    found: dict[str, object] = check.to_json()["objects"][name]
    return found


def test_what_arrived_as_it_was_is_clean(
    run: Run, engagement: Engagement, package: Package, tmp_path: Path
) -> None:
    archive = backup(package.folder, tmp_path / "Data_001.zip")
    answer = run("reconcile", engagement.folder, "--from-export", archive, "--json")
    report = json.loads(answer.out)
    assert answer.code == 0, report
    assert report["ok"]
    assert report["fields"] == []
    for name, counts in report["objects"].items():
        assert counts["expected"] == counts["found"] > 0, name
        assert counts["source"] == counts["excluded"] + counts["expected"], name
    assert {"Patient", "Insurance", "Clinical Note", "Attachment"} <= set(report["objects"])
    text = run("reconcile", engagement.folder, "--from-export", archive)
    assert "Everything arrived once" in text.out


def test_each_damage_is_counted_and_named_by_record(checked, engagement: Engagement) -> None:  # type: ignore[no-untyped-def]
    def harm(modules: dict[str, Rows]) -> None:
        contacts, deals = modules["Contacts"], modules["Deals"]
        lost = contacts.pop(5)
        modules["Notes"].append({**modules["Notes"][0], "Record Id": "zcrm_9"})
        contacts[0]["Last Name"] += " Jr."
        contacts[1]["Date of Birth"] = ""
        contacts[2]["Account Name.id"] = "zcrm_77"
        deals.append({**deals[0], "Record Id": "zcrm_1"})
        contacts.append({"Record Id": "zcrm_2", "Last Name": "Somebody else"})
        modules["Attachments"].pop()
        assert lost["Source System ID"]

    check = checked(harm)
    assert not check.ok
    patient = row(check, "Patient")
    assert (patient["missing"], patient["twice"], patient["different"]) == (1, 0, 3)
    assert row(check, "Treatment Plan")["twice"] == 1
    assert row(check, "Clinical Note")["twice"] == 1
    assert row(check, "Attachment")["missing"] == 1
    assert check.others == {"Contacts": 1}
    names = {f"{one['object']}.{one['field']}" for one in check.to_json()["fields"]}
    assert {"Patient.Last_Name", "Patient.Date_of_Birth", "Patient.Account_Name"} <= names
    listed = check.list_path.read_text(encoding="utf-8-sig")
    assert "filled in Zoho" not in listed
    assert "Jr." not in listed
    assert check.list_path.is_relative_to(engagement.private)


def test_what_the_export_lacks_is_said_and_not_counted_as_lost(checked) -> None:  # type: ignore[no-untyped-def]
    def without(modules: dict[str, Rows]) -> None:
        for contact in modules["Contacts"]:
            contact.pop("Mobile")
        del modules["Tasks"]

    check = checked(without)
    assert not check.ok
    assert check.absent == ("Tasks",)
    hidden = {one["field"]: one for one in check.to_json()["fields"] if one["not_checked"]}
    assert set(hidden) == {"Mobile"}
    assert row(check, "Patient")["different"] == 0
    assert row(check, "Appointment")["found"] == 0


def test_a_backup_that_cannot_be_read_is_one_message(
    run: Run, engagement: Engagement, package: Package, tmp_path: Path
) -> None:
    assert package.folder.is_dir()
    text = tmp_path / "no.zip"
    text.write_bytes(b"Last Name\nSecret\n")
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("x.png", b"")
    torn = tmp_path / "torn.zip"
    with zipfile.ZipFile(torn, "w") as archive:
        archive.writestr("Contacts.csv", b"Record Id,Source System ID\nzcrm_1,1\nSecret\n")
    for path in (text, empty, torn, tmp_path / "absent.zip"):
        answer = run("reconcile", engagement.folder, "--from-export", path)
        assert answer.code == 2, path
        assert "Secret" not in answer.err
    assert run("reconcile", engagement.folder).code == 2


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=300), place=st.integers(0, 100), whole=st.booleans())
def test_no_backup_makes_a_traceback(
    engagement: Engagement, package: Package, tmp_path: Path, noise: bytes, place: int, whole: bool
) -> None:
    content = (package.folder / "data" / "Accounts.csv").read_bytes()
    at = len(content) * place // 100
    path = tmp_path / "fuzzed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../Accounts.csv", content[:at] + noise + content[at:])
    if not whole:
        raw = path.read_bytes()
        at = len(raw) * place // 100
        path.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
    said = path.name
    try:
        files = export_files([path])
        for file in files.get("Accounts", []):
            for part in file.parts(range(len(file.header))):
                assert all(column.type == pa.string() for column in part)
    except ParameterError as refused:
        said = str(refused)
    assert path.name in said or "no CSV" in said
    assert not (tmp_path.parent / "Accounts.csv").exists()
    assert engagement.folder.is_dir()


def test_without_a_package_there_is_nothing_to_compare(run: Run, tmp_path: Path) -> None:
    (tmp_path / "source.csv").write_text("a\n1\n", encoding="utf-8")
    assert run("init", tmp_path / "new", "--source", tmp_path / "source.csv").code == 0
    answer = run("reconcile", tmp_path / "new", "--from-export", tmp_path / "Data_001.zip")
    assert answer.code == 3
    assert "migrator wizard-package" in answer.err


@pytest.mark.parametrize(
    ("texts", "kind", "expected"),
    [
        (["2024-07-01 09:00:00", ""], "datetime", ["2024-07-01T06:00:00+00:00", None]),
        (["2024-07-01T09:00:00+02:00", None], "datetime", ["2024-07-01T07:00:00+00:00", None]),
        (["25/12/2024 1:05 PM"], "datetime", ["2024-12-25T11:05:00+00:00"]),
        (["25/12/2024", " "], "date", ["2024-12-25", None]),
        (["1,234.50", "-3"], "currency", ["1234.5", "-3.0"]),
        (["Yes", "false", ""], "boolean", ["True", "False", None]),
        (["Latex; Penicillin"], "multiselectpicklist", ["['Latex', 'Penicillin']"]),
        (["'=1+1", "'ok", "+30 210"], "text", ["=1+1", "'ok", "+30 210"]),
    ],
)
def test_exported_texts_become_values(texts: list[str], kind: str, expected: list[str]) -> None:
    writing = Writing("Europe/Athens", day_first=True)
    found = typed(pa.array(texts, pa.string()), kind, writing, "x").to_pylist()
    shown = [
        v if v is None else v.isoformat() if hasattr(v, "isoformat") else str(v) for v in found
    ]
    assert shown == expected


@pytest.mark.parametrize("kind", ["date", "datetime", "currency", "boolean"])
def test_a_column_of_another_form_is_refused_by_name(kind: str) -> None:
    with pytest.raises(ParameterError, match="column 'Born'") as refused:
        typed(
            pa.array(["the third of May"]), kind, Writing("UTC", day_first=False), "column 'Born'"
        )
    assert "May" not in str(refused.value)


def test_values_stand_in_the_private_folder_alone(checked, engagement: Engagement) -> None:  # type: ignore[no-untyped-def]
    def harm(modules: dict[str, Rows]) -> None:
        modules["Contacts"][0]["Last Name"] = "Replaced"

    cells = pq.read_table(checked(harm).cells).to_pylist()
    assert [cell["actual"] for cell in cells if cell["field"] == "Last_Name"] == ["Replaced"]
    folder = engagement.private / "export-check"
    assert folder.stat().st_mode & 0o077 == 0
