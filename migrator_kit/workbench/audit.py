"""Notebook 01: what is in the practice's data, how clean it is, what cannot move."""

from __future__ import annotations

import pandas as pd

from migrator_kit.errors import GateClosed
from migrator_kit.evidence import plots
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.relation_graph import Edge, relation_graph
from migrator_kit.evidence.tables import Block, Table, Tables, facts
from migrator_kit.mapping.bindings import Problem, against_snapshot
from migrator_kit.mapping.files import PROFILES, default_mapping, known_columns
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.mapping.objects import object_rows, rows_sql
from migrator_kit.quality.model import Stage
from migrator_kit.source.documents import AttachmentInventory, list_files
from migrator_kit.source.inventory import Inventory
from migrator_kit.source.inventory import inventory as take_inventory
from migrator_kit.source.rule_reference import write_reference
from migrator_kit.source.rules import Rule, rule_table, rules_from
from migrator_kit.source.snapshot import latest_snapshot, take_snapshot, unread_practices
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.mapping_review import fitting_profile
from migrator_kit.workbench.quality import judge, source_frames
from migrator_kit.workbench.session import Session

_MOST_TABLES = 14
"""Tables in a plot: the ones with the most rows; the others are in the tables below."""
_OF_A_COLUMN = (
    "table", "column", "content", "filled", "distinct", "range", "shapes", "written",
    "data class", "why",
)  # fmt: skip
_MOST_PAIRS = 20
"""Likely duplicates on the page; all of them are in the list."""


def snapshot_summary(session: Session) -> Table:
    """Take a snapshot where there is none yet, and say what it is."""
    try:
        latest_snapshot(session.engagement)
    except GateClosed:
        unread = unread_practices(session.engagement)
        take_snapshot(session.engagement, only=unread, progress=session.progress)
    manifest = session.snapshot.manifest
    return facts(
        "The snapshot",
        client=session.engagement.settings.client,
        source=manifest.source.kind,
        taken=manifest.taken_at.strftime("%Y-%m-%d %H:%M %Z"),
        tables=len(manifest.tables),
        rows=sum(table.rows for table in manifest.tables.values()),
        digest=session.snapshot.digest,
    )


def inventory_of(session: Session) -> Inventory:
    """Return the inventory of the session's snapshot, made once."""
    if session.inventory is None:
        mapping = readable_mapping(session)
        attachments = _rows(session, mapping, ObjectName.ATTACHMENT)
        session.inventory = take_inventory(
            session.snapshot,
            known_columns(default_mapping(mapping.profile))
            if mapping.profile in PROFILES
            else None,
            file_rows=attachments,
            rules=_rules(session, mapping),
            file_limit_mb=session.engagement.settings.target.file_limit_mb,
            time_zone=session.engagement.settings.source.time_zone,
            likely_duplicates=True,
            scored_in=session.engagement.private / "likely_duplicates",
            progress=session.progress,
        )
    return session.inventory


def findings(session: Session) -> Findings:
    """Return the audit in a few sentences."""
    found = inventory_of(session)
    rows = sum(table.rows for table in found.tables_found)
    custom = len(found.custom_columns())
    orphans = sum(r.orphans for r in found.relations_found if not r.false_friend)
    files = found.attachments
    incomplete = [rule.name for rule in found.rules if rule.missing]
    sentences = [
        Finding(Level.GOOD, f"{len(found.tables_found)} tables with {rows:,} rows were read.")
    ]
    sentences += [
        Finding(Level.PROBLEM, f"{problem}.", "Complete the source, or take it out of mapping.yml.")
        for where, problem, _ in _misfits(session)
        if where[-1] == "select"
    ]
    if not source_mapping(session).objects:
        text = "No profile knows this program's tables: every column needs a decision."
        remedy = "Let the tool propose what they become: migrator propose, or notebook 02."
        sentences.append(Finding(Level.DECISION, text, remedy))
    if custom:
        text = f"{custom} columns are this practice's own."
        sentences.append(Finding(Level.DECISION, text, "Decide in the mapping what they become."))
    if orphans:
        text = f"{orphans:,} rows point to a record that does not exist."
        remedy = "Where the missing record is required, they stay behind and are listed."
        sentences.append(Finding(Level.DECISION, text, remedy))
    if found.duplicates.surplus:
        text = f"Patients like another one, by name and birth date: {found.duplicates.surplus:,}."
        remedy = "They are never merged silently; look at them in the practice's program."
        sentences.append(Finding(Level.DECISION, text, remedy))
    if len(found.oddities):
        odd = int(found.oddities["rows"].sum())
        text = f"{odd:,} values are read without an error and cannot be right."
        remedy = "What looks wrong, below, says where, and what they do to the migration."
        sentences.append(Finding(Level.DECISION, text, remedy))
    if files.missing or files.oversize or files.empty:
        text = (
            f"Of {files.rows or 0:,} documents: {files.missing:,} without a file, "
            f"{files.oversize:,} too large, {files.empty:,} empty."
        )
        sentences.append(Finding(Level.DECISION, text, "They are listed, not dropped."))
    if incomplete:
        text = f"{len(incomplete)} of {len(found.rules)} reminder and recall rules are incomplete."
        sentences.append(
            Finding(Level.DECISION, text, "The rebuild reference says what is missing.")
        )
    return Findings.of(sentences)


