"""Tables and columns that are missing or empty: a clear answer, and books that close."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator_kit.demo import new_engagement
from migrator_kit.errors import GateClosed, MappingError
from migrator_kit.load.loader import run_load
from migrator_kit.mapping.decisions import decide
from migrator_kit.sample import generate
from migrator_kit.workbench import audit, estimating, mapping_review, sample_diff
from migrator_kit.workbench.reports import open_session, status_report
from migrator_kit.workbench.session import Session

Opened = Callable[..., Session]


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a small practice."""
    return generate(tmp_path_factory.mktemp("practice"), patients=20, seed=8).database


@pytest.fixture
def opened(practice: Path, tmp_path: Path) -> Opened:
    """A session on an engagement whose source was changed by SQL; its snapshot is taken."""

    def make(*statements: str) -> Session:
        database = Path(shutil.copy(practice, tmp_path / "practice.db"))
        with sqlite3.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        session = open_session(new_engagement(tmp_path / "engagement", str(database)))
        audit.snapshot_summary(session)
        return session

    return make


@pytest.mark.parametrize("table", ["call_logs", "documents"])
def test_a_missing_table_is_named_by_audit_and_mapping(opened: Opened, table: str) -> None:
    session = opened(f"DROP TABLE {table}")
    assert table in audit.findings(session)._repr_html_()
    assert audit.attachments(session)._repr_html_()
    with pytest.raises(MappingError) as caught:
        mapping_review.propose(session)
    assert caught.value.exit_code == 2
    named = [str(finding) for finding in caught.value.findings if table in str(finding)]
    assert named
    assert all(finding.startswith("mapping.yml:") for finding in named)
    assert len([finding for finding in named if finding.partition(": ")[2].startswith(table)]) <= 1
    assert not status_report(session.engagement)["gates"]["mapping"]["open"]


def test_a_missing_column_is_named_with_the_row_that_needs_it(opened: Opened) -> None:
    session = opened("ALTER TABLE clinical_notes DROP COLUMN noted_at")
    assert "Appointment" in audit.records_per_year(session)._repr_html_()
    with pytest.raises(MappingError) as caught:
        mapping_review.propose(session)
    assert any(
        "Clinical Note.Note_Content" in str(finding) and "'noted_at'" in str(finding)
        for finding in caught.value.findings
    )


def test_every_fault_of_a_mapping_is_found_at_once(opened: Opened) -> None:
    session = opened()
    mapping_review.propose(session)
    path = session.engagement.mapping_path
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("- target: Last_Name", "- target: Lastname"),
        ("transform: [text, truncate: {length: 250}]", "transform: [text, trunkate: {length: 9}]"),
        ("truncate: {length: 100}", "truncate: {lenght: 100}"),
        ("columns: opened_on", "columns: open_on"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    session.__dict__.pop("mapping", None)
    with pytest.raises(MappingError) as caught:
        mapping_review.propose(session)
    findings = [str(finding) for finding in caught.value.findings]
    for name in ("'Lastname'", "trunkate", "lenght", "'open_on'"):
        assert any(name in found and found.startswith("mapping.yml:") for found in findings), name


def test_a_column_that_nobody_decided_closes_the_gate(opened: Opened) -> None:
    session = opened("ALTER TABLE patients ADD COLUMN x_shoe_size INTEGER")
    mapping_review.propose(session)
    decide(session.engagement, by="A Person")
    with pytest.raises(GateClosed) as caught:
        mapping_review.gate(session)
    assert "patients.x_shoe_size" in caught.value.message
    assert "mapping.yml" in caught.value.opens_with


def test_an_extract_without_patients_closes_the_quality_gate(opened: Opened) -> None:
    session = opened("DELETE FROM patients")
    with pytest.raises(GateClosed) as caught:
        audit.source_quality(session)
    assert "A practice has patients" in str(caught.value)
    assert "waivers.yml" in caught.value.opens_with


TABLES = (
    "practices", "providers", "patients", "insurance_policies", "treatment_plans", "appointments",
    "call_logs", "clinical_notes", "documents", "reminder_rules", "recall_rules",
)  # fmt: skip


def test_without_patients_everything_else_is_explained(opened: Opened) -> None:
    session = opened("DELETE FROM patients")
    mapping_review.propose(session)
    decide(session.engagement, by="A Person")
    session.__dict__.pop("mapping", None)
    for cell in (sample_diff.shape, sample_diff.provision, sample_diff.choose, sample_diff.load):
        assert cell(session)._repr_html_()
    sample_diff.diff(session)
    assert sample_diff.quiet(session)._repr_html_()
    assert sample_diff.rehearse(session)._repr_html_()
    sample_diff.verdict(session)
    run_load(session.engagement, None, session.run_id)
    objects = status_report(session.engagement)["objects"]
    assert objects["Practice"]["created"] == objects["Practice"]["source"] > 0
    assert objects["Appointment"]["excluded"] == objects["Appointment"]["source"] > 0
    for counts in objects.values():
        assert (counts["remainder"], counts["failed"]) == (0, 0)


def test_a_source_without_any_row_is_audited_and_shaped(opened: Opened) -> None:
    session = opened(*(f"DELETE FROM {table}" for table in TABLES))
    cells = (
        audit.findings, audit.tables, audit.records_per_year, audit.completeness, audit.columns,
        audit.picklists, audit.custom_columns, audit.relations, audit.relation_plot,
        audit.attachments, audit.rules, audit.inputs, estimating.estimate, estimating.needs,
        estimating.owners,
    )  # fmt: skip
    for cell in cells:
        assert cell(session)._repr_html_()
    mapping_review.propose(session)
    decide(session.engagement, by="A Person")
    session.__dict__.pop("mapping", None)
    assert sample_diff.shape(session)._repr_html_()
    objects = status_report(session.engagement)["objects"]
    assert {counts["source"] for counts in objects.values()} == {0}
