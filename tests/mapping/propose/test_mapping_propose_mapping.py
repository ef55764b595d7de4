"""A mapping for a schema that no profile knows: objects, joins, fields, dispositions, the file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.decisions import coverage, pending
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.mapping.objects import count, object_rows
from migrator_kit.mapping.propose import Proposal, propose
from migrator_kit.mapping.writing import write_mapping
from migrator_kit.source.inventory import inventory
from migrator_kit.source.snapshot import Snapshot, take_snapshot

# An Italian program with prefixes of its own: nothing of it is in a profile.
SCHEMA = """
CREATE TABLE studi (studio_id INTEGER PRIMARY KEY, nome TEXT, telefono TEXT, citta TEXT);
CREATE TABLE dentisti (dentista_id INTEGER PRIMARY KEY, nome TEXT, cognome TEXT, email TEXT);
CREATE TABLE pazienti (paziente_id INTEGER PRIMARY KEY, studio_id INTEGER REFERENCES studi,
    dentista_id INTEGER REFERENCES dentisti, nome TEXT, cognome TEXT, data_nascita TEXT, sesso TEXT,
    indirizzo TEXT, citta TEXT, cap TEXT, telefono TEXT, cellulare TEXT, email TEXT,
    codice_fiscale TEXT, gruppo_sanguigno TEXT, vuoto TEXT);
CREATE TABLE poltrone (poltrona_id INTEGER PRIMARY KEY, nome TEXT);
CREATE TABLE appuntamenti (appuntamento_id INTEGER PRIMARY KEY,
    paziente_id INTEGER REFERENCES pazienti, dentista_id INTEGER REFERENCES dentisti,
    poltrona_id INTEGER REFERENCES poltrone, inizio TEXT, durata_minuti INTEGER, motivo TEXT,
    stato TEXT);
CREATE TABLE preventivi (preventivo_id INTEGER PRIMARY KEY,
    paziente_id INTEGER REFERENCES pazienti, titolo TEXT, importo REAL, stato TEXT);
