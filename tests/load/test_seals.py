"""A sign-off holds as long as nothing of what was signed changes; the undo is rehearsed first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.load import seals
from migrator_kit.load.job import scope_of
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.org_state import org_state
from migrator_kit.load.owners import How, Owners
from migrator_kit.load.rehearsal import keep_rehearsal, rehearse, require_rehearsal
from migrator_kit.load.seals import FACTS, read_seal, require_seal, seal_facts, sign_off
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping, ObjectName

KEYS = [("Practice", "P02"), ("Patient", "000001"), ("Treatment Plan", "TP000001"),
        ("Clinical Note", "N000001a"), ("Attachment", "D000001")]  # fmt: skip


@pytest.fixture
def patients() -> int:
    return 3


@pytest.fixture
def engagement(tmp_path: Path) -> Engagement:
    settings = EngagementFile(client="Practice", source=SourceSettings(url="sqlite:///x.db"))
    return Engagement.create(tmp_path / "engagement", settings)


def test_a_sample_is_rehearsed_signed_and_the_seal_breaks_by_name(
    target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any,
    engagement: Engagement, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    scope = scope_of(pd.DataFrame(KEYS, columns=["object", "source_id"]))
    sample = job_of(target, ledger, scope=scope)
    with pytest.raises(GateClosed, match="not rehearsed yet"):
        require_rehearsal(engagement, practice.digest)
    load(sample, "sample-1", kind="sample", state=org_state)
    report, shown = rehearse(sample, "undo-1", undo="sample-1")
    assert report.complete
    assert shown.passed
    keep_rehearsal(engagement, shown)
    assert require_rehearsal(engagement, practice.digest) == shown
    with pytest.raises(GateClosed, match="not rehearsed yet") as closed:
        require_rehearsal(engagement, "another dataset")
    assert (closed.value.exit_code, closed.value.gate) == (3, "rehearsal")

    def facts(job: Any, **changes: Any) -> dict[str, str]:
        given = {"snapshot": "s1", "sample_diff": "d1", "rehearsal": shown.digest, **changes}
        return seal_facts(job, **given)

    job = job_of(target, ledger)
    with pytest.raises(GateClosed, match="Nobody has signed off"):
        require_seal(engagement, facts(job))
    with pytest.raises(GateClosed, match="the rehearsal of the rollback is missing"):
        sign_off(engagement, facts(job, rehearsal=None), by="Dr. One")
    with pytest.raises(ParameterError):
        sign_off(engagement, facts(job), by=" ")
    sign_off(engagement, facts(job), by="Dr. One", note="looked at the diff", ledger=ledger)
    assert require_seal(engagement, facts(job)).by == "Dr. One"
    assert ledger.audit(1).iloc[0]["action"] == "sign-off"
    assert ledger.verify_audit().ok

    values = mapping.object(ObjectName.PLAN).field("Stage")
    assert values is not None
    other_values = _with_field(
        mapping, ObjectName.PLAN, "Stage", values={**values.values, "new": "Qualification"}
    )
    target.client.records.insert("Accounts", [{"Account_Name": "Of no concern"}])
    assert require_seal(engagement, facts(job_of(target, ledger)))
    for changed, told in (
        (facts(job, snapshot="s2"), "the snapshot of the source."),
        (facts(job, sample_diff="d2"), "the comparison of the sample."),
        (facts(job_of(target, ledger, uses=other_values)), "the value maps."),
        (
            facts(job_of(target, ledger, uses=_with_field(
                mapping, ObjectName.PATIENT, "Email", required=True))),
            "the mapping.",
        ),
        (facts(replace(job, owners=another_owner(job.owners))), "who owns what."),
        (
            facts(job, snapshot="s2", rehearsal="x"),
            "the snapshot of the source and the rehearsal of the rollback.",
        ),
    ):  # fmt: skip
        with pytest.raises(GateClosed) as closed:
            require_seal(engagement, changed)
        assert closed.value.message.endswith(f"Changed since: {told}")
    with monkeypatch.context() as other:
        other.setattr(seals, "code_version", lambda: "another program")
        with pytest.raises(GateClosed, match="Changed since: the program"):
            require_seal(engagement, facts(job))
    stage = next(f for f in target.client.metadata.fields("Deals") if f.label == "Treatment Stage")
    target.client.metadata.add_picklist_values("Deals", stage.id, ["somebody's own"])
    with pytest.raises(GateClosed, match="the fields of the org"):
        require_seal(engagement, facts(job_of(target, ledger)))


def another_owner(owners: Owners) -> Owners:
    table = owners.table.copy()
    table.loc[0, ["zoho_user_id", "how"]] = [owners.default.id, How.FILE]
    return Owners(table, owners.default)


def test_a_seal_edited_by_hand_does_not_hold(engagement: Engagement) -> None:
    facts = dict.fromkeys(FACTS, "x")
    sign_off(engagement, facts, by="Dr. One")
    path = engagement.folder / "seal.json"
    for old, new in (("Dr. One", "Dr. Two"), ('"x"', '"y"'), ("{", "")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(GateClosed, match="altered"):
            read_seal(engagement)
        path.write_text(text, encoding="utf-8")
    assert require_seal(engagement, facts).by == "Dr. One"


def test_a_rollback_that_leaves_something_fails_the_rehearsal(
    target: Target, ledger: Ledger, practice: Any, job_of: Any, engagement: Engagement,
    front_desk: Any,
) -> None:  # fmt: skip
    job = job_of(target, ledger)
    with pytest.raises(ParameterError, match="No digest"):
        rehearse(job, "undo-0", undo="sample-0")
    load(job, "sample-1", state=org_state)
    known = ledger.crosswalk("Appointment").set_index("source_id").loc["A000001", "zoho_id"]
    front_desk("Tasks", known, Subject="Moved")
    report, shown = rehearse(job, "undo-1", undo="sample-1")
    assert not shown.passed
    assert shown.held == len(report.held) == 4
    keep_rehearsal(engagement, shown)
    with pytest.raises(GateClosed, match="left 4 records behind"):
        require_rehearsal(engagement, practice.digest)


def _with_field(mapping: Mapping, name: ObjectName, target: str, **changes: Any) -> Mapping:
    objects = []
    for one in mapping.objects:
        fields = tuple(
            row.model_copy(update=changes) if (one.object, row.target) == (name, target) else row
            for row in one.fields
        )
        objects.append(one.model_copy(update={"fields": fields}))
    return mapping.model_copy(update={"objects": tuple(objects)})