def tables(session: Session) -> Table:
    """Return one row a table."""
    return Table(inventory_of(session).tables())


def completeness(session: Session) -> plots.Plot:
    """Return the share of filled values of the largest tables' columns."""
    chosen = sorted(inventory_of(session).tables_found, key=lambda t: -t.rows)[:_MOST_TABLES]
    rows = [
        (table.name, column.name, column.filled / column.rows if column.rows else 0.0)
        for table in chosen
        for column in table.columns
    ]
    return plots.completeness(pd.DataFrame(rows, columns=["table", "column", "filled"]))


def records_per_year(session: Session) -> plots.Plot | Table:
    """Return how many records each year has, by the first time column of each main object."""
    frames = []
    mapping = readable_mapping(session)
    with session.snapshot.connect() as connection:
        for name, column in _time_columns(mapping).items():
            frames.append(
                connection.execute(
                    'SELECT ? AS "table", year(try_cast(CAST(t AS VARCHAR) AS TIMESTAMP)) AS year, '
                    f'count(*) AS rows FROM (SELECT "{column}" AS t FROM '
                    f"({rows_sql(connection, mapping.object(name))})) "
                    "WHERE year BETWEEN 1950 AND 2100 GROUP BY ALL ORDER BY year",
                    [str(name)],
                ).df()
            )
    counts = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if counts.empty:
        return Table(counts, empty="No dates were recognised.")
    return plots.per_year(counts)


def columns(session: Session) -> Tables:
    """Return one row a column that holds values, none of a patient's, and name the empty ones.

    Of a schema without any row all columns are shown.
    """
    found = inventory_of(session).columns()
    filled = (found["filled"] > 0) | (not found["filled"].any())
    empty = found[~filled].groupby("table", sort=False)["column"].agg([", ".join, "size"])
    listed = empty.reset_index().set_axis(["table", "without a value", "columns"], axis="columns")
    return Tables(
        [
            _column_table(found[filled]),
            Table(listed, "Columns without any value", empty="Every column holds some."),
        ]
    )


def picklists(session: Session) -> Table:
    """Return the closed lists with their counts, rare values suppressed."""
    return Table(inventory_of(session).picklists(), limit=300)


def custom_columns(session: Session) -> Table:
    """Return the columns of this practice's own."""
    return _column_table(inventory_of(session).custom_columns())


def _column_table(found: pd.DataFrame) -> Table:
    """Return columns for people: what has nothing to say is left out."""
    shown = found.assign(filled=found["filled %"] / 100)[list(_OF_A_COLUMN)]
    told = [name for name in shown if not shown[name].astype("str").eq("").all()]
    return Table(shown[told], empty="There are none.", limit=800, percents=("filled",))


def relations(session: Session) -> Table:
    """Return how tables point to each other, with orphans."""
    return Table(inventory_of(session).relations(), empty="No relation was found.")


def relation_plot(session: Session) -> plots.Plot | Table:
    """Return the tables with their relations and the rows that point to nothing."""
    found = inventory_of(session)
    sizes = {table.name: table.rows for table in found.tables_found}
    edges = [
        Edge(one.from_table, ", ".join(one.from_columns), one.to_table, one.orphans)
        for one in found.relations_found
        if not one.false_friend
    ]
    if not edges:
        return Table(pd.DataFrame(), empty="No relation was found.")
    return relation_graph(edges, sizes)


def oddities(session: Session) -> Table:
    """Return what looks wrong in the values: where, in how many rows, and why it matters."""
    return Table(inventory_of(session).oddities, empty="Nothing looks odd.")


def likely_duplicates(session: Session) -> Tables:
    """List pairs of patients that are likely one person, for a person to look at."""
    found = inventory_of(session).likely_duplicates
    if found is None or found.table is None:
        return Tables([Findings.of([Finding(Level.DECISION, "No table of patients was found.")])])
    write_list(found.pairs, session.list_path("likely_duplicates.csv"))
    text = f"{len(found.pairs):,} pairs of {found.patients:,} patients are likely one person."
    level = Level.DECISION if len(found.pairs) else Level.GOOD
    note = "Record ids. Compared: " + ", ".join(found.columns) + ". Nothing is merged by itself."
    shown = found.pairs.head(_MOST_PAIRS).rename(columns={"like": "like record"})
    remedy = "Decide in the practice's program or after the move." if len(found.pairs) else ""
    return Tables(
        [Findings.of([Finding(level, text, remedy)]),
         Table(shown, note=note, empty="No pair is likely.")]
    )  # fmt: skip


