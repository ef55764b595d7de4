"""The wizard's package: files a stranger's program reads, links that hold, nothing that runs."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError
from migrator_kit.evidence.page import check_self_contained
from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.shape import open_shaped
from migrator_kit.wizard.command import package_for, package_text
from migrator_kit.wizard.package import Package, rounds
from migrator_kit.wizard.writing import WizardLimits
from tests.golden import masked, same_as_golden, shortened, text_of
from tests.wizard.conftest import FORMULA, Run
from tests.wizard.simulated_org import Rows, read_csv

LINKS = {"Account Name", "Contact Name", "Related To", "Parent Id", "Parent ID"}
OWNERS = {"Contact Owner", "Deal Owner", "Task Owner", "Host"}


def data(folder: Path) -> dict[str, Rows]:
    return {path.stem: read_csv(path) for path in sorted((folder / "data").glob("*.csv"))}


def test_every_shaped_record_is_in_the_files_once(package: Package, engagement: Engagement) -> None:
    shaped, files = open_shaped(engagement), data(package.folder)
    names = {"Accounts": "Practice", "Contacts": "Patient", "Deals": "Treatment Plan",
             "Tasks": "Appointment", "Events": "Call Log", "Notes": "Clinical Note"}  # fmt: skip
    for module, name in names.items():
        keys = [row["Migration ID"].partition(":")[2] for row in files[module]]
        parts = shaped.parts(ObjectName(name))
        expected = [key for path in parts for key in pq.read_table(path)["source_id"].to_pylist()]
        assert keys == expected
        assert keys
    order = [file.module for file in package.files]
    assert order == ["Users", *names, "Attachments"]


def test_every_link_and_owner_names_a_record_of_an_earlier_file(folder: Path) -> None:
    files, known = data(folder), set[str]()
    order = ["Users", "Accounts", "Contacts", "Deals", "Tasks", "Events", "Notes", "Attachments"]
    linked = 0
    for module in order:
        for row in files[module]:
            links = {row[name] for name in (LINKS | OWNERS) & row.keys() if row[name]}
            # A practice's own name stands in the column that is a lookup elsewhere.
            links -= {row["Account Name"]} if module == "Accounts" else set()
            assert links <= known, (module, row["Migration ID"])
            linked += len(links)
        ids = {row["Migration ID"] for row in files[module]}
        assert len(ids) == len(files[module])
        assert not ids & known
        known |= ids
    assert linked > 100


def test_values_stand_as_the_wizard_reads_them(folder: Path, engagement: Engagement) -> None:
    shaped = open_shaped(engagement)
    table = pq.read_table(shaped.parts(ObjectName.PATIENT)[0]).to_pylist()
    rows = {row["Source System ID"]: row for row in data(folder)["Contacts"]}
    assert len(rows) == len(table)
    zone = engagement.settings.source.zone
    for record in table:
        row = rows[record["source_id"]]
        born, made = record["Date_of_Birth"], record["Source_Created_Time__c"]
        assert row["Date of Birth"] == (born.isoformat() if born else "")
        local = made.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if made else ""
        assert row["Source Created Time"] == local
        assert (
            row["SMS Consent"] == {True: "true", False: "false", None: ""}[record["SMS_Consent__c"]]
        )
        assert row["Mobile"] == (record["Mobile"] or "")
        assert row["Last Name"].lstrip("'") == record["Last_Name"].lstrip("'")


def test_nothing_in_the_files_runs_in_a_spreadsheet(folder: Path, package: Package) -> None:
    harmless = re.compile(r"[+-]?\d[\d .,()/:-]*( x\d+)?")
    seen = 0
    for rows in data(folder).values():
        for row in rows:
            for value in row.values():
                if value.lstrip(" ")[:1] in tuple("=+-@\t\r\n＝＋－＠"):
                    assert harmless.fullmatch(value) or not value
                seen += value.startswith("'")
    streets = {row["Mailing Street"] for row in data(folder)["Contacts"]}
    assert {f"'{FORMULA}", f"''{FORMULA}"} <= {street.partition(",")[0] for street in streets}
    assert 2 <= package.marked <= seen
    listed = read_csv(folder / "lists" / "apostrophes.csv")
    assert len(listed) == package.marked
    assert {"object", "source_id", "column"} == set(listed[0])


def test_files_of_the_practice_lie_beside_with_their_records(
    folder: Path, package: Package, engagement: Engagement
) -> None:
    rows = data(folder)["Attachments"]
    stored = {f"{path.parent.name}/{path.name}": path for path in folder.glob("attachments_*/*")}
    assert {f"{row['Folder']}/{row['File Name']}" for row in rows} == set(stored)
    for row in rows:
        content = stored[f"{row['Folder']}/{row['File Name']}"].read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["SHA-256"]
        assert row["Parent Module"] in {"Contacts", "Deals"}
    left_out = sum(package.left_out.values())
    assert len(rows) + left_out == open_shaped(engagement).rows(ObjectName.ATTACHMENT)
    assert left_out > 0
    assert len(read_csv(folder / "lists" / "files_left_out.csv")) == left_out


def test_only_the_owner_can_open_the_package(folder: Path) -> None:
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_the_page_says_what_to_do_and_shows_no_patient(folder: Path) -> None:
    text = (folder / "GUIDE.md").read_text(encoding="utf-8")
    page = (folder / "GUIDE.html").read_text(encoding="utf-8")
    check_self_contained(page, "guide")
    for needed in ("patient data", "0600", "Workflow Rules", "yyyy-MM-dd", "7 days", "Users.csv",
                   "America/New_York", "--from-export", "200 files and 25 GB"):  # fmt: skip
        assert needed in text
        assert needed in page
    assert "| Contacts | Source System ID | Single Line | 100 | yes |" in text
    assert "| Deals | Treatment Stage | Pick List |" in text
    stages = next(line for line in text.splitlines() if line.startswith("| Deals | Stage |"))
    assert "Closed Won" in stages
    custom = sum(
        line.startswith("| Contacts |") for line in text.split("## Step 3")[0].splitlines()
    )
    assert f"Contacts {custom}, Deals" in text
    assert "Standard 10, Professional 155" in text
    patients = data(folder)["Contacts"]
    for row in patients:
        for name in ("Email", "Mobile", "Mailing Street"):
            assert len(row[name]) < 6 or row[name] not in text + page


def test_what_is_to_be_done_by_hand_lies_beside(folder: Path, engagement: Engagement) -> None:
    shaped, text = open_shaped(engagement), (folder / "GUIDE.md").read_text(encoding="utf-8")
    left = read_csv(folder / "lists" / "rows_left_out.csv")
    moving = [name for name in ObjectName if name is not ObjectName.RULE]
    assert len(left) == sum(shaped.excluded(name) for name in moving) > 0
    assert all(row["source_id"] and row["reason"] and row["remedy"] for row in left)
    rules = folder / "lists" / "reminders_and_recalls"
    assert len(list(rules.glob("*.md"))) == shaped.rows(ObjectName.RULE) + 1
    assert f"rules to rebuild: {shaped.rows(ObjectName.RULE)}" in text


def test_what_is_too_large_is_split_and_put_into_runs(
    engagement: Engagement, package: Package, tmp_path: Path
) -> None:
    limits = WizardLimits(file_bytes=45_000, files=5, total_bytes=90_000)
    small = package_for(engagement, tmp_path / "small", limits=limits)
    assert max(file.bytes for file in small.files) <= 45_000
    assert len([file for file in small.files if file.module == "Notes"]) > 1
    paths = [file.path for file in small.files]
    assert {"data/Notes.csv", "data/Notes_2.csv"} <= set(paths)
    for module in ("Contacts", "Notes", "Attachments"):
        mine = [p for p in paths if re.fullmatch(rf"data/{module}(_\d+)?\.csv", p)]
        keys = [row["Migration ID"] for p in mine for row in read_csv(small.folder / p)]
        whole = read_csv(package.folder / "data" / f"{module}.csv")
        assert keys == [row["Migration ID"] for row in whole]
    sizes = {file.path: file.bytes for file in small.files}
    sizes |= {name: size for name, (_, size) in small.folders.items()}
    assert [name for names in small.rounds for name in names] == list(sizes)
    for names in small.rounds:
        assert len(names) <= 5
        assert sum(sizes[name] for name in names) <= 90_000
    package_for(engagement)


def test_runs_fill_up_before_a_new_one_begins() -> None:
    limits = WizardLimits(files=2, total_bytes=100)
    sizes = [("a", 60), ("b", 40), ("c", 1), ("d", 100), ("e", 1)]
    assert rounds(sizes, limits) == (("a", "b"), ("c",), ("d",), ("e",))


def test_the_command_reports_and_replaces_only_its_own(
    run: Run, engagement: Engagement, package: Package, tmp_path: Path
) -> None:
    answer = run("wizard-package", engagement.folder, "--json")
    report = json.loads(answer.out)
    assert answer.code == 0
    assert report["dataset_digest"] == package.digest
    assert [file["sha256"] for file in report["files"]] == [file.sha256 for file in package.files]
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    refused = run("wizard-package", engagement.folder, "--to", tmp_path)
    assert refused.code == 2
    assert "--to" in refused.err
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep me"
    with pytest.raises(ConfigError):
        package_for(engagement, tmp_path)


def test_what_the_client_reads_of_it(package: Package) -> None:
    pages = sorted(package.folder.glob("*.html"))
    assert pages
    golden = Path(__file__).parent / "snapshots"
    for page in pages:
        text = text_of(shortened(page.read_text(encoding="utf-8")))
        same_as_golden(golden / f"{page.stem}.txt", masked(text))
    told = masked(package_text(package), str(package.folder))
    same_as_golden(golden / "command.txt", told)
