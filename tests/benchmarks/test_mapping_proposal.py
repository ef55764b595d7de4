"""How good the matcher is on golds that did not train it, beside simpler matchers, in one table.

Held out from training: the other half of the tables of Open Dental → canonical names, CMS → OMOP,
Open Dental → Zoho (gold by hand from our profile), DentneD and DentoSys → Zoho (gold by hand).
Synthea → OMOP trained the packaged weights. What counts as evidence was thought out with the misses
on Open Dental, DentneD and CMS in sight; those on DentoSys were never looked at.
"""

from __future__ import annotations

import time

import pandas as pd
import pytest

from migrator_kit.mapping.propose import rank_matches
from tests.benchmarks.mapping_baselines import (
    VARIABLE,
    baselines_python,
    by_coma,
    by_names,
    by_vectors,
    text_vectors,
)
from tests.benchmarks.mapping_dentned import DENTNED
from tests.benchmarks.mapping_dentosys import DENTOSYS
from tests.benchmarks.mapping_embeddings import MODELS
from tests.benchmarks.mapping_golds import (
    SHARED,
    Gold,
    canonical,
    default_zoho,
    dentned,
    dentosys,
    half,
    omop,
)
from tests.benchmarks.mapping_scores import HEADING, Score, judge

pytestmark = pytest.mark.skipif(
    not (SHARED / "13_opendental_dbt_gold").exists(), reason="the shared golds are not here"
)

HEADINGS = ["source_table", "source_column", "target_table", "target_column", "score"]
CANONICAL = "canonical, held-out half"


def golds() -> list[Gold]:
    held_out = canonical().part(CANONICAL, lambda table: half(table) == 1)
    return [
        held_out, omop("cms"), omop("synthea"), default_zoho("open_dental"), dentned(DENTNED),
        dentosys(DENTOSYS),
    ]  # fmt: skip


def ours(gold: Gold) -> Score:
    return judge(gold, "ours", rank_matches(gold.source, gold.target), calibrated=True)


LEAST = {
    CANONICAL: (0.95, 0.98),
    "cms to OMOP": (0.25, 0.38),
    "synthea to OMOP": (0.5, 0.7),
    "open_dental to Zoho": (0.7, 0.9),
    "DentneD to Zoho": (0.75, 0.9),
    "DentoSys to Zoho": (0.85, 0.9),
}
"""Least top-1 and top-3, somewhat under what was measured."""

NEAR = {("cms to OMOP", "static vectors alone"): 0.01}
"""By how much F1 may trail, where it does: a quarter of a column. That gold sends one date of a
claim to five tables, and a third of its source columns nowhere."""


@pytest.mark.timeout(120)
def test_the_matcher_is_as_good_as_it_was() -> None:
    scores = [ours(gold) for gold in golds()]
    print("", HEADING, *(score.line() for score in scores), sep="\n")
    for score in scores:
        top1, top3 = LEAST[score.gold]
        assert score.top1 >= top1, score.line()
        assert score.top3 >= top3, score.line()


@pytest.mark.timeout(120)
def test_of_the_rows_at_nine_tenths_nine_in_ten_are_right() -> None:
    held_out = [gold for gold in golds() if gold.name != "synthea to OMOP"]
    scores = [ours(gold) for gold in held_out]
    sure = sum(score.sure for score in scores)
    assert sure >= 100
    assert sum(score.sure * score.sure_right for score in scores) / sure >= 0.9
    dental = [score for score in scores if score.gold != "cms to OMOP" and score.sure]
    assert all(score.sure_right >= 0.88 for score in dental)


@pytest.mark.benchmark
@pytest.mark.timeout(1800)
def test_ahead_of_simpler_matchers() -> None:
    python, all_golds = baselines_python(), golds()
    sides = [side for gold in all_golds for side in (gold.source, gold.target)]
    vectors = {model: text_vectors(python, model, sides) for model in MODELS} if python else {}
    lines, behind = ["", HEADING], []
    for gold in all_golds:
        begun = time.monotonic()
        best = ours(gold)
        lines.append(f"{best.line()}  {time.monotonic() - begun:.1f} s")
        same = gold.name == CANONICAL
        others = {
            "exact names": by_names(gold.source, gold.target, exact=True),
            "fuzzy names": by_names(gold.source, gold.target, exact=False),
        }
        if same:
            others["fuzzy names, own table"] = _own_table(gold)
        if python:
            name = "Coma, own table" if same else "Coma"
            others[name] = by_coma(python, gold.source, gold.target, same_tables=same)
        for model, of_text in vectors.items():
            others[f"{model} alone"] = by_vectors(of_text, gold.source, gold.target)
        for method, rows in others.items():
            score = judge(gold, method, pd.DataFrame(rows, columns=HEADINGS))
            lines.append(score.line())
            near = NEAR.get((gold.name, method), 0.0)
            if score.top1 >= best.top1 or score.top3 >= best.top3 or score.f1 >= best.f1 + near:
                behind.append(score.line())
    if not python:
        lines.append(f"Coma and text vectors were not run: name a Python for them in {VARIABLE}")
    print(*lines, sep="\n")
    assert not behind, "\n".join(behind)


def _own_table(gold: Gold) -> list[tuple[str, str, str, str, float]]:
    """Fuzzy names that are told which target table belongs to a source table."""
    rows = []
    for table, columns in gold.source.groupby("table", sort=False):
        rows += by_names(columns, gold.target[gold.target["table"] == table], exact=False)
    return rows
