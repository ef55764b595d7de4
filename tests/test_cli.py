"""The command line as a person meets it: help, one clear message for each mistake, scripts."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from migrator_kit import __version__
from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.mapping.files import write_default
from migrator_kit.sample import generate

README = Path(__file__).parents[1] / "README.md"
SECRET = "hunter2-secret"


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a person would; whatever happens, nobody may see a traceback."""

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err + out
        return Answer(code, out, err)

    return call


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a small practice."""
    return generate(tmp_path_factory.mktemp("practice"), patients=20, seed=5).database


@pytest.fixture(scope="module")
def prepared(practice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engagement with a snapshot and the proposed mapping, nothing confirmed."""
    folder = tmp_path_factory.mktemp("prepared") / "engagement"
    assert main(["init", str(folder), "--source", str(practice)]) == 0
    assert main(["snapshot", str(folder)]) == 0
    write_default(Engagement.open(folder), "dent_o_soft")
    return folder


@pytest.fixture
def engagement(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared engagement that a test may spoil."""
    return Path(shutil.copytree(prepared, tmp_path / "engagement"))


def refused(answer: Answer, *names: str, code: int = 2) -> None:
    """Check that a command ended with one message on stderr that names the thing."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert len(re.findall(r"(?im)^error: ", answer.err)) == 1, answer.err
    for name in names:
        assert name in answer.err, answer.err


# Help


def test_help_names_every_command_of_the_readme(run: Run) -> None:
    answer = run("--help")
    table = [line for line in README.read_text(encoding="utf-8").splitlines() if "| `m" in line]
    promised = {name for line in table for name in re.findall(r"`migrator ([a-z-]+)", line)}
    offered = set(re.findall(r"(?m)^  ([a-z-]+)  ", answer.out))
    assert answer.code == 0
    assert len(promised) >= 9
    assert promised <= offered


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from migrator_kit.cli import main; code = main(['--help']); "
        "heavy = {'pandas', 'great_expectations', 'papermill', 'nbconvert', 'jupyterlab', "
        "'duckdb', 'matplotlib', 'sqlalchemy', 'IPython'} & set(sys.modules); "
        "sys.exit(code or ', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "init",
        "snapshot",
        "audit",
        "confirm",
        "run",
        "status",
        "plan",
        "emulator",
        "sample",
        "sign-off",
        "rollback",
        "retry",
    ],
)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    answer = run(command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert f"migrator {command}" in answer.out


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").out.strip() == __version__


# Wrong usage


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["migrate"], "migrate"),
        (["run", "DIR", "--bogus"], "--bogus"),
        (["init", "DIR"], "--source"),
        (["demo", "--patients", "many"], "--patients"),
        (["demo", "--patients", "3"], "--patients"),
        (["sample"], "DIR"),
    ],
)
def test_wrong_usage_names_what_is_wrong(run: Run, arguments: list[str], named: str) -> None:
    refused(run(*arguments), named)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--bogus"], "--bogus"),
        (["--edition", "gold"], "gold"),
        (["--faults", "none.json"], "none"),
    ],
)
def test_the_emulator_refuses_wrong_usage(
    run: Run, tmp_path: Path, arguments: list[str], named: str
) -> None:
    answer = run("emulator", *arguments, "--db", str(tmp_path / "unused.db"))
    assert answer.code == 2
    assert named in answer.err


@pytest.mark.parametrize(
    "command",
    [
        "snapshot",
        "audit",
        "status",
        "plan",
        "run",
        "confirm",
        "lab",
        "sign-off",
        "rollback",
        "retry",
    ],
)
def test_a_folder_without_an_engagement_is_told_how_to_make_one(
    run: Run, tmp_path: Path, command: str
) -> None:
    more = ["--by", "A Person", "--all"] if command == "confirm" else []
    refused(run(command, tmp_path, *more), str(tmp_path), "migrator init")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--from", "sampel"], ["sampel", "sample"]),
        (["--to", "everything"], ["everything", "reconcile"]),
        (["--from", "load", "--to", "audit"], ["load", "audit"]),
    ],
)
def test_a_wrong_step_names_the_steps(
    run: Run, prepared: Path, arguments: list[str], named: list[str]
) -> None:
    refused(run("run", prepared, *arguments), *named)


