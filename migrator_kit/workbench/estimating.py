"""The part of notebook 01 that looks ahead: what it will take, what Zoho needs, who owns what."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd

from migrator_kit.estimate.estimate import Estimate, make_estimate
from migrator_kit.estimate.figures import figures_of
from migrator_kit.estimate.needs import fields_needed, misfits, room_for_fields, values_needed
from migrator_kit.estimate.tariff import Grade, load_tariff
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.tables import Block, Table, Tables
from migrator_kit.mapping.bindings import OWNER_COLUMNS
from migrator_kit.mapping.decisions import pending
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.objects import opened, quoted, rows_sql
from migrator_kit.source.inventory import Inventory
from migrator_kit.workbench.audit import inventory_of, readable_mapping, source_mapping
from migrator_kit.workbench.session import Session
from migrator_kit.zoho.limits import Limits, limits_for

_OWNER = "Owner"


def estimate_of(session: Session) -> Estimate:
    """Return the estimate of the session's snapshot, made once. Reaches no org.

    Raises ConfigError where the engagement's `tariff.yml` cannot be used.
    """
    if session.estimate is None:
        mapping, found = readable_mapping(session), inventory_of(session)
        tariff, origin = load_tariff(session.engagement)
        wrong = misfits(session.snapshot, mapping, found)
        too_long = int(wrong.loc[wrong["what"] == "too long", "rows"].sum())
        figures = figures_of(session.snapshot, source_mapping(session), found, too_long=too_long)
        rests_on = (
            f"Counts of the snapshot {session.snapshot.snapshot_id}.",
            _mapping_state(session, mapping),
            *_without_files(found),
            f"Prices and days of {origin}.",
        )
        session.estimate = make_estimate(figures, tariff, _limits(session), rests_on=rests_on)
    return session.estimate


def estimate(session: Session) -> Tables:
    """Return grade, time and price with the factors and the lines that they come from."""
    made = estimate_of(session)
    level = Level.GOOD if made.grade in (Grade.A, Grade.B) else Level.DECISION
    grade, time, price = made.lines()
    listed = made.price.table()
    blocks: list[Block] = [
        Findings.of([Finding(level, grade), Finding(Level.GOOD, time), Finding(level, price)]),
        Table(made.grading.table(), "What the grade comes from: A up to 2 points, B 5, C 9, D 15"),
        Table(made.work.table(), "API work of one full load"),
        Table(listed, "What the price comes from", empty="An offer of its own is made."),
        Table(pd.DataFrame({"known or assumed": made.rests_on}), "What this estimate rests on"),
    ]
    return Tables(blocks)


def needs(session: Session) -> Tables:
    """Return what has to be made in Zoho CRM before the load, and what will not fit."""
    mapping = readable_mapping(session)
    if not mapping.objects:
        text = "What Zoho CRM needs is known once there is a mapping for this program."
        return Tables([Findings.of([Finding(Level.DECISION, text)])])
    fields, values = fields_needed(mapping), values_needed(mapping)
    room = room_for_fields(mapping, _limits(session))
    wrong = misfits(session.snapshot, mapping, inventory_of(session))
    found = [
        Finding(
            Level.GOOD if room["fits"].all() else Level.PROBLEM,
            f"{len(fields)} custom fields in {len(room)} modules are made by the load.",
            "" if room["fits"].all() else "A module has no room for them: see below.",
        )
    ]
    if len(values):
        text = f"{len(values)} values of standing picklists are used."
        remedy = "The load adds what is missing, or names the step by hand before anything moves."
        found.append(Finding(Level.GOOD, text, remedy))
    if len(wrong):
        rows = int(wrong["rows"].sum())
        text = f"{rows:,} values in {len(wrong)} fields will not fit as they are."
        remedy = (
            "They are shortened or left out, and each is listed; the mapping can keep them all."
        )
        found.append(Finding(Level.DECISION, text, remedy))
    return Tables(
        [
            Findings.of(found),
            Table(wrong, "What will not fit", empty="Every value fits its field."),
            Table(room, "Room for custom fields", watch=("fits",)),
            Table(fields, "Custom fields", empty="None is needed."),
            Table(values, "Values of standing picklists, stages included", empty="None is used."),
        ]
    )


def owners(session: Session) -> Tables:
    """Return the practice's staff: active or not, e-mail known, how many records they own."""
    table = staff(session)
    if table.empty:
        return Tables([Table(table, empty="The mapping names no staff.")])
    able = int((table["active"] & table["e-mail known"]).sum())
    level = Level.GOOD if able == len(table) else Level.DECISION
    text = f"{able} of {len(table)} staff are active and have an e-mail to be found by in Zoho CRM."
    remedy = "" if able == len(table) else (
        "The records of the others go to the default owner and keep the name; or name a user for "
        "them in owners.yml."
    )  # fmt: skip
    return Tables([Findings.of([Finding(level, text, remedy)]), Table(table)])


