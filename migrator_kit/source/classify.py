"""Which columns hold patient data: a data class proposed from names and content, with the reason.

A proposal errs on the side of care: what looks like patient data in any way is masked until a
person has confirmed the class with the mapping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from migrator_kit.privacy import DataClass
from migrator_kit.source.contents import Content, Look
from migrator_kit.source.naming import joined, names_identity, words


@dataclass(frozen=True, slots=True)
class ProposedClass:
    """A data class with how sure it is (0 to 1) and why."""

    data_class: DataClass
    confidence: float
    reason: str


# Words of English, Spanish, Italian, German and transliterated Greek, as such programs use them.
# A word counts where it begins one of the words of a column's name, or the joined name.
_NAME_RULES: tuple[tuple[DataClass, str], ...] = (
    (DataClass.IDENTIFIER, r"ssn|social|amka|afm$|dni$|nif$|passport|taxid|codicefiscale|"
     r"medicaid|nationalid|idnumber|driverlic|cardno|oldcard|chartnum"),
    (DataClass.INSURANCE, r"insur|insco|inssub|policy|polic[ey]|carrier|subscrib|groupn|memberid|"
     r"member|payer|asegur|versicher|assicur|asfal|medicare|annualmax|deduct|copay"),
    (DataClass.HEALTH, r"medic|medurg|alert|allerg|diagnos|icd|tooth|teeth|surf|treat|procedure|"
     r"proccode|perio|disease|condition|drug|rx|prescr|anamnes|smok|pregnan|bloodp|diente|zahn|"
     r"dente|donti|therap|premed|chartnote"),
    (DataClass.FREE_TEXT, r"note|notes|remark|comment|memo|summary|descr|body|freetext|observ|"
     r"bemerk|letter|message|paratir|sxolia|sholia|reason|instruct"),
    (DataClass.CONTACT, r"phone|mobile|cell|fax|email|mail|address|addr|street|city|town|zip|"
     r"postcode|postal|wireless|hmphone|wkphone|telef|tel$|tel[0-9]|correo|direcc|strasse|ort$|plz|"
     r"indirizzo|thlef|tilef|kinit|dieyth|dieft|poli$|website|contact"),
    (DataClass.IDENTIFIER, r"lname|fname|mname|lastname|firstname|middle|surname|fullname|forename|"
     r"givenname|familyname|nickname|preferred|maiden|birth|dob$|bdate|nombre|apellido|nachname|"
     r"vorname|cognome|onoma|eponym|epith|patronym|patientname|guarantorname|icename|signature|photo|"
     r"password|pin$|referredby"),
)  # fmt: skip
_COMPILED = tuple((kind, re.compile(rf"^(?:{pattern})")) for kind, pattern in _NAME_RULES)
_STAMP = re.compile(
    r"(created|modified|updated|stamp|entry|edit|rowversion|lastmod|secdate|timestamp)"
)
_ORGANISATION = re.compile(
    r"^(practice|clinic|office|branch|site|provider|staff|employee|user|doctor|dentist|colleague|"
    r"operator|chair|carrier|employer|referral|supplier|lab|zipcode|payer|insurer|pharmac)"
)
_SETTINGS = re.compile(
    r"(rules?|definitions?|templates?|settings?|types?|codes?|categor(y|ies)|preferences?|triggers?|"
    r"feesched|fees?)$"
)
_ATTRIBUTES = frozenset(
    ("format", "type", "kind", "flag", "language", "lang", "method", "mode", "consent")
)
_ALWAYS_HEALTH = re.compile(r"^(tooth|teeth|surf|icd|diag)")
_BUSINESS = frozenset({DataClass.CONTACT, DataClass.IDENTIFIER})
_OF_ALL_KINDS = re.compile(r"ssn|social|amka|dni|nif|passport|birth|password|pin$")


def propose(table: str, column: str, look: Look) -> ProposedClass:
    """Return the data class of a column from its name, then from what its values look like."""
    by_content = _content_class(look)
    if by_content is not None and by_content.confidence >= 0.9:
        return _of_business(table, column, by_content)
    stamped = _STAMP.search(joined(column)) and look.content in (
        Content.DATE, Content.DATETIME, Content.INTEGER, Content.EMPTY,
    )  # fmt: skip
    if stamped:
        return ProposedClass(DataClass.TECHNICAL, 0.9, "a time stamp by name")
    if names_identity(column) and look.content is not Content.LONG_TEXT:
        named = _named(column)
        if named is None or named[0] in (DataClass.HEALTH, DataClass.FREE_TEXT):
            return ProposedClass(DataClass.TECHNICAL, 0.85, "a key by name")
    named = _named(column)
    if named is None:
        return by_content or ProposedClass(
            DataClass.OPERATIONAL, 0.5, "nothing speaks of a patient"
        )
    kind, word = named
    if words(column)[-1] in _ATTRIBUTES:
        return ProposedClass(
            DataClass.OPERATIONAL, 0.6, f"'{word}' by name, but an attribute of it"
        )
    soft = kind in (DataClass.HEALTH, DataClass.FREE_TEXT) and not _ALWAYS_HEALTH.match(word)
    if soft and _is_measure(look):
        return ProposedClass(DataClass.OPERATIONAL, 0.6, f"'{word}' by name, but numbers or dates")
    return _of_business(table, column, ProposedClass(kind, 0.8, f"'{word}' in the name"))


def _named(column: str) -> tuple[DataClass, str] | None:
    """Return the class that a name speaks of, and the word that does."""
    spoken = (*words(column), joined(column))
    pairs = ("".join(pair) for pair in pairwise(spoken))
    tried = [*spoken, *pairs]
    for kind, pattern in _COMPILED:
        for word in tried:
            if pattern.match(word):
                return kind, word
    if spoken[-1:] == ("name",) and len(spoken) <= 2:
        return DataClass.IDENTIFIER, "name"
    return None


def _content_class(look: Look) -> ProposedClass | None:
    """Return the class that the values themselves show, whatever the column is called."""
    if look.content is Content.EMAIL:
        return ProposedClass(DataClass.CONTACT, 0.95, "values look like e-mail addresses")
    if look.personal_numbers > 0.9:
        return ProposedClass(DataClass.IDENTIFIER, 0.95, "values look like personal numbers")
    if look.content in (Content.RTF, Content.HTML, Content.LONG_TEXT):
        return ProposedClass(DataClass.FREE_TEXT, 0.9, f"values are {look.content}")
    if look.content is Content.PHONE:
        return ProposedClass(DataClass.CONTACT, 0.7, "values look like phone numbers")
    if look.content is Content.PATH:
        return ProposedClass(DataClass.IDENTIFIER, 0.6, "file names often hold names of patients")
    if look.emails > 0.05:
        return ProposedClass(DataClass.CONTACT, 0.6, "some values look like e-mail addresses")
    return None


def _of_business(table: str, column: str, proposed: ProposedClass) -> ProposedClass:
    """Staff, practices and carriers are no patients: their names and addresses are operational."""
    organised = _ORGANISATION.match(joined(table)) is not None
    private = _OF_ALL_KINDS.search(joined(column)) is not None or "personal" in proposed.reason
    if _SETTINGS.search(joined(table)) and not private:
        return ProposedClass(DataClass.OPERATIONAL, 0.7, "a table of settings, not of patients")
    if organised and proposed.data_class in _BUSINESS and not private:
        return ProposedClass(DataClass.OPERATIONAL, 0.7, f"{proposed.reason}; not of a patient")
    return proposed


def _is_measure(look: Look) -> bool:
    return look.content in (
        Content.INTEGER, Content.DECIMAL, Content.DATE, Content.DATETIME, Content.BOOLEAN,
    )  # fmt: skip
