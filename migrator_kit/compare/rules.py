"""How two values of a field are compared: the closed list of kinds, rules and verdicts, as SQL.

Each kind of field has one expression for "equal after a named rule" (what Zoho CRM does to every
value of that type, fact sheet 2.5) and one that names the nature of a change, so that a person
reads "rounded" or "shifted by +1.00 h" and not only "different".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from migrator_kit.compare.datasets import LandedField, columns_of, literal, quoted
from migrator_kit.compare.mapped import mapping_row
from migrator_kit.compare.sides import Sides
from migrator_kit.mapping.model import FieldMapping, Landing, ObjectMapping


class Verdict(StrEnum):
    """What the comparison says of a value or a record."""

    EQUAL = "equal"
    AFTER_RULE = "equal_after_rule"
    """Differs in form only, by a rule that Zoho applies to every value of the type."""
    CHANGED = "changed_by_zoho"
    LOST = "lost"
    UNEXPECTED = "unexpected"
    EDITED = "edited_in_zoho"
    """A person changed the value in Zoho CRM after it had arrived: no fault of the load."""
    HIDDEN = "hidden"
    """Zoho does not show the field through its API: nothing is known about it."""
    MISSING = "missing_record"
    EXTRA = "extra_record"
    DUPLICATE = "duplicate_record"


FIELD_VERDICTS = (
    Verdict.AFTER_RULE,
    Verdict.CHANGED,
    Verdict.LOST,
    Verdict.UNEXPECTED,
    Verdict.EDITED,
    Verdict.HIDDEN,
)
NO_FAULT = (Verdict.AFTER_RULE, Verdict.EDITED)
RECORD_VERDICTS = (Verdict.MISSING, Verdict.EXTRA, Verdict.DUPLICATE)
DAMAGE = (Verdict.CHANGED, Verdict.LOST, Verdict.UNEXPECTED)


class Kind(StrEnum):
    """How a field is compared."""

    TEXT = "text"
    CHOICE = "choice"
    CHOICES = "choices"
    NUMBER = "number"
    MONEY = "money"
    WHOLE = "whole number"
    YES_NO = "yes or no"
    DATE = "date"
    INSTANT = "instant"
    LINK = "link"
    PERSON = "person"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one target field is compared: its kind and the SQL of both sides.

    `expected` and `actual` read columns of the tables `s` (shaped) and `t` (landed).
    """

    target: str
    kind: Kind
    expected: str
    actual: str
    hidden: bool = False

    @property
    def differs(self) -> str:
        """SQL condition: the two sides are not the same value."""
        return f"{self.expected} is distinct from {self.actual}"

    @property
    def cell(self) -> str:
        """SQL struct of the comparison of one value: verdict, nature, both sides as text."""
        return (
            f"{{'field': {literal(self.target)}, 'verdict': {self._verdict()}, "
            f"'nature': {self._nature()}, 'expected': cast({self.expected} as varchar), "
            f"'actual': cast({self.actual} as varchar)}}"
        )

    def canonical(self, side: str) -> str:
        """SQL text of one side in the form that this rule leaves unchanged; null where empty."""
        match self.kind:
            case Kind.TEXT | Kind.CHOICE:
                return f"nullif({_clean(side)}, '')"
            case Kind.CHOICES:
                return f"nullif(array_to_string({_sorted(side)}, chr(31)), '')"
            case Kind.MONEY | Kind.NUMBER:
                # Adding zero leaves one zero where there are two.
                return f"cast(round({side}, {_DECIMALS[self.kind]}) + 0.0 as varchar)"
            case Kind.YES_NO:
                return f"cast(coalesce({side}, false) as varchar)"
            case Kind.INSTANT:
                return f"cast(date_trunc('second', {side}) as varchar)"
            case _:
                return f"cast({side} as varchar)"

    def _verdict(self) -> str:
        arms = [f"when not ({self.differs}) then '{Verdict.EQUAL}'"]
        if self.hidden:
            arms.append(f"when {self.actual} is null then '{Verdict.HIDDEN}'")
        if condition := self._same_after_rule():
            arms.append(f"when {condition} then '{Verdict.AFTER_RULE}'")
        arms.append(f"when {self.expected} is null then '{Verdict.UNEXPECTED}'")
        arms.append(f"when {self.actual} is null then '{Verdict.LOST}'")
        return f"case {' '.join(arms)} else '{Verdict.CHANGED}' end"

    def _nature(self) -> str:
        arms = [f"when not ({self.differs}) then ''"]
        if self.hidden:
            arms.append(f"when {self.actual} is null then 'not shown by Zoho'")
        if condition := self._same_after_rule():
            arms.append(f"when {condition} then {literal(_RULE_NAMES[self.kind])}")
        arms.append(f"when {self.expected} is null then 'filled in Zoho, empty in the source'")
        arms.append(f"when {self.actual} is null then 'empty in Zoho'")
        arms += _natures(self.kind, self.expected, self.actual)
        return f"case {' '.join(arms)} else {literal(_OTHERWISE[self.kind])} end"

    def _same_after_rule(self) -> str | None:
        e, a = self.expected, self.actual
        match self.kind:
            case Kind.TEXT | Kind.CHOICE:
                return f"{_clean(e)} = {_clean(a)}"
            case Kind.CHOICES:
                return f"{_sorted(e)} = {_sorted(a)}"
            case Kind.MONEY | Kind.NUMBER:
                decimals = _DECIMALS[self.kind]
                return f"round({e}, {decimals}) = round({a}, {decimals})"
            case Kind.YES_NO:
                return f"{e} is null and not {a}"
            case Kind.INSTANT:
                return f"date_trunc('second', {e}) = date_trunc('second', {a})"
            case _:
                return None