# Sources


def write(folder: Path, **files: str | bytes) -> Path:
    """Make a folder of CSV files."""
    folder.mkdir()
    for name, text in files.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / f"{name}.csv").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (f"postgresql://clinic:{SECRET}@127.0.0.1:1/practice", ["127.0.0.1:1"]),
        (f"foxpro://clinic:{SECRET}@server/practice", ["foxpro", "sqlite"]),
        (f"postgresql://clinic:{SECRET}@[half/practice", ["URL"]),
        ("nowhere/practice.db", ["nowhere/practice.db", "does not exist"]),
        ("practice.accdb", ["practice.accdb"]),
        ("empty.db", ["empty.db", "without tables"]),
        ("noise.db", ["noise.db", "SQLite"]),
        ("letters", ["letters/", "no table"]),
        ("blank", ["patients.csv", "empty"]),
    ],
)
def test_a_wrong_source_is_named_without_its_password(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, named: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sqlite3.connect("empty.db").close()
    Path("noise.db").write_bytes(b"\x93noise" * 500)
    Path("practice.accdb").write_bytes(b"\x00\x01\x00\x00Standard ACE DB")
    write(Path("blank"), patients="")
    Path("letters").mkdir()
    Path("letters/letter.docx").write_bytes(b"PK")
    answer = run("init", "new", "--source", source)
    refused(answer, *named)
    assert SECRET not in answer.err
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("patient_id,first_name\n1,Ann\n2,Bob,x,y\n", ["patients.csv, line 3", "4 values", "2"]),
        ('patient_id,first_name\n1,Ann\n2,"Bob\n3,Cy\n', ["patients.csv, line 3", "quote"]),
    ],
)
def test_a_broken_csv_names_file_and_line(
    run: Run, tmp_path: Path, content: str, named: list[str]
) -> None:
    source = write(tmp_path / "export", patients=content)
    assert run("init", tmp_path / "new", "--source", source).code == 0
    refused(run("snapshot", tmp_path / "new"), *named)


