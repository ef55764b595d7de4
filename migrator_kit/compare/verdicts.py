"""What the numbers of a reconciliation mean: a verdict in words for each object.

Pure: counts go in, words come out. The thresholds stand here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ROLL_BACK_ABOVE = 0.01
"""Share of an object's records (or of a field's values) that may be wrong and still be named one by
one; above it something is wrong with the load itself."""
WRONG_LINKS_ABOVE = 0.001
"""The same for records that stand with another parent, which may be another patient."""


class Level(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    DECISION = "decision"
    PROBLEM = "problem"

    @property
    def words(self) -> str:
        """The level as a person reads it."""
        return {"good": "Good", "decision": "Needs a decision", "problem": "Problem"}[self]


class Recommendation(StrEnum):
    """What to do with what was loaded."""

    GO = "go"
    EXCEPTIONS = "go with named exceptions"
    ROLL_BACK = "roll back"


_ORDER = list(Recommendation)


@dataclass(frozen=True, slots=True)
class Observation:
    """One sentence about an object, with its level."""

    object: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """The counts of one object that a verdict rests on."""

    object: str
    source: int = 0
    created: int = 0
    updated: int = 0
    matched: int = 0
    excluded: int = 0
    merged: int = 0
    failed: int = 0
    remainder: int = 0
    moves: bool = True
    """False for objects that are exported as a reference only."""
    in_zoho: int | None = None
    missing: int = 0
    extra: int = 0
    duplicates: int = 0
    wrong_links: int = 0
    lost_links: int = 0
    damaged_values: int = 0
    edited_values: int = 0
    """Changed in Zoho by people since they arrived: told, and no fault."""
    worst_field_share: float = 0.0
    hidden_fields: int = 0
    compared_fields: int = 0
    different_files: int = 0
    disagreeing_totals: int = 0

    @property
    def landed(self) -> int:
        """How many records the load says have arrived."""
        return self.created + self.updated + self.matched

    def share(self, count: int) -> float:
        """Return a count as a share of the records that should be there."""
        return count / max(self.landed, 1)


@dataclass(frozen=True, slots=True)
class ObjectVerdict:
    """What is recommended for one object, and every sentence it rests on."""

    object: str
    recommendation: Recommendation
    observations: tuple[Observation, ...]

    @property
    def words(self) -> str:
        """The verdict as one text."""
        return " ".join(observation.text for observation in self.observations)


def judge(facts: ObjectFacts) -> ObjectVerdict:
    """Return the verdict on one object."""
    if not facts.moves:
        text = "The source has none."
        if facts.source:
            rows = _count(facts.source, "row")
            text = f"{rows} exported as a reference; nothing is written to Zoho."
        good = Observation(facts.object, Level.GOOD, text)
        return ObjectVerdict(facts.object, Recommendation.GO, (good,))
    damage = list(_damage(facts))
    found = [*damage, *_exceptions(facts)]
    if any(one.level is Level.PROBLEM for one in found):
        recommendation = Recommendation.ROLL_BACK
    elif found:
        recommendation = Recommendation.EXCEPTIONS
    else:
        recommendation = Recommendation.GO
    if not damage and (facts.landed or not facts.source):
        found.insert(0, Observation(facts.object, Level.GOOD, _arrived(facts)))
    if facts.edited_values:
        values = _count(facts.edited_values, "value")
        text = f"{values} changed in Zoho by people since; the list names who and when."
        found.append(Observation(facts.object, Level.GOOD, text))
    return ObjectVerdict(facts.object, recommendation, tuple(found))


def worst(verdicts: Iterable[ObjectVerdict]) -> Recommendation:
    """Return the verdict on the whole load: that of its worst object."""
    ranks = [_ORDER.index(verdict.recommendation) for verdict in verdicts]
    return _ORDER[max(ranks, default=0)]


def _arrived(facts: ObjectFacts) -> str:
    if not facts.source:
        return "The source has none."
    text = f"{_count(facts.landed, 'record')} of {facts.source:,} arrived"
    if facts.compared_fields:
        fields = _count(facts.compared_fields, "field")
        otherwise = "no other value differs" if facts.edited_values else "no value differs"
        text += f"; {fields} compared, {otherwise}"
    return text + "."


def _damage(facts: ObjectFacts) -> Iterable[Observation]:
    """Yield what is wrong, each as a problem or as an exception by its share."""
    if facts.remainder:
        rows = _count(abs(facts.remainder), "row")
        yield _levelled(facts, f"{rows} of the source cannot be accounted for.", problem=True)
    uncounted = (facts.in_zoho or 0) - facts.landed - facts.extra + facts.missing
    if facts.in_zoho is not None and uncounted:
        sentence = f"{facts.in_zoho:,} are in Zoho, the load reports {facts.landed:,}."
        yield _levelled(facts, sentence, facts.share(abs(uncounted)) > ROLL_BACK_ABOVE)
    counted = (
        (facts.missing, "{} reported as landed and not in Zoho.", ROLL_BACK_ABOVE),
        (facts.extra, "{} in Zoho that should not be there.", ROLL_BACK_ABOVE),
        (facts.duplicates, "{} in Zoho more than once.", ROLL_BACK_ABOVE),
        (facts.wrong_links, "{} linked to another parent than in the source.", WRONG_LINKS_ABOVE),
        (facts.lost_links, "{} lost the link to the parent.", ROLL_BACK_ABOVE),
        (facts.different_files, "{} with other bytes than the original file.", ROLL_BACK_ABOVE),
    )
    for count, text, limit in counted:
        if count:
            sentence = text.format(_count(count, "record"))
            yield _levelled(facts, sentence, facts.share(count) > limit)
    if facts.damaged_values:
        sentence = f"{_count(facts.damaged_values, 'value')} arrived changed or not at all."
        yield _levelled(facts, sentence, facts.worst_field_share > ROLL_BACK_ABOVE)
    elif facts.disagreeing_totals and not (facts.missing or facts.extra or facts.wrong_links):
        sentence = f"{_count(facts.disagreeing_totals, 'total')} in Zoho differ from the source."
        yield _levelled(facts, sentence, problem=False)


def _exceptions(facts: ObjectFacts) -> Iterable[Observation]:
    """Yield what is accounted for and still wants a person's eye."""
    counted = (
        (facts.failed, "{} not landed; the list names each with its cause."),
        (facts.excluded, "{} excluded; the list names each with its reason."),
        (facts.merged, "{} merged into another record."),
    )
    for count, text in counted:
        if count:
            yield Observation(facts.object, Level.DECISION, text.format(_count(count, "record")))
    if facts.hidden_fields:
        yield Observation(
            facts.object,
            Level.DECISION,
            f"{_count(facts.hidden_fields, 'field')} hidden by the org's privacy settings: "
            "nothing can be said of their values.",
        )


def _levelled(facts: ObjectFacts, text: str, problem: bool) -> Observation:
    return Observation(facts.object, Level.PROBLEM if problem else Level.DECISION, text)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
