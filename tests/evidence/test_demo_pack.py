"""The pack of a finished demo: what it refuses, what it tells apart, how long the scan takes."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import sqlite3
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.cli import main
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.errors import EvidenceError
from migrator_kit.evidence import pdf
from migrator_kit.evidence.pack import AUDIT_LOG, MANIFEST, MANIFEST_DIGEST, write_pack
from migrator_kit.evidence.patient_values import patient_values
from migrator_kit.evidence.scan import ordinary_words, scan
from migrator_kit.evidence.verify import verify_pack
from migrator_kit.mapping.files import default_mapping
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench.packing import data_classes, pack_evidence

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ENDS = {MANIFEST, MANIFEST_DIGEST}


@pytest.fixture
def engagement(demo: Any, tmp_path: Path) -> Engagement:
    """A copy of the finished demo: a test may change what it likes."""
    return Engagement.open(shutil.copytree(demo.kept, tmp_path / "engagement", symlinks=True))


@pytest.fixture(scope="module")
def pack(demo: Any) -> Path:
    """The pack that the demo made."""
    (found,) = demo.kept.glob("runs/*/evidence.zip")
    return Path(found)


@pytest.fixture(scope="module")
def members(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of the pack, unpacked."""
    folder = tmp_path_factory.mktemp("members")
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder)
        return {name: folder / name for name in archive.namelist()}


@pytest.fixture(scope="module")
def patient(demo: Any) -> str:
    """The full name of a patient, made of words that are rare."""
    with sqlite3.connect(demo.kept / "practice" / "practice.db") as source:
        first, last = source.execute(
            "SELECT first_name, last_name FROM patients WHERE length(first_name) > 4 "
            "AND length(last_name) > 6 AND first_name NOT LIKE '% %' AND last_name NOT LIKE '% %'"
        ).fetchone()
    return f"{first} {last}"


def run_of(engagement: Engagement) -> Path:
    """Return the folder of the run that made the pages of the first load."""
    return sorted(engagement.runs.glob("*/01_audit.ipynb"))[0].parent


def edit(notebook: Path, change: Any) -> None:
    tree = json.loads(notebook.read_text(encoding="utf-8"))
    change(tree)
    notebook.write_text(json.dumps(tree), encoding="utf-8")


def test_the_same_run_packs_to_the_same_bytes(
    engagement: Engagement, pack: Path, tmp_path: Path
) -> None:
    again = pack_evidence(engagement, to=tmp_path / "again.zip", with_pdf=False)
    assert again.path.read_bytes() == pack.read_bytes()
    assert again.digest == verify_pack(pack).digest


def test_a_name_planted_anywhere_refuses_the_pack_and_names_each_place(
    engagement: Engagement, patient: str, tmp_path: Path
) -> None:
    run = run_of(engagement)
    page = run / "05_reconcile.html"
    drawn = f"<text>Visits of {patient} per year</text></svg>"
    page.write_text(page.read_text(encoding="utf-8").replace("</svg>", drawn, 1), encoding="utf-8")
    logged = {"output_type": "stream", "name": "stderr", "text": [f"INFO {patient.upper()}\n"]}
    edit(run / "03_sample_diff.ipynb", lambda tree: tree["cells"][2]["outputs"].append(logged))
    edit(
        run / "02_mapping_review.ipynb",
        lambda tree: tree["metadata"]["papermill"]["parameters"].update(who=patient),
    )
    (run / "lists" / "note.csv").write_text(f"source_id,why\n000001,{patient}\n")
    places = [
        "05_reconcile.html, line ", "notebooks/03_sample_diff.ipynb, cells[2].outputs",
        "notebooks/02_mapping_review.ipynb, metadata.papermill.parameters.who",
        "lists/note.csv, line 2",
    ]  # fmt: skip
    if pdf.browser():
        letter = tmp_path / "letter.html"
        letter.write_text(f"<p style='break-after:page'>One</p><p>{patient}</p>")
        pdf.print_pdf(letter, run / "lists" / "letter.pdf")
        places.append("lists/letter.pdf, page 2")
    to = tmp_path / "refused.zip"
    with pytest.raises(EvidenceError) as refused:
        pack_evidence(engagement, to=to, with_pdf=False)
    told = str(refused.value)
    assert f"stands in {len(places)} places" in told
    assert [place for place in places if place not in told] == []
    assert not {word for word in patient.split() if word.casefold() in told.casefold()}
    assert not to.exists()


