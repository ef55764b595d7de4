"""Turns a parsed COQL query into SQL over the stored records, or refuses it with reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrator_kit.emulator import find
from migrator_kit.emulator.clock import parse_date, parse_instant
from migrator_kit.emulator.coql_parser import Both, Column, Compare, CoqlError, Literal, Query
from migrator_kit.emulator.schema import PARENT_MODULES, Field, Module, Schema, table_of

MOST_CRITERIA = 25
MOST_COLUMNS = 500
MOST_JOINS = 2
_EQUAL = ("=", "!=", "in", "not in", "is null", "is not null")
_RANGE = (*_EQUAL, "<", "<=", ">", ">=", "between", "not between")
_TEXT = (*_EQUAL, "like", "not like")
OPERATORS: dict[str, tuple[str, ...]] = {
    "integer": _RANGE,
    "bigint": _RANGE,
    "double": _RANGE,
    "currency": _RANGE,
    "percent": _RANGE,
    "date": _RANGE,
    "datetime": _RANGE,
    "boolean": ("=", "!=", "in", "not in", "is null", "is not null"),
    "lookup": _EQUAL,
    "ownerlookup": _EQUAL,
    "userlookup": _EQUAL,
}
UNSUPPORTED_TYPES = frozenset(
    {"multiselectlookup", "multiuserlookup", "fileupload", "imageupload", "participants"}
    | {"event_reminder", "ALARM", "RRULE", "tag"}
)
_NUMBERS = frozenset({"integer", "double", "currency", "percent"})
_ID = Field(id="0", api_name="id", label="Record Id", data_type="bigint", length=18)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's value comes from: its field and SQL expression."""

    field: Field
    sql: str
    direct: bool


@dataclass(slots=True)
class Plan:
    """The SQL of a query. `extra` are the selected columns that need a join or an aggregate."""

    module: Module
    select: list[str]
    joins: list[str]
    where: str
    values: list[Any]
    group: str = ""
    order: str = ""
    extra: list[tuple[str, Field]] = field(default_factory=list)
    indexes: list[tuple[str, str]] = field(default_factory=list)