CREATE TABLE magazzino (articolo_id INTEGER PRIMARY KEY, scaffale TEXT);
"""
PATIENTS = 60
SURNAMES = ("Bianchi", "Ferrari", "Esposito", "Ricci", "Marino", "Greco", "Conti")


def fill(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    many = db.executemany
    many("INSERT INTO studi VALUES (?,?,?,?)",
         [(n, f"Studio {n}", f"06 555 12{n:02}", "Roma") for n in (1, 2)])  # fmt: skip
    many("INSERT INTO dentisti VALUES (?,?,?,?)",
         [(n, "Anna", f"Dottore{n}", f"d{n}@studio.example") for n in (1, 2, 3)])  # fmt: skip
    many("INSERT INTO poltrone VALUES (?,?)", [(n, f"Sala {n}") for n in (1, 2)])
    many(f"INSERT INTO pazienti VALUES ({','.join('?' * 16)})", [
        (n, 1 + n % 2, 1 + n % 3, "Luca", SURNAMES[n % 7], f"19{50 + n % 40}-03-{1 + n % 28:02}",
         "MF"[n % 2], f"Via Verdi {n}", "Roma", f"001{n:02}", f"06 444 {1000 + n}",
         f"+39 333 555 {1000 + n}", f"p{n}@posta.example", f"RSSMRA{n:02}A01H501Z",
         ("A", "B", "0")[n % 3], None)
        for n in range(1, PATIENTS + 1)
    ])  # fmt: skip
    many("INSERT INTO appuntamenti VALUES (?,?,?,?,?,?,?,?)", [
        (n, 1 + n % PATIENTS, 1 + n % 3, 1 + n % 2, f"2024-05-{1 + n % 28:02} {9 + n % 8}:30:00",
         30, "Controllo", ("programmato", "completato")[n % 2]) for n in range(1, 101)
    ])  # fmt: skip
    many("INSERT INTO preventivi VALUES (?,?,?,?,?)", [
        (n, 1 + n % PATIENTS, "Corona", 450.5 + n, ("proposto", "accettato")[n % 2])
        for n in range(1, 41)
    ])  # fmt: skip
    many("INSERT INTO magazzino VALUES (?,?)", [(n, f"B{n}") for n in range(1, 10)])
    db.commit()
    db.close()


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    folder = tmp_path_factory.mktemp("italian")
    fill(folder / "studio.db")
    source = SourceSettings(url=str(folder / "studio.db"), time_zone="Europe/Rome", region="IT")
    return Engagement.create(folder / "e", EngagementFile(client="Studio", source=source))


@pytest.fixture(scope="module")
def snapshot(engagement: Engagement) -> Snapshot:
    return take_snapshot(engagement)


@pytest.fixture(scope="module")
def proposal(snapshot: Snapshot) -> Proposal:
    return propose(inventory(snapshot))


@pytest.fixture(scope="module")
def mapping(proposal: Proposal) -> Mapping:
    return proposal.mapping


def target_of(mapping: Mapping, source: str) -> tuple[str, ...]:
    """The fields, as Object.Field, that a source column feeds."""
    return tuple(f"{item.object}.{row.target}" for item in mapping.objects for row in item.fields
                 if source in row.sources)  # fmt: skip


def test_tables_become_objects(proposal: Proposal) -> None:
    found = {str(one.object): one.table for one in proposal.objects}
    expected = {"Practice": "studi", "Patient": "pazienti", "Appointment": "appuntamenti",
                "Treatment Plan": "preventivi"}  # fmt: skip
    assert found == expected
    assert all(0 < one.confidence < 1 and one.reasons for one in proposal.objects)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("pazienti.paziente_id", "Patient.Source_System_ID__c"),
        ("pazienti.nome", "Patient.First_Name"),
        ("pazienti.cognome", "Patient.Last_Name"),
        ("pazienti.data_nascita", "Patient.Date_of_Birth"),
        ("pazienti.sesso", "Patient.Sex__c"),
        ("pazienti.indirizzo", "Patient.Mailing_Street"),
        ("pazienti.cap", "Patient.Mailing_Zip"),
        ("pazienti.cellulare", "Patient.Mobile"),
        ("pazienti.email", "Patient.Email"),
        ("pazienti.studio_id", "Patient.Account_Name"),
        ("pazienti.dentista_id", "Patient.Owner"),
        ("appuntamenti.paziente_id", "Appointment.Who_Id"),
        ("appuntamenti.dentista_id", "Appointment.Owner"),
        ("appuntamenti.durata_minuti", "Appointment.Duration_Minutes__c"),
        ("appuntamenti.stato", "Appointment.Status"),
        ("preventivi.importo", "Treatment Plan.Amount"),
        ("preventivi.stato", "Treatment Plan.Stage"),
        ("preventivi.paziente_id", "Treatment Plan.Contact_Name"),
    ],
)
def test_columns_go_where_a_person_would_send_them(
    mapping: Mapping, source: str, target: str
) -> None:
    assert target in target_of(mapping, source)


def test_a_list_is_joined_in_by_its_names(mapping: Mapping, snapshot: Snapshot) -> None:
    (target,) = target_of(mapping, "appuntamenti.poltrona_id")
    assert target == "Appointment.Chair__c"
    assert target_of(mapping, "poltrone.nome") == (target,)
    row = mapping.object(ObjectName.APPOINTMENT).field("Chair__c")
    assert row is not None
    (part,) = object_rows(snapshot, mapping, ObjectName.APPOINTMENT)
    assert set(part[row.columns[0]]) == {"Sala 1", "Sala 2"}


def test_no_join_loses_or_doubles_a_record(mapping: Mapping, snapshot: Snapshot) -> None:
    assert count(snapshot, mapping, ObjectName.PATIENT) == PATIENTS
    assert count(snapshot, mapping, ObjectName.APPOINTMENT) == 100
    assert count(snapshot, mapping, ObjectName.PLAN) == 40


def test_a_column_that_no_field_fits_gets_a_new_one(mapping: Mapping) -> None:
    (name,) = target_of(mapping, "pazienti.gruppo_sanguigno")
    row = mapping.object(ObjectName.PATIENT).field(name.partition(".")[2])
    assert row is not None
    assert row.create is not None
    assert len(row.create.label) <= 25
    assert row.confidence < 0.9


def test_every_column_and_value_is_disposed_of_and_nothing_is_confirmed(
    mapping: Mapping, snapshot: Snapshot
) -> None:
    state = coverage(mapping, snapshot)
    assert state.open_columns.empty
    assert state.open_values.empty
    assert len(pending(mapping)) == state.rows
    reasons = {s: entry.reason for entry in mapping.not_moved for s in entry.sources}
    assert reasons["pazienti.vuoto"] == "holds nothing"
    assert "none of the ten objects" in reasons["magazzino.*"]


def test_the_file_passes_every_check_and_reads_back(
    mapping: Mapping, engagement: Engagement, snapshot: Snapshot, tmp_path: Path
) -> None:
    path = tmp_path / "mapping.yml"
    write_mapping(path, mapping)
    check_mapping(mapping, path, snapshot)
    first = path.read_text("utf-8")
    write_mapping(path, propose(inventory(snapshot)).mapping)
    assert path.read_text("utf-8") == first


def test_no_reason_quotes_a_patient(proposal: Proposal, mapping: Mapping) -> None:
    told = [reason for one in proposal.fields for reason in one.reasons]
    told += [reason for item in mapping.objects for row in item.fields for reason in row.reasons]
    text = " ".join(told).casefold()
    assert not [name for name in (*SURNAMES, "verdi", "rssmra", "+39") if name.casefold() in text]


def test_the_command_writes_once_and_prints_what_it_promised(
    engagement: Engagement, snapshot: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["propose", str(engagement.folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"object", "table", "confidence", "reasons"} <= set(report["objects"][0])
    assert {
        "table", "column", "object", "module", "field", "transform", "confidence", "alternatives",
        "reasons",
    } <= set(report["fields"][0])  # fmt: skip
    columns = {(one["table"], one["column"]) for one in report["fields"]}
    assert columns == {(t.name, c.name) for t in inventory(snapshot).tables_found
                       for c in t.columns}  # fmt: skip
    written = engagement.mapping_path.read_text("utf-8")
    assert load_mapping(engagement).profile == "proposed"
    assert main(["propose", str(engagement.folder)]) == 0
    assert "left as it is" in capsys.readouterr().out
    assert engagement.mapping_path.read_text("utf-8") == written