def test_patient_data_shown_on_request_is_said_on_the_cover(
    engagement: Engagement, tmp_path: Path
) -> None:
    edit(
        run_of(engagement) / "01_audit.ipynb",
        lambda tree: tree["metadata"]["papermill"]["parameters"].update(reveal=True),
    )
    with pytest.raises(EvidenceError, match="01_audit"):
        pack_evidence(engagement, to=tmp_path / "refused.zip", with_pdf=False)
    packed = pack_evidence(engagement, to=tmp_path / "e.zip", with_pdf=False, revealed=True)
    with zipfile.ZipFile(packed.path) as archive:
        cover = archive.read("index.html").decode()
        manifest = json.loads(archive.read(MANIFEST))
    assert "Patient data is shown readably here, as was asked for." in cover
    assert manifest["patient_data_shown"] == ["01_audit"]


def test_a_flipped_byte_of_any_file_names_that_file(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = bytearray(pack.read_bytes())
    chance = random.Random(3)
    flipped = tmp_path / "flipped.zip"
    with zipfile.ZipFile(pack) as archive:
        entries = archive.infolist()
    assert len(entries) > 50
    for number, entry in enumerate(entries):
        head = entry.header_offset
        names, extra = whole[head + 26 : head + 28], whole[head + 28 : head + 30]
        begins = head + 30 + int.from_bytes(names, "little") + int.from_bytes(extra, "little")
        place = begins + chance.randrange(entry.file_size)
        whole[place] ^= 1 << (number % 8)
        flipped.write_bytes(whole)
        whole[place] ^= 1 << (number % 8)
        checked = verify_pack(flipped)
        assert not checked.ok
        if entry.filename in ENDS:
            assert checked.altered[0] == entry.filename
            assert len(set(checked.altered) - ENDS) <= 2, "a manifest that was altered names others"
        else:
            assert checked.altered == (entry.filename,)
    whole[place] ^= 1
    flipped.write_bytes(whole)
    assert main(["verify", str(flipped)]) == 1
    assert f"{verify_pack(flipped).altered[0]}: altered" in capsys.readouterr().out


@pytest.mark.parametrize("row", [1, 200, -1])
def test_a_row_taken_out_of_the_log_is_named_though_everything_else_was_forged(
    members: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], row: int
) -> None:
    facts = json.loads(members[MANIFEST].read_text(encoding="utf-8"))
    rows = list(csv.reader(io.StringIO(members[AUDIT_LOG].read_text(encoding="utf-8-sig"))))
    number = row if row > 0 else len(rows) - 1
    del rows[number]
    log = tmp_path / "audit_log.csv"
    with log.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    files = {name: path for name, path in members.items() if name not in ENDS}
    told = {name: value for name, value in facts.items() if name not in ("files", "version")}
    forged = write_pack(tmp_path / "forged.zip", files | {AUDIT_LOG: log}, told)
    assert main(["verify", str(forged.path)]) == 1
    assert f"broken at row {number:,}." in capsys.readouterr().out


def test_ten_thousand_values_are_looked_for_in_under_half_a_minute(
    members: dict[str, Path], tmp_path: Path
) -> None:
    """Counted in seconds of the processor: what else the machine does is of no account."""
    large = generate(tmp_path / "practice", patients=450, seed=9)
    snapshot = take_snapshot(new_engagement(tmp_path / "e", str(large.database)))
    classes = data_classes(snapshot, default_mapping("dent_o_soft"))
    values = patient_values(snapshot, classes, ordinary_words(snapshot, classes))
    assert values.values >= 10_000
    begun = time.process_time()
    scan(members, values)
    seconds = time.process_time() - begun
    size = sum(path.stat().st_size for path in members.values()) / 1e6
    print(f"{values.values:,} values in {size:.1f} MB: {seconds:.1f} seconds")
    assert seconds < 30
