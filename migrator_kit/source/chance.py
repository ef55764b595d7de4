"""How likely numbers lie in a key by chance: next to certain in a key without gaps, rare in others.

A column of a few scattered numbers says nothing where every number up to thousands is a key. Where
the key has gaps and the numbers hit none of them, it points there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


def chance_of_lying_in(values: Numbers, key: Numbers) -> float:
    """Return the chance that distinct `values`, all found in `key`, are found there by accident.

    Each counts with the share of the numbers from half to twice its size that are keys, so that
    the chance is the same at any scale. Numbers in a row count once, as a list that begins there
    would hold them all; the least likely of them is left out, as one coincidence is always found.
    """
    ordered, held = np.unique(values[values > 0]), np.unique(key)
    begins = ordered[np.r_[True, np.diff(ordered) > 1]] if len(ordered) else ordered
    if len(begins) < 2:
        return 1.0
    low, high = (begins + 1) // 2, begins * 2
    keys = np.searchsorted(held, high, side="right") - np.searchsorted(held, low, side="left")
    shares = np.sort(keys / (high - low + 1))
    return float(np.prod(shares[1:]))
