"""What each kind of transform promises of every value: nothing lost, nothing read otherwise."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from migrator_kit.mapping.transforms import apply
from migrator_kit.mapping.transforms.addresses import split_address

LAW = settings(max_examples=60, deadline=None)
words = st.text(alphabet="abcxyzÀßαβγθώЖ0123", min_size=1, max_size=9)
names = st.text("abdefghilmnorstuαγεικλνορω", min_size=2, max_size=8).map(
    lambda text: f"{text.title()}sen"  # so that none is a title or a particle by chance
)
days = st.dates(date(1902, 1, 2), date(2099, 12, 31))
cents = st.integers(-(10**11), 10**11)


def one(name: str, value: str | None, **options: object) -> tuple[object, str | None]:
    values, reasons = apply(name, pd.Series([value], dtype="str"), **options)
    given_value, reason = values.array[0], reasons.array[0]
    return (None if pd.isna(given_value) else given_value, None if pd.isna(reason) else str(reason))


def several(name: str, row: dict[str, str | None], **options: object) -> tuple[object, object]:
    frame = pd.DataFrame({column: [value] for column, value in row.items()})
    values, reasons = apply(name, frame, **options)
    return values.array[0], reasons.array[0]


@LAW
@given(day=days, sign=st.sampled_from("/-. "))
def test_a_date_is_the_same_in_every_notation(day: date, sign: str) -> None:
    parts = (f"{day.day:02d}", f"{day.month:02d}", f"{day.year}")
    assert one("date", sign.join(parts), day_first=True) == (day, None)
    assert one("date", sign.join((parts[1], parts[0], parts[2])), day_first=False) == (day, None)
    assert one("date", day.isoformat(), day_first=True) == (day, None)
    assert one("date", f"{day:%d %b %Y}") == (day, None)


@LAW
@given(day=days)
def test_two_digits_of_a_year_are_of_the_last_hundred_years_or_nearly(day: date) -> None:
    read, _ = one("date", f"{day:%d.%m.%y}", day_first=True, sentinels=[])
    assert isinstance(read, date)
    assert (read.day, read.month, read.year % 100) == (day.day, day.month, day.year % 100)
    assert 1900 <= read.year < 2100


@LAW
@given(
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)),
    zone=st.sampled_from(["Europe/Athens", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_a_local_time_is_the_instant_that_clocks_showed(moment: datetime, zone: str) -> None:
    moment = moment.replace(microsecond=0)
    read, reason = one("datetime", moment.isoformat(sep=" "), zone=zone)
    assert isinstance(read, datetime)
    shown = read.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if reason == "dst_gap":
        assert timedelta(0) < shown - moment <= timedelta(hours=1)
    else:
        assert shown == moment
        later = moment.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)
        assert (reason == "dst_overlap") == (later != read)


@LAW
@given(amount=cents)
def test_an_amount_is_the_same_with_point_and_comma(amount: int) -> None:
    english = f"{amount / 100:,.2f}"
    greek = english.translate(str.maketrans(",.", ".,"))
    assert one("decimal", f"$ {english}") == (amount / 100, None)
    assert one("decimal", f"{greek} €", decimal=",") == (amount / 100, None)


@LAW
@given(teeth=st.lists(st.integers(1, 32).map(str) | st.sampled_from("ABCDEFGHIJKLMNOPQRST"),
                      min_size=1, max_size=6))  # fmt: skip
def test_teeth_come_back_from_the_other_notation(teeth: list[str]) -> None:
    fdi, reason = one("teeth", ",".join(teeth), notation="universal", to="fdi")
    assert reason is None
    assert one("teeth", str(fdi), notation="fdi", to="universal") == (", ".join(teeth), None)


@LAW
@given(text=st.lists(words, min_size=1, max_size=30).map(" ".join), length=st.integers(1, 60))
def test_what_is_cut_stands_whole_in_the_overflow(text: str, length: int) -> None:
    cut, reason = one("truncate", text, length=length)
    assert len(str(cut)) <= length
    assert text.startswith(str(cut))
    whole, _ = several("overflow", {"a": text}, lengths=[length])
    assert (reason == "too_long") == (whole == text)
    assert reason == "too_long" or (cut == text and pd.isna(whole))


@LAW
@given(first=names, last=names)
def test_names_are_the_same_in_both_orders(first: str, last: str) -> None:
    for written, order in (
        (f"{first} {last}", "first_last"),
        (f"{last}, {first}", "first_last"),
        (f"{last}, {first}", "last_first"),
        (f"{last} {first}", "last_first"),
    ):
        parts = [one("name_part", written, part=p, order=order)[0] for p in ("first", "last")]
        assert parts == [first, last]


@LAW
@given(
    name=st.text(alphabet="ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαάβγδεέηίκλμνοόπρσςτυύϋφχψωώ -'A", max_size=20)
)
def test_no_greek_letter_is_left_in_latin(name: str) -> None:
    done, _ = one("latin", name)
    assert not re.search(r"[\u0370-\u03ff]", str(done or ""))
    assert len(str(done or "").split()) == len(name.split())


@LAW
@given(
    pieces=st.lists(st.lists(words, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4),
    sign=st.sampled_from([", ", "\n", "; "]),
    region=st.sampled_from(["GR", "US", "GB", "DE", "CA", ""]),
    code=st.sampled_from(["10563", "105 63", "IL 62704", "SW1A 2AA", "K1A 0B1", ""]),
)
def test_every_word_of_an_address_stands_in_exactly_one_part(
    pieces: list[str], sign: str, region: str, code: str
) -> None:
    address = sign.join([*pieces, f"{code} Athens"])
    parts = split_address(address, region)
    assert Counter(" ".join(parts.values()).replace(",", " ").split()) == Counter(
        address.replace(",", " ").replace(";", " ").split()
    )


@LAW
@given(
    columns=st.lists(st.none() | words, min_size=2, max_size=5), sign=st.sampled_from([", ", "\n"])
)
def test_joined_columns_hold_every_value_in_its_order(columns: list[str | None], sign: str) -> None:
    row = {f"c{n}": value for n, value in enumerate(columns)}
    joined, _ = several("join", row, separator=sign)
    told = [value for value in columns if value]
    assert joined == sign.join(told) if told else pd.isna(joined)
    found, _ = several("first", row)
    assert found == told[0] if told else pd.isna(found)


@LAW
@given(a=words, b=words)
def test_a_template_holds_what_its_columns_hold(a: str, b: str) -> None:
    done, _ = several("template", {"a": a, "b": b}, template="{a} ({b})")
    assert done == f"{a} ({b})"


@LAW
@given(values=st.dictionaries(words, words, min_size=1, max_size=5), other=words)
def test_a_value_map_gives_what_it_says_and_refuses_the_rest(
    values: dict[str, str], other: str
) -> None:
    folded = {key.casefold() for key in values}
    assume(len(folded) == len(values))
    for key, becomes in values.items():
        assert one("picklist", f" {key.upper()} ", values=values)[0] == becomes or (
            key.upper().casefold() not in folded
        )
    if other.casefold() not in folded:
        assert one("picklist", other, values=values) == (None, "unknown_value")


@LAW
@given(digits=st.text("0123456789", min_size=8, max_size=8))
def test_one_check_digit_of_ten_is_right(digits: str) -> None:
    assume(digits != "0" * 8)
    right = [n for n in range(10) if one("greek_id", f"{digits}{n}", kind="afm")[1] is None]
    assert len(right) == 1


@LAW
@given(day=st.dates(date(1900, 1, 1), date(1999, 12, 31)), serial=st.integers(0, 9999))
def test_a_number_of_social_security_has_one_check_digit(day: date, serial: int) -> None:
    stem = f"{day:%d%m%y}{serial:04d}"
    right = [n for n in range(10) if one("greek_id", f"{stem}{n}", kind="amka")[1] is None]
    assert len(right) == 1
    assert one("greek_id", f"99{stem[2:]}{right[0]}", kind="amka") == (None, "bad_id")


@pytest.mark.parametrize("answer", [True, False])
@LAW
@given(data=st.data())
def test_yes_and_no_turn_round(answer: bool, data: st.DataObject) -> None:
    told = data.draw(st.sampled_from(["1", "Yes", "ναι", "ja"] if answer else ["0", "NO", "όχι"]))
    assert several("boolean", {"a": told})[0] is answer
    assert several("boolean", {"a": told}, invert=True)[0] is not answer


@LAW
@given(local=st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z0-9]{1,5})?", fullmatch=True),
       domain=st.from_regex(r"[a-z]{1,9}", fullmatch=True))  # fmt: skip
def test_an_address_is_found_among_other_words(local: str, domain: str) -> None:
    address = f"{local}@{domain}.example.org"
    assert one("email", f" {address.replace('example', 'EXAMPLE')} ") == (address, None)
    assert one("email", f"her mail: {address}") == (address, "extra_text")