_DECIMALS = {Kind.MONEY: 2, Kind.NUMBER: 9}

_RULE_NAMES: dict[Kind, str] = {
    Kind.TEXT: "white space at the ends, line ends",
    Kind.CHOICE: "white space at the ends, line ends",
    Kind.CHOICES: "order of the choices",
    Kind.MONEY: "two decimals",
    Kind.NUMBER: "nine decimals",
    Kind.YES_NO: "a box without an answer is not ticked",
    Kind.INSTANT: "whole seconds",
}

_OTHERWISE: dict[Kind, str] = {
    Kind.TEXT: "other text",
    Kind.CHOICE: "other value",
    Kind.CHOICES: "other values",
    Kind.MONEY: "other amount",
    Kind.NUMBER: "other number",
    Kind.WHOLE: "other number",
    Kind.YES_NO: "other answer",
    Kind.DATE: "other date",
    Kind.INSTANT: "other time",
    Kind.LINK: "other parent",
    Kind.PERSON: "other person",
    Kind.FILE: "other bytes",
}


def _clean(side: str) -> str:
    unix = f"replace(replace({side}, chr(13) || chr(10), chr(10)), chr(13), chr(10))"
    return f"coalesce(trim({unix}, ' ' || chr(9) || chr(10)), '')"


def _sorted(side: str) -> str:
    return f"coalesce(list_sort({side}), [])"


def _natures(kind: Kind, e: str, a: str) -> list[str]:
    """Return the CASE arms that name a change, from the most telling to the least."""
    match kind:
        case Kind.TEXT:
            inner = r"regexp_replace({}, '\s+', ' ', 'g')"
            return [
                f"when starts_with({_clean(e)}, {_clean(a)}) then 'cut'",
                f"when lower({e}) = lower({a}) then 'letter case'",
                f"when {inner.format(e)} = {inner.format(a)} then 'white space inside'",
            ]
        case Kind.MONEY | Kind.NUMBER:
            return [
                f"when {a} in (round({e}, 0), round({e}, 1), trunc({e})) then 'rounded'",
                f"when {a} = -({e}) then 'sign'",
            ]
        case Kind.INSTANT:
            seconds = f"(epoch_us({a}) - epoch_us({e})) / 1000000.0"
            return [
                f"when abs({seconds}) <= 86400 and {seconds} % 900 = 0 "
                f"then format('shifted by {{:+.2f}} h', {seconds} / 3600.0)"
            ]
        case Kind.DATE:
            return [
                f"when abs(date_diff('day', {e}, {a})) = 1 "
                f"then format('shifted by {{:+d}} day', date_diff('day', {e}, {a}))",
                f"when year({e}) = year({a}) and month({e}) = day({a}) and day({e}) = month({a}) "
                f"then 'day and month exchanged'",
            ]
        case Kind.LINK:
            return [f"when starts_with({a}, 'zoho:') then 'parent unknown to the ledger'"]
        case _:
            return []


