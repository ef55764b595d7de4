"""The patients of a chunk: who they are, how to reach them, and what is wrong with that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from migrator_kit.sample import contacts
from migrator_kit.sample.columns import (
    ANCHOR,
    Column,
    Flags,
    Floats,
    Moments,
    Rows,
    Table,
    between,
    dates,
    days_later,
    deleted_numbers,
    filled,
    joined,
    keep,
    key_numbers,
    numbered,
    one_of,
    text,
    timestamps,
    weighted,
)
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.people import MALE, Identities, Origin, identities
from migrator_kit.sample.spelling import dirty_names, respelled
from migrator_kit.sample.staff import Staff
from migrator_kit.sample.vocabulary import ALERTS, LOYALTY_GROUPS, REFERRERS, UNKNOWN_PATIENT_STATUS

KEY_GAP = 97
"""Every 97th patient number is missing: a deleted patient, whom orphans still name."""
UNKNOWN_PROVIDERS = ("DR00", "DR77", "DR91")
_BIRTH_FILLERS = {
    Dirt.BIRTH_1900: ("1900-01-01",),
    Dirt.BIRTH_YEAR_ONE: ("0001-01-01",),
    Dirt.BIRTH_1899: ("1899-12-30",),
    Dirt.BIRTH_FUTURE: ("2061-07-04", "2076-02-11", "2030-11-30"),
    Dirt.BIRTH_IMPOSSIBLE: ("31/02/1975", "1988-02-30", "1990-13-05", "00/00/0000"),
    Dirt.BIRTH_OTHER_FORMAT: ("14.03.1980", "7/22/1964", "3 May 1971", "05-11-58"),
}


@dataclass(frozen=True, slots=True)
class PatientChunk:
    """What the tables below the patient need to know of a chunk of patients."""

    ids: Column
    last_ordinal: int
    registered: Moments
    activity: Floats
    dentist: Rows
    practice: Column
    phone: Column
    birth: Moments
    insured: Flags


def patient_rows(
    rng: np.random.Generator,
    draw: DirtDraw,
    pools: tuple[Origin, ...],
    team: Staff,
    first: int,
    count: int,
) -> tuple[Table, PatientChunk]:
    """Make the patients with the ordinals `first` to `first + count`."""
    people = identities(rng, pools, count)
    ordinals = np.arange(first, first + count)
    ids = numbered("", key_numbers(first, count, KEY_GAP), 6)
    registered = np.datetime64("2008-01-07", "s") + (
        (rng.random(count) ** 0.8 * 6_700).astype(np.int64) * 86_400
    ).astype("timedelta64[s]")
    registered = registered + (rng.integers(9 * 60, 17 * 60, count) * 60).astype("timedelta64[s]")
    birth = _births(rng, registered)
    table: Table = {
        "phone_home": contacts.phone_numbers(rng, people, ordinals, 0),
        "phone_mobile": contacts.phone_numbers(rng, people, ordinals, 1),
        "email": contacts.email_addresses(rng, people, ordinals),
    }
    own = _households_and_duplicates(rng, draw, people, table, birth)
    contacts.dirty_phones(rng, draw, table["phone_mobile"])
    contacts.dirty_emails(rng, draw, table["email"], own)
    dirty_names(rng, draw, people, pools)
    dentist = team.dentists[rng.integers(0, len(team.dentists), count)]
    table |= _person_columns(rng, draw, people, ids, birth)
    table |= _practice_columns(rng, draw, team, dentist)
    table |= _standing_columns(rng, draw, count)
    table |= _history_columns(rng, draw, registered)
    return table, PatientChunk(
        ids=ids,
        last_ordinal=first + count,
        registered=registered,
        activity=rng.gamma(1.6, 1 / 1.6, count),
        dentist=dentist,
        practice=table["practice_id"],
        phone=table["phone_mobile"],
        birth=birth,
        insured=rng.random(count) < 0.7,
    )


def orphans(rng: np.random.Generator, chunk: PatientChunk, count: int) -> Column:
    """Return keys of patients who were deleted."""
    return numbered("", deleted_numbers(rng, count, chunk.last_ordinal, KEY_GAP), 6)


def _births(rng: np.random.Generator, registered: Moments) -> Moments:
    """Return birth dates: a third children at registration, nobody older than 96 today."""
    count = len(registered)
    age_days = np.where(
        rng.random(count) < 0.3,
        rng.integers(365, 17 * 365, count),
        np.clip(rng.normal(43, 16, count) * 365, 18 * 365, 78 * 365).astype(np.int64),
    )
    return days_later(registered, -age_days)


def _households_and_duplicates(
    rng: np.random.Generator, draw: DirtDraw, people: Identities, table: Table, birth: Moments
) -> Rows:
    """Make households and duplicates in place; return the rows with an e-mail of their own."""
    count = len(birth)
    drawn = draw.rows(
        rng,
        np.arange(1, count),
        Dirt.DUPLICATE_PATIENT,
        Dirt.SHARED_FAMILY_EMAIL,
        Dirt.SHARED_FAMILY_PHONE,
    )
    twins, email_sharers, phone_sharers = drawn.values()
    members = np.sort(np.concatenate([email_sharers, phone_sharers]))
    alone = np.ones(count, dtype=np.bool_)
    alone[members] = alone[twins] = False
    heads = np.maximum.accumulate(np.where(alone, np.arange(count), 0))
    table["phone_home"] = contacts.some(rng, table["phone_home"], 0.45, heads[members])
    table["phone_mobile"] = contacts.some(rng, table["phone_mobile"], 0.88, twins)
    table["email"] = contacts.some(rng, table["email"], 0.72, heads[email_sharers])
    for column in (people.last, people.street, people.city, people.postcode, people.region,
                   people.country, people.language, table["phone_home"]):  # fmt: skip
        column[members] = column[heads[members]]
    table["email"][email_sharers] = table["email"][heads[email_sharers]]
    _duplicate(rng, people, table, birth, twins, np.flatnonzero(alone))
    shared = np.zeros(count, dtype=np.bool_)
    shared[email_sharers] = shared[heads[email_sharers]] = shared[twins] = True
    return np.flatnonzero((table["email"] != None) & ~shared)  # noqa: E711  (row by row)


def _duplicate(
    rng: np.random.Generator,
    people: Identities,
    table: Table,
    birth: Moments,
    twins: Rows,
    singles: Rows,
) -> None:
    """Turn the rows `twins` into second records of earlier patients, each a little different."""
    earlier = np.searchsorted(singles, twins)
    originals = singles[(rng.random(len(twins)) * earlier).astype(np.int64)]
    for column in (people.gender, people.first, people.last, people.street, people.city,
                   people.postcode, people.region, people.country, people.language,
                   table["phone_home"], birth):  # fmt: skip
        column[twins] = column[originals]
    chance = rng.random(len(twins))
    same_phone = twins[chance < 0.6]
    table["phone_mobile"][same_phone] = table["phone_mobile"][originals[chance < 0.6]]
    same_email = chance > 0.4
    table["email"][twins[same_email]] = table["email"][originals[same_email]]
    # Whoever kept the phone has another spelling; the others have one or the other or both.
    changed = twins[(chance < 0.6) | (chance > 0.8)]
    people.first[changed], people.last[changed] = respelled(
        rng, people.first[changed], people.last[changed]
    )


def _person_columns(
    rng: np.random.Generator, draw: DirtDraw, people: Identities, ids: Column, birth: Moments
) -> Table:
    count = len(ids)
    every = np.arange(count)
    sex = np.where(people.gender == MALE, "M", "F").astype(np.object_)
    sex[rng.random(count) < 0.02] = "U"
    title = np.where(people.gender == MALE, "Mr", "Ms").astype(np.object_)
    street2 = joined("Apt ", text(rng.integers(1, 60, count)))
    drawn = draw.one(rng, every, Dirt.SEX_UNKNOWN)
    sex[drawn] = one_of(rng, ("X", "1", "2", "male", "?"), len(drawn))
    drawn = draw.one(rng, every, Dirt.STREET_TOO_LONG)
    people.street[drawn] = joined(people.street[drawn], ", rear building, ring twice" * 10)
    birth_date = dates(birth)
    drawn_births = draw.rows(rng, every, *_BIRTH_FILLERS, Dirt.BIRTH_MISSING)
    birth_date[drawn_births[Dirt.BIRTH_MISSING]] = None
    for kind, fillers in _BIRTH_FILLERS.items():
        birth_date[drawn_births[kind]] = one_of(rng, fillers, len(drawn_births[kind]))
    return {
        "patient_id": ids,
        "title": keep(title, rng.random(count) < 0.4),
        "first_name": people.first,
        "last_name": people.last,
        "birth_date": birth_date,
        "sex": sex,
        "street": people.street,
        "street2": keep(street2, rng.random(count) < 0.15),
        "city": people.city,
        "postcode": people.postcode,
        "region": people.region,
        "country": people.country,
        "language": people.language,
    }


def _practice_columns(
    rng: np.random.Generator, draw: DirtDraw, team: Staff, dentist: Rows
) -> Table:
    every = np.arange(len(dentist))
    practice = one_of(rng, team.practice_ids, len(dentist))
    provider = team.ids[dentist]
    lost = draw.one(rng, every, Dirt.PATIENT_PRACTICE_UNKNOWN)
    practice[lost] = one_of(rng, ("P09", None), len(lost))
    drawn = draw.rows(rng, every, Dirt.PATIENT_PROVIDER_UNKNOWN, Dirt.PATIENT_PROVIDER_DEPARTED)
    unknown, departed = drawn.values()
    provider[unknown] = one_of(rng, UNKNOWN_PROVIDERS, len(unknown))
    provider[departed] = one_of(rng, team.ids[team.departed], len(departed))
    return {"practice_id": practice, "provider_id": provider}


def _standing_columns(rng: np.random.Generator, draw: DirtDraw, count: int) -> Table:
    every = np.arange(count)
    status = weighted(
        rng, {"active": 0.8, "inactive": 0.12, "archived": 0.06, "deceased": 0.02}, count
    )
    drawn = draw.one(rng, every, Dirt.PATIENT_STATUS_UNKNOWN)
    status[drawn] = one_of(rng, UNKNOWN_PATIENT_STATUS, len(drawn))
    amounts = np.round(rng.lognormal(4.6, 1.0, count), 2)
    owes = rng.random(count)
    balance = np.where(owes < 0.25, amounts, np.where(owes < 0.28, -amounts, 0.0))
    balance = np.maximum(balance, -900.0).astype(np.object_)
    credit = draw.rows(rng, every, Dirt.BALANCE_BELOW_10000, Dirt.BALANCE_BELOW_1000)
    for rows, least in zip(credit.values(), (-10_000, -1_000), strict=True):
        balance[rows] = least - np.round(rng.random(len(rows)) * 5_000 + 1, 2)
    alerts = one_of(rng, ALERTS, count)
    two = rng.random(count) < 0.2
    alerts[two] = joined(alerts[two], "; ", one_of(rng, ALERTS, int(two.sum())))
    return {
        "status": status,
        "balance": balance,
        "sms_consent": weighted(rng, {1: 0.7, 0: 0.25, None: 0.05}, count),
        "email_consent": weighted(rng, {1: 0.6, 0: 0.35, None: 0.05}, count),
        "medical_alerts": keep(alerts, rng.random(count) < 0.18),
        "referred_by": keep(one_of(rng, REFERRERS, count), rng.random(count) < 0.4),
        "x_old_card_no": keep(
            joined("K-", text(rng.integers(10_000, 99_999, count))), rng.random(count) < 0.6
        ),
        "x_vip": weighted(rng, {0: 0.95, 1: 0.05}, count),
        "x_loyalty_group": weighted(rng, LOYALTY_GROUPS, count),
    }


def _history_columns(rng: np.random.Generator, draw: DirtDraw, registered: Moments) -> Table:
    every = np.arange(len(registered))
    created, modified = timestamps(registered), between(rng, registered, ANCHOR)
    early = draw.one(rng, every, Dirt.PATIENT_MODIFIED_FIRST)
    modified[early] = days_later(registered[early], -rng.integers(1, 400, len(early)))
    filler = draw.one(rng, every, Dirt.PATIENT_CREATED_YEAR_ONE)
    created[filler] = filled("0001-01-01 00:00:00", len(filler))
    return {"created_at": created, "modified_at": timestamps(modified)}
