"""Dates and times that cannot be, or that tell less than they seem to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd

from migrator_kit.source.contents import Content, DateOrder, date_of, moment_of
from migrator_kit.source.model import quoted
from migrator_kit.source.naming import joined, words
from migrator_kit.source.profile import ColumnProfile

BIRTH = re.compile(r"birth|^dob$|bdate|geburt|nacimiento|nascita|gennis")
STAMP = re.compile(r"creat|modif|updat|stamp|entry|entered|edit|changed")
_YEARS_OF_LIFE = 120
_YEARS_AHEAD = 10
_FIRST_YEAR = 1980
_QUARTER = timedelta(minutes=15)
_OPEN = re.compile(
    r"^(planned|plan|tp|scheduled|sched|unsched|pending|open|draft|proposed|booked|requested|"
    r"waiting|geplant|offen|entwurf|pendiente|planificad|programad|borrador|pianificat|in attesa|"
    r"aperto|προγραμματ|εκκρεμ|ανοιχτ)"
)
_STATUS = frozenset(("status", "state", "stage", "estado", "stato", "katastasi"))
_FILLERS = ("0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01")

Check = tuple[str, str, str, str]
"""Column, what is odd, why it matters, and the SQL condition on a row."""


def is_time(column: ColumnProfile) -> bool:
    """Whether a column holds dates, with or without a time of day."""
    return column.content in (Content.DATE, Content.DATETIME)


def text_of(column: ColumnProfile) -> str:
    """Return SQL for a column's value as trimmed text."""
    return f"trim(CAST({quoted(column.name)} AS VARCHAR))"


def _day(column: ColumnProfile) -> str:
    return date_of(text_of(column), column.look.date_order or DateOrder.YEAR_FIRST)


def time_checks(column: ColumnProfile, today: date) -> Iterator[Check]:
    """Yield what a single date may be wrong in: impossible, a filler, the future, too old."""
    day, name = _day(column), column.name
    yield (
        name, "date that cannot be read or does not exist",
        "It arrives empty in Zoho CRM unless it is corrected in the source.",
        f"{text_of(column)} <> '' AND {day} IS NULL",
    )  # fmt: skip
    fillers = ", ".join(f"DATE '{each}'" for each in _FILLERS)
    yield (
        name, "filler in place of a date",
        "A date that stands for \"unknown\" makes wrong ages and wrong reminders.",
        f"{day} IN ({fillers})",
    )  # fmt: skip
    plain = joined(name)
    if BIRTH.search(plain) or STAMP.search(plain):
        yield (
            name, "date in the future",
            "What is born or entered lies in the past: the date is mistyped.",
            f"{day} > DATE '{today + timedelta(days=1)}'",
        )  # fmt: skip
    else:
        yield (
            name, f"date more than {_YEARS_AHEAD} years ahead",
            "Such a date is mistyped or means \"for ever\"; reminders wait for it.",
            f"{day} > DATE '{today.replace(day=1, year=today.year + _YEARS_AHEAD)}'",
        )  # fmt: skip
    if BIRTH.search(plain):
        oldest = today.replace(day=1, year=today.year - _YEARS_OF_LIFE)
        yield (
            name, f"born more than {_YEARS_OF_LIFE} years ago",
            "The birth date is mistyped or a filler: it cannot tell patients apart.",
            f"{day} < DATE '{oldest}' AND {day} NOT IN ({fillers})",
        )  # fmt: skip
    if column.look.date_order is DateOrder.UNCLEAR:
        yield (
            name, "day and month cannot be told apart",
            "No value has a day above 12: say which comes first as `day_first:` of the table under "
            "`source: tables:` in engagement.yml.",
            f"{text_of(column)} <> ''",
        )  # fmt: skip


def status_checks(columns: Sequence[ColumnProfile], today: date) -> Iterator[Check]:
    """Yield statuses that say "open" on rows whose latest date is long past."""
    dates = [
        c
        for c in columns
        if is_time(c) and not BIRTH.search(joined(c.name)) and not STAMP.search(joined(c.name))
    ]
    if not dates:
        return
    latest = f"greatest({', '.join(_day(c) for c in dates)})"
    timed = any(c.content is Content.DATETIME for c in dates)
    past, text = (30, "a month") if timed else (365, "a year")
    for column in columns:
        states = [value for value, _ in column.picklist or () if _OPEN.match(value.casefold())]
        if not states or words(column.name)[-1] not in _STATUS:
            continue
        listed = ", ".join("'" + state.replace("'", "''") + "'" for state in states)
        for days, span in ((past, text), (5 * 365, "five years")):
            yield (
                column.name, f"still open, though its latest date is more than {span} past",
                "Taken as it is, it becomes an open task or deal that nobody will ever close.",
                f"{text_of(column)} IN ({listed}) AND {latest} < DATE "
                f"'{today - timedelta(days=days)}'",
            )  # fmt: skip


def clock_changes(zone: ZoneInfo, last_year: int) -> pd.DataFrame:
    """Return the local times that a zone skips (`gap`) or has twice (`overlap`), since 1980.

    Columns: `kind`, `day`, `begins`, `ends` (exclusive). From Python's time zone data (PEP 495).
    """
    rows = []
    day = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    before = day.astimezone(zone).utcoffset()
    while day.year <= last_year:
        day += timedelta(days=1)
        after = day.astimezone(zone).utcoffset()
        if after != before:
            rows += _odd_quarters(zone, day.replace(tzinfo=None) - timedelta(days=2))
        before = after
    frame = pd.DataFrame(rows, columns=["kind", "begins"]).astype({"begins": "datetime64[us]"})
    frame["ends"] = frame["begins"] + _QUARTER
    frame["day"] = frame["begins"].dt.normalize()
    return frame.drop_duplicates(ignore_index=True)


def _odd_quarters(zone: ZoneInfo, begin: datetime) -> list[tuple[str, datetime]]:
    found = []
    for n in range(3 * 96):
        local = begin + n * _QUARTER
        first = local.replace(tzinfo=zone).utcoffset()
        second = local.replace(tzinfo=zone, fold=1).utcoffset()
        if first is not None and second is not None and first != second:
            found.append(("gap" if first < second else "overlap", local))
    return found


def at_clock_changes(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnProfile]
) -> list[tuple[str, str, int]]:
    """Return column, `gap` or `overlap`, and rows: times without an offset at a change of clocks.

    Needs the view `clock_changes` of `clock_changes()`.
    """
    timed = [c for c in columns if c.content is Content.DATETIME]
    if not timed:
        return []
    offset = "'(Z|[+-]\\d{2}:?\\d{2})$'"
    queries = [
        f"SELECT {n} AS number, kind, count(*) FILTER (NOT regexp_matches(text, {offset})) AS rows "
        f"FROM (SELECT {text_of(c)} AS text, "
        f"{moment_of('text', c.look.date_order or DateOrder.YEAR_FIRST)} AS moment "
        f"FROM {quoted(table)}) "
        "JOIN clock_changes ON CAST(moment AS DATE) = CAST(clock_changes.day AS DATE) "
        "AND moment >= begins AND moment < ends GROUP BY ALL HAVING rows > 0"
        for n, c in enumerate(timed)
    ]
    found = connection.execute(f"{' UNION ALL '.join(queries)} ORDER BY 1, 2").fetchall()
    return [(timed[number].name, str(kind), int(rows)) for number, kind, rows in found]