def staff(session: Session) -> pd.DataFrame:
    """Return one row for each of the staff: key, name, active, e-mail known, records.

    Empty where the mapping names no staff, or its SELECT does not fit this source.
    """
    names = ["key", "name", "active", "e-mail known", "records"]
    mapping = readable_mapping(session)
    nobody = pd.DataFrame(columns=names)
    if mapping.owners is None:
        return nobody
    with opened(session.snapshot) as connection:
        try:
            query = (
                f"SELECT {', '.join(OWNER_COLUMNS)} FROM ({rows_sql(connection, mapping.owners)})"
            )
            found = connection.execute(query).df()
        except duckdb.Error:
            return nobody
        owned = _owned(connection, mapping)
    found = found.dropna(subset=["owner_key"]).drop_duplicates("owner_key")
    key = found["owner_key"].astype("str")
    return pd.DataFrame(
        {
            "key": key,
            "name": found["name"],
            "active": found["active"].fillna(value=False).astype(bool),
            "e-mail known": found["email"].astype("str").str.contains("@", na=False).astype(bool),
            "records": key.map(owned).fillna(0).astype("int64"),
        }
    ).sort_values(["records", "key"], ascending=[False, True], ignore_index=True)


def ahead(session: Session) -> dict[str, Any]:
    """Return what `audit --json` says of estimate, provisioning and owners."""
    mapping = readable_mapping(session)
    wrong = misfits(session.snapshot, mapping, inventory_of(session))
    staffed = staff(session).rename(columns={"e-mail known": "email_known"})
    return {
        "estimate": estimate_of(session).to_json(),
        "provisioning": {
            "fields": _records(fields_needed(mapping).rename(columns={"promised name": "logical"})),
            "picklist_values": _records(values_needed(mapping)),
            "room": _records(room_for_fields(mapping, _limits(session))),
            "misfits": _records(wrong),
        },
        "owners": _records(staffed),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    kept = frame.astype("object").where(frame.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in kept.to_dict("records")]


def _owned(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> dict[str, int]:
    """Return how many records each of the staff owns, by key, over all objects."""
    counts: dict[str, int] = {}
    for item in mapping.objects:
        row = item.field(_OWNER)
        if row is None or not row.columns:
            continue
        query = (
            f"SELECT CAST({quoted(row.columns[0])} AS VARCHAR) AS owner_key, count(*) "
            f"FROM ({rows_sql(connection, item)}) GROUP BY ALL HAVING owner_key IS NOT NULL"
        )
        for key, rows in connection.execute(query).fetchall():
            counts[str(key)] = counts.get(str(key), 0) + int(rows)
    return counts


def _limits(session: Session) -> Limits:
    return limits_for(session.engagement.settings.target.edition)


def _without_files(found: Inventory) -> tuple[str, ...]:
    if found.attachments.root is not None or not found.attachments.rows:
        return ()
    return (
        "No folder of documents was at hand: each row that names a file counts as one to send, "
        "of unknown size.",
    )


def _mapping_state(session: Session, mapping: Mapping) -> str:
    if not mapping.objects:
        return "No profile fits the source: every table counts as unknown."
    if not session.engagement.mapping_path.exists():
        return f"The default mapping of the profile {mapping.profile}; nothing is confirmed yet."
    waiting = len(pending(session.mapping))
    state = f"{waiting} rows wait for a decision" if waiting else "every row is decided"
    return f"The engagement's mapping.yml; {state}."
