"""The seam to the CRM: the page that describes it names every call, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from migrator_kit.load import crm

PAGE = Path(crm.__file__).parents[1] / "docs" / "adding_a_crm.md"
PARTS = {
    "records": crm.RecordCalls, "notes": crm.NoteCalls, "attachments": crm.FileCalls,
    "metadata": crm.SchemaCalls, "bulk": crm.BulkCalls, "itself": crm.Crm,
}  # fmt: skip


def calls_of(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def test_the_page_on_adding_a_crm_names_every_call_and_no_other() -> None:
    described: dict[str, set[str]] = {name: set() for name in PARTS}
    for part, calls in re.findall(r"^\| `?(\w+)`? \| (`.+?`) \|", PAGE.read_text("utf-8"), re.M):
        described[part] |= set(re.findall(r"`(\w+)`", calls))
    called = {name: calls_of(protocol) for name, protocol in PARTS.items()}
    called["itself"] -= PARTS.keys()
    assert described == called
