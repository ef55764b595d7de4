"""Fields, picklists, layouts and stages as Zoho describes them, and the form of a new field.

Shapes: fact sheet 9.1 to 9.3 and 9.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PicklistValue:
    """One option. `probability` and `forecast_type` are set on Deal stages alone."""

    id: str | None
    display_value: str
    actual_value: str
    used: bool = True
    sequence: int | None = None
    probability: float | None = None
    forecast_type: str | None = None
    deal_category: str | None = None


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of a module.

    `hidden_by_hipaa` tells that its values come back empty through the API, so that a comparison
    after the load must not count them as lost (fact sheet 2.10).
    """

    id: str
    api_name: str
    label: str
    data_type: str
    length: int | None
    required: bool
    unique: bool
    custom: bool
    read_only: bool
    picklist: tuple[PicklistValue, ...]
    lookup_module: str | None
    hidden_by_hipaa: bool
    decimals: int | None = None
    encrypted: bool = False
    external: bool = False
    json_type: str = ""
    textarea_type: str | None = None
    creatable: bool = True
    updatable: bool = True

    @property
    def renamed_choices(self) -> dict[str, str]:
        """Picklist values that are shown under another name than they are stored: shown → stored.

        A name that another value is stored as would be read wrongly and is left out.
        """
        stored = {value.actual_value for value in self.picklist}
        return {
            value.display_value: value.actual_value
            for value in self.picklist
            if value.display_value not in stored
        }


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """One module of the org."""

    id: str
    api_name: str
    singular_label: str
    plural_label: str
    api_supported: bool
    creatable: bool
    editable: bool
    deletable: bool
    generated_type: str


@dataclass(frozen=True, slots=True)
class LayoutField:
    """A field as one layout shows it: `required` here is the layout's own rule."""

    api_name: str
    required: bool
    picklist: tuple[str, ...]
    section: str


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout of a module."""

    id: str
    name: str
    status: str
    fields: tuple[LayoutField, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """API names of the fields that this layout demands."""
        return tuple(field.api_name for field in self.fields if field.required)


@dataclass(frozen=True, slots=True)
class Stage:
    """A Deal stage with its probability in percent; stages of one pipeline keep its order."""

    id: str | None
    display_value: str
    actual_value: str
    sequence: int | None
    probability: float | None
    forecast_type: str | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of Deals with its stages in order."""

    id: str
    display_value: str
    actual_value: str
    default: bool
    layout_id: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A custom field to create. `length` is the type's longest one where it is None."""

    label: str
    data_type: str
    length: int | None = None
    unique: bool = False
    picklist: tuple[str, ...] = ()
    tooltip: str | None = None
    lookup_module: str | None = None
    decimals: int | None = None


def parse_field(item: Mapping[str, Any]) -> FieldInfo:
    """Return a field from its JSON."""
    unique = item.get("unique")
    operations = _part(item, "operation_type")
    # `field_read_only` is no help: Zoho's own sample has it true for Owner, which can be set.
    creatable = bool(operations.get("api_create", True))
    updatable = bool(operations.get("api_update", True))
    textarea = item.get("textarea")
    return FieldInfo(
        id=str(item.get("id", "")),
        api_name=str(item.get("api_name", "")),
        label=str(item.get("field_label") or item.get("display_label") or ""),
        data_type=str(item.get("data_type", "")),
        length=_whole(item.get("length")),
        required=bool(item.get("system_mandatory") or item.get("required")),
        unique=bool(unique) if isinstance(unique, Mapping) else unique is True,
        custom=bool(item.get("custom_field")),
        read_only=bool(item.get("read_only")) or not (creatable or updatable),
        picklist=tuple(map(parse_picklist_value, _list(item, "pick_list_values"))),
        lookup_module=_lookup_module(item),
        hidden_by_hipaa=_restricted(item),
        decimals=_whole(item.get("decimal_place")),
        encrypted=bool(item.get("crypt")),
        external=bool(item.get("external")),
        json_type=str(item.get("json_type") or ""),
        textarea_type=str(textarea.get("type") or "") if isinstance(textarea, Mapping) else None,
        creatable=creatable,
        updatable=updatable,
    )