def attachments(session: Session) -> Tables:
    """Return what the files add up to, and how large they are."""
    files = inventory_of(session).attachments
    summary = facts(
        "Files",
        folder_of_documents="found" if files.root else "not found",
        rows_that_name_a_file=files.rows,
        files_found=files.files,
        megabytes=round(files.bytes / 1e6, 1),
        rows_without_a_file=files.missing,
        larger_than_the_limit=files.oversize,
        empty=files.empty,
        not_named_by_any_row=files.unlisted,
    )
    kinds = pd.DataFrame(
        [(kind, n, size / 1e6) for kind, (n, size) in sorted(files.by_extension.items())],
        columns=["kind", "files", "megabytes"],
    )
    blocks: list[Block] = [summary, Table(kinds, empty="No folder of documents was given.")]
    if files.root is not None:
        limit = session.engagement.settings.target.file_limit_mb
        blocks.append(plots.files_by_size(_sizes(files), limit_mb=limit))
    return Tables(blocks)


def _sizes(files: AttachmentInventory) -> pd.DataFrame:
    """Return kind and size of every file, and a row without a size for each that is missing."""
    there = list_files(files.root) if files.root else pd.DataFrame({"path": [], "bytes": []})
    kind = there["path"].astype("str").str.extract(r"\.([^./]{1,10})$", expand=False).str.lower()
    found = pd.DataFrame({"kind": kind.fillna("(none)"), "size": there["bytes"].astype("float64")})
    missing = pd.DataFrame({"kind": ["(none)"] * files.missing, "size": float("nan")})
    return pd.concat([found, missing], ignore_index=True)


def source_quality(session: Session) -> Tables:
    """Judge the source. Raises GateClosed for an unwaived critical failure."""
    frames = source_frames(session, readable_mapping(session))
    return judge(session, Stage.SOURCE, frames)


def rules(session: Session) -> Table:
    """Export the rebuild reference beside this page and list the rules."""
    found = inventory_of(session).rules
    if found:
        write_reference(found, session.list_path("reminders_and_recalls"))
    return Table(rule_table(found), empty="The source has no reminder or recall rules.")


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)


def source_mapping(session: Session) -> Mapping:
    """Return the engagement's mapping, before there is one the profile's.

    Where no profile fits, it has no objects: the audit says what is there all the same.
    """
    if session.engagement.mapping_path.exists():
        return session.mapping
    profile = fitting_profile(session)
    return default_mapping(profile) if profile else Mapping(profile="none", objects=())


def _misfits(session: Session) -> list[Problem]:
    """Return what the mapping names and the snapshot does not have."""
    found = against_snapshot(source_mapping(session), session.snapshot)
    return [problem for problem in found if problem[0][0] == "objects"]


def readable_mapping(session: Session) -> Mapping:
    """Return the mapping without the objects and rows that this snapshot cannot give.

    The audit reads what is there; the mapping review refuses what is not.
    """
    mapping = source_mapping(session)
    places = {place for place, _, _ in _misfits(session)}
    objects = [
        item.model_copy(update={"fields": tuple(
            row for j, row in enumerate(item.fields) if ("objects", i, "fields", j) not in places
        )})
        for i, item in enumerate(mapping.objects)
        if ("objects", i, "select") not in places
    ]  # fmt: skip
    return mapping.model_copy(update={"objects": tuple(objects)})


def _rows(session: Session, mapping: Mapping, name: ObjectName) -> pd.DataFrame | None:
    if name not in {item.object for item in mapping.objects}:
        return None
    return pd.concat(list(object_rows(session.snapshot, mapping, name)), ignore_index=True)


def _rules(session: Session, mapping: Mapping) -> list[Rule]:
    rows = _rows(session, mapping, ObjectName.RULE)
    return [] if rows is None else rules_from(rows)


def _time_columns(mapping: Mapping) -> dict[ObjectName, str]:
    """Return for each object that has one the column of when it happened."""
    found: dict[ObjectName, str] = {}
    for item in mapping.objects:
        if item.landing in (Landing.FIELDS, Landing.REFERENCE):
            continue
        for row in item.fields:
            steps = [step.name for step in row.transform]
            if "datetime" in steps or "note" in steps:
                position = 1 if "note" in steps else 0
                found.setdefault(item.object, row.columns[position])
    return found
