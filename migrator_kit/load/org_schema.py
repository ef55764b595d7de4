"""What the org's modules look like now: fields with their API names and types, the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrator_kit.load.target import Target
from migrator_kit.zoho.fields import FieldInfo, Pipeline

DEALS = "Deals"
WITHOUT_FIELDS = frozenset({"Notes", "Attachments"})
"""Modules whose fields are fixed: nothing to read, nothing to create."""


@dataclass(frozen=True, slots=True)
class OrgSchema:
    """Fields by module, and the default pipeline of Deals (None where pipelines are off)."""

    fields: Mapping[str, tuple[FieldInfo, ...]]
    pipeline: Pipeline | None

    def by_api_name(self, module: str, api_name: str) -> FieldInfo | None:
        """Return a field by its API name."""
        return next((f for f in self.fields.get(module, ()) if f.api_name == api_name), None)

    def by_label(self, module: str, label: str) -> FieldInfo | None:
        """Return a custom field by its label, whatever its case: Zoho takes each label once."""
        wanted = label.strip().lower()
        return next(
            (f for f in self.fields.get(module, ()) if f.custom and f.label.lower() == wanted),
            None,
        )

    def by_id(self, module: str, field_id: str) -> FieldInfo | None:
        """Return a field by its id, which stays when somebody renames it."""
        return next((f for f in self.fields.get(module, ()) if f.id == field_id), None)

    def constants(self, module: str) -> dict[str, str]:
        """Return what every record of a module needs for the org's layout: a Deal's pipeline."""
        named = self.by_api_name(module, "Pipeline") is not None
        if module == DEALS and named and self.pipeline is not None:
            return {"Pipeline": self.pipeline.display_value}
        return {}


def read_schema(target: Target, modules: Iterable[str]) -> OrgSchema:
    """Return the fields of `modules` and the pipeline as the org has them now."""
    metadata = target.client.metadata
    names = sorted(set(modules) - WITHOUT_FIELDS - {""})
    fields = {module: tuple(metadata.fields(module)) for module in names}
    pipelines = metadata.pipelines() if DEALS in names else []
    default = next((one for one in pipelines if one.default), None)
    return OrgSchema(fields, default or (pipelines[0] if pipelines else None))
