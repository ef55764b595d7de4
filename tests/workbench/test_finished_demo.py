"""A finished demo: the org, the evidence, who may read its files, and doing it all again."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from migrator_kit.chain import NOTEBOOKS
from migrator_kit.cli import main
from migrator_kit.demo import REVIEWER, new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.evidence.page import check_self_contained
from migrator_kit.evidence.verify import verify_pack
from migrator_kit.load.loader import run_load
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import write_default
from migrator_kit.sample import generate
from migrator_kit.sample.later_work import work_on
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench import sample_diff
from migrator_kit.workbench.deltas import Delta, read_deltas
from migrator_kit.workbench.reports import open_session, plan_report, status_report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODULES = {
    "Practice": ("Accounts", "practices"),
    "Patient": ("Contacts", "patients"),
    "Insurance": ("Contacts", "insurance_policies"),
    "Treatment Plan": ("Deals", "treatment_plans"),
    "Treatment Plan ID": ("Deals", "treatment_plans"),
    "Appointment": ("Tasks", "appointments"),
    "Call Log": ("Events", "call_logs"),
    "Clinical Note": ("Notes", "clinical_notes"),
    "Attachment": ("Attachments", "documents"),
}
"""Where each object lands, and the source's table of it."""

STATES = ("created", "updated", "matched", "excluded", "merged", "failed")
HEX = re.compile(r"[0-9a-f]{64}")

ROOT = Path(__file__).parents[2]
SECRETS = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}"
    rb"|AGE-SECRET-KEY-1[0-9A-Z]{50}"
    rb"|\b1000\.[0-9a-f]{32}\.[0-9a-f]{32}\b"  # codes and tokens of Zoho's accounts server
    rb"|Zoho-oauthtoken [\w.]{20}"
    rb"|\b(?:ghp|gho|github_pat)_\w{30}|\bAKIA[0-9A-Z]{16}\b|\bxox[bp]-\w{10}"
    rb"|(?:postgresql|mysql)[+\w]*://\w+:[^@\s{}*\x80-\xff]{4,}@(?!host)[\w.-]+"
)
OWN_DATA = "practice"
"""Folder of the generated practice: what a client's own source would be."""


@pytest.fixture(scope="module")
def status(demo: Any) -> dict[str, Any]:
    """The demo's `status --json`."""
    return status_report(Engagement.open(demo.folder))


@pytest.fixture(scope="module")
def source(demo: Any) -> dict[str, int]:
    """The rows of each table of the demo's practice."""
    with sqlite3.connect(demo.folder / "practice" / "practice.db") as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in names
        }


def emulator(folder: Path, name: str) -> dict[str, Any]:
    """Ask the engagement's running emulator."""
    noted = json.loads((folder / "private" / "emulator.json").read_text(encoding="utf-8"))
    document: dict[str, Any] = requests.get(f"{noted['url']}/_emulator/{name}", timeout=30).json()
    return document


# What the demo says


def test_the_demo_prints_the_balance_and_where_the_evidence_is(
    demo: Any, source: dict[str, int]
) -> None:
    rows = dict(re.findall(r"(?m)^(\w[\w ]*?) +(?:[A-Z][a-z]+|-)(?: +\d+)* +(\d+)$", demo.output))
    assert set(MODULES) | {"Reminder Rule"} <= rows.keys()
    assert {rows[name] for name in MODULES} == {"0"}
    assert re.search(rf"(?m)^Patient +Contacts +{source['patients']} ", demo.output)
    evidence = re.search(r"(?m)^Evidence: (.+)$", demo.output)
    assert evidence
    assert Path(evidence[1]).is_file()
    assert "Traceback" not in demo.said
    assert "WARNING" not in demo.said


