"""Failures in groups a person can act on, and a retry that drives only these."""

from __future__ import annotations

from typing import Any

import pytest

from migrator_kit.errors import ParameterError
from migrator_kit.load.ledger import CURES, Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.provision import field_names
from migrator_kit.load.retry import retry
from migrator_kit.load.target import Target
from migrator_kit.load.triage import reject_list, triage
from migrator_kit.mapping.model import Mapping, ObjectName


@pytest.fixture
def patients() -> int:
    return 5


def test_failures_are_grouped_told_and_driven_again_alone(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    for key in ("000001", "000002"):
        practice.row(ObjectName.PATIENT, key)["Last_Name"] = "Παπαδοπούλου " * 10
    practice.row(ObjectName.PATIENT, "000003")["Last_Name"] = None
    practice.row(ObjectName.APPOINTMENT, "A000004")["Subject"] = "s" * 300
    practice.write()
    load(job_of(target, ledger), "run-1")

    names = field_names(ledger, mapping)
    groups = triage(ledger, mapping, practice, names)
    told = groups[groups["reason"] != "parent_not_landed"]
    assert told[["module", "reason", "field", "value_class", "records"]].to_numpy().tolist() == [
        ["Contacts", "too_long", "Last_Name",
         "text of 51 to 255 characters, with characters beyond Latin-1", 2],
        ["Contacts", "missing_required", "Last_Name", "empty", 1],
        ["Tasks", "too_long", "Subject", "text of 256 to 2,000 characters", 1],
    ]  # fmt: skip
    assert told["cause"].str.len().min() > 10
    assert told["remedy"].str.len().min() > 10
    listed = reject_list(ledger, mapping, practice, names)
    assert len(listed) == groups["records"].sum()
    assert "Παπαδοπούλου" not in listed.to_csv()
    asked = reject_list(ledger, mapping, practice, names, values=True)
    assert asked.drop(columns="value").equals(listed)
    refused = asked.set_index("source_id")["value"]
    assert refused["000001"] == "Παπαδοπούλου " * 10
    assert refused["000003"] == ""

    for key in ("000001", "000003"):
        practice.row(ObjectName.PATIENT, key)["Last_Name"] = "Short"
    practice.row(ObjectName.PATIENT, "000005")["First_Name"] = "Not asked for"
    practice.write()
    before = emulator.stats()["writes"]["Contacts"]
    report = retry(job_of(target, ledger, provision=False), "run-2", module="Contacts")
    assert (report.tried, len(report.cured), report.left["records"].sum()) == (3, 2, 1)
    assert list(report.cured.columns) == list(CURES)
    assert set(report.cured["failed_run"]) == {"run-1"}
    after = emulator.stats()["writes"]["Contacts"]
    assert target.client.records.count("Contacts") == 4
    assert target.client.records.count("Contacts", "First_Name = 'Not asked for'") == 0
    assert after["refused"] - before["refused"] == 1

    rest = retry(job_of(target, ledger, provision=False), "run-3")
    assert rest.to_json()["cured"] == 2 * 6, "the cured parents bring their children along"
    assert set(rest.left["object"]) >= {"Patient", "Appointment"}
    assert "A000004" in set(reject_list(ledger, mapping, practice, names)["source_id"])
    with pytest.raises(ParameterError, match="no module Leads"):
        retry(job_of(target, ledger, provision=False), "run-4", module="Leads")
