"""What the sample page and the reconciliation page share: scope, summary, differences."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from migrator_kit.compare.diff import DiffReport
from migrator_kit.compare.edited import with_edits
from migrator_kit.compare.mapped import way_of
from migrator_kit.compare.own_files import own_files
from migrator_kit.compare.people import people_of
from migrator_kit.compare.rules import RECORD_VERDICTS, Verdict
from migrator_kit.compare.sides import Scope
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table
from migrator_kit.load.accounts import exclusion_list, failure_list
from migrator_kit.load.delta import gone_from_source
from migrator_kit.load.opening import open_job
from migrator_kit.load.staff_edits import staff_edits
from migrator_kit.mapping.model import ObjectName
from migrator_kit.privacy import DataClass, shape
from migrator_kit.workbench.session import Session


def compare_scope(session: Session, *, keys: pd.DataFrame | None = None) -> Scope:
    """Return what is to be compared: everything that should have arrived, or the sample's keys.

    Records that were excluded or refused are known and listed: they are not missing.
    """
    excluded = exclusion_list(session.ledger, session.shaped)[["object", "source_id"]]
    failed = failure_list(session.ledger, session.mapping)[["object", "source_id"]]
    wanted = None
    if keys is not None:
        wanted = set(keys.loc[keys["object"] == str(ObjectName.ATTACHMENT), "source_id"])
    return Scope(
        keys=None if keys is None else keys[["object", "source_id"]],
        not_moved=pd.concat([excluded, failed]).drop_duplicates(ignore_index=True),
        apart=known_apart(session) if keys is None else None,
        people=people_of(session.owners, session.target.users),
        files=own_files(
            session.shaped,
            session.snapshot.files_root(),
            wanted=wanted,
            progress=session.progress,
        ),
    )


def known_apart(session: Session) -> pd.DataFrame:
    """Return the records that stand in Zoho CRM in an older state than the source has.

    Their source is gone, or a newer version of them waits for a person or was refused.
    """
    with open_job(session.engagement, target=session.target, planning=True) as job:
        gone = gone_from_source(job)[["object", "source_id"]]
    landed = session.ledger.landed("object", "source_id")
    waiting = failure_list(session.ledger, session.mapping)[["object", "source_id"]]
    both = landed.merge(waiting, on=["object", "source_id"])
    return pd.concat([gone, both]).drop_duplicates(ignore_index=True)


def with_people_s_edits(session: Session, report: DiffReport) -> DiffReport:
    """Return the diff with a verdict of its own for values that people changed in Zoho CRM."""

    def look(records: pd.DataFrame) -> pd.DataFrame:
        with open_job(session.engagement, target=session.target, planning=True) as job:
            return staff_edits(job, records)

    return with_edits(report, session.shaped, session.mapping, look)


def edits_table(session: Session, report: DiffReport) -> Table:
    """Return what people changed in Zoho CRM since it arrived; the list is beside the page."""
    edits = report.edits()
    if len(edits):
        write_list(edits, session.list_path("edited_in_zoho.csv"))
    note = (
        "What the migration wrote is known; these values were changed after it by another user. "
        "They stay. A delta compares them with the source by the mapping's policy. Without a name: "
        "the migration wrote the record again later, and left the person's value."
    )
    return Table(
        edits, "Changed in Zoho CRM since, by people", note=note if len(edits) else "",
        empty="Nobody changed a value in Zoho CRM since it arrived.", limit=60,
    )  # fmt: skip


def diff_findings(report: DiffReport) -> Findings:
    """Return in words how many values and records arrived as they should."""
    fields, records = report.fields, report.records
    compared, equal = int(fields["compared"].sum()), int(fields["equal"].sum())
    by_rule, edited = int(fields[Verdict.AFTER_RULE].sum()), int(fields[Verdict.EDITED].sum())
    arrived = f"{equal + by_rule + edited:,} of {compared:,} values arrived as the mapping says."
    found = [Finding(Level.GOOD, arrived)]
    if by_rule:
        text = (
            f"{by_rule:,} of them differ in form only, by a rule that Zoho CRM applies to every "
            f"value of the type; the differences below name it."
        )
        found.append(Finding(Level.GOOD, text))
    if edited:
        text = f"{edited:,} of them were changed in Zoho CRM since, by people."
        found.append(Finding(Level.GOOD, text, "Listed below with who and when; they stay."))
    for verdict, one, many in _DAMAGE_WORDS:
        frame = records if verdict in RECORD_VERDICTS else fields
        if count := int(frame[verdict].sum()):
            text = f"1 {one}." if count == 1 else f"{count:,} {many}."
            found.append(Finding(Level.PROBLEM, text))
    if hidden := int(fields[Verdict.HIDDEN].sum()):
        text = (
            f"{hidden:,} values (fields: {int((fields[Verdict.HIDDEN] > 0).sum())}) are hidden by "
            f"the org's privacy settings: they were sent, and cannot be read back."
        )
        remedy = "Allow the API to read these fields for the time of the check, and run it again."
        found.append(Finding(Level.DECISION, text, remedy))
    return Findings.of(found)


_DAMAGE_WORDS = (
    (Verdict.CHANGED, "value differs in Zoho CRM", "values differ in Zoho CRM"),
    (Verdict.LOST, "value was lost", "values were lost"),
    (Verdict.UNEXPECTED, "value is there that nobody sent", "values are there that nobody sent"),
    (Verdict.MISSING, "record is missing", "records are missing"),
    (Verdict.EXTRA, "record is there that should not be", "records are there that should not be"),
    (Verdict.DUPLICATE, "record is there more than once", "records are there more than once"),
)


def diff_table(session: Session, report: DiffReport, list_name: str) -> Table:
    """Return the diff by object and field, with what became of each field's source.

    The same stands in a list beside the page.
    """
    frame = report.fields.rename(columns=_OUTCOMES)
    pairs = zip(frame["object"], frame["field"], strict=True)
    way = [way_of(session.mapping, ObjectName(name), field) for name, field in pairs]
    frame.insert(3, "way", way)
    write_list(frame, session.list_path(list_name))
    shown = frame.drop(columns="kind").rename(columns={"way": "how it arrives"})
    bad = ("changed", "lost", "unexpected", "record missing")
    return Table(shown, note=_DIFF_NOTE, watch=bad)


_OUTCOMES = {
    Verdict.AFTER_RULE.value: "equal by rule",
    Verdict.CHANGED.value: "changed",
    Verdict.EDITED.value: "edited by people",
    Verdict.MISSING.value: "record missing",
}
_DIFF_NOTE = (
    "Compared: values of records that stand on both sides. Equal: the value that the source and "
    "the step named under “how it arrives” make is the value in Zoho CRM. Equal by rule: differs "
    "in form only, as Zoho CRM writes every value of the type. Changed, lost, unexpected: another "
    "value, no value, a value where none was sent. Edited by people: changed in Zoho CRM after it "
    "had arrived. Hidden: the org does not let it be read."
)


SHAPES = "Patient data stands as its shape: Aa for a word, 9 for a number."


def masked_by_row(frame: pd.DataFrame, columns: Iterable[str], *, reveal: bool) -> pd.DataFrame:
    """Return a frame with patient data in `columns` by its shape: each row names its data class."""
    if reveal:
        return frame
    masked = frame["data_class"].map(lambda one: DataClass(one).is_phi).astype(bool)
    shapes = {name: frame[name].map(shape, na_action="ignore") for name in columns}
    return frame.assign(**{name: frame[name].mask(masked, one) for name, one in shapes.items()})


def outcome_words(verdicts: pd.Series, natures: pd.Series) -> tuple[pd.Series, dict[str, Level]]:
    """Return in words what came of each value, and how each of these words is to be taken."""
    told = [_outcome(Verdict(one), nature) for one, nature in zip(verdicts, natures, strict=True)]
    levels = dict(told)
    return pd.Series([words for words, _ in told], index=verdicts.index, dtype="str"), levels


def _outcome(verdict: Verdict, nature: str) -> tuple[str, Level]:
    match verdict:
        case Verdict.EQUAL:
            return "equal", Level.GOOD
        case Verdict.AFTER_RULE:
            return f"equal by rule: {nature}", Level.GOOD
        case Verdict.EDITED:
            return "edited by a person since", Level.GOOD
        case Verdict.HIDDEN:
            return "hidden by the org: not verified", Level.DECISION
        case Verdict.CHANGED:
            return f"changed: {nature}", Level.PROBLEM
        case Verdict.LOST:
            return "lost: empty in Zoho", Level.PROBLEM
        case Verdict.UNEXPECTED:
            return f"unexpected: {nature}", Level.PROBLEM
        case Verdict.MISSING | Verdict.EXTRA | Verdict.DUPLICATE:
            return f"record {nature}", Level.PROBLEM


def difference_table(session: Session, report: DiffReport, list_name: str) -> Table:
    """Return the differences by kind; the list beside the page names each record, no values."""
    write_list(report.difference_batches(), session.list_path(list_name))
    shown = report.natures()
    shown["outcome"], levels = outcome_words(shown["verdict"], shown["nature"])
    columns = ["object", "field", "outcome", "records"]
    return Table(
        shown[columns], empty="There is no difference.", levels={"outcome": levels},
        note=f"Each record that is not as the mapping says is named in lists/{list_name}; what is "
        "equal by rule differs in form only.",
    )  # fmt: skip


def reasons_in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its reasons as words for a page; lists keep the codes."""
    return frame.assign(reason=frame["reason"].astype("str").str.replace("_", " "))
