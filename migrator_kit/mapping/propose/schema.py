"""Any schema as the matcher sees it: one row a column, whatever the caller knows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from migrator_kit.errors import ParameterError
from migrator_kit.mapping.propose.words import (
    Vocabulary,
    prose,
    shared_prefix,
    without_type_prefix,
    word_set,
)
from migrator_kit.source.naming import names_identity, words

_ALIASES = {
    "table": ("table", "table_name", "entity", "object", "module"),
    "column": ("column", "column_name", "field", "name", "attribute"),
    "type": ("type", "data_type", "dtype", "column_type"),
    "description": ("description", "column_description", "column_summary", "comment", "label"),
    "label": ("label", "ui_label", "caption"),
    "table_description": ("table_description", "table_summary", "table_comment"),
    "samples": ("samples", "values", "sample_values", "examples", "picklist"),
    "length": ("length", "max_length", "size"),
    "null_share": ("null_share", "null_fraction", "nulls_share"),
    "distinct_share": ("distinct_share", "distinct_fraction", "uniqueness"),
    "key": ("key", "primary_key", "is_key", "pk"),
    "references": ("references", "foreign_key", "fk", "references_table"),
}
_MOST_SAMPLES = 200
_OF_TABLE = 0.35
"""Weight of a column's word that only repeats its table's name."""
_BEFORE = 0.8
_PARENT = 0.4
_TOOTH = re.compile(r"(?:^|[^0-9])([1-4][1-8])$")
_TEETH = 16
"""Columns numbered like teeth (11 to 48) that a table must have to mean teeth by them."""
_GENERAL = word_set(
    "log list table data record history item detail master main info information dbo tbl "
    "definition summary entry line type"
)
"""Words of table names that say nothing of what the table holds."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns of one side, each list in the same order. Texts are words, never patient data."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    table_index: np.ndarray
    """Position in `table_names` of each column's table."""
    table_names: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    """How much each word of a name tells."""
    table_words: tuple[tuple[str, ...], ...]
    """By table."""
    table_weights: tuple[tuple[float, ...], ...]
    """By table: its last word says what its rows are, the ones before it of what."""
    told: tuple[str, ...]
    """Description and label as they were given."""
    texts: tuple[tuple[str, ...], ...]
    table_texts: tuple[tuple[str, ...], ...]
    """By table."""
    types: tuple[str, ...]
    lengths: np.ndarray
    samples: tuple[tuple[str, ...], ...]
    null_share: np.ndarray
    distinct_share: np.ndarray
    keys: np.ndarray
    references: tuple[str, ...]
    vocabulary: Vocabulary

    def expand(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """Return words as this schema means them."""
        return self.vocabulary.expand(tokens)

    def parents(self) -> list[set[int]]:
        """Return for each table the others that its columns point to, by name or declaration."""
        position = {words: n for n, words in enumerate(self.table_words)}
        found: list[set[int]] = [set() for _ in self.table_names]
        for n, table in enumerate(self.table_index):
            declared = self.references[n].split(".")[0]
            pointed = self.expand(words(declared)) if declared else self._pointed(n)
            parent = position.get(pointed)
            if parent is not None and parent != table:
                found[int(table)].add(parent)
        return found

    def _pointed(self, n: int) -> tuple[str, ...]:
        """Return the words of a key's name without those that make it one."""
        if not names_identity(self.columns[n]):
            return ()
        return tuple(word for word in self.names[n] if word not in ("id", "number", "key"))

    def __len__(self) -> int:
        return len(self.columns)


def read_schema(frame: pd.DataFrame, vocabulary: Vocabulary | None = None) -> Schema:
    """Return a frame of columns as a schema. Only the column's name is needed.

    With the vocabulary of a larger schema, words mean what they mean there. Raises ParameterError
    where no column of the frame holds names of columns.
    """
    if "column" not in frame and not any(name in frame for name in _ALIASES["column"]):
        if len(frame):
            raise ParameterError(
                "A schema needs a column 'column' with the names of its columns.",
                hint=f"This one has: {', '.join(map(str, frame.columns))}.",
            )
        frame = pd.DataFrame({"table": [], "column": []})
    columns = _texts(frame, "column")
    tables = _texts(frame, "table")
    table_names = tuple(dict.fromkeys(tables))
    position = {name: n for n, name in enumerate(table_names)}
    told = [" ".join(dict.fromkeys((a, b))).strip() for a, b in
            zip(_texts(frame, "description"), _texts(frame, "label"), strict=True)]  # fmt: skip
    of_tables = dict(zip(tables, _texts(frame, "table_description"), strict=True))
    vocabulary = vocabulary or Vocabulary((*columns, *table_names), (*told, *of_tables.values()))
    table_words = {name: _of_table(vocabulary.expand(words(name))) for name in table_names}
    names, weights = _names(tables, columns, told, table_words, vocabulary)
    return Schema(
        tables=tuple(tables),
        columns=tuple(columns),
        table_index=np.array([position[name] for name in tables], dtype=np.int64),
        table_names=table_names,
        names=tuple(names),
        weights=tuple(weights),
        table_words=tuple(table_words[name] for name in table_names),
        table_weights=_table_weights([table_words[name] for name in table_names]),
        told=tuple(told),
        texts=tuple(vocabulary.expand(prose(text)) for text in told),
        table_texts=tuple(vocabulary.expand(prose(of_tables[name])) for name in table_names),
        types=tuple(text.lower() for text in _texts(frame, "type")),
        lengths=_lengths(frame),
        samples=tuple(_samples(value) for value in _values(frame, "samples")),
        null_share=_numbers(frame, "null_share"),
        distinct_share=_numbers(frame, "distinct_share"),
        keys=np.array([_yes(value) for value in _values(frame, "key")], dtype=bool),
        references=tuple(_texts(frame, "references")),
        vocabulary=vocabulary,
    )


def _of_table(found: tuple[str, ...]) -> tuple[str, ...]:
    """Return the telling words of a table's name; all of them where none tells anything."""
    return tuple(word for word in found if word not in _GENERAL) or found


def _table_weights(names: Sequence[tuple[str, ...]]) -> tuple[tuple[float, ...], ...]:
    """Return what each word of a table's name is worth; least the name of another table in it."""
    whole = {name[0] for name in names if len(name) == 1}
    return tuple(
        tuple(
            1.0 if n == len(name) - 1 else _PARENT if word in whole else _BEFORE
            for n, word in enumerate(name)
        )
        for name in names
    )


def _names(
    tables: Sequence[str],
    columns: Sequence[str],
    told: Sequence[str],
    table_words: dict[str, tuple[str, ...]],
    vocabulary: Vocabulary,
) -> tuple[list[tuple[str, ...]], list[tuple[float, ...]]]:
    """Return the words of each column's name and what each is worth beside its table's name."""
    names: list[tuple[str, ...]] = [()] * len(columns)
    weights: list[tuple[float, ...]] = [()] * len(columns)
    rows: dict[str, list[int]] = {}
    for n, table in enumerate(tables):
        rows.setdefault(table, []).append(n)
    for table, members in rows.items():
        plain = without_type_prefix([columns[n] for n in members])
        tokens = [words(name.removesuffix("__c")) for name in plain]
        teeth = tooth_columns(plain)
        prefix = shared_prefix(tokens)
        repeated = set(table_words[table]) | set(vocabulary.expand((prefix,) if prefix else ()))
        for n, name, parts in zip(members, plain, tokens, strict=True):
            found = vocabulary.expand(parts, told[n], table_words[table]) or (columns[n].lower(),)
            if name in teeth:
                found = ("tooth", *found)
            names[n] = found
            own = [_OF_TABLE if word in repeated else 1.0 for word in found]
            weights[n] = tuple(own if max(own) == 1.0 else [1.0] * len(own))
    return names, weights


def tooth_columns(names: Sequence[str]) -> dict[str, str]:
    """Return the columns of a table that stand for one tooth each, with the tooth in FDI notation.

    None where the table has too few of them to mean teeth.
    """
    found = {name: tooth[1] for name in names if (tooth := _TOOTH.search(name))}
    return found if len(found) >= _TEETH else {}


def _values(frame: pd.DataFrame, name: str) -> list[Any]:
    """Return the values of a column under any of its names; None for each row without one."""
    for alias in _ALIASES[name]:
        if alias in frame:
            found = frame[alias]
            values = found.iloc[:, 0] if isinstance(found, pd.DataFrame) else found
            return list(values)
    return [None] * len(frame)


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    return ["" if _absent(value) else str(value).strip() for value in _values(frame, name)]


def _absent(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float) and np.isnan(value)


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    found = pd.to_numeric(pd.Series(_values(frame, name), dtype=object), errors="coerce")
    return np.array(found, dtype=np.float64)


_SIZE = re.compile(r"\((\d+)")


def _lengths(frame: pd.DataFrame) -> np.ndarray:
    """Return lengths as given, else as the type says: `varchar(40)`."""
    given = _numbers(frame, "length")
    for n, text in enumerate(_texts(frame, "type")):
        if np.isnan(given[n]) and (found := _SIZE.search(text)):
            given[n] = float(found[1])
    return given


def _samples(value: Any) -> tuple[str, ...]:
    """Return sample values as folded texts: from a list, a JSON list, or one text with marks."""
    items: Iterable[Any]
    if isinstance(value, dict | list | tuple | set | frozenset | np.ndarray | pd.Series):
        items = value
    elif _absent(value):
        return ()
    else:
        items = _listed(str(value))
    texts = (str(item).strip().casefold() for item in items if not _absent(item))
    return tuple(dict.fromkeys(text for text in texts if text))[:_MOST_SAMPLES]


def _listed(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, list):
            return found
    for mark in ("|", ";", "\n", ","):
        if mark in text:
            return text.split(mark)
    return [text]


def _yes(value: Any) -> bool:
    if _absent(value):
        return False
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "no", "false", "n")
    return bool(value)
