"""A language model's opinion on candidates, off by default.

The model is asked at an address that speaks the chat completions of OpenAI. It is sent names of
tables and columns, types and shapes of values, and never a value: what it can know of the data is
what `column_facts` says, and nothing else is put into a request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from migrator_kit.engagement import LanguageModelSettings
from migrator_kit.errors import ConfigError
from migrator_kit.source.profile import ColumnProfile

_SHAPES = 3
_ASK = (
    "You match columns of a practice program's database to fields of a CRM. For each column, "
    'choose one of its candidates or "". Answer with one JSON object: column to candidate.'
)


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Where a language model listens, its name, and the environment variable with its key."""

    url: str
    model: str
    key_variable: str | None = None
    seconds: float = 60.0

    def choose(
        self, columns: Sequence[ColumnProfile], candidates: Mapping[str, Sequence[str]]
    ) -> dict[str, str]:
        """Return the candidate that the model chooses for each column, by column name.

        `candidates` are field names by column name. A choice that was not offered is left out.
        Raises ConfigError where the address does not answer as it should.
        """
        asked = [
            {**column_facts(column), "candidates": list(candidates[column.name])}
            for column in columns
            if candidates.get(column.name)
        ]
        if not asked:
            return {}
        answer = self._answer(json.dumps(asked, ensure_ascii=False))
        return {
            name: field
            for name, field in answer.items()
            if isinstance(field, str) and field in candidates.get(name, ())
        }

    def _answer(self, question: str) -> dict[str, Any]:
        body = {
            "model": self.model, "temperature": 0, "response_format": {"type": "json_object"},
            "messages": [
                {"role": "system", "content": _ASK}, {"role": "user", "content": question},
            ],
        }  # fmt: skip
        key = os.environ.get(self.key_variable) if self.key_variable else None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        address = f"{self.url.rstrip('/')}/chat/completions"
        try:
            response = requests.post(address, json=body, headers=headers, timeout=self.seconds)
            response.raise_for_status()
            told = json.loads(response.json()["choices"][0]["message"]["content"])
        except (requests.RequestException, ValueError, KeyError, IndexError, TypeError) as error:
            raise ConfigError(
                f"The language model at {self.url} gave no usable answer ({type(error).__name__}).",
                hint="Correct mapping.language_model in engagement.yml, or take it out.",
            ) from None
        return told if isinstance(told, dict) else {}


def column_facts(column: ColumnProfile) -> dict[str, Any]:
    """Return what a language model may know of a column: names, type, shapes, shares.

    Shapes have letters as `a` and digits as `9` (`privacy.shape`); no value and no closed list is
    among the facts.
    """
    rows = max(column.rows, 1)
    return {
        "table": column.table,
        "column": column.name,
        "type": column.type,
        "content": str(column.content),
        "longest": column.max_length,
        "filled_share": round(column.filled / rows, 3),
        "distinct_share": round(column.distinct / max(column.filled, 1), 3),
        "shapes": [shape for shape, _ in column.shapes[:_SHAPES]],
    }


def from_settings(settings: LanguageModelSettings | None) -> LanguageModel | None:
    """Return the model that the settings name, or None where there are none."""
    if settings is None:
        return None
    return LanguageModel(settings.url, settings.model, settings.key_variable)
