"""Tables that a person reads: words as headings, numbers aligned, patient data masked by class."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape
from typing import Any, Protocol

import pandas as pd
from pandas.api import types

from migrator_kit.compare.verdicts import Level
from migrator_kit.evidence.fitting import column_shares
from migrator_kit.evidence.style import styled
from migrator_kit.privacy import DataClass, mask

ROWS_SHOWN = 400
"""A longer table is cut in the page; the whole is in the list beside it."""
WIDE = 9
"""Tables with at least this many columns are printed in smaller type."""
LONG = 40
"""A column with texts longer than this keeps room for some words a line."""
SHORT = 15
"""Tables with at most this many rows are not broken over two printed pages."""

_KEPT = {"api": "API", "zoho": "Zoho", "sha256": "SHA-256", "csv": "CSV", "url": "URL"}


class Block(Protocol):
    """Anything that can stand on a page: findings, a table, a plot."""

    def html(self) -> str:
        """Return the block as HTML without a stylesheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A frame as a readable table. `empty` is what to say where there are no rows.

    `classes` gives columns their data class: patient data shows as its shape unless `reveal`.
    `percents` are shares shown as percent. `watch` marks numbers other than zero and answers of no;
    `levels` marks cells by their text, for example a verdict.
    """

    frame: pd.DataFrame
    caption: str = ""
    empty: str = "Nothing to list."
    note: str = ""
    limit: int = ROWS_SHOWN
    classes: Mapping[str, DataClass] = field(default_factory=dict)
    reveal: bool = False
    percents: Collection[str] = ()
    watch: Collection[str] = ()
    levels: Mapping[str, Mapping[str, Level]] = field(default_factory=dict)

    def html(self) -> str:
        """Return the table as HTML; all values are escaped."""
        caption = escape(self.caption)
        above = f'<p class="evidence-caption">{caption}</p>' if caption else ""
        if self.frame.empty:
            return f'{above}<p class="evidence-note">{escape(self.empty)}</p>'
        label = f' aria-label="{caption}"' if caption else ""
        kind = "evidence-table wide" if len(self.frame.columns) >= WIDE else "evidence-table"
        texts = self._texts()
        shares = self._shares(texts)
        if shares:
            kind += " fitted"
        short = " evidence-short" if len(self.frame) <= SHORT else ""
        table = (
            f'<div class="evidence-scroll{short}" tabindex="0"><table class="{kind}"{label}>'
            f"{shares}<thead><tr>{self._head()}</tr></thead>"
            f"<tbody>{self._body(texts)}</tbody></table></div>"
        )
        notes = (f'<p class="evidence-note">{escape(note)}</p>' for note in self._notes())
        return above + table + "".join(notes)

    def text(self) -> str:
        """Return the table as aligned plain text."""
        lines = [self.caption] if self.caption else []
        if self.frame.empty:
            return "\n".join([*lines, self.empty])
        names = [heading(name) for name in self.frame.columns]
        shown = self._texts().set_axis(names, axis="columns")
        return "\n".join([*lines, shown.to_string(index=False), *self._notes()])

    def _notes(self) -> list[str]:
        notes = [self.note] if self.note else []
        if len(self.frame) > self.limit:
            notes.append(f"{self.limit:,} of {len(self.frame):,} rows are shown.")
        masked = [
            heading(name).lower()
            for name, data_class in self.classes.items()
            if data_class.is_phi and name in self.frame and not self.reveal
        ]
        if masked:
            notes.append(f"Patient data is shown by its shape only: {', '.join(masked)}.")
        return notes

    def _texts(self) -> pd.DataFrame:
        """Return the shown rows as text, column by column."""
        rows = self.frame.head(self.limit)
        columns = {}
        for name in rows.columns:
            values = rows[name]
            data_class = self.classes.get(str(name))
            if data_class is not None:
                values = mask(values, data_class, reveal=self.reveal)
            columns[str(name)] = as_text(values, percent=name in self.percents)
        return pd.DataFrame(columns)

    def _head(self) -> str:
        cells = []
        for name in self.frame.columns:
            aligned = _class(_alignment(self.frame[name]))
            cells.append(f'<th scope="col"{aligned}>{escape(heading(name))}</th>')
        return "".join(cells)

    def _shares(self, texts: pd.DataFrame) -> str:
        """Return the columns' widths as HTML, nothing where the table is narrow anyhow."""
        headings = [heading(name) for name in self.frame.columns]
        numeric = [bool(_alignment(self.frame[name])) for name in self.frame.columns]
        wide = len(self.frame.columns) >= WIDE
        shares = column_shares(headings, texts, numeric, wide=wide)
        if shares is None:
            return ""
        columns = "".join(f'<col style="--share:{share:.2%}">' for share in shares)
        return f"<colgroup>{columns}</colgroup>"

    def _body(self, texts: pd.DataFrame) -> str:
        raw = self.frame.head(self.limit)
        columns = []
        for position, name in enumerate(self.frame.columns):
            aligned = _alignment(self.frame[name])
            first = position == 0 and not aligned and len(self.frame.columns) > 1
            if not aligned and texts[str(name)].str.len().max() > LONG:
                aligned = "long"
            opening, closing = ('<th scope="row"', "</th>") if first else ("<td", "</td>")
            marks = self._marks(str(name), raw[name])
            columns.append(
                [
                    f"{opening}{_class(aligned, marked)}>{_lines(text)}{closing}"
                    for text, marked in zip(texts[str(name)], marks, strict=True)
                ]
            )
        return "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))

    def _marks(self, name: str, values: pd.Series) -> list[str]:
        if name in self.levels:
            known = self.levels[name]
            return [str(known.get(str(value), "")) for value in values]
        if name in self.watch:
            bad = ~values.fillna(value=True) if _yes_no(values) else values.fillna(0) != 0
            return ["watch" if one else "" for one in bad]
        return [""] * len(values)

    def _repr_html_(self) -> str:
        return styled(self.html())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.text()}

    def __repr__(self) -> str:
        return self.text()


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Several blocks under one another, as one result of a cell."""

    blocks: Sequence[Block]

    def html(self) -> str:
        """Return all blocks as HTML."""
        return "".join(block.html() for block in self.blocks)

    def _repr_html_(self) -> str:
        return styled(self.html())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "\n\n".join(repr(block) for block in self.blocks)


def facts(caption: str = "", /, **values: Any) -> Table:
    """Return a table of two columns from names and values; names read as words."""
    names = [name.replace("_", " ") for name in values]
    told = [words(value) for value in values.values()]
    return Table(pd.DataFrame({"fact": names, "value": told}, dtype="str"), caption)


def heading(column: object) -> str:
    """Return a column's name as words: `source_id` → `Source id`; logical names stay."""
    name = str(column).strip()
    if "__" in name or name != name.lower():
        return name
    told = " ".join(_KEPT.get(word, word) for word in name.replace("_", " ").split())
    return told[:1].upper() + told[1:]


