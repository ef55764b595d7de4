"""The likeliest targets of each column of one schema in another: a matcher for any two schemas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from migrator_kit.mapping.propose.evidence import FEATURES, evidence
from migrator_kit.mapping.propose.kinds import kinds_of
from migrator_kit.mapping.propose.reasons import reasons_of, shared_kind
from migrator_kit.mapping.propose.schema import Schema, read_schema
from migrator_kit.mapping.propose.scoring import (
    CONTEXT,
    Weights,
    calibrated,
    context,
    context_scores,
    fitted,
    pair_scores,
)

HEADINGS = (
    "source_table", "source_column", "target_table", "target_column", "score", "reasons",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scored:
    """All pairs of two schemas: features, context and score, by source and target column."""

    source: Schema
    target: Schema
    features: np.ndarray
    alone: np.ndarray
    """Log odds of each pair by its own evidence."""
    assigned: np.ndarray
    kinds: tuple[np.ndarray, np.ndarray]
    scores: np.ndarray

    def best(self, row: int, top_k: int) -> list[int]:
        """Return the likeliest targets of a source column, the best first."""
        order = np.argsort(-self.scores[row], kind="stable")
        return [int(column) for column in order[:top_k]]

    def reasons(self, row: int, column: int) -> tuple[str, ...]:
        """Return in words what speaks for a pair, the strongest first."""
        return reasons_of(
            self.source, self.target, row, column,
            dict(zip(FEATURES, self.features[:, row, column].tolist(), strict=True)),
            assigned=bool(self.assigned[row, column]),
            kind=shared_kind(self.kinds[0][row], self.kinds[1][column]),
        )  # fmt: skip


def rank_matches(source: pd.DataFrame, target: pd.DataFrame, top_k: int = 5) -> pd.DataFrame:
    """Return for every source column its likeliest targets, the best first.

    In: frames with `column`, and as far as known `table`, `type`, `description` or `label`,
    `table_description`, `samples` (a list of values), `length`, `null_share`, `distinct_share`,
    `key`, `references`. Out: one row for each of at most `top_k` targets of each source column:
    source_table, source_column, target_table, target_column, score, reasons. A score is a
    calibrated probability; reasons are words that hold no value of the samples. Raises
    ParameterError where a frame does not name its columns.
    """
    scored = score_schemas(read_schema(source), read_schema(target))
    rows = [
        (
            scored.source.tables[row], scored.source.columns[row],
            scored.target.tables[column], scored.target.columns[column],
            round(float(scored.scores[row, column]), 4),
            "; ".join(scored.reasons(row, column)),
        )
        for row in range(len(scored.source))
        for column in scored.best(row, max(top_k, 0))
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(HEADINGS))
    return frame.astype({"score": "float64"})


def score_schemas(source: Schema, target: Schema, weights: Weights | None = None) -> Scored:
    """Return the scores of all pairs of two schemas, with the packaged weights or others."""
    weights = weights or fitted()
    shape = (len(source), len(target))
    kinds = (kinds_of(source), kinds_of(target))
    if 0 in shape:
        none = np.zeros((len(FEATURES), *shape), dtype=np.float32)
        empty = np.zeros(shape)
        return Scored(source, target, none, empty, empty, kinds, empty)
    features = evidence(source, target, kinds)
    alone = pair_scores(features, weights)
    found = context(alone, features, source, target)
    raw = context_scores(found, weights)
    assigned = found[CONTEXT.index("assigned")]
    return Scored(source, target, features, alone, assigned, kinds, ranked(raw, weights))


def ranked(raw: np.ndarray, weights: Weights) -> np.ndarray:
    """Return calibrated scores that keep the order of the raw ones where calibration is level."""
    tie = 1 / (1 + np.exp(-raw))
    return np.asarray(np.clip(calibrated(raw, weights) + 1e-4 * (tie - 0.5), 0.0, 1.0))
