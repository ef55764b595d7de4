"""Plots for people: inline SVG whose title says the finding, with the same words as text beside it.

Text stays text, so that a page can be searched (and scanned for what must not be in it). No value
of a patient is ever drawn: names of tables and columns, counts, shares, years.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from migrator_kit.evidence.style import AMBER, BLUE, GREEN, GREY, INK, RED, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPARSE = 0.05
"""A column filled less than this holds almost nothing."""
MOST_PANELS_COLUMNS = 200
"""With more columns than this the heat map shows one line a table instead of names."""

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["Segoe UI", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": "#9aa5b1",
}
_JUNK = re.compile(
    r"^.*?(?=<svg)|<metadata>.*?</metadata>|<!--.*?-->| xmlns(:xlink)?=\"[^\"]*\"", re.DOTALL
)
"""Prolog, metadata, namespaces: not needed inside HTML, and they look like addresses."""


class Plot:
    """A figure as SVG with its title, and a sentence that says the same to who cannot see it."""

    def __init__(self, figure: Figure, title: str, description: str = "") -> None:
        from matplotlib import rc_context

        buffer = io.StringIO()
        with rc_context(_SETTINGS | {"svg.hashsalt": title}):
            figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
        self.title = title
        self.description = description
        self.svg = _JUNK.sub("", buffer.getvalue()).strip()

    def html(self) -> str:
        """Return the figure as an HTML fragment."""
        label = escape(f"{self.title}. {self.description}".strip())
        return (
            f'<p class="evidence-caption">{escape(self.title)}</p>'
            f'<figure class="evidence-plot" role="img" aria-label="{label}">{self.svg}</figure>'
        )

    def _repr_html_(self) -> str:
        return styled(self.html())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"{self.title}. {self.description}".strip()


def completeness(shares: pd.DataFrame) -> Plot:
    """Return a heat map of filled shares. `shares`: table, column, filled (0 to 1)."""
    sparse = int((shares["filled"] < SPARSE).sum())
    title = f"{sparse:,} of {len(shares):,} columns hold almost nothing (under 5 % filled)"
    if not sparse:
        title = f"All {len(shares):,} columns are in use"
    full = int((shares["filled"] == 1).sum())
    description = f"{full:,} columns are filled in every row."
    draw = _panels if len(shares) <= MOST_PANELS_COLUMNS else _lines_of_tables
    return Plot(draw(shares), title, description)


def _panels(shares: pd.DataFrame) -> Figure:
    """Draw one panel a table, one cell a column, with its name and its share."""
    tables = list(shares.groupby("table", sort=False))
    across = min(4, max(1, len(tables)))
    rows = [tables[start : start + across] for start in range(0, len(tables), across)]
    heights = [max(len(part) for _, part in row) + 2.4 for row in rows]
    with plot_style():
        figure = new_figure(2.75 * across, 0.19 * sum(heights))
        grid = figure.add_gridspec(
            len(rows), across, height_ratios=heights, hspace=0.12, wspace=1.05
        )
        for number, row in enumerate(rows):
            for position, (name, part) in enumerate(row):
                tallest = heights[number] - 2.4
                _panel(figure.add_subplot(grid[number, position]), str(name), part, tallest)
    return figure


def _panel(axes: Axes, name: str, part: pd.DataFrame, tallest: float) -> None:
    filled = part["filled"].to_numpy(float)
    edges = np.arange(len(filled) + 1) - 0.5
    axes.pcolormesh(
        [-0.5, 0.5], edges, filled.reshape(-1, 1), cmap="Blues", vmin=0, vmax=1.25,
        edgecolors="white", linewidth=0.8,
    )  # fmt: skip
    axes.set_ylim(tallest - 0.5, -0.5)
    axes.set_yticks(range(len(part)), part["column"].astype("str"), fontsize=7.5)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for place, share in enumerate(filled):
        colour = "white" if share > 0.75 else (RED if share < SPARSE else INK)
        axes.text(
            0, place, f"{share * 100:.0f} %", ha="center", va="center", fontsize=7, color=colour
        )
    axes.set_title(name, loc="left", fontsize=9, color=BLUE, fontweight="bold")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _lines_of_tables(shares: pd.DataFrame) -> Figure:
    """Draw one line a table, its columns in their order."""
    tables = list(dict.fromkeys(shares["table"]))
    widest = int(shares.groupby("table")["column"].size().max())
    grid = np.full((len(tables), widest), np.nan)
    for place, table in enumerate(tables):
        filled = shares.loc[shares["table"] == table, "filled"].to_numpy(float)
        grid[place, : len(filled)] = filled
    with plot_style():
        figure = new_figure(9.5, 0.2 * len(tables) + 1.1)
        axes = figure.subplots()
        drawn = axes.pcolormesh(grid, cmap="Blues", vmin=0, vmax=1, edgecolors="white", lw=0.3)
        axes.invert_yaxis()
        axes.set_yticks(np.arange(len(tables)) + 0.5, tables, fontsize=7.5)
        axes.set_xlabel("columns of each table in their order")
        axes.set_xticks([])
        axes.tick_params(length=0)
        figure.colorbar(drawn, ax=axes, label="share of rows filled", fraction=0.03, pad=0.02)
    return figure


def per_year(counts: pd.DataFrame) -> Plot:
    """Return bars of records per year. `counts`: table, year, rows; one small plot a table."""
    tables = list(counts.groupby("table", sort=False))
    first, last = int(counts["year"].min()), int(counts["year"].max())
    across = min(3, max(1, len(tables)))
    down = -(-len(tables) // across)
    with plot_style():
        figure = new_figure(9.5, 1.75 * down + 0.3)
        axes = figure.subplots(down, across, sharex=True, squeeze=False).ravel()
        for place, (name, rows) in zip(axes, tables, strict=False):
            place.bar(rows["year"], rows["rows"], color=BLUE, width=0.8)
            place.set_title(str(name), loc="left", fontsize=9, fontweight="bold", color=BLUE)
            place.set_xlim(first - 0.8, last + 0.8)
            place.yaxis.set_major_formatter("{x:,.0f}")
            place.xaxis.set_major_formatter("{x:.0f}")
            place.xaxis.get_major_locator().set_params(integer=True)
            place.yaxis.get_major_locator().set_params(integer=True)
            place.tick_params(labelsize=7.5, labelbottom=True)
            _bare(place)
        for place in axes[len(tables) :]:
            place.set_visible(False)
        figure.tight_layout()
    span = f"reach from {first} to {last}" if first != last else f"are all of {first}"
    told = ", ".join(f"{name} {int(rows['rows'].sum()):,}" for name, rows in tables)
    return Plot(figure, f"The records {span}", f"Records with a date: {told}.")


_STATES: Mapping[str, tuple[str, str]] = {
    "created": (GREEN, ""), "updated": (BLUE, ""), "matched": ("#5a8fc0", "//"),
    "merged": ("#8b7fb8", ".."), "excluded": ("#d9a441", "\\\\"), "failed": (RED, "xx"),
    "remainder": (INK, ""),
}  # fmt: skip


def balance(objects: Mapping[str, Mapping[str, int | str]]) -> Plot:
    """Return bars of what became of each object's records, as shares of the source.

    `objects` are the counts by object: source, created, updated, … remainder.
    """
    names = [name for name, counts in objects.items() if int(counts["source"])]
    open_books = [name for name in names if int(objects[name].get("remainder", 0))]
    title = "Every record of every object is accounted for"
    if open_books:
        title = f"Not accounted for: {', '.join(open_books)}"
    with plot_style():
        figure = new_figure(9.5, 0.34 * max(len(names), 1) + 0.9)
        axes = figure.subplots()
        _stack(axes, names, [(state, _shares(objects, names, state)) for state in _STATES])
        labels = [f"{name}  {int(objects[name]['source']):,}" for name in names]
        axes.set_yticks(range(len(names)), labels)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")
    told = "; ".join(f"{name}: {_told(objects[name])}" for name in names)
    return Plot(figure, title, f"{told}.")


def _shares(
    objects: Mapping[str, Mapping[str, int | str]], names: Sequence[str], state: str
) -> list[float]:
    return [
        max(int(objects[name].get(state, 0)), 0) / int(objects[name]["source"]) for name in names
    ]


def _stack(axes: Axes, names: Sequence[str], parts: Sequence[tuple[str, list[float]]]) -> None:
    """Draw stacked bars, the first name on top, with a legend of the parts that occur."""
    left = np.zeros(len(names))
    for state, widths in parts:
        if not any(widths):
            continue
        colour, hatch = _STATES[state]
        axes.barh(
            range(len(names)), widths, left=left, color=colour, label=state, height=0.64,
            hatch=hatch, edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        left += np.asarray(widths)
    axes.invert_yaxis()
    if names:
        axes.legend(
            fontsize=8.5, ncols=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0),
            borderaxespad=0.2, handlelength=1.2,
        )  # fmt: skip
    axes.tick_params(axis="y", length=0)
    _bare(axes)


def _told(counts: Mapping[str, int | str]) -> str:
    parts = [f"{int(counts.get(s, 0)):,} {s}" for s in _STATES if int(counts.get(s, 0))]
    return f"{int(counts['source']):,} in the source, {', '.join(parts) or 'none moved'}"


SIZE_CLASSES: Sequence[tuple[str, float]] = (
    ("under 100 kB", 0.1), ("to 1 MB", 1), ("to 5 MB", 5), ("to 25 MB", 25), ("over 25 MB", np.inf),
)  # fmt: skip


def files_by_size(files: pd.DataFrame, *, limit_mb: float = 25) -> Plot:
    """Return bars of files by size class, stacked by kind. `files`: kind, size (bytes, or missing).

    A file without a size is one that is not there.
    """
    there = files.dropna(subset=["size"])
    sizes = there["size"].astype("float64")
    edges = [0.0, *(most for _, most in SIZE_CLASSES)]
    names = [name for name, _ in SIZE_CLASSES]
    classes = pd.cut(sizes / 2**20, edges, labels=names, include_lowest=True)
    counted = pd.crosstab(there["kind"], classes, dropna=False).reindex(columns=names, fill_value=0)
    counted = counted.loc[counted.sum(axis=1).sort_values(ascending=False).index]
    # The limit is counted as the inventory counts it: a megabyte is 2**20 bytes there.
    over, missing = int((sizes > limit_mb * 2**20).sum()), int(files["size"].isna().sum())
    title = _files_title(len(there), float(sizes.sum()) / 1e6, over, missing, limit_mb)
    with plot_style():
        figure = new_figure(9.5, 2.7)
        axes = figure.subplots()
        _columns(axes, names, counted)
    kinds = ", ".join(f"{kind} {int(row.sum()):,}" for kind, row in counted.iterrows())
    return Plot(figure, title, f"By kind: {kinds or 'none'}.")


def _files_title(count: int, megabytes: float, over: int, missing: int, limit_mb: float) -> str:
    volume = f"{megabytes / 1000:,.1f} GB" if megabytes >= 1000 else f"{megabytes:,.1f} MB"
    parts = [f"{count:,} file{'s' if count != 1 else ''}, {volume}"]
    if over:
        parts.append(f"{over:,} over the limit of {limit_mb:g} MB")
    if missing:
        parts.append(f"{missing:,} not there")
    return "; ".join(parts)


def _columns(axes: Axes, names: Sequence[str], counted: pd.DataFrame) -> None:
    colours = (BLUE, "#5a8fc0", AMBER, GREEN, "#8b7fb8", GREY, "#b0713a", "#3d8f8a")
    bottom = np.zeros(len(names))
    for number, (kind, row) in enumerate(counted.iterrows()):
        heights = row.to_numpy(float)
        colour = colours[number % len(colours)]
        axes.bar(names, heights, bottom=bottom, label=str(kind), color=colour, width=0.6)
        bottom += heights
    for place, total in enumerate(bottom):
        axes.text(place, total, f"{int(total):,}", ha="center", va="bottom", fontsize=8.5)
    axes.set_ylabel("files")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.15)
    if len(counted):
        axes.legend(fontsize=8.5, ncols=4, frameon=False, loc="upper right")
    _bare(axes)


def plot_style() -> Any:
    """Return the context in which every figure is drawn."""
    from matplotlib import rc_context

    return rc_context(_SETTINGS)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, its size in inches: 9.5 across is as wide as a page."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
