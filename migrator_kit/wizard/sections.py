"""Parts of a page that is read both as Markdown and as HTML: text, steps, tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import pandas as pd

from migrator_kit.evidence.tables import Table


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A heading with paragraphs, numbered steps and a table below it; each may be left out."""

    title: str
    text: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    table: pd.DataFrame | None = None

    def markdown(self) -> str:
        """Return the section as Markdown."""
        lines = [f"## {_plain(self.title)}"]
        lines += [_plain(text) for text in self.text]
        if self.steps:
            lines.append("\n".join(f"{n}. {_plain(one)}" for n, one in enumerate(self.steps, 1)))
        if self.table is not None and len(self.table):
            lines.append("\n".join(_rows(self.table)))
        return "\n\n".join(lines)

    def html(self) -> str:
        """Return the section as HTML; every text is escaped."""
        parts = [f"<h2>{escape(self.title)}</h2>"]
        parts += [f"<p>{escape(text)}</p>" for text in self.text]
        if self.steps:
            items = "".join(f"<li>{escape(one)}</li>" for one in self.steps)
            parts.append(f"<ol>{items}</ol>")
        if self.table is not None and len(self.table):
            parts.append(Table(self.table, limit=len(self.table)).html())
        return "\n".join(parts)


def markdown_page(title: str, sections: Iterable[Section]) -> str:
    """Return a whole Markdown page."""
    return "\n\n".join([f"# {_plain(title)}", *(one.markdown() for one in sections)]) + "\n"


def _rows(table: pd.DataFrame) -> Iterable[str]:
    yield _row(table.columns)
    yield _row("---" for _ in table.columns)
    for row in table.itertuples(index=False):
        yield _row(row)


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(_plain(str(cell)).replace("|", "\\|") for cell in cells) + " |"


def _plain(text: str) -> str:
    """Keep a text on its line, and Markdown from reading it as HTML."""
    return " ".join(text.split()).replace("<", "&lt;")
