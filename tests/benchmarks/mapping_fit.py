"""Fits the weights of the matcher and writes `weights.json`.

Run from the repository: `python -m tests.benchmarks.mapping_fit`. It trains on half of the tables
of Open Dental → canonical names, on Synthea → OMOP, on Open Medical → HubSpot and on our own
reference schema → Zoho, each with and without descriptions. The other half, CMS → OMOP,
Open Dental → Zoho, DentneD → Zoho and DentoSys → Zoho are held out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from migrator_kit.mapping.propose import scoring
from migrator_kit.mapping.propose.evidence import FEATURES, evidence
from migrator_kit.mapping.propose.kinds import kinds_of
from migrator_kit.mapping.propose.schema import Schema, read_schema
from migrator_kit.mapping.propose.scoring import CONTEXT, Weights, context, pair_scores
from tests.benchmarks.mapping_golds import Gold, canonical, default_zoho, half, hubspot, omop

ORIGIN = (
    "Fitted by tests/benchmarks/mapping_fit.py on: half of the tables of a public staging layer "
    "over Open Dental (BenjaminRains/dbt_dental_clinic), Synthea to OMOP (JZCS2018/SMAT), a field "
    "map of a practice system to HubSpot, the project's own reference schema to its Zoho mapping. "
    "Held out: the other half, CMS to OMOP, Open Dental and DentneD to Zoho."
)
_HARD = 60
_RANDOM = 40
_SHOWN = 5
_PAIR_PENALTY = 8.0
_FIRM = 60.0
_FIRMLY = (
    "both_primary", "same_reference", "other_reference", "crossed_keys", "one_key", "name",
    "kind_agrees", "meaning", "table_in_field", "kind_and_table", "bare_elsewhere",
)  # fmt: skip
"""Weights that stay near judgement: names of staging layers say little of keys, and nothing of
tables that are only joined to others."""
_CONTEXT_PENALTY = 2.0
_PRIOR = {
    "name": 3.0, "name_forward": 0.5, "name_back": 0.5, "same_name": 1.0, "last_word": 1.0,
    "trigrams": 1.0, "spelling": 0.5, "text": 1.5, "text_forward": 1.0, "text_back": 1.0,
    "meaning": 1.5, "path_forward": 0.7, "path_back": 0.7, "kind_agrees": 1.0,
    "kind_differs": -1.5, "values": 2.0, "shapes": 0.7, "length": 0.2, "filled": 0.2,
    "distinct": 0.2, "both_primary": 1.0, "same_reference": 2.0, "other_reference": -1.5,
    "crossed_keys": -1.5, "one_key": -1.0, "table_name": 1.5, "table_text": 0.5,
    "name_and_kind": 0.5, "name_and_table": 1.0, "table_in_field": 2.0, "kind_and_table": 1.0,
    "bare_elsewhere": -3.0,
}  # fmt: skip
"""What the weights are drawn to: judgement, for what the golds do not show (values, lengths)."""


@dataclass(frozen=True)
class Prepared:
    name: str
    source: Schema
    target: Schema
    features: np.ndarray
    right: np.ndarray
    rows: np.ndarray


def prepared(gold: Gold) -> Prepared:
    source, target = read_schema(gold.source), read_schema(gold.target)
    places = {place: n for n, place in enumerate(zip(target.tables, target.columns, strict=True))}
    right = np.zeros((len(source), len(target)), dtype=bool)
    for n, column in enumerate(zip(source.tables, source.columns, strict=True)):
        for told in gold.right.get(column, ()):
            right[n, places[told]] = True
    features = evidence(source, target, (kinds_of(source), kinds_of(target)))
    rows = np.flatnonzero(right.any(axis=1))
    return Prepared(gold.name, source, target, features, right, rows)


def training() -> list[tuple[str, Gold]]:
    first = canonical().part("canonical, first half", lambda table: half(table) == 0)
    golds = [("canonical", first), ("synthea", omop("synthea")), ("hubspot", hubspot()),
             ("reference", default_zoho("dent_o_soft"))]  # fmt: skip
    plain = [(name, gold.without_texts()) for name, gold in golds if name != "hubspot"]
    return [*golds, *plain, ("canonical", first.without_table_names())]


def sampled(one: Prepared, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs to learn from: all right ones, the hardest wrong ones, some at random."""
    random = np.random.default_rng(seed)
    rough = one.features[[FEATURES.index(n) for n in ("name", "meaning", "trigrams", "path_back",
                                                      "kind_agrees")]].sum(axis=0)  # fmt: skip
    rows, columns, weights = [], [], []
    size = one.right.shape[1]
    for row in one.rows:
        right = np.flatnonzero(one.right[row])
        wrong = [c for c in np.argsort(-rough[row])[: _HARD + len(right)] if not one.right[row, c]]
        hard = np.array(wrong[:_HARD], dtype=int)
        rest = np.setdiff1d(np.arange(size), np.concatenate([right, hard]))
        some = random.choice(rest, min(_RANDOM, len(rest)), replace=False)
        for chosen, weight in (
            (right, 1 / np.sqrt(len(right))), (hard, 1.0), (some, len(rest) / max(len(some), 1)),
        ):  # fmt: skip
            rows += [row] * len(chosen)
            columns += list(chosen)
            weights += [float(weight)] * len(chosen)
    scale = 100 / max(len(one.rows), 1)
    return np.array(rows), np.array(columns), np.array(weights) * scale


