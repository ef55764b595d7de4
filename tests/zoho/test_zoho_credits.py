from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.errors import BudgetExhausted
from migrator_kit.zoho import limits
from migrator_kit.zoho.credits import CreditMeter
from migrator_kit.zoho.limits import EDITIONS, Edition, limits_for
from migrator_kit.zoho.pacer import Gate

CONTACTS = "/crm/v8/Contacts"
START = datetime(2026, 10, 1, 8, 0, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def meter(budget: int, clock: Clock, path=None) -> CreditMeter:
    made = CreditMeter(path=path, clock=clock)
    made.set_budget(budget)
    return made


def test_stops_before_the_budget_and_says_when_to_resume():
    clock = Clock()
    credits = meter(100, clock)
    credits.spend(60)
    clock.now += 3600
    credits.spend(40)
    with pytest.raises(BudgetExhausted) as caught:
        credits.spend(10)
    assert credits.used == 100
    resume = datetime.fromisoformat(caught.value.resume_at)
    first = datetime.fromtimestamp(START, UTC)
    assert first + timedelta(hours=24) <= resume <= first + timedelta(hours=24, minutes=1)
    clock.now = resume.timestamp()
    credits.spend(60)


def test_resumes_only_when_enough_is_free():
    clock = Clock()
    credits = meter(100, clock)
    credits.spend(10)
    clock.now += 7200
    credits.spend(90)
    with pytest.raises(BudgetExhausted) as caught:
        credits.spend(50)
    resume = datetime.fromisoformat(caught.value.resume_at).timestamp()
    assert resume >= START + 7200 + 86_400


def test_the_org_corrects_the_count():
    clock = Clock()
    credits = meter(1000, clock)
    credits.set_budget(1000, reserve=50)
    credits.spend(10)
    credits.observe(60)
    assert credits.remaining == 10
    credits.spend(10)
    with pytest.raises(BudgetExhausted):
        credits.spend(1)


def test_refund_gives_back():
    credits = meter(10, Clock())
    credits.spend(10)
    assert credits.calls == 1
    credits.refund(10)
    assert (credits.used, credits.remaining, credits.spent, credits.calls) == (0, 10, 0, 0)


def test_counts_outlive_the_process_and_are_shared(tmp_path):
    clock = Clock()
    path = tmp_path / "credits.db"
    first, second = meter(100, clock, path), meter(100, clock, path)
    first.spend(70)
    first.flush()
    second.flush()
    assert second.used == 70
    second.spend(30)
    second.flush()
    clock.now += 6
    with pytest.raises(BudgetExhausted):
        first.spend(10)
    third = meter(100, clock, path)
    assert third.used == 100
    clock.now += 86_400 + 120
    assert meter(100, clock, path).remaining == 100


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 20_000, allow_nan=False)), max_size=60))
def test_never_more_than_the_budget_in_any_24_hours(steps):
    clock = Clock()
    credits = meter(1000, clock)
    spent: list[tuple[float, int]] = []
    for amount, wait in steps:
        clock.now += wait
        try:
            credits.spend(amount)
        except BudgetExhausted:
            continue
        spent.append((clock.now, amount))
        # Counts are kept by the minute, so the window may end up to a minute early.
        window = [n for at, n in spent if at > clock.now - 86_400 + 60]
        assert sum(window) <= 1000


def test_budget_of_the_client_stops_before_the_call(toy, make_client, reply):
    added = {"code": "SUCCESS", "status": "success", "details": {"id": "12345"}}
    toy.on("POST", CONTACTS, reply(201, {"data": [added] * 100}))
    client = make_client(credit_budget=25)
    rows = [{"Last_Name": "x"}] * 100
    client.records.insert("Contacts", rows)
    client.records.insert("Contacts", rows)
    assert client.credits.used == 21
    with pytest.raises(BudgetExhausted):
        client.records.insert("Contacts", rows)
    assert len(toy.calls(CONTACTS)) == 2


def test_budget_follows_edition_and_users(client):
    client.org()
    assert client.credits.budget == int(60_000 * 0.95)
    assert client.limits.edition is Edition.ENTERPRISE


def test_header_of_remaining_credits_is_taken_over(toy, client, reply):
    headers = {"X-API-CREDITS-REMAINING": "3001"}
    toy.on("GET", f"{CONTACTS}/1", reply(204, headers=headers))
    client.records.get("Contacts", "1")
    assert client.credits.left_in_org == 3001
    assert client.credits.remaining == 1


def test_prices_of_calls():
    assert [limits.credits_for_write(n) for n in (0, 1, 10, 11, 100, 101, 250)] == [
        0, 1, 1, 2, 10, 11, 25,
    ]  # fmt: skip
    assert [limits.credits_for_coql(n) for n in (1, 200, 201, 1000, 1001, 2000)] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip
    assert [limits.credits_for_mass_delete(n) for n in (1, 100, 101, 500)] == [1, 1, 2, 5]
    assert [limits.calls_for(n) for n in (0, 1, 100, 101)] == [0, 1, 1, 2]


def test_daily_credits_by_edition():
    assert limits_for("free").daily_credits(3) == 5_000
    assert limits_for("standard").daily_credits(1_000) == 100_000
    assert limits_for("Professional").daily_credits(10) == 55_000
    assert limits_for("Zoho One").daily_credits(10) == 60_000
    assert limits_for("crm_plus").daily_credits(10_000) == 20_050_000
    assert limits_for("something else") is EDITIONS[Edition.FREE]


def test_calls_in_flight_by_edition():
    for edition in EDITIONS.values():
        assert edition.calls_in_flight < edition.concurrency
        assert edition.writers_in_flight <= edition.sub_concurrency
        assert edition.writers_in_flight <= edition.calls_in_flight


def test_custom_fields_by_module():
    assert limits_for("ultimate").custom_fields_of("Contacts") == 500
    assert limits_for("ultimate").custom_fields_of("Tasks") == 230


def test_gate_recovers_after_calm():
    moments = iter([0.0, 0.1, 5.0])
    gate = Gate(8, clock=lambda: next(moments))
    gate.throttled()
    gate.throttled()
    assert gate.allowed == 4
    gate.throttled()
    assert gate.allowed == 2
    for _ in range(300):
        with gate:
            assert gate.in_flight == 1
    assert gate.allowed == 8
