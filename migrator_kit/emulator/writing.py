"""Writes a batch of checked records: insert, update, upsert, by REST and by bulk alike.

One Batch lives inside one write transaction. Rows are settled in their order, so that the second
of two rows with the same key sees the first (fact sheet 2.4, a choice there).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from migrator_kit.emulator import automation, find
from migrator_kit.emulator.answers import INVALID_DATA, RecordError
from migrator_kit.emulator.automation import Automations
from migrator_kit.emulator.crm import Crm, User
from migrator_kit.emulator.derived import settle
from migrator_kit.emulator.schema import Module
from migrator_kit.emulator.store import Writer
from migrator_kit.emulator.validation import Checked, Reference, missing_field, unresolved

Data = dict[str, Any]


@dataclass(slots=True)
class Draft:
    """One record to write: its checked values or the error that stopped it, and its target."""

    place: str
    checked: Checked | None = None
    error: RecordError | None = None
    target: int | None = None
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one draft."""

    error: RecordError | None = None
    action: str | None = None
    id: int = 0
    duplicate_field: str | None = None
    data: Data | None = None


class Batch:
    """A set of drafts of one module on their way into the store."""

    def __init__(self, crm: Crm, writer: Writer, module: Module, user: User) -> None:
        self._crm = crm
        self._writer = writer
        self._db = writer.db
        self._module = module
        self._user = user
        self._now = crm.clock.stamp()
        self._found: dict[str, dict[object, int]] = {}
        self._records: dict[int, Data] = {}
        self._inserted: dict[int, Data] = {}
        self._updated: dict[int, Data] = {}
        unique = module.unique_fields()
        self._unique = [field.api_name for field in unique]
        self._sensitive = frozenset(field.api_name for field in unique if field.case_sensitive)

    def insert(self, drafts: Sequence[Draft]) -> list[Outcome]:
        """Create a record for every draft."""
        return self._run(drafts, ())

    def update(self, drafts: Sequence[Draft]) -> list[Outcome]:
        """Change the record that each draft names by `target`."""
        return self._run(drafts, ())

    def upsert(self, drafts: Sequence[Draft], fields: Sequence[str]) -> list[Outcome]:
        """Change the first record that agrees in one of these fields, in order, or create one."""
        return self._run(drafts, fields)

    def skip_known(self, drafts: Sequence[Draft], field: str) -> list[bool]:
        """For bulk insert with find_by: which drafts agree with a record that is there."""
        self._look_up(drafts, [field])
        known = self._found[field]
        return [
            draft.checked is not None and self._key(field, draft.checked.values.get(field)) in known
            for draft in drafts
        ]

    def fire(self, run: Automations) -> None:
        """Set off the automations for what was written."""
        name = self._module.api_name
        automation.fire(self._writer, self._now, run, name, "create", self._inserted)
        automation.fire(self._writer, self._now, run, name, "edit", self._updated)

    def _run(self, drafts: Sequence[Draft], match: Sequence[str]) -> list[Outcome]:
        self._check_references(drafts)
        self._look_up(drafts, list(dict.fromkeys([*match, *self._unique])))
        self._load(drafts, match)
        outcomes = [self._settle(draft, match) for draft in drafts]
        self._store()
        return outcomes

    def _check_references(self, drafts: Sequence[Draft]) -> None:
        wanted: dict[str, set[int]] = {}
        for draft in drafts:
            if draft.checked is not None:
                for reference in draft.checked.references:
                    wanted.setdefault(reference.module, set()).add(reference.id)
        there = {module: self._existing(module, ids) for module, ids in wanted.items()}
        for draft in drafts:
            if draft.checked is None:
                continue
            bad = _first_missing(draft.checked.references, there)
            if bad is not None:
                draft.checked, draft.error = None, unresolved(bad)

    def _existing(self, module: str, ids: set[int]) -> set[int]:
        if module == "Users":
            return {number for number in ids if self._is_active(number)}
        return find.existing(self._db, module, ids)

    def _is_active(self, number: int) -> bool:
        user = self._crm.users.get(number)
        return user is not None and user.active

    def _look_up(self, drafts: Sequence[Draft], fields: Sequence[str]) -> None:
        for name in fields:
            values = {
                value
                for draft in drafts
                if draft.checked is not None
                and (value := draft.checked.values.get(name)) is not None
            }
            self._found[name] = find.ids_by_value(
                self._db,
                self._module.api_name,
                name,
                values,
                find.exact if name in self._sensitive else find.fold,
            )

    def _key(self, name: str, value: object) -> object:
        return value if name in self._sensitive else find.fold(value)

    def _load(self, drafts: Sequence[Draft], match: Sequence[str]) -> None:
        ids = {draft.target for draft in drafts if draft.target is not None}
        for name in match:
            ids.update(self._found[name].values())
        self._records.update(find.load(self._db, self._module.api_name, ids))

    def _settle(self, draft: Draft, match: Sequence[str]) -> Outcome:
        if draft.checked is None:
            return Outcome(draft.error)
        values = draft.checked.values
        target, agreed = draft.target, None
        if match:
            target, agreed = self._match(values, match)
        try:
            self._refuse_target(draft, target)
            data = self._merge(target, draft.checked)
            self._refuse_duplicate(values, target, draft.place)
            settle(self._module.api_name, data, values, draft.place, self._crm.stages)
        except RecordError as error:
            return Outcome(error)
        number = target if target is not None else self._writer.new_id()
        self._keep(number, data, is_new=target is None)
        action = "insert" if target is None else "update"
        return Outcome(None, action, number, agreed, data)

    def _match(self, values: Data, match: Sequence[str]) -> tuple[int | None, str | None]:
        for name in match:
            value = values.get(name)
            if value is not None:
                number = self._found[name].get(self._key(name, value))
                if number is not None:
                    return number, name
        return None, None

    def _refuse_target(self, draft: Draft, target: int | None) -> None:
        """A target must be there; without one, every mandatory field must be given.

        Rows of an upsert are checked as updates first, so the second part is done here.
        """
        if target is not None:
            if target not in self._records:
                raise RecordError(
                    INVALID_DATA, "the id given seems to be invalid", {"id": str(target)}
                )
            return
        if draft.must_exist:
            raise RecordError("RESOURCE_NOT_FOUND", "record not found")
        values = draft.checked.values if draft.checked else {}
        for name in self._crm.rules(self._module.api_name).required:
            if values.get(name) is None:
                raise missing_field(name, draft.place)

    def _merge(self, target: int | None, checked: Checked) -> Data:
        if target is None:
            data = {name: value for name, value in checked.values.items() if value is not None}
            me = str(self._user.id)
            data.setdefault("Owner", me)
            data["Created_By"] = me
            data["Created_Time"] = self._now
        else:
            data = {**self._records[target], **checked.values}
            for name in checked.append:
                _append(data, self._records[target], name)
            for name, value in checked.values.items():
                if value is None:
                    del data[name]
        data["Modified_By"] = str(self._user.id)
        data["Modified_Time"] = self._now
        return data

    def _refuse_duplicate(self, values: Data, target: int | None, place: str) -> None:
        for name in self._unique:
            value = values.get(name)
            if value is None:
                continue
            holder = self._found[name].get(self._key(name, value))
            if holder is not None and holder != target:
                raise self._duplicate(name, holder, place)

    def _duplicate(self, name: str, holder: int, place: str) -> RecordError:
        data = self._records.get(holder) or find.load(
            self._db, self._module.api_name, [holder]
        ).get(holder, {})
        owner = self._crm.users.get(int(data.get("Owner", 0)))
        return RecordError(
            "DUPLICATE_DATA",
            "duplicate data",
            {
                "api_name": name,
                "json_path": f"{place}.{name}",
                "id": str(holder),
                "more_records": False,
                "duplicate_record": {
                    "id": str(holder),
                    "Owner": {**owner.reference, "zuid": owner.data["zuid"]} if owner else None,
                    "module": {"id": self._module.id, "api_name": self._module.api_name},
                },
            },
        )

    def _keep(self, number: int, data: Data, *, is_new: bool) -> None:
        for name, known in self._found.items():
            before = self._records[number].get(name) if not is_new else None
            if before is not None and known.get(self._key(name, before)) == number:
                del known[self._key(name, before)]
            value = data.get(name)
            if value is not None:
                known.setdefault(self._key(name, value), number)
        self._records[number] = data
        if is_new or number in self._inserted:
            self._inserted[number] = data
        else:
            self._updated[number] = data

    def _store(self) -> None:
        table = self._module.table
        self._db.executemany(
            f"INSERT INTO {table} VALUES (?, ?)",
            ((number, _dump(data)) for number, data in self._inserted.items()),
        )
        self._db.executemany(
            f"UPDATE {table} SET data = ? WHERE id = ?",
            ((_dump(data), number) for number, data in self._updated.items()),
        )


def _first_missing(references: list[Reference], there: dict[str, set[int]]) -> Reference | None:
    for reference in references:
        if reference.id not in there[reference.module]:
            return reference
    return None


def _append(data: Data, before: Data, name: str) -> None:
    """`$append_values`: a multi-select or multi-line value is added to what is there."""
    old, new = before.get(name), data.get(name)
    if isinstance(old, list) and isinstance(new, list):
        data[name] = list(dict.fromkeys([*old, *new]))
    elif isinstance(old, str) and isinstance(new, str):
        data[name] = f"{old}\n{new}"


def _dump(data: Data) -> str:
    return orjson.dumps(data).decode()
