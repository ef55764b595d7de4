"""An export as a landed dataset: the same form that reading Zoho CRM back through its API gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.compare.datasets import Landed, LandedField, LandedObject
from migrator_kit.compare.landed_parts import FOUND, Identities, PartWriter
from migrator_kit.engagement import slug
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.mapping.model import Landing, Mapping
from migrator_kit.mapping.targets import ARROW_TYPES
from migrator_kit.wizard.columns import CsvColumn, object_columns
from migrator_kit.wizard.export import ExportFile, plain_ids, record_id, value_column
from migrator_kit.wizard.export_values import Writing, typed

_MARKER = r"^\[source (?P<key>.+?)(?: \||\])"
_CONTENT = "Note_Content"

Files = Map[str, Sequence[ExportFile]]


@dataclass(frozen=True, slots=True)
class ReadExport:
    """An export as read. `others` counts the records of each module that carry no key of ours."""

    landed: Landed
    absent: tuple[str, ...]
    others: dict[str, int]


def read_export(
    files: Files, mapping: Mapping, folder: Path, writing: Writing, read_at: str
) -> ReadExport:
    """Write the records of an export as Parquet and return what is known of them.

    A field whose column the export lacks counts as hidden: nothing is known about it. Raises
    ParameterError where a file is damaged or a column is not of its field's form.
    """
    steps = [step for step in load_order(mapping) if step.mapping.landing is not Landing.FILES]
    reading = {step.object: _Reading(step, mapping, files.get(step.module, ())) for step in steps}
    records = [one for one in reading.values() if one.step.mapping.landing is Landing.RECORDS]
    frames = [frame for one in records for frame in one.identities()]
    empty = pd.DataFrame({n: pd.Series(dtype="str") for n in ("object", "source_id", "zoho_id")})
    identities = Identities(pd.concat([empty, *frames], ignore_index=True))
    objects, rows, ours = {}, dict[str, int](), dict[str, int]()
    for name, one in reading.items():
        module = one.step.module
        objects[name], rows[module] = one.write(identities, folder / slug(name), writing)
        ours[module] = ours.get(module, 0) + objects[name].rows
    landed = Landed(folder, objects, read_at)
    landed.save()
    absent = tuple(dict.fromkeys(s.module for s in steps if s.module not in files))
    others = {name: count - ours[name] for name, count in rows.items() if count > ours[name]}
    return ReadExport(landed, absent, others)


@dataclass(frozen=True)
class _Reading:
    """One object with the files that may hold its records."""

    step: LoadStep
    mapping: Mapping
    files: Sequence[ExportFile]

    @property
    def columns(self) -> tuple[CsvColumn, ...]:
        """The fields that the package wrote, owners aside."""
        found = object_columns(self.mapping, self.step.object)
        return tuple(column for column in found if column.logical != "Owner")

    @property
    def key(self) -> CsvColumn | None:
        """The field that names a record's source."""
        notes = self.step.mapping.landing is Landing.NOTES
        wanted = _CONTENT if notes else self.step.mapping.key
        return next((column for column in self.columns if column.logical == wanted), None)

    def identities(self) -> Iterator[pd.DataFrame]:
        """Yield which Zoho record is which record of the source."""
        for file in self.files:
            place, key = record_id(file, self.step.module), self._place(file, self.key)
            if place is None or key is None:
                continue
            for ids, texts in file.parts([place, key]):
                frame = pd.DataFrame(
                    {
                        "source_id": self._keys(texts).to_pandas(),
                        "zoho_id": plain_ids(ids).to_pandas(),
                    }
                )
                yield frame.dropna().assign(object=self.step.object.value)

    def write(
        self, identities: Identities, folder: Path, writing: Writing
    ) -> tuple[LandedObject, int]:
        """Write the object's records; return what is known of them, and the rows of its files."""
        known = self._known()
        writer = PartWriter(folder, self._schema(known))
        rows = 0
        for file in self.files:
            if self._place(file, self.key) is None:
                continue
            for table in self._parts(file, known, identities, writing):
                ours = table.filter(pc.is_valid(table["source_id"]))
                rows += table.num_rows
                writer.write({name: ours[name] for name in writer.schema.names})
        fields = {
            one.logical: LandedField(one.logical, one.data_type, one.logical not in known)
            for one in self.columns
        }
        return LandedObject(self.step.module, writer.rows, fields), rows

    def _known(self) -> dict[str, CsvColumn]:
        """Return the fields that every file of the module has."""
        return {
            one.logical: one
            for one in self.columns
            if self.files and all(self._place(file, one) is not None for file in self.files)
        }

    def _schema(self, known: Map[str, CsvColumn]) -> pa.Schema:
        fields = dict(FOUND)
        for name, column in known.items():
            fields[name] = pa.string() if column.lookup else _arrow(column)
            if len(column.lookup) > 1:
                fields[f"{name}_object"] = pa.string()
        return pa.schema(list(fields.items()))

    def _parts(
        self, file: ExportFile, known: Map[str, CsvColumn], identities: Identities, writing: Writing
    ) -> Iterator[pa.Table]:
        own, key = record_id(file, self.step.module), self._place(file, self.key)
        places = {name: self._place(file, column) for name, column in known.items()}
        wanted = sorted({place for place in (own, key, *places.values()) if place is not None})
        for arrays in file.parts(wanted):
            texts = dict(zip(wanted, arrays, strict=True))
            count = len(arrays[0])
            made: dict[str, pa.Array] = {
                "source_id": self._keys(texts[key]) if key is not None else pa.nulls(count),
                "zoho_id": plain_ids(texts[own])
                if own is not None
                else pa.nulls(count, pa.string()),
                "known": pa.repeat(pa.scalar(value=True), count),
                "named": pa.repeat(pa.scalar(value=True), count),
            }
            for name, column in known.items():
                place = places[name]
                if place is None:
                    continue
                if column.lookup:
                    names = [str(one) for one in column.lookup]
                    which, made[name] = identities.link(plain_ids(texts[place]), names)
                    made[f"{name}_object"] = which
                else:
                    where = file.place(file.header[place])
                    made[name] = typed(texts[place], column.data_type, writing, where)
            yield pa.table(made)

    def _keys(self, texts: pa.Array) -> pa.Array:
        if self.step.mapping.landing is Landing.NOTES:
            found = pc.extract_regex(texts, _MARKER)
            return pc.struct_field(found, "key")
        keys = pc.utf8_trim_whitespace(texts)
        return pc.if_else(pc.equal(keys, ""), None, keys)

    def _place(self, file: ExportFile, column: CsvColumn | None) -> int | None:
        return None if column is None else value_column(file, column)


def _arrow(column: CsvColumn) -> pa.DataType:
    return ARROW_TYPES.get(column.data_type, pa.string())
