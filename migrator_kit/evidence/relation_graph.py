"""The relations of a source as a picture: a box for each table, a line for each relation.

Orphan counts stand inside the box of the table that points, so that no label lies over another,
however many tables there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from migrator_kit.evidence.plots import Plot, new_figure, plot_style
from migrator_kit.evidence.style import BLUE, GREY, INK, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TABLES = 40
"""Tables drawn: with more, those with the most orphans and relations."""
_COLUMNS = 4
_WIDTH, _GUTTER = 26.0, 7.0
"""Width of a box and of the space between two columns, in the unit of a line's height."""
_PAGE = _COLUMNS * (_WIDTH + _GUTTER) - _GUTTER + 5
_INCHES = 11
"""The width of a page, in these units and in inches."""
_HEAD, _GAP = 1.3, 1.25
"""Height of a box's head with its name, and of the space below a box."""
_LETTERS = 34
"""Letters of the small type that a box is wide."""


class Edge(NamedTuple):
    """A relation: the column of a table that points to another, and the rows that miss."""

    from_table: str
    column: str
    to_table: str
    orphans: int


@dataclass(frozen=True, slots=True)
class _Box:
    """A table with its relations, placed: column, upper edge, height in lines."""

    table: str
    lines: tuple[Edge, ...]
    column: int
    top: float

    @property
    def height(self) -> float:
        return _HEAD + len(self.lines) + 0.15

    @property
    def left(self) -> float:
        return self.column * (_WIDTH + _GUTTER)

    def line(self, number: int) -> float:
        """Return the middle of one of its lines."""
        return self.top + _HEAD + number + 0.5


def relation_graph(relations: Sequence[Edge], rows: Mapping[str, int]) -> Plot:
    """Return the tables and how they point to each other. `rows`: rows by table.

    Tables that nothing connects are named in words alone. There has to be a relation.
    """
    related = {name for one in relations for name in (one.from_table, one.to_table)}
    drawn = _most_telling(relations)
    boxes = _placed(drawn)
    lines = max(box.top + box.height for box in boxes.values())
    across = 1 + max(box.column for box in boxes.values())
    width = across * (_WIDTH + _GUTTER) - _GUTTER
    with plot_style():
        figure = new_figure(_INCHES * (width + 5) / _PAGE, 0.175 * lines + 0.1)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(-4, width + 1)
        axes.set_ylim(lines + 0.3, -0.3)
        axes.set_axis_off()
        for box in boxes.values():
            _draw(axes, box, rows.get(box.table))
            for number, line in enumerate(box.lines):
                _join(axes, box, number, boxes[line.to_table])
    alone = [name for name in rows if name not in related]
    return Plot(figure, _title(relations), _description(relations, drawn, alone))


def _title(relations: Sequence[Edge]) -> str:
    bad = [one for one in relations if one.orphans]
    orphans = sum(one.orphans for one in bad)
    if not bad:
        return f"No row points to a missing record, in any of {len(relations)} relations"
    what = "1 row points" if orphans == 1 else f"{orphans:,} rows point"
    return f"{what} to a missing record, in {len(bad)} of {len(relations)} relations"


def _description(relations: Sequence[Edge], drawn: Sequence[Edge], alone: Sequence[str]) -> str:
    bad = sorted((one for one in relations if one.orphans), key=lambda one: -one.orphans)
    told = [f"{one.from_table}.{one.column} to {one.to_table} {one.orphans:,}" for one in bad]
    parts = [f"Orphans: {'; '.join(told)}." if told else "No orphans."]
    if len(drawn) < len(relations):
        parts.append(f"{len(drawn)} of {len(relations)} relations are drawn.")
    if alone:
        parts.append(f"Without any relation: {', '.join(alone)}.")
    return " ".join(parts)


def _most_telling(relations: Sequence[Edge]) -> list[Edge]:
    """Return the relations among the tables that are drawn."""
    weights: dict[str, tuple[int, int]] = {}
    for one in relations:
        for name in (one.from_table, one.to_table):
            orphans, count = weights.get(name, (0, 0))
            weights[name] = (orphans + one.orphans, count + 1)
    kept = set(sorted(weights, key=lambda name: weights[name], reverse=True)[:MOST_TABLES])
    return [one for one in relations if one.from_table in kept and one.to_table in kept]


