"""GET of modules, fields, picklist values, layouts, related lists (fact sheet 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    ApiError,
    Json,
    Reply,
    empty,
    invalid_module,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import local
from migrator_kit.emulator.crm import Crm
from migrator_kit.emulator.records_read import RELATED
from migrator_kit.emulator.schema import JSON_TYPES, Field, Module, Option
from migrator_kit.emulator.store import get_setting
from migrator_kit.emulator.values import record_id

_UI_TYPES = {
    "text": 1, "picklist": 2, "textarea": 3, "ownerlookup": 8, "userlookup": 8, "website": 21,
    "date": 24, "email": 25, "integer": 32, "phone": 33, "percent": 34, "currency": 36,
    "double": 38, "bigint": 52, "profileimage": 66, "multiselectpicklist": 100, "formula": 116,
    "rollup_summary": 118, "lookup": 133, "autonumber": 203, "tag": 209, "boolean": 301,
    "datetime": 333, "multiselectlookup": 444, "multiuserlookup": 445, "fileupload": 555,
    "imageupload": 556,
}  # fmt: skip
_NOT_SEARCHABLE = frozenset({"textarea", "profileimage", "fileupload", "imageupload"})


def get_modules(call: Call) -> Reply:
    """GET /settings/modules."""
    modules = call.crm.schema.values()
    return Reply(200, {"modules": [module_document(call.crm, module) for module in modules]})


def get_module(call: Call) -> Reply:
    """GET /settings/modules/{api name or id}."""
    wanted = call.names["module"]
    for module in call.crm.schema.values():
        if wanted in (module.api_name, module.id):
            document = module_document(call.crm, module)
            shown = module.fields[module.display_field]
            document["display_field"] = shown.api_name
            document["related_lists"] = related_lists(call.crm, module)
            document["layouts"] = [{"id": module.layout.id, "name": module.layout.name}]
            return Reply(200, {"modules": [document]})
    raise invalid_module()


def get_fields(call: Call) -> Reply:
    """GET /settings/fields?module=..."""
    module = call.param_module()
    kind = call.params.get("type", "used")
    if kind not in ("all", "used", "unused"):
        raise ApiError(
            INVALID_DATA,
            "invalid data",
            {"param_name": "type", "supported_values": ["all", "unused"]},
        )
    unused = frozenset(module.layout.unused)
    fields = [
        field
        for name, field in module.fields.items()
        if kind == "all" or (name in unused) == (kind == "unused")
    ]
    if not fields:
        return empty()
    documents = [field_document(call.crm, module, field, call.user.tz) for field in fields]
    return Reply(200, {"fields": documents})


def get_field(call: Call) -> Reply:
    """GET /settings/fields/{id}?module=..."""
    module = call.param_module()
    field = field_by_id(module, call.names["id"])
    return Reply(200, {"fields": [field_document(call.crm, module, field, call.user.tz)]})


def get_options(call: Call) -> Reply:
    """GET /settings/fields/{id}/pick_list_values?module=..."""
    module = call.param_module()
    field = field_by_id(module, call.names["id"])
    if not field.options:
        return empty()
    layout = [_layout_reference(module)]
    values = [
        {**option_document(option), "layout_associations": layout} for option in field.options
    ]
    return Reply(200, {"pick_list_values": values})


def get_layouts(call: Call) -> Reply:
    """GET /settings/layouts?module=..."""
    module = call.param_module()
    return Reply(200, {"layouts": [layout_document(call.crm, module, call.user.tz)]})


def get_layout(call: Call) -> Reply:
    """GET /settings/layouts/{id}?module=..."""
    module = call.param_module()
    if call.names["id"] != module.layout.id:
        return empty()
    return Reply(200, {"layouts": [layout_document(call.crm, module, call.user.tz)]})


def get_related_lists(call: Call) -> Reply:
    """GET /settings/related_lists?module=..."""
    module = call.param_module()
    lists = related_lists(call.crm, module)
    return Reply(200, {"related_lists": lists}) if lists else empty()


def field_by_id(module: Module, text: str) -> Field:
    """The field of that id. Raises ApiError INVALID_DATA."""
    number = record_id(text)
    for field in module.fields.values():
        if field.id == str(number):
            return field
    raise ApiError(INVALID_DATA, "the id given seems to be invalid", {"id": text})


def module_document(crm: Crm, module: Module) -> Json:
    """A module as the API describes it."""
    people = _profiles(crm)
    records = module.api_name not in ("Attachments",)
    return {
        "id": module.id,
        "api_name": module.api_name,
        "module_name": module.plural,
        "singular_label": module.singular,
        "plural_label": module.plural,
        "actual_singular_label": module.singular,
        "actual_plural_label": module.plural,
        "api_supported": True,
        "creatable": True,
        "editable": True,
        "viewable": True,
        "deletable": True,
        "lookupable": records and module.api_name != "Notes",
        "quick_create": records,
        "convertable": module.api_name == "Leads",
        "generated_type": "custom" if module.custom else "default",
        "recycle_bin_on_delete": True,
        "global_search_supported": records,
        "visibility": 1,
        "status": "visible",
        "show_as_tab": records,
        "sequence_number": list(crm.schema).index(module.api_name) + 1,
        "profiles": people,
        "profile_count": len(people),
        "has_more_profiles": False,
        "access_type": "org_based",
        "business_card_field_limit": 5,
        "feeds_required": False,
        "isBlueprintSupported": records and not module.activity,
        "public_fields_configured": False,
        "track_current_data": False,
        "presence_sub_menu": False,
        "sub_menu_available": True,
        "parent_module": {},
        "arguments": [],
        "web_link": None,
        "description": None,
        "private_profile": None,
        "modified_by": None,
        "modified_time": None,
    }


def field_document(crm: Crm, module: Module, field: Field, tz: ZoneInfo) -> Json:
    """A field as the API describes it (fact sheet 9.2)."""
    kind = field.data_type
    restricted = {"restricted": True, "restricted_in_export": True} if field.hipaa else None
    return {
        "id": field.id,
        "api_name": field.api_name,
        "field_label": field.label,
        "display_label": field.label,
        "data_type": kind,
        "json_type": JSON_TYPES.get(kind, "string"),
        "length": field.length,
        "decimal_place": field.decimal_place,
        "system_mandatory": field.required,
        "required": field.required,
        "custom_field": field.custom,
        "created_source": "custom" if field.custom else "default",
        "type": "unused" if field.api_name in module.layout.unused else "used",
        "unique": {"case_sensitive": field.case_sensitive} if field.unique else {},
        "external": {"type": field.external, "show": True} if field.external else None,
        "lookup": _lookup_document(crm, field),
        "pick_list_values": [option_document(option) for option in field.options],
        "layout_associations": [_layout_reference(module)],
        "profiles": [{"permission_type": "read_write", **profile} for profile in _profiles(crm)],
        "display_field": field.api_name == module.display_field,
        "ui_type": _UI_TYPES.get(kind, 1),
        "currency": {"precision": field.decimal_place} if kind == "currency" else {},
        "textarea": {"type": field.textarea} if field.textarea else None,
        "tooltip": {"name": "info_icon", "value": field.tooltip} if field.tooltip else None,
        "hipaa_compliance_enabled": field.hipaa,
        "hipaa_compliance": restricted,
        "created_time": local(field.created_time, tz) if field.created_time else None,
        "modified_time": local(field.modified_time, tz) if field.modified_time else None,
        **_abilities(field),
        **_UNUSED_PROPERTIES,
    }


# Properties of parts of the product that the emulator does not have.
_UNUSED_PROPERTIES: Json = {
    "visible": True,
    "virtual_field": False,
    "display_type": -1,
    "column_name": None,
    "pick_list_values_sorted_lexically": False,
    "history_tracking_enabled": False,
    "multi_module_lookup": {},
    "multiselectlookup": {},
    "formula": {},
    "rollup_summary": {},
    "auto_number": {},
    **dict.fromkeys(("global_picklist", "crypt", "private", "history_tracking"), None),
    **dict.fromkeys(("default_value", "additional_column", "associated_module", "subform"), None),
}


def _abilities(field: Field) -> Json:
    """What may be done with a field."""
    can_write = field.settable
    can_find = field.data_type not in _NOT_SEARCHABLE
    return {
        "read_only": not can_write,
        "field_read_only": not can_write,
        "mass_update": can_write,
        "webhook": True,
        "searchable": can_find,
        "sortable": can_find,
        "filterable": can_find,
        "operation_type": dict.fromkeys(
            ("web_update", "api_create", "web_create", "api_update"), can_write
        ),
        "view_type": {
            "view": True,
            "edit": can_write,
            "quick_create": field.required,
            "create": can_write,
        },
    }


def option_document(option: Option) -> Json:
    """A picklist value; a stage also shows its probability and forecast."""
    document: Json = {
        "id": option.id,
        "display_value": option.display_value,
        "actual_value": option.actual_value,
        "reference_value": option.actual_value,
        "sequence_number": option.sequence_number,
        "type": "used" if option.used else "unused",
        "colour_code": None,
    }
    if option.forecast_type is not None:
        document["probability"] = option.probability
        document["forecast_type"] = option.forecast_type
        document["forecast_category"] = forecast_category(option)
        document["deal_category"] = option.forecast_type
    return document


def forecast_category(option: Option) -> Mapping[str, str] | None:
    """The forecast category of a stage as a reference; its id is fixed per name."""
    if option.forecast_category is None:
        return None
    place = ("Pipeline", "Closed", "Omitted").index(option.forecast_category)
    return {"name": option.forecast_category, "id": str(554_023_000_000_000_000 + place)}


def layout_document(crm: Crm, module: Module, tz: ZoneInfo) -> Json:
    """The module's layout with one section that holds every field in use."""
    fields = []
    for position, (name, field) in enumerate(module.fields.items(), start=1):
        if name in module.layout.unused:
            continue
        document = field_document(crm, module, field, tz)
        document["required"] = field.required or name in module.layout.required
        document["sequence_number"] = position
        fields.append(document)
    return {
        "id": module.layout.id,
        "name": module.layout.name,
        "display_label": module.layout.name,
        "api_name": module.layout.api_name,
        "status": "active",
        "visible": True,
        "source": "crm",
        "generated_type": "system",
        "has_more_profiles": False,
        "created_by": None,
        "created_time": None,
        "created_for": None,
        "modified_by": None,
        "modified_time": None,
        "show_business_card": True,
        "convert_mapping": {},
        "actions_allowed": {"edit": True, "rename": True, "clone": True, "delete": False},
        "profiles": [{"default": True, **profile} for profile in _profiles(crm)],
        "sections": [
            {
                "id": str(int(module.layout.id) + 1_000_000_000),
                "api_name": f"{module.singular} Information",
                "name": f"{module.singular} Information",
                "display_label": f"{module.singular} Information",
                "type": "used",
                "mode": "default_create",
                "sequence_number": 1,
                "column_count": 2,
                "tab_traversal": "left_to_right",
                "generated_type": "default",
                "isSubformSection": False,
                "properties": None,
                "fields": fields,
            }
        ],
    }


