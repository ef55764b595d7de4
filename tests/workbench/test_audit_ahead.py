"""What the audit says ahead of the load: estimate, what Zoho needs, who the owners are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from migrator_kit.chain import Step, step_inputs
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement, EngagementFile
from migrator_kit.errors import ConfigError, GateClosed
from migrator_kit.mapping.decisions import decide
from migrator_kit.quality.model import Outcome, Stage
from migrator_kit.quality.suites import FOLDER_VARIABLE, expectations_folder
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench import audit, estimating, mapping_review
from migrator_kit.workbench.judging import judged_anew
from migrator_kit.workbench.reports import audit_report, audit_text, open_session, plan_report
from migrator_kit.workbench.session import Session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The audit of a small practice with its usual dirt; nothing is confirmed, no org reached."""
    folder = tmp_path_factory.mktemp("practice")
    database = generate(folder, patients=60, seed=8).database
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE appointments SET reason = 'Check' WHERE length(reason) > 255")
        connection.execute("UPDATE appointments SET reason = ? WHERE rowid <= 3", ["r" * 256])
        connection.execute("UPDATE patients SET birth_date = 'spring' WHERE birth_date <> ''")
        connection.execute("UPDATE providers SET active = 1, email = 'd@practice.example'")
        connection.execute("UPDATE providers SET active = 0 WHERE provider_id = 'DR02'")
        connection.execute("UPDATE providers SET email = NULL WHERE provider_id = 'DR03'")
    connection.close()
    engagement = new_engagement(folder / "engagement", str(database))
    take_snapshot(engagement)
    return open_session(engagement)


def test_the_report_has_the_agreed_keys_and_is_plain_json(session: Session) -> None:
    report = audit_report(session.engagement)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    estimate = report["estimate"]
    assert {"compatibility", "grade", "hours_api", "credits", "price"} <= estimate.keys()
    assert estimate["compatibility"] == 9
    assert estimate["grade"] in "ABCD"
    assert estimate["price"]["total"] == sum(x["amount"] for x in estimate["price"]["lines"])
    rows = {table["name"]: table["rows"] for table in report["tables"]}
    moving = ("practices", "patients", "insurance_policies", "treatment_plans", "appointments",
              "call_logs", "clinical_notes", "documents")  # fmt: skip
    assert estimate["records"] == sum(rows[name] for name in moving)
    assert not (session.engagement.folder / "emulator.db").exists()


def test_the_report_reads_as_text(session: Session) -> None:
    text = audit_text(audit_report(session.engagement))
    estimate = estimating.estimate_of(session)
    assert f"Grade {estimate.grade}" in text
    assert "9 of 10 objects move one to one" in text
    assert f"Price: {estimate.price.total:,.0f} EUR" in text
    assert "staff are active and have an e-mail" in text


def test_what_zoho_needs_comes_from_the_mapping(session: Session) -> None:
    needed = estimating.ahead(session)["provisioning"]
    logical = {(one["module"], one["logical"]): one for one in needed["fields"]}
    assert logical["Contacts", "Source_System_ID__c"]["unique"]
    assert logical["Contacts", "Insurance_Carrier_3__c"]["label"] == "Insurance Carrier 3"
    assert "completed" in logical["Deals", "Treatment_Stage__c"]["choices"]
    stages = {one["value"]: one["from"] for one in needed["picklist_values"]
              if one["field"] == "Stage"}  # fmt: skip
    assert stages["Closed Lost"] == "declined, cancelled"
    assert all(one["fits"] for one in needed["room"])


def test_what_will_not_fit_is_counted_not_shown(session: Session) -> None:
    wrong = {one["field"]: one for one in estimating.ahead(session)["provisioning"]["misfits"]}
    assert (wrong["Subject"]["what"], wrong["Subject"]["rows"]) == ("too long", 3)
    assert wrong["Subject"]["detail"] == "up to 256 characters, the field holds 255"
    assert wrong["Date_of_Birth"]["what"] == "another type"
    assert wrong["Date_of_Birth"]["detail"] == "looks like text, the field is date"
    page = estimating.needs(session).html()
    assert "patients.birth_date" in page
    assert "spring" not in page
    assert "rrrr" not in page


def test_staff_are_listed_with_what_they_own(session: Session) -> None:
    staff = {one["key"]: one for one in estimating.ahead(session)["owners"]}
    assert (staff["DR02"]["active"], staff["DR02"]["email_known"]) == (False, True)
    assert (staff["DR03"]["active"], staff["DR03"]["email_known"]) == (True, False)
    with session.snapshot.connect() as connection:
        tables = ("patients", "treatment_plans", "appointments", "call_logs")
        owned = sum(
            connection.execute(f"SELECT count(*) FROM {t} WHERE provider_id = 'DR01'").fetchall()[
                0
            ][0]
            for t in tables
        )
    assert staff["DR01"]["records"] == owned > 0
    able = len(staff) - 2
    assert f"{able} of {len(staff)} staff are active" in estimating.owners(session).html()


