"""A finished demo: what stands in the org, what the commands say of it, and doing it all again."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import requests

from migrator_kit.cli import main
from migrator_kit.demo import REVIEWER, new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.load.loader import run_load
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import write_default
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench import sample_diff
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
    rows = dict(re.findall(r"(?m)^(\w[\w ]*?)  .*?(\d+)$", demo.output))
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
    """Another folder, another org, no sample before: the target is the same."""
    practice = generate(tmp_path / "practice", patients=60, seed=1)
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
    for page in (overview, review):
        assert REVIEWER in page.read_text(encoding="utf-8")
