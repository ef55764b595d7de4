"""What the org lacks for this mapping: planned and shown before anything is created."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import pandas as pd

from migrator_kit.errors import Finding
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.order import load_order
from migrator_kit.load.org_schema import DEALS, WITHOUT_FIELDS, OrgSchema, read_schema
from migrator_kit.load.target import Target
from migrator_kit.load.target_fields import TargetField, target_fields
from migrator_kit.mapping.checks import row_places
from migrator_kit.mapping.model import Landing, Mapping, ObjectName, Writes
from migrator_kit.zoho.fields import FieldInfo, FieldSpec, Stage

PICKLISTS = frozenset({"picklist", "multiselectpicklist"})
STAGE = "Stage"
LONGEST_VALUE = 120
"""Longest picklist value that Zoho's own screens allow (fact sheet 9.3)."""


class ShapedParts(Protocol):
    """A shaped dataset, as far as the load needs it."""

    @property
    def digest(self) -> str:
        """Digest of what the dataset was made from."""

    def parts(self, name: ObjectName, /) -> list[Path]:
        """Return the Parquet parts of an object, in order."""

    def rows(self, name: ObjectName, /) -> int:
        """Return how many rows of an object were shaped."""

    def source_rows(self, name: ObjectName, /, practice: str | None = None) -> int:
        """Return how many rows of an object the source has, or one practice of a group."""

    def rejects(self) -> pd.DataFrame:
        """Return the reject list: object, source_id, field, reason, action, expected, remedy."""


@dataclass(frozen=True, slots=True)
class FieldToCreate:
    """A custom field that the org lacks."""

    module: str
    logical: str
    spec: FieldSpec