class Planner:
    """Plans one query against a schema."""

    def __init__(self, schema: Schema, query: Query, in_values: int) -> None:
        self._schema = schema
        self._query = query
        self._in_values = in_values
        self._joins: dict[tuple[str, ...], tuple[str, Module | None]] = {}
        self._join_sql: list[str] = []
        self._criteria = 0
        self.module = self._find_module(query.module)
        self._plan = Plan(self.module, [], self._join_sql, "", [])

    def plan(self) -> Plan:
        """The whole plan. Raises CoqlError."""
        self._check_columns()
        plan, query = self._plan, self._query
        plan.where = self._condition(query.where)
        for column in query.columns:
            self._select(column)
        places = [self.place(column) for column in query.group_by]
        plan.group = ", ".join(place.sql for place in places)
        orders = [
            f"{self.place(column).sql}{' DESC' if down else ''}" for column, down in query.order_by
        ]
        if not plan.group and not any(column.aggregate for column in query.columns):
            orders.append("t.id")
        plan.order = ", ".join(orders)
        return plan

    def _find_module(self, name: str) -> Module:
        for module in self._schema.values():
            if module.api_name.lower() == name.lower():
                if module.api_name in ("Notes", "Attachments"):
                    raise CoqlError("INVALID_QUERY", "module not supported in COQL", module=name)
                return module
        raise CoqlError("INVALID_MODULE", "the module name given seems to be invalid", module=name)

    def _check_columns(self) -> None:
        columns = self._query.columns
        if len(columns) > MOST_COLUMNS:
            raise CoqlError(
                "LIMIT_EXCEEDED", "too many select columns", limit=MOST_COLUMNS, clause="select"
            )
        keys = [column.key for column in columns]
        paths = [(column.aggregate, column.path) for column in columns]
        if len(set(paths)) < len(paths):
            twin = next(c.key for c, p in zip(columns, paths, strict=True) if paths.count(p) > 1)
            raise CoqlError("DUPLICATE_DATA", "duplicate select column", column_name=twin)
        if len(set(keys)) < len(keys):
            raise CoqlError("DUPLICATE_ALIAS", "duplicate alias")
        grouped = bool(self._query.group_by) or any(column.aggregate for column in columns)
        if grouped:
            group = {column.path for column in self._query.group_by}
            for column in columns:
                if column.aggregate is None and column.path not in group:
                    raise CoqlError(
                        "INVALID_QUERY",
                        "column is neither aggregated nor grouped",
                        column_name=column.key,
                        clause="group by",
                    )

    def _select(self, column: Column) -> None:
        if column.aggregate is not None:
            if column.path == ("*",):
                sql, kind = "t.id", _ID
            else:
                place = self.place(column)
                sql, kind = place.sql, place.field
            if column.aggregate in ("SUM", "AVG") and kind.data_type not in _NUMBERS:
                raise _invalid_column(column, "aggregate needs a number", column.aggregate)
            self._plan.select.append(f"{column.aggregate}({sql})")
            shown = kind if column.aggregate in ("MIN", "MAX") else _COUNTED
            self._plan.extra.append((column.key, shown))
            return
        place = self.place(column)
        if not place.direct or self._query.group_by or column.alias:
            self._plan.select.append(place.sql)
            self._plan.extra.append((column.key, place.field))

    def place(self, column: Column) -> Place:
        """The field and expression of a column. Raises CoqlError INVALID_QUERY."""
        module: Module | None = self.module
        path = column.path
        if len(path) > 1 and path[0] == self.module.api_name:
            path = path[1:]
        alias = "t"
        for depth, name in enumerate(path[:-1]):
            alias, module = self._join(column, path[: depth + 1], alias, module, name)
        name = path[-1]
        if module is None:
            if name in _USER_FIELDS:
                return Place(_USER_FIELDS[name], find.expression(name, alias), direct=False)
            raise _invalid_column(column, "column given seems to be invalid")
        direct = len(path) == 1
        if name == "id":
            return Place(_ID, f"{alias}.id", direct)
        if name == "$se_module" and module.activity:
            return Place(_SE_MODULE, find.expression(name, alias), direct=False)
        found = module.fields.get(name)
        if found is None:
            raise _invalid_column(column, "column given seems to be invalid")
        if found.data_type in UNSUPPORTED_TYPES:
            raise _invalid_column(column, "data type is not supported")
        return Place(found, find.expression(name, alias), direct)

    def _join(
        self, column: Column, path: tuple[str, ...], alias: str, module: Module | None, name: str
    ) -> tuple[str, Module | None]:
        known = self._joins.get(path)
        if known is not None:
            return known
        name, _, chosen = name.partition("->")
        link = module.fields.get(name) if module is not None else None
        if link is None or link.data_type not in ("lookup", "ownerlookup", "userlookup"):
            raise _invalid_column(column, "column given seems to be invalid")
        if len(self._joins) >= MOST_JOINS:
            raise CoqlError("LIMIT_EXCEEDED", "more than two joins", limit=MOST_JOINS)
        joined = f"j{len(self._joins)}"
        if link.lookup is None:
            table, target = "person", None
        else:
            wanted = chosen if link.lookup == PARENT_MODULES else link.lookup
            if wanted not in self._schema:
                raise _invalid_column(column, "column given seems to be invalid")
            table, target = table_of(wanted), self._schema[wanted]
        key = find.expression(name, alias)
        self._join_sql.append(f"LEFT JOIN {table} {joined} ON {joined}.id = CAST({key} AS INTEGER)")
        self._joins[path] = joined, target
        return joined, target

    def _condition(self, node: Compare | Both) -> str:
        if isinstance(node, Both):
            left, right = self._condition(node.left), self._condition(node.right)
            return f"({left} {node.operator.upper()} {right})"
        self._criteria += 1
        if self._criteria > MOST_CRITERIA:
            raise CoqlError(
                "LIMIT_EXCEEDED", "too many criteria", limit=MOST_CRITERIA, clause="where"
            )
        return self._compare(node)

    def _compare(self, node: Compare) -> str:
        place = self.place(node.column)
        allowed = OPERATORS.get(place.field.data_type, _TEXT)
        if node.operator not in allowed:
            raise _invalid_column(node.column, "invalid operator found", node.operator)
        if len(node.values) > self._in_values and node.operator in ("in", "not in"):
            raise CoqlError(
                "LIMIT_EXCEEDED",
                "too many values for the in comparator",
                limit=self._in_values,
                column_name=node.column.key,
            )
        if node.operator in ("is null", "is not null"):
            return f"{place.sql} {node.operator.upper()}"
        return self._valued(node, place)

    def _valued(self, node: Compare, place: Place) -> str:
        sql, operator = place.sql, node.operator
        kind = place.field.data_type
        if operator.endswith("like"):
            pattern = _pattern(node)
            self._plan.values.append(pattern)
            return f"{sql} {operator.upper()} ? ESCAPE '\\'"
        convert = _CONVERT.get(kind, _as_text)
        try:
            values = [convert(literal) for literal in node.values]
        except ValueError:
            raise _invalid_column(node.column, "invalid value found", operator) from None
        if kind == "boolean":
            sql = f"COALESCE({sql}, 0)"
        elif kind == "bigint" and place.field is not _ID:
            sql = f"CAST({sql} AS INTEGER)"
        elif kind not in _NUMBERS and place.field is not _ID:
            sql = f"{sql} COLLATE NOCASE"
            if place.direct and operator in ("=", "in"):
                self._plan.indexes.append((self.module.api_name, place.field.api_name))
        self._plan.values.extend(values)
        if operator in ("in", "not in"):
            test = f"{sql} {operator.upper()} ({','.join('?' * len(values))})"
        elif operator in ("between", "not between"):
            test = f"{sql} {operator.upper()} ? AND ?"
        else:
            test = f"{sql} {operator} ?"
        if operator in ("!=", "not in", "not between"):
            return f"({test} OR {place.sql} IS NULL)"
        return test


