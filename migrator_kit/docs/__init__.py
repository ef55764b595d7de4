"""The documentation as Markdown pages, shipped with the package and readable from a notebook.

`python -m migrator_kit.docs` writes the pages anew that are made from the code.
"""

from __future__ import annotations

from pathlib import Path

from migrator_kit.errors import ParameterError
from migrator_kit.spelling import meant

FOLDER = Path(__file__).parent

PAGES = {
    "tour": "Ten minutes: the whole way of a small practice, with pictures",
    "analyst": "The analyst's guide: each notebook, what you decide, what can go wrong",
    "prepare-zoho": "Preparing Zoho CRM: credentials, scopes, sandbox, quiet hours, editions",
    "prepare-practice": "Preparing the practice: read-only users, exports, carrying data away",
    "configuration": "Configuration: engagement.yml and the files beside it",
    "mapping-reference": "Mapping reference: every transform with its options and examples",
    "errors": "Error catalogue: every error, gate, refusal and reject, with its remedy",
    "security": "Security and privacy: what is kept where, what leaves, what is checked",
    "architecture": "Architecture: rooms, the flow of data",
    "adding_a_crm": "Adding a CRM: what the load needs of a target",
    "decisions": "Decisions: what was decided, on what evidence, and what was refused",
    "contributing": "Contributing: setting up, tests, style, adding a transform or a source",
}
"""Names of the pages, in reading order, with what each answers."""


def read_page(name: str) -> str:
    """Return a page as Markdown. Raises ParameterError with the nearest known name."""
    if name not in PAGES:
        near = meant(name, PAGES)
        hint = f"Did you mean {near}? " if near else ""
        raise ParameterError(f"There is no page {name!r}.", hint=f"{hint}Pages: {', '.join(PAGES)}")
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def contents() -> str:
    """Return the list of pages, one a line."""
    return "\n".join(f"{name:<18} {title}" for name, title in PAGES.items())