def test_a_wrong_code_page_names_file_and_line(run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new"
    source = write(tmp_path / "export", patients=b"id,name\n1,Ann\n2,Ren\xe9e\n")
    assert run("init", new, "--source", source).code == 0
    settings = (new / "engagement.yml").read_text(encoding="utf-8")
    told = settings.replace("source:\n", "source:\n  encoding: utf-8\n")
    (new / "engagement.yml").write_text(told, encoding="utf-8")
    refused(run("snapshot", new), "patients.csv, line 3", "encoding")


def test_options_of_init_are_checked(run: Run, practice: Path, tmp_path: Path) -> None:
    new, source = tmp_path / "new", ["--source", practice]
    refused(run("init", new, *source, "--profile", "dento"), "dento", "dent_o_soft", "open_dental")
    refused(run("init", new, *source, "--time-zone", "Mars/Base"), "time_zone", "Europe/Athens")
    refused(run("init", new, *source, "--client", "x" * 81), "client", "80")
    refused(run("init", practice / "new", *source), str(practice), code=1)
    assert not new.exists()


def test_an_engagement_is_not_made_twice(run: Run, practice: Path, engagement: Path) -> None:
    before = (engagement / "engagement.yml").read_bytes()
    refused(run("init", engagement, "--source", practice), str(engagement), "already")
    assert (engagement / "engagement.yml").read_bytes() == before


def test_the_demo_leaves_a_foreign_folder_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    refused(run("demo", "--out", tmp_path, "--replace"), str(tmp_path), "not empty")
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_a_demo_that_could_not_begin_does_not_block_the_next(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    for _ in range(2):
        refused(run("demo", "--out", out, "--source", tmp_path / "gone.db"), "gone.db")


# engagement.yml and mapping.yml


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("client:", "speed: high\nclient:", ["engagement.yml:3", "speed"]),
        ("  kind: emulator", "  kind: cloud", ["engagement.yml:", "target.kind", "sandbox"]),
        ("source:", "source: {", ["engagement.yml:"]),
        ("size: 80", "size: 800", ["engagement.yml:", "sample.size", "100"]),
        ("time_zone: America", "time_zone: Atlantis", ["engagement.yml:", "source.time_zone"]),
    ],
)
def test_wrong_settings_name_file_and_line(
    run: Run, engagement: Path, old: str, new: str, named: list[str]
) -> None:
    path = engagement / "engagement.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    refused(run("status", engagement), *named)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("objects:", "colour: red\nobjects:", ["mapping.yml:", "colour"]),
        ("objects:", "objects: [", ["mapping.yml:"]),
        ("object: Patient", "object: Dentist", ["mapping.yml:", "objects.1.object", "Patient"]),
    ],
)
def test_a_mapping_that_cannot_be_read_names_file_and_line(
    run: Run, engagement: Path, old: str, new: str, named: list[str]
) -> None:
    path = engagement / "mapping.yml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    refused(run("confirm", engagement, "--by", "A Person", "--all"), *named)
    refused(run("plan", engagement), *named)
    answer = run("status", engagement, "--json")
    gate = json.loads(answer.out)["gates"]["mapping"]
    assert not gate["open"]
    assert all(name in gate["why"] for name in named)


def test_confirming_needs_a_name_and_rows_that_exist(run: Run, engagement: Path) -> None:
    before = (engagement / "mapping.yml").read_bytes()
    refused(run("confirm", engagement, "--all"), "--by")
    refused(run("confirm", engagement, "--by", " ", "--all"), "--by")
    refused(run("confirm", engagement, "--by", "A Person"), "--all")
    refused(run("confirm", engagement, "--by", "A Person", "--all", "Patient.Phone"), "--all")
    refused(
        run("confirm", engagement, "--by", "A Person", "Patient.Last_Nam"),
        "Patient.Last_Nam",
        "Patient.Last_Name",
    )
    assert (engagement / "mapping.yml").read_bytes() == before


def test_a_confirmation_names_who_and_why_in_the_file(run: Run, engagement: Path) -> None:
    row = "Patient.Last_Name"
    answer = run("confirm", engagement, row, "--by", "A Person", "--note", "seen with the practice")
    assert (answer.code, answer.err) == (0, "")
    (line,) = [
        line
        for line in (engagement / "mapping.yml").read_text(encoding="utf-8").splitlines()
        if "by: A Person" in line
    ]
    assert "state: confirmed" in line
    assert "note: seen with the practice" in line


# Scripts


