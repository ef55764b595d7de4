"""The SELECT of an object over its table: its key, what it points to by name, its parents' keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.objects import literal, quoted
from migrator_kit.mapping.propose.found import Found
from migrator_kit.mapping.propose.tables import TableOfObject
from migrator_kit.mapping.propose.words import word_set
from migrator_kit.source.contents import Content
from migrator_kit.source.naming import words
from migrator_kit.source.relations import Relation

_NAMES = word_set("name surname lastname firstname fname lname description title label")
_LOOKUP_COLUMNS = 40


@dataclass
class Draft:
    """A SELECT in the making: expressions by name, joins, and the source columns they use."""

    table: str
    key: str
    taken: set[str]
    given: dict[str, str] = field(default_factory=dict)
    joins: list[str] = field(default_factory=list)

    def give(self, wanted: str, expression: str) -> str:
        """Add an expression and return the name it got, free among the table's own columns."""
        name, number = wanted, 2
        while name.lower() in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name.lower())
        self.given[name] = expression
        return name

    def own(self, column: str) -> str:
        """Return a column of the table as text, blank as null."""
        return f"nullif(trim(CAST(m.{quoted(column)} AS VARCHAR)), '')"

    def reference(self, wanted: str, column: str) -> str:
        """Add the key of a parent record, where 0 means none."""
        return self.give(wanted, f"nullif({self.own(column)}, '0')")

    def titled(self, wanted: str, column: str | None, otherwise: str) -> str:
        """Add a text that is never empty."""
        first = f"{self.own(column)}, " if column else ""
        return self.give(wanted, f"coalesce({first}{literal(otherwise)})")

    def joined(self, relation: Relation, wanted: str, columns: tuple[str, ...]) -> str:
        """Join the table that a column points to and add its names, glued by spaces."""
        alias = f"j{len(self.joins) + 1}"
        to, key = quoted(relation.to_table), quoted(relation.to_columns[0])
        # One row for each key: a join must not double the rows of the object.
        picked = ", ".join(f"any_value({quoted(c)}) AS {quoted(c)}" for c in columns)
        source = f"(SELECT {key}, {picked} FROM {to} GROUP BY {key})"
        mine = f"trim(CAST(m.{quoted(relation.from_columns[0])} AS VARCHAR))"
        self.joins.append(
            f"LEFT JOIN {source} {alias} ON trim(CAST({alias}.{key} AS VARCHAR)) = {mine}"
        )
        parts = ", ".join(
            f"nullif(trim(CAST({alias}.{quoted(c)} AS VARCHAR)), '')" for c in columns
        )
        return self.give(wanted, f"nullif(concat_ws(' ', {parts}), '')")

    def marked(self, wanted: str, columns: dict[str, str]) -> str:
        """Add the list of what the columns that say yes stand for, glued by commas."""
        parts = ", ".join(
            f"CASE WHEN lower(CAST(m.{quoted(column)} AS VARCHAR)) IN ('1', 'true', 't', 'y', "
            f"'yes') THEN {literal(told)} END"
            for column, told in columns.items()
        )
        return self.give(wanted, f"nullif(concat_ws(', ', {parts}), '')")

    def sql(self) -> str:
        """Return the SELECT."""
        told = [f"CAST(m.{quoted(self.key)} AS VARCHAR) AS source_id", "m.*"]
        told += [f"{expression} AS {quoted(name)}" for name, expression in self.given.items()]
        body = ",\n       ".join(told)
        return "\n".join([f"SELECT {body}", f"FROM {quoted(self.table)} m", *self.joins]) + "\n"


def draft_of(found: Found, one: TableOfObject) -> Draft:
    """Return the SELECT of an object's table before anything is joined."""
    columns = {column.name.lower() for column in found.tables[one.table].columns}
    return Draft(one.table, found.key(one.table) or "", columns | {"source_id"})


def parent_columns(
    found: Found, table: str, objects: dict[ObjectName, TableOfObject]
) -> dict[ObjectName, Relation]:
    """Return by which column a table points to the records of other objects, the likeliest each."""
    result: dict[ObjectName, Relation] = {}
    for parent in (ObjectName.PATIENT, ObjectName.PLAN, ObjectName.PRACTICE):
        if parent not in objects or objects[parent].table == table:
            continue
        to = objects[parent].table
        candidates = [r for r in found.references(table).values() if r.to_table == to]
        if candidates:
            same = (found.key(to) or "").lower()
            result[parent] = max(
                candidates, key=lambda r: (r.from_columns[0].lower() == same, r.confidence, r.rows)
            )
    return result


def lookup_name(found: Found, table: str) -> str | None:
    """Return the column of a list (rooms, carriers, types) that names its rows, or None."""
    columns = found.tables[table].columns
    if len(columns) > _LOOKUP_COLUMNS:
        return None
    texts = [c for c in columns if c.filled and c.content in (Content.TEXT, Content.CODE)]
    named = [c for c in texts if _NAMES & set(found.schema.expand(words(c.name)))]
    joined = [c for c in texts if any(c.name.lower().endswith(word) for word in _NAMES)]
    best = max([*named, *joined], key=lambda c: (c.distinct, c.filled), default=None)
    return best.name if best else None


def person_names(found: Found, table: str) -> tuple[str, ...]:
    """Return the columns that name the staff: title, first and last name as far as there are."""
    schema = found.schema
    wanted = (("first", "name"), ("last", "name"), ("full", "name"), ("name",))
    chosen: list[str] = []
    for name in wanted:
        for n, column in enumerate(schema.columns):
            words_left = tuple(w for w in schema.names[n] if w not in found_words(found, table))
            if schema.tables[n] == table and words_left == name and column not in chosen:
                chosen.append(column)
    first = [c for c in chosen if c]
    return tuple(first[:2])


def found_words(found: Found, table: str) -> frozenset[str]:
    """Return the words of a table's name."""
    return frozenset(found.schema.table_words[found.schema.table_names.index(table)])


def email_column(found: Found, table: str) -> str | None:
    """Return the column with the staff's e-mail addresses, or None."""
    columns = found.tables[table].columns
    by_value = [c.name for c in columns if c.content is Content.EMAIL]
    by_name = [c.name for c in columns if "email" in words(c.name)]
    return next(iter([*by_value, *by_name]), None)