def logistic(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, penalty: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, float]:
    """Fit a logistic regression whose weights are drawn to a prior and keep its sign."""

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ theta[:-1] + theta[-1]
        value = (
            np.sum(w * (np.logaddexp(0, z) - y * z))
            + np.sum(penalty * (theta[:-1] - prior) ** 2) / 2
        )
        slope = w * (1 / (1 + np.exp(-np.clip(z, -40, 40))) - y)
        return float(value), np.append(x.T @ slope + penalty * (theta[:-1] - prior), slope.sum())

    signs = [(0.0, None) if told > 0 else (None, 0.0) if told < 0 else (None, None)
             for told in prior]  # fmt: skip
    bounds = [*signs, (None, None)]
    start = np.append(prior, -6.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds,
                     options={"maxiter": 500})  # fmt: skip
    return found.x[:-1], float(found.x[-1])


def fit(golds: list[Prepared]) -> Weights:
    """Fit the weights of pairs, then of their context. Calibration stays open."""
    parts = [sampled(one) for one in golds]
    x = np.concatenate(
        [one.features[:, r, c].T for one, (r, c, _) in zip(golds, parts, strict=True)]
    )
    y = np.concatenate(
        [one.right[r, c] for one, (r, c, _) in zip(golds, parts, strict=True)]
    ).astype(float)
    w = np.concatenate([weight for *_, weight in parts])
    prior = np.array([_PRIOR.get(name, 0.0) for name in FEATURES])
    penalty = np.array([_FIRM if name in _FIRMLY else _PAIR_PENALTY for name in FEATURES])
    pair, bias = logistic(x, y, w, penalty, prior)
    empty = Weights(pair, bias, np.zeros(len(CONTEXT)), 0.0, np.zeros(2), np.zeros(2))
    x = np.concatenate([
        context(pair_scores(one.features, empty), one.features, one.source, one.target)[:, r, c].T
        for one, (r, c, _) in zip(golds, parts, strict=True)
    ])  # fmt: skip
    inner, inner_bias = logistic(
        x, y, w, np.full(len(CONTEXT), _CONTEXT_PENALTY), np.zeros(len(CONTEXT))
    )
    return Weights(pair, bias, inner, inner_bias, np.zeros(2), np.zeros(2))


def raw_scores(one: Prepared, weights: Weights) -> np.ndarray:
    alone = pair_scores(one.features, weights)
    found = context(alone, one.features, one.source, one.target)
    return scoring.context_scores(found, weights)


def calibration(golds: list[tuple[str, Prepared]]) -> tuple[np.ndarray, np.ndarray]:
    """Return knots of raw score and share right, from golds that were left out in turn."""
    raw, right, weight = [], [], []
    for name in dict.fromkeys(name for name, _ in golds):
        weights = fit([one for other, one in golds if other != name])
        for one in (one for other, one in golds if other == name):
            scores = raw_scores(one, weights)[one.rows]
            shown = np.argsort(-scores, axis=1)[:, :_SHOWN]
            raw.append(np.take_along_axis(scores, shown, axis=1).ravel())
            right.append(np.take_along_axis(one.right[one.rows], shown, axis=1).ravel())
            family = sum(other == name for other, _ in golds)
            weight.append(np.full(shown.size, 1 / (family * shown.size)))
    x, y, w = (np.concatenate(each) for each in (raw, right, weight))
    slope, bias = logistic(x[:, None], y.astype(float), w * len(x), np.zeros(1), np.ones(1))
    low, high = np.quantile(x, [0.05, 0.999])
    knots = np.linspace(low, high, 31)
    return knots, np.clip(1 / (1 + np.exp(-(slope[0] * knots + bias))), 0.001, 0.99)


def main() -> None:
    golds = [(name, prepared(gold)) for name, gold in training()]
    weights = fit([one for _, one in golds])
    knots, shares = calibration(golds)
    document = {
        "origin": ORIGIN,
        "pair": dict(zip(FEATURES, np.round(weights.pair, 4).tolist(), strict=True)),
        "pair_bias": round(weights.pair_bias, 4),
        "context": dict(zip(CONTEXT, np.round(weights.context, 4).tolist(), strict=True)),
        "context_bias": round(weights.context_bias, 4),
        "calibration": {"raw": np.round(knots, 3).tolist(), "share": np.round(shares, 4).tolist()},
    }
    path = Path(scoring.__file__).with_name("weights.json")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document["pair"]), json.dumps(document["context"]), sep="\n")


if __name__ == "__main__":
    main()
