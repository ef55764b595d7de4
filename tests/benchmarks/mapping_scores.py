"""How good a ranking is: top-1, top-3, F1, calibration, on one gold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tests.benchmarks.mapping_golds import Gold


@dataclass(frozen=True)
class Score:
    """Shares of the judged source columns; `sure` counts rows at 0.9 or more."""

    gold: str
    method: str
    columns: int
    top1: float
    top3: float
    f1: float
    sure: int
    sure_right: float
    brier: float

    def line(self) -> str:
        sure = f"{self.sure_right:6.1%} of {self.sure:>5}" if self.sure else f"{'-':>15}"
        return (
            f"{self.gold:<38}{self.method:<22}{self.columns:>5}  {self.top1:6.1%}  {self.top3:6.1%}"
            f"  {self.f1:6.1%}  {sure}  {self.brier:.3f}"
        )


HEADING = (
    f"{'gold':<38}{'method':<22}{'cols':>5}  {'top-1':>6}  {'top-3':>6}  {'F1':>6}"
    f"  {'right at 0.9':>15}  Brier"
)


def judge(gold: Gold, method: str, ranking: pd.DataFrame, *, calibrated: bool = False) -> Score:
    """Judge a ranking with the columns of `rank_matches`, best row first for each source column.

    F1 is that of the first rows over the best threshold, the same rule for every method; a first
    row of a column without a right target counts as wrong. Calibration looks at all rows of judged
    columns.
    """
    rows = ranking.copy()
    pairs = zip(rows.source_table, rows.source_column, rows.target_table, rows.target_column,
                strict=True)  # fmt: skip
    told = [(c, d) in gold.right.get((a, b), ()) for a, b, c, d in pairs]
    rows["right"] = np.array(told, dtype=bool)
    keys = list(zip(rows.source_table, rows.source_column, strict=True))
    rows["judged"] = np.array([key in gold.right for key in keys], dtype=bool)
    rows["place"] = _places(keys)
    judged = rows[rows["judged"]]
    first = rows[rows["place"] == 0]
    total = len(gold.right)
    hits = [int(judged[judged["place"] < n].groupby(["source_table", "source_column"])["right"]
                .any().sum()) for n in (1, 3)]  # fmt: skip
    sure = judged[judged["score"] >= 0.9] if calibrated else judged[:0]
    return Score(
        gold.name, method, total, hits[0] / total, hits[1] / total, _best_f1(first, total),
        len(sure), float(sure["right"].mean()) if len(sure) else 0.0,
        float(((judged["score"] - judged["right"]) ** 2).mean()) if calibrated else float("nan"),
    )  # fmt: skip


def _places(keys: list[tuple[str, str]]) -> np.ndarray:
    """Return the place of each row among those of its source column, from 0."""
    seen: dict[tuple[str, str], int] = {}
    places = []
    for key in keys:
        places.append(seen.get(key, 0))
        seen[key] = places[-1] + 1
    return np.array(places, dtype=np.int64)


def _best_f1(first: pd.DataFrame, total: int) -> float:
    ordered = first.sort_values("score", ascending=False)
    right = ordered["right"].to_numpy().cumsum()
    shown = np.arange(1, len(ordered) + 1)
    return float(np.max(2 * right / (shown + total))) if len(ordered) else 0.0
