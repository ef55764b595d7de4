"""COQL: queries paged by record id, so that they run past every row limit (fact sheet 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import limits
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.transport import Transport

_NAME = re.compile(r"[A-Za-z$][\w$]*(\.[A-Za-z$][\w$]*){0,2}")


def all_of(*criteria: str) -> str:
    """Return criteria joined by `and`, nested pairwise in brackets as COQL demands."""
    return _nested("and", criteria)


def any_of(*criteria: str) -> str:
    """Return criteria joined by `or`, nested pairwise in brackets as COQL demands."""
    return _nested("or", criteria)


def _nested(word: str, criteria: Sequence[str]) -> str:
    kept = [part for part in criteria if part]
    if not kept:
        return ""
    whole = kept[0]
    for part in kept[1:]:
        whole = f"({whole} {word} {part})"
    return whole


def rows(
    transport: Transport,
    select: Sequence[str],
    module: str,
    where: str | None = None,
    *,
    page_size: int = limits.COQL_PAGE,
) -> Iterator[dict[str, Any]]:
    """Yield records with the selected fields, ordered by id, however many there are.

    `where` is a COQL criterion without the word `where`; join several with `all_of` or `any_of`.
    Each page asks for ids above the last one seen, so neither the 2,000 of a page nor the 100,000
    of one criterion end the listing, and records added or deleted meanwhile shift nothing.
    """
    columns = _columns(select, module)
    size = max(1, min(page_size, limits.COQL_PAGE))
    last = "0"
    while True:
        criterion = all_of(f"id > {last}", where or "")
        query = f"select {columns} from {module} where {criterion} order by id asc limit {size}"
        found, more = run(transport, query, size)
        yield from found
        if not more or not found:
            return
        newest = str(found[-1]["id"])
        if int(newest) <= int(last):
            raise TerminalError("A COQL answer is not ordered by record id.", code="SYNTAX_ERROR")
        last = newest


def count(transport: Transport, module: str, where: str | None = None) -> int:
    """Return how many records meet a criterion (all without one), as of now, for one credit."""
    if not _NAME.fullmatch(module):
        raise TerminalError("A COQL query names a module that is no API name.")
    query = f"select COUNT(id) from {module} where {where or 'id > 0'}"
    found, _ = run(transport, query, limits.LIST_PAGE)
    if not found:
        return 0
    return next((int(v) for name, v in found[0].items() if name.upper().startswith("COUNT")), 0)


def run(transport: Transport, query: str, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Return one answer's records and whether more follow. The query is never logged."""
    call = Call(
        "POST",
        "/crm/v8/coql",
        body={"select_query": query},
        credits=limits.credits_for_coql(limit),
        sub=True,
    )
    answer = transport.send(call)
    return [dict(item) for item in answer.listed("data")], answer.more_records


def _columns(select: Sequence[str], module: str) -> str:
    columns = ["id", *(name for name in dict.fromkeys(select) if name != "id")]
    wrong = [name for name in (*columns, module) if not _NAME.fullmatch(name)]
    if wrong:
        raise TerminalError(
            f"A COQL query on {module[:50]!r} names {len(wrong)} field(s) that are no API names.",
            hint="Use API names as the module's metadata gives them.",
        )
    if len(columns) > limits.COQL_FIELDS:
        raise TerminalError(f"A COQL query selects more than {limits.COQL_FIELDS} fields.")
    return ", ".join(columns)
