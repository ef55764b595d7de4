"""What counts beside the evidence in names and values: earlier engagements, a language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.propose.earlier import Earlier
from migrator_kit.mapping.propose.fields import Candidate, Hint
from migrator_kit.mapping.propose.language_model import LanguageModel
from migrator_kit.mapping.propose.ranking import Scored

_SURE = 0.9
_TOLD = 0.75
"""A language model can tip the balance between candidates, and make no row more than this sure."""
_OFFERED = 8


def remembered(
    earlier: Earlier, name: ObjectName, candidates: Sequence[Candidate], scored: Scored
) -> Iterator[Hint]:
    """Give the fields that people confirmed in earlier engagements for columns of these names."""
    for n, candidate in enumerate(candidates):
        table, _, column = candidate.sources[0].partition(".")
        told = earlier.confirmed(table, column, name)
        if told is not None and told.field in scored.target.columns:
            place = scored.target.columns.index(told.field)
            yield Hint(n, place, told.confidence, told.reason)


def asked(model: LanguageModel, candidates: Sequence[Candidate], scored: Scored) -> Iterator[Hint]:
    """Give the fields that a language model chooses for the columns in doubt."""
    doubtful = [n for n in range(len(candidates)) if scored.scores[n].max(initial=0.0) < _SURE]
    offered = {
        candidates[n].profile.name: [scored.target.columns[c] for c in scored.best(n, _OFFERED)]
        for n in doubtful
    }
    chosen = model.choose([candidates[n].profile for n in doubtful], offered)
    for n in doubtful:
        if field := chosen.get(candidates[n].profile.name):
            place = scored.target.columns.index(field)
            yield Hint(n, place, _TOLD, "the language model chose it by its name and shape")
