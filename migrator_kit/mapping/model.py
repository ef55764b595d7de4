"""`mapping.yml` as a typed model: objects, field mappings, dispositions, decisions.

A mapping says, for every source column, what becomes of it, and who confirmed that. Logical names
(`Source_System_ID__c`) are the names promised to the client; Zoho's own API name of a created
field is read back after provisioning (see `load.provision`).
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from migrator_kit.privacy import DataClass


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ObjectName(StrEnum):
    """The ten source objects, in the order in which the client reads them."""

    PRACTICE = "Practice"
    PATIENT = "Patient"
    INSURANCE = "Insurance"
    PLAN = "Treatment Plan"
    PLAN_ID = "Treatment Plan ID"
    APPOINTMENT = "Appointment"
    CALL_LOG = "Call Log"
    NOTE = "Clinical Note"
    ATTACHMENT = "Attachment"
    RULE = "Reminder Rule"


class Landing(StrEnum):
    """How an object arrives in Zoho CRM."""

    RECORDS = "records"
    """One record of a module for each row, found again by its source key field."""
    NOTES = "notes"
    """One note on its parent's record, found again by its first line."""
    FILES = "files"
    """One attachment on its parent's record, found again by content digest."""
    FIELDS = "fields"
    """Values of another object's records (insurance on Contacts, the plan's id on Deals)."""
    REFERENCE = "reference"
    """Does not move: exported as a reference for rebuilding it in Zoho."""


class Disposition(StrEnum):
    """What becomes of a source column that no field mapping uses."""

    ARCHIVED = "archived"
    """Kept in the snapshot, does not move."""
    DROPPED = "dropped"
    """Not wanted any more."""


class MissingParent(StrEnum):
    """What happens to a row whose parent does not exist or does not move."""

    EXCLUDE = "exclude"
    UNLINK = "unlink"


class OnConflict(StrEnum):
    """What becomes of a field that changed in the source and in Zoho CRM since the last load."""

    SOURCE = "source"
    TARGET = "target"
    ASK = "ask"


class Writes(StrEnum):
    """What a load may do with an object's records in the org."""

    UPSERT = "upsert"
    CREATE = "create"
    UPDATE = "update"


class FileChange(StrEnum):
    """What becomes of a file that changed in the source after it was uploaded."""

    ASK = "ask"
    """It waits for a person; the uploaded version stays."""
    REPLACE = "replace"
    """The new version is uploaded and verified, then the one we had uploaded is removed."""
    KEEP_BOTH = "keep_both"


class SecondDecision(_Part):
    """The second person who confirmed what the first one had confirmed."""

    by: Annotated[str, Field(min_length=1)]
    when: datetime


class Decision(_Part):
    """Who decided a mapping row, when, and why. `proposal` is the digest of what was answered."""

    state: Literal["confirmed", "rejected"]
    by: Annotated[str, Field(min_length=1)]
    when: datetime
    note: str = ""
    proposal: str = ""
    second: SecondDecision | None = None
    """Who else read it, where the engagement asks for a second pair of eyes."""


class NewField(_Part):
    """A custom field that provisioning creates. Limits: fact sheet 9.3."""

    label: Annotated[str, Field(min_length=1, max_length=25)]
    data_type: Literal[
        "text", "textarea", "email", "phone", "picklist", "multiselectpicklist", "date",
        "datetime", "integer", "bigint", "currency", "double", "percent", "boolean", "website",
    ]  # fmt: skip
    length: Annotated[int, Field(ge=1, le=50_000)] | None = None
    unique: bool = False
    picklist: tuple[str, ...] = ()


