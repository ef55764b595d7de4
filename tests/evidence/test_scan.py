"""The scan before packing: patients' values are found wherever they hide, and nothing else is."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.demo import new_engagement, new_group
from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.errors import EvidenceError
from migrator_kit.evidence import pdf
from migrator_kit.evidence.patient_values import PatientValues, patient_values
from migrator_kit.evidence.scan import Hit, ordinary_words, refuse, scan
from migrator_kit.mapping.files import default_mapping
from migrator_kit.privacy import DataClass
from migrator_kit.sample import generate
from migrator_kit.source.inventory import inventory
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench.packing import data_classes


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return generate(tmp_path_factory.mktemp("practice"), patients=120, seed=5)


@pytest.fixture(scope="module")
def values(practice: Any, tmp_path_factory: pytest.TempPathFactory) -> PatientValues:
    settings = EngagementFile(
        client="Test",
        source=SourceSettings(url=str(practice.database), profile="dent_o_soft"),
    )
    engagement = Engagement.create(tmp_path_factory.mktemp("engagement") / "e", settings)
    snapshot = take_snapshot(engagement)
    classes = data_classes(snapshot, default_mapping("dent_o_soft"))
    return patient_values(snapshot, classes, ordinary_words(snapshot, classes))


@pytest.fixture(scope="module")
def patient(practice: Any) -> dict[str, str]:
    """A patient whose values tell them: a name that is no word, a phone, a birth date."""
    with sqlite3.connect(practice.database) as source:
        source.row_factory = sqlite3.Row
        rows = source.execute(
            "SELECT * FROM patients WHERE length(last_name) > 6 AND length(first_name) > 4 "
            "AND phone_mobile GLOB '*[1-9]*' AND birth_date GLOB '19[3-9]*' AND email LIKE '%@%' "
            "AND length(replace(replace(replace(phone_mobile,' ',''),'-',''),'(','')) >= 10"
        ).fetchall()
    return dict(rows[0])


def found(tmp_path: Path, name: str, text: str, values: PatientValues) -> tuple[Hit, ...]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return scan({name: path}, values)


def notebook(parameters: dict[str, str], output: str = "done") -> str:
    cell = {"cell_type": "code", "source": ["1"], "outputs": [{"text": ["ok\n", output]}]}
    return json.dumps({"cells": [cell], "metadata": {"papermill": {"parameters": parameters}}})


def test_a_planted_name_is_found_in_every_kind_of_file(
    tmp_path: Path, patient: dict[str, str], values: PatientValues
) -> None:
    name = f"{patient['first_name']} {patient['last_name']}"
    svg = f"<html>\n<svg>\n<text>Visits of {name} per year</text></svg></html>"
    assert found(tmp_path, "plot.html", svg, values)[0] == Hit("plot.html", "line 3")
    split = f"<p><b>{patient['first_name']}</b>\n <i>{patient['last_name'].upper()}</i></p>"
    assert found(tmp_path, "split.html", split, values)
    attribute = f'<a title="{patient["last_name"]}, {patient["first_name"]}">x</a>'
    assert found(tmp_path, "attribute.html", attribute, values)
    assert found(tmp_path, "run.log", f"INFO ok\nWARNING {name} has no phone", values) == (
        Hit("run.log", "line 2"),
    )
    (hit,) = found(tmp_path, "a.ipynb", notebook({"who": name}), values)
    assert hit.place == "metadata.papermill.parameters.who"
    (hit, *_) = found(tmp_path, "b.ipynb", notebook({}, name), values)
    assert hit.place.startswith("cells[0].outputs[0].text")
    assert found(tmp_path, "list.csv", f"source_id,why\n1,{patient['last_name']}\n", values)


@pytest.mark.skipif(pdf.browser() is None, reason="there is no Chromium to print with")
def test_a_planted_name_is_found_in_a_pdf(
    tmp_path: Path, patient: dict[str, str], values: PatientValues
) -> None:
    page = tmp_path / "page.html"
    name = f"{patient['first_name']} {patient['last_name']}"
    page.write_text(f"<p style='break-after:page'>One</p><p>{name}</p>", encoding="utf-8")
    printed = pdf.print_pdf(page, tmp_path / "page.pdf")
    assert scan({"page.pdf": printed}, values) == (Hit("page.pdf", "page 2"),)
    again = pdf.print_pdf(page, tmp_path / "again.pdf")
    assert again.read_bytes() == printed.read_bytes()


def test_other_forms_of_a_value_are_the_same_value(
    tmp_path: Path, patient: dict[str, str], values: PatientValues
) -> None:
    digits = "".join(c for c in patient["phone_mobile"] if c.isdigit())
    year, month, day = patient["birth_date"][:10].split("-")
    accented = f"{patient['first_name'].upper()} {patient['last_name'].replace('e', 'é')}"
    forms = {
        "phone with blanks": f"{digits[:3]} {digits[3:6]}-{digits[6:]}",
        "phone behind a country code": f"+{digits}",
        "date, day first": f"{int(day)}.{int(month)}.{year}",
        "date, month first": f"{month}/{day}/{year}",
        "e-mail": patient["email"].upper(),
        "name": accented,
    }
    for what, form in forms.items():
        assert found(tmp_path, "form.txt", f"before {form} after", values), what


def test_pages_without_patients_are_free_of_hits(
    tmp_path: Path, practice: Any, values: PatientValues
) -> None:
    with sqlite3.connect(practice.database) as source:
        ids = [str(row[0]) for row in source.execute("SELECT patient_id FROM patients")]
        staff = [" ".join(row) for row in
                 source.execute("SELECT first_name, last_name FROM providers")]  # fmt: skip
    text = "\n".join(
        [
            "Patient, Treatment Plan: 1,000 of 2,462 rows arrived on 2026-11-22 22:50 UTC",
            *ids,
            *staff,
        ]
    )
    assert found(tmp_path, "page.html", f"<p>{text}</p>", values) == ()


@pytest.mark.parametrize("practices", [1, 2])
def test_what_the_audit_shows_is_no_hit_and_rarer_values_are(
    tmp_path: Path, practices: int
) -> None:
    """Both count a value as a reader does: spaces around it do not matter, spelling does."""
    carriers = ["Quillmere Mutual"] * 4 + ["Quillmere Mutual "]
    carriers += ["Ostrander Benefit"] * 4 + ["OSTRANDER BENEFIT"] + ["Common Mutual"] * 20
    places: dict[str, str] = {}
    for number in range(practices):
        place = tmp_path / f"practice{number}.db"
        with sqlite3.connect(place) as database:
            database.execute(
                "CREATE TABLE insurance_policies (policy_id INTEGER PRIMARY KEY, carrier_name TEXT)"
            )
            own = [(name,) for name in carriers[number::practices]]
            database.executemany("INSERT INTO insurance_policies (carrier_name) VALUES (?)", own)
        places[f"practice{number}"] = str(place)
    home = tmp_path / "engagement"
    if practices > 1:
        engagement = new_group(home, places)
    else:
        engagement = new_engagement(home, *places.values())
    snapshot = take_snapshot(engagement)
    classes = data_classes(snapshot, default_mapping("dent_o_soft"))
    assert classes["insurance_policies", "carrier_name"] is DataClass.INSURANCE
    own_values = patient_values(snapshot, classes, ordinary_words(snapshot, classes))
    shown = set(inventory(snapshot).picklists()["value"])
    assert "Quillmere Mutual" in shown
    for value in shown:
        assert found(tmp_path, "page.html", f"<td>{value}</td>", own_values) == (), value
    assert "Ostrander Benefit" not in shown
    assert found(tmp_path, "page.html", "<td>Ostrander Benefit</td>", own_values)


def test_a_hit_refuses_the_pack_and_names_the_place_not_the_value(
    tmp_path: Path, patient: dict[str, str], values: PatientValues
) -> None:
    name = f"{patient['first_name']} {patient['last_name']}"
    hits = found(tmp_path, "index.html", f"<title>{name}</title>", values)
    with pytest.raises(EvidenceError) as caught:
        refuse(hits)
    assert "index.html, line 1" in str(caught.value)
    assert patient["last_name"] not in str(caught.value)
    refuse(())


def test_the_scan_is_quick(tmp_path: Path, values: PatientValues) -> None:
    """A demo pack has some ten million characters: here a tenth in a tenth of half a minute.

    Counted in seconds of the processor: what else the machine does is of no account.
    """
    words = " ".join(f"word{n} {n} <td>12.5</td>" for n in range(45_000))
    page = tmp_path / "page.html"
    page.write_text(words, encoding="utf-8")
    begun = time.process_time()
    assert scan({"page.html": page}, values) == ()
    assert time.process_time() - begun < 3 * max(1, page.stat().st_size / 1e6)
