"""COQL: conditions by type, joins, aggregates, limits, and the documented refusals."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def crm(shared: Any, make_deal: Any) -> Any:
    """Two practices, four patients, two deals; the source key is unique."""
    key = shared.key("Contacts")
    shared.field("Contacts", "Allergies", "multiselectpicklist", pick_list_values=[
        {"display_value": "Latex", "actual_value": "Latex"}])  # fmt: skip
    accounts = [shared.create("Accounts", Account_Name=name) for name in ("North", "South")]
    people = [
        ("Becker", "PAT-1", accounts[0], "1980-02-29", True),
        ("O'Brien", "PAT-10", accounts[0], "1990-01-01", False),
        ("Wu 50%", "PAT-11", accounts[1], None, False),
        ("Zoë_x", None, None, "2001-12-31", True),
    ]
    for name, number, account, born, opted in people:
        shared.create(
            "Contacts",
            Last_Name=name,
            Account_Name={"id": account} if account else None,
            Date_of_Birth=born,
            Email_Opt_Out=opted,
            Allergies=["Latex"] if opted else None,
            **{key: number},
        )
    shared.create("Deals", **make_deal(Deal_Name="Crown", Amount=100.5))
    shared.create("Deals", **make_deal(Deal_Name="Bridge", Amount=900, Stage="Closed Won"))
    return shared


def names(api: Any, where: str, module: str = "Contacts", column: str = "Last_Name") -> list[str]:
    answer = api.coql(f"select {column} from {module} where {where}")
    assert answer.status_code in (200, 204), answer.text
    return [row[column] for row in answer.json()["data"]] if answer.content else []


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Source_System_ID = 'PAT-1'", ["Becker"]),
        ("Source_System_ID = 'pat-1'", ["Becker"]),
        ("Source_System_ID in ('PAT-1', 'PAT-11')", ["Becker", "Wu 50%"]),
        ("Source_System_ID is null", ["Zoë_x"]),
        ("Last_Name = 'O\\'Brien'", ["O'Brien"]),
        ("Last_Name like 'B%'", ["Becker"]),
        ("Last_Name like '%50%%'", ["Wu 50%"]),
        ("Last_Name like '%\\_x'", ["Zoë_x"]),
        ("Last_Name not like '%e%'", ["Wu 50%", "Zoë_x"]),
        ("Date_of_Birth > '1985-01-01'", ["O'Brien", "Zoë_x"]),
        ("Date_of_Birth between '1980-01-01' and '1990-01-01'", ["Becker", "O'Brien"]),
        ("Email_Opt_Out = 'true'", ["Becker", "Zoë_x"]),
        ("Email_Opt_Out = false", ["O'Brien", "Wu 50%"]),
        ("Account_Name is not null", ["Becker", "O'Brien", "Wu 50%"]),
        ("Account_Name.Account_Name = 'South'", ["Wu 50%"]),
        ("((Last_Name = 'Becker' or Last_Name = 'Zoë_x') and Email_Opt_Out = true)",
         ["Becker", "Zoë_x"]),
        ("Created_Time >= '2020-01-01T00:00:00+01:00' and Last_Name = 'Becker'", ["Becker"]),
        ("Owner.email = 'admin@practice.example' and Last_Name = 'Becker'", ["Becker"]),
        ("Allergies = 'Latex' and Last_Name = 'Becker'", ["Becker"]),
        ("Last_Name != 'Becker' and Email_Opt_Out = true", ["Zoë_x"]),
        ("Last_Name = 'Nobody'", []),
    ],
)  # fmt: skip
def test_conditions(crm: Any, where: str, found: list[str]) -> None:
    assert names(crm, where) == found


def test_numbers_compare_as_numbers(crm: Any) -> None:
    assert names(crm, "Amount > 99 and Amount < 1000.0", "Deals", "Deal_Name") == [
        "Crown",
        "Bridge",
    ]
    assert names(crm, "Amount between 500 and 1000", "Deals", "Deal_Name") == ["Bridge"]


def test_nothing_found_is_204(crm: Any) -> None:
    answer = crm.coql("select id from Contacts where id = 5")
    assert (answer.status_code, answer.content) == (204, b"")


def test_rows_hold_typed_values_and_lookups_only_ids(crm: Any) -> None:
    query = (
        "select Last_Name, Account_Name, Account_Name.Account_Name, Created_Time, Email_Opt_Out, "
        "Allergies, Owner as who from Contacts where Last_Name = 'Becker'"
    )
    (row,) = crm.coql(query).json()["data"]
    assert set(row["Account_Name"]) == {"id"}
    assert row["Account_Name.Account_Name"] == "North"
    assert row["Created_Time"][-6] in "+-"
    assert row["Email_Opt_Out"] is True
    assert row["Allergies"] == ["Latex"]
    assert set(row["who"]) == {"id"}
    assert row["id"].isdigit()


def test_related_records_are_reached_through_their_module(crm: Any) -> None:
    account = crm.create("Accounts", Account_Name="Reached", Phone="123")
    crm.create("Tasks", Subject="x", What_Id={"id": account}, **{"$se_module": "Accounts"})
    query = "select 'What_Id->Accounts.Phone', $se_module from Tasks where What_Id is not null"
    (row,) = crm.coql(query).json()["data"]
    assert (row["What_Id->Accounts.Phone"], row["$se_module"]) == ("123", "Accounts")


def test_pages_by_id_give_every_record_once(crm: Any) -> None:
    seen: list[str] = []
    last = "0"
    while True:
        query = f"select id from Contacts where (id > {last} and Last_Name is not null)"
        answer = crm.coql(f"{query} order by id asc limit 0, 3")
        if answer.status_code == 204:
            break
        rows = answer.json()["data"]
        seen += [row["id"] for row in rows]
        last = rows[-1]["id"]
    assert len(seen) == len(set(seen)) == 4


def test_limit_offset_order_and_more_records(crm: Any) -> None:
    query = "select Last_Name from Contacts where id is not null order by Last_Name desc"
    first = crm.coql(f"{query} limit 2").json()
    rest = crm.coql(f"{query} limit 2, 5").json()
    tail = crm.coql(f"{query} limit 5 offset 2").json()
    assert first["info"] == {"count": 2, "more_records": True}
    assert [row["Last_Name"] for row in first["data"]] == ["Zoë_x", "Wu 50%"]
    assert rest == tail
    assert rest["info"] == {"count": 2, "more_records": False}


def test_aggregates_and_groups(crm: Any) -> None:
    query = "select COUNT(id), SUM(Amount) as total, MAX(Amount) from Deals where id is not null"
    (row,) = crm.coql(query).json()["data"]
    assert row == {"COUNT(id)": 2, "total": 1000.5, "MAX(Amount)": 900.0}
    query = "select Stage, COUNT(id) as n from Deals where id is not null group by Stage"
    assert {row["Stage"]: row["n"] for row in crm.coql(query).json()["data"]} == {
        "Qualification": 1,
        "Closed Won": 1,
    }


def test_include_meta_describes_the_columns(crm: Any) -> None:
    body = {"select_query": "select Last_Name from Contacts where id is not null"}
    answer = crm.post("coql", {**body, "include_meta": ["fields"]}).json()
    assert answer["fields"]["Last_Name"]["length"] == 80


@pytest.mark.parametrize(
    ("query", "code", "key"),
    [
        ("select Last_Name from Contacts", "SYNTAX_ERROR", "clause"),
        ("select Last_Name where id = 1", "SYNTAX_ERROR", "clause"),
        ("update Contacts set x = 1 where id = 1", "SYNTAX_ERROR", "clause"),
        ("select Last_Name from Contacts where Last_Name = 'a", "SYNTAX_ERROR", "near"),
        ("select id from Contacts where id = 1 and id = 2 and id = 3", "SYNTAX_ERROR", "near"),
        ("select id from Contacts where (id = 1 and id = 2", "SYNTAX_ERROR", "near"),
        ("select Nope from Contacts where id = 1", "INVALID_QUERY", "column_name"),
        ("select id from Contacts where Nope = 1", "INVALID_QUERY", "column_name"),
        ("select id from Contacts where Last_Name > 'a'", "INVALID_QUERY", "operator"),
        ("select id from Contacts where Date_of_Birth = 'x'", "INVALID_QUERY", "operator"),
        ("select SUM(Last_Name) from Contacts where id = 1", "INVALID_QUERY", "operator"),
        ("select Tag from Contacts where id = 1", "INVALID_QUERY", "column_name"),
        ("select Last_Name, Last_Name from Contacts where id = 1", "DUPLICATE_DATA", "column_name"),
        ("select id from Patients where id = 1", "INVALID_MODULE", "module"),
        ("select id from Notes where id = 1", "INVALID_QUERY", "module"),
        ("select id from Contacts where id = 1 limit 0", "INVALID_DATA", "clause"),
        ("select id from Contacts where id = 1 limit 2001", "LIMIT_EXCEEDED", "limit"),
        ("select id from Contacts where id = 1 limit 99999, 2000", "LIMIT_EXCEEDED", "limit"),
    ],
)
def test_refusals(crm: Any, query: str, code: str, key: str) -> None:
    answer = crm.coql(query)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert key in answer.json()["details"]


def test_lists_of_values_and_criteria_have_ends(crm: Any) -> None:
    values = ", ".join(str(n) for n in range(51))
    answer = crm.coql(f"select id from Contacts where id in ({values})")
    assert answer.json()["code"] == "LIMIT_EXCEEDED"
    condition = "id = 1"
    for _ in range(25):
        condition = f"({condition} or id = 1)"
    answer = crm.coql(f"select id from Contacts where {condition}")
    assert answer.json()["code"] == "LIMIT_EXCEEDED"
    assert crm.post("coql", {}).json()["code"] == "MANDATORY_NOT_FOUND"