def _placed(relations: Sequence[Edge]) -> dict[str, _Box]:
    """Return the boxes: what is pointed to on the left, columns about equally high."""
    levels = _levels(relations)
    lines = {name: tuple(one for one in relations if one.from_table == name) for name in levels}
    heights = {name: _HEAD + len(lines[name]) + _GAP for name in levels}
    ordered = sorted(levels, key=lambda name: (levels[name], -heights[name], name))
    across = min(_COLUMNS, max(levels.values()) + 1)
    fair = max(sum(heights.values()) / across, max(heights.values()))
    boxes: dict[str, _Box] = {}
    column, top = 0, 0.0
    for place, name in enumerate(ordered):
        another = place > 0 and levels[name] != levels[ordered[place - 1]]
        few = len(ordered) <= 3 * _COLUMNS and max(levels.values()) < _COLUMNS
        full = top > 0 and top + heights[name] / 2 > fair
        if ((few and another) or (full and not few)) and column < across - 1:
            column, top = column + 1, 0.0
        boxes[name] = _Box(name, lines[name], column, top)
        top += heights[name]
    return boxes


def _levels(relations: Sequence[Edge]) -> dict[str, int]:
    """Return for each table how many steps it is away from one that points nowhere."""
    targets: dict[str, set[str]] = {}
    for one in relations:
        targets.setdefault(one.to_table, set())
        targets.setdefault(one.from_table, set()).add(one.to_table)
    levels: dict[str, int] = {}
    waiting = sorted(targets)
    while waiting:
        open_ = {name: targets[name] - levels.keys() - {name} for name in waiting}
        # The one that waits for least: in a circle somebody has to begin.
        name = min(waiting, key=lambda one: (len(open_[one]), one))
        known = (levels[other] + 1 for other in targets[name] & levels.keys())
        levels[name] = max(known, default=0)
        waiting.remove(name)
    return levels


def _draw(axes: Axes, box: _Box, rows: int | None) -> None:
    from matplotlib.patches import Rectangle

    place = (box.left, box.top)
    axes.add_patch(
        Rectangle(place, _WIDTH, box.height, facecolor="white", edgecolor="#9aa5b1", lw=0.7,
                  zorder=2)
    )  # fmt: skip
    axes.add_patch(Rectangle(place, _WIDTH, 1.25, facecolor="#eaf0f6", lw=0, zorder=2))
    count = "" if rows is None else f"{rows:,}"
    name = _cut(box.table, _LETTERS - 4 - len(count))
    middle = box.top + 0.65
    _write(axes, box.left + 0.6, middle, name, BLUE, weight="bold")
    _write(axes, box.left + _WIDTH - 0.6, middle, count, GREY, ha="right")
    for number, line in enumerate(box.lines):
        told = f"{line.orphans:,} orphan{'s' if line.orphans != 1 else ''}" if line.orphans else ""
        text = _cut(f"{line.column} → {line.to_table}", _LETTERS - len(told))
        _write(axes, box.left + 0.6, box.line(number), text, INK)
        _write(
            axes, box.left + _WIDTH - 0.6, box.line(number), told, RED, ha="right", weight="bold"
        )


def _write(
    axes: Axes, x: float, y: float, text: str, colour: str, *, ha: str = "left",
    weight: str = "normal",
) -> None:  # fmt: skip
    if text:
        axes.text(
            x, y, text, fontsize=8, color=colour, ha=ha, va="center", fontweight=weight, zorder=3
        )


def _join(axes: Axes, box: _Box, number: int, other: _Box) -> None:
    """Draw the curve from a line of a box to the head of the table that it points to."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    bad = box.lines[number].orphans > 0
    start = (box.left, box.line(number))
    forward = other.column < box.column
    end = (other.left + (_WIDTH if forward else 0), other.top + 0.65)
    bend = _GUTTER * 0.7 if forward else 2.6
    first, last = start[0] - bend, end[0] + (bend if forward else -bend)
    curve = Path(
        [start, (first, start[1]), (last, end[1]), end],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    axes.add_patch(
        PathPatch(
            curve, facecolor="none", edgecolor=RED if bad else "#c6ced6", lw=1.1 if bad else 0.8,
            zorder=1.5 if bad else 1,
        )
    )  # fmt: skip
    axes.plot(*end, marker="o", markersize=2.6, color=RED if bad else "#8794a1", zorder=2.5)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(letters - 1, 1)]}…"
