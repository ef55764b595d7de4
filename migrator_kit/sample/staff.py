"""Practices, providers and the rules of a sample practice: small tables made row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from migrator_kit.sample.columns import Column, Flags, Rows, Table, values
from migrator_kit.sample.people import FEMALE, MALE, Origin, ascii_name
from migrator_kit.sample.schema import TABLE_BY_NAME

# name, domain, street, city, postcode, region, phone, e-mail box, opened
_PRACTICES = (
    ("Harbor Street Dental", "harborstreetdental.example", "12 Harbor Street", "Yonkers", "10701",
     "NY", "(914) 555-0110", "reception", "2004-03-15"),
    ("Elm Park Dental", "elmparkdental.example", "480 Elm Park Avenue", "Stamford", "06901",
     "CT", "203-555-0142 ext. 2", "office", "2009-09-01"),
    ("Old Mill Orthodontics", "oldmillortho.example", "7 Old Mill Road", "Hoboken", "07030",
     "NJ", "+1 201 555 0171", None, "2015-01-12"),
    ("Lakeview Family Dentistry", "lakeviewfamilydentistry.example", "95 Lakeview Terrace",
     "Albany", "12203", "NY", "518.555.0129", "hello", "2019-06-03"),
)  # fmt: skip

# The first three are the principals, whose e-mail addresses a rehearsal creates as users.
_ROLES = ("dentist", "dentist", "dentist", "hygienist", "reception", "assistant", "hygienist",
          "reception", "assistant")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Staff:
    """Practices and providers as tables, and what the patients' tables need to know of them."""

    practices: Table
    providers: Table
    practice_ids: Column
    dentists: Rows
    """Positions of the active dentists among the providers."""
    clinicians: Rows
    active: Rows
    departed: Rows
    ids: Column
    owners: tuple[str, ...]


def staff(rng: np.random.Generator, pools: tuple[Origin, ...]) -> Staff:
    """Make two to four practices and eight to fourteen providers, some of whom left."""
    practices = _practices(int(rng.integers(2, len(_PRACTICES) + 1)))
    practice_ids = practices["practice_id"]
    active_count = int(rng.integers(6, 10))
    departed_count = int(rng.integers(2, 6))
    surnames = rng.choice(pools[0].last[FEMALE], active_count + departed_count, replace=False)
    rows = [
        _provider(rng, pools, number, surname, practice_ids, active=number < active_count)
        for number, surname in enumerate(surnames.tolist())
    ]
    # One who left has an address still, one has none; one who stays never had one.
    rows[active_count]["email"] = None
    rows[5]["email"] = None
    providers = _columns("providers", rows)
    active: Flags = providers["active"] == 1
    clinical = np.isin(providers["role"].astype(np.str_), ["dentist", "hygienist"])
    return Staff(
        practices=practices,
        providers=providers,
        practice_ids=practice_ids,
        dentists=np.flatnonzero(active & (providers["role"] == "dentist")),
        clinicians=np.flatnonzero(active & clinical),
        active=np.flatnonzero(active),
        departed=np.flatnonzero(~active),
        ids=providers["provider_id"],
        owners=tuple(row["email"] for row in rows if row["active"] and row["email"]),  # type: ignore[misc]
    )


def _practices(count: int) -> Table:
    rows: list[dict[str, object]] = [
        {
            "practice_id": f"P{number:02d}",
            "name": name,
            "street": street,
            "city": city,
            "postcode": postcode,
            "region": region,
            "country": "USA",
            "phone": phone,
            "email": f"{box}@{domain}" if box else None,
            "website": f"https://www.{domain}",
            "opened_on": opened,
            "created_at": f"{opened} 09:00:00",
            "modified_at": f"2025-0{number}-11 16:20:00",
        }
        for number, (name, domain, street, city, postcode, region, phone, box, opened) in enumerate(
            _PRACTICES[:count], start=1
        )
    ]
    return _columns("practices", rows)


