"""Draws the rows that get dirty, and counts them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from migrator_kit.sample.columns import Rows
from migrator_kit.sample.dirt import Dirt


class DirtDraw:
    """Draws the rows that get dirty, exactly at the rates, and counts them.

    Works chunk by chunk: a kind has after n eligible rows exactly the rounded-up share of n, so
    that a small practice has every kind at least once.
    """

    def __init__(self, level: float = 1.0) -> None:
        self._level = level
        self._seen: Counter[Dirt] = Counter()
        self.counts: Counter[Dirt] = Counter(dict.fromkeys(Dirt, 0))

    def rows(self, rng: np.random.Generator, eligible: Rows, *kinds: Dirt) -> dict[Dirt, Rows]:
        """Return for each kind the rows it falls on; no row gets two kinds of one call."""
        shuffled = rng.permutation(eligible)
        drawn: dict[Dirt, Rows] = {}
        for kind in kinds:
            quota = min(self._quota(kind, len(eligible)), len(shuffled))
            drawn[kind], shuffled = np.sort(shuffled[:quota]), shuffled[quota:]
            self.counts[kind] += quota
            self._seen[kind] += len(eligible)
        return drawn

    def one(self, rng: np.random.Generator, eligible: Rows, kind: Dirt) -> Rows:
        """Return the rows one kind falls on."""
        return self.rows(rng, eligible, kind)[kind]

    def _quota(self, kind: Dirt, eligible: int) -> int:
        if self._level == 0:
            return 0
        if kind.rate.count:
            return kind.rate.count - self.counts[kind]
        share = min(kind.rate.share * self._level, 1.0)
        seen = self._seen[kind]
        # Rounded first: 0.07 * 100 must give 7, not the 8 above 7.000000000000001.
        return math.ceil(round((seen + eligible) * share, 6)) - math.ceil(round(seen * share, 6))
