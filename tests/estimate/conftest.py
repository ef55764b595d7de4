"""Figures of an imagined practice, small enough to reckon by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrator_kit.estimate.figures import Figures, Fit, ObjectFigures
from migrator_kit.estimate.tariff import PACKAGED, Tariff
from migrator_kit.mapping.model import Landing, ObjectName
from migrator_kit.yamlfile import load_model

RECORDS, NOTES, FILES, FIELDS = Landing.RECORDS, Landing.NOTES, Landing.FILES, Landing.FIELDS
ROWS = {
    ObjectName.PRACTICE: (RECORDS, "Accounts", 2),
    ObjectName.PATIENT: (RECORDS, "Contacts", 1_250),
    ObjectName.INSURANCE: (FIELDS, "Contacts", 900),
    ObjectName.PLAN: (RECORDS, "Deals", 805),
    ObjectName.PLAN_ID: (FIELDS, "Deals", 805),
    ObjectName.APPOINTMENT: (RECORDS, "Tasks", 4_001),
    ObjectName.CALL_LOG: (RECORDS, "Events", 0),
    ObjectName.NOTE: (NOTES, "Notes", 333),
    ObjectName.ATTACHMENT: (FILES, "Attachments", 120),
    ObjectName.RULE: (Landing.REFERENCE, "", 7),
}


def figures(**more: Any) -> Figures:
    """The practice; `rows` changes the rows of objects by name, all else are fields of Figures."""
    changed = more.pop("rows", {})
    objects = [
        ObjectFigures(
            name,
            Fit.REBUILT if landing is Landing.REFERENCE else Fit.ONE_TO_ONE,
            landing,
            module,
            changed.get(name, rows),
            parents=50 if landing is FILES else 0,
            counted=name is not ObjectName.PLAN_ID,
        )
        for name, (landing, module, rows) in ROWS.items()
    ]
    stands: dict[str, Any] = {
        "columns": 100,
        "new_fields": (("Accounts", 3), ("Contacts", 11)),
        "file_bytes": 1_500_000_000,
        "rules": 7,
    }
    return Figures(tuple(objects), **(stands | more))


@pytest.fixture(scope="session")
def make() -> Callable[..., Figures]:
    return figures


@pytest.fixture(scope="session")
def tariff() -> Tariff:
    """The packaged tariff."""
    return load_model(PACKAGED, Tariff)
