"""Search, record count and full data: GET /{module}/search and friends (fact sheet 2.1, 2.12)."""

from __future__ import annotations

import re
from typing import Any

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import ApiError, Reply, missing_param
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.records_read import PAGE, fields_of, get_one, page_of
from migrator_kit.emulator.schema import Module

MOST_CRITERIA = 10
MOST_FOUND = 2_000
_NOT_IN_INFO = ("call", "email", "next_page_token", "previous_page_token", "page_token_expiry")
_CRITERION = re.compile(r"\(([A-Za-z_$][\w$]*):([a-z_]+):((?:\\.|[^()\\])*)\)")
_RANGES = {"greater_than": ">", "greater_equal": ">=", "less_than": "<", "less_equal": "<="}
_SIMILAR = str.maketrans("-_/:@!?*{}[]^", " " * 13)


def search(call: Call) -> Reply:
    """GET /{module}/search by criteria, email, phone or word.

    Text is matched loosely, as the vendor's is: `equals` finds what contains the value, and signs
    count as blanks.
    """
    module = call.module
    where, values = _condition(call, module)
    fields = call.params.get("fields")
    wanted = fields_of(fields) if fields else None
    if call.number("page", 1) * call.number("per_page", PAGE, most=PAGE) > MOST_FOUND:
        raise ApiError("LIMIT_REACHED", "Maximum response iteration limit reached")
    _know_similar(call)
    return page_of(call, module, [where], values, wanted, without=_NOT_IN_INFO)


def count(call: Call) -> Reply:
    """GET /{module}/actions/count."""
    module = call.module
    where: str = "1"
    values: list[Any] = []
    if any(name in call.params for name in ("criteria", "email", "phone", "word")):
        where, values = _condition(call, module)
    query = f"SELECT count(*) FROM {module.table} WHERE {where}"
    _know_similar(call)
    (number,) = call.crm.store.reader().execute(query, values).fetchone()
    return Reply(200, {"count": number})


def full_data(call: Call) -> Reply:
    """GET /{module}/{id}/actions/fetch_full_data?fields=..."""
    if not call.params.get("fields"):
        raise missing_param("fields")
    return get_one(call)


def _condition(call: Call, module: Module) -> tuple[str, list[Any]]:
    criteria = call.params.get("criteria")
    if criteria:
        return _criteria(call, module, criteria)
    for name, kinds in (("email", ("email",)), ("phone", ("phone",)), ("word", ("text", "email"))):
        value = call.params.get(name)
        if value:
            fields = [f for f in module.fields.values() if f.data_type in kinds]
            tests = [f"similar({find.expression(field.api_name)}, ?)" for field in fields]
            return f"({' OR '.join(tests) or '0'})", [value] * len(fields)
    raise ApiError("EXPECTED_PARAM_MISSING", "mandatory param missing")


def _criteria(call: Call, module: Module, text: str) -> tuple[str, list[Any]]:
    found = list(_CRITERION.finditer(text))
    if not found or len(found) > MOST_CRITERIA:
        raise _invalid("criteria")
    values: list[Any] = []
    sql, at = [], 0
    for match in found:
        sql.append(_between(text[at : match.start()]))
        sql.append(_test(call, module, match.group(1), match.group(2), match.group(3), values))
        at = match.end()
    sql.append(_between(text[at:]))
    whole = "".join(sql)
    if whole.count("(") != whole.count(")"):
        raise _invalid("criteria")
    return f"({whole})", values


def _between(text: str) -> str:
    """The brackets and words between two criteria, and nothing else."""
    if not re.fullmatch(r"(?:\s*(?:\(|\)|\band\b|\bor\b)\s*)*\s*", text, re.IGNORECASE):
        raise _invalid("criteria")
    return text.upper()


def _test(call: Call, module: Module, name: str, operator: str, raw: str, values: list[Any]) -> str:
    field = module.fields.get(name)
    if field is None and name != "id":
        raise _invalid(name)
    if field is not None and call.crm.settings.hipaa_restricted and field.hipaa:
        raise ApiError("INVALID_QUERY", "the field in restricted in GDPR", {"api_name": name})
    value = re.sub(r"\\(.)", r"\1", raw)
    kind = field.data_type if field is not None else "bigint"
    sql = find.expression(name) if field is not None else "id"
    if kind in ("integer", "double", "currency", "percent", "bigint"):
        sql = f"CAST({sql} AS REAL)" if name != "id" else sql
    if operator == "between":
        values.extend(part.strip() for part in value.split(",", 1))
        return f"{sql} BETWEEN ? AND ?"
    if operator == "in":
        parts = [part.strip() for part in value.split(",")]
        values.extend(parts)
        return f"{sql} COLLATE NOCASE IN ({','.join('?' * len(parts))})"
    values.append(value)
    if operator in _RANGES:
        return f"{sql} {_RANGES[operator]} ?"
    if operator == "starts_with":
        return f"{sql} LIKE ? || '%'"
    if operator in ("equals", "not_equal"):
        loose = kind in ("text", "textarea", "email", "phone", "website")
        test = f"similar({sql}, ?)" if loose else f"{sql} COLLATE NOCASE = ?"
        return test if operator == "equals" else f"NOT ({test})"
    raise _invalid(name)


def similar(stored: Any, asked: Any) -> bool:
    """Whether loose search takes a stored value for the one asked for."""
    if stored is None:
        return False
    return _plain(str(asked)) in _plain(str(stored))


def _plain(text: str) -> str:
    return " ".join(text.translate(_SIMILAR).lower().split())


def _know_similar(call: Call) -> None:
    """Teach this thread's connection the loose comparison."""
    call.crm.store.reader().create_function("similar", 2, similar, deterministic=True)


def _invalid(name: str) -> ApiError:
    return ApiError("INVALID_QUERY", "the search criteria are not valid", {"api_name": name})