_COUNTED = Field(id="0", api_name="", label="", data_type="double")
_SE_MODULE = Field(id="0", api_name="$se_module", label="", data_type="text")
_USER_FIELDS = {
    name: Field(id="0", api_name=name, label=name, data_type="text")
    for name in ("email", "first_name", "last_name", "full_name", "status", "time_zone")
}


def _pattern(node: Compare) -> str:
    text = node.values[0].text
    inner = text.removeprefix("%").removesuffix("%")
    if node.operator == "not like" and not (text.startswith("%") and text.endswith("%")):
        raise _invalid_column(node.column, "invalid value found", node.operator)
    safe = inner.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    front = "%" if text.startswith("%") else ""
    back = "%" if text.endswith("%") and len(text) > 1 else ""
    return f"{front}{safe}{back}"


def _as_text(literal: Literal) -> str:
    return literal.text


def _as_several(literal: Literal) -> str:
    """Values of a multi-select joined by semicolons, in the form they are stored."""
    parts = [part.strip() for part in literal.text.split(";")]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _as_integer(literal: Literal) -> int:
    return int(literal.text)


def _as_number(literal: Literal) -> float:
    return float(literal.text)


def _as_boolean(literal: Literal) -> int:
    word = literal.text.lower()
    if word not in ("true", "false"):
        raise ValueError(word)
    return int(word == "true")


def _as_reference(literal: Literal) -> str:
    return str(int(literal.text))


_CONVERT: dict[str, Callable[[Literal], Any]] = {
    "integer": _as_integer,
    "bigint": _as_integer,
    "double": _as_number,
    "currency": _as_number,
    "percent": _as_number,
    "boolean": _as_boolean,
    "multiselectpicklist": _as_several,
    "date": lambda literal: parse_date(literal.text),
    "datetime": lambda literal: parse_instant(literal.text),
    "lookup": _as_reference,
    "ownerlookup": _as_reference,
    "userlookup": _as_reference,
}


def _invalid_column(column: Column, message: str, operator: str | None = None) -> CoqlError:
    details: dict[str, object] = {"column_name": ".".join(column.path), "reason": message}
    if operator is not None:
        details["operator"] = operator
    return CoqlError("INVALID_QUERY", message, **details)
