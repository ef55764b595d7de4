"""What a source holds that misleads: broken letters, values in the wrong column, lying statuses.

Every finding is counted over all rows, a table at a time. Findings name places and counts and hold
no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd

from migrator_kit.privacy import DataClass
from migrator_kit.source.contents import MOJIBAKE, Content
from migrator_kit.source.model import quoted
from migrator_kit.source.odd_times import (
    Check,
    at_clock_changes,
    clock_changes,
    is_time,
    status_checks,
    text_of,
    time_checks,
)
from migrator_kit.source.people import folded, patient_columns
from migrator_kit.source.profile import ColumnProfile

COLUMNS = ("table", "column", "what", "rows", "why it matters")

_WRITTEN = (Content.TEXT, Content.LONG_TEXT, Content.RTF, Content.HTML)
_EMAIL = r"[\w.+-]+@[\w-]+\.\w{2,}"
_PHONE = r"(^|[^\d\w])(\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]?\d{4}($|\D)"
_NO_NAMES = frozenset({DataClass.IDENTIFIER, DataClass.CONTACT, DataClass.FREE_TEXT})
_FEWEST_VALUES = 20
_SURE_NAME = 10
_SWAPPED = (
    "first and last name may have changed places",
    "Greeting and search go wrong, and the patient is not recognised as a duplicate.",
)
# A first name that is otherwise a last name, with a last name that is otherwise a first name.
_CHANGED = f"""
    WITH firsts AS (SELECT first AS name FROM names WHERE first <> '' GROUP BY 1
                    HAVING count(*) >= {_SURE_NAME}),
         lasts AS (SELECT last AS name FROM names WHERE last <> '' GROUP BY 1
                   HAVING count(*) >= {_SURE_NAME})
    SELECT count(*) FROM names
    WHERE first IN (FROM lasts) AND first NOT IN (FROM firsts)
      AND last IN (FROM firsts) AND last NOT IN (FROM lasts)
