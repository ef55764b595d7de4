"""The patients of a generated practice shaped by the default mapping, and by petl row by row.

The petl side is what a person writes with it: one plain function for each rule, with the same
libraries for phone numbers, addresses and broken encodings, converted value by value.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from calendar import month_abbr
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROWS_CSV, SHAPED_CSV = "rows.csv", "shaped.csv"
KEPT = ("patients", "practices", "providers")
MONTHS = {name: number for number, name in enumerate(month_abbr)}
NOTHING = {"", "n/a", "na", "none", "no", "null", "unknown", "-", "--", ".", "?", "x", "not given"}
NO_DATE = {date(1, 1, 1), date(1899, 12, 30), date(1900, 1, 1)}
SALUTATIONS = {"Mr": "Mr.", "Mrs": "Mrs.", "Ms": "Ms.", "Dr": "Dr.", "Prof": "Prof."}
SEXES = {"m": "Male", "f": "Female", "u": "Unknown"}
STATES = {name.lower(): name for name in ("Active", "Inactive", "Archived", "Deceased")}
YES, NO = {"1", "true", "t", "yes", "y"}, {"0", "false", "f", "no", "n"}


def prepare(folder: str, patients: int, rows: int) -> dict[str, Any]:
    """Take a snapshot of a practice's patients; write the first `rows` of their SELECT as CSV."""
    from migrator_kit.demo import new_engagement
    from migrator_kit.mapping.files import default_mapping
    from migrator_kit.mapping.model import ObjectName
    from migrator_kit.mapping.objects import opened, rows_sql
    from migrator_kit.mapping.shape import locale_of
    from migrator_kit.sample import generate
    from migrator_kit.source.snapshot import take_snapshot

    practice = generate(Path(folder) / "practice", patients=patients, documents=False)
    with closing(sqlite3.connect(practice.database)) as connection, connection:
        for table in set(practice.counts) - set(KEPT):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    engagement = new_engagement(
        Path(folder) / "engagement", str(practice.database), client="Benchmark",
        profile="dent_o_soft",
    )  # fmt: skip
    snapshot = take_snapshot(engagement)
    select = default_mapping("dent_o_soft").object(ObjectName.PATIENT)
    with opened(snapshot) as tables:
        asked = f"SELECT * FROM ({rows_sql(tables, select)}) ORDER BY source_id LIMIT {rows}"
        tables.execute(f"COPY ({asked}) TO '{Path(folder) / ROWS_CSV}' (HEADER)")
    locale = locale_of(engagement)
    return {"zone": locale.zone, "region": locale.region, "day_first": locale.day_first}