@dataclass(frozen=True, slots=True)
class ValuesToAdd:
    """Picklist values that a standing custom field lacks."""

    module: str
    logical: str
    field: FieldInfo
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A field that stands already, with the API name the org gave it."""

    module: str
    logical: str
    field: FieldInfo


@dataclass(frozen=True, slots=True)
class ProvisioningPlan:
    """Fields to create, values to add, what stands, and what only a person can do.

    `stages` has one row for each dental status: `status`, `stage`, `probability`, `in_pipeline`.
    `manual` are steps for the org's administrator; the load waits for those in `blocking`.
    `findings` say why the plan cannot be applied as it is.
    """

    create: tuple[FieldToCreate, ...]
    add_values: tuple[ValuesToAdd, ...]
    standing: tuple[Standing, ...]
    stages: pd.DataFrame
    manual: tuple[str, ...]
    blocking: tuple[str, ...]
    findings: tuple[Finding, ...]
    schema: OrgSchema

    @property
    def nothing_to_do(self) -> bool:
        """Whether the org has all that the API can give it."""
        return not self.create and not self.add_values

    @property
    def credits(self) -> int:
        """API credits of applying the plan: ten for each field (fact sheet 11.2)."""
        return 10 * (len(self.create) + len(self.add_values))

    def table(self) -> pd.DataFrame:
        """Return one row for each field: module, logical name, label, API name, type, state."""
        rows = [
            (one.module, one.logical, one.field.label, one.field.api_name, one.field.data_type,
             "stands")
            for one in self.standing
        ]  # fmt: skip
        rows += [
            (one.module, one.logical, one.spec.label, "", one.spec.data_type, "to create")
            for one in self.create
        ]
        names = ["module", "logical", "label", "api_name", "data_type", "state"]
        return pd.DataFrame(rows, columns=names).sort_values(
            ["module", "state", "logical"], ignore_index=True
        )


def provisioning_plan(
    mapping: Mapping, target: Target, shaped: ShapedParts | None = None, *,
    ledger: Ledger | None = None, file: Path | None = None,
) -> ProvisioningPlan:  # fmt: skip
    """Return what the org lacks for this mapping. Reads metadata, writes nothing.

    With `file`, the mapping.yml it was read from, findings name its lines.

    With a shaped dataset the picklist values that really occur are checked as well. With the
    ledger, fields are found again by id even where somebody renamed them.
    """
    wanted = [field for field in target_fields(mapping) if field.module not in WITHOUT_FIELDS]
    schema = read_schema(target, {field.module for field in wanted})
    known = {} if ledger is None else _known_ids(ledger)
    used = {} if shaped is None else _used_values(shaped, wanted)
    places = {} if file is None else row_places(file)
    create: list[FieldToCreate] = []
    add: list[ValuesToAdd] = []
    standing: list[Standing] = []
    manual: list[str] = []
    blocking: list[str] = []
    findings: list[Finding] = []
    for field in wanted:
        values = _values(field, used)
        info = _find(schema, field, known)
        if info is None:
            if field.create is None:
                findings.append(_unknown(field, places))
            else:
                create.append(FieldToCreate(field.module, field.logical, _spec(field, values)))
            continue
        standing.append(Standing(field.module, field.logical, info))
        findings += _misfits(mapping, field, info, places)
        missing = _missing(info, values, schema)
        if missing and info.custom:
            add.append(ValuesToAdd(field.module, field.logical, info, missing))
        elif missing:
            steps = [_by_hand(info, field.module, value) for value in missing]
            manual += steps
            blocking += steps if info.api_name == STAGE else []
    findings += _refused(target, create)
    findings += _unfilled(mapping, schema, standing)
    return ProvisioningPlan(
        tuple(create), tuple(add), tuple(standing), _stages(mapping, schema), tuple(manual),
        tuple(blocking), tuple(findings), schema,
    )  # fmt: skip


def _known_ids(ledger: Ledger) -> dict[tuple[str, str], str]:
    frame = ledger.field_names()
    keys = zip(frame["module"], frame["logical"], strict=True)
    return dict(zip(keys, frame["field_id"], strict=True))


def _find(
    schema: OrgSchema, field: TargetField, known: dict[tuple[str, str], str]
) -> FieldInfo | None:
    if field.create is None:
        return schema.by_api_name(field.module, field.logical)
    renamed = schema.by_id(field.module, known.get((field.module, field.logical), ""))
    return renamed or schema.by_label(field.module, field.create.label)


def _spec(field: TargetField, values: tuple[str, ...]) -> FieldSpec:
    new = field.create
    if new is None:
        raise ValueError("a standard field is never created")
    picklist = tuple(dict.fromkeys((*new.picklist, *values)))
    return FieldSpec(
        new.label,
        new.data_type,
        length=new.length,
        unique=new.unique,
        picklist=picklist if new.data_type in PICKLISTS else (),
    )


def _values(field: TargetField, used: dict[tuple[str, str], list[str]]) -> tuple[str, ...]:
    """Return the picklist values that the field must hold: mapped, constant, and occurring."""
    constant = field.mapping.constant
    named = list(field.mapping.values.values())  # noqa: PD011 (not a pandas object)
    named += [constant] if isinstance(constant, str) else []
    named += used.get((field.module, field.logical), [])
    return tuple(dict.fromkeys(value for value in named if value))


def _missing(info: FieldInfo, values: tuple[str, ...], schema: OrgSchema) -> tuple[str, ...]:
    if info.data_type not in PICKLISTS:
        return ()
    options = [(one.display_value, one.actual_value) for one in info.picklist if one.used]
    if info.api_name == STAGE and schema.pipeline is not None:
        options = [(one.display_value, one.actual_value) for one in schema.pipeline.stages]
    there = {value for pair in options for value in pair}
    return tuple(value for value in values if value not in there)


def _place(field: TargetField, name: str, places: dict[str, str]) -> str:
    """Return where a person finds a row: its line where the file is known, and its field."""
    line = places.get(f"{field.object}.{field.mapping.target}")
    return f"{line} {field.module}.{name}" if line else f"{field.module}.{name}"


def _misfits(
    mapping: Mapping, field: TargetField, info: FieldInfo, places: dict[str, str]
) -> Iterator[Finding]:
    """Yield why a standing field cannot take what the mapping sends."""
    place = _place(field, info.api_name, places)
    if info.read_only or not info.creatable:
        yield Finding(place, "Zoho CRM does not let the API write this field", "map another field")
    linked = {str(mapping.object(name).module) for name in field.mapping.lookup}
    if info.lookup_module in {one.module for one in mapping.objects}:
        for module in sorted(linked - {info.lookup_module}):
            yield Finding(
                place, f"points to {info.lookup_module}, the mapping links it to {module}",
                "correct `lookup` or the target",
            )  # fmt: skip
    new = field.create
    if new is None:
        return
    if info.data_type != new.data_type:
        yield Finding(
            place,
            f"stands with the type {info.data_type}, the mapping wants {new.data_type}",
            "give the field another label in the mapping",
        )
    elif new.unique and not info.unique:
        yield Finding(place, "carries the source key but is not unique", "make it unique in Zoho")
    elif new.length and info.length and info.length < new.length and new.data_type == "text":
        yield Finding(
            place, f"holds {info.length} characters, the mapping wants {new.length}",
            "lengthen it in Zoho",
        )  # fmt: skip


def _unfilled(
    mapping: Mapping, schema: OrgSchema, standing: Iterable[Standing]
) -> Iterator[Finding]:
    """Yield fields that the org demands of new records and that no row fills."""
    filled = {(one.module, one.field.api_name) for one in standing}
    for item in mapping.objects:
        module = item.module or ""
        if item.landing is not Landing.RECORDS or item.writes is Writes.UPDATE:
            continue
        for info in schema.fields.get(module, ()):
            demanded = info.required and info.creatable and not info.read_only
            given = (module, info.api_name) in filled or info.api_name in schema.constants(module)
            if demanded and not given:
                yield Finding(
                    f"{module}.{info.api_name}", "the org demands a value, and no row fills it",
                    f"add a row to {item.object}, or lift the demand in Zoho CRM",
                )  # fmt: skip


def _unknown(field: TargetField, places: dict[str, str]) -> Finding:
    return Finding(
        _place(field, field.logical, places),
        f"the org's module {field.module} has no field of this name",
        "correct the target or add `create:`",
    )


def _by_hand(info: FieldInfo, module: str, value: str) -> str:
    if info.api_name == STAGE:
        return (
            f"In Zoho CRM: Setup > Customization > Pipelines > Stages: add the stage {value!r},"
            " set its probability, and put it into the default pipeline."
        )
    return (
        f"In Zoho CRM: Setup > Customization > Modules and Fields > {module} > {info.label}:"
        f" add the value {value!r}."
    )


def _refused(target: Target, create: list[FieldToCreate]) -> Iterator[Finding]:
    """Yield what Zoho would refuse: limits of the edition, labels, lengths (fact sheet 9.3)."""
    by_module: dict[str, list[FieldSpec]] = {}
    for one in create:
        by_module.setdefault(one.module, []).append(one.spec)
    shared: dict[str, str] = {}
    for module, specs in by_module.items():
        edition = target.client.limits.edition
        for problem in target.client.metadata.field_problems(module, specs, edition):
            yield Finding(module, problem.removeprefix(f"{module}: "), "correct the mapping")
        for spec in specs if module in ("Tasks", "Events", "Calls") else ():
            other = shared.setdefault(spec.label.lower(), module)
            if other != module:
                yield Finding(
                    module, f"the label {spec.label!r} is also wanted in {other}",
                    "Tasks, Events and Calls share one label space: use two labels",
                )  # fmt: skip
        for spec in specs:
            for value in spec.picklist:
                if len(value) > LONGEST_VALUE:
                    yield Finding(
                        f"{module}.{spec.label}", "has a picklist value over 120 characters",
                        "shorten it in the mapping",
                    )  # fmt: skip


def _stages(mapping: Mapping, schema: OrgSchema) -> pd.DataFrame:
    """Return the dental statuses with their stage and its probability in this org."""
    rows = [
        (status, stage)
        for step in load_order(mapping)
        if step.module == DEALS
        for field in step.mapping.fields
        if field.target == STAGE
        for status, stage in field.values.items()  # noqa: PD011 (not a pandas object)
    ]
    pipeline = schema.pipeline.stages if schema.pipeline else ()
    by_name: dict[str, Stage] = {}
    for one in pipeline:
        by_name.setdefault(one.display_value, one)
        by_name.setdefault(one.actual_value, one)
    return pd.DataFrame(
        {
            "status": [status for status, _ in rows],
            "stage": [stage for _, stage in rows],
            "probability": [
                by_name[stage].probability if stage in by_name else None for _, stage in rows
            ],
            "in_pipeline": [stage in by_name for _, stage in rows],
        }
    )


def _used_values(
    shaped: ShapedParts, wanted: Iterable[TargetField]
) -> dict[tuple[str, str], list[str]]:
    """Return the values that occur in the shaped data of mapped picklists, by field."""
    found: dict[tuple[str, str], list[str]] = {}
    with duckdb.connect() as connection:
        for field in wanted:
            kind = field.create.data_type if field.create else None
            is_picklist = kind in PICKLISTS or bool(field.mapping.values)
            parts = [str(path) for path in shaped.parts(field.object)]
            if not is_picklist or not parts:
                continue
            columns = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet(?)", [parts]
            ).fetchall()
            types = {str(name): str(type_) for name, type_, *_ in columns}
            if field.mapping.target not in types:
                continue
            name = '"' + field.mapping.target.replace('"', '""') + '"'
            value = f"unnest({name})" if types[field.mapping.target].endswith("[]") else name
            rows = connection.execute(
                f"SELECT DISTINCT {value} AS value FROM read_parquet(?) ORDER BY value", [parts]
            ).fetchall()
            key = (field.module, field.logical)
            found[key] = [str(row[0]) for row in rows if row[0] is not None]
    return found
