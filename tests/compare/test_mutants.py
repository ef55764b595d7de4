"""A hundred seeded mutants of what was read back: each is found and named, and nothing else is."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migrator_kit.compare.datasets import Landed
from migrator_kit.mapping.model import ObjectName
from tests.compare.moved import Moved, move

MUTANTS, SEED = 100, 7
Cell = tuple[str, str, str]
Rows = list[dict[str, Any]]

TEXT: tuple[Callable[[str], str | None], ...] = (
    lambda text: text.partition("\n")[0] if "\n" in text else text[:-1] or "?",
    lambda text: text + " and more",
    lambda text: text[:-1] + ("x" if text[-1:] != "x" else "y"),
    lambda _: None,
)
NUMBER: tuple[Callable[[Any], Any], ...] = (lambda number: number + 1, lambda _: None)
TIME: tuple[Callable[[Any], Any], ...] = (
    lambda moment: moment + timedelta(hours=1),
    lambda moment: moment - timedelta(days=1),
)


@dataclass(frozen=True)
class Mutant:
    """One damage: a cell that holds something else; no field: a record missing or there twice."""

    object: ObjectName
    source_id: str
    field: str


@pytest.fixture(scope="module")
def moved(emulator_module, tmp_path_factory, new_practice) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("moved")
    done = move(new_practice(folder, patients=60), emulator_module.url, folder)
    yield done
    done.ledger.close()
    done.target.close()


@pytest.fixture(scope="module")
def faithful(moved: Moved) -> Landed:
    return moved.read("faithful")


def changes_of(kind: pa.DataType) -> tuple[Callable[[Any], Any], ...]:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return TEXT
    if pa.types.is_boolean(kind):
        return (lambda flag: not flag,)
    if pa.types.is_timestamp(kind):
        return TIME
    if pa.types.is_date(kind):
        return (TIME[1],)
    if pa.types.is_list(kind):
        return (lambda values: [*values, "another"], lambda values: values[:-1])
    return NUMBER


def changed(table: pa.Table, field: str, row: int, chance: random.Random) -> pa.Table:
    """Change one cell; a link to a record becomes one to another record."""
    column = table.column(field)
    values = column.to_pylist()
    if f"{field}_object" in table.column_names:
        kinds = table.column(f"{field}_object").to_pylist()
        others = [v for v, kind in zip(values, kinds, strict=True)
                  if v not in (None, values[row]) and kind == kinds[row]]  # fmt: skip
        values[row] = chance.choice(others) if others else None
    else:
        values[row] = chance.choice(changes_of(column.type))(values[row])
    at = table.column_names.index(field)
    return table.set_column(at, table.schema.field(field), pa.array(values, column.type))


def mutate(landed: Landed, moved: Moved, to: Path) -> tuple[Landed, list[Mutant]]:
    """Damage a copy of what was read back, at most once a record."""
    shutil.copytree(landed.folder, to)
    copy = replace(landed, folder=to)
    chance = random.Random(SEED)
    fields = moved.diff(landed).fields
    tables = {name: pq.read_table(copy.parts(name)[0]) for name in landed.objects if
              landed.objects[name].rows}  # fmt: skip
    keys = {name: table.column("source_id").to_pylist() for name, table in tables.items()}
    open_rows = [(name, row) for name, table in tables.items() for row in range(len(table))]
    chance.shuffle(open_rows)
    made: list[Mutant] = []
    ends: dict[ObjectName, list[tuple[int, str]]] = {}
    for name, row in open_rows:
        if len(made) == MUTANTS:
            break
        if chance.random() < 0.1:
            what = chance.choice(("missing_record", "duplicate_record"))
            ends.setdefault(name, []).append((row, what))
            made.append(Mutant(name, keys[name][row], ""))
            continue
        known = fields[fields["object"] == name.value]["field"].tolist()
        filled = [f for f in known if f in tables[name].column_names
                  and tables[name].column(f)[row].as_py() not in (None, "", [])]  # fmt: skip
        field = chance.choice(filled)
        tables[name] = changed(tables[name], field, row, chance)
        made.append(Mutant(name, keys[name][row], field))
    for name, table in tables.items():
        dropped = {row for row, what in ends.get(name, ()) if what == "missing_record"}
        twice = [row for row, what in ends.get(name, ()) if what == "duplicate_record"]
        kept = [row for row in range(len(table)) if row not in dropped] + twice
        pq.write_table(table.take(kept), copy.parts(name)[0])
        for part in copy.parts(name)[1:]:
            part.unlink()
    return copy, made


def test_every_mutant_is_killed_and_nothing_else_is_reported(
    moved: Moved, faithful: Landed, tmp_path: Path
) -> None:
    assert moved.diff(faithful).clean
    damaged, mutants = mutate(faithful, moved, tmp_path / "mutants")
    assert len(mutants) == MUTANTS
    found: pd.DataFrame = moved.diff(damaged).differences()
    named = set(zip(found["object"], found["source_id"], found["field"], strict=True))
    wanted = {(mutant.object.value, mutant.source_id, mutant.field) for mutant in mutants}
    print(f"mutants killed: {len(wanted & named)} of {MUTANTS}")
    assert wanted - named == set()
    # What lands in the fields of a record that is missing or there twice shares its fate.
    assert {name for name, _, _ in named - wanted} <= {"Insurance", "Treatment Plan ID"}