def ours(folder: str) -> int:
    """Shape every patient of the snapshot; return how many move."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.mapping.files import default_mapping
    from migrator_kit.mapping.model import ObjectName
    from migrator_kit.mapping.shape import shape
    from migrator_kit.source.snapshot import latest_snapshot

    engagement = Engagement.open(Path(folder) / "engagement")
    whole = default_mapping("dent_o_soft")
    wanted = (ObjectName.PRACTICE, ObjectName.PATIENT)
    objects = tuple(one for one in whole.objects if one.object in wanted)
    mapping = whole.model_copy(update={"objects": objects})
    dataset = shape(engagement, latest_snapshot(engagement), mapping)
    return dataset.manifest.objects[ObjectName.PATIENT].rows


def by_petl(folder: str, zone: str, region: str, day_first: bool) -> int:
    """Shape the rows of the CSV value by value; return how many there are."""
    import petl

    read = _Reader(ZoneInfo(zone), region, day_first)
    rows = petl.fromcsv(str(Path(folder) / ROWS_CSV), encoding="utf-8")
    fields: dict[str, Callable[[Any], Any]] = read.fields()
    shaped = petl.fieldmap(rows, fields)
    petl.tocsv(shaped, str(Path(folder) / SHAPED_CSV), encoding="utf-8")
    return int(petl.nrows(petl.fromcsv(str(Path(folder) / SHAPED_CSV), encoding="utf-8")))


class _Reader:
    """The rules of the patient's fields. Phone, address and date remember what they refused."""

    def __init__(self, zone: ZoneInfo, region: str, day_first: bool) -> None:
        self._zone, self._region, self._day_first = zone, region, day_first

    def fields(self) -> dict[str, Callable[[Any], Any]]:
        """Return for each target field the function of a row that fills it."""
        return {
            "source_id": lambda row: row["source_id"],
            "Provider_Name__c": lambda row: cut(line(row["provider_name"]), 100),
            "Salutation": lambda row: salutation(row["title"]),
            "First_Name": lambda row: cut(case(line(row["first_name"])), 40),
            "Last_Name": lambda row: cut(case(line(row["last_name"])), 80),
            "Date_of_Birth": lambda row: self.day(row["birth_date"])[0],
            "Sex__c": lambda row: choice(row["sex"], SEXES, "Unknown"),
            "Home_Phone": lambda row: self.phone(row["phone_home"])[0],
            "Mobile": lambda row: self.phone(row["phone_mobile"])[0],
            "Email": lambda row: email(row["email"])[0],
            "Contact_As_Recorded__c": self.as_recorded,
            "Description": overflow,
            "Mailing_Street": lambda row: street(row),
            "Mailing_City": lambda row: cut(line(row["city"]), 100),
            "Mailing_Zip": lambda row: cut(line(row["postcode"]), 30),
            "Mailing_State": lambda row: cut(line(row["region"]), 100),
            "Mailing_Country": lambda row: cut(line(row["country"]), 100),
            "Language__c": lambda row: cut(line(row["language"]), 50),
            "Patient_Status__c": lambda row: choice(row["status"], STATES, "To be checked"),
            "SMS_Consent__c": lambda row: flag(row["sms_consent"]),
            "Email_Consent__c": lambda row: flag(row["email_consent"]),
            "Email_Opt_Out": lambda row: flag(row["email_consent"]) != "true",
            "Medical_Alerts__c": lambda row: cut(lines(row["medical_alerts"]), 2000),
            "Referred_By__c": lambda row: cut(line(row["referred_by"]), 255),
            "Balance_At_Migration__c": lambda row: money(row["balance"]),
            "Old_Card_No__c": lambda row: cut(line(row["x_old_card_no"]), 50),
            "VIP__c": lambda row: flag(row["x_vip"]),
            "Loyalty_Group__c": lambda row: cut(line(row["x_loyalty_group"]), 100),
            "Source_Created_Time__c": lambda row: self.instant(row["created_at"]),
            "Source_Modified_Time__c": lambda row: self.instant(row["modified_at"]),
        }

    def phone(self, value: str) -> tuple[str | None, bool]:
        """Return E.164 and whether the text said anything else."""
        import phonenumbers

        if value.strip().casefold() in NOTHING:
            return None, False
        try:
            number = phonenumbers.parse(value, self._region)
        except phonenumbers.NumberParseException:
            number = None
        if number is not None and phonenumbers.is_valid_number(number):
            return _e164(number), False
        for match in phonenumbers.PhoneNumberMatcher(value, self._region):
            return _e164(match.number), True
        return None, True

    def day(self, value: str) -> tuple[date | None, bool]:
        """Return a date of the calendar and whether the text is none."""
        found = moment(value, day_first=self._day_first)
        if found is None:
            nothing = value.strip().casefold() in NOTHING or value.startswith(("0000", "00/00"))
            return None, not nothing
        usable = 1800 <= found.year <= 2100 and found.date() not in NO_DATE
        return (found.date() if usable else None), not usable and found.date() not in NO_DATE

    def instant(self, value: str) -> str | None:
        """Return local time as UTC."""
        found = moment(value, day_first=self._day_first)
        if found is None or not 1800 <= found.year <= 2100 or found.date() in NO_DATE:
            return None
        return found.replace(tzinfo=self._zone).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def as_recorded(self, row: Any) -> str | None:
        """Keep what was typed where it could not be read in full."""
        told = [
            ("Home phone", row["phone_home"], self.phone(row["phone_home"])[1]),
            ("Mobile", row["phone_mobile"], self.phone(row["phone_mobile"])[1]),
            ("Email", row["email"], email(row["email"])[1]),
            ("Birth date", row["birth_date"], self.day(row["birth_date"])[1]),
        ]
        kept = "; ".join(f"{label}: {text}" for label, text, refused in told if refused)
        return cut(kept or None, 2000)


def _e164(number: Any) -> str:
    import phonenumbers

    extension, number.extension = number.extension, None
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{whole} x{extension}" if extension else str(whole)


def lines(value: str) -> str | None:
    """Plain text: markup, broken encodings, control characters, line ends."""
    import ftfy
    from bs4 import BeautifulSoup
    from striprtf.striprtf import rtf_to_text

    if value.lstrip().startswith("{\\rtf"):
        value = rtf_to_text(value, errors="ignore")
    elif re.search(r"<(p|br|div|b|i|span|html|body)\b[^>]*>", value, re.IGNORECASE):
        value = BeautifulSoup(value, "html.parser").get_text("\n")
    if re.search("[\u00c2-\u00f4\u0392-\u03c4][\u0080-\u00bf\u2013-\u203a\u0384-\u038f]", value):
        value = ftfy.fix_encoding(value)
    value = unicodedata.normalize("NFC", value)
    value = re.sub(r"\r\n|[\r\x0b\x0c\u2028\u2029]", "\n", value)
    value = re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]", "", value)
    return re.sub(r"[ \t\xa0]+\n", "\n", value).strip() or None


