from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.zoho.reasons import Reason, documented_codes, reason_of, remedy_of
from migrator_kit.zoho.results import field_of, items_of, parse_item, safe_details

FACTS = Path(__file__).parents[2].parent / "shared" / "zoho_crm_api.md"


def refused(code: str, **details: object):
    return parse_item({"code": code, "status": "error", "message": "m", "details": details})


@pytest.mark.parametrize(
    ("details", "reason", "field"),
    [
        ({"expected_data_type": "integer", "api_name": "No"}, Reason.WRONG_TYPE, "No"),
        ({"maximum_length": 40, "api_name": "First_Name"}, Reason.TOO_LONG, "First_Name"),
        ({"supported_values": ["a"], "api_name": "Stage"}, Reason.VALUE_NOT_ALLOWED, "Stage"),
        ({"id": "5725767000000411001"}, Reason.UNKNOWN_RECORD, None),
        ({"json_path": "$.data[3].Account_Name.id"}, Reason.UNKNOWN_PARENT, "Account_Name"),
        ({"json_path": "$.data[3].id", "api_name": "id"}, Reason.UNKNOWN_RECORD, "id"),
        ({"api_name": "Email", "json_path": "$.data[0].Email"}, Reason.INVALID_VALUE, "Email"),
    ],
)
def test_invalid_data_is_told_apart_by_its_details(details, reason, field):
    result = refused("INVALID_DATA", **details)
    assert (result.ok, result.reason, result.field) == (False, reason, field)
    assert result.remedy == remedy_of(reason)


def test_duplicate_names_the_record_that_stands_there_and_nobody():
    result = refused(
        "DUPLICATE_DATA",
        api_name="Source_System_ID",
        json_path="$.data[0].Source_System_ID",
        duplicate_record={
            "id": "5725767000000411001",
            "Owner": {"id": "1", "name": "Ina Admin"},
            "module": {"id": "9", "api_name": "Contacts"},
        },
    )
    assert result.reason is Reason.DUPLICATE
    assert result.id == "5725767000000411001"
    assert result.details["duplicate_record"] == {"id": result.id, "module": "Contacts"}
    assert "Ina" not in str(result.details)


def test_several_errors_name_all_fields():
    errors = [
        {"code": "INVALID_DATA", "details": {"api_name": "Email"}},
        {"code": "MANDATORY_NOT_FOUND", "details": {"json_path": "$.data[0].Stage"}},
    ]
    result = refused("MULTIPLE_OR_MULTI_ERRORS", errors=errors)
    assert result.reason is Reason.SEVERAL
    assert result.field == "Email, Stage"
    assert [part["code"] for part in result.details["errors"]] == [
        "INVALID_DATA",
        "MANDATORY_NOT_FOUND",
    ]


def test_expected_fields_are_named():
    details = {"expected_fields": [{"api_name": "Note_Title"}, {"api_name": "Note_Content"}]}
    assert refused("EXPECTED_FIELD_MISSING", **details).field == "Note_Title, Note_Content"


def test_an_undocumented_code_is_a_result_too():
    result = refused("SOMETHING_NEW", foo="bar")
    assert (result.ok, result.code, result.reason) == (False, "SOMETHING_NEW", Reason.OTHER)
    assert result.details == {}


def test_an_item_without_code_or_status_is_no_success():
    assert not parse_item({}).ok


def test_upsert_tells_insert_from_update():
    item = {"code": "SUCCESS", "status": "success", "details": {"id": "12"}}
    assert parse_item({**item, "action": "update"}).action == "update"
    assert parse_item(item).action is None


def test_records_read_back_are_no_outcomes():
    assert items_of({"data": [{"id": "1", "Last_Name": "x"}]}) is None
    assert items_of({"data": []}) is None
    assert items_of([]) is None


def test_every_reason_has_a_remedy_and_every_code_a_reason():
    assert all(remedy_of(reason) for reason in Reason)
    assert all(reason_of(code) is not Reason.OTHER for code in documented_codes())


def test_every_code_of_the_fact_sheet_is_known():
    if not FACTS.exists():
        pytest.skip("the fact sheet is not part of the repository")
    text = FACTS.read_text(encoding="utf-8")
    known = set(documented_codes())
    catalogue = text[text.index("## 13.") : text.index("## 14.")]
    items = text[text.index("### 2.9") : text.index("### 2.10")]
    named = set(re.findall(r"\b[A-Z]{3,}(?:_[A-Z]+)+\b", catalogue + items))
    assert named - known - {"SUCCESS"} == set()


def test_details_that_could_hold_values_are_dropped():
    details = {"api_name": "Email", "value": "ina@example.org", "Owner": {"name": "Ina"}}
    assert safe_details(details) == {"api_name": "Email"}


@given(st.text(max_size=60))
def test_any_json_path_is_survived(path):
    field_of({"json_path": path})
