"""Metadata of the org: modules, fields, layouts, pipelines; custom fields and picklist values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrator_kit.zoho import fields as shapes
from migrator_kit.zoho import fieldspecs, limits
from migrator_kit.zoho.answers import Answer
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.fields import FieldInfo, FieldSpec, Layout, ModuleInfo, Pipeline, Stage
from migrator_kit.zoho.results import ItemResult, items_of
from migrator_kit.zoho.transport import Transport

SETTINGS = "/crm/v8/settings"


class Metadata:
    """Calls on metadata. Nothing is cached: what was just created is read back."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def modules(self) -> list[ModuleInfo]:
        """Return the org's modules."""
        answer = self._transport.send(Call("GET", f"{SETTINGS}/modules"))
        return [shapes.parse_module(item) for item in answer.listed("modules")]

    def fields(self, module: str) -> list[FieldInfo]:
        """Return the fields of a module, with the API names that Zoho gave them."""
        answer = self._transport.send(Call("GET", f"{SETTINGS}/fields", params={"module": module}))
        return [shapes.parse_field(item) for item in answer.listed("fields")]

    def field(self, module: str, api_name: str) -> FieldInfo | None:
        """Return one field of a module by its API name, or None."""
        return next((f for f in self.fields(module) if f.api_name == api_name), None)

    def layouts(self, module: str) -> list[Layout]:
        """Return the layouts of a module: what each demands, and its picklist subsets."""
        answer = self._transport.send(Call("GET", f"{SETTINGS}/layouts", params={"module": module}))
        return [shapes.parse_layout(item) for item in answer.listed("layouts")]

    def stages(self) -> list[Stage]:
        """Return the Deal stages in use, with probability, from the Stage field's options."""
        field = self.field("Deals", "Stage")
        options = field.picklist if field else ()
        return [shapes.stage_of(value) for value in options if value.used]

    def pipelines(self) -> list[Pipeline]:
        """Return the pipelines of every Deals layout; empty where pipelines are off."""
        stages = self.stages()
        found = []
        for layout in self.layouts("Deals"):
            answer = self._transport.send(
                Call("GET", f"{SETTINGS}/pipeline", params={"layout_id": layout.id})
            )
            found += [
                shapes.parse_pipeline(item, layout.id, stages) for item in answer.listed("pipeline")
            ]
        return found

    def field_problems(self, module: str, specs: Sequence[FieldSpec], edition: str) -> list[str]:
        """Return why Zoho would refuse these new fields, as sentences, before any is created."""
        others = limits.ACTIVITIES - {module} if module in limits.ACTIVITIES else frozenset()
        labels = [field.label for other in sorted(others) for field in self.fields(other)]
        return fieldspecs.problems(
            module,
            specs,
            self.fields(module),
            limits.limits_for(edition),
            other_activity_labels=labels,
        )

    def create_fields(self, module: str, specs: Sequence[FieldSpec]) -> list[ItemResult]:
        """Create custom fields, five a call; one result per field, `id` set where it worked.

        The API name is Zoho's choice: read `fields(module)` afterwards and match by id. After an
        AmbiguousError read them as well: fields of earlier calls stand there.
        """
        results: list[ItemResult] = []
        for start in range(0, len(specs), limits.FIELDS_PER_CREATE):
            part = specs[start : start + limits.FIELDS_PER_CREATE]
            answer = self._create(module, part)
            named = items_of(answer.body, "fields") or []
            if answer.status == 400 and len(named) != len(part) > 1:
                # The whole call was refused for one of its fields: find out which by sending each.
                for spec in part:
                    results += self._create(module, [spec]).items(1)
            else:
                results += answer.items(len(part))
        return results

    def _create(self, module: str, specs: Sequence[FieldSpec]) -> Answer:
        call = Call(
            "POST",
            f"{SETTINGS}/fields",
            params={"module": module},
            body={"fields": [fieldspecs.to_json(spec) for spec in specs]},
            credits=limits.CREDITS_FIELD * len(specs),
            writes=True,
            items_key="fields",
            envelope_ok=True,
        )
        return self._transport.send(call)

    def add_picklist_values(self, module: str, field_id: str, values: Iterable[str]) -> ItemResult:
        """Add options to a picklist; those that stand there are left as they are."""
        options = fieldspecs.picklist_json(values)
        return self._change(module, field_id, {"pick_list_values": options})

    def set_unique(self, module: str, field_id: str) -> ItemResult:
        """Make a custom field unique. Zoho refuses where its values are not."""
        return self._change(module, field_id, {"unique": {"case_sensitive": False}})

    def delete_field(self, module: str, field_id: str) -> ItemResult:
        """Delete a custom field with all its values. In use elsewhere: refused, not raised."""
        call = Call(
            "DELETE",
            f"{SETTINGS}/fields/{field_id}",
            params={"module": module},
            credits=limits.CREDITS_FIELD,
            writes=True,
            items_key="fields",
            envelope_ok=True,
        )
        return self._transport.send(call).items(1)[0]

    def _change(self, module: str, field_id: str, changes: dict[str, object]) -> ItemResult:
        call = Call(
            "PATCH",
            f"{SETTINGS}/fields/{field_id}",
            params={"module": module},
            body={"fields": [changes]},
            credits=limits.CREDITS_FIELD,
            writes=True,
            items_key="fields",
            envelope_ok=True,
        )
        return self._transport.send(call).items(1)[0]