def line(value: str) -> str | None:
    """Plain text of one line."""
    text = lines(value)
    return text and re.sub(r"[\s\xa0]+", " ", text)


def cut(value: str | None, length: int) -> str | None:
    """The text as far as it fits."""
    return value if value is None or len(value) <= length else value[:length].rstrip()


def case(value: str | None) -> str | None:
    """Names all in capitals or all in small letters get their case."""
    if value is None or value not in (value.upper(), value.lower()):
        return value
    words = re.split(r"(\s+|-)", value.lower())
    return "".join(_capital(word, place) for place, word in enumerate(words))


def _capital(word: str, place: int) -> str:
    if place and word in {"van", "von", "der", "den", "de", "del", "da", "di", "la", "zu", "of"}:
        return word
    match = re.match(r"(mc|[do]['’])(\w.*)", word)
    if match:
        return match[1].capitalize() + match[2].capitalize()
    return word[:1].title() + word[1:]


def email(value: str) -> tuple[str | None, bool]:
    """Return an address and whether the text said anything else."""
    from email_validator import EmailNotValidError, validate_email

    if value.strip().casefold() in NOTHING:
        return None, False
    try:
        return validate_email(value.strip(), check_deliverability=False).normalized, False
    except EmailNotValidError:
        pass
    for inside in re.findall(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+", value):
        try:
            return validate_email(inside, check_deliverability=False).normalized, True
        except EmailNotValidError:
            continue
    return None, True


def moment(value: str, *, day_first: bool) -> datetime | None:
    """Read a date with or without a time of day, as numbers or with the month's name."""
    text = value.strip()
    clock = time()
    if found := re.match(r"^(.+?)[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$", text):
        text = found[1]
        try:
            clock = time(int(found[2]), int(found[3]), int(found[4] or 0))
        except ValueError:
            return None
    day = _day(text, day_first=day_first)
    return day and datetime.combine(day, clock)


def _day(text: str, *, day_first: bool) -> date | None:
    if found := re.match(r"^(\d{4})[-/. ]?(\d{1,2})[-/. ]?(\d{1,2})$", text):
        year, month, day = (int(part) for part in found.groups())
    elif found := re.match(r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})$", text):
        first, last, year = int(found[1]), int(found[2]), _year(found[3])
        by_day = first > 12 or (day_first and last <= 12)
        day, month = (first, last) if by_day else (last, first)
    elif found := re.match(r"^(\d{1,2})[ .-]+([A-Za-z]{3,})[ .,-]+(\d{4}|\d{2})$", text):
        day, month, year = int(found[1]), MONTHS.get(found[2][:3].title(), 0), _year(found[3])
    elif found := re.match(r"^([A-Za-z]{3,})[ .-]+(\d{1,2})[ ,.-]+(\d{4}|\d{2})$", text):
        day, month, year = int(found[2]), MONTHS.get(found[1][:3].title(), 0), _year(found[3])
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year <= datetime.now(UTC).year % 100 else 1900)


def money(value: str) -> str | None:
    """An amount with two decimals."""
    text = re.sub(r"(?i)\b(?:eur|usd|gbp)\b|[€$£\s']", "", value).replace(",", "")
    if not text:
        return None
    try:
        return str(Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP))
    except InvalidOperation:
        return None


def flag(value: str) -> str | None:
    """Yes or no."""
    told = value.strip().lower()
    return "true" if told in YES else "false" if told in NO else None


def choice(value: str, values: dict[str, str], otherwise: str) -> str | None:
    """The value of a closed list."""
    told = value.strip().casefold()
    return values.get(told, otherwise) if told else None


def salutation(value: str) -> str | None:
    """The salutation as the list has it, or as it was written."""
    text = line(value)
    return text and SALUTATIONS.get(text.rstrip("."), text)


def street(row: Any) -> str | None:
    """Both lines of a street in one."""
    parts = [part for part in (lines(row["street"]), lines(row["street2"])) if part]
    return cut(re.sub(r"\s*\n\s*", " ", ", ".join(parts)) or None, 250)


def overflow(row: Any) -> str | None:
    """The whole text of what its own field cuts."""
    told = (("First name", "first_name", 40), ("Last name", "last_name", 80),
            ("Street", "street", 250))  # fmt: skip
    texts = [(label, lines(row[name]), length) for label, name, length in told]
    long = [f"{label}: {text}" for label, text, length in texts if text and len(text) > length]
    return "\n".join(long) or None