class Step(_Part):
    """One transform with its options, by its name in the registry of `mapping.transforms`."""

    name: str
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """Accept `phone` and `phone: {region: GR}` beside the long form."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and len(value) == 1 and "name" not in value:
            ((name, options),) = value.items()
            return {"name": name, "options": options or {}}
        return value


class FieldMapping(_Part):
    """One target field of an object: where its value comes from and what is done to it."""

    target: Annotated[str, Field(min_length=1)]
    """API name of the field in Zoho CRM; with `__c`, the logical name of one to be created."""
    module: str | None = None
    """Where given, the row holds only while its object lands in this module."""
    columns: tuple[str, ...] = ()
    """Columns of the object's SELECT that feed the field, in the order the first step takes."""
    sources: tuple[str, ...] = ()
    """Source columns, as `table.column`, that this row disposes of."""
    constant: str | bool | int | float | None = None
    """What every record gets, instead of `columns`."""
    transform: tuple[Step, ...] = ()
    """What is done to the values, one step after the other."""
    values: dict[str, str] = {}
    """Value map of a picklist: source value to target value, empty where nothing shall arrive.
    Every source value has an entry."""
    lookup: tuple[ObjectName, ...] = ()
    """Objects this field points to, one for each of `columns`: the first column that holds the key
    of a record that moves wins. With several, the column `<target>_object` names which."""
    on_missing: MissingParent = MissingParent.EXCLUDE
    """What becomes of a record whose parent does not move: excluded, or moved without the link."""
    on_conflict: OnConflict = OnConflict.ASK
    """Who wins where source and Zoho CRM both changed the field; `ask` holds it for a person."""
    required: bool = False
    """Whether a record without a value here does not move."""
    custom_column: bool = False
    """The source column is this practice's own, not part of the program's schema."""
    create: NewField | None = None
    """The custom field that is made for it, where the module has none."""
    data_class: DataClass = DataClass.OPERATIONAL
    """How sensitive the values are: what is shown of them follows from it."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How sure the proposal was."""
    reasons: tuple[str, ...] = ()
    """What the proposal went by."""
    alternatives: tuple[str, ...] = ()
    """Other targets that the proposal thought of, the likeliest first."""
    decision: Decision | None = None
    """Who decided it. Written by `migrator confirm`, notebook 02, or by hand."""

    @field_validator("columns", "sources", "lookup", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("transform", mode="before")
    @classmethod
    def _one_step(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | dict) else value

    @property
    def confirmed(self) -> bool:
        """Whether a person confirmed this row."""
        return self.decision is not None and self.decision.state == "confirmed"

    @property
    def picklist(self) -> tuple[str, ...]:
        """The values that the target picklist must offer, in the order of the value map."""
        extra = self.create.picklist if self.create else ()
        return tuple(dict.fromkeys(value for value in (*self.values.values(), *extra) if value))


_KEY_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "null"},
    ]
}


def rows_that_hold(item: Map[str, Any]) -> list[int]:
    """Return the places of an object's rows, as a file lists them, that its `module` leaves."""
    module = item.get("module")
    return [
        place for place, row in enumerate(item.get("fields") or ())
        if not isinstance(row, Map) or row.get("module") in (None, module)
    ]  # fmt: skip


MatchRule = Annotated[tuple[str, ...], Field(min_length=1)]
"""Logical names of fields that have to be equal, letters' case aside."""


