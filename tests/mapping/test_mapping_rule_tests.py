"""Mapping tests in YAML: a given row, what must arrive, and no confirmation while one fails."""

from __future__ import annotations

import pytest

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.errors import MappingError
from migrator_kit.mapping.decisions import decide, pending
from migrator_kit.mapping.files import load_mapping, write_default
from migrator_kit.mapping.rule_tests import FILE_NAME, run_rule_tests

GOOD = """\
tests:
  - name: a patient as they come
    object: Patient
    given: {first_name: "MARIA ", phone_mobile: "691 234 5678", birth_date: 1980-02-03,
            practice_id: P01, sex: F, email_consent: 1, modified_at: "2024-07-01 12:00:00"}
    expect:
      First_Name: Maria
      Mobile: "+306912345678"
      Date_of_Birth: 1980-02-03
      Account_Name: P01
      Sex__c: Female
      Email_Opt_Out: false
      Email: null
      Source_Modified_Time__c: 2024-07-01T09:00:00+00:00
  - name: money keeps its cents
    object: Treatment Plan
    given: {fee_total: "1200.50"}
    expect: {Amount: 1200.5}
"""


@pytest.fixture
def engagement(small_engagement: Engagement) -> Engagement:
    write_default(small_engagement, "dent_o_soft")
    return small_engagement


def write(engagement: Engagement, text: str) -> None:
    (engagement.folder / FILE_NAME).write_text(text, encoding="utf-8")


def test_without_the_file_there_is_nothing_to_run(engagement: Engagement) -> None:
    assert run_rule_tests(engagement, load_mapping(engagement)) == []


def test_values_that_arrive_as_expected_pass_whatever_their_type(engagement: Engagement) -> None:
    write(engagement, GOOD)
    outcomes = run_rule_tests(engagement, load_mapping(engagement))
    assert [str(f) for one in outcomes for f in one.findings] == []
    assert [one.place for one in outcomes] == [f"{FILE_NAME}:2", f"{FILE_NAME}:15"]
    decide(engagement, by="Ana")
    assert pending(load_mapping(engagement)) == ()


def test_nothing_is_confirmed_while_a_test_fails_and_the_line_is_named(
    engagement: Engagement,
) -> None:
    write(engagement, GOOD.replace('"+306912345678"', '"+306912345679"').replace("1200.5}", "7}"))
    before = engagement.mapping_path.read_bytes()
    with pytest.raises(MappingError) as caught:
        decide(engagement, by="Ana")
    places = [finding.place for finding in caught.value.findings]
    assert places == [f"{FILE_NAME}:8", f"{FILE_NAME}:18"]
    assert "a patient as they come: Patient.Mobile" in str(caught.value)
    assert "30691234567" not in str(caught.value), "a patient's number is told by its shape"
    assert "7.0" in str(caught.value)
    assert engagement.mapping_path.read_bytes() == before
    decide(engagement, by="Ana", rows=["Patient.Mobile"], state="rejected", note="see the test")


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("first_name:", "frist_name:", 4, "frist_name"),
        ("      Mobile:", "      Mobil:", 8, "Mobil"),
        ("object: Treatment Plan", "object: Invoice", 16, "object"),
    ],
)
def test_what_a_test_names_and_the_mapping_does_not_have_is_told(
    engagement: Engagement, old: str, new: str, line: int, named: str
) -> None:
    write(engagement, GOOD.replace(old, new))
    with pytest.raises(MappingError) as caught:
        decide(engagement, by="Ana")
    (finding,) = [one for one in caught.value.findings if named in one.problem]
    assert finding.place == f"{FILE_NAME}:{line}"


def test_the_command_refuses_with_exit_2_and_the_place(
    engagement: Engagement, capsys: pytest.CaptureFixture[str]
) -> None:
    write(engagement, GOOD.replace("Amount: 1200.5", "Amount: 7"))
    folder = str(engagement.folder)
    assert main(["confirm", folder, "--by", "Ana", "--all"]) == 2
    assert f"{FILE_NAME}:18: money keeps its cents" in capsys.readouterr().err
    write(engagement, GOOD)
    assert main(["confirm", folder, "--by", "Ana", "--all"]) == 0