def test_before_a_snapshot_the_gate_is_named(run: Run, practice: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert run("init", folder, "--source", practice).code == 0
    for command in ("audit", "plan"):
        refused(run(command, folder), "migrator snapshot", code=3)
    report = json.loads(run("status", folder, "--json").out)
    assert len(report["objects"]) == 10
    assert not report["gates"]["snapshot"]["open"]
    assert (report["target_digest"], report["evidence"]) == (None, None)


def test_a_snapshot_is_named_by_its_content(run: Run, prepared: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(prepared, tmp_path / "again")
    kept = {path: path.stat().st_mtime_ns for path in (prepared / "snapshots").rglob("*.parquet")}
    first, second = run("snapshot", folder), run("snapshot", folder)
    assert first.code == second.code == 0
    digest = re.findall(r"Digest ([0-9a-f]{64})", first.out)
    assert digest == re.findall(r"Digest ([0-9a-f]{64})", second.out)
    assert "11 tables" in first.out
    after = {path: path.stat().st_mtime_ns for path in (prepared / "snapshots").rglob("*.parquet")}
    assert after == kept


def test_audit_as_json_has_the_agreed_shape(run: Run, prepared: Path, practice: Path) -> None:
    report = json.loads(run("audit", prepared, "--json").out)
    tables = {table["name"]: table for table in report["tables"]}
    with sqlite3.connect(practice) as source:
        (patients,) = source.execute("SELECT count(*) FROM patients").fetchone()
        names = [row[1] for row in source.execute("PRAGMA table_info(patients)")]
    assert tables["patients"]["rows"] == patients
    columns = {column["name"]: column for column in tables["patients"]["columns"]}
    assert list(columns) == names
    wanted = {"name", "type", "nulls", "distinct", "data_class", "custom"}
    assert all(wanted <= column.keys() for column in columns.values())
    assert {name for name, column in columns.items() if column["custom"]} == {
        "x_old_card_no", "x_vip", "x_loyalty_group",
    }  # fmt: skip
    relation = {
        "from_table", "from_columns", "to_table", "to_columns", "declared", "orphans", "confidence",
    }  # fmt: skip
    assert report["relations"]
    assert all(relation <= found.keys() for found in report["relations"])
    assert {"duplicates", "attachments", "rules"} <= report.keys()
    assert len(report["rules"]) == tables["reminder_rules"]["rows"] + tables["recall_rules"]["rows"]


def test_audit_as_text_is_for_people(run: Run, prepared: Path) -> None:
    answer = run("audit", prepared)
    assert answer.code == 0
    assert re.search(r"(?m)^patients +20 +29 +3$", answer.out)


def test_a_sample_practice_is_the_same_for_a_seed(run: Run, practice: Path, tmp_path: Path) -> None:
    answer = run("sample", tmp_path / "twin", "--patients", "20", "--seed", "5")
    assert answer.code == 0
    assert re.search(r"(?m)^patients +20$", answer.out)
    twin = tmp_path / "twin" / "practice.db"
    assert f"Database: {twin}" in answer.out
    assert twin.read_bytes() == practice.read_bytes()
    other = run("sample", tmp_path / "other", "--patients", "20", "--seed", "6")
    assert other.code == 0
    assert (tmp_path / "other" / "practice.db").read_bytes() != practice.read_bytes()


def test_the_emulator_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "migrator_kit.cli", "emulator", "--db", "org.db"]
    command += ["--port", "0", "--edition", "professional"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        url = found[1]
        asked = {"grant_type": "refresh_token", "refresh_token": "emulator"}
        asked |= {"client_id": "any", "client_secret": "any"}
        answer = requests.post(f"{url}/oauth/v2/token", data=asked, timeout=30)
        token = answer.json()["access_token"]
        users = requests.get(
            f"{url}/crm/v8/users?type=ActiveUsers",
            headers={"Authorization": f"Zoho-oauthtoken {token}"},
            timeout=30,
        ).json()["users"]
        stats = requests.get(f"{url}/_emulator/stats", timeout=30).json()
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=30)
    assert len(users) == 3
    assert stats["edition"] == "professional"
    assert {"requests", "credits_used", "automations_fired", "peak_concurrency"} <= stats.keys()
    assert (process.returncode, rest, said) == (0, "", "")


def test_a_source_that_no_profile_knows_is_audited_all_the_same(run: Run, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "clienti.csv").write_text("codice,cognome\n1,Rossi\n2,Bianchi\n")
    folder = tmp_path / "unknown"
    assert run("init", folder, "--source", tmp_path / "exports").code == 0
    assert run("snapshot", folder).code == 0
    report = json.loads(run("audit", folder, "--json").out)
    assert [(table["name"], table["rows"]) for table in report["tables"]] == [("clienti", 2)]
    assert report["tables"][0]["columns"][0]["custom"] is None
    assert {"oddities", "rules"} <= set(report)
