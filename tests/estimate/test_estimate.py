"""The estimate against numbers reckoned by hand, and what must hold for any practice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.estimate.estimate import Estimate, make_estimate
from migrator_kit.estimate.figures import Figures, Fit, ObjectFigures
from migrator_kit.estimate.pricing import price_of
from migrator_kit.estimate.tariff import Grade, Tariff
from migrator_kit.mapping.model import ObjectName
from migrator_kit.zoho.limits import Limits, limits_for
from tests.estimate.conftest import figures

ENTERPRISE = limits_for("enterprise")


@pytest.fixture
def estimate(tariff: Tariff) -> Estimate:
    return make_estimate(figures(), tariff, ENTERPRISE, rests_on=("Counts of a snapshot.",))


def test_api_work_is_reckoned_as_the_planner_does(estimate: Estimate) -> None:
    work = {one.module: (one.calls, one.credits) for one in estimate.work.modules}
    assert work == {
        # 3 fields in one call and 11 in three, ten credits each.
        "Custom fields": (4, 140),
        # A write of 2 records: one call, one credit. A look-up of up to 2,000: one call, three.
        "Accounts": (1 + 1, 1 + 3),
        # 1,250 records: 13 calls, 12 full ones of ten credits and one of 50 for five.
        "Contacts": (13 + 1, 125 + 3),
        "Deals": (9 + 1, 81 + 3),
        # 4,001 records: 41 calls; three pages of look-up.
        "Tasks": (41 + 3, 401 + 9),
        "Events": (0 + 1, 0 + 3),
        # Notes have no key to be looked up by.
        "Notes": (4, 34),
        # One upload a file, one listing for each of the 50 records that get files.
        "Attachments": (170, 170),
    }
    seconds = (4 + 2 + 14 + 10 + 44 + 1) * 1.2 + 4 * 1.0 + 170 * 1.5
    assert estimate.work.hours == pytest.approx(seconds / 4 / 3600)


def test_the_price_is_the_sum_of_its_lines(estimate: Estimate) -> None:
    # 2 + 1,250 + 900 + 805 + 4,001 + 333 + 120: the plan's id names the plan, rules stay behind.
    assert estimate.figures.records == 7_411
    lines = {line.item: line.amount for line in estimate.price.lines if line.quantity}
    assert list(lines.values()) == [1500, 10 * 150, 7 * 15, 8 * 8, 2 * 5]
    assert estimate.price.total == 3_179
    assert estimate.price.rushed == Decimal("4132.70")
    assert estimate.to_json()["price"]["total"] == 3_179.0


def test_a_clean_practice_is_plain(estimate: Estimate) -> None:
    report = estimate.to_json()
    assert (report["grade"], report["points"], report["compatibility"]) == ("A", 0, 9)
    assert report["calendar_days"] == {"from": 5, "to": 8}
    assert (report["load_days"], report["credits"]) == (1, 973)
    assert {"hours_api", "factors", "objects", "rests_on"} <= report.keys()
    assert report["rests_on"][0] == "Counts of a snapshot."
    assert any("no org was asked" in line for line in report["rests_on"])


@pytest.mark.parametrize(
    ("changes", "factor", "points"),
    [
        ({"unclear": ("t.c",) * 2}, "Mapping clarity", 0),
        ({"unclear": ("t.c",) * 3}, "Mapping clarity", 1),
        ({"unclear": ("t.c",) * 30}, "Mapping clarity", 3),
        ({"files_oversize": 2}, "API constraints", 1),
        ({"files_oversize": 2, "too_long": 9}, "API constraints", 2),
        ({"new_fields": (("Contacts", 301), ("Tasks", 231))}, "API constraints", 2),
        # A million credits or so at 51,000 a day, and too many files for a night.
        ({"rows": {ObjectName.ATTACHMENT: 1_000_000}}, "API constraints", 1),
        ({"rows": {ObjectName.APPOINTMENT: 42_589}}, "Volume", 0),
        ({"rows": {ObjectName.APPOINTMENT: 46_590}}, "Volume", 1),
        ({"rows": {ObjectName.APPOINTMENT: 996_590}}, "Volume", 3),
        ({"dirt": (("empty files", 74),)}, "Dirt", 0),
        ({"dirt": (("empty files", 75),)}, "Dirt", 1),
        ({"dirt": (("empty files", 1_112),)}, "Dirt", 3),
    ],
)
def test_each_factor_shows_what_it_counted(
    tariff: Tariff, changes: dict[str, object], factor: str, points: int
) -> None:
    made = make_estimate(figures(**changes), tariff, ENTERPRISE)
    (found,) = [one for one in made.grading.factors if one.name == factor]
    assert found.points == points, found
    assert found.found.endswith(".")


def test_objects_that_are_not_there_cost_compatibility(tariff: Tariff) -> None:
    plain = figures()
    missing = {ObjectName.CALL_LOG, ObjectName.PLAN_ID}
    fewer = replace(
        plain,
        objects=tuple(
            replace(one, fit=Fit.MISSING, landing=None, rows=0) if one.object in missing else one
            for one in plain.objects
        ),
    )
    made = make_estimate(fewer, tariff, ENTERPRISE)
    assert made.compatibility == 7
    assert made.grading.factors[0].points == 1
    assert "Call Log: not in this source" in made.grading.factors[0].found
    assert made.price.total == 3_179 - 2 * 150


def test_a_source_that_no_profile_knows_is_estimated_by_its_tables(tariff: Tariff) -> None:
    objects = tuple(ObjectFigures(name, Fit.UNMAPPED) for name in ObjectName)
    unknown = Figures(objects, columns=20, unclear=("t.c",) * 20, unread=5_000)
    made = make_estimate(unknown, tariff, ENTERPRISE)
    assert made.grading.factors[0].found == (
        "0 of 10 objects move one to one; all ten: to be mapped."
    )
    assert (made.compatibility, made.figures.records) == (0, 5_000)
    assert made.grade is Grade.C
    # Nothing is created yet; 50 calls of 100 and three look-ups.
    assert [(one.module, one.calls) for one in made.work.modules] == [
        ("Custom fields", 0), ("Not mapped yet", 53),
    ]  # fmt: skip
    assert made.price.total == 1500 + 20 * 10 + 5 * 8


def test_above_two_million_records_the_price_is_scoped_individually(tariff: Tariff) -> None:
    most = 2_000_000 - (figures().records - 4_001)
    at = make_estimate(figures(rows={ObjectName.APPOINTMENT: most}), tariff, ENTERPRISE)
    above = make_estimate(figures(rows={ObjectName.APPOINTMENT: most + 1}), tariff, ENTERPRISE)
    assert at.price.total is not None
    assert above.price.total is None
    assert above.to_json()["price"] == {
        "currency": "EUR", "total": None, "with_rush": None, "scoped_individually": True,
        "lines": [],
    }  # fmt: skip
    assert "scoped individually" in "\n".join(above.lines())
    # Time and grade are told all the same.
    assert above.work.hours >= at.work.hours > 0


def test_a_small_edition_spreads_the_load_over_more_days(tariff: Tariff) -> None:
    many = figures(rows={ObjectName.APPOINTMENT: 200_000})
    days = {name: make_estimate(many, tariff, limits_for(name)).load_days
            for name in ("free", "enterprise")}  # fmt: skip
    # 20,863 credits: five days at 5,000, one at 51,000.
    assert days == {"free": 5, "enterprise": 1}


AMOUNTS = st.integers(0, 3_000_000)
EDITIONS = st.sampled_from(["free", "standard", "professional", "enterprise", "ultimate"])


@given(AMOUNTS, AMOUNTS, st.sampled_from(list(ObjectName)), AMOUNTS)
def test_more_records_never_cost_less(
    tariff: Tariff, rows: int, more: int, name: ObjectName, dirty: int
) -> None:
    dirt = (("empty files", dirty),)
    before = figures(rows={name: rows}, dirt=dirt)
    after = figures(rows={name: rows + more}, dirt=dirt)
    cost = [price_of(one, tariff).total for one in (before, after)]
    assert cost[1] is None or (cost[0] is not None and cost[0] <= cost[1])
    work = [make_estimate(one, tariff, ENTERPRISE).work for one in (before, after)]
    assert work[0].credits <= work[1].credits
    assert work[0].hours <= work[1].hours


@given(AMOUNTS, AMOUNTS, EDITIONS.map(limits_for))
def test_more_dirt_never_makes_it_easier(
    tariff: Tariff, rows: int, more: int, limits: Limits
) -> None:
    made = [
        make_estimate(figures(dirt=(("empty files", dirty),)), tariff, limits)
        for dirty in (rows, rows + more)
    ]
    assert made[0].grade <= made[1].grade
    assert made[0].grading.points <= made[1].grading.points
    assert made[0].days <= made[1].days
    assert made[0].price.total is not None
    assert made[1].price.total is not None
    assert made[0].price.total <= made[1].price.total
