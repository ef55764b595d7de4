"""From evidence to a calibrated score: weights, table context, one-to-one assignment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from migrator_kit.mapping.propose.evidence import FEATURES
from migrator_kit.mapping.propose.kinds import gathers
from migrator_kit.mapping.propose.schema import Schema

CONTEXT = (
    "alone", "beats_in_row", "beats_in_table", "best_in_row", "best_in_table", "assigned",
    "table_share", "table_best", "table_known", "alone_and_table", "same_table", "no_text",
    "no_values", "name", "kind_differs",
)  # fmt: skip
"""Names of what a pair is worth beside the others, in the order of the weights."""

_REPEATED = ("no_text", "no_values", "name", "kind_differs")
_BOUND = 8.0
_SAME_KIND = 0.7
_CLEAR = 0.7
_CHILD = 0.7
_SHARP = 6


@dataclass(frozen=True, slots=True)
class Weights:
    """Fitted weights: of the evidence, of the context, and the calibration of the result."""

    pair: np.ndarray
    pair_bias: float
    context: np.ndarray
    context_bias: float
    knots: np.ndarray
    shares: np.ndarray
    """Share of right pairs at each knot of the raw score, rising."""


@cache
def fitted() -> Weights:
    """Return the packaged weights."""
    told = json.loads((Path(__file__).parent / "weights.json").read_text(encoding="utf-8"))
    return Weights(
        np.array([told["pair"][name] for name in FEATURES]), told["pair_bias"],
        np.array([told["context"][name] for name in CONTEXT]), told["context_bias"],
        np.array(told["calibration"]["raw"]), np.array(told["calibration"]["share"]),
    )  # fmt: skip


def pair_scores(features: np.ndarray, weights: Weights) -> np.ndarray:
    """Return the log odds of each pair by its own evidence."""
    flat = np.tensordot(weights.pair, features, axes=1) + weights.pair_bias
    return np.clip(flat, -_BOUND, _BOUND)


def context(alone: np.ndarray, features: np.ndarray, source: Schema, target: Schema) -> np.ndarray:
    """Return context by pairs: how a pair stands beside the others of its row and its tables."""
    row_gap = _gap(alone, axis=1)
    shared = gathers(target)[None, :] & (features[FEATURES.index("kind_agrees")] >= _SAME_KIND)
    tables, share, table_best = table_fit(alone, features, source, target)
    in_context = alone + 2 * np.log(np.maximum(tables, 1e-3))
    table_gap = np.zeros_like(alone)
    assigned = np.zeros_like(alone)
    for table in range(len(source.table_names)):
        rows = np.flatnonzero(source.table_index == table)
        table_gap[rows] = _gap(alone[rows], axis=0)
        chosen, columns = linear_sum_assignment(in_context[rows], maximize=True)
        assigned[rows[chosen], columns] = 1
        best = in_context[rows] >= in_context[rows].max(axis=1, keepdims=True)
        assigned[rows] = np.where(shared[rows] & best, 1, assigned[rows])
    table_gap = np.where(shared, np.maximum(table_gap, 0), table_gap)
    named = features[FEATURES.index("table_name")]
    scaled = alone / _BOUND
    repeated = [features[FEATURES.index(name)] for name in _REPEATED]
    layers = [
        scaled, row_gap / _BOUND, table_gap / _BOUND, row_gap >= 0, table_gap >= 0,
        assigned, share, table_best, named, (1 / (1 + np.exp(-alone))) * tables,
        named >= 0.99, *repeated,
    ]  # fmt: skip
    return np.stack([np.asarray(layer, dtype=np.float32) for layer in layers])


def context_scores(found: np.ndarray, weights: Weights) -> np.ndarray:
    """Return the log odds of each pair in its context."""
    return np.asarray(np.tensordot(weights.context, found, axes=1) + weights.context_bias)


def calibrated(raw: np.ndarray, weights: Weights) -> np.ndarray:
    """Return the share of pairs with such a raw score that were right in training."""
    return np.asarray(np.interp(raw, weights.knots, weights.shares))


def _gap(scores: np.ndarray, axis: int) -> np.ndarray:
    """Return by how much each score leads the best other one along an axis, or trails the best."""
    if scores.shape[axis] == 1:
        return np.full_like(scores, 1.0)
    ordered = np.partition(scores, -2, axis=axis)
    best = np.take(ordered, [-1], axis=axis)
    second = np.take(ordered, [-2], axis=axis)
    return np.asarray(np.where(scores >= best, scores - second, scores - best))


def table_fit(
    alone: np.ndarray, features: np.ndarray, source: Schema, target: Schema
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by pairs how well their tables fit: fit, its share of all fits, whether the best.

    Two tables fit by their names and by how many columns of one find their best partner in the
    other.
    """
    chance = np.exp(alone - alone.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    own, other = len(source.table_names), len(target.table_names)
    mass = np.zeros((own, other))
    np.add.at(mass, (source.table_index[:, None], target.table_index[None, :]), chance)
    mass /= np.maximum(mass.sum(axis=1, keepdims=True), 1e-9)
    named = np.zeros((own, other))
    layer = features[FEATURES.index("table_name")]
    np.maximum.at(named, (source.table_index[:, None], target.table_index[None, :]), layer)
    named = _as_child(named, source)
    fit = 0.5 * mass / np.maximum(mass.max(axis=1, keepdims=True), 1e-9) + 0.5 * named
    places = np.ix_(source.table_index, target.table_index)
    sharp = fit**_SHARP
    share = sharp / np.maximum(sharp.sum(axis=1, keepdims=True), 1e-12)
    leads = fit >= fit.max(axis=1, keepdims=True) - 1e-9
    return fit[places], share[places], leads[places].astype(np.float64)


def _as_child(named: np.ndarray, source: Schema) -> np.ndarray:
    """Lower the likeness of a table to what its parent is: a patient's note is no patient."""
    parents = source.parents()
    result = named.copy()
    for table, above in enumerate(parents):
        for parent in above:
            mine = named[parent] > named[table]
            result[table] = np.where(mine & (named[parent] >= _CLEAR), result[table] * _CHILD,
                                     result[table])  # fmt: skip
    return result