def related_lists(crm: Crm, module: Module) -> list[Json]:
    """The related lists of a module: notes, attachments, and children whose lookup points here."""
    names = ["Notes", "Attachments"] if module.api_name not in ("Notes", "Attachments") else []
    if module.api_name == "Notes":
        names = ["Attachments"]
    names += [child for parent, child in RELATED if parent == module.api_name]
    return [
        {
            "id": str(int(module.id) + 2_000_000_000 + position),
            "api_name": name,
            "name": name,
            "display_label": crm.schema[name].plural,
            "module": {"api_name": name, "id": crm.schema[name].id},
            "href": f"{module.api_name}/{{ENTITYID}}/{name}",
            "type": "default",
            "action": None,
            "connectedmodule": None,
            "linkingmodule": None,
            "sequence_number": str(position),
            "customize_sort": True,
            "customize_fields": True,
            "customize_display_label": False,
            "status": "visible",
        }
        for position, name in enumerate(names, start=1)
    ]


def _lookup_document(crm: Crm, field: Field) -> Json:
    if field.lookup is None:
        return {}
    target = crm.schema.get(field.lookup)
    return {
        "id": field.id if target else None,
        "api_name": field.api_name if target else None,
        "display_label": field.label,
        "module": {"api_name": field.lookup, "id": target.id if target else None},
        "query_details": {},
        "show_fields": [],
        "revalidate_filter_during_edit": False,
    }


def _layout_reference(module: Module) -> Json:
    layout = module.layout
    return {"api_name": layout.api_name, "name": layout.name, "id": layout.id}


def _profiles(crm: Crm) -> list[dict[str, str]]:
    profiles = get_setting(crm.store.reader(), "profiles")
    return [{"name": name, "id": number} for name, number in profiles.items()]
