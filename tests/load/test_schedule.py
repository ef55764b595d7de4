"""A plan that does not fit is spread over the rolling 24 hours, and not a credit more is spent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.load.ledger import Ledger
from migrator_kit.load.plan import plan_job
from migrator_kit.load.schedule import DAY, Allowance, schedule
from migrator_kit.load.target import Target

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
costs = st.lists(
    st.tuples(st.sampled_from(["Contacts", "Deals", "Notes"]), st.integers(0, 90_000),
              st.integers(0, 40_000)), max_size=6,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(costs, st.integers(5_000, 20_000), st.integers(0, 20_000), st.integers(0, 24))
def test_every_record_has_its_window_and_no_24_hours_cost_more_than_the_budget(
    planned: list[tuple[str, int, int]], budget: int, used: int, hours: int
) -> None:
    left = max(budget - used, 0)
    allowance = Allowance(budget, left, NOW, NOW + timedelta(hours=hours))
    made = schedule(planned, allowance)
    paying = [(module, records, price) for module, records, price in planned if price]
    wanted: Counter[str] = Counter()
    for module, records, _ in paying:
        wanted[module] += records
    assert made.groupby("module")["records"].sum().to_dict() == dict(
        sorted((module, wanted[module]) for module, _, _ in paying)
    )
    assert made["credits"].sum() == sum(price for _, _, price in paying)
    assert made["begins_at"].is_monotonic_increasing
    for begins in made["begins_at"].unique():
        day = made[(made["begins_at"] > begins - DAY) & (made["begins_at"] <= begins)]
        earlier = budget - left if begins < allowance.free_again else 0
        assert day["credits"].sum() + earlier <= budget


def test_a_plan_that_does_not_fit_says_when_what_goes(
    emulator: Any, target: Target, ledger: Ledger, job_of: Any, open_org: Any
) -> None:
    whole = plan_job(job_of(target, ledger, planning=True, provision=False))
    assert whole.fits
    assert whole.windows.empty
    poor = open_org(emulator.url, credit_budget=40)
    plan = plan_job(job_of(poor, ledger, planning=True, provision=False))
    assert not plan.fits
    assert plan.windows["credits"].sum() == plan.credits
    assert plan.windows["records"].sum() == plan.writes
    assert plan.windows.groupby("window")["credits"].sum().max() <= 40
    first, last = plan.windows["begins_at"].iloc[[0, -1]]
    assert last - first >= timedelta(hours=20)
    assert plan.to_json()["schedule"][0]["module"] == "Accounts"
    poor.close()
