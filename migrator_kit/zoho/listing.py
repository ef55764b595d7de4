"""Listings with page tokens, and how to go on where one listing ends (fact sheet 2.10, 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import limits
from migrator_kit.zoho.answers import Answer
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.transport import Transport


def records(transport: Transport, module: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield all records of a module with the given fields, however many there are.

    The first 100,000 come ordered by id. Beyond, where page tokens end, the listing starts anew
    ordered by modification time and goes on in windows by `If-Modified-Since`; only records not
    yielded yet are passed on. A record edited while windows are read can appear twice.
    """
    names = _names(module, fields)
    path = f"/crm/v8/{module}"
    params = {"fields": ",".join(names), "per_page": str(limits.LIST_PAGE)}
    last = 0
    ended = True
    for answer in _pages(transport, path, {**params, "sort_by": "id", "sort_order": "asc"}):
        for row in answer.listed("data"):
            last = max(last, _id_of(row, path))
            yield dict(row)
        ended = not answer.more_records
    if not ended:
        yield from _windows(transport, path, params, names, last)


def related(transport: Transport, path: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the notes or attachments of one record, listed at `path`."""
    params = {"fields": ",".join(_names(path, fields)), "per_page": str(limits.LIST_PAGE)}
    for answer in _pages(transport, path, params):
        yield from map(dict, answer.listed("data"))


def endless(place: str) -> TerminalError:
    """Return the error for a list that promises more and lists nothing: it would never end."""
    return TerminalError(
        f"GET {place}: a page without records says that more follow.",
        hint="Check that the address is Zoho CRM's own and nothing stands between.",
    )


def _id_of(row: Mapping[str, Any], place: str) -> int:
    """Return a record's id. Raises TerminalError where a listing holds one without."""
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        raise TerminalError(
            f"GET {place}: a listed record has no id.",
            hint="Check that the address is Zoho CRM's own and nothing stands between.",
        ) from None


def _names(place: str, fields: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(["id", *fields]))
    if len(names) > limits.LIST_FIELDS:
        raise TerminalError(
            f"A listing of {place} asks for {len(names)} fields, at most {limits.LIST_FIELDS}.",
            code="LIMIT_EXCEEDED",
        )
    return names


def _windows(
    transport: Transport, path: str, params: dict[str, str], names: list[str], last: int
) -> Iterator[dict[str, Any]]:
    """Yield records with an id above `last`, in windows of modification time."""
    asked = {**params, "sort_by": "Modified_Time", "sort_order": "asc"}
    asked["fields"] = ",".join(dict.fromkeys([*names, "Modified_Time"]))
    since: str | None = None
    boundary: set[str] = set()
    while True:
        ended, newest, at_newest = True, "", set[str]()
        for answer in _pages(transport, path, asked, since):
            ended = not answer.more_records
            for row in answer.listed("data"):
                moment = str(row.get("Modified_Time", ""))
                if moment != newest:
                    newest, at_newest = moment, set()
                at_newest.add(str(row.get("id")))
                if _id_of(row, path) > last and str(row["id"]) not in boundary:
                    yield {name: row.get(name) for name in names}
        if ended:
            return
        # One second back, for rows of the same second may lie on both sides of the boundary.
        following = (datetime.fromisoformat(newest) - timedelta(seconds=1)).isoformat()
        if following == since:
            raise TerminalError(
                f"More than {limits.LIST_ROWS:,} records share one second of modification.",
                hint="Read them by their parent records.",
            )
        since, boundary = following, at_newest


def _pages(
    transport: Transport, path: str, params: dict[str, str], since: str | None = None
) -> Iterator[Answer]:
    """Yield pages until there are no more or page tokens end; the last one tells which it was."""
    headers = {"If-Modified-Since": since} if since else {}
    page = {"page": "1"}
    seen = 0
    number = 1
    while True:
        call = Call(
            "GET", path, params={**params, **page}, headers=headers, sub="sort_by" in params
        )
        answer = transport.send(call)
        yield answer
        found = len(answer.listed("data"))
        seen += found
        if not answer.more_records or seen >= limits.LIST_ROWS:
            return
        if not found:
            raise endless(path)
        number += 1
        token = answer.info("next_page_token")
        page = {"page_token": token} if token else {"page": str(number)}


def deleted(transport: Transport, module: str, kind: str = "all") -> Iterator[dict[str, Any]]:
    """Yield deleted records of a module; the bin reaches back 60 days, the rest 120."""
    page = 1
    while True:
        params = {"type": kind, "page": str(page), "per_page": str(limits.LIST_PAGE)}
        answer = transport.send(
            Call(
                "GET",
                f"/crm/v8/{module}/deleted",
                params=params,
                credits=limits.CREDITS_DELETED_LIST,
            )
        )
        for item in answer.listed("data"):
            yield {name: item.get(name) for name in ("id", "type", "deleted_time")}
        if not answer.more_records:
            return
        page += 1
