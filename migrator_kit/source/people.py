"""The patient table of a source it has never seen: which column holds what, folded for comparison.

Columns are recognised by name where a word is telling, else by what they hold. Values are folded:
no case, no accents, no signs; a value that many patients share (a placeholder) counts as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from migrator_kit.privacy import DataClass
from migrator_kit.source.contents import Content, DateOrder, date_of
from migrator_kit.source.model import quoted
from migrator_kit.source.naming import joined, singular
from migrator_kit.source.profile import ColumnProfile

_FIRST = ("firstname", "fname", "givenname", "forename", "vorname", "nombre", "onoma", "first")
_LAST = ("lastname", "lname", "surname", "familyname", "nachname", "apellidos", "eponymo", "last")
_BIRTH = ("birthdate", "birth", "dateofbirth", "dob", "bdate", "birthday", "geburtsdatum")
_STREET = re.compile(
    r"^(home|res)?(street|address|addr|strasse|direcc|indirizzo|dieyth|dieft|odos)"
)
_ZIP = re.compile(r"^(home|res)?(zip|postcode|postal|plz|cap$|tk$)")
_PHONE = re.compile(r"phone|mobile|cell|wireless|telef|^tel$|thlef|tilef|kinit")
_NO_HOME = re.compile(r"mail|fax|web|work|note")
_DATES = (Content.DATE, Content.DATETIME, Content.EMPTY)
_DIGITS = (Content.INTEGER, Content.CODE)
_MOST_NUMBERS = 2
_MOST_PHONES = 3
_LEAST_FILLED = 0.1
_OWN_VALUES = 0.4
_SHARED_BY_MOST = 20
_SHARED_SHARE = 0.002


@dataclass(frozen=True, slots=True)
class PeopleColumns:
    """Which columns of the patient table hold what."""

    table: str
    key: str | None
    first: ColumnProfile
    last: ColumnProfile
    birth: ColumnProfile
    numbers: tuple[str, ...] = ()
    """Numbers that most patients have for themselves: insurance, social security, old card."""
    phones: tuple[str, ...] = ()
    email: str | None = None
    street: tuple[str, ...] = ()
    zip: str | None = None

    @property
    def number_roles(self) -> tuple[str, ...]:
        """Names of the numbers in the table that is compared."""
        return tuple(f"number{n}" for n in range(1, len(self.numbers) + 1))

    @property
    def phone_roles(self) -> tuple[str, ...]:
        """Names of the phone numbers in the table that is compared."""
        return tuple(f"phone{n}" for n in range(1, len(self.phones) + 1))

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Name in the table that is compared, and name in the source."""
        pairs = [("first", self.first.name), ("last", self.last.name), ("birth", self.birth.name)]
        pairs += zip(self.number_roles, self.numbers, strict=True)
        pairs += zip(self.phone_roles, self.phones, strict=True)
        pairs += [("email", self.email)] if self.email else []
        pairs += [("street", " + ".join(self.street))] if self.street else []
        pairs += [("zip", self.zip)] if self.zip else []
        return tuple(pairs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the compared columns in the source."""
        return tuple(name for _, name in self.compared)


def patient_columns(
    profiles: Mapping[str, Sequence[ColumnProfile]],
) -> tuple[ColumnProfile, ColumnProfile, ColumnProfile] | None:
    """Return first name, last name and birth date of the table that holds the most people."""
    candidates = []
    for table, columns in profiles.items():
        first, last = _named(columns, _FIRST), _named(columns, _LAST)
        birth = _named([c for c in columns if c.content in _DATES], _BIRTH)
        if first and last and birth:
            candidates.append(("pat" in singular(table), first.rows, (first, last, birth)))
    best = max(candidates, key=lambda found: found[:2], default=None)
    return best[2] if best else None


def people_columns(
    profiles: Mapping[str, Sequence[ColumnProfile]], keys: Mapping[str, tuple[str, ...]]
) -> PeopleColumns | None:
    """Return what the columns of the patient table hold; None where no such table is found."""
    found = patient_columns(profiles)
    if found is None:
        return None
    first, last, birth = found
    table = first.table
    key = keys.get(table, ())
    # A column that few patients have is no help, and the key tells records apart, not people.
    rest = [
        c
        for c in profiles[table]
        if c not in found and c.name not in key and c.filled >= _LEAST_FILLED * c.rows
    ]
    home = [c for c in rest if not _NO_HOME.search(joined(c.name))]
    emails = [c.name for c in rest if c.content is Content.EMAIL]
    zips = [c.name for c in home if _ZIP.search(joined(c.name))]
    numbers = [c.name for c in home if _is_own_number(c)][:_MOST_NUMBERS]
    phones = [c.name for c in home if _is_phone(c) and c.name not in numbers][:_MOST_PHONES]
    streets = [c.name for c in home if _STREET.search(joined(c.name)) and c.name not in phones]
    return PeopleColumns(
        table=table,
        key=key[0] if len(key) == 1 else None,
        first=first,
        last=last,
        birth=birth,
        numbers=tuple(numbers),
        phones=tuple(phones),
        email=emails[0] if emails else None,
        street=tuple(name for name in streets if name not in numbers),
        zip=zips[0] if zips else None,
    )


def _named(columns: Sequence[ColumnProfile], names: tuple[str, ...]) -> ColumnProfile | None:
    spoken = {joined(column.name): column for column in columns}
    return next((spoken[name] for name in names if name in spoken), None)


def _is_own_number(column: ColumnProfile) -> bool:
    """Whether most patients have a number of their own here, and some share one."""
    digits = column.content in _DIGITS or column.look.personal_numbers > 0.5
    owned = _OWN_VALUES * column.filled <= column.distinct < column.filled
    name = joined(column.name)
    shared = _is_phone(column) or _ZIP.search(name) or _STREET.search(name)
    return digits and owned and not shared and 5 <= (column.max_length or 0) <= 20


def _is_phone(column: ColumnProfile) -> bool:
    if column.content is Content.PHONE:
        return column.look.personal_numbers < 0.5
    named = _PHONE.search(joined(column.name)) is not None
    return named and column.data_class is DataClass.CONTACT and (column.max_length or 0) >= 7


def folded(column: str) -> str:
    """Return SQL for a text without case, accents, spaces and signs; '' for null."""
    text = f"strip_accents(lower(coalesce(CAST({quoted(column)} AS VARCHAR), '')))"
    return f"regexp_replace({text}, '[^\\p{{L}}]+', '', 'g')"


def create_people(connection: duckdb.DuckDBPyConnection, columns: PeopleColumns) -> int:
    """Make the table `people`, one row a patient, and return how many there are.

    Columns: `place`, `record`, `first`, `last`, `names` (both, in either order), `birth` (eight
    digits), `number<n>`, `phone<n>`, `phones` (all of them), `email`, `street`, `zip`.
    """
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT count(*) FROM {quoted(columns.table)}"
    ).fetchall()
    patients = int(rows[0][0])
    held = {
        "first": f"nullif({folded(columns.first.name)}, '')",
        "last": f"nullif({folded(columns.last.name)}, '')",
        "birth": _birth(columns.birth),
        **{role: _digits(name, 20) for role, name in _roles(columns.number_roles, columns.numbers)},
        **{role: _digits(name, 9) for role, name in _roles(columns.phone_roles, columns.phones)},
    }
    if columns.email:
        held["email"] = f"nullif(lower(trim(CAST({quoted(columns.email)} AS VARCHAR))), '')"
    if columns.street:
        parts = ", ".join(_street(name) for name in columns.street)
        held["street"] = f"nullif(concat_ws(' ', {parts}), '')"
    if columns.zip:
        held["zip"] = f"nullif(upper(trim(CAST({quoted(columns.zip)} AS VARCHAR))), '')"
    record = f"CAST({quoted(columns.key)} AS VARCHAR)" if columns.key else "'row ' || place"
    picked = ", ".join(f"{sql} AS {role}" for role, sql in held.items())
    most = max(_SHARED_BY_MOST, int(_SHARED_SHARE * patients))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE folded_people AS SELECT place, {record} AS record, {picked} "
        f"FROM (SELECT *, row_number() OVER () AS place FROM {quoted(columns.table)})"
    )
    kept = [role for role in held if role not in ("first", "last", "zip")]
    for role in kept:
        connection.execute(
            f"UPDATE folded_people SET {role} = NULL WHERE {role} IN (SELECT {role} FROM "
            f"folded_people WHERE {role} IS NOT NULL GROUP BY {role} HAVING count(*) > {most})"
        )
    phones = ", ".join(columns.phone_roles)
    listed = f"list_filter([{phones}], lambda x: x IS NOT NULL)" if phones else "NULL"
    connection.execute(
        "CREATE OR REPLACE TABLE people AS SELECT *, "
        f"{f'CASE WHEN len({listed}) > 0 THEN {listed} END AS phones, ' if phones else ''}"
        "least(first, last) || ' ' || greatest(first, last) AS names FROM folded_people"
    )
    connection.execute("DROP TABLE folded_people")
    return patients


def _roles(roles: tuple[str, ...], names: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(roles, names, strict=True))


def _birth(column: ColumnProfile) -> str:
    """Return SQL for a birth date as eight digits; of an impossible one the digits it has."""
    text = f"trim(CAST({quoted(column.name)} AS VARCHAR))"
    day = date_of(text, column.look.date_order or DateOrder.YEAR_FIRST)
    digits = f"regexp_replace(regexp_extract({text}, '^[0-9./-]+'), '[^0-9]', '', 'g')"
    eight = f"CASE WHEN len({digits}) = 8 AND {digits} <> '00000000' THEN {digits} END"
    return f"coalesce(strftime({day}, '%Y%m%d'), {eight})"


def _digits(column: str, last: int) -> str:
    """Return SQL for the last digits of a number; null where there are fewer than five."""
    digits = f"regexp_replace(CAST({quoted(column)} AS VARCHAR), '[^0-9]', '', 'g')"
    return f"CASE WHEN len({digits}) >= 5 THEN right({digits}, {last}) END"


def _street(column: str) -> str:
    text = f"strip_accents(lower(trim(CAST({quoted(column)} AS VARCHAR))))"
    return f"nullif(regexp_replace({text}, '[^\\p{{L}}\\p{{N}}]+', ' ', 'g'), '')"
