"""Transforms against values that others published with the right answer; shares are printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from migrator_kit.mapping.transforms import apply

GOLD = Path(__file__).parents[2].parent / "shared/data/25_normalisation_gold"
pytestmark = pytest.mark.skipif(
    not GOLD.is_dir(), reason="the published normalisation values are not on this machine"
)


def gold(name: str) -> pd.DataFrame:
    return pd.read_csv(GOLD / name, dtype=str, keep_default_na=False)


def share(kind: str, right: list[bool], failed: list[Any], least: float) -> None:
    found = sum(right) / len(right)
    print(f"\n{kind}: {sum(right)} of {len(right)} right ({found:.1%}); not: {failed}")
    assert found >= least


def test_phones() -> None:
    table = gold("phones_libphonenumber.csv")
    right, failed = [], []
    for region, group in table.groupby("default_region"):
        done, reasons = apply("phone", group["raw"], region=None if region == "ZZ" else region)
        for row, value, reason in zip(group.itertuples(), done, reasons, strict=True):
            whole = f"{row.e164} x{row.extension}" if row.extension else row.e164
            fits = whole if len(whole) <= 30 else row.e164
            good = value == fits if row.valid == "True" else isinstance(reason, str)
            right.append(good)
            failed += [] if good else [(row.raw, region)]
    share("phones", right, failed, 1.0)


def test_emails() -> None:
    table = gold("emails_email_validator.csv")
    done, reasons = apply("email", table["raw"], length=254, test_domains=True)
    right, failed = [], []
    for row, value, reason in zip(table.itertuples(), done, reasons, strict=True):
        good = value == row.normalized if row.valid == "True" else isinstance(reason, str)
        right.append(good)
        failed += [] if good else [row.raw]
    share("emails", right, failed, 0.96)
    assert all(raw != raw.strip() for raw in failed), (
        "only what was trimmed is taken though refused"
    )


def test_dates() -> None:
    table = gold("dates_dateutil.csv")
    raw, expected = table.iloc[:, 0], table.iloc[:, 1]
    # There, a text without a date gets the day on which the test was written.
    partial = expected.str.match("2003-(?:09-25|10-01|10-25)") & ~raw.str.contains("25")
    done, reasons = apply("datetime", raw)
    right, failed = [], []
    for position in raw.index[~partial]:
        parts = [int(part) for part in expected[position].split("-")][:6]
        wanted = pd.Timestamp(*(parts + [0] * (6 - len(parts))), tz="UTC")
        good = not pd.isna(done[position]) and done[position] == wanted
        right.append(good)
        failed += [] if good else [raw[position]]
    share("dates", right, failed, 0.8)
    refused = reasons[raw.isin(failed) | partial]
    assert refused.notna().all(), "what is not read right is refused, never read wrong"


def test_names() -> None:
    table = gold("human_names.csv")
    parts = {
        part: apply("name_part", table["raw"], part=part, lone="as_parsed").values.fillna("")
        for part in ("title", "first", "middle", "last", "suffix", "nickname")
    }
    right, failed = [], []
    for position, row in table.iterrows():
        asserted = [part for part in row["asserted_fields"].split("|") if part in parts]
        if asserted:
            good = all(parts[part][position] == row[part] for part in asserted)
            right.append(good)
            failed += [] if good else [row["raw"]]
    share("names", right, failed, 0.92)


def test_greek_ids() -> None:
    table = gold("greek_ids_stdnum.csv")
    right, failed = [], []
    for kind, group in table.groupby("kind"):
        done, reasons = apply("greek_id", group["raw"], kind=str(kind).lower())
        for row, value, reason in zip(group.itertuples(), done, reasons, strict=True):
            good = value == row.normalized if row.valid == "True" else reason == "bad_id"
            right.append(good)
            failed += [] if good else [row.raw]
    share("Greek ids", right, failed, 1.0)