def words(value: Any) -> str:
    """Return a value as a person writes it."""
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(words(item) for item in value)
    if value is None or (not isinstance(value, str) and types.is_scalar(value) and pd.isna(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)


def as_text(values: pd.Series, *, percent: bool = False) -> pd.Series:
    """Return a column as text for people: one number of decimals, what is missing is empty."""
    if _yes_no(values):
        told = values.map({True: "yes", False: "no"})
    elif percent:
        told = values.map(lambda share: f"{share * 100:,.1f} %", na_action="ignore")
    elif types.is_datetime64_any_dtype(values):
        told = values.dt.strftime("%Y-%m-%d %H:%M")
    elif types.is_float_dtype(values):
        whole = bool((values.dropna() % 1 == 0).all())
        form = "{:,.0f}" if whole else "{:,.2f}"
        told = values.map(form.format, na_action="ignore")
    elif types.is_integer_dtype(values):
        told = values.map("{:,}".format, na_action="ignore")
    else:
        told = pd.Series([words(value) for value in values], index=values.index, dtype="str")
    return told.astype("object").where(told.notna(), "").astype("str")


def _yes_no(values: pd.Series) -> bool:
    return types.is_bool_dtype(values)


def _alignment(values: pd.Series) -> str:
    return "number" if types.is_numeric_dtype(values) and not _yes_no(values) else ""


def _class(*names: str) -> str:
    listed = " ".join(name for name in names if name)
    return f' class="{listed}"' if listed else ""


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
