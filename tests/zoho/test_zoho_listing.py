from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import limits

NOTES = "/crm/v8/Notes"
COQL = "/crm/v8/coql"


class Org:
    """Lists notes as Zoho does: pages with tokens that end after `most` records."""

    def __init__(self, reply, count: int, most: int) -> None:
        self.reply, self.most = reply, most
        start = datetime(2026, 10, 1, tzinfo=UTC)
        # Three notes share each second, so that a boundary cuts through one.
        self.rows = [
            {
                "id": str(1_000_000 + index),
                "Note_Title": f"n{index}",
                "Modified_Time": (start + timedelta(seconds=index // 3)).isoformat(),
            }
            for index in range(count)
        ]

    def __call__(self, seen):
        query = seen.query
        rows = self.rows
        since = seen.headers.get("If-Modified-Since")
        if since:
            after = datetime.fromisoformat(since)
            rows = [r for r in rows if datetime.fromisoformat(r["Modified_Time"]) > after]
        if query.get("sort_by") == "Modified_Time":
            rows = sorted(rows, key=lambda row: (row["Modified_Time"], int(row["id"])))
        assert ("page" in query) != ("page_token" in query)
        offset = int(query.get("page_token", 0))
        size = int(query["per_page"])
        page = rows[offset : min(offset + size, self.most)]
        if not page:
            return self.reply(204)
        names = query["fields"].split(",")
        data = [{name: row.get(name) for name in names} for row in page]
        more = offset + size < len(rows)
        info = {"more_records": more, "next_page_token": str(offset + size) if more else None}
        return self.reply(200, {"data": data, "info": info})


@pytest.mark.parametrize("count", [0, 1, 600, 601, 1400, 1799, 3100])
def test_a_listing_goes_on_where_page_tokens_end(toy, client, reply, monkeypatch, count):
    monkeypatch.setattr(limits, "LIST_ROWS", 600)
    toy.on("GET", NOTES, Org(reply, count, 600))
    rows = list(client.notes.list_all(["Note_Title"]))
    assert sorted(int(row["id"]) for row in rows) == [1_000_000 + i for i in range(count)]
    assert all(set(row) == {"id", "Note_Title"} for row in rows)


def test_a_second_with_too_many_records_is_an_error_not_a_loop(toy, client, reply, monkeypatch):
    monkeypatch.setattr(limits, "LIST_ROWS", 600)
    org = Org(reply, 2000, 600)
    for row in org.rows:
        row["Modified_Time"] = "2026-10-01T00:00:00+00:00"
    toy.on("GET", NOTES, org)
    with pytest.raises(TerminalError, match="share one second"):
        list(client.notes.list_all(["Note_Title"]))


def test_related_lists_without_tokens_take_page_numbers(toy, client, reply):
    path = "/crm/v8/Contacts/7/Notes"
    pages = [
        reply(200, {"data": [{"id": str(n)}], "info": {"more_records": n < 3}}) for n in (1, 2, 3)
    ]
    toy.on("GET", path, *pages)
    assert [row["id"] for row in client.notes.list_for("Contacts", "7")] == ["1", "2", "3"]
    assert [seen.query["page"] for seen in toy.calls(path)] == ["1", "2", "3"]


def test_too_many_fields_are_refused_before_the_call(toy, client):
    with pytest.raises(TerminalError, match="at most 50"):
        list(client.records.list("Contacts", [f"F{n}" for n in range(60)]))
    assert toy.seen == []


def test_queries_page_by_id_and_nest_the_criterion(toy, client, reply):
    first = [{"id": str(n), "Last_Name": "x"} for n in range(5, 10)]
    toy.on(
        "POST",
        COQL,
        reply(200, {"data": first, "info": {"more_records": True}}),
        reply(200, {"data": [{"id": "12"}], "info": {"more_records": False}}),
    )
    rows = list(client.records.coql(["Last_Name"], "Contacts", "Last_Name is not null"))
    assert [row["id"] for row in rows] == ["5", "6", "7", "8", "9", "12"]
    queries = [seen.json()["select_query"] for seen in toy.calls(COQL)]
    assert queries[1] == (
        "select id, Last_Name from Contacts where (id > 9 and Last_Name is not null) "
        "order by id asc limit 2000"
    )
    assert client.credits.spent == 1 + 3 + 3


def test_an_unordered_answer_stops_instead_of_looping(toy, client, reply):
    page = reply(200, {"data": [{"id": "9"}], "info": {"more_records": True}})
    toy.on("POST", COQL, page)
    with pytest.raises(TerminalError, match="not ordered"):
        list(client.records.coql(["id"], "Contacts"))


def test_a_name_that_is_no_name_never_reaches_the_query(toy, client):
    with pytest.raises(TerminalError, match="no API names"):
        list(client.records.coql(["Last_Name from Users --"], "Contacts"))
    assert toy.seen == []


def test_find_compares_exactly_and_keeps_twins(toy, client, reply):
    rows = [
        {"id": "1", "Source_Task_ID": "PAT-1"},
        {"id": "2", "Source_Task_ID": "pat-1"},
        {"id": "3", "Source_Task_ID": "PAT-1"},
    ]
    toy.on("POST", COQL, reply(200, {"data": rows, "info": {"more_records": False}}))
    found = client.records.find("Tasks", "Source_Task_ID", ["PAT-1", "PAT-2"])
    assert [row["id"] for row in found["PAT-1"]] == ["1", "3"]
    assert found["PAT-2"] == []


def test_find_asks_in_parts(toy, client, reply):
    toy.on("POST", COQL, reply(204))
    found = client.records.find("Tasks", "Source_Task_ID", [f"A{n}" for n in range(120)])
    assert len(found) == 120
    assert len(toy.calls(COQL)) == 3


def test_deleted_records_come_without_names(toy, client, reply):
    item = {"id": "1", "type": "recycle", "deleted_time": "t", "display_name": "Papadaki"}
    toy.on(
        "GET",
        "/crm/v8/Contacts/deleted",
        reply(200, {"data": [item], "info": {"more_records": False}}),
    )
    assert list(client.records.deleted("Contacts")) == [
        {"id": "1", "type": "recycle", "deleted_time": "t"}
    ]