def test_the_page_shows_factors_prices_and_relations(session: Session) -> None:
    page = estimating.estimate(session).html()
    for words in ("Compatibility", "Mapping clarity", "API constraints", "Volume", "Dirt"):
        assert words in page
    assert "nothing is confirmed yet" in page
    drawn = audit.relation_plot(session).html()
    assert "patient_id → patients" in drawn
    assert "files" in audit.attachments(session).html()


def test_a_tariff_of_the_engagement_s_own_counts(session: Session) -> None:
    tariff = session.engagement.folder / "tariff.yml"
    tariff.write_text("currency: USD\nbase: 1\nscoped_above_records: 100\n", encoding="utf-8")
    try:
        price = audit_report(session.engagement)["estimate"]["price"]
        assert (price["currency"], price["scoped_individually"]) == ("USD", True)
        tariff.write_text("currency: dollars\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"tariff\.yml:1"):
            audit_report(session.engagement)
    finally:
        tariff.unlink()


@pytest.fixture
def clean(tmp_path: Path) -> Engagement:
    """A practice without dirt, its mapping confirmed."""
    database = generate(tmp_path / "practice", patients=30, seed=3, dirt_level=0).database
    engagement = new_engagement(tmp_path / "engagement", str(database))
    take_snapshot(engagement)
    mapping_review.propose(open_session(engagement))
    decide(engagement, by="A Person")
    return engagement


def test_the_plan_before_the_load_says_what_the_estimate_said(clean: Engagement) -> None:
    said = {one["module"]: one for one in audit_report(clean)["estimate"]["modules"]}
    fields = said.pop("Custom fields")
    planned = plan_report(clean)["modules"]
    assert said.keys() == planned.keys()
    for module, plan in planned.items():
        assert (said[module]["records"], said[module]["calls"], said[module]["credits"]) == (
            plan["create"], plan["calls"], plan["credits"],
        ), module  # fmt: skip
        assert said[module]["minutes"] == plan["minutes"]
    assert fields["records"] > 50


def test_a_program_that_nobody_knows_is_audited_all_the_same(tmp_path: Path) -> None:
    source = tmp_path / "unknown.db"
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE kartei (nr INTEGER PRIMARY KEY, wer TEXT)")
        connection.executemany("INSERT INTO kartei VALUES (?, ?)", [(n, "x") for n in range(1500)])
    connection.close()
    settings = {"client": "R", "source": {"url": f"sqlite:///{source}"}}
    engagement = Engagement.create(tmp_path / "e", EngagementFile.model_validate(settings))
    take_snapshot(engagement)
    estimate = audit_report(engagement)["estimate"]
    assert (estimate["compatibility"], estimate["records"]) == (0, 1500)
    assert estimate["grade"] in "CD"
    assert "No profile fits the source" in " ".join(estimate["rests_on"])
    session = open_session(engagement)
    assert "No profile knows" in audit.findings(session).html()
    cells: list[Callable[[Session], object]] = [
        estimating.estimate, estimating.needs, estimating.owners, audit.relation_plot,
    ]  # fmt: skip
    for cell in cells:
        assert cell(session)


def test_what_a_source_lacks_lowers_its_compatibility(tmp_path: Path) -> None:
    database = generate(tmp_path / "practice", patients=20, seed=8).database
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TABLE call_logs")
        connection.execute("ALTER TABLE patients DROP COLUMN language")
    connection.close()
    engagement = new_engagement(tmp_path / "engagement", str(database))
    take_snapshot(engagement)
    estimate = audit_report(engagement)["estimate"]
    fits = {one["object"]: one["fit"] for one in estimate["objects"]}
    assert estimate["compatibility"] == 7
    assert fits["Patient"] == "some columns are missing"
    assert fits["Call Log"] == "not in this source"
    assert fits["Reminder Rule"] == "rebuilt by hand"


def test_other_thresholds_are_judged_on_what_was_counted(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engagement = session.engagement
    with pytest.raises(GateClosed, match="The shaped data was not judged yet"):
        judged_anew(engagement, Stage.SHAPED)
    audit.source_quality(session)
    before = judged_anew(engagement, Stage.SOURCE)
    failed = {one.name for one in before.results if one.outcome is Outcome.FAILED}
    assert "source.patient.birth_date.match_regex" in failed
    copytree(expectations_folder(), tmp_path / "expectations")
    own = tmp_path / "expectations" / "source" / "patient.json"
    suite = json.loads(own.read_text(encoding="utf-8"))
    for rule in suite["expectations"]:
        rule["kwargs"]["mostly"] = 0.01
    own.write_text(json.dumps(suite), encoding="utf-8")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "expectations"))
    after = judged_anew(engagement, Stage.SOURCE)
    assert after.counts[Outcome.FAILED] < before.counts[Outcome.FAILED]
    assert [one.tally for one in after.results] == [one.tally for one in before.results]


def test_another_tariff_makes_the_audit_run_again(session: Session) -> None:
    tariff = session.engagement.folder / "tariff.yml"
    before = step_inputs(session.engagement, Step.AUDIT)
    tariff.write_text("currency: USD\n", encoding="utf-8")
    changed = step_inputs(session.engagement, Step.AUDIT)
    tariff.unlink()
    assert changed != before == step_inputs(session.engagement, Step.AUDIT)