def test_status_has_the_agreed_shape(demo: Any, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert main(["status", str(demo.folder), "--json"]) == 0
    out, err = capfd.readouterr()
    report = json.loads(out)
    assert err == ""
    assert list(report["objects"]) == [*MODULES, "Reminder Rule"]
    for counts in report["objects"].values():
        assert {"module", "source", "remainder", *STATES} <= counts.keys()
    assert all(gate["open"] and "why" in gate for gate in report["gates"].values())
    assert HEX.fullmatch(report["target_digest"])
    assert Path(report["evidence"]).is_file()
    assert report["failures"] == []


def test_the_books_close_for_every_object(status: dict[str, Any], source: dict[str, int]) -> None:
    for name, (module, table) in MODULES.items():
        counts = status["objects"][name]
        assert (counts["module"], counts["source"]) == (module, source[table])
        assert counts["source"] == sum(counts[state] for state in STATES)
        assert (counts["remainder"], counts["failed"]) == (0, 0)
        assert counts["created"] > counts["excluded"]
    rules = status["objects"]["Reminder Rule"]
    assert rules["source"] == source["reminder_rules"] + source["recall_rules"]
    assert (rules["excluded"], rules["remainder"]) == (rules["source"], 0)


def test_the_org_holds_what_the_books_say(demo: Any, status: dict[str, Any]) -> None:
    held = emulator(demo.folder, "stats")["records"]
    for name in ("Practice", "Patient", "Treatment Plan", "Appointment", "Call Log"):
        counts = status["objects"][name]
        assert held[counts["module"]] == counts["created"]


def test_no_automation_of_the_org_fired(demo: Any, status: dict[str, Any]) -> None:
    assert emulator(demo.folder, "fired")["total"] == 0


def test_a_finished_load_has_nothing_left_to_plan(
    demo: Any, status: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert main(["plan", str(demo.folder), "--json"]) == 0
    plan = json.loads(capfd.readouterr().out)
    assert plan["fits"] is True
    assert list(plan["modules"]) == [
        "Accounts", "Contacts", "Deals", "Tasks", "Events", "Notes", "Attachments",
    ]  # fmt: skip
    for module, counts in plan["modules"].items():
        assert counts.keys() >= {
            "create", "update", "skip", "hold", "path", "calls", "credits", "minutes",
        }  # fmt: skip
        assert (counts["create"], counts["update"]) == (0, 0), module
        assert counts["path"] in ("rest", "bulk")
    assert plan["modules"]["Contacts"]["skip"] == status["objects"]["Patient"]["created"]


# Once more


def writes(folder: Path) -> dict[str, Any]:
    """Everything an emulator counts that a write would move."""
    stats = emulator(folder, "stats")
    reading = ("GET ", "POST /oauth", "POST /crm/v8/coql")
    sent = {
        name: count for name, count in stats["requests"].items()
        if not name.startswith(reading) and "coql" not in name and "_emulator" not in name
    }  # fmt: skip
    kept = ("writes", "records", "automations_fired", "recycle_bin")
    return {"sent": sent, **{name: stats[name] for name in kept}}


def test_a_second_run_writes_nothing(
    demo: Any, status: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = demo.folder
    before = writes(folder)
    assert any(before["records"].values())

    assert main(["run", str(folder)]) == 0
    assert capfd.readouterr().err.count("unchanged since run") == 5
    assert writes(folder) == before

    # The sample once more, as its notebook would.
    session = open_session(Engagement.open(folder))
    for step in (sample_diff.shape, sample_diff.provision, sample_diff.choose, sample_diff.load):
        step(session)
    assert writes(folder) == before

    # The full load once more: its settings are new to the chain, though they say the same.
    with (folder / "engagement.yml").open("a", encoding="utf-8") as settings:
        settings.write("# looked through\n")
    assert main(["run", str(folder), "--from", "load", "--to", "load"]) == 0
    assert "load: done" in capfd.readouterr().err
    assert writes(folder) == before
    assert status_report(Engagement.open(folder))["target_digest"] == status["target_digest"]


def test_two_loads_of_the_same_practice_have_the_same_digest(
    demo: Any, status: dict[str, Any], tmp_path: Path
) -> None:
    """Another folder, another org, no sample, no delta: the target is the same."""
    practice = generate(tmp_path / "practice", patients=60, seed=1)
    assert practice.database.read_bytes() != (demo.folder / "practice/practice.db").read_bytes()
    work_on(tmp_path / "practice", seed=1)
    assert practice.database.read_bytes() == (demo.folder / "practice/practice.db").read_bytes()
    engagement = new_engagement(tmp_path / "twin", str(practice.database), client="Another name")
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    decide(engagement, by="A Person")
    session = open_session(engagement)
    noted = json.loads((session.target and engagement.private / "emulator.json").read_text())
    users = {"users": [{"email": email} for email in practice.owners]}
    requests.post(f"{noted['url']}/_emulator/users", json=users, timeout=30).raise_for_status()

    plan = plan_report(engagement)
    assert not any(emulator(engagement.folder, "stats")["records"].values())
    sample_diff.provision(session)
    run_load(engagement, None, session.run_id)

    twin = status_report(engagement)
    assert twin["target_digest"] == status["target_digest"]
    assert twin["objects"] == status["objects"]
    planned = {module: counts["create"] for module, counts in plan["modules"].items()}
    for name in ("Practice", "Patient", "Treatment Plan", "Appointment", "Call Log"):
        counts = twin["objects"][name]
        assert planned[counts["module"]] == counts["created"]


def test_the_evidence_says_that_no_person_confirmed(demo: Any, status: dict[str, Any]) -> None:
    overview = Path(status["evidence"])
    review = overview.with_name("02_mapping_review.html")
    load = overview.with_name("04_full_load.html")
    assert "signed off by" in overview.read_text(encoding="utf-8")
    for page in (overview, review, load):
        assert REVIEWER in page.read_text(encoding="utf-8")


# Its evidence

PEOPLE = {
    "patients": ("first_name", "last_name", "street", "email", "medical_alerts", "x_old_card_no"),
    "insurance_policies": ("member_id",),
    "clinical_notes": ("body",),
    "call_logs": ("summary",),
    "appointments": ("remarks",),
    "documents": ("file_path",),
}
"""Columns of the source that speak of a patient."""

PHONES = {"patients": ("phone_home", "phone_mobile"), "call_logs": ("phone",)}


@pytest.fixture(scope="module")
def pages(demo: Any) -> dict[str, str]:
    """The pages of the demo's run by name."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in run_of(demo).glob("*.html")}
    assert found.keys() == {*NOTEBOOKS.values(), "index"}
    return found


def run_of(demo: Any) -> Path:
    """Return the folder of the demo's run: the evidence that it printed."""
    printed = re.search(r"(?m)^Evidence: (.+)$", demo.output)
    assert printed
    return Path(printed[1]).parent


def delta_of(demo: Any) -> Delta:
    """Return the demo's delta."""
    (delta,) = read_deltas(Engagement.open(demo.folder))
    return delta


def texts(demo: Any) -> Iterator[tuple[str, str]]:
    """Every file that a client may get, as text, and what the console showed."""
    folders = [run_of(demo), run_of(demo).parent / delta_of(demo).run_id]
    for path in sorted(found for folder in folders for found in folder.rglob("*")):
        if path.suffix in (".html", ".ipynb", ".csv", ".md", ".json"):
            text = path.read_text(encoding="utf-8-sig")
            yield path.name, unescape(text) if path.suffix == ".html" else text
    yield "console", demo.output + demo.said


def values(demo: Any, columns: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the values of columns of the demo's practice."""
    with sqlite3.connect(demo.folder / "practice" / "practice.db") as source:
        return {
            str(value).strip()
            for table, names in columns.items()
            for name in names
            for (value,) in source.execute(f"SELECT {name} FROM {table} WHERE {name} <> ''")
        }


def test_no_page_or_list_names_a_patient(demo: Any) -> None:
    staff = values(demo, {"providers": ("first_name", "last_name")})
    wanted = {value for value in values(demo, PEOPLE) - staff if len(value) >= 5}
    assert len(wanted) > 300
    pattern = re.compile(
        r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(wanted, key=len, reverse=True))) + r")(?!\w)"
    )
    assert pattern.search(f"<td>{next(iter(wanted))}</td>")
    found = {name: set(pattern.findall(text)) for name, text in texts(demo)}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_no_page_or_list_holds_a_phone_number(demo: Any) -> None:
    digits = {re.sub(r"\D", "", value) for value in values(demo, PHONES)}
    # A row of zeros stands for "no phone"; it is nobody's number and part of many digests.
    wanted = {number for number in digits if len(number) >= 7 and len(set(number)) > 1}
    assert len(wanted) > 60
    pattern = re.compile("|".join(sorted(wanted)))
    for name, text in texts(demo):
        joined = re.sub(r"(?<=\d)[ ().+/-]{1,3}(?=\d)", "", text)
        assert not pattern.search(joined), name


def test_no_page_or_notebook_names_the_machine(demo: Any) -> None:
    package = Path(__file__).parents[2]
    places = {demo.folder, demo.folder.parent, Path.home(), package, sys.prefix, sys.base_prefix}
    places |= {tempfile.gettempdir(), demo.folder.resolve()}
    known = {str(place) for place in places if len(Path(place).parts) > 1}
    for name, text in texts(demo):
        if name != "console":
            assert not [place for place in known if f"{place}/" in text], name


def test_pages_hold_no_code_and_reach_for_nothing(pages: dict[str, str]) -> None:
    code = r"https?:|//[a-z]+\.|(?m:^\s*(?:from|import) \w)|session\b.*=|def \w+\("
    for name, page in pages.items():
        check_self_contained(page, name)
        assert not re.findall(code, page), name
        assert "migrator_kit." not in page
        assert "Traceback" not in page


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if tag == "a" and name == "href"]


def test_every_link_of_the_first_page_leads_somewhere(demo: Any, pages: dict[str, str]) -> None:
    links = _Links()
    links.feed(pages["index"])
    files = {unquote(link.partition("#")[0]) for link in links.targets} - {""}
    assert {f"{name}.html" for name in NOTEBOOKS.values()} <= files
    assert {"lists/excluded.csv", "lists/audit_log.csv"} <= files
    delta = delta_of(demo)
    assert delta.done
    assert f"../{delta.run_id}/04_full_load.html" in files
    assert [name for name in files if not (run_of(demo) / name).is_file()] == []


def test_pages_carry_results_not_only_headings(pages: dict[str, str]) -> None:
    for name in NOTEBOOKS.values():
        page = pages[name]
        assert page.count("<table") >= 2, name
        assert 'role="alert"' not in page, name
        assert "This page was made from" in page
    assert "<svg" in pages["01_audit"]
    assert "<svg" in pages["05_reconcile"]


def test_each_excluded_record_is_listed_with_its_reason(demo: Any) -> None:
    with (run_of(demo) / "lists" / "excluded.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    assert all(row["object"] and row["source_id"] and row["reason"] for row in rows)
    oversize = [row for row in rows if "oversize" in row["reason"]]
    assert oversize, "the file above 25 MB is not listed"


def test_the_rules_are_exported_for_rebuilding(demo: Any) -> None:
    folder = run_of(demo) / "lists" / "reminders_and_recalls"
    with sqlite3.connect(demo.folder / "practice" / "practice.db") as source:
        (rules,) = source.execute(
            "SELECT (SELECT count(*) FROM reminder_rules) + (SELECT count(*) FROM recall_rules)"
        ).fetchone()
    assert len([path for path in folder.glob("*.md") if path.stem != "index"]) == rules
    assert (folder / "rules.json").is_file()


def test_the_pack_is_whole_and_holds_the_delta(demo: Any) -> None:
    printed = re.search(r"(?m)^Pack: (.+)$", demo.output)
    assert printed
    assert verify_pack(Path(printed[1])).ok
    with zipfile.ZipFile(printed[1]) as pack:
        names = set(pack.namelist())
        links = _Links()
        links.feed(pack.read("index.html").decode())
    assert f"{delta_of(demo).run_id}_04_full_load.html" in names
    pages = {unquote(link.partition("#")[0]) for link in links.targets} - {""}
    assert pages <= names


def test_the_delta_sent_what_changed_and_nothing_else(demo: Any) -> None:
    page = run_of(demo).parent / delta_of(demo).run_id / "04_full_load.html"
    text = page.read_text(encoding="utf-8")
    assert "There is no conflict." in text
    assert "No record left the source." in text
    assert re.search(r"The freeze takes [\d.]+ minutes", text)
    written = re.search(r"(\d+) records were written", text)
    assert written
    assert 8 <= int(written[1]) <= 16


def test_executed_notebooks_are_kept_complete(demo: Any) -> None:
    for name in NOTEBOOKS.values():
        text = (run_of(demo) / f"{name}.ipynb").read_text(encoding="utf-8")
        assert '"output_type": "error"' not in text
        assert '"status": "failed"' not in text


def test_its_files_are_for_their_owner_alone(demo: Any) -> None:
    open_to_others = [
        f"{path.relative_to(demo.folder)} {stat.filemode(path.stat().st_mode)}"
        for path in demo.folder.rglob("*")
        if OWN_DATA not in path.relative_to(demo.folder).parts
        and path.exists()
        and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []
    assert stat.S_IMODE(demo.folder.stat().st_mode) == 0o700


def test_no_secret_stands_in_a_file(demo: Any) -> None:
    told = [str(path.relative_to(folder)) for folder, path in _files(demo.folder)
            if SECRETS.search(path.read_bytes())]  # fmt: skip
    assert told == []
    key = (demo.folder / "private" / "key").read_bytes()
    beside = [path for path in demo.folder.rglob("*") if path.is_file() and path.name != "key"]
    assert [path.name for path in beside if key in path.read_bytes()] == []


def test_the_search_finds_a_secret() -> None:
    assert SECRETS.search(b"token 1000." + b"0" * 32 + b"." + b"a" * 32 + b" end")
    assert SECRETS.search(b"postgresql://ana:hunter22@db.example/x")


def _files(folder: Path) -> list[tuple[Path, Path]]:
    kinds = (".py", ".md", ".yml", ".json", ".ipynb", ".csv", ".txt", ".j2", ".js", ".css")
    tree = [(ROOT, path) for name in ("migrator_kit", "notebooks", "expectations")
            for path in (ROOT / name).rglob("*") if path.suffix in kinds]  # fmt: skip
    made = [(folder, path) for path in folder.rglob("*")
            if path.is_file() and not path.is_relative_to(folder / OWN_DATA)]  # fmt: skip
    return tree + made
