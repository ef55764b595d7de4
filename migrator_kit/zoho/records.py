"""Records of any module: write up to a hundred, read by id, by list, by query.

Writes send `trigger: []` and skip cadences unless `quiet=False`, so that no automation of the org
fires (fact sheet 2.2). Every write returns one `ItemResult` per record in request order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import coql, limits, listing
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.results import Action, ItemResult
from migrator_kit.zoho.transport import Transport
from migrator_kit.zoho.values import coql_in

Row = Mapping[str, Any]


def quiet_keys(actions: Sequence[Action]) -> dict[str, Any]:
    """Return the body keys that keep workflows, approvals, blueprints and cadences still."""
    skipped = [{"name": "cadences", "action": action} for action in actions]
    return {"trigger": [], "skip_feature_execution": skipped}


class Records:
    """Calls on records. Thread-safe; raises only errors of `migrator_kit.errors`.

    AmbiguousError: the write may have landed, read back before sending again.
    TransientError: nothing landed, after all retries. TerminalError: the call itself is refused.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def insert(self, module: str, rows: Sequence[Row], *, quiet: bool = True) -> list[ItemResult]:
        """Insert up to 100 records."""
        body = {"data": list(rows), **(quiet_keys(["insert"]) if quiet else {})}
        return self._write("POST", f"/crm/v8/{module}", body, len(rows), "insert")

    def update(self, module: str, rows: Sequence[Row], *, quiet: bool = True) -> list[ItemResult]:
        """Update up to 100 records; each row carries its `id`. `None` clears a field."""
        if any(not row.get("id") for row in rows):
            raise TerminalError(f"An update of {module} has a row without an id.")
        body = {"data": list(rows), **(quiet_keys(["update"]) if quiet else {})}
        return self._write("PUT", f"/crm/v8/{module}", body, len(rows), "update")

    def upsert(
        self,
        module: str,
        rows: Sequence[Row],
        *,
        duplicate_check_fields: Sequence[str],
        quiet: bool = True,
    ) -> list[ItemResult]:
        """Insert or update up to 100 records by a unique field; `action` tells which it was.

        Raises TerminalError for modules that refuse upsert and for two rows with one key: the
        second would silently update the first (fact sheet 2.4).
        """
        if module in limits.NO_UPSERT:
            raise TerminalError(
                f"{module} cannot be upserted by record calls.",
                code="NOT_SUPPORTED",
                hint="Look the records up by their source key, then insert or update.",
            )
        if not duplicate_check_fields:
            raise TerminalError(f"An upsert of {module} names no field to find duplicates by.")
        _refuse_twins(module, rows, duplicate_check_fields[0])
        body = {
            "data": list(rows),
            "duplicate_check_fields": list(duplicate_check_fields),
            **(quiet_keys(["insert", "update"]) if quiet else {}),
        }
        return self._write("POST", f"/crm/v8/{module}/upsert", body, len(rows), None)

    def delete(self, module: str, ids: Sequence[str], *, quiet: bool = True) -> list[ItemResult]:
        """Move up to 100 records to the recycle bin. Results stand in the order of `ids`."""
        if not ids:
            return []
        _refuse_more(module, len(ids), limits.IDS_PER_DELETE)
        params = {"ids": ",".join(ids), **({"wf_trigger": "false"} if quiet else {})}
        call = Call("DELETE", f"/crm/v8/{module}", params=params, writes=True)
        return self._transport.send(call).items(len(ids), order=ids)

    def mass_delete(self, module: str, ids: Sequence[str]) -> list[ItemResult]:
        """Delete up to 500 records in one call. No documented switch keeps workflows still here."""
        if not ids:
            return []
        _refuse_more(module, len(ids), limits.IDS_PER_MASS_DELETE)
        call = Call(
            "POST",
            f"/crm/v8/{module}/actions/mass_delete",
            body={"ids": list(ids)},
            credits=limits.credits_for_mass_delete(len(ids)),
            writes=True,
        )
        return self._transport.send(call).items(len(ids), order=ids)

    def get(
        self, module: str, record_id: str, fields: Sequence[str] | None = None
    ) -> dict[str, Any] | None:
        """Return one record, or None where it does not exist. Without `fields`: all of them."""
        params = {"fields": ",".join(fields)} if fields else {}
        answer = self._transport.send(
            Call("GET", f"/crm/v8/{module}/{record_id}", params=params, missing_ok=True)
        )
        found = answer.listed("data")
        return dict(found[0]) if found else None

    def deleted(self, module: str, kind: str = "all") -> Iterator[dict[str, Any]]:
        """Yield deleted records (`id`, `type`, `deleted_time`); kind `all|recycle|permanent`."""
        return listing.deleted(self._transport, module, kind)

    def coql(
        self,
        select: Sequence[str],
        module: str,
        where: str | None = None,
        *,
        page_size: int = limits.COQL_PAGE,
    ) -> Iterator[dict[str, Any]]:
        """Yield records by query, ordered by id, paged by `id >`. See `coql.rows`."""
        return coql.rows(self._transport, select, module, where, page_size=page_size)

    def find(
        self, module: str, key_field: str, values: Sequence[str], fields: Sequence[str] = ()
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the records whose `key_field` is exactly one of `values`, by value.

        A value with two records shows both: the caller decides. Never uses the search API, which
        matches loosely (fact sheet 2.12).
        """
        wanted = list(dict.fromkeys(values))
        found: dict[str, list[dict[str, Any]]] = {value: [] for value in wanted}
        for start in range(0, len(wanted), limits.COQL_IN_VALUES):
            part = wanted[start : start + limits.COQL_IN_VALUES]
            select = [key_field, *fields]
            size = limits.LIST_PAGE
            for row in self.coql(select, module, coql_in(key_field, part), page_size=size):
                value = str(row.get(key_field))
                if value in found:
                    found[value].append(row)
        return found

    def count(self, module: str, where: str | None = None) -> int:
        """Return how many records a module holds, or how many meet a COQL criterion.

        Modules outside COQL (Notes) take the record count call: 50 credits, minutes of lag.
        """
        if module not in limits.NO_COQL:
            return coql.count(self._transport, module, where)
        call = Call("GET", f"/crm/v8/{module}/actions/count", credits=limits.CREDITS_RECORD_COUNT)
        return int(self._transport.send(call).value("count") or 0)

    def _write(
        self, method: str, path: str, body: Row, records: int, action: Action | None
    ) -> list[ItemResult]:
        if not records:
            return []
        _refuse_more(path, records, limits.RECORDS_PER_CALL)
        call = Call(
            method,
            path,
            body=body,
            credits=limits.credits_for_write(records),
            sub=records > limits.SUB_CONCURRENCY_RECORDS,
            writes=True,
        )
        return self._transport.send(call).items(records, action=action)

    def list(self, module: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield every record of a module with `fields`, past the 100,000 of one listing."""
        return listing.records(self._transport, module, fields)


def _refuse_more(place: str, count: int, most: int) -> None:
    if count > most:
        raise TerminalError(
            f"{place}: {count} records in one call, at most {most} are allowed.",
            code="LIMIT_EXCEEDED",
        )


def _refuse_twins(module: str, rows: Sequence[Row], key: str) -> None:
    seen: dict[Any, int] = {}
    for index, row in enumerate(rows):
        value = row.get(key)
        if value is None:
            continue
        if value in seen:
            raise TerminalError(
                f"An upsert of {module} holds one {key} twice, in rows {seen[value]} and {index}.",
                code="DUPLICATE_DATA",
                hint="Send each source key once.",
            )
        seen[value] = index