def parse_picklist_value(item: Mapping[str, Any]) -> PicklistValue:
    """Return an option from its JSON."""
    shown = str(item.get("display_value") or "")
    probability = item.get("probability")
    return PicklistValue(
        id=str(item["id"]) if item.get("id") else None,
        display_value=shown,
        actual_value=str(item.get("actual_value") or shown),
        used=str(item.get("type", "used")) != "unused",
        sequence=_whole(item.get("sequence_number")),
        probability=float(probability) if isinstance(probability, int | float) else None,
        forecast_type=_text(item.get("forecast_type")),
        deal_category=_text(item.get("deal_category")),
    )


def parse_module(item: Mapping[str, Any]) -> ModuleInfo:
    """Return a module from its JSON."""
    return ModuleInfo(
        id=str(item.get("id", "")),
        api_name=str(item.get("api_name", "")),
        singular_label=str(item.get("singular_label") or ""),
        plural_label=str(item.get("plural_label") or ""),
        api_supported=bool(item.get("api_supported")),
        creatable=bool(item.get("creatable")),
        editable=bool(item.get("editable")),
        deletable=bool(item.get("deletable")),
        generated_type=str(item.get("generated_type") or ""),
    )


def parse_layout(item: Mapping[str, Any]) -> Layout:
    """Return a layout from its JSON, its sections laid flat."""
    fields = [
        LayoutField(
            api_name=str(field.get("api_name", "")),
            required=bool(field.get("required")),
            picklist=tuple(
                str(value.get("actual_value") or value.get("display_value") or "")
                for value in _list(field, "pick_list_values")
            ),
            section=str(section.get("api_name") or section.get("name") or ""),
        )
        for section in _list(item, "sections")
        for field in _list(section, "fields")
    ]
    return Layout(
        id=str(item.get("id", "")),
        name=str(item.get("name") or item.get("display_label") or ""),
        status=str(item.get("status") or ""),
        fields=tuple(fields),
    )


def parse_pipeline(item: Mapping[str, Any], layout_id: str, known: Sequence[Stage]) -> Pipeline:
    """Return a pipeline from its JSON; probabilities come from the stages of the Stage field."""
    by_id = {stage.id: stage for stage in known if stage.id}
    by_name = {stage.actual_value: stage for stage in known}
    stages = []
    for part in _list(item, "maps"):
        shown = str(part.get("display_value") or "")
        actual = str(part.get("actual_value") or shown)
        found = by_id.get(str(part.get("id"))) or by_name.get(actual)
        stages.append(
            Stage(
                id=str(part["id"]) if part.get("id") else None,
                display_value=shown,
                actual_value=actual,
                sequence=_whole(part.get("sequence_number")),
                probability=found.probability if found else None,
                forecast_type=_text(part.get("forecast_type")),
            )
        )
    return Pipeline(
        id=str(item.get("id", "")),
        display_value=str(item.get("display_value") or ""),
        actual_value=str(item.get("actual_value") or item.get("display_value") or ""),
        default=bool(item.get("default")),
        layout_id=layout_id,
        stages=tuple(sorted(stages, key=lambda stage: stage.sequence or 0)),
    )


def stage_of(value: PicklistValue) -> Stage:
    """Return an option of the Stage field as a stage."""
    return Stage(
        id=value.id,
        display_value=value.display_value,
        actual_value=value.actual_value,
        sequence=value.sequence,
        probability=value.probability,
        forecast_type=value.forecast_type,
    )


def _part(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def _list(item: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = item.get(name)
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return str(value) if value else None


def _whole(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isdigit() else None


def _lookup_module(item: Mapping[str, Any]) -> str | None:
    module = _part(item, "lookup").get("module")
    name = module.get("api_name") if isinstance(module, Mapping) else module
    return str(name) if name else None


def _restricted(item: Mapping[str, Any]) -> bool:
    flags = _part(item, "hipaa_compliance")
    return bool(flags.get("restricted"))
