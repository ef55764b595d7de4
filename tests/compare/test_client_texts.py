"""What a client reads of the comparison, the verdict and the first page, against golden files."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator_kit.compare.diff import DiffReport, field_diff
from migrator_kit.compare.sides import Scope
from migrator_kit.compare.verdicts import ObjectFacts, judge
from migrator_kit.evidence.findings import Findings
from migrator_kit.evidence.index import LIST_TITLES, write_index
from migrator_kit.evidence.verify import VerifiedPack, verify_text
from migrator_kit.load.audit_log import ChainCheck
from migrator_kit.mapping.model import ObjectName
from migrator_kit.workbench.comparing import diff_findings, outcome_words
from migrator_kit.workbench.reports import status_text
from migrator_kit.workbench.undoing import retry_text, undo_text
from tests.compare.test_diff import PEOPLE, PLANTED, put
from tests.golden import masked, same_as_golden, text_of

GOLDEN = Path(__file__).parent / "snapshots"

FACTS = (
    ObjectFacts("Practice", source=4, created=4, in_zoho=4, compared_fields=14),
    ObjectFacts("Patient", source=1_000, created=990, excluded=6, failed=3, merged=1, in_zoho=990,
                hidden_fields=1, damaged_values=2, worst_field_share=0.002, compared_fields=56),
    ObjectFacts("Treatment Plan", source=100, created=100, in_zoho=100, wrong_links=2,
                lost_links=1),
    ObjectFacts("Appointment", source=500, created=500, in_zoho=499, missing=2, extra=1),
    ObjectFacts("Clinical Note", source=50, created=49, remainder=1, in_zoho=50, duplicates=1),
    ObjectFacts("Attachment", source=40, created=40, in_zoho=40, different_files=1),
    ObjectFacts("Call Log", source=0),
    ObjectFacts("Reminder Rule", source=12, excluded=12, moves=False),
)  # fmt: skip


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory, new_practice) -> DiffReport:
    practice = new_practice(tmp_path_factory.mktemp("texts"))
    for name, source_id, column, change, _, _ in PLANTED:
        frame = practice.landed[ObjectName(name)]
        old = frame.loc[frame["source_id"] == source_id, column].iloc[0]
        put(frame, source_id, column, change(old) if callable(change) else change)
    plans = practice.landed[ObjectName.PLAN]
    practice.landed[ObjectName.PLAN] = plans[plans["source_id"] != "TP000020"]
    practice.landed[ObjectName.PATIENT]["Balance__c"] = None
    practice.hidden.add("Balance__c")
    scope = Scope(people=PEOPLE, files=practice.files())
    return field_diff(
        practice, practice.read_back(), practice.mapping, practice.folder / "diff", scope=scope
    )


def test_the_comparison(damaged: DiffReport) -> None:
    natures = damaged.natures()
    natures["outcome"], levels = outcome_words(natures["verdict"], natures["nature"])
    table = natures[["object", "field", "outcome", "records"]].to_string(index=False)
    marks = "\n".join(f"{levels[words].words}: {words}" for words in sorted(levels))
    text = f"{diff_findings(damaged).text()}\n\n{table}\n\n{marks}"
    same_as_golden(GOLDEN / "comparison.txt", masked(text))


def test_the_verdicts() -> None:
    verdicts = [judge(facts) for facts in FACTS]
    told = "\n".join(f"{one.object}: {one.recommendation}. {one.words}" for one in verdicts)
    observed = [seen for one in verdicts for seen in one.observations]
    box = Findings.from_observations(observed).text()
    same_as_golden(GOLDEN / "verdicts.txt", masked(f"{told}\n\n{box}"))


def test_the_first_page(tmp_path: Path) -> None:
    counts = {"source": 12, "created": 11, "excluded": 1, "module": "Contacts"}
    page = write_index(
        tmp_path / "index.html",
        client="Test practice",
        run_id="20260102-030405-abcd",
        findings=Findings.from_observations(judge(FACTS[0]).observations),
        objects={str(name): counts for name in ObjectName},
        pages=[("Audit", "01_audit.html")],
        lists=[f"lists/{name}" for name in sorted(LIST_TITLES)],
        revealed=True,
    )
    text = text_of(page.read_text(encoding="utf-8"))
    same_as_golden(GOLDEN / "first_page.txt", masked(text))


def test_what_checking_a_pack_says() -> None:
    head = "ab12" * 16
    cases = (
        VerifiedPack((), ChainCheck(True, 1_840, head), head, None),
        VerifiedPack(("lists/excluded.csv",), ChainCheck(True, 1_840, head), head, head),
        VerifiedPack(("lists/audit_log.csv",), ChainCheck(False, 6, head, 7), head, None),
        VerifiedPack(("(the archive itself)",), ChainCheck(False, 0, head), "", None),
    )
    text = "\n\n".join(verify_text(one) for one in cases)
    same_as_golden(GOLDEN / "verify.txt", masked(text))


CAUSE = {
    "records": 1_204, "module": "Contacts", "object": "Patient", "field": "Last_Name",
    "value_class": "text of 51 to 255 characters", "code": "INVALID_DATA", "reason": "too_long",
    "cause": "The text is longer than the field holds.",
    "remedy": "Map it to a longer field, or shorten it with `truncate`.",
}  # fmt: skip
COUNTS = {"source": 1_000, "created": 990, "updated": 0, "matched": 3, "excluded": 6, "merged": 0,
          "failed": 1, "remainder": 0, "module": "Contacts"}  # fmt: skip


def test_what_the_commands_say_where_something_waits() -> None:
    status = {
        "objects": {"Patient": COUNTS, "Reminder Rule": dict.fromkeys(COUNTS, 0) | {"module": ""}},
        "practices": {"north": {"Patient": COUNTS}},
        "gates": {"mapping": {"open": True, "why": ""},
                  "sign-off": {"open": False, "why": "Nobody has signed off yet."}},
        "failures": [CAUSE],
        "cutover_clock": {"freeze_minutes": 31.5, "promised_minutes": 120.0,
                          "changes_per_hour": 12.25, "rows_per_second": 80.0},
    }  # fmt: skip
    tried = {"tried": 7, "cured": 3, "left": 4, "causes": [CAUSE], "failed_list": "failed.csv"}
    undo = {
        "dry_run": False,
        "objects": [{"object": "Patient", "deleted": 990, "restored": 3, "held": 1}],
        "held": [{"object": "Patient", "source_id": "000007", "reason": "edited_since",
                  "changed": "Mobile", "changed_by": "A. Clerk", "remedy": "Ask A. Clerk."}],
        "held_list": "rollback_held.csv",
        "provisioning": {"removed": ["Source System ID"], "held": []},
        "state_before": "ab" * 32, "state_now": "ab" * 32, "as_before": True,
        "in_bin_until": "2026-03-04",
    }  # fmt: skip
    ahead = undo | {"dry_run": True, "state_now": None}
    nothing = undo | {"objects": []}
    told = (status_text(status), retry_text(tried), retry_text({"tried": 0}),
            *map(undo_text, (ahead, undo, nothing)))  # fmt: skip
    same_as_golden(GOLDEN / "commands.txt", masked("\n\n".join(told)))
