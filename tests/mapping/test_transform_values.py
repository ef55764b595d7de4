"""What each transform makes of what practices really type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from migrator_kit.errors import MappingError
from migrator_kit.mapping.transforms import REGISTRY, apply

Expected = list[tuple[Any, Any, str | None]]


def values_of(series: pd.Series) -> list[Any]:
    return [
        None if value is None or value is pd.NA or value != value else value for value in series
    ]


def check(name: str, expected: Expected, **options: Any) -> None:
    given = pd.Series([raw for raw, _, _ in expected], dtype=object)
    result = apply(name, given, **options)
    got = list(zip(values_of(result.values), values_of(result.rejects), strict=True))
    assert got == [(value, reason) for _, value, reason in expected]


def frame_of(name: str, frame: pd.DataFrame, **options: Any) -> tuple[list[Any], list[Any]]:
    result = apply(name, frame, **options)
    return values_of(result.values), values_of(result.rejects)


def test_text_is_one_clean_line() -> None:
    check("text", [
        ("  Anna\tMaria \n Berg ", "Anna Maria Berg", None),
        ("MÃ¼ller", "Müller", "broken_encoding"),
        ("“Curly” 10 % ½ – ok", "“Curly” 10 % ½ – ok", None),
        ("a\x07b\u200bc\ufeff", "abc", None),
        ("Ελένη Παπαδοπούλου", "Ελένη Παπαδοπούλου", None),
        ("cafe\u0301", "café", None),
        (" \u00a0 ", None, None),
        (None, None, None),
        (12, "12", None),
        (12.0, "12", None),
    ])  # fmt: skip


def test_notes_lose_their_markup_and_keep_their_notation() -> None:
    rtf = r"{\rtf1\ansi\ansicpg1253{\fonttbl{\f0 Arial;}}\f0\fs20 46 MOD \'e4\'ef\'f5\par 2x #3}"
    check("clean", [
        (rtf, "46 MOD δου\n2x #3", None),
        ("<p>Crown <b>46</b></p><p>A &amp; B</p>", "Crown 46\nA & B", None),
        ("<table><tr><td>16</td><td>F</td></tr></table>", "16\tF", None),
        ("BP <120, PA > 80 && ok", "BP <120, PA > 80 && ok", None),
        ("one\r\ntwo\rthree \t\nfour", "one\ntwo\nthree\nfour", None),
        (r"{\rtf1\ansi never closed", "never closed", "broken_markup"),
        ("<script>x()</script>", None, None),
    ])  # fmt: skip


def test_case_leaves_mixed_names_alone() -> None:
    check("case", [
        ("MCDONALD", "McDonald", None), ("anna-maria o'neil", "Anna-Maria O'Neil", None),
        ("ΠΑΠΑΔΟΠΟΥΛΟΣ", "Παπαδοπουλος", None), ("van der Berg", "van der Berg", None),
        ("JOHN SMITH III", "John Smith III", None), ("DeVito", "DeVito", None),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("US", [
            ("(212) 736-5000", "+12127365000", None),
            ("1-212-736-5000", "+12127365000", None),
            ("212.736.5000x4987", "+12127365000 x4987", None),
            ("001-205-886-5185", "+12058865185", None),
            ("+44 20 8765 4321", "+442087654321", None),
            ("212-736-5000 or 212-736-5001", "+12127365000", "several_values"),
            ("212-736-5000 (mother)", "+12127365000", "extra_text"),
            ("000-000-0000", None, "bad_phone"),
            ("12345", None, "bad_phone"),
            ("n/a", None, "not_given"),
            ("", None, None),
        ]),
        ("GR", [
            ("6912345678", "+306912345678", None),
            ("210 1234567/6912345678", "+302101234567", "several_values"),
            ("00 30 691 234 5678", "+306912345678", None),
        ]),
        ("DE", [("030 123456", "+4930123456", None), ("0049 30 123456", "+4930123456", None)]),
        ("IT", [("02-36618 300", "+390236618300", None)]),
    ],
)  # fmt: skip
def test_phones_are_e164_of_the_region(region: str, expected: Expected) -> None:
    check("phone", expected, region=region)


def test_phones_fit_the_field_and_the_pattern_of_zoho() -> None:
    result = apply("phone", pd.Series(["+44 20 8765 4321 ext 12345678901234567"]), region="US")
    assert result.values.str.len().max() <= 30
    check("phone", [("996-373-7196", None, "bad_phone")], region="US")
    check("phone", [("996-373-7196", "+19963737196", None)], region="US", accept="possible")


def test_emails() -> None:
    check("email", [
        (" Ana@EXAMPLE.Org ", "Ana@example.org", None),
        ("Ana <ana@example.org>", "ana@example.org", "extra_text"),
        ("a@example.org; b@example.org", "a@example.org", "several_values"),
        ("mailto:a@example.org", "a@example.org", None),
        ("ana.example.org", None, "bad_email"),
        ("a@example.test", None, "bad_email"),
        ("x" * 60 + "@" + "y" * 40 + ".example.org", None, "too_long"),
        ("none", None, "not_given"),
    ])  # fmt: skip
    check("email", [("a@example.test", "a@example.test", None)], test_domains=True)


def test_dates() -> None:
    check("date", [
        ("2020-02-29", date(2020, 2, 29), None),
        ("2021-02-29", None, "bad_date"),
        ("31/02/1975", None, "bad_date"),
        ("25/09/2003", date(2003, 9, 25), None),
        ("10/09/03", date(2003, 10, 9), None),
        ("20200131", date(2020, 1, 31), None),
        ("2020-01-31 23:59:59", date(2020, 1, 31), None),
        ("4 Jul 1976", date(1976, 7, 4), None),
        ("5. März 2001", date(2001, 3, 5), None),
        ("3 Ιουλίου 1999", date(1999, 7, 3), None),
        ("01/02/31", date(1931, 1, 2), None),
        ("0001-01-01", None, "sentinel_date"),
        ("1899-12-30", None, "sentinel_date"),
        ("01/01/1900", None, "sentinel_date"),
        ("0000-00-00", None, "sentinel_date"),
        ("9999-12-31", None, "bad_date"),
        ("unknown", None, "not_given"),
        ("soon", None, "bad_date"),
        (date(2020, 1, 2), date(2020, 1, 2), None),
    ])  # fmt: skip
    check("date", [("10/09/03", date(2003, 9, 10), None)], day_first=True)


def test_times_are_utc_and_clock_changes_are_flagged() -> None:
    def utc(*parts: int) -> datetime:
        return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]

    check("datetime", [
        ("2020-06-01 10:00", utc(2020, 6, 1, 14, 0), None),
        ("2020-01-01T10:00:00Z", utc(2020, 1, 1, 10, 0), None),
        ("2020-01-01 10:00:00+02:00", utc(2020, 1, 1, 8, 0), None),
        ("2020-01-01 10:00:00.999999", utc(2020, 1, 1, 15, 0), None),
        ("01/05/2020 2:30 pm", utc(2020, 1, 5, 19, 30), None),
        ("2023-03-12 02:30", utc(2023, 3, 12, 7, 0), "dst_gap"),
        ("2022-11-06 01:30:05", utc(2022, 11, 6, 5, 30, 5), "dst_overlap"),
        ("2022-11-06 01:30:05-05:00", utc(2022, 11, 6, 6, 30, 5), None),
        ("2020-01-01 25:00", None, "bad_date"),
        ("0001-01-01 00:00:00", None, "sentinel_date"),
    ], zone="America/New_York")  # fmt: skip


def test_an_amount_is_the_number_nearest_to_what_was_written() -> None:
    written = pd.Series([f"{cents // 100}.{cents % 100:02d}" for cents in range(0, 2_000_000, 37)])
    done, reasons = apply("decimal", written)
    assert done.tolist() == [float(text) for text in written]
    assert reasons.isna().all()
    noisy, _ = apply("decimal", pd.Series(["1580.3799999999999", "541.3199999999999"]))
    assert noisy.tolist() == [1580.38, 541.32]


def test_amounts_and_numbers() -> None:
    check("decimal", [
        ("1,234.56", 1234.56, None), ("-5", -5.0, None), ("(12.50)", -12.5, None),
        ("€ 3.999", 4.0, None), ("2.675", 2.68, None), ("1019.84770646063", 1019.85, None),
        ("12.5-", -12.5, None), (".5", 0.5, None), ("five", None, "bad_number"),
        ("12345678901234567", None, "bad_number"), ("n/a", None, "not_given"),
        ("-1", None, "not_given"),
    ], placeholders=["-1"])  # fmt: skip
    check("decimal", [
        ("1.234,56", 1234.56, None), ("12,5", 12.5, None), ("1.234", 1234.0, None),
    ], decimal=",")  # fmt: skip
    check("integer", [
        ("007", 7, None), ("5.0", 5, None), ("5.5", None, "bad_number"), ("1,000", 1000, None),
        ("1234567890", None, "bad_number"),
    ])  # fmt: skip
    check("ordinal", [("2", 2, None), (None, 99, None), ("first", 99, None)])


def test_yes_and_no() -> None:
    check("boolean", [
        ("1", True, None), ("No", False, None), (True, True, None), ("ναι", True, None),
        ("maybe", None, "bad_boolean"), (None, None, None),
    ])  # fmt: skip
    check("boolean", [("1", False, None), (None, True, None)], invert=True, missing=False)


def test_picklists_take_the_value_map_and_say_what_is_unknown() -> None:
    given = {"active": "Active", "gone": ""}
    check("picklist", [
        ("active", "Active", None), (" ACTIVE ", "Active", None), ("zz", None, "unknown_value"),
        ("gone", None, "unknown_value"), (None, None, None),
    ], values=given)  # fmt: skip
    check("picklist", [("zz", "To do", "unknown_value")], values=given, otherwise="To do")
    check("picklist", [("zz", "zz", None)], values=given, otherwise="keep")
    check("multiselect", [("a; b,a", ["a", "b"], None), ("", None, None)])


def test_teeth_stay_readable() -> None:
    check("teeth", [
        ("11,12", "11, 12", None), ("00", None, None), ("46 ; 00", "46", None),
        ("11-14", "11-14", None), ("UR6", "UR6", "bad_tooth"), ("85", "85", None),
    ])  # fmt: skip
    check("teeth", [("1", "18", None), ("32, A", "48, 55", None)], notation="universal", to="fdi")
    check("teeth", [("18", "1", None)], to="universal")


def test_windows_paths() -> None:
    check("posix_path", [
        (r"IMG\2021\000123_1.jpg", "IMG/2021/000123_1.jpg", None),
        (r"C:\Docs\x y.pdf", "Docs/x y.pdf", None),
        (r"\\server\share\a.dcm", "server/share/a.dcm", None),
        (r"..\..\etc\passwd", None, "bad_path"),
        ("a/../b", None, "bad_path"),
    ])  # fmt: skip
    check("posix_path", [(r"D:\Archive\a.jpg", "a.jpg", None)], root=r"D:\Archive")
    check("file_name", [(r"IMG\2021\Ωμέγα 1.jpg", "Ωμέγα 1.jpg", None)])


def test_names_in_one_column() -> None:
    check("name_part", [
        ("Dr. Juan de la Vega", "de la Vega", None),
        ("Acme Holdings LLC", "Acme Holdings LLC", None),
        ("Maria", "Maria", None), ("Παπαδόπουλος, Γιώργος", "Παπαδόπουλος", None),
    ], part="last")  # fmt: skip
    check("name_part", [
        ("Dr. Juan de la Vega", "Juan", None), ("Estate of Jane Roe", None, None),
        ("Maria", None, None), ("Παπαδόπουλος, Γιώργος", "Γιώργος", None),
    ], part="first")  # fmt: skip


@pytest.mark.timeout(10)
def test_a_text_that_is_no_name_does_not_hold_up_the_others() -> None:
    check("name_part", [("(" * 100_000, "(" * 100_000, None), ("Dr. A Bee", "Bee", None)],
          part="last")  # fmt: skip


def test_names_whose_last_name_stands_first() -> None:
    names = [
        "Παπαδόπουλος Γιώργος",
        "de la Vega Juan",
        "Dr. van der Berg Anna",
        "Kern, Ben",
        "Acme",
    ]
    parts = {
        part: values_of(apply("name_part", pd.Series(names), part=part, order="last_first").values)
        for part in ("title", "first", "last")
    }
    assert parts["last"] == ["Παπαδόπουλος", "de la Vega", "van der Berg", "Kern", "Acme"]
    assert parts["first"] == ["Γιώργος", "Juan", "Anna", "Ben", None]
    assert parts["title"] == [None, None, "Dr.", None, None]


def test_greek_names_in_latin_letters() -> None:
    check("latin", [
        ("Παπαδόπουλος", "Papadopoulos", None), ("ΧΡΙΣΤΟΔΟΥΛΟΥ", "CHRISTODOULOU", None),
        ("Ευαγγελία Μπάμπη", "Evangelia Bampi", None), ("Αύγουστος", "Avgoustos", None),
        ("Νάουσα", "Naousa", None), ("Ταΰγετος", "Taygetos", None), ("Άυλος", "Aylos", None),
        ("Θ. O'Neil", "Th. O'Neil", None),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("region", "address", "parts"),
    [
        ("GR", "Ermou 12, 105 63 Athens, Greece",
         ("Ermou 12", "Athens", None, "105 63", "Greece")),
        ("GR", "Ερμού 12 10563 Αθήνα", ("Ερμού 12", "Αθήνα", None, "10563", None)),
        ("US", "12 Elm St, Apt 4\nSpringfield, IL 62704",
         ("12 Elm St, Apt 4", "Springfield", "IL", "62704", None)),
        ("US", "12 Elm St Springfield IL 62704",
         ("12 Elm St Springfield", None, "IL", "62704", None)),
        ("GB", "10 Downing St, London SW1A 2AA",
         ("10 Downing St", "London", None, "SW1A 2AA", None)),
        ("DE", "Hauptstr. 5\r\n10115 Berlin\r\nDeutschland",
         ("Hauptstr. 5", "Berlin", None, "10115", "Deutschland")),
        ("GR", "Ermou 12, Athens", ("Ermou 12", "Athens", None, None, None)),
        ("GR", "at his mother's", ("at his mother's", None, None, None, None)),
    ],
)  # fmt: skip
def test_addresses_in_one_column(region: str, address: str, parts: tuple[str | None, ...]) -> None:
    names = ("street", "city", "state", "postcode", "country")
    got = [apply("address_part", pd.Series([address]), part=n, region=region)[0] for n in names]
    assert tuple(values_of(pd.concat(got))) == parts


def test_websites_keys_and_lengths() -> None:
    check("website", [("https://example.org/a", "https://example.org/a", None),
                      ("see Anna", None, "bad_website")])  # fmt: skip
    check("lookup", [(" 17 ", "17", None), ("0", None, None), (0, None, None)], none=["0"])
    check("truncate", [("abcd ef", "abcd", "too_long"), ("abcd", "abcd", None)], length=5)


def test_columns_are_joined_without_gaps() -> None:
    streets = pd.DataFrame({"a": ["1 Elm St", "2 Oak St", None], "b": ["Apt 4", None, " "]})
    assert frame_of("join", streets)[0] == ["1 Elm St, Apt 4", "2 Oak St", None]
    names = pd.DataFrame({"title": ["Crown 46", None, "x" * 30], "id": ["T1", "T2", "T3"]})
    values, reasons = frame_of("template", names, template="{title} ({id})", limits={"title": 10})
    assert values == ["Crown 46 (T1)", "(T2)", "xxxxxxxxxx (T3)"]
    assert reasons == [None, None, "too_long"]
    assert frame_of("first", streets[["b", "a"]], default="-")[0] == ["Apt 4", "2 Oak St", "-"]


def test_what_is_cut_stays_whole_elsewhere() -> None:
    frame = pd.DataFrame({"remarks": ["call back", None], "title": ["long title", "short"]})
    values, _ = frame_of("overflow", frame, lengths=[None, 5], labels=["", "Title"])
    assert values == ["call back\nTitle: long title", None]


def test_what_was_refused_is_kept_as_recorded() -> None:
    frame = pd.DataFrame({
        "home": ["12", "212-736-5000", "n/a"],
        "email": ["me", "a@example.org", None],
        "born": ["31/02/1975", "1975-02-01", "1900-01-01"],
    })  # fmt: skip
    values, _ = frame_of(
        "as_recorded", frame, kinds=["phone", "email", "date"],
        labels=["Home", "E-mail", "Born"], region="US",
    )  # fmt: skip
    assert values == ["Home: 12; E-mail: me; Born: 31/02/1975", None, None]


def test_the_first_line_of_a_note_names_id_time_and_author() -> None:
    frame = pd.DataFrame({
        "id": ["N1", "N2", "N3"],
        "at": ["2021-05-04 10:30", None, "2021-01-01"],
        "by": ["Dr | Name]", None, "X"],
        "body": [r"{\rtf1 ok}", "line 1\r\nline 2", " "],
    })  # fmt: skip
    values, _ = frame_of("note", frame, zone="Europe/Athens")
    assert values == [
        "[source N1 | 2021-05-04 10:30 +03:00 | Dr Name]\nok",
        "[source N2]\nline 1\nline 2",
        None,
    ]
    long = pd.DataFrame({"id": ["N"], "at": [None], "by": [None], "body": ["x" * 200]})
    values, reasons = frame_of("note", long, length=50)
    assert (len(values[0]), reasons) == (50, ["too_long"])


def test_the_end_of_a_call_is_after_its_start() -> None:
    frame = pd.DataFrame({"at": ["2021-05-04 10:30"] * 5, "s": ["90", "0", None, "-5", "x"]})
    values, reasons = frame_of("end_time", frame, unit="seconds", zone="UTC")
    assert [value.strftime("%H:%M:%S") for value in values] == [
        "10:31:30", "10:31:00", "10:35:00", "10:35:00", "10:35:00",
    ]  # fmt: skip
    assert reasons == [None, None, "assumed_duration", "bad_duration", "bad_duration"]
    values, reasons = frame_of("end_time", frame[["at"]], zone="UTC")
    assert {value.strftime("%H:%M") for value in values} == {"10:35"}
    assert set(reasons) == {None}


def test_unknown_names_and_options_are_named() -> None:
    with pytest.raises(MappingError, match=r"no transform 'phon'.*\n.*Did you mean 'phone'"):
        apply("phon", pd.Series(["1"]))
    with pytest.raises(MappingError, match=r"Wrong options for 'phone'.*\n.*regoin"):
        apply("phone", pd.Series(["1"]), regoin="GR")


def test_every_transform_says_what_it_does() -> None:
    assert all(len(transform.summary) > 20 for transform in REGISTRY.values())
    assert len(REGISTRY) >= 28