def _provider(
    rng: np.random.Generator,
    pools: tuple[Origin, ...],
    number: int,
    last: str,
    practice_ids: Column,
    *,
    active: bool,
) -> dict[str, object]:
    gender = int(rng.integers(FEMALE, MALE + 1))
    first = str(rng.choice(pools[0].first[gender]))
    practice = number % len(practice_ids)
    domain = _PRACTICES[practice][1]
    role = _ROLES[number % len(_ROLES)] if active else ("dentist", "hygienist")[number % 2]
    left = None if active else f"{2014 + int(rng.integers(0, 11))}-0{int(rng.integers(1, 10))}-28"
    return {
        "provider_id": f"DR{number + 1:02d}",
        "practice_id": practice_ids[practice],
        "title": "Dr." if role == "dentist" else None,
        "first_name": first,
        "last_name": last,
        "role": role,
        "email": f"{ascii_name(first)}.{ascii_name(last)}@{domain}",
        "active": int(active),
        "left_on": left,
        "created_at": f"{2006 + number % 9}-02-0{1 + number % 9} 08:30:00",
        "modified_at": f"{left} 17:00:00" if left else f"2025-1{number % 3}-14 12:05:00",
    }


def _columns(table: str, rows: list[dict[str, object]]) -> Table:
    return {name: values([row[name] for row in rows]) for name in TABLE_BY_NAME[table].column_names}


_RULE_TIMES = ("2018-04-09 10:00:00", "2025-11-03 15:30:00")

# name, trigger, offset in days, time, channel, template, condition, consent, frequency, active
_REMINDERS = (
    ("Appointment reminder, one week", "appointment.scheduled", -7, "09:00", "email",
     "Dear {patient.first_name}, we look forward to seeing you on {appointment.date} at "
     "{appointment.time} at {practice.name}.", "status in (scheduled, confirmed)", 1, "once", 1),
    ("Appointment reminder, one day", "appointment.scheduled", -1, "10:00", "sms",
     "{practice.name}: your appointment is tomorrow at {appointment.time}. Reply C to confirm.",
     "status = scheduled and phone_mobile is set", 1, "once", 1),
    ("Missed appointment", "appointment.no_show", 1, "11:30", "phone",
     "Call the patient, offer a new time, note the outcome.", None, 0, "once", 1),
    ("After surgery", "treatment.completed", 2, "16:00", "phone",
     "How do you feel after your treatment on tooth {plan.teeth}?",
     "treatment_code in (EXT, IMPL)", 0, "once", 1),
    ("Birthday", "patient.birthday", 0, "08:00", "email",
     "Happy birthday, {patient.first_name}!", "status = active", 1, "yearly", 1),
    ("Open treatment plan", "plan.presented", 30, "09:30", "letter",
     "Your treatment plan {plan.title} of {plan.proposed_on} is waiting for your decision.",
     "status = presented and fee_total > 500", 0, "monthly, at most 3 times", 1),
    ("Balance due", "balance.changed", None, None, "letter", None,
     "balance > 0", 0, "monthly", 0),
)  # fmt: skip

# name, treatment code, months, channel, template, attempts, days of grace, active
_RECALLS = (
    ("Check-up", "EXAM", 6, "sms", "{practice.name}: time for your check-up. Call {practice.phone}.", 3, 14, 1),  # noqa: E501
    ("Cleaning", "PROPHY", 6, "email", "Dear {patient.first_name}, your next cleaning is due.", 3, 14, 1),  # noqa: E501
    ("Periodontal maintenance", "PERIO", 3, "phone", "Call and offer a time within two weeks.", 5, 7, 1),  # noqa: E501
    ("Panoramic X-ray", "PANO", 120, "letter", "A new panoramic X-ray is due.", 1, 60, 1),
    ("Implant control", "IMPL", None, "email", None, 2, None, 1),
)  # fmt: skip


def reminder_rules() -> Table:
    """Return the reminder rules; the last one is incomplete."""
    names = ("name", "trigger_event", "offset_days", "send_at", "channel", "template",
             "condition", "consent_required", "frequency", "active")  # fmt: skip
    return _rules("reminder_rules", "RM", names, _REMINDERS)


def recall_rules() -> Table:
    """Return the recall rules; the last one is incomplete."""
    names = ("name", "treatment_code", "interval_months", "channel", "template", "max_attempts",
             "grace_days", "active")  # fmt: skip
    return _rules("recall_rules", "RC", names, _RECALLS)


def _rules(
    table: str, prefix: str, names: tuple[str, ...], rules: tuple[tuple[object, ...], ...]
) -> Table:
    created, modified = _RULE_TIMES
    rows = [
        {
            "rule_id": f"{prefix}{number:02d}",
            **dict(zip(names, rule, strict=True)),
            "created_at": created,
            "modified_at": modified,
        }
        for number, rule in enumerate(rules, start=1)
    ]
    return _columns(table, rows)