def field_rules(sides: Sides) -> list[FieldRule]:
    """Return the rules of all fields of an object that are compared, in the order of the parts.

    Owners are compared only where the persons behind the owner keys are known.
    """
    item, landed, columns = sides.item, sides.landed, sides.columns
    there = columns_of(landed.parts(item.into or item.object))
    rules = []
    for target in (name for name in columns if _is_compared(item, name, columns)):
        if target == "Owner" and sides.scope.people is None:
            continue
        known = landed.field(item.into or item.object, target)
        hidden = bool(known and known.hidden)
        if target in there and not _comparable(columns[target], there[target]):
            name = quoted(target)
            texts = f"cast(s.{name} as varchar)", f"cast(t.{name} as varchar)"
            rules.append(FieldRule(target, Kind.TEXT, *texts, hidden))
            continue
        row = mapping_row(sides.mapping, item.object, target)
        kind = kind_of(row, target, columns[target], known)
        rules.append(FieldRule(target, kind, *_sides(target, kind, columns, there), hidden))
    return rules


_FILE_FIELDS = ("File_Name", "Parent_Id", "sha256", "size")
_HELPERS = ("source_id", "parent_id", "slot")


def _is_compared(mapping: ObjectMapping, name: str, columns: Mapping[str, pa.DataType]) -> bool:
    names_a_parent = name.endswith("_object") and name.removesuffix("_object") in columns
    if name in _HELPERS or names_a_parent:
        return False
    return mapping.landing is not Landing.FILES or name in _FILE_FIELDS


def kind_of(
    row: FieldMapping | None, target: str, arrow: pa.DataType, known: LandedField | None
) -> Kind:
    """Return how a field is compared, from its mapping row, the shaped type and Zoho's type."""
    declared = known.data_type if known else (row.create.data_type if row and row.create else "")
    if target == "Owner":
        return Kind.PERSON
    if target == "sha256":
        return Kind.FILE
    if target == "Parent_Id" or (row and row.lookup):
        return Kind.LINK
    if pa.types.is_floating(arrow):
        return Kind.MONEY if declared == "currency" else Kind.NUMBER
    if kind := next((kind for test, kind in _BY_TYPE if test(arrow)), None):
        return kind
    return Kind.CHOICE if declared == "picklist" or (row and row.values) else Kind.TEXT


_BY_TYPE = (
    (pa.types.is_date, Kind.DATE),
    (pa.types.is_timestamp, Kind.INSTANT),
    (pa.types.is_boolean, Kind.YES_NO),
    (pa.types.is_integer, Kind.WHOLE),
    (pa.types.is_list, Kind.CHOICES),
)


def _sides(
    target: str,
    kind: Kind,
    shaped: Mapping[str, pa.DataType],
    landed: Mapping[str, pa.DataType],
) -> tuple[str, str]:
    """Return the SQL of both sides; a field that Zoho does not have is an empty value."""
    name, which = quoted(target), quoted(f"{target}_object")
    expected = f"s.{name}"
    actual = f"t.{name}" if target in landed else f"(case when false then s.{name} end)"
    if kind is Kind.LINK and f"{target}_object" in shaped:
        expected = f"(s.{which} || ':' || s.{name})"
        if f"{target}_object" in landed:
            actual = f"(coalesce(t.{which} || ':', '') || t.{name})"
    return expected, actual


def _comparable(one: pa.DataType, other: pa.DataType) -> bool:
    families = {_family(one), _family(other)} - {"empty"}
    return len(families) < 2


def _family(arrow: pa.DataType) -> str:
    if pa.types.is_null(arrow):
        return "empty"
    if pa.types.is_integer(arrow) or pa.types.is_floating(arrow):
        return "number"
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return "text"
    return str(arrow.id)
