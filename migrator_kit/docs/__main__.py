"""Writes the pages that are made from the code, and the packaged JSON schemas."""

from __future__ import annotations

from migrator_kit.docs import FOLDER
from migrator_kit.docs.error_catalogue import error_catalogue
from migrator_kit.docs.mapping_reference import mapping_reference
from migrator_kit.mapping.json_schema import write_schemas

if __name__ == "__main__":
    (FOLDER / "mapping-reference.md").write_text(mapping_reference(), encoding="utf-8")
    (FOLDER / "errors.md").write_text(error_catalogue(), encoding="utf-8")
    write_schemas()
