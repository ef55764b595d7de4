"""Plots: the title says the finding, the picture stands alone, equal data gives equal bytes."""

from __future__ import annotations

import pandas as pd
import pytest

from migrator_kit.evidence import plots
from migrator_kit.evidence.page import check_self_contained

STATES = ("created", "updated", "matched", "excluded", "merged", "failed", "remainder")
OBJECTS = {
    "Patient": dict.fromkeys(STATES, 0) | {"source": 100, "created": 90, "excluded": 10},
    "Call Log": dict.fromkeys(STATES, 0) | {"source": 0},
    "Reminder Rule": dict.fromkeys(STATES, 0) | {"source": 4, "excluded": 4},
}
SHARES = pd.DataFrame(
    {"table": ["a", "a", "b"], "column": ["x", "y", "z"], "filled": [0.01, 1.0, 0.4]}
)
YEARS = pd.DataFrame({"table": ["a", "a", "b"], "year": [1998, 2001, 2026], "rows": [3, 4, 5]})
FILES = pd.DataFrame({"kind": ["jpg", "jpg", "pdf"], "size": [200_000, 30_000_000, None]})

DRAWN = {
    "balance": lambda: plots.balance(OBJECTS),
    "completeness": lambda: plots.completeness(SHARES),
    "completeness of many": lambda: plots.completeness(
        pd.DataFrame({"table": "t", "column": [f"c{n}" for n in range(250)], "filled": 0.5})
    ),
    "per year": lambda: plots.per_year(YEARS),
    "files": lambda: plots.files_by_size(FILES),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_plot_stands_alone_and_repeats(draw):
    plot = draw()

    check_self_contained(plot.html(), "plot")
    assert "http" not in plot.html()
    assert plot.html() == draw().html()
    assert plot.svg.startswith("<svg")
    assert plot.title in plot.html()
    assert plot._repr_mimebundle_()["text/plain"] == repr(plot)


@pytest.mark.parametrize(
    ("plot", "title"),
    [
        (lambda: plots.balance(OBJECTS), "Every record of every object is accounted for"),
        (lambda: plots.balance({"Patient": OBJECTS["Patient"] | {"remainder": 3}}),
         "Not accounted for: Patient"),
        (lambda: plots.completeness(SHARES),
         "1 of 3 columns hold almost nothing (under 5 % filled)"),
        (lambda: plots.completeness(SHARES.iloc[1:]), "All 2 columns are in use"),
        (lambda: plots.per_year(YEARS), "The records reach from 1998 to 2026"),
        (lambda: plots.files_by_size(FILES),
         "2 files, 30.2 MB; 1 over the limit of 25 MB; 1 not there"),
        (lambda: plots.files_by_size(FILES.iloc[:1]), "1 file, 0.2 MB"),
        (lambda: plots.files_by_size(FILES.iloc[:1].assign(size=25 * 2**20)), "1 file, 26.2 MB"),
    ],
)  # fmt: skip
def test_titles_say_the_finding(plot, title):
    assert plot().title == title


def test_words_beside_the_picture_say_the_same():
    assert (
        "Patient: 100 in the source, 90 created, 10 excluded" in plots.balance(OBJECTS).description
    )


def test_words_in_a_picture_are_text_that_can_be_searched():
    assert ">Patient" in plots.balance(OBJECTS).svg


def test_practices_without_files_or_rows_are_drawn_too():
    none = pd.DataFrame({"kind": pd.Series(dtype="str"), "size": pd.Series(dtype="float64")})

    assert plots.files_by_size(none).title == "0 files, 0.0 MB"
    assert plots.balance({"Call Log": OBJECTS["Call Log"]}).svg
