"""Brings stored records into the form the API answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import Json
from migrator_kit.emulator.clock import local
from migrator_kit.emulator.crm import Crm, User
from migrator_kit.emulator.schema import PARENT_MODULES, Field, Module

Names = dict[str, dict[int, str]]
Render = Callable[[Any, dict[str, Any], Names], Any]
RICH_TEXT_IN_LISTS = 500


class Renderer:
    """Renders records of one module for one user.

    `fields` None means all of them with the `$` properties (get by id); a list means those only.
    `named` tells whether lookups carry the name of what they point at.
    """

    def __init__(
        self,
        crm: Crm,
        module: Module,
        user: User,
        fields: Sequence[str] | None,
        *,
        named: bool = True,
    ) -> None:
        self._crm = crm
        self._module = module
        self._user = user
        self._named = named
        self.whole = fields is None
        wanted = list(module.fields) if fields is None else list(dict.fromkeys(fields))
        self._fields = [module.fields[name] for name in wanted if name in module.fields]
        self._renders = [(field.api_name, self._render_of(field)) for field in self._fields]
        self._extra = [name for name in wanted if name[:1] == "$"]

    def records(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> list[Json]:
        """The rows as the API answers them, `id` in each."""
        pairs = list(rows)
        names = self._names([data for _, data in pairs]) if self._named else {}
        return [self._record(number, data, names) for number, data in pairs]

    def _record(self, number: int, data: dict[str, Any], names: Names) -> Json:
        record: Json = {"id": str(number)}
        for name, render in self._renders:
            record[name] = render(data.get(name), data, names)
        if self.whole:
            record.update(self._properties(data))
        for name in self._extra:
            record[name] = _se_module(data) if name == "$se_module" else None
        return record

    def _properties(self, data: dict[str, Any]) -> Json:
        properties: Json = {
            "$approval_state": "approved",
            "$approved": True,
            "$editable": True,
            "$in_merge": False,
            "$locked_for_me": False,
            "$state": "save",
            "$review": None,
            "$currency_symbol": self._crm.org["currency_symbol"],
            "Layout": {"id": self._module.layout.id, "name": self._module.layout.name},
        }
        if self._module.activity or self._module.api_name == "Notes":
            properties["$se_module"] = _se_module(data)
        return properties

    def _render_of(self, field: Field) -> Render:
        kind = field.data_type
        if self._crm.settings.hipaa_restricted and field.hipaa:
            return lambda _value, _data, _names: None
        if kind == "datetime":
            tz = self._user.tz
            return lambda value, _data, _names: None if value is None else local(value, tz)
        if kind == "boolean":
            return lambda value, _data, _names: bool(value)
        if kind in ("ownerlookup", "userlookup"):
            return self._user_value
        if field.lookup is not None and kind == "lookup":
            return self._parent_value if field.lookup == PARENT_MODULES else self._lookup(field)
        if kind == "tag":
            return lambda value, _data, _names: value or []
        if field.textarea == "rich_text" and not self.whole:
            return lambda value, _data, _names: value and value[:RICH_TEXT_IN_LISTS]
        return lambda value, _data, _names: value

    def _user_value(self, value: Any, _data: dict[str, Any], _names: Names) -> Any:
        user = self._crm.users.get(int(value)) if value is not None else None
        if user is None:
            return None
        if not self._named:
            return {"id": str(user.id)}
        return {**user.reference, "email": user.data["email"]}

    def _lookup(self, field: Field) -> Render:
        module = field.lookup or ""

        def render(value: Any, _data: dict[str, Any], names: Names) -> Any:
            if value is None:
                return None
            if not self._named:
                return {"id": value}
            return {"name": names.get(module, {}).get(int(value)), "id": value}

        return render

    def _parent_value(self, value: Any, data: dict[str, Any], names: Names) -> Any:
        if value is None:
            return None
        if not self._named:
            return {"id": value}
        module = data.get("$se_module", "")
        name = names.get(module, {}).get(int(value))
        if self._module.api_name == "Notes":
            known = self._crm.schema.get(module)
            kind = {"api_name": module, "id": known.id if known else None}
            return {"module": kind, "name": name, "id": value}
        return {"name": name, "id": value}

    def _names(self, rows: list[dict[str, Any]]) -> Names:
        wanted: dict[str, set[int]] = {}
        for field in self._fields:
            if field.data_type != "lookup" or field.lookup is None:
                continue
            for data in rows:
                value = data.get(field.api_name)
                if value is not None:
                    several = field.lookup == PARENT_MODULES
                    module = data.get("$se_module", "") if several else field.lookup
                    wanted.setdefault(module, set()).add(int(value))
        db = self._crm.store.reader()
        return {
            module: find.names(db, self._crm.schema[module], ids)
            for module, ids in wanted.items()
            if module in self._crm.schema
        }


def _se_module(data: dict[str, Any]) -> str | None:
    if data.get("What_Id") is None and data.get("Parent_Id") is None:
        return "Contacts" if data.get("Who_Id") is not None else None
    return data.get("$se_module")