class ObjectMapping(_Part):
    """One source object: the SELECT that makes its rows, and the fields it fills."""

    object: ObjectName
    landing: Landing
    module: str | None = None
    key: Annotated[str | None, WithJsonSchema(_KEY_SCHEMA)] = None
    """Logical name of the unique field that carries the source key (landing `records`); in the
    file one name, or one for each module that the object may land in."""
    into: ObjectName | None = None
    """The object whose records carry these values (landing `fields`)."""
    slots: Annotated[int, Field(ge=1, le=5)] = 1
    """How many rows one record can carry (landing `fields`): numbered fields _2, _3 and so on."""
    select: Annotated[str, Field(min_length=1)]
    """DuckDB SELECT over snapshot tables, one row for each source record: join so that none is
    lost. Must give a column `source_id`; with landing `fields` also `parent_id`, and with several
    slots `slot_order`, by which the rows of one record are numbered."""
    selects: dict[str, Annotated[str, Field(min_length=1)]] = {}
    """In a group: the SELECT for a practice whose tables are others, by the practice's name."""
    fields: tuple[FieldMapping, ...] = ()
    match: tuple[MatchRule, ...] = ()
    """How records that stand in the org already are found where none carries the source key: each
    rule names fields that all have to be equal. The first rule that finds something decides."""
    writes: Writes = Writes.UPSERT
    on_file_change: FileChange = FileChange.ASK
    """What a delta does with a file that changed after its upload (landing `files`)."""

    @model_validator(mode="before")
    @classmethod
    def _key_of_the_module(cls, given: Any) -> Any:
        """Take the key of the module that `module` names."""
        if not isinstance(given, dict) or not isinstance(given.get("key"), dict):
            return given
        module, key = given.get("module"), given["key"]
        if module not in key:
            raise ValueError(
                f"{given.get('object')} cannot land in {module}: `key` knows {', '.join(key)}"
            )
        return {**given, "key": key[module]}

    @model_validator(mode="wrap")
    @classmethod
    def _rows_of_the_module(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Leave out the rows of another module, once all are read: findings name their places."""
        item = handler(given)
        rows = tuple(row for row in item.fields if row.module in (None, item.module))
        return item if len(rows) == len(item.fields) else item.model_copy(update={"fields": rows})

    @model_validator(mode="after")
    def _sound_match(self) -> ObjectMapping:
        """Refuse rules that would lay two persons, or two treatments, over each other."""
        if self.match and (self.landing is not Landing.RECORDS or self.module == "Deals"):
            raise ValueError(
                f"{self.object} takes no match rule: such records are found by their source key"
            )
        known = {row.target for row in self.fields if not row.lookup}
        for rule in self.match:
            if lacking := sorted(set(rule) - known):
                raise ValueError(f"match names what {self.object} does not fill: {lacking}")
            if self.module == "Contacts" and ("Last_Name" not in rule or len(rule) < 3):
                raise ValueError(
                    "a match rule on Contacts needs Last_Name and two more fields, or a family "
                    "with one e-mail address would become one person"
                )
        return self

    def field(self, target: str) -> FieldMapping | None:
        """Return the mapping row of a target field, or None."""
        return next((row for row in self.fields if row.target == target), None)


SourceColumnName = Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$")]
"""`table.column`, or `table.*` for the columns of a table that nothing else names."""


class ColumnDisposition(_Part):
    """Source columns that do not move, for one reason, decided together."""

    sources: Annotated[tuple[SourceColumnName, ...], Field(min_length=1)]
    disposition: Disposition
    reason: Annotated[str, Field(min_length=1)]
    decision: Decision | None = None

    @field_validator("sources", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class OwnerSource(_Part):
    """SELECT of the staff who own records: `owner_key`, `email`, `name`, `active`."""

    select: Annotated[str, Field(min_length=1)]
    selects: dict[str, Annotated[str, Field(min_length=1)]] = {}


class Mapping(_Part):
    """The content of `mapping.yml`."""

    version: Literal[1] = 1
    profile: str
    description: str = ""
    owners: OwnerSource | None = None
    objects: tuple[ObjectMapping, ...]
    not_moved: tuple[ColumnDisposition, ...] = ()
    second_reviewer: bool = False
    """Whether every row needs two different names; `engagement.yml` can ask for it as well."""

    @model_validator(mode="after")
    def _one_object_a_module(self) -> Mapping:
        """Refuse two objects whose records would lie in one module: they are told apart by it."""
        landed: dict[str, ObjectName] = {}
        for item in self.objects:
            if item.landing is Landing.RECORDS and item.module:
                other = landed.setdefault(item.module, item.object)
                if other is not item.object:
                    raise ValueError(
                        f"{other} and {item.object} cannot both land in {item.module}: "
                        f"give one of them another `module`"
                    )
        return self

    def object(self, name: ObjectName) -> ObjectMapping:
        """Return one object's mapping. Raises KeyError where the profile does not have it."""
        for mapping in self.objects:
            if mapping.object is name:
                return mapping
        raise KeyError(name)
