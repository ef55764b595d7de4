"""Lineage of a record: every station of its way, masked unless asked for."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.cli import main
from migrator_kit.compare.lineage import source_row
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.load.loader import run_load
from migrator_kit.load.target import stop_emulator
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import write_default
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench import sample_diff
from migrator_kit.workbench.explain import explain_record, explain_text
from migrator_kit.workbench.reports import open_session
from migrator_kit.workbench.tracing import lineage_box
from tests.load.small_practice import MAPPING

MAPPED = Mapping.model_validate(MAPPING)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("explain")
    practice = generate(folder / "practice", patients=20, seed=3)
    engagement = new_engagement(folder / "engagement", str(practice.database))
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    decide(engagement, by="A Person")
    session = open_session(engagement)
    sample_diff.shape(session)
    sample_diff.provision(session)
    run_load(engagement, None, session.run_id)
    yield engagement
    stop_emulator(engagement)


@pytest.fixture(scope="module")
def patient(loaded: Engagement) -> dict[str, Any]:
    """A patient of the source with a mobile phone."""
    with sqlite3.connect(Path(loaded.settings.source.url.removeprefix("sqlite:///"))) as source:
        source.row_factory = sqlite3.Row
        row = source.execute(
            "SELECT * FROM patients WHERE length(last_name) > 4 AND email LIKE '%@%'"
        ).fetchone()
    return dict(row)


def test_a_value_is_followed_from_the_source_to_the_org(
    loaded: Engagement, patient: dict[str, Any]
) -> None:
    (record,) = explain_record(loaded, "Contacts", patient["patient_id"], "email", reveal=True)
    (field,) = record["fields"]
    assert field["source"] == [patient["email"]]
    assert field["sources"] == ["patients.email"]
    assert field["steps"][0].startswith("email v")
    assert field["shaped"] == field["sent"] == field["now"]
    assert field["now"].casefold() == patient["email"].strip().casefold()
    assert field["confirmed"].startswith("A Person, ")
    assert record["in_zoho"]
    assert [row["status"] for row in record["outcomes"]] == ["created"]
    assert [row["action"] for row in record["writes"]] == ["created"]


def test_patient_data_is_masked_unless_asked_for(
    loaded: Engagement, patient: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["explain", str(loaded.folder), "Patient", patient["patient_id"]]
    assert main(arguments) == 0
    masked = capsys.readouterr().out
    assert patient["last_name"] not in masked
    assert patient["email"] not in masked
    assert "What each run did" in masked
    assert main([*arguments, "--reveal", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["records"]
    assert patient["last_name"] in {field["now"] for field in record["fields"]}


@pytest.mark.parametrize(
    ("select", "shown"),
    [
        ("SELECT patient_id AS source_id, birth_date FROM patients", "03/14/1980"),
        ("SELECT patient_id AS source_id, birth_date FROM patients "
         "WHERE CAST(birth_date AS DATE) > DATE '1900-01-01'", "1980-03-14"),
    ],
)  # fmt: skip
def test_a_date_is_shown_as_the_source_wrote_it_where_its_select_runs_so(
    select: str, shown: str, tmp_path: Path
) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    rows = "".join(f"{number},{number % 12 + 1:02}/14/1980\n" for number in range(1, 30))
    (exports / "patients.csv").write_text(f"patient_id,birth_date\n{rows}", encoding="utf-8")
    snapshot = take_snapshot(new_engagement(tmp_path / "engagement", str(exports)))
    item = MAPPED.object(ObjectName.PATIENT).model_copy(update={"select": select})
    row = source_row(snapshot, item, "2")
    assert row is not None
    assert str(row["birth_date"]) == shown


def test_links_and_both_names_are_shown(loaded: Engagement, patient: dict[str, Any]) -> None:
    (record,) = explain_record(loaded, "Contacts", patient["patient_id"])
    fields = {field["field"]: field for field in record["fields"]}
    assert fields["Source_System_ID__c"]["api_name"] == "Source_System_ID"
    assert fields["Account_Name"]["now"].startswith("→ ")
    assert "lookup of Practice" in fields["Account_Name"]["steps"]
    assert "(Source_System_ID in Zoho CRM)" in explain_text([record])


def test_a_policy_is_followed_into_the_numbered_fields_of_its_patient(loaded: Engagement) -> None:
    with sqlite3.connect(Path(loaded.settings.source.url.removeprefix("sqlite:///"))) as source:
        policy, patient, member = source.execute(
            "SELECT policy_id, patient_id, member_id FROM insurance_policies WHERE patient_id IN "
            "(SELECT patient_id FROM insurance_policies GROUP BY 1 HAVING count(*) > 1) "
            "AND member_id <> '' ORDER BY priority DESC"
        ).fetchone()
    (record,) = explain_record(loaded, "Insurance", policy, reveal=True)
    fields = {field["field"]: field for field in record["fields"]}
    held = fields["Insurance_Member_ID__c"]
    assert held["source"] == [member]
    assert held["api_name"] in ("Insurance_Member_ID_2", "Insurance_Member_ID_3")
    assert held["shaped"] == held["sent"] == held["now"] == member.strip()
    (holder,) = explain_record(loaded, "Patient", patient)
    assert record["zoho_id"] == holder["zoho_id"]
    assert record["writes"] == holder["writes"]


def test_the_box_of_the_notebook_finds_records_and_masks_them(
    loaded: Engagement, patient: dict[str, Any]
) -> None:
    session = open_session(loaded)
    box = lineage_box(session)
    data, _ = box._repr_mimebundle_()
    asked = {field["name"]: field["value"] for field in box.fields}
    assert asked["object"] == "Patient"
    assert f"Patient {asked['source_id']}: the way of each value" in data["text/html"]

    wanted = {"kind": "answer", "object": "Patient", "source_id": patient["patient_id"]}
    box._receive(box, wanted, [])
    assert box.message == f"Patient {patient['patient_id']}"
    assert patient["last_name"] not in box.shown
    for told in (
        "email v",
        "A Person, ",
        "rows of the audit log",
        "created",
        "stands as its shape",
    ):
        assert told in box.shown
    assert "Aa" in box.shown

    box._receive(box, {"kind": "answer", "object": "Patient", "source_id": "nobody"}, [])
    assert "no record with the source id 'nobody'" in box.message

    session.reveal = True
    session.parameters = {"record": f"Patient/{patient['patient_id']}"}
    assert patient["last_name"] in lineage_box(session).shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Contact", "1"], "no module or object 'Contact'"),
        (["Contacts", "no-such-id"], "no record with the source id 'no-such-id'"),
        (["Contacts", "{patient}", "Emial"], "Did you mean Email?"),
    ],
)
def test_what_is_not_there_is_said_in_one_error(
    loaded: Engagement,
    patient: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    given = [one.format(patient=patient["patient_id"]) for one in arguments]
    assert main(["explain", str(loaded.folder), *given]) == 2
    assert said in capsys.readouterr().err