"""
_ELSEWHERE = (
    "name of a patient in a column not meant for it",
    "It names a person where nobody protects it, and may stand for a missing reference.",
)
_CLOCKS = {
    "gap": (
        "time that no clock showed: skipped when summer time began",
        "It is moved by an hour when it gets its offset; the calendar may show the wrong slot.",
    ),
    "overlap": (
        "time that clocks showed twice: when summer time ended",
        "It is taken as the first of the two; it may be an hour off.",
    ),
}


def no_oddities() -> pd.DataFrame:
    """Return findings without a row."""
    return _findings([])


def find_oddities(
    connection: duckdb.DuckDBPyConnection,
    profiles: Mapping[str, Sequence[ColumnProfile]],
    *,
    today: date,
    time_zone: str | None = None,
) -> pd.DataFrame:
    """Return one row a finding: `table`, `column`, `what`, `rows`, `why it matters`.

    `today` is the day the data was taken; without a `time_zone`, changes of clocks are not asked.
    """
    if time_zone is not None:
        changes = clock_changes(ZoneInfo(time_zone), today.year + 2)
        connection.register("clock_changes", changes)
    found: list[tuple[str, str, str, int, str]] = []
    for table, columns in profiles.items():
        checks = [check for column in columns for check in _column_checks(column, today)]
        checks += status_checks(columns, today)
        found += _counted(connection, table, checks)
        if time_zone is not None:
            for column, kind, rows in at_clock_changes(connection, table, columns):
                what, why = _CLOCKS[kind]
                found.append((table, column, what, rows, why))
    found += _misplaced_names(connection, profiles)
    return _findings(found)


def _findings(rows: list[tuple[str, str, str, int, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"rows": "int64"})
    return frame.sort_values(["table", "column", "what"], ignore_index=True)


def _column_checks(column: ColumnProfile, today: date) -> Iterator[Check]:
    if not column.filled:
        return
    if is_time(column):
        yield from time_checks(column, today)
    if column.type != "string" or column.content not in _WRITTEN:
        return
    value = quoted(column.name)
    yield (
        column.name, "letters broken by a wrong encoding",
        "Names and notes arrive as nobody can read them; repaired where the mapping says so.",
        f"regexp_matches({value}, '{MOJIBAKE}')",
    )  # fmt: skip
    if column.data_class is DataClass.CONTACT:
        return
    yield (
        column.name, "e-mail address in a column not meant for it",
        "It is neither found nor protected as contact data, and consent does not reach it.",
        f"contains({value}, '@') AND regexp_matches({value}, '{_EMAIL}')",
    )  # fmt: skip
    yield (
        column.name, "telephone number in a column not meant for it",
        "It is neither found nor protected as contact data, and consent does not reach it.",
        f"regexp_matches({value}, '{_PHONE}')",
    )  # fmt: skip


def _counted(
    connection: duckdb.DuckDBPyConnection, table: str, checks: Sequence[Check]
) -> Iterator[tuple[str, str, str, int, str]]:
    """Count all checks of a table in one pass; yield those that some row meets."""
    if not checks:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {sql})" for *_, sql in checks)
    rows = connection.execute(f"SELECT {counts} FROM {quoted(table)}").fetchall()
    for (column, what, why, _), count in zip(checks, rows[0], strict=True):
        if count:
            yield table, column, what, int(count), why


def _misplaced_names(
    connection: duckdb.DuckDBPyConnection, profiles: Mapping[str, Sequence[ColumnProfile]]
) -> Iterator[tuple[str, str, str, int, str]]:
    """Yield names in the wrong column: both names in one, in each other's, in a column for else."""
    found = patient_columns(profiles)
    if found is None:
        return
    first, last, _ = found
    yield from _counted(connection, first.table, list(_both_in_one(first, last)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE names AS SELECT {folded(first.name)} AS first, "
        f"{folded(last.name)} AS last FROM {quoted(first.table)}"
    )
    changed = _rows(connection, _CHANGED)
    if changed:
        yield first.table, first.name, _SWAPPED[0], changed, _SWAPPED[1]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE full_names AS SELECT DISTINCT "
        "unnest([first || last, last || first]) AS name FROM names "
        "WHERE length(first) > 1 AND length(last) > 1"
    )
    for columns in profiles.values():
        for column in columns:
            if _may_hide_names(column) and column not in (first, last):
                rows = _rows(connection, _full_names(column))
                if rows:
                    yield column.table, column.name, _ELSEWHERE[0], rows, _ELSEWHERE[1]


def _both_in_one(first: ColumnProfile, last: ColumnProfile) -> Iterator[Check]:
    for column, other in ((last, first), (first, last)):
        alone = f"coalesce(trim(CAST({quoted(other.name)} AS VARCHAR)), '') = ''"
        value = text_of(column)
        yield (
            column.name, "first and last name in one column",
            "Greeting and search go wrong, and the patient is not recognised as a duplicate.",
            f"regexp_matches({value}, '^\\pL[\\pL''-]+, *\\pL[\\pL''-]+') "
            f"OR ({alone} AND regexp_matches({value}, '^\\pL[\\pL''-]+ +\\pL[\\pL''-]+'))",
        )  # fmt: skip
        yield (
            column.name, "digits or @ in a name",
            "Something other than a name was entered here: a number, a remark, an address.",
            f"regexp_matches({value}, '[\\d@]')",
        )  # fmt: skip


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    rows = connection.execute(sql).fetchall()
    return int(rows[0][0])


def _may_hide_names(column: ColumnProfile) -> bool:
    generic = column.data_class not in _NO_NAMES and column.content is Content.TEXT
    return generic and column.type == "string" and column.distinct >= _FEWEST_VALUES


def _full_names(column: ColumnProfile) -> str:
    """Return SQL for the rows of a column whose whole value is the name of a patient."""
    return (
        f"SELECT coalesce(sum(rows), 0) FROM (SELECT {quoted(column.name)}, count(*) AS rows "
        f"FROM {quoted(column.table)} GROUP BY 1) "
        f"WHERE {folded(column.name)} IN (SELECT name FROM full_names)"
    )
